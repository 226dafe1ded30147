//! The layer's own exporter: a thread that follows the journal's files.
//!
//! It shares nothing with the journal but the disk, so that no receiver, however slow or gone, holds up a record.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::cursor;
use super::error::ShipError;
use super::from::From;
use super::seen::Seen;
use super::ship::{Parts, Pass, Shipper};
use crate::archive::Identities;
use crate::catalog::{Base, Places};
use crate::clock::Clock;
use crate::metrics::{Metrics, Outcome};
use crate::policy::Policy;
use crate::report;
use crate::storage::Storage;
use crate::thread;

/// The running thread.
#[derive(Debug)]
pub(crate) struct Exporter(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<Stage>,
    changed: Condvar,
    /// Nobody waits for it any more.
    given_up: AtomicBool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    #[default]
    Running,
    /// The journal is closed: send what is left.
    Ending,
    Ended,
}

/// What the thread works with.
#[derive(Clone, Debug)]
pub(crate) struct Work {
    pub(crate) policy: Arc<Policy>,
    pub(crate) storage: Arc<dyn Storage>,
    pub(crate) clock: Clock,
    pub(crate) metrics: Arc<Metrics>,
    /// The folder of each root.
    pub(crate) bases: Vec<Base>,
}

impl Exporter {
    /// Writes down where exporting begins, where none was before, and starts the thread. It is called before the first record
    /// is logged.
    pub(crate) fn start(work: Work) -> Result<Exporter, String> {
        let mut shippers = Vec::new();
        for base in &work.bases {
            shippers.push(open(&work, base).map_err(|error| error.to_string())?);
        }
        work.metrics.otlp().begin(work.clock.now());
        let shared = Arc::new(Shared::default());
        let theirs = Arc::clone(&shared);
        std::thread::Builder::new()
            .name("dihya-otlp".into())
            .spawn(move || {
                thread::forbid();
                step_back();
                run(&work, shippers, &theirs);
                theirs.set(Stage::Ended);
            })
            .map_err(|error| format!("the exporter's thread cannot start: {error}"))?;
        Ok(Exporter(shared))
    }

    /// The journal is closed: has the last records sent, and waits for that until the deadline. What is not sent by then is
    /// sent by the next run.
    pub(crate) fn finish(&self, deadline: Instant) {
        self.0.set(Stage::Ending);
        let mut stage = self.0.stage();
        while *stage != Stage::Ended {
            let Some(left) = deadline.checked_duration_since(Instant::now()) else { break };
            stage = self.0.changed.wait_timeout(stage, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        self.0.given_up.store(true, Ordering::Release);
    }
}

impl Shared {
    fn stage(&self) -> std::sync::MutexGuard<'_, Stage> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, stage: Stage) {
        *self.stage() = stage;
        self.changed.notify_all();
    }

    /// Sleeps, unless the end has begun; whether it has.
    fn sleep(&self, time: Duration) -> bool {
        let stage = self.stage();
        let slept = self.changed.wait_timeout_while(stage, time, |stage| *stage == Stage::Running);
        *slept.unwrap_or_else(PoisonError::into_inner).0 != Stage::Running
    }
}

/// `None`: another process is at it.
fn open(work: &Work, base: &Base) -> Result<Option<Shipper>, ShipError> {
    let parts = || Parts {
        policy: &work.policy,
        storage: Arc::clone(&work.storage),
        places: Places::of(&work.policy),
        base,
        clock: work.clock.clone(),
        identities: Identities::none(),
        channels: &[],
    };
    let is_new = cursor::read(&*work.storage, &base.state).map_err(ShipError::Io)?.is_none();
    let begun = Shipper::open(parts(), is_new.then_some(&From::Now)).and_then(|mut shipper| {
        shipper.settle().map_err(ShipError::Io)?;
        Ok(shipper)
    });
    match begun {
        Ok(shipper) => Ok(Some(shipper)),
        Err(ShipError::Busy { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

fn run(work: &Work, mut shippers: Vec<Option<Shipper>>, shared: &Shared) {
    let stop = || shared.given_up.load(Ordering::Acquire);
    loop {
        let ending = *shared.stage() != Stage::Running;
        let mut pause = POLL;
        for (shipper, base) in shippers.iter_mut().zip(&work.bases) {
            let pass = catch_unwind(AssertUnwindSafe(|| {
                if shipper.is_none() {
                    *shipper = reopened(work, base);
                }
                shipper.as_mut().map(|shipper| shipper.pass(&stop, &mut |seen| note(work, &seen)))
            }));
            match pass {
                Ok(Some(Pass::Wait(wait))) => pause = pause.min(wait),
                Ok(_) => {}
                Err(_) => {
                    // It begins again from the disk.
                    *shipper = None;
                    work.metrics.otlp().failed("panic");
                    report::say_at_once("the exporter panicked; it goes on from its cursor in ten seconds");
                    pause = AFTER_PANIC;
                }
            }
        }
        // With a receiver that is gone there is no use in waiting at the end: the next run goes on from here.
        if ending || shared.sleep(pause) && stop() {
            return;
        }
    }
}

fn reopened(work: &Work, base: &Base) -> Option<Shipper> {
    open(work, base).unwrap_or_else(|error| {
        work.metrics.otlp().failed("storage");
        report::say(&format!("the exporter cannot go on: {error}"));
        None
    })
}

fn note(work: &Work, seen: &Seen<'_>) {
    let metrics = work.metrics.otlp();
    match seen {
        Seen::Exported { channel, records, time } => {
            metrics.records(Outcome::Exported, *records);
            metrics.exported(channel, *time);
        }
        Seen::Rejected { channel, records, id, why, .. } => {
            metrics.records(Outcome::Rejected, *records);
            let which = id.map_or_else(String::new, |id| format!(", {id}"));
            report::say(&format!(
                "the receiver does not take {records} records of {channel}{which}: {why}; they stay in the log"
            ));
        }
        Seen::Gone { shard, purged, .. } => {
            let how = if *purged { "purged" } else { "taken away" };
            report::say_at_once(&format!("{shard} was {how} before all of it was exported"));
        }
        Seen::GoneRecords { records, .. } => metrics.records(Outcome::Gone, *records),
        Seen::Unreadable { channel, lines } => {
            metrics.records(Outcome::Unreadable, *lines);
            report::say(&format!(
                "{lines} lines of {channel} are no records, and were not exported: see `dihya verify`"
            ));
        }
        Seen::Again { shard } => report::say_at_once(&format!(
            "{shard} is not what was exported from it before; it is sent again from its beginning"
        )),
        Seen::Waiting { channel, since } => {
            metrics.waiting(channel, since.unwrap_or_else(|| work.clock.now()))
        }
        Seen::Failed { channel, reason, why, pause, .. } => {
            metrics.failed(reason);
            let whose = channel.map_or_else(String::new, |channel| format!("{channel}: "));
            report::say(&format!(
                "records are not exported: {whose}{why}; the next attempt is in {} s",
                pause.as_secs_f32().ceil()
            ));
        }
    }
}

/// The service comes first. A kernel that refuses leaves us as we are.
fn step_back() {
    #[cfg(target_os = "linux")]
    let _ = rustix::process::setpriority_process(Some(rustix::thread::gettid()), NICE);
}

/// Records wait so long for others to share a request with.
const POLL: Duration = Duration::from_secs(1);
const AFTER_PANIC: Duration = Duration::from_secs(10);
#[cfg(target_os = "linux")]
const NICE: i32 = 10;
