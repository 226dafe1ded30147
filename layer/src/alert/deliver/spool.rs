//! What waits for one receiver, on disk, so that the death of the process loses no alert.
//!
//! A folder of segments, `00000001.jsonl` and so on, which only grow at the end of the newest:
//!
//! ```text
//! <16 hex digits of SHA-256 over the rest> {"n":7,"at":1795255200000000,"key":"…","alert":{…}}
//! <16 hex digits of SHA-256 over the rest> {"done":7}
//! ```
//!
//! - An alert is synced before anybody tries to deliver it; that it was delivered is written and not synced, so that after a crash
//!   it may be delivered once more.
//! - A line whose sum does not fit is skipped: the torn end of a crash. Each start begins a segment of its own, so that nothing is
//!   ever written behind a torn end.
//! - The oldest segment goes when nothing in it waits any more. A `done` always stands in a younger segment than its alert, or in
//!   the same, and so is never gone before it.
//! - A spool that would grow past its limit drops its oldest segment, and with it what waits there: the caller counts it.

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::message::{Item, hex, key};
use crate::alert::Alert;
use crate::storage::{File, Storage};

/// What waits for one receiver.
#[derive(Debug)]
pub(crate) struct Spool {
    storage: Arc<dyn Storage>,
    folder: PathBuf,
    limit: u64,
    waiting: BTreeMap<u64, Waiting>,
    /// Oldest first; the last is the one being written, if any is.
    segments: VecDeque<Segment>,
    file: Option<Box<dyn File>>,
    next: u64,
    next_segment: u64,
}

/// An alert that waits.
#[derive(Clone, Debug)]
pub(crate) struct Waiting {
    /// When it came. Microseconds since 1970.
    pub(crate) at: i64,
    pub(crate) item: Item,
    segment: u64,
}

#[derive(Debug)]
struct Segment {
    number: u64,
    bytes: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Line {
    Came { n: u64, at: i64, key: String, alert: Box<Alert> },
    Done { done: u64 },
}

impl Spool {
    /// Opens the folder, which is made if it is not there, and reads what waits.
    pub(crate) fn open(storage: Arc<dyn Storage>, folder: PathBuf, limit: u64) -> io::Result<Spool> {
        storage.create_dir(&folder)?;
        let (waiting, segments) = read(&*storage, &folder)?;
        let next = waiting.keys().next_back().map_or(1, |n| n + 1);
        let next_segment = segments.back().map_or(1, |segment| segment.number + 1);
        let mut spool = Spool { storage, folder, limit, waiting, segments, file: None, next, next_segment };
        spool.drop_empty();
        Ok(spool)
    }

    /// Adds an alert and has it durable. Answers what had to go for it.
    ///
    /// # Errors
    /// If it is not durable: it waits all the same, as long as this process lives.
    pub(crate) fn add(&mut self, alert: Alert, at: i64) -> (Vec<Waiting>, io::Result<()>) {
        let n = self.next;
        self.next += 1;
        let item = Item { key: key(&alert), alert };
        let line = line(&Line::Came { n, at, key: item.key.clone(), alert: Box::new(item.alert.clone()) });
        let mut dropped = self.make_room(line.len() as u64);
        let written = self.append(&line).and_then(|()| self.file.as_mut().map_or(Ok(()), |file| file.sync()));
        let segment = match (&written, self.segments.back()) {
            (Ok(()), Some(segment)) => segment.number,
            _ => NOWHERE,
        };
        if written.is_err() {
            self.file = None;
        }
        self.waiting.insert(n, Waiting { at, item, segment });
        // Memory has a limit too, where the disk takes nothing.
        while self.waiting.len() as u64 > self.limit / SMALLEST {
            dropped.extend(self.waiting.pop_first().map(|(_, waiting)| waiting));
        }
        (dropped, written)
    }

    /// Those that wait, oldest first.
    pub(crate) fn waiting(&self) -> impl Iterator<Item = (u64, &Waiting)> {
        self.waiting.iter().map(|(n, waiting)| (*n, waiting))
    }

    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Forgets one: it was delivered, or never will be.
    pub(crate) fn done(&mut self, n: u64) {
        let Some(gone) = self.waiting.remove(&n) else { return };
        if gone.segment != NOWHERE {
            // Unwritten, it is delivered once more after a restart.
            let _ = self.append(&line(&Line::Done { done: n }));
        }
        self.drop_empty();
    }

    /// On disk.
    pub(crate) fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.bytes).sum()
    }

    fn append(&mut self, line: &str) -> io::Result<()> {
        let room = (self.limit / SEGMENTS).max(SMALLEST);
        let is_full = self.segments.back().is_some_and(|segment| segment.bytes >= room);
        if self.file.is_none() || is_full {
            let number = self.next_segment;
            self.next_segment += 1;
            let file = self.storage.create(&self.folder.join(name(number)))?;
            self.storage.sync_dir(&self.folder)?;
            self.file = Some(file);
            self.segments.push_back(Segment { number, bytes: 0 });
        }
        let Some(file) = &mut self.file else { return Ok(()) };
        let appended = file.append(line.as_bytes());
        if let Some(segment) = self.segments.back_mut() {
            segment.bytes += line.len() as u64;
        }
        if appended.is_err() {
            // A part of the line may be there: the next one goes elsewhere.
            self.file = None;
        }
        appended
    }

    fn make_room(&mut self, bytes: u64) -> Vec<Waiting> {
        let mut dropped = Vec::new();
        while self.bytes() + bytes > self.limit
            && let Some(oldest) = self.segments.pop_front()
        {
            if self.segments.is_empty() {
                self.file = None;
            }
            let _ = self.storage.remove(&self.folder.join(name(oldest.number)));
            let lost: Vec<u64> =
                self.waiting.iter().filter(|(_, w)| w.segment == oldest.number).map(|(n, _)| *n).collect();
            dropped.extend(lost.iter().filter_map(|n| self.waiting.remove(n)));
        }
        dropped
    }

    /// Removes the oldest segments in which nothing waits; the one being written stays.
    fn drop_empty(&mut self) {
        let first = self.waiting.values().map(|waiting| waiting.segment).filter(|s| *s != NOWHERE).min();
        while let Some(oldest) = self.segments.front() {
            let is_live = self.file.is_some() && self.segments.len() == 1;
            if is_live && (first.is_some() || oldest.bytes < self.limit / SEGMENTS) {
                return;
            }
            if first.is_some_and(|first| first <= oldest.number) {
                return;
            }
            if is_live {
                self.file = None;
            }
            let _ = self.storage.remove(&self.folder.join(name(oldest.number)));
            self.segments.pop_front();
        }
    }
}

/// What waits in a folder, without touching it.
pub(crate) fn look(storage: &dyn Storage, folder: &Path) -> io::Result<(Vec<Waiting>, u64)> {
    if storage.stat(folder)?.is_none() {
        return Ok((Vec::new(), 0));
    }
    let (waiting, segments) = read(storage, folder)?;
    Ok((waiting.into_values().collect(), segments.iter().map(|segment| segment.bytes).sum()))
}

fn read(storage: &dyn Storage, folder: &Path) -> io::Result<(BTreeMap<u64, Waiting>, VecDeque<Segment>)> {
    let mut numbers: Vec<u64> = storage.list(folder)?.iter().filter_map(|path| number(path)).collect();
    numbers.sort_unstable();
    let mut waiting = BTreeMap::new();
    let mut segments = VecDeque::new();
    for number in numbers {
        let path = folder.join(name(number));
        let Some(stat) = storage.stat(&path)? else { continue };
        segments.push_back(Segment { number, bytes: stat.len });
        let lines = BufReader::new(storage.read(&path, 0)?.take(stat.len)).split(b'\n');
        for line in lines {
            match parse(&line?) {
                Some(Line::Came { n, at, key, alert }) => {
                    waiting.insert(n, Waiting { at, item: Item { key, alert: *alert }, segment: number });
                }
                Some(Line::Done { done }) => drop(waiting.remove(&done)),
                None => {}
            }
        }
    }
    Ok((waiting, segments))
}

fn line(line: &Line) -> String {
    // Texts and numbers can always be written.
    let text = serde_json::to_string(line).unwrap_or_default();
    format!("{} {text}\n", sum(text.as_bytes()))
}

fn parse(line: &[u8]) -> Option<Line> {
    let (before, text) = line.split_at_checked(17)?;
    let fits = before.strip_suffix(b" ")? == sum(text).as_bytes();
    if fits { serde_json::from_slice(text).ok() } else { None }
}

fn sum(text: &[u8]) -> String {
    hex(&Sha256::digest(text)[..8])
}

fn name(number: u64) -> String {
    format!("{number:08}.jsonl")
}

fn number(path: &Path) -> Option<u64> {
    path.file_name()?.to_str()?.strip_suffix(".jsonl")?.parse().ok()
}

/// So many segments make a full spool: what is dropped at once is a part of it.
const SEGMENTS: u64 = 16;
/// Shorter than any alert's line.
const SMALLEST: u64 = 256;
/// The segment of what could not be written.
const NOWHERE: u64 = u64::MAX;

#[cfg(test)]
mod tests {
    use super::super::tests::alert;
    use super::*;
    use crate::storage::Memory;

    fn open(disk: &Memory, limit: u64) -> Spool {
        Spool::open(Arc::new(disk.clone()), "/spool/a".into(), limit).unwrap()
    }

    fn counts(spool: &Spool) -> Vec<u64> {
        spool.waiting().map(|(_, waiting)| waiting.item.alert.count).collect()
    }

    #[test]
    fn what_waits_is_there_after_a_restart_and_what_was_delivered_is_not() {
        let disk = Memory::new();
        let mut spool = open(&disk, 1 << 20);
        for count in 1..=3 {
            let (dropped, written) = spool.add(alert(count), 5);
            assert!(dropped.is_empty() && written.is_ok());
        }
        spool.done(2);
        drop(spool);
        let mut again = open(&disk, 1 << 20);
        assert_eq!(counts(&again), [1, 3]);
        assert_eq!(again.waiting().next().unwrap().1.at, 5);
        again.add(alert(4), 6).1.unwrap();
        assert_eq!(counts(&open(&disk, 1 << 20)), [1, 3, 4], "numbers go on");
        for n in [1, 3, 4] {
            again.done(n);
        }
        assert!(counts(&open(&disk, 1 << 20)).is_empty());
    }

    #[test]
    fn a_line_that_a_crash_tore_is_skipped_and_the_others_are_not() {
        let disk = Memory::new();
        let mut spool = open(&disk, 1 << 20);
        (1..=3).for_each(|count| spool.add(alert(count), 0).1.unwrap());
        drop(spool);
        let path = Path::new("/spool/a/00000001.jsonl");
        let whole = disk.files()[path].clone();
        for cut in 0..whole.len() {
            disk.put("/spool/a/00000001.jsonl", &whole[..cut]);
            let lines = whole[..cut].iter().filter(|byte| **byte == b'\n').count();
            let found = counts(&open(&disk, 1 << 20));
            // The last byte of a line is its end of line: without it, the line is whole.
            assert!(found.len() == lines || whole[cut] == b'\n' && found.len() == lines + 1, "{cut}");
        }
        let mut changed = whole.clone();
        let middle = whole.iter().position(|byte| *byte == b'\n').unwrap() + 60;
        changed[middle] ^= 1;
        disk.put("/spool/a/00000001.jsonl", &changed);
        assert_eq!(counts(&open(&disk, 1 << 20)), [1, 3]);
    }

    #[test]
    fn a_full_spool_drops_its_oldest_and_says_which() {
        let disk = Memory::new();
        let mut spool = open(&disk, 8192);
        let mut dropped = Vec::new();
        for count in 0..200 {
            let (gone, written) = spool.add(alert(count), 0);
            written.unwrap();
            dropped.extend(gone.into_iter().map(|waiting| waiting.item.alert.count));
            assert!(spool.bytes() <= 8192);
        }
        let left = counts(&spool);
        assert!(left.len() > 5 && dropped.len() > 100);
        let all: Vec<u64> = dropped.into_iter().chain(left).collect();
        assert_eq!(all, (0..200).collect::<Vec<_>>(), "each is dropped once, or waits");
        assert_eq!(counts(&open(&disk, 8192)), counts(&spool));
    }

    #[test]
    fn delivered_alerts_leave_no_segments_behind() {
        let disk = Memory::new();
        let mut spool = open(&disk, 16 << 10);
        for count in 0..500 {
            spool.add(alert(count), 0).1.unwrap();
            let n = spool.waiting().next().unwrap().0;
            spool.done(n);
        }
        assert!(spool.bytes() < 4096, "{}", spool.bytes());
        assert!(disk.files().len() <= 3, "{:?}", disk.files().keys());
    }

    #[test]
    fn an_alert_waits_in_memory_if_the_disk_takes_nothing() {
        let disk = Memory::new();
        let mut spool = open(&disk, 1 << 20);
        spool.add(alert(1), 0).1.unwrap();
        disk.set_capacity(0);
        let (_, written) = spool.add(alert(2), 0);
        assert!(written.is_err());
        assert_eq!(counts(&spool), [1, 2]);
        spool.done(2);
        assert_eq!(counts(&spool), [1]);
    }
}
