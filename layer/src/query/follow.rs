//! New records as they are written, across rotation.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read as _};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::filter::Filter;
use super::scan::{Matches, Scanner};
use super::{Found, Query, literal};
use crate::catalog::{Catalog, CatalogError, Places, Shard, ShardId, State};
use crate::clock::Clock;
use crate::storage::Storage;

/// The ends of the live shards, to be asked again and again. It keeps no file open, and waits for nothing.
pub struct Follow<'a> {
    storage: &'a dyn Storage,
    places: Places,
    clock: Clock,
    query: &'a Query,
    scanner: Scanner<'a>,
    /// By base and then by id, so that a shard is read to its end before the one that follows it.
    tails: BTreeMap<(PathBuf, ShardId), Tail>,
    /// Every plain shard that was met.
    known: BTreeSet<PathBuf>,
    listed: Instant,
    /// How often the folders are looked through for shards that were begun.
    pub(super) list_every: Duration,
    left: u64,
}

struct Tail {
    shard: Shard,
    /// Up to here it was read: the beginning of a line.
    offset: u64,
}

impl<'a> Follow<'a> {
    /// Begins where the catalog's shards ended when it was read. The query's `limit` counts what comes from here on; its
    /// order does not matter.
    pub fn new(
        query: &'a Query,
        storage: &'a dyn Storage,
        places: Places,
        clock: Clock,
        catalog: &Catalog,
    ) -> Follow<'a> {
        let scanner = Scanner { filter: Filter::new(query), literals: literal::of(query) };
        let mut follow = Follow {
            storage,
            places,
            clock,
            query,
            scanner,
            tails: BTreeMap::new(),
            known: BTreeSet::new(),
            listed: Instant::now(),
            list_every: LIST_EVERY,
            left: query.limit.unwrap_or(u64::MAX),
        };
        for shard in catalog.shards.iter().filter(|shard| shard.is_plain()) {
            follow.known.insert(shard.path.clone());
            if shard.state == State::Live && follow.asked(shard) {
                follow.add(shard, shard.bytes);
            }
        }
        follow
    }

    /// Hands on what was written since the last call, sorted by time over all channels. `Break` when the limit is reached
    /// or `each` breaks off.
    ///
    /// # Errors
    /// If the root can no longer be listed. A shard that cannot be read is tried again the next time.
    pub fn poll(
        &mut self,
        mut each: impl FnMut(Found<'_>) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, CatalogError> {
        if self.listed.elapsed() >= self.list_every {
            self.list()?;
            self.listed = Instant::now();
        }
        let mut found: Vec<(&Shard, Matches)> = Vec::new();
        let mut buffer = Vec::new();
        for tail in self.tails.values_mut() {
            if let Ok(matches) = tail.read(self.storage, &self.scanner, &mut buffer) {
                found.push((&tail.shard, matches));
            }
        }
        let mut lines: Vec<_> = found
            .iter()
            .flat_map(|(shard, matches)| {
                (0..matches.len()).filter_map(|at| matches.get(at)).map(move |m| (m, *shard))
            })
            .collect();
        lines.sort_by_key(|((time, _), _)| **time);
        for ((_, line), shard) in lines {
            if self.left == 0 || each(Found { shard, line }).is_break() {
                return Ok(ControlFlow::Break(()));
            }
            self.left -= 1;
        }
        self.tails.retain(|_, tail| tail.shard.state == State::Live);
        Ok(if self.left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    }

    /// Finds new shards. One that is live no longer is read once more: what is behind it is only begun when it is complete.
    fn list(&mut self) -> Result<(), CatalogError> {
        let catalog = Catalog::read(self.storage, &self.places, &self.clock)?;
        for tail in self.tails.values_mut() {
            tail.shard.state = State::Closed;
        }
        for shard in catalog.shards.iter().filter(|shard| shard.is_plain()) {
            if let Some(tail) = self.tails.get_mut(&(shard.base.clone(), shard.id.clone())) {
                tail.shard = shard.clone();
            } else if self.known.insert(shard.path.clone()) && self.asked(shard) {
                self.add(shard, 0);
            }
        }
        Ok(())
    }

    fn asked(&self, shard: &Shard) -> bool {
        let channels = &self.query.channels;
        channels.is_empty() || channels.iter().any(|asked| asked == shard.id.channel())
    }

    fn add(&mut self, shard: &Shard, offset: u64) {
        self.tails.insert((shard.base.clone(), shard.id.clone()), Tail { shard: shard.clone(), offset });
    }
}

impl Tail {
    fn read(
        &mut self,
        storage: &dyn Storage,
        scanner: &Scanner<'_>,
        buffer: &mut Vec<u8>,
    ) -> io::Result<Matches> {
        let len = storage.stat(&self.shard.path)?.ok_or(io::ErrorKind::NotFound)?.len;
        if len == self.offset {
            return Ok(Matches::default());
        }
        self.align(storage, len)?;
        let matches =
            scanner.scan(&mut *storage.read(&self.shard.path, self.offset)?, false, u64::MAX, buffer)?;
        self.offset += matches.consumed;
        Ok(matches)
    }

    /// Goes back to the beginning of a line. The catalog may have met a line half written; and a start after a crash cuts
    /// what was not sealed, so that the file may end, or its lines begin, before where we were.
    fn align(&mut self, storage: &dyn Storage, len: u64) -> io::Result<()> {
        let end = self.offset.min(len);
        let mut back = 1;
        loop {
            let from = end.saturating_sub(back);
            let mut piece = Vec::new();
            storage.read(&self.shard.path, from)?.take(end - from).read_to_end(&mut piece)?;
            match memchr::memrchr(b'\n', &piece) {
                Some(at) => self.offset = from + at as u64 + 1,
                None if from == 0 => self.offset = 0,
                None => {
                    back *= 64;
                    continue;
                }
            }
            return Ok(());
        }
    }
}

/// A listing looks at every shard; a new one comes once a day, or when one is full.
const LIST_EVERY: Duration = Duration::from_secs(1);
