//! One channel of one log, read on from where its export stands: what seals cover, shard after shard.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use super::batch::{Batch, Entry, Groups};
use super::cursor::{Position, Step};
use super::order::Order;
use crate::archive::{Identities, Reader};
use crate::catalog::{Catalog, Places, ShardId};
use crate::clock::Clock;
use crate::journal::seal::Seal;
use crate::ledger;
use crate::storage::Storage;

/// Where shards are looked for.
pub(super) struct Log {
    pub(super) storage: Arc<dyn Storage>,
    pub(super) places: Places,
    pub(super) clock: Clock,
    pub(super) identities: Identities,
    pub(super) base: PathBuf,
    pub(super) order: Order,
}

/// A reader of one channel.
pub(super) struct Tail {
    pub(super) channel: String,
    /// Up to here the receiver has everything.
    pub(super) done: Position,
    /// Records before this time are passed over: `--from` named it.
    pub(super) since: Option<i64>,
    reader: Option<Reader>,
    /// Where `held[at..]` begins in the shard: up to here lines were given out.
    next: Position,
    /// Lines that were read; up to `sealed` a seal covers them.
    held: Vec<u8>,
    at: usize,
    sealed: usize,
    /// Another shard has been begun, and this one was read to its end since.
    last_look: bool,
}

/// What reading came upon on its way.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Passed {
    /// Records in shards that were purged, or taken away, before they were exported.
    pub(super) gone: u64,
    /// The shards, and whether a certificate tells of their purge.
    pub(super) shards: Vec<(String, bool)>,
    /// Lines that are no records.
    pub(super) unreadable: u64,
    /// Shards that are not what was read before, and are sent again from their beginning.
    pub(super) again: Vec<String>,
}

/// Why a channel cannot be read now.
#[derive(Debug)]
pub(super) enum Stuck {
    Io(io::Error),
    /// A shard is in an archive that this process cannot read.
    Archived {
        shard: String,
        why: String,
    },
}

impl Tail {
    pub(super) fn new(channel: &str, done: Position) -> Tail {
        Tail {
            channel: channel.to_owned(),
            next: done.clone(),
            done,
            since: None,
            reader: None,
            held: Vec::new(),
            at: 0,
            sealed: 0,
            last_look: false,
        }
    }

    /// The next records, of one shard, up to about so many bytes. `None`: there are none yet.
    pub(super) fn take(
        &mut self,
        log: &Log,
        groups: &mut Groups,
        most: usize,
        passed: &mut Passed,
    ) -> Result<Option<Batch>, Stuck> {
        loop {
            if self.reader.is_none() && !self.open(log, passed)? {
                return Ok(None);
            }
            let mut batch = Batch::new(self.next.clone());
            loop {
                self.lines(groups, most, &mut batch, passed);
                if batch.bytes >= most || !self.more(log)? {
                    break;
                }
            }
            if batch.end.line > 0 {
                let end = batch.end;
                self.next = Position {
                    offset: end.offset,
                    records: end.records,
                    line: end.line,
                    mark: end.mark(),
                    ..self.next.clone()
                };
            }
            if let Some(last) = batch.entries.last() {
                self.next.time = Some(ledger::time(last.time));
                return Ok(Some(batch));
            }
            // All that was taken before has been acknowledged: what was passed over now is done too.
            self.done = self.next.clone();
            let Some(after) = log.order.next(&self.channel, self.next.shard.as_deref()) else {
                return Ok(None);
            };
            // Nothing is added to a shard once the one after it has begun; what was added before may have come after we looked.
            if std::mem::replace(&mut self.last_look, true) {
                self.next = self.next.start(&after.shard);
                self.reader = None;
            }
        }
    }

    /// Takes lines that a seal covers into the batch, as long as there is room.
    fn lines(&mut self, groups: &mut Groups, most: usize, batch: &mut Batch, passed: &mut Passed) {
        while self.at < self.sealed {
            let rest = &self.held[self.at..self.sealed];
            let len = memchr::memchr(b'\n', rest).map_or(rest.len(), |newline| newline + 1);
            let line = rest[..len].strip_suffix(b"\n").unwrap_or(&rest[..len]);
            let mut end = batch.end.over(line);
            if Seal::is(line) {
                batch.end = end;
            } else if batch.bytes >= most {
                return;
            } else {
                end.records += 1;
                match Entry::new(line, groups, end) {
                    Some(entry) if self.since.is_none_or(|since| entry.time >= since) => batch.push(entry),
                    Some(_) => batch.end = end,
                    None => {
                        passed.unreadable += 1;
                        batch.end = end;
                    }
                }
            }
            self.at += len;
        }
    }

    /// Reads on until a seal covers something. `false`: there is nothing more now.
    fn more(&mut self, log: &Log) -> Result<bool, Stuck> {
        let Some(reader) = &mut self.reader else { return Ok(false) };
        self.held.drain(..self.at);
        if self.held.is_empty() {
            self.held.shrink_to(KEPT);
        }
        self.sealed -= self.at;
        self.at = 0;
        loop {
            let from = self.held.len();
            match reader.block() {
                Ok(Some(block)) => self.held.extend_from_slice(block),
                // A storage need not show in an open file what was added to it since.
                Ok(None) => match regrown(reader, log)? {
                    Some(anew) => *reader = anew,
                    None => return Ok(false),
                },
                Err(error) => return Err(Stuck::Io(io::Error::other(error.to_string()))),
            }
            if let Some(end) = last_seal(&self.held, from) {
                self.sealed = end;
                return Ok(true);
            }
        }
    }

    /// Opens the shard at `next`, or the first one after it that is there. `false`: none is.
    fn open(&mut self, log: &Log, passed: &mut Passed) -> Result<bool, Stuck> {
        loop {
            let Some(shard) = self.next.shard.clone() else {
                let Some(first) = log.order.next(&self.channel, None) else { return Ok(false) };
                self.next = self.next.start(&first.shard);
                continue;
            };
            let known = log.order.get(&self.channel, &shard);
            let end = known.and_then(|known| known.end.as_ref());
            if end.is_some_and(|end| self.next.offset >= end.bytes) {
                // It is closed, and all of it is done: whether it can still be read does not matter.
                let Some(after) = log.order.next(&self.channel, Some(&shard)) else { return Ok(false) };
                self.next = self.next.start(&after.shard);
                continue;
            }
            match self.find(log, &shard)? {
                Some(reader) => {
                    self.begin(reader, &shard, passed)?;
                    return Ok(true);
                }
                None => {
                    let Some(after) = log.order.next(&self.channel, Some(&shard)) else { return Ok(false) };
                    let total = end.map(|end| end.records);
                    let missed = total.map_or(0, |total| total.saturating_sub(self.next.records));
                    if missed > 0 || known.is_some() && total.is_none() {
                        passed.gone += missed;
                        passed.shards.push((shard.clone(), known.is_some_and(|known| known.purged)));
                    }
                    self.next = self.next.start(&after.shard);
                }
            }
        }
    }

    /// The shard as it lies there, as it was written rather than archived.
    fn find(&self, log: &Log, shard: &str) -> Result<Option<Reader>, Stuck> {
        let id: ShardId = shard.parse().map_err(|_| {
            Stuck::Io(io::Error::new(io::ErrorKind::InvalidData, "the cursor names no shard"))
        })?;
        let live = log.base.join(id.channel()).join(id.file_name());
        if log.storage.stat(&live).map_err(Stuck::Io)?.is_some() {
            return match Reader::open(Arc::clone(&log.storage), &live, &log.identities) {
                Ok(reader) => Ok(Some(reader)),
                Err(error) => Err(Stuck::Io(io::Error::other(error.to_string()))),
            };
        }
        let catalog = Catalog::read(&*log.storage, &log.places, &log.clock)
            .map_err(|error| Stuck::Io(io::Error::other(error.to_string())))?;
        let mut why = None;
        for found in catalog.find(&id).filter(|found| found.base == log.base) {
            match Reader::open(Arc::clone(&log.storage), &found.path, &log.identities) {
                Ok(reader) => return Ok(Some(reader)),
                Err(error) => why = Some(error.to_string()),
            }
        }
        let stores =
            log.order.get(&self.channel, shard).map(|known| known.stores.as_slice()).unwrap_or_default();
        match (why, stores) {
            (Some(why), _) => Err(Stuck::Archived { shard: shard.to_owned(), why }),
            (None, [store, ..]) => {
                Err(Stuck::Archived { shard: shard.to_owned(), why: format!("it is in {store}") })
            }
            (None, []) => Ok(None),
        }
    }

    /// Goes to where the last export ended, if the shard is still what was read then.
    fn begin(&mut self, mut reader: Reader, shard: &str, passed: &mut Passed) -> Result<(), Stuck> {
        let wrong = |error: crate::archive::ReadError| Stuck::Io(io::Error::other(error.to_string()));
        let (offset, line) = (self.next.offset, self.next.line);
        // Nothing is known of the last line where exporting began at a shard's end.
        let mut is_same = offset == 0 || line == 0 && offset == reader.len();
        if offset > 0 && line > 0 && line <= offset {
            let from = offset - line;
            if reader.seek(from).map_err(wrong)? == from {
                let before = Step::at(from, 0);
                let step = reader.line().map_err(wrong)?.map(|line| before.over(line));
                is_same = step.is_some_and(|step| step.offset == offset && step.mark() == self.next.mark);
            }
        }
        if is_same && line == 0 {
            reader.seek(offset).map_err(wrong)?;
        } else if !is_same {
            // A start after a power cut may have cut what we had read, and lines of other records stand there now.
            passed.again.push(shard.to_owned());
            self.next = self.next.start(shard);
            reader.seek(0).map_err(wrong)?;
        }
        self.held.clear();
        (self.at, self.sealed, self.last_look) = (0, 0, false);
        self.reader = Some(reader);
        Ok(())
    }

    /// Takes again what was taken and not acknowledged, and with it what has come since.
    pub(super) fn rewind(&mut self) {
        self.next = self.done.clone();
        self.reader = None;
    }
}

/// A reader that goes on where this one ended, if the file has become longer.
fn regrown(reader: &Reader, log: &Log) -> Result<Option<Reader>, Stuck> {
    let (path, offset) = (reader.path(), reader.offset());
    let end = offset + reader.rest().len() as u64;
    // One that was archived or purged while it was read does not grow.
    if !reader.frames().is_empty()
        || log.storage.stat(path).map_err(Stuck::Io)?.is_none_or(|stat| stat.len <= end)
    {
        return Ok(None);
    }
    let wrong = |error: crate::archive::ReadError| Stuck::Io(io::Error::other(error.to_string()));
    let mut anew = Reader::open(Arc::clone(&log.storage), path, &log.identities).map_err(wrong)?;
    anew.seek(offset).map_err(wrong)?;
    // Half a line more is no line yet.
    if anew.block().map_err(wrong)?.is_none() {
        return Ok(None);
    }
    anew.seek(offset).map_err(wrong)?;
    Ok(Some(anew))
}

/// The end of the last seal in `text` whose line begins at `from` or later.
fn last_seal(text: &[u8], from: usize) -> Option<usize> {
    let mut end = text.len();
    while end > from {
        let start = memchr::memrchr(b'\n', &text[from..end - 1]).map_or(from, |newline| from + newline + 1);
        if Seal::is(&text[start..end]) {
            return Some(end);
        }
        end = start;
    }
    None
}

/// Memory kept where nothing waits.
const KEPT: usize = 64 * 1024;
