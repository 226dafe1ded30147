//! Which shards a query reads, and in which pieces.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::Query;
use super::piece::Piece;
use crate::archive::{Identities, ReadError, Reader};
use crate::catalog::{Catalog, Shard};
use crate::journal::shard::day;
use crate::storage::Storage;

/// What is to be read.
pub(crate) struct Plan<'a> {
    /// One per channel and base: pieces in the order of the records, or its reverse.
    pub(crate) streams: Vec<Vec<Piece<'a>>>,
    /// Shards of the channels asked for that hold none of the time asked for.
    pub(crate) skipped: u64,
    /// Archived shards that cannot be opened, and why.
    pub(crate) unread: Vec<(&'a Shard, String)>,
}

pub(crate) fn plan<'a>(
    query: &Query,
    storage: &Arc<dyn Storage>,
    catalog: &'a Catalog,
    identities: &Identities,
) -> Plan<'a> {
    let mut by_stream: BTreeMap<(&Path, &str), Vec<&Shard>> = BTreeMap::new();
    for shard in &catalog.shards {
        let channel = shard.id.channel();
        if query.channels.is_empty() || query.channels.iter().any(|asked| asked == channel) {
            let stream = by_stream.entry((&shard.base, channel)).or_default();
            // Archived, and its source not removed yet: the source is the quicker to read, and stands first.
            if stream.last().is_none_or(|last| last.id != shard.id) {
                stream.push(shard);
            }
        }
    }
    let mut plan = Plan { streams: Vec::new(), skipped: 0, unread: Vec::new() };
    for shards in by_stream.into_values() {
        let mut range = Range { query, storage: &**storage, ended: false };
        let mut pieces = Vec::new();
        for shard in shards {
            if !query.every_shard && range.misses(shard) {
                plan.skipped += 1;
                continue;
            }
            match cut(shard, storage, identities, &mut pieces) {
                Ok(()) => {}
                Err(error) => plan.unread.push((shard, error.to_string())),
            }
        }
        if query.reverse {
            pieces.reverse();
        }
        if !pieces.is_empty() {
            plan.streams.push(pieces);
        }
    }
    plan
}

/// The time asked for, and how far the shards of one channel have come in it.
struct Range<'a> {
    query: &'a Query,
    storage: &'a dyn Storage,
    ended: bool,
}

impl Range<'_> {
    /// Whether a shard holds nothing of the time asked for, as far as its name and its two ends tell.
    fn misses(&mut self, shard: &Shard) -> bool {
        let since = self.query.since.map(|time| time.saturating_sub(SLACK));
        let until = self.query.until.map(|time| time.saturating_add(SLACK));
        // A record is written after it happened, never on an earlier day.
        if since.is_some_and(|since| shard.id.name.day < day(since)) || self.ended {
            return true;
        }
        if since.is_none() && until.is_none() {
            return false;
        }
        // It may be written on a later day: records wait for as long as the disk is full. The first that was written
        // after the range ends the search, since records are written in the order in which they came.
        let later = until.is_some_and(|until| shard.id.name.day > day(until));
        if !shard.is_plain() {
            return later;
        }
        let Ok(facts) = shard.facts(self.storage) else { return false };
        let behind = until.zip(facts.first).is_some_and(|(until, first)| first > until);
        self.ended = later && behind;
        behind || since.zip(facts.last).is_some_and(|(since, last)| last < since)
    }
}

/// Pieces let several threads read one shard: of an archived one, the frames that can be read each by itself.
fn cut<'a>(
    shard: &'a Shard,
    storage: &Arc<dyn Storage>,
    identities: &Identities,
    pieces: &mut Vec<Piece<'a>>,
) -> Result<(), ReadError> {
    let mut from = 0;
    if shard.is_plain() {
        while from < shard.bytes {
            let to = shard.bytes.min(from + PIECE);
            pieces.push(Piece { shard, from, to });
            from = to;
        }
        return Ok(());
    }
    let reader = Reader::open(Arc::clone(storage), &shard.path, identities)?;
    let ends = reader.frames().iter().map(|frame| frame.offset + u64::from(frame.len)).chain([reader.len()]);
    for to in ends {
        if to - from >= PIECE || to == reader.len() && to > from {
            pieces.push(Piece { shard, from, to });
            from = to;
        }
    }
    Ok(())
}

/// How far records of one shard stand out of the order of their times: a caller may wait a minute for room in the queue,
/// and a clock may be set back.
const SLACK: i64 = 3_600_000_000;
/// Large beside what opening and seeking costs, small enough that matches of some of them fit into memory.
const PIECE: u64 = 4 << 20;
