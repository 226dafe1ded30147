//! What a journal finds when it opens: the end of the last run, however that came.
//!
//! A record is acknowledged only after a seal that covers it is durable, so whatever stands behind the last valid seal
//! was promised to nobody: it is moved to `quarantine/` and cut off. A seal that does *not* cover what stands before it is
//! no crash of ours: that shard is left exactly as it is, for whoever investigates, and another is begun. A shard that
//! is shorter than it was once known to be, or gone, was rolled back: then nothing is touched and the log does not open.
//!
//! What a shard shows beyond the size that the lock file knows to be durable is written anew before anything is claimed of
//! it, see [`renew`].

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use chrono::NaiveDate;

use crate::ledger::Fact;
use crate::storage::{File, Storage};

use super::error::OpenError;
use super::lines::Lines;
use super::merkle::Hash;
use super::origin::shard_id;
use super::past::{Known, Past};
use super::place::{Place, io_error, make_folder};
use super::seal::Seal;
use super::shard::{Live, Name};
use super::store::is_full;

/// What was found in a channel's folder.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// The shard to go on with, if there is one of today with room.
    pub(crate) live: Option<Live>,
    pub(crate) torn: Vec<Torn>,
    /// Shards whose seals do not fit.
    pub(crate) damaged: Vec<Damaged>,
    /// Shards that no room was left for to write them anew.
    pub(crate) unproven: Vec<String>,
}

/// A shard that was left as it is.
#[derive(Debug)]
pub(crate) struct Damaged {
    pub(crate) shard: String,
    pub(crate) damage: Damage,
}

/// Where a shard stops being what was sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Damage {
    /// Where the first bad line begins, if it can be told; where the last good seal ends otherwise.
    pub(crate) offset: u64,
    /// There are bad lines, and every one holds NUL bytes, as where a power cut kept a later page of a batch and not an
    /// earlier one. A disk that lost a synced page looks the same, so that this only tells whoever investigates where
    /// to begin.
    pub(crate) holes: bool,
}

/// A tail that was moved away.
#[derive(Debug)]
pub(crate) struct Torn {
    pub(crate) shard: String,
    pub(crate) offset: u64,
    pub(crate) bytes: u64,
}

/// Looks at a channel's shards that the ledger does not know to be complete, in one place: cuts torn tails, closes what
/// will not go on, and finds the shard that will. Dying anywhere in here and starting again leads to the same end: the tail
/// is copied durably before the file without it takes its place, and the ledger is told again.
pub(crate) fn recover(
    storage: &dyn Storage,
    place: &Place,
    past: &Past,
    channel: &str,
    goes_on: Option<(NaiveDate, u64)>,
    found: &mut Found,
) -> Result<(), OpenError> {
    let folder = place.folder(channel);
    let present = present(storage, &folder).map_err(io_error("look through", &folder))?;
    missing(place, past, channel, &present)?;
    // A shard may stand here whose maker died before its name was durable: nothing is told of it before it is.
    storage.sync_dir(&folder).map_err(io_error("sync", &folder))?;
    let newest = |day| present.range(Name { day, number: 0 }..=Name { day, number: u32::MAX }).next_back();
    let newest = goes_on.and_then(|(day, _)| newest(day)).map(|(name, _)| *name);
    for (name, plain) in &present {
        let shard = shard_id(channel, *name);
        let path = folder.join(name.to_string());
        let known = place.books.heads.get(&shard);
        match past.get(&shard) {
            _ if !plain => continue,
            Known::Damaged | Known::Elsewhere => continue,
            Known::Closed { bytes, size } => {
                let len = storage.stat(&path).map_err(io_error("look at", &path))?.map_or(0, |stat| stat.len);
                if len < bytes {
                    return Err(OpenError::Rollback { log: path, id: shard, known: size, found: None });
                }
                continue;
            }
            Known::Open | Known::Unknown => {}
        }
        let scan = scan(storage, &path, place, past, &shard, known).map_err(io_error("read", &path))?;
        let tell = |fact| {
            place.books.tell(fact).map_err(|source| OpenError::Ledger { base: place.base.clone(), source })
        };
        if let Some(damage) = scan.damage {
            tell(Fact::ShardDamaged { shard: shard.clone(), offset: damage.offset })?;
            found.damaged.push(Damaged { shard: name.to_string(), damage });
            continue;
        }
        if let Some((size, _)) = known.filter(|_| !scan.reaches) {
            return Err(OpenError::Rollback {
                log: path,
                id: shard,
                known: size,
                found: Some(scan.lines.tree.size()),
            });
        }
        let (offset, bytes) = (scan.lines.bytes, scan.bytes - scan.lines.bytes);
        if bytes > 0 {
            quarantine(storage, &folder, &path, offset)?;
        }
        let is_proven = bytes == 0 && known.is_some_and(|(size, _)| size == scan.lines.tree.size());
        let renewed = if is_proven {
            storage.open(&path).map_err(io_error("open", &path))
        } else {
            renew(storage, &path, offset).map_err(io_error("write anew", &path))
        };
        let file = match renewed {
            // Nothing is claimed of it, and nothing added to it: the next start tries again.
            Err(OpenError::Io { source, .. }) if is_full(&source) => {
                found.unproven.push(name.to_string());
                continue;
            }
            renewed => renewed?,
        };
        if bytes > 0 {
            found.torn.push(Torn { shard: name.to_string(), offset, bytes });
        }
        if past.get(&shard) == Known::Unknown {
            tell(Fact::ShardOpened { shard: shard.clone() })?;
        }
        if bytes > 0 {
            tell(Fact::Recovered { shard: shard.clone(), offset, bytes })?;
        }
        let goes_on = goes_on.filter(|(_, shard_bytes)| Some(*name) == newest && offset < *shard_bytes);
        place
            .books
            .publish(&path, &shard, &scan.lines.tree, goes_on.is_none())
            .map_err(io_error("publish the checkpoint of", &path))?;
        if let Some((day, _)) = goes_on {
            let id = file.id().map_err(io_error("look at", &path))?;
            place.books.heads.set(&shard, scan.lines.tree.size(), scan.lines.tree.root());
            found.live = Some(Live {
                published: scan.lines.tree.size(),
                durable: scan.lines.clone(),
                lines: scan.lines,
                told: true,
                ..Live::new(file, path, id, shard, day)
            });
        } else {
            tell(Fact::ShardClosed { shard: scan.lines.shard(&shard) })?;
        }
    }
    Ok(())
}

/// The channel's shards, and whether each lies there as it was written, or only compressed.
fn present(storage: &dyn Storage, folder: &Path) -> io::Result<BTreeMap<Name, bool>> {
    let mut present = BTreeMap::new();
    for file in storage.list(folder)? {
        let Some(text) = file.to_str() else { continue };
        if let Some(name) = Name::parse(text, true) {
            *present.entry(name).or_default() |= Name::parse(text, false).is_some();
        }
    }
    Ok(present)
}

/// Refuses a log from which a shard was taken that the ledger or the lock file knows.
fn missing(
    place: &Place,
    past: &Past,
    channel: &str,
    present: &BTreeMap<Name, bool>,
) -> Result<(), OpenError> {
    let there = |shard: &str| present.keys().any(|name| shard_id(channel, *name) == shard);
    let of_channel = |shard: &str| shard.split_once('/').is_some_and(|(of, _)| of == channel);
    for (shard, size) in past.must_be_there() {
        if of_channel(shard) && !there(shard) {
            let log = place.base.join(format!("{shard}.jsonl"));
            return Err(OpenError::Rollback { log, id: shard.to_owned(), known: size, found: None });
        }
    }
    for (shard, (size, _)) in place.books.heads.all() {
        if of_channel(&shard) && !there(&shard) && past.get(&shard) != Known::Elsewhere {
            let log = place.base.join(format!("{shard}.jsonl"));
            return Err(OpenError::Rollback { log, id: shard.to_owned(), known: size, found: None });
        }
    }
    Ok(())
}

#[derive(Debug, Default)]
pub(crate) struct Scan {
    /// All bytes of the file.
    bytes: u64,
    /// The lines up to the last valid seal, which is the last of them.
    pub(crate) lines: Lines,
    /// A seal does not fit what stands before it.
    pub(crate) damage: Option<Damage>,
    /// It was once what it was known to be.
    pub(crate) reaches: bool,
}

fn scan(
    storage: &dyn Storage,
    path: &Path,
    place: &Place,
    past: &Past,
    shard: &str,
    known: Option<(u64, Hash)>,
) -> io::Result<Scan> {
    let origin = place.books.origin.shard(shard);
    let key = place.books.signer.public();
    let from = BufReader::with_capacity(CHUNK, storage.read(path, 0)?);
    scan_lines(from, |seal| seal.is_signed(&key, &origin) || past.signed(seal, &origin, shard), known)
}

/// Reads a log from its first line. The signature of the last seal alone is checked: its tree covers all seals before it.
pub(crate) fn scan_lines(
    mut from: impl BufRead,
    signed: impl Fn(&Seal) -> bool,
    known: Option<(u64, Hash)>,
) -> io::Result<Scan> {
    let mut scan = Scan { reaches: known.is_none_or(|(size, _)| size == 0), ..Scan::default() };
    let mut all = Lines::default();
    let mut last: Option<Seal> = None;
    let mut line = Vec::new();
    let mut bad: Option<Damage> = None;
    // Whether a line is still under way that is too long for a record; and whether there was one.
    let (mut endless, mut broken) = (false, false);
    let mut nul = false;
    loop {
        line.clear();
        let n = from.by_ref().take(LONGEST).read_until(b'\n', &mut line)? as u64;
        if n == 0 {
            break;
        }
        let from = scan.bytes;
        scan.bytes += n;
        let whole = line.ends_with(b"\n");
        broken |= endless || !whole;
        let seal = Seal::parse(&line).filter(|_| whole && !endless);
        let covers = seal.is_some_and(|seal| !broken && seal.covers(&all.tree));
        if !broken {
            all.push(&line);
        }
        if covers {
            last = seal;
            scan.lines = all.clone();
            bad = None;
            scan.reaches |= known.is_some_and(|known| known == (all.tree.size(), all.tree.root()));
        } else if seal.is_some() {
            let unknown = Damage { offset: scan.lines.bytes, holes: false };
            scan.damage = scan.damage.or(bad).or(Some(unknown));
        } else if endless || !is_record(&line) {
            nul = endless && nul || line.contains(&0);
            let bad = bad.get_or_insert(Damage { offset: from, holes: true });
            bad.holes &= nul || !whole;
        }
        endless = !whole;
    }
    if last.is_some_and(|seal| !signed(&seal)) {
        scan.damage = Some(Damage { offset: 0, holes: false });
    }
    Ok(scan)
}

/// Cheap signs of a whole record; what stands between the braces is not judged.
fn is_record(line: &[u8]) -> bool {
    line.starts_with(b"{") && line.ends_with(b"}\n") && !line.contains(&0)
}

/// Puts a synced copy of a file's first bytes in its place, and gives the copy.
///
/// What a file shows after the death of its writer may stand in the page cache alone: after a sync that failed, nothing
/// brings it to the disk any more, and another sync of the same file says that all is well. Only what is written anew and
/// then synced is known to be durable.
pub(crate) fn renew(storage: &dyn Storage, path: &Path, bytes: u64) -> io::Result<Box<dyn File>> {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".new");
    let beside = path.with_file_name(name);
    remove_if_there(storage, &beside)?;
    let mut file = storage.create(&beside)?;
    let copied = copy(storage.read(path, 0)?.take(bytes), &mut *file).and_then(|()| file.sync());
    if let Err(error) = copied {
        let _ = storage.remove(&beside);
        return Err(error);
    }
    storage.rename(&beside, path)?;
    storage.sync_dir(path.parent().unwrap_or(Path::new(".")))?;
    Ok(file)
}

fn remove_if_there(storage: &dyn Storage, path: &Path) -> io::Result<()> {
    match storage.remove(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn copy(mut from: impl Read, to: &mut dyn File) -> io::Result<()> {
    let mut chunk = vec![0; CHUNK];
    loop {
        match from.read(&mut chunk)? {
            0 => return Ok(()),
            n => to.append(&chunk[..n])?,
        }
    }
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
    let from = storage.read(shard, offset).map_err(io_error("read", shard))?;
    copy(from, &mut *file).and_then(|()| file.sync()).map_err(io_error("write", &path))?;
    storage.sync_dir(&room).map_err(io_error("sync", &room))
}

/// The same shard may be torn twice at the same place.
fn create_free(
    storage: &dyn Storage,
    folder: &Path,
    stem: &str,
) -> Result<(Box<dyn File>, PathBuf), OpenError> {
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

const CHUNK: usize = 64 * 1024;
/// Far beyond the longest record: what goes on for longer is not one, and need not be held in memory.
const LONGEST: u64 = 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::key::Signer;

    const ORIGIN: &str = "test/-/app/2026-11-20";

    fn signer() -> Signer {
        Signer::from_seed(&[7; 32])
    }

    /// Each piece with a seal behind it.
    fn sealed(pieces: &[&[u8]]) -> Vec<u8> {
        let mut lines = Lines::default();
        let mut text = Vec::new();
        for piece in pieces {
            lines.push(piece);
            let seal = Seal::new(&signer(), ORIGIN, &lines.tree).line();
            lines.push(seal.as_bytes());
            text.extend_from_slice(piece);
            text.extend_from_slice(seal.as_bytes());
        }
        text
    }

    fn scanned(text: &[u8]) -> Scan {
        let key = signer().public();
        scan_lines(text, |seal| seal.is_signed(&key, ORIGIN), None).unwrap()
    }

    #[test]
    fn what_seals_cover_is_good_whatever_it_is() {
        assert_eq!(scanned(b"").lines.bytes, 0);
        for piece in [&b"{}\n{\"a\":1}\n"[..], b"x\n", b"\0\n"] {
            let text = sealed(&[b"{}\n", piece]);
            let scan = scanned(&text);
            assert_eq!((scan.lines.bytes, scan.damage), (text.len() as u64, None));
            assert!(scan.lines.sealed());
        }
    }

    #[test]
    fn what_no_seal_covers_is_a_torn_tail() {
        let good = sealed(&[b"{}\n"]);
        for tail in
            [&b"{\"a\":"[..], b"{\"a\":1}\n", b"\n", b"\0\0\0\0", b"x}\n", b"{\"seal\":{}}\n", &good[..20]]
        {
            let scan = scanned(&[&good[..], tail].concat());
            assert_eq!((scan.lines.bytes, scan.damage), (good.len() as u64, None), "{tail:?}");
            assert_eq!(scan.bytes, (good.len() + tail.len()) as u64);
        }
    }

    #[test]
    fn a_seal_that_does_not_cover_what_stands_before_it_is_damage() {
        let text = sealed(&[b"{\"n\":1}\n", b"{\"n\":2}\n"]);
        for at in 0..text.len() {
            let mut changed = text.clone();
            changed[at] ^= 1;
            let scan = scanned(&changed);
            // The newline before the last seal joins it to a record, and then it is none either.
            let last = text[..text.len() - 1].iter().rposition(|b| *b == b'\n').unwrap() - 1;
            // In the last seal itself it cannot be told from a torn write: the lock file knows more.
            assert!(
                scan.damage.is_some() || scan.lines.bytes < text.len() as u64,
                "byte {at} is not covered"
            );
            assert!(scan.damage.is_some() || at > last, "byte {at} passes for a torn tail");
        }
    }

    #[test]
    fn damage_tells_where_it_begins_and_whether_it_is_all_holes() {
        let long = [&b"{\0"[..], &b" ".repeat(LONGEST as usize), b"}\n{}\n"].concat();
        let good = sealed(&[b"{}\n"]).len() as u64;
        for (changed, offset, holes) in [
            (&b"{\"a\0\0\0b\"}\n{}\n"[..], 0, true),
            (b"{}\n\0\0\n{}\n", 3, true),
            (b"{}\n{\"a\n{}\n", 3, false),
            (b"{}\n\0\n{}\nx\n{}\n", 3, false),
            (b"{\"edited\":1}\n", 0, false),
            (&long, 0, true),
        ] {
            let text = sealed(&[b"{}\n", b"{\"n\":2}\n"]);
            let text = [&text[..good as usize], changed, &text[good as usize + 8..]].concat();
            let expected = Damage { offset: good + offset, holes };
            assert_eq!(scanned(&text).damage, Some(expected), "{offset} {holes}");
        }
    }

    #[test]
    fn what_another_key_sealed_is_not_cut_away() {
        let key = Signer::from_seed(&[8; 32]).public();
        let text = sealed(&[b"{}\n"]);
        let scan = scan_lines(&text[..], |seal| seal.is_signed(&key, ORIGIN), None).unwrap();
        assert!(scan.damage.is_some());
    }

    #[test]
    fn a_log_is_known_to_reach_a_size_only_with_that_root() {
        let text = sealed(&[b"{\"n\":1}\n", b"{\"n\":2}\n"]);
        let known = |size| {
            let mut lines = Lines::default();
            text.split_inclusive(|b| *b == b'\n').take(size).for_each(|line| lines.push(line));
            (lines.tree.size(), lines.tree.root())
        };
        let reaches = |known| scan_lines(&text[..], |_| true, Some(known)).unwrap().reaches;
        assert!(reaches(known(2)) && reaches(known(4)) && reaches((0, Hash::empty())));
        assert!(!reaches((6, known(4).1)) && !reaches((2, known(4).1)));
    }
}
