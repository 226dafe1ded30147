//! What a journal finds when it opens: the end of the last run, however that came.
//!
//! A record is acknowledged only after its bytes are durable, so whatever a crash tore was promised to nobody. Torn
//! bytes at the end of a shard are moved to `quarantine/` and cut off. Bad bytes *before* good records are no crash of
//! ours: that shard is left exactly as it is, for whoever investigates, and another is begun.

use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use chrono::NaiveDate;

use crate::storage::Storage;

use super::error::OpenError;
use super::place::{Place, io_error, make_folder};
use super::shard::{Live, Name};

/// What was found in a channel's folder.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// The shard to go on with, if there is one of today with room.
    pub(crate) live: Option<Live>,
    pub(crate) torn: Vec<Torn>,
    /// Shards with bad bytes before good records.
    pub(crate) damaged: Vec<Damaged>,
}

/// A shard that was left as it is.
#[derive(Debug)]
pub(crate) struct Damaged {
    pub(crate) shard: String,
    pub(crate) damage: Damage,
}

/// The bad bytes before a shard's last good record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Damage {
    /// Where the first bad line begins.
    pub(crate) offset: u64,
    /// Every bad line holds NUL bytes, as where a power cut kept a later page of a batch and not an earlier one. A disk
    /// that lost a synced page looks the same, so that this only tells whoever investigates where to begin.
    pub(crate) holes: bool,
}

/// A tail that was moved away.
#[derive(Debug)]
pub(crate) struct Torn {
    pub(crate) shard: String,
    pub(crate) offset: u64,
    pub(crate) bytes: u64,
}

/// Looks at a channel's newest shard in every place, and cuts torn tails. Dying anywhere in here and starting again
/// leads to the same end: the tail is copied durably before it is cut.
pub(crate) fn recover(
    storage: &dyn Storage,
    places: &[Place],
    channel: &str,
    today: NaiveDate,
    shard_bytes: u64,
) -> Result<Found, OpenError> {
    let mut found = Found::default();
    for (i, place) in places.iter().enumerate() {
        let folder = place.folder(channel);
        let names = suspects(storage, &folder, today).map_err(io_error("look through", &folder))?;
        let newest_of_today = names.iter().filter(|name| name.day == today).max().copied();
        for name in names {
            let path = folder.join(name.to_string());
            let scan = scan(storage, &path).map_err(io_error("read", &path))?;
            if let Some(damage) = scan.damage {
                found.damaged.push(Damaged { shard: name.to_string(), damage });
                continue;
            }
            let mut file = storage.open(&path).map_err(io_error("open", &path))?;
            if scan.bytes > scan.good {
                let bytes = scan.bytes - scan.good;
                quarantine(storage, &folder, &path, scan.good)?;
                file.truncate(scan.good).map_err(io_error("truncate", &path))?;
                found.torn.push(Torn { shard: name.to_string(), offset: scan.good, bytes });
            }
            // Whole records that the last run wrote and did not sync are part of the file from now on.
            file.sync().map_err(io_error("sync", &path))?;
            if i == 0 && Some(name) == newest_of_today && scan.good < shard_bytes {
                let id = file.id().map_err(io_error("look at", &path))?;
                found.live = Some(Live { file, path, id, day: today, len: scan.good, provisional: false });
            }
        }
    }
    Ok(found)
}

/// The shards to read from the start. The newest, and the newest that is not of the future: a clock once set ahead
/// must not hide the shard that the last run really wrote. Of the others, those that do not end with a record: a file
/// abandoned after an error may be torn as well.
fn suspects(storage: &dyn Storage, folder: &Path, today: NaiveDate) -> io::Result<Vec<Name>> {
    let mut names: Vec<Name> =
        storage.list(folder)?.iter().filter_map(|name| Name::parse(name.to_str()?, false)).collect();
    names.sort_unstable();
    let last = names.last().copied();
    let current = names.iter().rfind(|name| name.day <= today).copied();
    let mut suspects = Vec::new();
    for name in names.into_iter().rev().take(LOOK_BACK) {
        if Some(name) == last || Some(name) == current || !ends_well(storage, &folder.join(name.to_string()))?
        {
            suspects.push(name);
        }
    }
    Ok(suspects)
}

fn ends_well(storage: &dyn Storage, path: &Path) -> io::Result<bool> {
    let len = storage.stat(path)?.map_or(0, |stat| stat.len);
    let mut end = Vec::new();
    storage.read(path, len.saturating_sub(2))?.take(2).read_to_end(&mut end)?;
    Ok(len == 0 || end == b"}\n")
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Scan {
    /// All bytes of the file.
    bytes: u64,
    /// Those up to the end of the last whole record.
    good: u64,
    /// Bad bytes stand before good ones.
    damage: Option<Damage>,
}

fn scan(storage: &dyn Storage, path: &Path) -> io::Result<Scan> {
    scan_lines(BufReader::with_capacity(CHUNK, storage.read(path, 0)?))
}

fn scan_lines(mut from: impl BufRead) -> io::Result<Scan> {
    let mut scan = Scan::default();
    let mut line = Vec::new();
    let mut bad: Option<Damage> = None;
    // Whether a line is still under way that is too long for a record.
    let mut endless = false;
    let mut nul = false;
    loop {
        line.clear();
        let n = from.by_ref().take(LONGEST).read_until(b'\n', &mut line)? as u64;
        if n == 0 {
            return Ok(scan);
        }
        let from = scan.bytes;
        scan.bytes += n;
        let whole = line.ends_with(b"\n");
        if !endless && is_record(&line) {
            // A good record after bad bytes: those were not torn by the end of a run.
            scan.damage = bad;
            scan.good = scan.bytes;
        } else {
            nul = endless && nul || line.contains(&0);
            let bad = bad.get_or_insert(Damage { offset: from, holes: true });
            bad.holes &= nul || !whole;
        }
        endless = !whole;
    }
}

/// Cheap signs of a whole record; what stands between the braces is not judged.
fn is_record(line: &[u8]) -> bool {
    line.starts_with(b"{") && line.ends_with(b"}\n") && !line.contains(&0)
}

/// Copies the bytes from `offset` on into a file of their own, durably.
pub(crate) fn quarantine(
    storage: &dyn Storage,
    folder: &Path,
    shard: &Path,
    offset: u64,
) -> Result<(), OpenError> {
    let room = folder.join("quarantine");
    make_folder(storage, &room)?;
    let name = shard.file_name().unwrap_or_default().to_string_lossy();
    let (mut file, path) = create_free(storage, &room, &format!("{name}.{offset}"))?;
    let mut copy = || -> io::Result<()> {
        let mut from = storage.read(shard, offset)?;
        let mut chunk = vec![0; CHUNK];
        loop {
            match from.read(&mut chunk)? {
                0 => break,
                n => file.append(&chunk[..n])?,
            }
        }
        file.sync()
    };
    copy().map_err(io_error("write", &path))?;
    storage.sync_dir(&room).map_err(io_error("sync", &room))
}

/// The same shard may be torn twice at the same place.
fn create_free(
    storage: &dyn Storage,
    folder: &Path,
    stem: &str,
) -> Result<(Box<dyn crate::storage::File>, PathBuf), OpenError> {
    let mut number = 0_u32;
    loop {
        let path = match number {
            0 => folder.join(format!("{stem}.torn")),
            n => folder.join(format!("{stem}.{n}.torn")),
        };
        match storage.create(&path) {
            Ok(file) => return Ok((file, path)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && number < u32::MAX => number += 1,
            Err(source) => return Err(OpenError::Io { what: "create", path, source }),
        }
    }
}

/// A run leaves at most a few files behind that it gave up; two bytes of each shard are read to find them.
const LOOK_BACK: usize = 1000;
const CHUNK: usize = 64 * 1024;
/// Far beyond the longest record: what goes on for longer is not one, and need not be held in memory.
const LONGEST: u64 = 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn scanned(text: &[u8]) -> (u64, u64, bool) {
        let scan = scan_lines(text).unwrap();
        (scan.bytes, scan.good, scan.damage.is_some())
    }

    #[test]
    fn whole_records_are_all_good() {
        assert_eq!(scanned(b""), (0, 0, false));
        assert_eq!(scanned(b"{}\n{\"a\":1}\n"), (11, 11, false));
    }

    #[test]
    fn bad_bytes_at_the_end_are_a_torn_tail() {
        for tail in
            [&b"{\"a\":"[..], b"{\"a\":1}", b"\n", b"\0\0\0\0", b"x}\n", b"{\0}\n", b"{\"a\"\n\0\0\n{"]
        {
            let text = [b"{}\n", tail].concat();
            assert_eq!(scanned(&text), (3 + tail.len() as u64, 3, false), "{tail:?}");
        }
    }

    #[test]
    fn bad_bytes_before_a_good_record_are_damage() {
        assert!(scanned(b"{}\nx\n{}\n").2);
        assert!(scanned(b"\0\0\n{}\n").2);
    }

    #[test]
    fn damage_tells_where_it_begins_and_whether_it_is_all_holes() {
        let long = [&b"{}\n{\0"[..], &b" ".repeat(LONGEST as usize), b"}\n{}\n"].concat();
        for (text, offset, holes) in [
            (&b"{}\n{\"a\0\0\0b\"}\n{}\n"[..], 3, true),
            (b"\0\0\n{}\nx\0\n{}\n", 0, true),
            (b"{}\n{}\n{\"a\n{}\n", 6, false),
            (b"{}\n\0\n{}\nx\n{}\n", 3, false),
            // What is bad behind the last good record is a torn tail, and says nothing of the rest.
            (b"{}\n\0\n{}\nx\n", 3, true),
            (&long, 3, true),
        ] {
            assert_eq!(scan_lines(text).unwrap().damage, Some(Damage { offset, holes }), "at {offset}");
        }
    }

    #[test]
    fn a_line_longer_than_any_record_is_bad_as_a_whole() {
        let mut text = b"{}\n{".to_vec();
        text.resize(LONGEST as usize * 2 + 4, b' ');
        // Where the second piece begins, it must not pass for a record of its own.
        text.truncate(LONGEST as usize + 3);
        text.extend_from_slice(b"{}\n");
        assert_eq!(scanned(&text), (text.len() as u64, 3, false));
    }
}
