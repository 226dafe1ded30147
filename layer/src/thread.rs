//! What each thread keeps between events, so that an event allocates nothing and shares nothing.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tracing_core::Metadata;
use tracing_core::span::Id;

use crate::callsite::{Plan, Rules, address};
use crate::clock::ThreadRng;
use crate::core::Core;
use crate::metrics::ThreadCounters;
use crate::record::Outcome;
use crate::record::stamp::Stamp;
use crate::redact::scan::Found;
use crate::span::Nearby;
use crate::values::Values;

/// One thread's buffers and caches for one open layer.
#[derive(Debug)]
pub(crate) struct Thread {
    core: u64,
    epoch: u64,
    pub(crate) rules: Arc<Rules>,
    pub(crate) plans: PlanCache,
    pub(crate) work: Work,
    pub(crate) nearby: Nearby,
    pub(crate) counters: Arc<ThreadCounters>,
    pub(crate) rng: ThreadRng,
}

/// The buffers an event passes through.
#[derive(Debug, Default)]
pub(crate) struct Work {
    pub(crate) values: Values,
    pub(crate) found: Found,
    pub(crate) outcome: Outcome,
    pub(crate) line: Vec<u8>,
    pub(crate) stamp: Stamp,
}

/// A direct-mapped table of plans by their metadata's address.
#[derive(Debug)]
pub(crate) struct PlanCache(Box<[(usize, Option<Arc<Plan>>)]>);

impl PlanCache {
    const SLOTS: usize = 256;

    fn new() -> PlanCache {
        PlanCache((0..PlanCache::SLOTS).map(|_| (0, None)).collect())
    }

    /// The plan, compiled by `miss` if neither this thread nor another has seen the callsite.
    #[inline]
    pub(crate) fn get(
        &mut self,
        metadata: &'static Metadata<'static>,
        miss: impl FnOnce() -> Arc<Plan>,
    ) -> &Plan {
        let key = address(metadata);
        // Metadata is at least 8-byte aligned and over 100 bytes long: the bits above spread well.
        let slot = &mut self.0[(key >> 4 ^ key >> 12) % PlanCache::SLOTS];
        if slot.0 != key {
            *slot = (key, None);
        }
        slot.1.get_or_insert_with(miss)
    }
}

impl Thread {
    /// Runs `f` with this thread's state. A value whose formatting logs comes here again while the state is out: it
    /// gets another one. `None` when that goes too deep.
    #[inline]
    pub(crate) fn with<R>(core: &Arc<Core>, f: impl FnOnce(&mut Thread) -> R) -> Option<R> {
        let _depth = Depth::enter()?;
        let mut thread = Thread::take(core);
        let result = f(&mut thread);
        thread.put_back();
        Some(result)
    }

    #[inline]
    fn take(core: &Arc<Core>) -> Box<Thread> {
        let kept = THREADS.try_with(|cell| {
            let mut threads = cell.take();
            let kept =
                threads.iter().rposition(|t| t.core == core.id).map(|index| threads.swap_remove(index));
            cell.set(threads);
            kept
        });
        // Past the thread-local's own destruction there is nothing kept, and nothing to keep.
        let mut thread = match kept {
            Ok(Some(thread)) => thread,
            _ => Thread::new(core),
        };
        if thread.epoch != core.epoch.load(Ordering::Relaxed) {
            thread.renew(core);
        }
        thread
    }

    #[cold]
    fn new(core: &Arc<Core>) -> Box<Thread> {
        Box::new(Thread {
            core: core.id,
            epoch: u64::MAX,
            rules: core.rules(),
            plans: PlanCache::new(),
            work: Work::default(),
            nearby: Nearby::default(),
            counters: core.metrics.thread(),
            rng: ThreadRng::new(),
        })
    }

    /// Follows a change of policy.
    #[cold]
    fn renew(&mut self, core: &Core) {
        self.epoch = core.epoch.load(Ordering::Acquire);
        self.rules = core.rules();
        self.plans = PlanCache::new();
        self.nearby.clear();
    }

    #[inline]
    fn put_back(mut self: Box<Thread>) {
        if self.work.line.capacity() > KEPT || self.work.values.bytes.capacity() > KEPT {
            self.work.line = Vec::new();
            self.work.values.shrink();
            self.work.found.shrink();
        }
        let _ = THREADS.try_with(|cell| {
            let mut threads = cell.take();
            if threads.len() >= MANY {
                // Left behind by layers that are gone: only the metrics of a living one share the counters.
                threads.retain(|t| Arc::strong_count(&t.counters) > 1);
            }
            threads.push(self);
            cell.set(threads);
        });
    }
}

/// The spans this thread is in, as the registry sees them: kept here because asking it costs a lookup per event.
pub(crate) struct Entered;

impl Entered {
    pub(crate) fn push(core: &Core, id: &Id) {
        let _ = ENTERED.try_with(|stack| {
            let mut stack = stack.borrow_mut();
            let again = stack.iter().any(|e| e.core == core.id && e.id == id.into_u64());
            stack.push(EnteredSpan { core: core.id, id: id.into_u64(), again });
        });
    }

    pub(crate) fn pop(core: &Core, id: &Id) {
        let _ = ENTERED.try_with(|stack| {
            let mut stack = stack.borrow_mut();
            let is_it = |e: &EnteredSpan| e.core == core.id && e.id == id.into_u64();
            if let Some(index) = stack.iter().rposition(is_it) {
                stack.remove(index);
            }
        });
    }

    #[inline]
    pub(crate) fn current(core: &Core) -> Option<Id> {
        ENTERED
            .try_with(|stack| {
                let stack = stack.borrow();
                stack.iter().rev().find(|e| e.core == core.id && !e.again).map(|e| Id::from_u64(e.id))
            })
            .ok()
            .flatten()
    }
}

#[derive(Debug)]
struct EnteredSpan {
    core: u64,
    id: u64,
    /// Entered while already inside: the registry does not count it as current.
    again: bool,
}

/// Discards all events of this thread from now on: it is one of ours, and a record of its own doings would feed itself.
///
/// A mark of our own rather than a scoped no-op subscriber: while any thread has one of those, tracing-core leaves its
/// fast path on every thread.
pub(crate) fn forbid() {
    DEPTH.set(FORBIDDEN);
}

/// The same for as long as this takes: what is called there may log, and its doings are ours.
pub(crate) fn silently<R>(work: impl FnOnce() -> R) -> R {
    struct Before(u8);
    impl Drop for Before {
        fn drop(&mut self) {
            DEPTH.set(self.0);
        }
    }
    let _before = Before(DEPTH.replace(FORBIDDEN));
    work()
}

pub(crate) fn is_forbidden() -> bool {
    DEPTH.get() == FORBIDDEN
}

/// A [`Sensitive`](crate::Sensitive) was formatted here: for the record that is being built, if there is one.
pub(crate) fn wrote_sensitive() {
    let depth = usize::from(DEPTH.get());
    let _ = SENSITIVE.try_with(|written| {
        if let (Some(written), true) = (written.get(depth), depth > 0) {
            written.set(written.get().saturating_add(1));
        }
    });
}

/// Formats for a record that is not being built yet, and tells how many [`Sensitive`](crate::Sensitive) were.
pub(crate) fn count_sensitive<R>(format: impl FnOnce() -> R) -> (R, u32) {
    let depth = Depth::enter();
    let result = format();
    (result, if depth.is_some() { take_sensitive() } else { 0 })
}

/// How many markers of theirs the values of this record may hold, and none from now on.
pub(crate) fn take_sensitive() -> u32 {
    let depth = usize::from(DEPTH.get());
    let taken = SENSITIVE.try_with(|written| written.get(depth).map(|written| written.replace(0)));
    taken.ok().flatten().unwrap_or_default()
}

/// How many events of this thread are being built, one inside the formatting of another.
struct Depth;

impl Depth {
    #[inline]
    fn enter() -> Option<Depth> {
        let depth = DEPTH.get();
        (depth < DEEPEST).then(|| {
            DEPTH.set(depth + 1);
            Depth
        })
    }
}

impl Drop for Depth {
    fn drop(&mut self) {
        DEPTH.set(DEPTH.get() - 1);
    }
}

thread_local! {
    #[expect(clippy::vec_box, reason = "taken out and put back for each event: a pointer is moved, not the state")]
    static THREADS: Cell<Vec<Box<Thread>>> = const { Cell::new(Vec::new()) };
    static ENTERED: RefCell<Vec<EnteredSpan>> = const { RefCell::new(Vec::new()) };
    static DEPTH: Cell<u8> = const { Cell::new(0) };
    /// By depth, since a value that is being formatted may log.
    static SENSITIVE: [Cell<u32>; DEEPEST as usize + 1] = const { [const { Cell::new(0) }; DEEPEST as usize + 1] };
}

/// A value that logs while it is formatted, within one that logs, and so on: past this it is a loop.
const DEEPEST: u8 = 8;

const FORBIDDEN: u8 = u8::MAX;

/// Larger buffers are given back after the event that needed them.
const KEPT: usize = 64 * 1024;

/// So many layers at once have only tests.
const MANY: usize = 16;
