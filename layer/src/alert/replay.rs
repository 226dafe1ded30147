//! The detectors over records that are written already: what would have fired, and when.

use std::path::Path;
use std::sync::Arc;

use super::Alert;
use super::detect::Detector;
use super::engine::Engine;
use super::keys::{self, Salt};
use super::stream::SECOND;
use crate::ledger::{self, Entry};
use crate::policy::Policy;
use crate::storage::Storage;

/// Detectors as a policy sets them, to be shown the records of a log in the order of their times.
///
/// The time is that of the records: an alert fires at most a second of theirs after the record that made it, as in a running
/// service.
///
/// ```
/// use dihya::{Policy, Sector, alert::Replay};
///
/// let mut replay = Replay::new(&Policy::sector(Sector::Generic), i64::MAX);
/// for second in 10..16 {
///     let line = format!(
///         "{{\"v\":1,\"id\":\"019ca8ab-bc63-774b-8000-000000000000\",\"timestamp\":\"2026-03-01T09:12:{second}.000000Z\",\
///          \"channel\":\"security\",\"level\":\"SECURITY\",\"event_name\":\"authn_login_fail\",\"user_id\":\"u-7\"}}"
///     );
///     replay.record("security", line.as_bytes());
/// }
/// replay.end();
/// assert_eq!(replay.take()[0].detector, "auth_bruteforce");
/// ```
#[derive(Debug)]
pub struct Replay {
    engine: Engine,
    salt: Salt,
    /// What the clock says, for records that lie ahead of it.
    clock: i64,
    ticked: Option<i64>,
    alerts: Vec<Alert>,
    /// Of the ledger, the newest first.
    entries: Vec<Entry>,
    records: u64,
}

impl Replay {
    /// With the detectors of a policy. `clock` is the time now, in microseconds since 1970-01-01T00:00:00Z.
    pub fn new(policy: &Policy, clock: i64) -> Replay {
        Replay::with(policy, clock, Vec::new())
    }

    /// The same with detectors of a service's own.
    pub fn with(policy: &Policy, clock: i64, own: Vec<Box<dyn Detector>>) -> Replay {
        let engine = Engine::new(policy, own);
        let salt = Salt::drawn();
        Replay { engine, salt, clock, ticked: None, alerts: Vec::new(), entries: Vec::new(), records: 0 }
    }

    /// With the fingerprints that the service gives in a log: those of the salt in its state folder.
    #[must_use]
    pub fn salted(mut self, storage: Arc<dyn Storage>, state: &Path) -> Replay {
        let is_there = storage.stat(&state.join(keys::FILE)).is_ok_and(|stat| stat.is_some());
        // Whoever only looks makes none.
        if is_there {
            self.salt = Salt::of_log(storage, state);
        }
        self
    }

    /// Of one instance among several of the service.
    #[must_use]
    pub fn of_instance(mut self, instance: Option<String>) -> Replay {
        self.engine.of_instance(instance);
        self
    }

    /// With entries of the ledger, to be told between the records by their times.
    #[must_use]
    pub fn with_ledger(mut self, mut entries: Vec<Entry>) -> Replay {
        entries.sort_by(|a, b| b.timestamp.cmp(&a.timestamp));
        self.entries = entries;
        self
    }

    /// The next record, without its newline. What is no record is left out.
    pub fn record(&mut self, channel: &str, line: &[u8]) {
        let channel = self.engine.channel(channel);
        let Some(time) = self.engine.time_of(channel, line) else { return };
        self.entries_until(&ledger::time(time));
        self.catch_up(time);
        self.engine.observe(channel, line, self.clock);
        self.records += 1;
    }

    fn entries_until(&mut self, until: &str) {
        while let Some(entry) = self.entries.pop_if(|entry| *entry.timestamp <= *until) {
            self.entry(&entry);
        }
    }

    /// The next entry of the ledger, by its time among the records.
    pub fn entry(&mut self, entry: &Entry) {
        if let Ok(time) = chrono::DateTime::parse_from_rfc3339(&entry.timestamp) {
            self.catch_up(time.timestamp_micros());
        }
        self.engine.fact(entry);
    }

    /// No more records: what is pending fires.
    pub fn end(&mut self) {
        while let Some(entry) = self.entries.pop() {
            self.entry(&entry);
        }
        self.pass();
    }

    /// What was said since this was last asked, in order: that something fires, fires more, is over.
    pub fn take(&mut self) -> Vec<Alert> {
        std::mem::take(&mut self.alerts)
    }

    /// What still fires.
    pub fn firing(&mut self) -> Vec<Alert> {
        self.engine.firing(&self.salt)
    }

    /// How many records there were.
    pub fn records(&self) -> u64 {
        self.records
    }

    /// How many keys each detector forgot since this was last asked, for want of room.
    pub fn take_evicted(&mut self) -> Vec<(String, u64)> {
        self.engine.take_evicted().into_iter().map(|(name, count)| (name.to_owned(), count)).collect()
    }

    /// Ticks until the time of the record that comes: every second in which something was recorded, every minute between.
    fn catch_up(&mut self, time: i64) {
        let Some(ticked) = self.ticked else {
            self.ticked = Some(self.engine.move_to(time));
            return;
        };
        let until = self.engine.peek(time);
        if until.saturating_sub(ticked) < SECOND {
            return;
        }
        self.pass();
        let mut at = ticked.saturating_add(MINUTE);
        let mut steps = 0;
        // A quiet time of months has nothing that its first weeks did not have.
        while at < until && steps < STEPS {
            self.engine.move_to(at);
            self.pass();
            at = at.saturating_add(MINUTE);
            steps += 1;
        }
        self.ticked = Some(self.engine.move_to(until));
    }

    fn pass(&mut self) {
        let Replay { engine, salt, alerts, .. } = self;
        engine.pass(salt, |alert| alerts.push(alert));
    }
}

const MINUTE: i64 = 60 * SECOND;
const STEPS: u32 = 28 * 1440;
