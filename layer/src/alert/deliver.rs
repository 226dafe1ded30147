//! Delivery of alerts: at least once, off every other thread, whatever the receivers do.
//!
//! 1. **offer**: an alert is put into a bounded queue in memory; the call never waits. A full queue drops it, counted.
//! 2. **spool**: the thread `dihya-deliver` writes it into the folder of each receiver that wants it, and syncs it.
//! 3. **group**: the receiver's own thread `dihya-sink` waits half a second for company, and builds one message.
//! 4. **send**: one attempt, every step of it with a time limit. A receiver that hangs holds up its own thread and no other.
//! 5. **judge**: taken: forgotten. Refused for good (4xx but 408, 425, 429): counted and forgotten. Anything else: tried again
//!    with full jitter from one second to five minutes, not sooner than `Retry-After`, for 24 hours.
//!
//! Each alert has a key, the same in every attempt and after a restart, so that receivers can drop what came twice.

mod alertmanager;
mod answer;
mod http;
mod message;
mod schedule;
mod sink;
mod slack;
mod smtp;
mod spool;
#[cfg(test)]
pub(crate) mod tests;
mod way;
mod webhook;

use std::collections::VecDeque;
use std::io;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::{Alert, Severity, Status};
use crate::clock::{Clock, Rng};
use crate::ledger;
use crate::metrics::Metrics;
use crate::policy::{Given, Policy, Problem};
use crate::status::Undelivered;
use crate::storage::Storage;
use crate::{report, thread};

pub(crate) use answer::Answer;
pub(crate) use http::{Client, Request, address, secret};
use message::{Item, Message};
use sink::Sink;
use way::Way;

/// The way of an open log's alerts to their receivers.
#[derive(Debug, Default)]
pub(crate) struct Delivery(Option<Arc<Shared>>);

#[derive(Debug)]
struct Shared {
    sinks: Vec<Arc<Sink>>,
    metrics: Arc<Metrics>,
    queue: Mutex<Queue>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: VecDeque<Alert>,
    closed: bool,
    ended: bool,
}

/// What came of alerts, values of the label `outcome`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The receiver took it.
    Delivered,
    /// An attempt failed, and there will be another.
    Retried,
    /// There was no room for it.
    Dropped,
    /// The receiver refused it for good.
    Rejected,
    /// Nobody took it within 24 hours.
    Expired,
}

impl Outcome {
    pub(crate) const ALL: [Outcome; 5] =
        [Outcome::Delivered, Outcome::Retried, Outcome::Dropped, Outcome::Rejected, Outcome::Expired];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Outcome::Delivered => "delivered",
            Outcome::Retried => "retried",
            Outcome::Dropped => "dropped",
            Outcome::Rejected => "rejected",
            Outcome::Expired => "expired",
        }
    }
}

impl Delivery {
    /// Opens the spools in `folder` and starts the threads. Without receivers in the policy there is nothing to start.
    pub(crate) fn start(
        policy: &Policy,
        folder: &Path,
        storage: &Arc<dyn Storage>,
        clock: &Clock,
        rng: &Rng,
        metrics: &Arc<Metrics>,
    ) -> io::Result<Delivery> {
        let sinks = &policy.delivery.sinks;
        if sinks.is_empty() {
            return Ok(Delivery::default());
        }
        let limit = policy.delivery.spool_bytes / sinks.len() as u64;
        let open = |policy| Sink::open(policy, limit, folder, storage, clock, rng, metrics).map(Arc::new);
        let sinks = sinks.iter().map(open).collect::<io::Result<Vec<_>>>()?;
        let queue = Mutex::default();
        let shared = Arc::new(Shared { sinks, metrics: Arc::clone(metrics), queue, changed: Condvar::new() });
        // An error drops this, which ends the threads begun so far.
        let delivery = Delivery(Some(Arc::clone(&shared)));
        shared.sinks.iter().try_for_each(Sink::start)?;
        std::thread::Builder::new().name("dihya-deliver".into()).spawn(move || {
            thread::forbid();
            shared.spool();
            shared.queue().ended = true;
            shared.changed.notify_all();
        })?;
        Ok(delivery)
    }

    /// Takes an alert to be delivered. Never waits; a loss is counted.
    pub(crate) fn offer(&self, alert: Alert) {
        let Some(shared) = &self.0 else { return };
        let mut queue = shared.queue();
        if queue.closed || queue.waiting.len() >= QUEUE {
            drop(queue);
            for sink in shared.sinks.iter().filter(|sink| sink.wants(&alert)) {
                shared.metrics.delivery(&sink.name, Outcome::Dropped.name(), 1);
            }
            report::say("an alert is lost: the queue of those to be delivered is full or closed");
            return;
        }
        queue.waiting.push_back(alert);
        drop(queue);
        shared.changed.notify_all();
    }

    /// Spools what is queued, and gives each receiver one more attempt, until the deadline; what is left waits on disk for the
    /// next start. A second call does nothing.
    pub(crate) fn shutdown(&self, until: Instant) {
        let Some(shared) = &self.0 else { return };
        let mut queue = shared.queue();
        if std::mem::replace(&mut queue.closed, true) {
            return;
        }
        shared.changed.notify_all();
        // What is only in memory goes to disk, even if the deadline has passed.
        let spooled = until.max(Instant::now() + SPOOL);
        while !queue.ended && Instant::now() < spooled {
            let left = spooled.saturating_duration_since(Instant::now());
            queue = shared.changed.wait_timeout(queue, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        drop(queue);
        shared.sinks.iter().for_each(|sink| sink.close());
        for sink in &shared.sinks {
            sink.wait_ended(until);
        }
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        self.shutdown(Instant::now());
    }
}

impl Shared {
    fn spool(&self) {
        loop {
            let mut queue = self.queue();
            while queue.waiting.is_empty() && !queue.closed {
                queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
            }
            let alerts: Vec<Alert> = queue.waiting.drain(..).collect();
            drop(queue);
            if alerts.is_empty() {
                return;
            }
            self.sinks.iter().for_each(|sink| sink.add(&alerts));
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the receivers and hooks of a policy take from the environment or from files, and is not there.
pub(crate) fn missing(policy: &Policy) -> Vec<Problem> {
    let sinks = policy.delivery.sinks.iter().flat_map(|sink| {
        sink.to
            .given()
            .into_iter()
            .map(move |(key, given)| (format!("alerts.sinks.{}.{key}", sink.name), given))
    });
    let hooks = policy.hooks.iter().flat_map(|hook| {
        let headers = hook.headers.iter().map(|(_, _, value)| ("headers", value));
        let given = [("url", &hook.url)].into_iter().chain(headers);
        given.map(move |(key, given)| (format!("hooks.{}.{key}", hook.name), given))
    });
    sinks
        .chain(hooks)
        .filter_map(|(key, given)| {
            let why = given.get().err()?;
            let key = match given {
                Given::Env(_) => format!("{key}_env"),
                _ => format!("{key}_file"),
            };
            Some(Problem::of(
                key,
                "a variable or file that gives a value when the service starts",
                &why.to_string(),
            ))
        })
        .collect()
}

impl Alert {
    /// When it began, RFC 3339, UTC.
    pub fn since(&self) -> String {
        ledger::time(self.starts_at)
    }
}

/// What came of a test alert.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tried {
    /// Whether the receiver took it.
    pub delivered: bool,
    /// Whether another attempt would make sense.
    pub retry: bool,
    /// What came back, in a sentence.
    pub told: String,
    /// The beginning of what the receiver wrote. May be anything.
    pub answer: String,
}

/// Sends one alert that says it is a test to a receiver of the policy, and waits for what comes back. `None`: there is no
/// receiver of this name.
pub fn test(policy: &Policy, sink: &str, clock: &Clock) -> Option<Tried> {
    let sink = policy.delivery.sinks.iter().find(|known| known.name == sink)?;
    let now = clock.now();
    let alert = Alert {
        detector: "dihya_test".to_owned(),
        severity: Severity::Low,
        status: Status::Firing,
        fingerprint: message::hex(&now.to_be_bytes()),
        channel: "security".to_owned(),
        starts_at: now,
        updated_at: now,
        ends_at: None,
        count: 1,
        threshold: 1,
        summary: "This is a test of delivery; nothing has happened.".to_owned(),
        record: None,
        service: policy.service.name.clone(),
        instance: policy.service.instance.clone(),
    };
    let items = [Item { key: message::key(&alert), alert }];
    let (answer, text) = Way::new(&sink.to).try_one(&Message { items: &items, now, is_test: true });
    let (delivered, retry, told) = match answer {
        Answer::Delivered => (true, false, "the receiver took it".to_owned()),
        Answer::Later { after, why } => {
            let wait = after.map(|after| format!("; it asks to be left alone for {} s", after.as_secs()));
            (false, true, format!("{why}{}", wait.unwrap_or_default()))
        }
        Answer::Rejected(why) => (false, false, why.to_string()),
    };
    Some(Tried { delivered, retry, told, answer: text })
}

/// What waits in the spool of a log, without touching it: one entry for each receiver that has a folder there.
///
/// # Errors
/// Of the storage.
pub fn undelivered(storage: &dyn Storage, spool: &Path) -> io::Result<Vec<Undelivered>> {
    if storage.stat(spool)?.is_none() {
        return Ok(Vec::new());
    }
    let mut names = storage.list(spool)?;
    names.sort_unstable();
    let mut sinks = Vec::new();
    for name in names {
        let folder = spool.join(&name);
        if storage.stat(&folder)?.is_none_or(|stat| stat.kind != crate::storage::Kind::Dir) {
            continue;
        }
        let (waiting, bytes) = spool::look(storage, &folder)?;
        let last: Option<sink::LastError> = storage
            .read(&folder.join(sink::LAST), 0)
            .ok()
            .and_then(|file| serde_json::from_reader(io::Read::take(file, 4096)).ok());
        sinks.push(Undelivered {
            sink: name.to_string_lossy().into_owned(),
            alerts: waiting.len() as u64,
            bytes,
            oldest: waiting.iter().map(|waiting| waiting.at).min().map(ledger::time),
            attempts: last.as_ref().map_or(0, |last| last.attempts),
            last_error: last.map(|last| (last.at, last.kind)),
            waiting: waiting.into_iter().map(|waiting| waiting.item.alert).collect(),
        });
    }
    Ok(sinks)
}

/// Alerts come seldom: so many at once are a flood, and the detectors bound that themselves.
const QUEUE: usize = 1_024;

/// Long enough for a sync of a disk under load.
const SPOOL: Duration = Duration::from_millis(500);
