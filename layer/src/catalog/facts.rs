//! What a shard's first and last lines tell.

use std::io::{self, Read as _};
use std::path::Path;

use chrono::DateTime;
use serde::Deserialize;

use crate::storage::Storage;

/// Facts from the two ends of a shard. They were not verified, and say what is written there, no more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Facts {
    /// Time of the first record, in microseconds since 1970-01-01T00:00:00Z. Records stand in the order in which they were
    /// queued, so that one behind it may be a little older.
    pub first: Option<i64>,
    /// Time of the last record.
    pub last: Option<i64>,
    /// Lines, seals too, if the shard ends with a seal that says it.
    pub lines: Option<u64>,
}

/// A line as far as it matters here.
#[derive(Deserialize)]
struct Line {
    timestamp: Option<String>,
    seal: Option<Seal>,
}

#[derive(Deserialize)]
struct Seal {
    size: u64,
}

pub(super) fn read(storage: &dyn Storage, path: &Path) -> io::Result<Facts> {
    let len = storage.stat(path)?.ok_or(io::ErrorKind::NotFound)?.len;
    let first = first(storage, path, len)?;
    let (last, lines) = last(storage, path, len)?;
    Ok(Facts { first, last, lines })
}

/// The time of the first line that is a record: a seal stands first where nothing was recorded before it.
pub(crate) fn first(storage: &dyn Storage, path: &Path, len: u64) -> io::Result<Option<i64>> {
    let mut size = PIECE;
    loop {
        let piece = piece(storage, path, 0, size)?;
        let whole = piece.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let found = piece[..whole].split(|byte| *byte == b'\n').find_map(time);
        if found.is_some() || size >= len || size >= MOST {
            return Ok(found);
        }
        size *= GROWTH;
    }
}

/// The time of the last record, and the number of lines if the very last one is a seal.
fn last(storage: &dyn Storage, path: &Path, len: u64) -> io::Result<(Option<i64>, Option<u64>)> {
    let mut size = PIECE;
    loop {
        let from = len.saturating_sub(size);
        let mut piece = piece(storage, path, from, len - from)?;
        // What follows the last newline is being written.
        piece.truncate(piece.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end));
        let whole = match from {
            0 => 0,
            // The line cut by the piece's beginning.
            _ => piece.iter().position(|byte| *byte == b'\n').map_or(piece.len(), |end| end + 1),
        };
        let mut lines = piece[whole..].rsplit(|byte| *byte == b'\n');
        let end = lines.clone().next().and_then(parse);
        let found = lines.find_map(time);
        if found.is_some() || from == 0 || size >= MOST {
            // The seal counts the lines before it.
            let sealed = end.and_then(|line| line.seal).map(|seal| seal.size.saturating_add(1));
            return Ok((found, sealed));
        }
        size *= GROWTH;
    }
}

fn piece(storage: &dyn Storage, path: &Path, from: u64, size: u64) -> io::Result<Vec<u8>> {
    let mut piece = Vec::new();
    storage.read(path, from)?.take(size).read_to_end(&mut piece)?;
    Ok(piece)
}

fn parse(line: &[u8]) -> Option<Line> {
    serde_json::from_slice(line).ok()
}

fn time(line: &[u8]) -> Option<i64> {
    let text = parse(line)?.timestamp?;
    Some(DateTime::parse_from_rfc3339(&text).ok()?.timestamp_micros())
}

/// A seal and some records, as a rule.
const PIECE: u64 = 4 * 1024;
const GROWTH: u64 = 16;
/// A record and a seal always fit; where bad bytes are longer than this, the shard has no facts at that end.
const MOST: u64 = 1024 * 1024;
