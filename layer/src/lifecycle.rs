//! What the layer looks after by itself, on a thread of low priority.
//!
//! - If the policy says so (`lifecycle.run`), it looks every hour what is due, archives it where the policy names stores,
//!   and purges it, as the service. What it did is in the ledger, and on the scheduler channel, as is a hold whose review
//!   is due, once a day. Another process at the same log makes it wait for the next hour.
//! - An operation that was denied to somebody, which stands in the ledger, becomes a record of the security channel.

mod refusals;
mod work;

use std::io;
use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use tracing_core::Level;

use crate::channel::Channel;
use crate::core::Core;
use crate::direct::Record;
use crate::hook::{Happened, Moment};
use crate::thread;

use refusals::Refusals;
use work::{Done, Work};

/// The thread's end: dropping it lets the thread finish the shard it is at, and no other.
#[derive(Debug)]
pub(crate) struct Lifecycle(Arc<Stop>);

#[derive(Debug, Default)]
struct Stop {
    asked: Mutex<bool>,
    changed: Condvar,
}

impl Lifecycle {
    /// Starts the thread. It looks at the policy before each run, so that a reload counts.
    pub(crate) fn start(core: &Arc<Core>) -> io::Result<Lifecycle> {
        let stop = Arc::new(Stop::default());
        let (weak, theirs) = (Arc::downgrade(core), Arc::clone(&stop));
        std::thread::Builder::new().name("dihya-lifecycle".into()).spawn(move || watch(&weak, &theirs))?;
        Ok(Lifecycle(stop))
    }
}

impl Drop for Lifecycle {
    fn drop(&mut self) {
        *self.0.asked.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.0.changed.notify_all();
    }
}

impl Stop {
    fn is_asked(&self) -> bool {
        *self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the end was asked for within this time.
    fn within(&self, time: Duration) -> bool {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.changed.wait_timeout_while(asked, time, |asked| !*asked);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

fn watch(core: &Weak<Core>, stop: &Stop) {
    step_back();
    let mut due = Instant::now() + FIRST;
    let mut noted = None;
    let mut refusals = Refusals::default();
    while !stop.within(TICK) {
        let Some(core) = core.upgrade() else { return };
        refusals.tell(&core);
        if Instant::now() >= due && core.rules().policy.lifecycle {
            run(&core, &mut noted, stop);
            due = Instant::now() + EVERY;
        }
    }
}

/// The service comes first. A kernel that refuses leaves us as we are.
pub(crate) fn step_back() {
    #[cfg(target_os = "linux")]
    let _ = rustix::process::setpriority_process(Some(rustix::thread::gettid()), NICE);
}

/// One run over every base that has a ledger. `noted` is when a run was last noted in the ledger.
fn run(core: &Arc<Core>, noted: &mut Option<i64>, stop: &Stop) {
    let rules = core.rules();
    let is_new = noted.is_none_or(|at| core.clock.now() - at >= DAY);
    for (at, base) in core.journal.bases().iter().enumerate() {
        let state = rules.policy.state_folder(at, base);
        let stopped = || stop.is_asked();
        let work = Work {
            storage: &core.storage,
            base,
            state: &state,
            policy: &rules.policy,
            clock: &core.clock,
            stopped: &stopped,
        };
        // A client of a store logs too, and what it logs is not the service's.
        match thread::silently(|| work.once(is_new)) {
            Ok(None) => {}
            Ok(Some(done)) => {
                *noted = Some(core.clock.now());
                tell(core, &done);
                tell_hooks(core, &done);
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => record(core, Level::ERROR, "retention_failed", &error.to_string(), &[]),
        }
    }
}

fn tell(core: &Arc<Core>, done: &Done) {
    for alert in &done.purge.alerts {
        record(core, Level::WARN, "retention_alert", alert, &[]);
    }
    for review in &done.reviews {
        record(core, Level::WARN, "hold_review_due", review, &[]);
    }
    for (shard, why) in &done.unarchived {
        record(core, Level::ERROR, "archive_failed", &format!("{shard}: {why}"), &[]);
    }
    for (shard, why) in &done.purge.failed {
        record(core, Level::ERROR, "retention_failed", &format!("{shard}: {why}"), &[]);
    }
    let gone = done.purge.purged.len() + done.purge.finished.len();
    let counts = [("shards_archived", done.archived), ("shards_purged", gone)];
    record(core, Level::INFO, "retention_run", "retention looked what is due", &counts);
}

/// A run that found nothing is nothing that happened.
fn tell_hooks(core: &Arc<Core>, done: &Done) {
    let purge = &done.purge;
    let gone = purge.purged.len() + purge.finished.len();
    let bytes = purge.purged.iter().map(|(_, bytes)| bytes).sum();
    let all = [
        (Moment::Archive, done.unarchived.len(), done.archived, done.archived_bytes),
        (Moment::Purge, purge.failed.len(), gone, bytes),
    ];
    for (moment, failed, shards, bytes) in all {
        if failed + shards == 0 {
            continue;
        }
        core.hooks.tell(moment, || {
            let session = done.session.clone();
            let happened = Happened::new(moment, session, &core.rules().policy, &core.clock);
            happened.counting(shards as u64, bytes).ending(work::outcome(failed, shards).name())
        });
    }
}

fn record(
    core: &Arc<Core>,
    level: Level,
    event: &'static str,
    message: &str,
    counts: &[(&'static str, usize)],
) {
    let mut record = Record::new(Channel::SCHEDULER, event).level(level).message(message);
    for (name, count) in counts {
        record = record.number(name, i64::try_from(*count).unwrap_or(i64::MAX));
    }
    direct(core, &record);
}

fn direct(core: &Arc<Core>, record: &Record) {
    let plan = record.plan(&core.rules(), "dihya");
    core.direct(&plan, |values| record.fill(&plan, values), |_| ());
}

/// How long a refusal may stand in the ledger before it is told; one look at a file's length each time.
const TICK: Duration = Duration::from_secs(10);
/// After the start, so that a service that restarts again and again does not begin with this each time.
const FIRST: Duration = Duration::from_secs(5 * 60);
/// Often enough for a disk that fills.
const EVERY: Duration = Duration::from_secs(60 * 60);
/// A run that found nothing is noted once a day: the ledger's newest entry is what the clock is compared with.
const DAY: i64 = 86_400_000_000;
#[cfg(target_os = "linux")]
const NICE: i32 = 10;

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::work::tests::disk;
    use super::*;
    use crate::clock::Clock;
    use crate::hold::day;
    use crate::policy::Policy;
    use crate::profile::Sector;

    #[test]
    fn a_layer_whose_policy_says_so_runs_it_and_tells_the_scheduler_channel() {
        let disk = disk();
        let clock = Clock::manual(day("2026-06-01").unwrap());
        let policy = Policy::sector(Sector::Generic).root("/log").service("clinic", "1");
        let options = crate::Options::new(policy).storage(Arc::new(disk.clone())).clock(clock);
        let (_layer, guard) = options.open().unwrap();
        run(guard.handle().core(), &mut None, &Stop::default());
        guard.handle().commit(Channel::SCHEDULER).unwrap();
        let text = disk.files().remove(Path::new("/log/scheduler/2026-06-01.jsonl")).unwrap();
        let text = String::from_utf8(text).unwrap();
        assert!(text.contains("\"event_name\":\"retention_run\""), "{text}");
        assert!(text.contains("\"shards_purged\":1"), "{text}");
        assert!(!disk.files().contains_key(Path::new("/log/app/2024-01-15.jsonl")));
    }

    #[test]
    fn a_review_that_is_due_is_told_on_the_scheduler_channel_once_a_day() {
        let disk = disk();
        work::tests::hold(&disk, "case-12", "2026-05-01");
        let clock = Clock::manual(day("2026-06-01").unwrap());
        let policy = Policy::sector(Sector::Generic).root("/log").service("clinic", "1");
        let options = crate::Options::new(policy).storage(Arc::new(disk.clone())).clock(clock.clone());
        let (_layer, guard) = options.open().unwrap();
        let mut noted = None;
        let told = |noted: &mut Option<i64>| {
            run(guard.handle().core(), noted, &Stop::default());
            guard.handle().commit(Channel::SCHEDULER).unwrap();
            let files = disk.files().into_iter().filter(|(path, _)| path.starts_with("/log/scheduler"));
            let text: Vec<u8> = files.flat_map(|(_, bytes)| bytes).collect();
            String::from_utf8_lossy(&text).matches("\"event_name\":\"hold_review_due\"").count()
        };
        assert_eq!(told(&mut noted), 1);
        assert_eq!(told(&mut noted), 1, "not every hour");
        clock.set(clock.now() + DAY);
        assert_eq!(told(&mut noted), 2);
    }
}
