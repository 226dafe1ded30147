//! Which shards a query reads, and in which pieces.

use std::collections::BTreeMap;
use std::path::Path;

use super::Query;
use crate::catalog::{Catalog, Shard};
use crate::journal::shard::day;
use crate::storage::Storage;

/// What is to be read.
pub(super) struct Plan<'a> {
    /// One per channel and base: pieces in the order of the records, or its reverse.
    pub(super) streams: Vec<Vec<Piece<'a>>>,
    /// Shards of the channels asked for that hold none of the time asked for.
    pub(super) skipped: u64,
}

/// The lines of a shard that begin in a range of its bytes.
#[derive(Clone, Copy)]
pub(super) struct Piece<'a> {
    pub(super) shard: &'a Shard,
    pub(super) from: u64,
    pub(super) to: u64,
}

pub(super) fn plan<'a>(query: &Query, storage: &dyn Storage, catalog: &'a Catalog) -> Plan<'a> {
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
    let mut plan = Plan { streams: Vec::new(), skipped: 0 };
    for shards in by_stream.into_values() {
        let mut range = Range { query, storage, ended: false };
        let mut pieces = Vec::new();
        for shard in shards {
            if !query.every_shard && range.misses(shard) {
                plan.skipped += 1;
            } else {
                cut(shard, &mut pieces);
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

/// Pieces let several threads read one shard. An archived one can only be read from its beginning.
fn cut<'a>(shard: &'a Shard, pieces: &mut Vec<Piece<'a>>) {
    if !shard.is_plain() {
        pieces.push(Piece { shard, from: 0, to: u64::MAX });
        return;
    }
    let mut from = 0;
    while from < shard.bytes {
        let to = shard.bytes.min(from + PIECE);
        pieces.push(Piece { shard, from, to });
        from = to;
    }
}

/// How far records of one shard stand out of the order of their times: a caller may wait a minute for room in the queue,
/// and a clock may be set back.
const SLACK: i64 = 3_600_000_000;
/// Large beside what opening and seeking costs, small enough that matches of some of them fit into memory.
const PIECE: u64 = 4 << 20;
