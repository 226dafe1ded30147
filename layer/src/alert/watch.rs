//! The detectors of an open layer: how the writers reach them, and the thread that says what they found.

use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;

use super::detect::Detector;
use super::engine::Engine;
use super::keys::Salt;
use super::{Alert, Status};
use crate::channel::Channel;
use crate::clock::Clock;
use crate::core::Core;
use crate::ledger::Tail;
use crate::lifecycle::step_back;
use crate::metrics::Metrics;
use crate::policy::{AlertPolicy, Policy};
use crate::record::system::Value;
use crate::{report, thread};

/// The detectors, for one thread at a time.
#[derive(Debug)]
pub(crate) struct Watch {
    engine: Mutex<Engine>,
    salt: OnceLock<Salt>,
    clock: Clock,
}

impl Watch {
    pub(crate) fn new(
        policy: &Policy,
        own: Vec<Box<dyn Detector>>,
        clock: Clock,
        metrics: &Metrics,
    ) -> Watch {
        let engine = Engine::new(policy, own);
        metrics.declare_alerts(engine.names());
        Watch { engine: Mutex::new(engine), salt: OnceLock::new(), clock }
    }

    /// Where the log keeps its salt, once it is open.
    pub(crate) fn salted(&self, salt: Salt) {
        let _ = self.salt.set(salt);
    }

    /// Called by a writer's thread with what it took from its queue: whole lines, each once.
    pub(crate) fn observe(&self, channel: Channel, lines: &[u8]) {
        let clock = self.clock.now();
        self.engine().observe(channel.index(), lines, clock);
    }

    /// Another policy is in force.
    pub(crate) fn follow(&self, alerts: &AlertPolicy, metrics: &Metrics) {
        let mut engine = self.engine();
        engine.follow(alerts);
        metrics.declare_alerts(engine.names());
    }

    /// What fires now.
    pub(crate) fn firing(&self) -> Vec<Alert> {
        self.engine().firing(self.salt())
    }

    fn salt(&self) -> &Salt {
        self.salt.get_or_init(Salt::drawn)
    }

    /// A panic within is caught there; nothing is left half done by one elsewhere.
    fn engine(&self) -> MutexGuard<'_, Engine> {
        self.engine.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Who gets the alerts, besides the log.
pub(crate) type Sink = Box<dyn FnMut(&Alert) + Send>;

/// The thread's end: dropping it says what is pending, and waits a moment for that.
pub(crate) struct Alerts(Arc<Stop>);

#[derive(Default)]
struct Stop {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    asked: bool,
    ended: bool,
}

impl Alerts {
    /// Starts the thread.
    pub(crate) fn start(core: &Arc<Core>, sink: Option<Sink>) -> io::Result<Alerts> {
        let stop = Arc::new(Stop::default());
        let (weak, theirs) = (Arc::downgrade(core), Arc::clone(&stop));
        std::thread::Builder::new().name("dihya-alerts".into()).spawn(move || {
            thread::forbid();
            step_back();
            let _ending = Ending(Arc::clone(&theirs));
            run(&weak, &theirs, sink);
        })?;
        Ok(Alerts(stop))
    }
}

impl Drop for Alerts {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.asked = true;
        self.0.changed.notify_all();
        // A sink that hangs must not hang the end of the service.
        let _ = self.0.changed.wait_timeout_while(state, AT_END, |state| !state.ended);
    }
}

impl fmt::Debug for Alerts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Alerts")
    }
}

impl Stop {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Marks the end of the thread, whatever ended it.
struct Ending(Arc<Stop>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.state().ended = true;
        self.0.changed.notify_all();
    }
}

fn run(core: &Weak<Core>, stop: &Stop, mut sink: Option<Sink>) {
    let mut tails = Vec::new();
    loop {
        let waited = stop.changed.wait_timeout_while(stop.state(), TICK, |state| !state.asked);
        let is_end = waited.unwrap_or_else(PoisonError::into_inner).0.asked;
        let Some(core) = core.upgrade() else { return };
        let Some(watch) = &core.watch else { return };
        if is_end {
            // What was logged a moment ago counts too.
            core.journal.drain(LAST_WORDS);
        }
        if tails.is_empty() {
            tails = core.journal.bases().iter().map(|base| Tail::new(base, READ_AT_THE_END)).collect();
        }
        let alerts = tick(&core, watch, &mut tails);
        for alert in &alerts {
            say(&core, alert, &mut sink);
        }
        if is_end {
            return;
        }
    }
}

/// One second: news from the ledger, then what time itself brings. The lock is free again when something is said.
fn tick(core: &Core, watch: &Watch, tails: &mut [Tail]) -> Vec<Alert> {
    let mut entries = Vec::new();
    for tail in tails {
        // It is there again at the next tick, and whoever writes to it says what is wrong with it.
        let _ = tail.read(&*core.storage, |entry| entries.push(entry.clone()));
    }
    let mut alerts = Vec::new();
    let mut engine = watch.engine();
    engine.clock(core.clock.now(), core.clock.monotonic());
    entries.iter().for_each(|entry| engine.fact(entry));
    engine.pass(watch.salt(), |alert| alerts.push(alert));
    for (detector, keys) in engine.take_evicted() {
        core.metrics.evicted(detector, keys);
    }
    engine.take_panicked().into_iter().for_each(|detector| core.metrics.detector_panicked(detector));
    alerts
}

fn say(core: &Core, alert: &Alert, sink: &mut Option<Sink>) {
    let event = match alert.status {
        Status::Firing => "alert_firing",
        Status::Resolved => "alert_resolved",
    };
    let record = alert.record.as_deref().unwrap_or("none");
    let attributes = [
        ("detector", Value::Text(&alert.detector)),
        ("severity", Value::Text(alert.severity.name())),
        ("fingerprint", Value::Text(&alert.fingerprint)),
        ("count", Value::Count(alert.count)),
        ("threshold", Value::Count(alert.threshold)),
        ("record", Value::Text(record)),
    ];
    let line = core.system.line(Channel::SECURITY, event, &alert.summary, &attributes);
    // This thread never waits for room; what is lost is counted.
    core.journal.append(Channel::SECURITY, &line);
    if alert.status == Status::Firing {
        core.metrics.alert(&alert.detector, alert.severity);
    }
    let Some(to) = sink else { return };
    if catch_unwind(AssertUnwindSafe(|| to(alert))).is_err() {
        report::say_at_once(
            "what gets the alerts panicked and gets no more; they are still in the security channel",
        );
        *sink = None;
    }
}

const TICK: Duration = Duration::from_secs(1);
/// The ledger is read once more when the service ends: nothing is left to the next run.
const READ_AT_THE_END: Duration = Duration::ZERO;
/// Records that were just logged reach their writer within milliseconds, if its disk works.
const LAST_WORDS: Duration = Duration::from_millis(100);
const AT_END: Duration = Duration::from_secs(1);
