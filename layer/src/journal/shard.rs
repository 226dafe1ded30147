//! Files of a channel: their names, and the one being written.
//!
//! `2026-11-20.jsonl` is the first of its UTC day; when it is full, or its disk has lied, `2026-11-20.1.jsonl` follows,
//! then `2026-11-20.2.jsonl`. A number is never used twice, not even after its file was compressed or otherwise
//! given a longer name.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use chrono::{DateTime, NaiveDate};

use crate::storage::{File, FileId, Storage};

use super::lines::Lines;
use super::origin;

/// The place of a shard among its channel's: by day, then by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Name {
    pub(crate) day: NaiveDate,
    pub(crate) number: u32,
}

impl Name {
    /// Reads `2026-11-20.1.jsonl`, and the same followed by more endings (`.zst`) if `longer`.
    pub(crate) fn parse(name: &str, longer: bool) -> Option<Name> {
        let (date, rest) = name.split_at_checked(10)?;
        let day: NaiveDate = date.parse().ok()?;
        // "+2026-1-2" and the like are dates to chrono, and not ours.
        if day.to_string() != date {
            return None;
        }
        let rest = rest.strip_prefix('.')?;
        let (number, ending) = match rest.split_once('.') {
            Some((digits, ending)) if digits.bytes().all(|b| b.is_ascii_digit()) => {
                (digits.parse().ok().filter(|n| *n > 0)?, ending)
            }
            _ => (0, rest),
        };
        let tail = ending.strip_prefix("jsonl")?;
        (tail.is_empty() || longer && tail.starts_with('.')).then_some(Name { day, number })
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.number {
            0 => write!(f, "{}.jsonl", self.day),
            n => write!(f, "{}.{n}.jsonl", self.day),
        }
    }
}

/// The UTC day of a time in microseconds since 1970.
pub(crate) fn day(unix_micros: i64) -> NaiveDate {
    DateTime::from_timestamp_micros(unix_micros).unwrap_or_default().date_naive()
}

/// The shard that is being written.
#[derive(Debug)]
pub(crate) struct Live {
    pub(crate) file: Box<dyn File>,
    pub(crate) path: PathBuf,
    pub(crate) id: FileId,
    pub(crate) day: NaiveDate,
    /// As the ledger names it.
    pub(crate) shard: String,
    /// What is in the file, and what of it is durable.
    pub(crate) lines: Lines,
    pub(crate) durable: Lines,
    /// Lines that the checkpoint beside it covers.
    pub(crate) published: u64,
    /// The ledger was told that it was begun.
    pub(crate) told: bool,
    /// Made after a failure, and nothing in it was acknowledged yet: it may go without loss.
    pub(crate) provisional: bool,
}

impl Live {
    pub(crate) fn new(file: Box<dyn File>, path: PathBuf, id: FileId, shard: String, day: NaiveDate) -> Live {
        Live {
            file,
            path,
            id,
            day,
            shard,
            lines: Lines::default(),
            durable: Lines::default(),
            published: 0,
            told: false,
            provisional: false,
        }
    }

    /// Makes the channel's next file of the day, and its name durable before a byte is in it.
    pub(crate) fn create(
        storage: &dyn Storage,
        folder: &Path,
        channel: &str,
        day: NaiveDate,
    ) -> io::Result<Live> {
        let mut name = Name { day, number: next_number(storage, folder, day)? };
        for _ in 0..TRIES {
            let path = folder.join(name.to_string());
            match storage.create(&path) {
                Ok(file) => {
                    let made = storage.sync_dir(folder).and_then(|()| file.id());
                    return match made {
                        Ok(id) => Ok(Live::new(file, path, id, origin::shard_id(channel, name), day)),
                        Err(error) => {
                            let _ = storage.remove(&path);
                            Err(error)
                        }
                    };
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => name.number += 1,
                Err(error) => return Err(error),
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }
}

fn next_number(storage: &dyn Storage, folder: &Path, day: NaiveDate) -> io::Result<u32> {
    let names = match storage.list(folder) {
        Ok(names) => names,
        // Somebody removed the whole folder under us: records must still have a place to go.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            storage.create_dir(folder)?;
            folder.parent().map_or(Ok(()), |parent| storage.sync_dir(parent))?;
            Vec::new()
        }
        Err(error) => return Err(error),
    };
    let taken = names
        .iter()
        .filter_map(|name| Name::parse(name.to_str()?, true))
        .filter(|name| name.day == day)
        .map(|name| name.number)
        .max();
    Ok(taken.map_or(0, |n| n.saturating_add(1)))
}

/// Names that may be taken between the listing and the creation; more is not an accident.
const TRIES: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back_as_they_are_written() {
        for text in ["2026-11-20.jsonl", "2026-11-20.1.jsonl", "2024-02-29.107.jsonl"] {
            assert_eq!(Name::parse(text, false).map(|n| n.to_string()).as_deref(), Some(text));
        }
        assert!(Name::parse("2026-11-20.2.jsonl", false) > Name::parse("2026-11-20.jsonl", false));
        assert!(Name::parse("2026-11-20.10.jsonl", false) > Name::parse("2026-11-20.9.jsonl", false));
    }

    #[test]
    fn other_names_are_nobodys_shard() {
        for text in ["2026-11-20.jsonl.zst", "2026-11-20.0.jsonl", "2026-11-20.01x.jsonl", "2026-1-20.jsonl"]
        {
            assert_eq!(Name::parse(text, false), None, "{text}");
        }
        for text in ["", "2026-11-20", "2026-11-20.", "2026-02-30.jsonl", "éééééé.jsonl", "notes.jsonl"]
        {
            assert_eq!(Name::parse(text, true), None, "{text}");
        }
    }

    #[test]
    fn a_compressed_shard_keeps_its_number() {
        let name = Name::parse("2026-11-20.3.jsonl.zst", true);
        assert_eq!(name.map(|n| n.number), Some(3));
    }

    #[test]
    fn days_are_utc_also_before_1970() {
        assert_eq!(day(0).to_string(), "1970-01-01");
        assert_eq!(day(-1).to_string(), "1969-12-31");
        assert_eq!(day(1_795_219_199_999_999).to_string(), "2026-11-20");
    }
}
