//! Threads that read pieces, and one order over what they find.
//!
//! Each channel's records come in their own order; between channels the time decides. A thread takes the next piece of
//! the stream that is least ahead, so that no stream is waited for while another fills the memory.

use std::collections::{BTreeMap, HashSet};
use std::io::{self, Read as _};
use std::ops::ControlFlow;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::filter::Filter;
use super::piece::{Opened, Piece};
use super::plan::{Plan, plan};
use super::scan::{Matches, Scanner};
use super::{Found, Query, Summary, literal};
use crate::archive::Identities;
use crate::catalog::Catalog;
use crate::storage::Storage;

pub(super) fn run(
    query: &Query,
    storage: &Arc<dyn Storage>,
    catalog: &Catalog,
    identities: &Identities,
    mut each: impl FnMut(Found<'_>) -> ControlFlow<()>,
) -> Summary {
    let Plan { streams, skipped, unread } = plan(query, storage, catalog, identities);
    let unread = unread.into_iter().map(|(shard, why)| (shard.id.clone(), shard.path.clone(), why)).collect();
    let mut summary = Summary { skipped, unread, ..Summary::default() };
    let scanner = scanner(query, &**storage, &streams);
    let pieces: usize = streams.iter().map(Vec::len).sum();
    let cores = || std::thread::available_parallelism().map_or(1, usize::from);
    let threads = query.threads.unwrap_or_else(cores).clamp(1, pieces.max(1));
    let desk = Desk::new(&streams, threads);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut buffer = Vec::new();
                desk.work(|stream, index| {
                    read(storage, identities, &scanner, streams[stream][index], &mut buffer)
                });
            });
        }
        let _ending = Ending(&desk);
        merge(query, &streams, &desk, &mut summary, &mut each);
    });
    summary
}

/// The literal to search for is chosen by how often each stands in some real lines.
fn scanner<'a>(query: &'a Query, storage: &dyn Storage, streams: &[Vec<Piece<'_>>]) -> Scanner<'a> {
    let mut literals = literal::of(query);
    if literals.len() > 1 {
        let mut sample = Vec::new();
        for stream in streams {
            let Some(piece) = stream.get(stream.len() / 2).filter(|piece| piece.shard.is_plain()) else {
                continue;
            };
            if let Ok(reader) = storage.read(&piece.shard.path, piece.from) {
                // Without a sample any order is right, only slower.
                let _ = reader.take(SAMPLE).read_to_end(&mut sample);
            }
        }
        literal::rarest_first(&mut literals, &sample);
    }
    Scanner { filter: Filter::new(query), literals }
}

fn read(
    storage: &Arc<dyn Storage>,
    identities: &Identities,
    scanner: &Scanner<'_>,
    piece: Piece<'_>,
    buffer: &mut Vec<u8>,
) -> io::Result<Matches> {
    let Opened { mut reader, cut, to } = piece.open(storage, identities)?;
    scanner.scan(&mut *reader, cut, to, buffer)
}

fn merge(
    query: &Query,
    streams: &[Vec<Piece<'_>>],
    desk: &Desk,
    summary: &mut Summary,
    each: &mut impl FnMut(Found<'_>) -> ControlFlow<()>,
) {
    let mut heads: Vec<Head> = streams.iter().map(|_| Head::default()).collect();
    let mut seen = HashSet::new();
    let limit = query.limit.unwrap_or(u64::MAX);
    loop {
        for (stream, head) in heads.iter_mut().enumerate() {
            // The matches of a piece that are left to come out; a piece may have none.
            while head.left == 0 && head.piece < streams[stream].len() {
                let shard = streams[stream][head.piece].shard;
                match desk.wait(stream, head.piece) {
                    Ok(matches) => {
                        summary.bytes += matches.read;
                        summary.bad_lines += matches.bad_lines;
                        summary.shards += u64::from(seen.insert(&shard.path));
                        *head = Head { left: matches.len(), matches, piece: head.piece + 1 };
                    }
                    Err(error) => {
                        head.piece += 1;
                        if !summary.unread.iter().any(|(_, path, _)| *path == shard.path) {
                            summary.unread.push((shard.id.clone(), shard.path.clone(), error.to_string()));
                        }
                    }
                }
            }
        }
        let next = heads.iter().enumerate().filter_map(|(stream, head)| Some((head.peek(query)?.0, stream)));
        let next = if query.reverse { next.max() } else { next.min() };
        let Some((_, stream)) = next.filter(|_| summary.records < limit) else { return };
        let head = &mut heads[stream];
        if let Some((_, line)) = head.peek(query) {
            summary.records += 1;
            let shard = streams[stream][head.piece - 1].shard;
            if each(Found { shard, line }).is_break() {
                return;
            }
        }
        head.left -= 1;
    }
}

/// Where a stream stands.
#[derive(Default)]
struct Head {
    matches: Matches,
    left: usize,
    /// The next piece.
    piece: usize,
}

impl Head {
    fn peek(&self, query: &Query) -> Option<(&super::range::Text, &[u8])> {
        let left = self.left.checked_sub(1)?;
        self.matches.get(if query.reverse { left } else { self.matches.len() - 1 - left })
    }
}

/// Where pieces are taken, and what was found in them is given back.
struct Desk {
    state: Mutex<State>,
    changed: Condvar,
    /// Pieces of all streams that may be under way or wait to be merged.
    most: usize,
}

struct State {
    streams: Vec<Progress>,
    stop: bool,
}

struct Progress {
    pieces: usize,
    taken: usize,
    merged: usize,
    ready: BTreeMap<usize, io::Result<Matches>>,
}

impl Desk {
    fn new(streams: &[Vec<Piece<'_>>], threads: usize) -> Desk {
        let progress =
            |stream: &Vec<_>| Progress { pieces: stream.len(), taken: 0, merged: 0, ready: BTreeMap::new() };
        let state = State { streams: streams.iter().map(progress).collect(), stop: false };
        Desk { state: Mutex::new(state), changed: Condvar::new(), most: 2 * threads + streams.len() }
    }

    /// Reads pieces until there are none. A panic ends all, and is passed on by the scope of the threads.
    fn work(&self, mut read: impl FnMut(usize, usize) -> io::Result<Matches>) {
        let _panicking = Panicking(self);
        while let Some((stream, index)) = self.take() {
            let found = read(stream, index);
            self.give(stream, index, found);
        }
    }

    /// The next piece to read; `None` when there is nothing left to do.
    fn take(&self) -> Option<(usize, usize)> {
        let mut state = self.lock();
        loop {
            let open = state.streams.iter().enumerate().filter(|(_, stream)| stream.taken < stream.pieces);
            let (ahead, stream) = open.map(|(index, stream)| (stream.taken - stream.merged, index)).min()?;
            if state.stop {
                return None;
            }
            let waiting: usize = state.streams.iter().map(|stream| stream.taken - stream.merged).sum();
            // A stream of which nothing is under way may be the one that is waited for.
            if ahead == 0 || waiting < self.most {
                let index = state.streams[stream].taken;
                state.streams[stream].taken += 1;
                return Some((stream, index));
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn give(&self, stream: usize, index: usize, found: io::Result<Matches>) {
        self.lock().streams[stream].ready.insert(index, found);
        self.changed.notify_all();
    }

    /// What was found in a stream's next piece.
    fn wait(&self, stream: usize, index: usize) -> io::Result<Matches> {
        let mut state = self.lock();
        loop {
            if let Some(found) = state.streams[stream].ready.remove(&index) {
                state.streams[stream].merged += 1;
                drop(state);
                self.changed.notify_all();
                return found;
            }
            if state.stop {
                return Err(io::Error::other("a thread that read it has ended"));
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sends the threads home, also when `each` panics: the scope waits for them.
struct Ending<'a>(&'a Desk);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.lock().stop = true;
        self.0.changed.notify_all();
    }
}

/// What a thread that panics has taken is never given back: nobody may wait for it.
struct Panicking<'a>(&'a Desk);

impl Drop for Panicking<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            drop(Ending(self.0));
        }
    }
}

/// Of each channel; a thousand records or so.
const SAMPLE: u64 = 256 * 1024;

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::mpsc::channel;
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_thread_that_panics_ends_all_and_is_passed_on() {
        let (tell, told) = channel();
        std::thread::spawn(move || {
            let progress = Progress { pieces: 9, taken: 0, merged: 0, ready: BTreeMap::new() };
            let state = State { streams: vec![progress], stop: false };
            let desk = Desk { state: Mutex::new(state), changed: Condvar::new(), most: 4 };
            let mut found = Vec::new();
            let ended = catch_unwind(AssertUnwindSafe(|| {
                std::thread::scope(|scope| {
                    scope.spawn(|| {
                        desk.work(|_, index| {
                            assert!(index != 2, "at the third");
                            Ok(Matches::default())
                        });
                    });
                    let _ending = Ending(&desk);
                    found.extend((0..4).map(|index| desk.wait(0, index).is_ok()));
                });
            }));
            let _ = tell.send((ended.is_err(), found));
        });
        let told = told.recv_timeout(Duration::from_secs(20)).expect("nobody waits for ever");
        assert_eq!(told, (true, vec![true, true, false, false]));
    }
}
