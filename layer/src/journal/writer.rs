//! A channel's writer: takes what is queued, writes it, syncs it, tells those who wait.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::policy::Sync;
use crate::record::system::Value;

use super::error::CommitError;
use super::lane::Lane;
use super::queue::KEPT;
use super::store::{Store, is_full};
use crate::report;

/// One channel's writer, on a thread of its own.
pub(crate) struct Writer {
    store: Store,
    lane: Arc<Lane>,
    sync: Sync,
    spare: Vec<u8>,
    /// The newest record taken, the newest durable one, and the bytes between.
    taken: u64,
    durable: u64,
    bytes: usize,
    /// Losses that a record tells of, and when the last such record was made.
    lost_noted: u64,
    noted_at: Option<Instant>,
    /// When the oldest record that is not durable was taken.
    oldest: Option<Instant>,
    /// When records last came.
    active: Instant,
}

impl Writer {
    pub(crate) fn new(store: Store, sync: Sync) -> Writer {
        let lane = Arc::clone(&store.lane);
        Writer {
            store,
            lane,
            sync,
            spare: Vec::new(),
            taken: 0,
            durable: 0,
            bytes: 0,
            lost_noted: 0,
            noted_at: None,
            oldest: None,
            active: Instant::now(),
        }
    }

    pub(crate) fn lane(&self) -> &Arc<Lane> {
        &self.lane
    }

    /// Returns when the queue is closed and everything in it is durable, or was given up.
    pub(crate) fn run(self) {
        // Dropped last, also in a panic: whoever waits must not wait for ever, and the locks are free by then.
        let _end = End(Arc::clone(&self.lane));
        let mut this = self;
        this.store.start_showing();
        this.store.set_reserve();
        this.store.link();
        loop {
            let closed = this.turn();
            if closed && (this.store.undurable() == 0 || this.given_up()) {
                this.store.publish(false);
                return;
            }
            this.rest();
        }
    }

    /// Takes and writes once; whether the end has come.
    fn turn(&mut self) -> bool {
        let from = self.store.held.len();
        let taken = self.lane.queue.take(&mut self.store.held, &mut self.spare);
        if taken.bytes > 0 {
            self.store.show_from(from);
            self.taken = taken.accepted;
            self.bytes += taken.bytes;
            self.active = Instant::now();
            self.oldest.get_or_insert_with(Instant::now);
        }
        let quiet = taken.bytes == 0 || taken.closed || taken.wanted > self.durable;
        if taken.lost > self.lost_noted && (quiet || self.noted_at.is_none_or(|at| at.elapsed() > NOTE_EVERY))
        {
            self.note_losses(taken.lost);
        }
        let due = taken.closed || taken.wanted > self.durable || self.sync_is_due();
        if self.store.undurable() > 0 || self.taken > self.durable {
            match self.store.flush(due) {
                Ok(()) if self.store.undurable() == 0 => self.acknowledge(),
                Ok(()) => {}
                Err(error) => self.stop(error),
            }
        }
        taken.closed && taken.bytes == 0
    }

    fn sync_is_due(&self) -> bool {
        match self.sync {
            Sync::Batch => true,
            // The bytes are held until they are durable, and the queue's bound covers them.
            Sync::Every(interval) => {
                self.store.undurable() > self.lane.queue.bound() / 4
                    || self.oldest.is_some_and(|at| at.elapsed() >= interval)
            }
        }
    }

    fn acknowledge(&mut self) {
        self.durable = self.taken;
        self.oldest = None;
        self.lane.queue.release(self.bytes);
        self.lane.acks.durable(self.durable, self.bytes as u64, self.lost_noted);
        self.bytes = 0;
    }

    fn note_losses(&mut self, lost: u64) {
        let records = lost - self.lost_noted;
        self.lost_noted = lost;
        self.noted_at = Some(Instant::now());
        self.oldest.get_or_insert_with(Instant::now);
        self.store.note(
            "sys_records_lost",
            "records were lost because the queue was full",
            &[("records", Value::Count(records))],
        );
    }

    /// Polls while records come; sleeps when none have come for a while.
    fn rest(&mut self) {
        if self.sync == Sync::Batch && self.store.undurable() > 0 {
            // A record of our own, about the storage's return.
            return;
        }
        if self.active.elapsed() < STAY_AWAKE {
            std::thread::park_timeout(POLL);
            return;
        }
        let until_publishing = self.store.until_publishing();
        if until_publishing.is_some_and(|left| left.is_zero()) {
            self.store.publish(false);
            return;
        }
        let until_sync = match (self.sync, self.oldest) {
            (Sync::Every(interval), Some(oldest)) => Some(interval.saturating_sub(oldest.elapsed())),
            _ => None,
        };
        if until_sync.is_none() {
            self.store.held.shrink_to(KEPT);
            self.spare.shrink_to(KEPT);
        }
        let until = until_sync.into_iter().chain(until_publishing).min();
        self.lane.queue.sleep(self.durable, until);
        self.active = Instant::now();
    }

    /// No file on any root takes our bytes. Says so where it can, then tries until one does or the end has come.
    fn stop(&mut self, mut error: std::io::Error) {
        let since = Instant::now();
        let lost_before = self.lane.queue.counts().1;
        let reason = if is_full(&error) { "disk_full" } else { "write_error" };
        report::say(&format!("channel {} cannot be written: {error}; trying again", self.lane.name));
        self.store.note_first(
            "sys_monitor_disabled",
            "the journal cannot write; records wait in memory",
            &[("reason", Value::Text(reason))],
        );
        if is_full(&error) {
            self.store.free_reserve();
            // If it fails it stands first in line all the same.
            let _ = self.store.flush_first();
        }
        let mut pause = FIRST_PAUSE;
        loop {
            self.lane.acks.failed(CommitError::Storage { source: Arc::new(error) });
            if self.pause(pause) {
                return;
            }
            match self.store.flush(true) {
                Ok(()) => break,
                Err(again) => error = again,
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        self.acknowledge();
        let lost = self.lane.queue.counts().1 - lost_before;
        report::say(&format!("channel {} is written again", self.lane.name));
        self.store.note(
            "sys_monitor_enabled",
            "the journal writes again",
            &[
                ("reason", Value::Text(reason)),
                ("seconds_stopped", Value::Count(since.elapsed().as_secs())),
                ("records_lost", Value::Count(lost)),
            ],
        );
        self.oldest.get_or_insert_with(Instant::now);
        self.store.set_reserve();
    }

    /// Waits; whether the end has come and nobody waits for us any longer.
    fn pause(&self, pause: Duration) -> bool {
        let until = Instant::now() + pause;
        loop {
            if self.given_up() {
                return true;
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            std::thread::park_timeout(left);
        }
    }

    fn given_up(&self) -> bool {
        self.lane.given_up.load(Ordering::Acquire)
    }
}

/// Marks the end of a writer, whatever ended it.
struct End(Arc<Lane>);

impl Drop for End {
    fn drop(&mut self) {
        self.0.queue.close();
        self.0.acks.ended();
    }
}

/// Shorter polls cost more wake-ups and gain nothing: a commit wakes the writer at once.
const POLL: Duration = Duration::from_millis(1);
/// A wake-up costs a producer microseconds; a poll costs nobody anything but a little power.
const STAY_AWAKE: Duration = Duration::from_millis(64);
/// A flood of losses must not become a flood of records about losses.
const NOTE_EVERY: Duration = Duration::from_millis(100);
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
