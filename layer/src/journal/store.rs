//! A channel's way to the disk: what the writer holds, the live shard, and what happens when a disk fails.
//!
//! Bytes are held until a sync has made them durable:
//!
//! ```text
//! held   |........durable|........written|........len
//!          on disk         in the file      to be written
//! ```
//!
//! A sync seals first: a line that signs everything before it ends the last write. Seals are bytes of the file and not
//! of `held`: another file gets seals of its own.
//!
//! A file whose sync failed is never trusted again: `written` goes back to `durable` and all of it is written anew,
//! to another file, on another root if need be. A record may then stand twice, with the same id, and never not at
//! all.

mod piece;
mod reserve;

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::alert::Watch;
use crate::clock::Clock;
use crate::ledger::Fact;
use crate::metrics::Trouble;
use crate::mirror::Mirror;
use crate::record::system::{SystemRecords, Value};
use crate::report;
use crate::storage::Storage;

use super::lane::Lane;
use super::place::Place;
use super::seal::SEAL_MAX;
use super::shard::{self, Live};

use piece::{cut, whole_records};
pub(crate) use reserve::RESERVE;

/// One channel's bytes and files. Lives on its writer's thread.
#[derive(Debug)]
pub(crate) struct Store {
    pub(crate) lane: Arc<Lane>,
    pub(crate) storage: Arc<dyn Storage>,
    pub(crate) places: Arc<Vec<Place>>,
    pub(crate) clock: Clock,
    pub(crate) system: SystemRecords,
    pub(crate) shard_bytes: u64,
    mirror: Option<Mirror>,
    watch: Option<Arc<Watch>>,
    /// Whether mirror and detectors get what comes to be held. Not while the journal opens: that may fail yet.
    shows: bool,
    pub(crate) live: Option<Live>,
    /// Which of the places is in use.
    pub(crate) place: usize,
    pub(crate) held: Vec<u8>,
    durable: usize,
    written: usize,
    checked: Instant,
    /// When the checkpoint and the lock file were last written.
    published: Option<Instant>,
    /// The last pass failed, so a new file may well fail too.
    struggling: bool,
    /// What failed in the last pass was opening a file.
    no_file: bool,
}

/// Who is shown each line, besides the file.
#[derive(Clone)]
pub(crate) struct Observers {
    pub(crate) mirror: Option<Mirror>,
    pub(crate) watch: Option<Arc<Watch>>,
}

impl Store {
    pub(crate) fn new(
        lane: Arc<Lane>,
        storage: Arc<dyn Storage>,
        places: Arc<Vec<Place>>,
        clock: Clock,
        system: SystemRecords,
        shard_bytes: u64,
        Observers { mirror, watch }: Observers,
    ) -> Store {
        Store {
            lane,
            storage,
            places,
            clock,
            system,
            shard_bytes,
            mirror,
            watch,
            shows: false,
            live: None,
            place: 0,
            held: Vec::new(),
            durable: 0,
            written: 0,
            checked: Instant::now(),
            published: None,
            struggling: false,
            no_file: false,
        }
    }

    /// Adds one of the layer's own records after everything held.
    pub(crate) fn note(&mut self, event: &'static str, text: &str, attributes: &[(&'static str, Value<'_>)]) {
        let line = self.line(event, text, attributes);
        let from = self.held.len();
        self.held.extend_from_slice(&line);
        self.show_from(from);
    }

    /// Adds one of the layer's own records before everything that is not written yet.
    pub(crate) fn note_first(
        &mut self,
        event: &'static str,
        text: &str,
        attributes: &[(&'static str, Value<'_>)],
    ) {
        let line = self.line(event, text, attributes);
        self.show(&line);
        self.held.splice(self.written..self.written, line);
    }

    fn line(&self, event: &'static str, text: &str, attributes: &[(&'static str, Value<'_>)]) -> Vec<u8> {
        self.system.line(self.lane.channel, event, text, attributes)
    }

    /// Shows mirror and detectors what was held so far, and from now on what comes.
    pub(crate) fn start_showing(&mut self) {
        self.shows = true;
        self.show_from(0);
    }

    /// Shows what is held from an offset on. To be called once for every line, when it comes to be held: it may be written
    /// to files more than once.
    pub(crate) fn show_from(&self, from: usize) {
        if from < self.held.len() {
            self.show(&self.held[from..]);
        }
    }

    fn show(&self, lines: &[u8]) {
        if !self.shows {
            return;
        }
        if let Some(mirror) = &self.mirror
            && mirror.write(lines).is_err()
        {
            self.lane.metrics.write_error(self.lane.channel, Trouble::Mirror);
        }
        if let Some(watch) = &self.watch {
            watch.observe(self.lane.channel, lines);
        }
    }

    /// Held bytes that a sync would make durable, or that wait to be written.
    pub(crate) fn undurable(&self) -> usize {
        self.held.len() - self.durable
    }

    /// Writes everything held, and syncs it if asked. Moves on to other files and other roots while there are any;
    /// an error means that none is left, and that everything not durable is still held.
    pub(crate) fn flush(&mut self, sync: bool) -> io::Result<()> {
        let mut failures_here = 0;
        loop {
            let place = self.place;
            let error = match self.pass(sync) {
                Ok(()) => {
                    self.struggling = false;
                    return Ok(());
                }
                Err(error) => error,
            };
            self.struggling = true;
            failures_here = if place == self.place { failures_here + 1 } else { 1 };
            // A full disk stays full, and a root where no file opens is gone; after an error in a file the next
            // file deserves a chance.
            let hopeless = is_full(&error) || self.no_file || failures_here > 1;
            if !hopeless {
                continue;
            }
            if self.place + 1 == self.places.len() {
                return Err(error);
            }
            self.leave();
            self.place += 1;
            failures_here = 0;
        }
    }

    fn pass(&mut self, sync: bool) -> io::Result<()> {
        self.no_file = false;
        self.turn_if_due()?;
        while self.written < self.held.len() {
            let Some(live) = &mut self.live else {
                self.open_shard()?;
                continue;
            };
            let room = self.shard_bytes.saturating_sub(live.lines.bytes + SEAL_MAX as u64);
            let fits = whole_records(&self.held[self.written..], room, live.lines.bytes == 0);
            if fits == 0 {
                self.close_shard()?;
                continue;
            }
            // What does not fit begins another file, and this one ends with a seal.
            let end = self.written + fits;
            self.append(end, sync || end < self.held.len())?;
        }
        if sync { self.sync() } else { Ok(()) }
    }

    /// A new day, or a live file that is no longer where its name says, begins another file.
    fn turn_if_due(&mut self) -> io::Result<()> {
        let Some(live) = &self.live else { return Ok(()) };
        if live.day != shard::day(self.clock.now()) {
            self.close_shard()?;
            // The first root gets another chance every day.
            self.place = 0;
            return Ok(());
        }
        if self.checked.elapsed() < CHECK_EVERY {
            return Ok(());
        }
        self.checked = Instant::now();
        // An error here says nothing of the file.
        let Ok(found) = self.storage.stat(&live.path) else { return Ok(()) };
        if found.is_some_and(|stat| stat.id == live.id) {
            return Ok(());
        }
        self.give_up();
        // What is not durable may have gone with the file: write it again.
        self.written = self.durable;
        self.lane.metrics.write_error(self.lane.channel, Trouble::Replaced);
        let what = if found.is_some() { "replaced" } else { "removed" };
        self.note(
            "sys_file_replaced",
            "the file being written was moved, removed or replaced by somebody else; a new one was begun",
            &[("what", Value::Text(what))],
        );
        Ok(())
    }

    fn open_shard(&mut self) -> io::Result<()> {
        let day = shard::day(self.clock.now());
        let folder = self.places[self.place].folder(&self.lane.name);
        match Live::create(&*self.storage, &folder, &self.lane.name, day) {
            Ok(live) => {
                self.live = Some(Live { provisional: self.struggling, ..live });
                self.checked = Instant::now();
                self.link();
                Ok(())
            }
            Err(error) => {
                self.no_file = true;
                self.lane.metrics.write_error(self.lane.channel, Trouble::Open);
                Err(error)
            }
        }
    }

    /// Points `<root>/<channel>.log` at the live file, on every root. A wrong link loses nothing, so an error is
    /// counted and no more.
    pub(crate) fn link(&self) {
        let Some(live) = &self.live else { return };
        for (i, place) in self.places.iter().enumerate() {
            let link = place.base.join(format!("{}.log", self.lane.name));
            let target = match live.path.strip_prefix(&place.base) {
                Ok(relative) => relative,
                Err(_) => &live.path,
            };
            let made = self.storage.link(target, &link);
            if made.is_err() && i == self.place {
                self.lane.metrics.write_error(self.lane.channel, Trouble::Link);
            }
        }
    }

    fn close_shard(&mut self) -> io::Result<()> {
        self.sync()?;
        self.publish(true);
        // One without its last checkpoint is closed by the next start.
        if let Some(live) = self.live.take()
            && live.told
            && live.published == live.durable.tree.size()
        {
            self.tell(Fact::ShardClosed { shard: live.durable.shard(&live.shard) });
        }
        Ok(())
    }

    /// Writes held bytes up to an offset, and a seal behind them, with one call.
    fn append(&mut self, end: usize, seal: bool) -> io::Result<()> {
        let Some(live) = &mut self.live else { return Ok(()) };
        // Asked of the file and not remembered: what somebody else wrote to it no seal of ours may cover, and where a
        // remembered length would cut could be within a durable record.
        if live.file.len()? != live.lines.bytes {
            self.lane.metrics.write_error(self.lane.channel, Trouble::Changed);
            self.abandon();
            return Err(io::Error::other("somebody else has written to the file"));
        }
        let records = end - self.written;
        let mut lines = live.lines.clone();
        lines.push(&self.held[self.written..end]);
        let mut joined = Vec::new();
        let mut to = end;
        if seal {
            let seal = self.places[self.place].books.seal(&live.shard, &lines.tree);
            lines.push(seal.as_bytes());
            // Behind the last held record there is room for it without a copy.
            if end == self.held.len() {
                self.held.extend_from_slice(seal.as_bytes());
                to = self.held.len();
            } else {
                joined = [&self.held[self.written..end], seal.as_bytes()].concat();
            }
        }
        let piece = if joined.is_empty() { &self.held[self.written..to] } else { &joined };
        let result = live.file.append(piece);
        let kept = match &result {
            Ok(()) => {
                live.lines = lines;
                Some(piece.len())
            }
            Err(error) => {
                self.lane.metrics.write_error(self.lane.channel, Trouble::Write);
                let kept = cut(live, piece).filter(|_| is_full(error));
                live.lines.push(&piece[..kept.unwrap_or(0)]);
                kept
            }
        };
        self.held.truncate(self.held.len() - (to - end));
        match kept {
            Some(kept) => self.written += kept.min(records),
            None => self.abandon(),
        }
        result
    }

    fn sync(&mut self) -> io::Result<()> {
        if self.written == self.durable {
            return Ok(());
        }
        if self.live.as_ref().is_some_and(|live| !live.lines.sealed()) {
            self.append(self.written, true)?;
        }
        let Some(live) = &mut self.live else { return Ok(()) };
        let from = Instant::now();
        if let Err(error) = live.file.sync() {
            self.lane.metrics.write_error(self.lane.channel, Trouble::Sync);
            self.abandon();
            return Err(error);
        }
        live.provisional = false;
        live.durable = live.lines.clone();
        self.lane.metrics.sync_seconds(self.lane.channel, from.elapsed().as_secs_f64());
        self.lane.metrics.sealed(self.lane.channel, self.clock.now());
        self.durable = self.written;
        if self.durable == self.held.len() {
            self.held.clear();
            self.durable = 0;
            self.written = 0;
        }
        if let Some(live) = self.live.as_mut().filter(|live| !live.told) {
            // Now that the shard is durable: the ledger never names one that a power cut could take back.
            live.told = true;
            let shard = live.shard.clone();
            self.tell(Fact::ShardOpened { shard });
        }
        if self.until_publishing().is_some_and(|left| left.is_zero()) {
            self.publish(false);
        }
        Ok(())
    }

    /// How long the checkpoint has to wait; `None`: it covers everything durable.
    pub(crate) fn until_publishing(&self) -> Option<Duration> {
        let live = self.live.as_ref()?;
        let waits = live.durable.tree.size() > live.published;
        waits.then(|| self.published.map_or(Duration::ZERO, |at| PUBLISH_EVERY.saturating_sub(at.elapsed())))
    }

    /// Publishes how far the live shard is durable: its checkpoint, the last one durably, and the lock file. Both can be made again from the
    /// seals, so that an error is counted, and tried again with the next ones.
    pub(crate) fn publish(&mut self, last: bool) {
        self.published = Some(Instant::now());
        let books = &self.places[self.place].books;
        let mut failed = books.settle().is_err().then_some(Trouble::Ledger);
        let waits = |live: &&mut Live| live.durable.tree.size() > if last { 0 } else { live.published };
        if let Some(live) = self.live.as_mut().filter(waits) {
            let tree = &live.durable.tree;
            books.heads.set(&live.shard, tree.size(), tree.root());
            live.published = if books.publish(&live.path, &live.shard, tree, last).is_ok() {
                tree.size()
            } else {
                failed = Some(Trouble::Checkpoint);
                0
            };
        }
        if books.lock_in().is_err() {
            failed = Some(Trouble::LockFile);
        }
        if let Some(kind) = failed {
            self.lane.metrics.write_error(self.lane.channel, kind);
        }
    }

    /// Enters a fact in the ledger. One that it does not take now waits, is tried again with each checkpoint and at the
    /// end, and found again by the next start's recovery; that it waits is counted, and told in the channel.
    fn tell(&mut self, fact: Fact) {
        let books = &self.places[self.place].books;
        let before = books.untold();
        let Err(error) = books.tell(fact) else { return };
        self.lane.metrics.write_error(self.lane.channel, Trouble::Ledger);
        if before == 0 {
            report::say(&format!("the ledger beside channel {} cannot be written: {error}", self.lane.name));
            self.note(
                "sys_ledger_unwritten",
                "the ledger cannot be written; what belongs there waits in memory",
                &[],
            );
        }
    }

    /// Gives the live file up without another word to it: what it holds beyond the last good sync is unknown.
    fn abandon(&mut self) {
        self.written = self.durable;
        if self.live.as_ref().is_some_and(|live| live.provisional) {
            let Some(live) = self.live.take() else { return };
            // Retries must not fill the folder with copies; everything in this one is held.
            let _ = self.storage.remove(&live.path);
        }
        self.give_up();
    }

    /// Lets go of the live file, whatever it holds. The next start looks at it and closes it in the ledger.
    fn give_up(&mut self) {
        if let Some(live) = self.live.take()
            && live.told
        {
            self.tell(Fact::ShardAbandoned { shard: live.durable.shard(&live.shard) });
        }
    }

    /// Leaves the live file for another root, in order if it can be.
    fn leave(&mut self) {
        if self.close_shard().is_err() {
            self.abandon();
        }
    }

    /// Writes and syncs what stands first in line and no more, in the live file.
    pub(crate) fn flush_first(&mut self) -> io::Result<()> {
        if self.live.is_none() {
            self.open_shard()?;
        }
        let rest = &self.held[self.written..];
        let Some(end) = rest.iter().position(|b| *b == b'\n') else { return Ok(()) };
        self.append(self.written + end + 1, true)?;
        self.sync()
    }
}

/// Whether the error is about room, which may come back, and not about the file.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// What a witness or a reader of the checkpoint may wait for, and far more than a signature costs.
const PUBLISH_EVERY: Duration = Duration::from_secs(1);
/// A `stat` costs two microseconds; a second of records is what a removed file may cost.
const CHECK_EVERY: Duration = Duration::from_secs(1);
