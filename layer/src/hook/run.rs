//! Running hooks: a queue, a thread that watches the time, and a worker that may be given up.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::{Happened, Hook};
use crate::metrics::Metrics;
use crate::policy::RedactPolicy;
use crate::redact::keys::KeyRules;
use crate::redact::scan::Scanner;
use crate::{report, thread};

/// Every hook of an open log.
#[derive(Default)]
pub(crate) struct Hooks(Vec<Line>);

/// One hook, and what waits for it.
struct Line {
    hook: Arc<dyn Hook>,
    shared: Arc<Shared>,
    metrics: Arc<Metrics>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Arc<Happened>>,
    closed: bool,
    ended: bool,
}

/// What came of a run, values of the label `outcome`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It ended well.
    Done,
    /// It answered an error.
    Failed,
    /// It panicked.
    Panicked,
    /// Its time was over.
    Timeout,
    /// It was not run: its queue was full, too many runs before it hang, or the log was closed.
    Dropped,
}

impl Outcome {
    pub(crate) const ALL: [Outcome; 5] =
        [Outcome::Done, Outcome::Failed, Outcome::Panicked, Outcome::Timeout, Outcome::Dropped];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Outcome::Done => "done",
            Outcome::Failed => "failed",
            Outcome::Panicked => "panicked",
            Outcome::Timeout => "timeout",
            Outcome::Dropped => "dropped",
        }
    }
}

impl Hooks {
    /// Starts a thread for each.
    pub(crate) fn start(hooks: Vec<Arc<dyn Hook>>, metrics: &Arc<Metrics>) -> io::Result<Hooks> {
        // An error drops the lines begun so far, which ends their threads.
        let mut lines = Hooks::default();
        for hook in hooks {
            let line = Line { hook, shared: Arc::default(), metrics: Arc::clone(metrics) };
            for outcome in Outcome::ALL {
                metrics.hook(&name(&*line.hook), outcome.name(), 0);
            }
            let (hook, shared, metrics) =
                (Arc::clone(&line.hook), Arc::clone(&line.shared), Arc::clone(metrics));
            std::thread::Builder::new().name("dihya-hooks".into()).spawn(move || {
                thread::forbid();
                watch(&hook, &shared, &metrics);
                shared.state().ended = true;
                shared.changed.notify_all();
            })?;
            lines.0.push(line);
        }
        Ok(lines)
    }

    /// Tells each hook that wants it. Never waits. `happened` is made only if one does.
    pub(crate) fn tell(&self, moment: super::Moment, happened: impl FnOnce() -> Happened) {
        let mut wanting = self.0.iter().filter(|line| wants(&*line.hook, moment)).peekable();
        if wanting.peek().is_none() {
            return;
        }
        let happened = Arc::new(happened());
        for line in wanting {
            let mut state = line.shared.state();
            if state.closed || state.waiting.len() >= MOST_WAITING {
                drop(state);
                line.metrics.hook(&name(&*line.hook), Outcome::Dropped.name(), 1);
            } else {
                state.waiting.push_back(Arc::clone(&happened));
                drop(state);
                line.shared.changed.notify_all();
            }
        }
    }

    /// Takes nothing more, and waits until what waits was run, or this is over; what is left is dropped, and counted. A second
    /// call does nothing.
    pub(crate) fn shutdown(&self, until: Instant) {
        let close = |line: &&Line| {
            let was = std::mem::replace(&mut line.shared.state().closed, true);
            line.shared.changed.notify_all();
            !was
        };
        let open: Vec<&Line> = self.0.iter().filter(close).collect();
        for line in open {
            let mut state = line.shared.state();
            while !state.ended && Instant::now() < until {
                let left = until.saturating_duration_since(Instant::now());
                let waited = line.shared.changed.wait_timeout(state, left);
                state = waited.unwrap_or_else(PoisonError::into_inner).0;
            }
            let left = state.waiting.drain(..).count() as u64;
            drop(state);
            line.metrics.hook(&name(&*line.hook), Outcome::Dropped.name(), left);
        }
    }
}

impl Drop for Hooks {
    fn drop(&mut self) {
        self.shutdown(Instant::now());
    }
}

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|line| name(&*line.hook))).finish()
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next(&self) -> Option<Arc<Happened>> {
        let mut state = self.state();
        loop {
            if let Some(happened) = state.waiting.pop_front() {
                return Some(happened);
            }
            if state.closed {
                return None;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// The hook's own code may panic anywhere.
pub(crate) fn name(hook: &dyn Hook) -> String {
    catch_unwind(AssertUnwindSafe(|| hook.name().to_owned())).unwrap_or_default()
}

fn wants(hook: &dyn Hook, moment: super::Moment) -> bool {
    catch_unwind(AssertUnwindSafe(|| hook.wants(moment))).unwrap_or(true)
}

fn watch(hook: &Arc<dyn Hook>, shared: &Shared, metrics: &Metrics) {
    let name = name(&**hook);
    let limit = catch_unwind(AssertUnwindSafe(|| hook.limit())).unwrap_or(Duration::from_secs(10));
    let hanging = Arc::new(AtomicUsize::new(0));
    let mut worker = None;
    while let Some(happened) = shared.next() {
        let (outcome, why) = run(hook, &mut worker, &hanging, &happened, limit);
        metrics.hook(&name, outcome.name(), 1);
        if outcome != Outcome::Done {
            report::say(&format!("the hook {name} was told of {}: {why}", happened.moment));
        }
    }
}

fn run(
    hook: &Arc<dyn Hook>,
    worker: &mut Option<Worker>,
    hanging: &Arc<AtomicUsize>,
    happened: &Arc<Happened>,
    limit: Duration,
) -> (Outcome, String) {
    if worker.is_none() {
        if hanging.load(Ordering::Acquire) >= MOST_HANGING {
            return (
                Outcome::Dropped,
                format!("not run, since {MOST_HANGING} runs before it have not ended"),
            );
        }
        match Worker::start(hook, hanging) {
            Ok(new) => *worker = Some(new),
            Err(error) => return (Outcome::Dropped, format!("no thread: {error}")),
        }
    }
    let Some(at_work) = worker else { return (Outcome::Dropped, String::new()) };
    if at_work.work.send(Arc::clone(happened)).is_err() {
        *worker = None;
        return (Outcome::Dropped, "its thread has ended".to_owned());
    }
    match at_work.answers.recv_timeout(limit) {
        Ok(answer) => answer,
        Err(RecvTimeoutError::Timeout) => {
            // The worker finds nobody to answer, and ends.
            *worker = None;
            (Outcome::Timeout, format!("it has not ended after {limit:?}, and is waited for no more"))
        }
        Err(RecvTimeoutError::Disconnected) => {
            *worker = None;
            (Outcome::Panicked, "its thread died".to_owned())
        }
    }
}

/// A thread that runs one hook, again and again.
struct Worker {
    work: SyncSender<Arc<Happened>>,
    answers: Receiver<(Outcome, String)>,
}

impl Worker {
    fn start(hook: &Arc<dyn Hook>, hanging: &Arc<AtomicUsize>) -> io::Result<Worker> {
        let (work, todo) = sync_channel::<Arc<Happened>>(1);
        let (answer, answers) = sync_channel(1);
        let (hook, alive) = (Arc::clone(hook), Alive::new(hanging));
        std::thread::Builder::new().name("dihya-hook".into()).spawn(move || {
            thread::forbid();
            let _alive = alive;
            for happened in todo {
                let ran = catch_unwind(AssertUnwindSafe(|| {
                    hook.run(&happened).map_err(|error| masked(&error.to_string()))
                }));
                let told = match ran {
                    Ok(Ok(())) => (Outcome::Done, String::new()),
                    Ok(Err(error)) => (Outcome::Failed, error),
                    Err(_) => (Outcome::Panicked, "it panicked".to_owned()),
                };
                if answer.send(told).is_err() {
                    return;
                }
            }
        })?;
        Ok(Worker { work, answers })
    }
}

/// Counts a worker for as long as its thread lives.
struct Alive(Arc<AtomicUsize>);

impl Alive {
    fn new(count: &Arc<AtomicUsize>) -> Alive {
        count.fetch_add(1, Ordering::AcqRel);
        Alive(Arc::clone(count))
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// An error's text, as it may be printed.
fn masked(text: &str) -> String {
    let rules = RedactPolicy::default();
    let masked = Scanner::new(&rules).masked(&KeyRules::new(&rules), text, &mut Vec::new());
    masked.chars().take(LONGEST).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Hooks are told of few things: so many at once are a loop.
const MOST_WAITING: usize = 256;
/// Runs of one hook that were given up and have not ended: each holds a thread.
const MOST_HANGING: usize = 4;
const LONGEST: usize = 300;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::hook::Moment;
    use crate::policy::Policy;
    use crate::profile::Sector;

    struct Acts(&'static str, Box<dyn Fn(u64) -> Result<(), String> + Send + Sync>);

    /// Long: the report of a panic takes its time.
    const BRITTLE: &str = "brittle";

    impl Hook for Acts {
        fn name(&self) -> &str {
            self.0
        }

        fn wants(&self, moment: Moment) -> bool {
            moment == Moment::Purge
        }

        fn limit(&self) -> Duration {
            Duration::from_millis(if self.0 == BRITTLE { 20_000 } else { 100 })
        }

        fn run(&self, happened: &Happened) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
            (self.1)(happened.count).map_err(Into::into)
        }
    }

    fn metrics() -> Arc<Metrics> {
        Arc::new(Metrics::new(&Policy::sector(Sector::Generic).root("/log")))
    }

    fn tell(hooks: &Hooks, moment: Moment, count: u64) {
        let policy = Policy::sector(Sector::Generic);
        hooks.tell(moment, || Happened::new(moment, "s", &policy, &Clock::manual(0)).counting(count, 0));
    }

    fn end(hooks: &Hooks) {
        hooks.shutdown(Instant::now() + Duration::from_secs(20));
    }

    #[test]
    fn a_hook_runs_for_what_it_wants_and_its_outcomes_are_counted() {
        let metrics = metrics();
        let sum = Arc::new(AtomicUsize::new(0));
        let theirs = Arc::clone(&sum);
        let hook = Acts(
            "sum",
            Box::new(move |n| {
                theirs.fetch_add(n as usize, Ordering::SeqCst);
                if n == 7 { Err("no".to_owned()) } else { Ok(()) }
            }),
        );
        let hooks = Hooks::start(vec![Arc::new(hook)], &metrics).unwrap();
        for (moment, n) in [(Moment::Purge, 1), (Moment::Hold, 100), (Moment::Purge, 7), (Moment::Purge, 2)] {
            tell(&hooks, moment, n);
        }
        end(&hooks);
        assert_eq!(sum.load(Ordering::SeqCst), 10);
        assert_eq!((metrics.hook_count("sum", "done"), metrics.hook_count("sum", "failed")), (2, 1));
        tell(&hooks, Moment::Purge, 1);
        assert_eq!(metrics.hook_count("sum", "dropped"), 1, "after the end");
    }

    #[test]
    fn a_panic_costs_its_own_run_alone() {
        let metrics = metrics();
        let hook = Acts(BRITTLE, Box::new(|n| if n == 1 { panic!("as it was asked to") } else { Ok(()) }));
        let hooks = Hooks::start(vec![Arc::new(hook)], &metrics).unwrap();
        tell(&hooks, Moment::Purge, 1);
        tell(&hooks, Moment::Purge, 2);
        end(&hooks);
        assert_eq!((metrics.hook_count(BRITTLE, "panicked"), metrics.hook_count(BRITTLE, "done")), (1, 1));
    }

    #[test]
    fn a_hanging_hook_is_given_up_and_delays_no_other() {
        let metrics = metrics();
        let (free, wait) = std::sync::mpsc::channel::<()>();
        let wait = Mutex::new(wait);
        let hangs = Acts(
            "hangs",
            Box::new(move |_| {
                let _ = wait.lock().map(|wait| wait.recv());
                Ok(())
            }),
        );
        let (told, quick) = std::sync::mpsc::channel();
        let quick_one = Acts("quick", Box::new(move |_| told.send(()).map_err(|e| e.to_string())));
        let hooks = Hooks::start(vec![Arc::new(hangs), Arc::new(quick_one)], &metrics).unwrap();
        let began = Instant::now();
        tell(&hooks, Moment::Purge, 1);
        assert!(quick.recv_timeout(Duration::from_secs(10)).is_ok());
        assert_eq!(metrics.hook_count("hangs", "timeout"), 0, "the other one was not waited for");
        for n in 0..6 {
            tell(&hooks, Moment::Purge, n);
        }
        end(&hooks);
        assert!(began.elapsed() < Duration::from_secs(15));
        let counts = ["timeout", "dropped", "done"].map(|outcome| metrics.hook_count("hangs", outcome));
        assert_eq!(counts, [4, 3, 0], "four threads hang, and no more");
        drop(free);
    }

    #[test]
    fn an_errors_text_is_redacted_before_it_is_printed() {
        let key = format!("AKIA{}", "QWERTYUIOPASDFGH");
        let text = masked(&format!("refused\n{key} by the server"));
        assert!(text.starts_with("refused ") && text.ends_with(" by the server"), "the rest stands");
        assert!(!text.contains(&key));
    }
}
