//! Retention run by the layer itself, if the policy says so: `lifecycle.run`.
//!
//! A thread of low priority looks every hour what is due, and purges it as the service. What it did is in the ledger, and
//! on the scheduler channel. Another process at the same log makes it wait for the next hour.

use std::io;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};
use std::time::Duration;

use tracing_core::Level;

use crate::channel::Channel;
use crate::clock::Clock;
use crate::core::Core;
use crate::direct::Record;
use crate::hook::{Happened, Moment};
use crate::ledger::Ledger;
use crate::operation::{Caller, Kind, Operation, Outcome};
use crate::policy::Policy;
use crate::purge::{Folders, Log, Report};
use crate::retain::{Action, Trust};
use crate::storage::Storage;

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

fn watch(core: &Weak<Core>, stop: &Stop) {
    step_back();
    let mut wait = FIRST;
    let mut noted = None;
    loop {
        let asked = stop.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = stop.changed.wait_timeout_while(asked, wait, |asked| !*asked);
        if *waited.unwrap_or_else(PoisonError::into_inner).0 {
            return;
        }
        let Some(core) = core.upgrade() else { return };
        run(&core, &mut noted);
        wait = EVERY;
    }
}

/// The service comes first. A kernel that refuses leaves us as we are.
pub(crate) fn step_back() {
    #[cfg(target_os = "linux")]
    let _ = rustix::process::setpriority_process(Some(rustix::thread::gettid()), NICE);
}

/// One run over every base that has a ledger. `noted` is when a run was last noted in the ledger.
fn run(core: &Arc<Core>, noted: &mut Option<i64>) {
    let rules = core.rules();
    for (at, base) in core.journal.bases().iter().enumerate() {
        let state = rules.policy.state_folder(at, base);
        let is_new = noted.is_none_or(|at| core.clock.now() - at >= DAY);
        match once(&core.storage, base, &state, &rules.policy, &core.clock, is_new) {
            Ok(None) => {}
            Ok(Some((report, session))) => {
                *noted = Some(core.clock.now());
                tell(core, &report);
                tell_hooks(core, &report, session);
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => record(core, Level::ERROR, "retention_failed", &error.to_string(), None),
        }
    }
}

/// Purges what is due. `None`: nothing was, and no run has to be noted.
fn once(
    storage: &Arc<dyn Storage>,
    base: &Path,
    state: &Path,
    policy: &Policy,
    clock: &Clock,
    note: bool,
) -> io::Result<Option<(Report, String)>> {
    let ledger = Ledger::attach(Arc::clone(storage), base, state, clock.clone())?;
    let archives = Folders::of(Arc::clone(storage));
    let log = Log { storage: &**storage, base, ledger: &ledger, archives: &archives };
    if !note {
        let plan = log.plan(policy, clock, Trust::Checked)?;
        let idle = plan.alerts.is_empty() && plan.decisions.iter().all(|d| d.action != Action::Purge);
        if idle {
            return Ok(None);
        }
    }
    let caller = Caller::service(&policy.service.name);
    let begun =
        Operation::begin(Kind::Lifecycle, policy, &ledger, clock, &caller, None, Some("lifecycle.run"));
    let mut operation = begun.map_err(|error| io::Error::other(error.to_string()))?;
    let report = log.purge(policy, &mut operation, clock, Trust::Checked, None)?;
    let done = report.purged.len() + report.finished.len();
    let session = operation.session().to_owned();
    operation.end(match (report.failed.is_empty(), done) {
        (true, _) => Outcome::Success,
        (false, 0) => Outcome::Failure,
        (false, _) => Outcome::Partial,
    })?;
    Ok(Some((report, session)))
}

/// A run that found nothing is nothing that happened.
fn tell_hooks(core: &Arc<Core>, report: &Report, session: String) {
    let gone = report.purged.len() + report.finished.len();
    let outcome = match (report.failed.len(), gone) {
        (0, 0) => return,
        (0, _) => "success",
        (_, 0) => "failure",
        _ => "partial",
    };
    let bytes = report.purged.iter().map(|(_, bytes)| bytes).sum();
    core.hooks.tell(Moment::Purge, || {
        let happened = Happened::new(Moment::Purge, session, &core.rules().policy, &core.clock);
        happened.counting(gone as u64, bytes).ending(outcome)
    });
}

fn tell(core: &Arc<Core>, report: &Report) {
    for alert in &report.alerts {
        record(core, Level::WARN, "retention_alert", alert, None);
    }
    for (shard, why) in &report.failed {
        record(core, Level::ERROR, "retention_failed", &format!("{shard}: {why}"), None);
    }
    let gone = report.purged.len() + report.finished.len();
    record(core, Level::INFO, "retention_run", "retention looked what is due", Some(gone));
}

fn record(core: &Arc<Core>, level: Level, event: &'static str, message: &str, shards: Option<usize>) {
    let mut record = Record::new(Channel::SCHEDULER, event).level(level).message(message);
    if let Some(shards) = shards {
        record = record.number("shards_purged", i64::try_from(shards).unwrap_or(i64::MAX));
    }
    let plan = record.plan(&core.rules(), "dihya");
    core.direct(&plan, |values| record.fill(&plan, values), |_| ());
}

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
    use super::*;
    use crate::hold::day;
    use crate::key::Signer;
    use crate::ledger::{Fact, PolicyRef};
    use crate::profile::Sector;
    use crate::storage::Memory;

    fn disk() -> Memory {
        let disk = Memory::new();
        let (base, state) = (Path::new("/log"), Path::new("/log/state"));
        disk.create_dir(state).unwrap();
        let signer = Signer::from_seed(&[7; 32]);
        signer.save(&disk, &state.join("signing.key")).unwrap();
        let vkey = signer.public().vkey("clinic/-/ledger");
        let before = Clock::manual(day("2026-05-28").unwrap());
        let disk_too = Arc::new(disk.clone());
        let ledger =
            Ledger::open(disk_too, base, "clinic/-/ledger".into(), Arc::new(signer), before).unwrap();
        let policy = PolicyRef { version: None, sha256: String::new() };
        ledger.append(Fact::LogOpened { vkey, policy }.into()).unwrap();
        disk.put("/log/app/2024-01-15.jsonl", b"{\"timestamp\":\"2024-01-15T10:00:00.000000Z\"}\n");
        disk
    }

    fn once_on(disk: &Memory, roles: &str, note: bool) -> io::Result<Option<Report>> {
        Ok(run_once(disk, roles, note)?.map(|(report, _)| report))
    }

    fn run_once(disk: &Memory, roles: &str, note: bool) -> io::Result<Option<(Report, String)>> {
        let policy = Policy::parse(&format!("[storage]\nroot = \"/log\"\n{roles}"), "p").unwrap();
        let storage: Arc<dyn Storage> = Arc::new(disk.clone());
        let clock = Clock::manual(day("2026-06-01").unwrap());
        once(&storage, Path::new("/log"), Path::new("/log/state"), &policy, &clock, note)
    }

    #[test]
    fn the_service_purges_what_is_due_whatever_the_roles_say_of_people() {
        let disk = disk();
        let report = once_on(&disk, "[roles]\nadmin = [\"user:ada\"]\n", false).unwrap().unwrap();
        assert_eq!(report.purged.len(), 1);
        assert!(!disk.files().contains_key(Path::new("/log/app/2024-01-15.jsonl")));
        assert_eq!(once_on(&disk, "", false).unwrap(), None, "nothing is due any more");
        assert_eq!(
            once_on(&disk, "", true).unwrap(),
            Some(Report::default()),
            "noted once a day all the same"
        );
    }

    #[test]
    fn a_log_without_a_ledger_is_left_alone() {
        let disk = Memory::new();
        disk.put("/log/app/2024-01-15.jsonl", b"{}\n");
        let error = once_on(&disk, "", true).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        assert!(disk.files().contains_key(Path::new("/log/app/2024-01-15.jsonl")));
    }

    #[test]
    fn a_layer_whose_policy_says_so_runs_it_and_tells_the_scheduler_channel() {
        let disk = disk();
        let clock = Clock::manual(day("2026-06-01").unwrap());
        let policy = Policy::sector(Sector::Generic).root("/log").service("clinic", "1");
        let options = crate::Options::new(policy).storage(Arc::new(disk.clone())).clock(clock);
        let (_layer, guard) = options.open().unwrap();
        run(guard.handle().core(), &mut None);
        guard.handle().commit(Channel::SCHEDULER).unwrap();
        let text = disk.files().remove(Path::new("/log/scheduler/2026-06-01.jsonl")).unwrap();
        let text = String::from_utf8(text).unwrap();
        assert!(text.contains("\"event_name\":\"retention_run\""), "{text}");
        assert!(text.contains("\"shards_purged\":1"), "{text}");
        assert!(!disk.files().contains_key(Path::new("/log/app/2024-01-15.jsonl")));
    }
}
