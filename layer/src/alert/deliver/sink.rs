//! One receiver: its spool, its schedule, its thread. None waits for another.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::Outcome;
use super::alertmanager;
use super::answer::{Answer, Failure};
use super::message::{Item, Message, key};
use super::schedule::backoff;
use super::spool::{Spool, Waiting};
use super::way::Way;
use crate::alert::{Alert, Severity, Status};
use crate::clock::{Clock, Rng, ThreadRng};
use crate::ledger;
use crate::metrics::Metrics;
use crate::policy::SinkPolicy;
use crate::storage::Storage;
use crate::{report, thread};

/// A receiver, as the threads that feed it and empty it share it.
#[derive(Debug)]
pub(super) struct Sink {
    pub(super) name: String,
    min_severity: Severity,
    way: Way,
    storage: Arc<dyn Storage>,
    folder: std::path::PathBuf,
    clock: Clock,
    rng: Rng,
    metrics: Arc<Metrics>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    spool: Spool,
    /// When the newest group was begun, if something came that was not tried yet.
    came: Option<Instant>,
    closing: bool,
    ended: bool,
}

/// Why the last attempt failed, for `dihya status`, which is another process.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct LastError {
    pub(crate) at: String,
    pub(crate) kind: String,
    pub(crate) attempts: u32,
}

impl Sink {
    pub(super) fn open(
        policy: &SinkPolicy,
        limit: u64,
        spool: &Path,
        storage: &Arc<dyn Storage>,
        clock: &Clock,
        rng: &Rng,
        metrics: &Arc<Metrics>,
    ) -> io::Result<Sink> {
        let folder = spool.join(&policy.name);
        let spool = Spool::open(Arc::clone(storage), folder.clone(), limit)?;
        for outcome in Outcome::ALL {
            metrics.delivery(&policy.name, outcome.name(), 0);
        }
        metrics.spool_bytes(&policy.name, spool.bytes());
        // What a former run left is tried at once.
        let came = (spool.len() > 0).then(Instant::now);
        Ok(Sink {
            name: policy.name.clone(),
            min_severity: policy.min_severity,
            way: Way::new(&policy.to),
            storage: Arc::clone(storage),
            folder,
            clock: clock.clone(),
            rng: rng.clone(),
            metrics: Arc::clone(metrics),
            state: Mutex::new(State { spool, came, closing: false, ended: false }),
            changed: Condvar::new(),
        })
    }

    pub(super) fn wants(&self, alert: &Alert) -> bool {
        alert.severity >= self.min_severity
    }

    /// Puts alerts where they wait.
    pub(super) fn add(&self, alerts: &[Alert]) {
        let wanted: Vec<&Alert> = alerts.iter().filter(|alert| self.wants(alert)).collect();
        if wanted.is_empty() {
            return;
        }
        let now = self.clock.now();
        let mut dropped = 0;
        let mut failed = None;
        let mut state = self.state();
        for alert in wanted {
            let (gone, written) = state.spool.add(alert.clone(), now);
            dropped += gone.len() as u64;
            failed = written.err().or(failed);
        }
        state.came.get_or_insert_with(Instant::now);
        let bytes = state.spool.bytes();
        drop(state);
        self.changed.notify_all();
        self.metrics.spool_bytes(&self.name, bytes);
        self.metrics.delivery(&self.name, Outcome::Dropped.name(), dropped);
        if dropped > 0 {
            report::say(&format!("{dropped} alerts for {} are lost: its spool is full", self.name));
        }
        if let Some(error) = failed {
            report::say(&format!(
                "alerts for {} wait in memory alone, and would be lost with the process: {error}",
                self.name
            ));
        }
    }

    /// Tries what waits once more, without patience, and ends.
    pub(super) fn close(&self) {
        self.state().closing = true;
        self.changed.notify_all();
    }

    /// Whether the thread has ended, which is waited for.
    pub(super) fn wait_ended(&self, until: Instant) -> bool {
        let mut state = self.state();
        while !state.ended {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    pub(super) fn start(self: &Arc<Sink>) -> io::Result<()> {
        let sink = Arc::clone(self);
        std::thread::Builder::new().name("dihya-sink".into()).spawn(move || {
            thread::forbid();
            let _ended = Ended(&sink);
            // A panic of ours or of a crate must not end the delivery of alerts: what was tried waits still.
            while std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| Run::new(&sink).work())).is_err() {
                report::say_at_once(&format!("delivery to {} panicked, and goes on", sink.name));
                std::thread::sleep(AFTER_PANIC);
                if sink.state().closing {
                    return;
                }
            }
        })?;
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Ended<'s>(&'s Sink);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        self.0.state().ended = true;
        self.0.changed.notify_all();
    }
}

/// What the thread of a receiver knows.
struct Run<'s> {
    sink: &'s Sink,
    /// What was sent together stays together until it is answered, so that its key stays the same.
    group: Vec<u64>,
    /// So many alerts are sent at once at most: one, after a group was refused, to find the one that is.
    most: usize,
    attempts: u32,
    /// Nothing is tried before this.
    not_before: Option<Instant>,
    /// What fires, by fingerprint, where a receiver wants to hear of it again.
    firing: BTreeMap<(String, String), Alert>,
    again: Instant,
    random: ThreadRng,
}

impl<'s> Run<'s> {
    fn new(sink: &'s Sink) -> Run<'s> {
        Run {
            sink,
            group: Vec::new(),
            most: GROUP,
            attempts: 0,
            not_before: None,
            firing: BTreeMap::new(),
            again: Instant::now() + alertmanager::AGAIN,
            random: ThreadRng::new(),
        }
    }

    fn work(mut self) {
        loop {
            let (group, closing) = self.next();
            if !group.is_empty() {
                self.deliver(&group);
            }
            if closing && (group.is_empty() || self.not_before.is_some()) {
                return;
            }
            self.say_again();
        }
    }

    /// Waits until something is to be tried. Empty: time to say again what fires, or to end.
    fn next(&mut self) -> (Vec<Waiting>, bool) {
        let mut state = self.sink.state();
        loop {
            self.expire(&mut state);
            let now = Instant::now();
            let resting = self.not_before.filter(|until| *until > now);
            // What just came may have company soon.
            let due = match (resting, state.came, state.spool.len()) {
                (_, _, 0) => None,
                (Some(until), _, _) => Some(until),
                (None, Some(came), _) => Some(came + WINDOW),
                (None, None, _) => Some(now),
            };
            if state.closing && (due.is_none() || resting.is_some()) {
                return (Vec::new(), true);
            }
            if due.is_some_and(|due| due <= now || state.closing) {
                state.came = None;
                let waiting: BTreeMap<u64, &Waiting> = state.spool.waiting().collect();
                self.group.retain(|n| waiting.contains_key(n));
                if self.group.is_empty() || self.group.len() > self.most {
                    self.group = waiting.keys().copied().take(self.most).collect();
                }
                let group = self.group.iter().filter_map(|n| waiting.get(n).map(|w| (*w).clone())).collect();
                return (group, state.closing);
            }
            let mut until = due.unwrap_or(now + IDLE).min(now + IDLE);
            if !self.firing.is_empty() {
                let again = self.again.max(resting.unwrap_or(now));
                if again <= now {
                    return (Vec::new(), false);
                }
                until = until.min(again);
            }
            let waited = self.sink.changed.wait_timeout(state, until.saturating_duration_since(now));
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// What nobody took within a day is no alert any more.
    fn expire(&self, state: &mut State) {
        let limit = self.sink.clock.now().saturating_sub(LIFETIME);
        let old: Vec<u64> = state.spool.waiting().filter(|(_, w)| w.at < limit).map(|(n, _)| n).collect();
        if old.is_empty() {
            return;
        }
        old.iter().for_each(|n| state.spool.done(*n));
        self.sink.metrics.delivery(&self.sink.name, Outcome::Expired.name(), old.len() as u64);
        self.sink.metrics.spool_bytes(&self.sink.name, state.spool.bytes());
        report::say(&format!("{} alerts for {} are given up after 24 hours", old.len(), self.sink.name));
    }

    fn deliver(&mut self, group: &[Waiting]) {
        let items: Vec<Item> = group.iter().map(|waiting| waiting.item.clone()).collect();
        let message = Message { items: &items, now: self.sink.clock.now(), is_test: false };
        match self.sink.way.send(&message) {
            Answer::Delivered => {
                self.took(&items);
                self.forget(Outcome::Delivered);
                self.rested();
            }
            Answer::Later { after, why } => self.later(after, &why, items.len() as u64),
            Answer::Rejected(why) if items.len() > 1 => {
                // One of them may be what it refuses.
                self.most = 1;
                self.group.clear();
                self.note(&why);
            }
            Answer::Rejected(why) => {
                report::say(&format!("{} refuses an alert for good: {why}", self.sink.name));
                self.forget(Outcome::Rejected);
                self.note(&why);
                self.attempts = 0;
                self.not_before = None;
            }
        }
    }

    fn took(&mut self, items: &[Item]) {
        if !matches!(self.sink.way, Way::Alertmanager(..)) {
            return;
        }
        for Item { alert, .. } in items {
            let name = (alert.detector.clone(), alert.fingerprint.clone());
            match alert.status {
                Status::Firing => drop(self.firing.insert(name, alert.clone())),
                Status::Resolved => drop(self.firing.remove(&name)),
            }
        }
        while self.firing.len() > FIRING {
            self.firing.pop_first();
        }
    }

    /// The group is through, one way or the other.
    fn forget(&mut self, outcome: Outcome) {
        let mut state = self.sink.state();
        self.group.iter().for_each(|n| state.spool.done(*n));
        let bytes = state.spool.bytes();
        if state.spool.len() == 0 {
            self.most = GROUP;
        }
        drop(state);
        self.sink.metrics.delivery(&self.sink.name, outcome.name(), self.group.len() as u64);
        self.sink.metrics.spool_bytes(&self.sink.name, bytes);
        self.group.clear();
    }

    fn later(&mut self, after: Option<Duration>, why: &Failure, alerts: u64) {
        self.attempts = self.attempts.saturating_add(1);
        let jitter = backoff(self.attempts, self.sink.rng.next(&mut self.random));
        self.not_before = Some(Instant::now() + jitter.max(after.unwrap_or_default()));
        self.sink.metrics.delivery(&self.sink.name, Outcome::Retried.name(), alerts);
        report::say(&format!("{} does not take alerts, which wait for it: {why}", self.sink.name));
        self.note(why);
    }

    fn rested(&mut self) {
        self.not_before = None;
        if std::mem::take(&mut self.attempts) > 0 {
            report::say(&format!("{} takes alerts again", self.sink.name));
        }
        // It is not there unless something failed.
        let _ = self.sink.storage.remove(&self.sink.folder.join(LAST));
    }

    /// For those who look from outside.
    fn note(&self, why: &Failure) {
        let last = LastError {
            at: ledger::time(self.sink.clock.now()),
            kind: why.kind(),
            attempts: self.attempts.max(1),
        };
        let text = serde_json::to_string(&last).unwrap_or_default();
        // It only helps who looks.
        let _ = ledger::replace(&*self.sink.storage, &self.sink.folder.join(LAST), text.as_bytes());
    }

    /// What fires is said again, whatever comes of it: the next minute says it once more.
    fn say_again(&mut self) {
        if self.firing.is_empty() || self.again > Instant::now() {
            return;
        }
        self.again = Instant::now() + alertmanager::AGAIN;
        let now = self.sink.clock.now();
        // An alert whose end never came does not fire for ever.
        self.firing.retain(|_, alert| alert.updated_at > now.saturating_sub(LIFETIME));
        let items: Vec<Item> =
            self.firing.values().map(|alert| Item { key: key(alert), alert: alert.clone() }).collect();
        for items in items.chunks(GROUP) {
            match self.sink.way.send(&Message { items, now, is_test: false }) {
                Answer::Delivered => self.rested(),
                Answer::Later { why, .. } | Answer::Rejected(why) => self.note(&why),
            }
        }
    }
}

/// The file with the last error, beside the segments.
pub(super) const LAST: &str = "last-error.json";
/// What comes within this goes together. Well below the two seconds in which an alert is to arrive.
const WINDOW: Duration = Duration::from_millis(500);
/// Alerts in one message.
const GROUP: usize = 100;
/// Alerts that one receiver is reminded of.
const FIRING: usize = 1_000;
/// Nothing is due: look after what expires.
const IDLE: Duration = Duration::from_secs(60);
const AFTER_PANIC: Duration = Duration::from_secs(1);
/// 24 hours.
const LIFETIME: i64 = 86_400_000_000;
