//! Where an export begins that does not go on where the last one stopped.

use std::io;
use std::sync::Arc;

use memchr::memchr;

use super::cursor::{Position, Step};
use super::tail::{Log, Tail};
use crate::archive::{ReadError, Reader};
use crate::catalog::ShardId;
use crate::journal::seal::Seal;
use crate::journal::shard;
use crate::ledger::{FILE, FOLDER};
use crate::query;

/// A place in a log.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum From {
    /// Behind everything that is there.
    Now,
    /// With the oldest record that is there.
    Oldest,
    /// With the records of this time and later ones; microseconds since 1970.
    Time(i64),
    /// With the first record of this shard; channels other than its own go on where they stand.
    Shard(ShardId),
}

impl From {
    /// `oldest`, `now`, a shard's id, or a time as `dihya query` takes it.
    ///
    /// # Errors
    /// If it is none of these.
    pub fn parse(text: &str, now: i64) -> Result<From, String> {
        match text {
            "now" => return Ok(From::Now),
            "oldest" => return Ok(From::Oldest),
            _ => {}
        }
        if let Ok(shard) = text.parse() {
            return Ok(From::Shard(shard));
        }
        query::time(text, now).map(From::Time).map_err(|error| {
            format!("{error}; or it is `oldest`, `now`, or a shard such as audit/2026-11-20")
        })
    }

    /// Whether it says anything of this channel.
    pub(super) fn is_about(&self, channel: &str) -> bool {
        !matches!(self, From::Shard(shard) if shard.channel() != channel)
    }

    /// A reader that begins there.
    pub(super) fn tail(&self, log: &Log, channel: &str) -> io::Result<Tail> {
        let start = |shard: &str| Position::default().start(shard);
        Ok(match self {
            From::Now => Tail::new(channel, end(log, channel)?),
            From::Oldest => {
                // What is gone was there before; only what is there was asked for.
                let first = log.order.of(channel).iter().find(|known| !known.purged);
                Tail::new(channel, first.map_or_else(Position::default, |first| start(&first.shard)))
            }
            From::Shard(shard) => {
                if log.order.get(channel, &shard.to_string()).is_none() {
                    let path = log.base.join(FOLDER).join(FILE);
                    let why = format!("{} tells of no shard {shard}", path.display());
                    return Err(io::Error::new(io::ErrorKind::NotFound, why));
                }
                Tail::new(channel, start(&shard.to_string()))
            }
            From::Time(time) => {
                let day = shard::day(*time);
                let begins = |id: &str| id.parse::<ShardId>().is_ok_and(|id| id.name.day >= day);
                let known = log.order.of(channel).iter().find(|known| !known.purged && begins(&known.shard));
                let position = match known {
                    Some(known) => start(&known.shard),
                    None => end(log, channel)?,
                };
                let mut tail = Tail::new(channel, position);
                tail.since = Some(*time);
                tail
            }
        })
    }
}

/// Behind the last seal of the newest shard, which is read to its end: how many records stand before is part of a position.
fn end(log: &Log, channel: &str) -> io::Result<Position> {
    let Some(newest) = log.order.of(channel).last() else { return Ok(Position::default()) };
    let start = Position::default().start(&newest.shard);
    let live = log.base.join(format!("{}.jsonl", newest.shard));
    if log.storage.stat(&live)?.is_none() {
        // Archived or purged; nothing is added to it.
        let (offset, records) = newest.end.as_ref().map_or((0, 0), |end| (end.bytes, end.records));
        return Ok(Position { offset, records, ..start });
    }
    let wrong = |error: ReadError| io::Error::other(error.to_string());
    let mut reader = Reader::open(Arc::clone(&log.storage), &live, &log.identities).map_err(wrong)?;
    let (mut here, mut sealed) = (Step::default(), Step::default());
    while let Some(block) = reader.block().map_err(wrong)? {
        let mut rest = block;
        while let Some(newline) = memchr(b'\n', rest) {
            here = here.over(&rest[..newline]);
            if Seal::is(rest) {
                sealed = here;
            } else {
                here.records += 1;
            }
            rest = &rest[newline + 1..];
        }
    }
    let Step { offset, line, records, .. } = sealed;
    Ok(Position { offset, line, records, mark: sealed.mark(), ..start })
}
