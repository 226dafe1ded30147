//! What all parts of one open layer share.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use tracing_core::dispatcher::WeakDispatch;
use tracing_core::{Event, Level, LevelFilter, Subscriber};
use tracing_subscriber::layer::Context as LayerContext;
use tracing_subscriber::registry::LookupSpan;

use crate::alert::Watch;
use crate::alert::deliver::Delivery;
use crate::callsite::{Plan, Rules};
use crate::clock::{Clock, Rng};
use crate::generation;
use crate::hook::Hooks;
use crate::journal::Journal;
use crate::metrics::{Lost, Metrics};
use crate::probe;
use crate::record::system::SystemRecords;
use crate::record::{self, Context};
use crate::redact::scan;
use crate::siblings::Siblings;
use crate::storage::Storage;
use crate::thread::{self, Entered, Thread, Work};
use crate::values::{Values, Visitor};

/// One open layer.
#[derive(Debug)]
pub(crate) struct Core {
    /// Unlike that of any other layer of this process.
    pub(crate) id: u64,
    /// Moves when the policy does.
    pub(crate) epoch: AtomicU64,
    rules: RwLock<Arc<Rules>>,
    /// Moves when a span's fields are recorded anew.
    pub(crate) span_epoch: AtomicU64,
    pub(crate) clock: Clock,
    pub(crate) rng: Rng,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) journal: Journal,
    pub(crate) storage: Arc<dyn Storage>,
    pub(crate) generations: generation::Ids,
    /// Whether the probe has come through, see [`probe`].
    pub(crate) probed: AtomicU64,
    /// What the layer is part of; weak, since that owns us.
    pub(crate) subscriber: OnceLock<WeakDispatch>,
    pub(crate) siblings: Siblings,
    /// The detectors of anomalies, if the policy has them.
    pub(crate) watch: Option<Arc<Watch>>,
    pub(crate) system: SystemRecords,
    /// Where alerts go.
    pub(crate) delivery: Delivery,
    /// Who is told what happens.
    pub(crate) hooks: Hooks,
    #[cfg(feature = "serve")]
    pub(crate) exporters: crate::metrics::Exporters,
    tail: Box<[u8]>,
}

impl Core {
    pub(crate) fn new(rules: Rules, parts: Parts) -> Core {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let Parts { storage, clock, rng, metrics, journal, siblings, watch, system, delivery, hooks } = parts;
        Core {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            epoch: AtomicU64::new(0),
            tail: record::tail(&rules.policy.service),
            rules: RwLock::new(Arc::new(rules)),
            span_epoch: AtomicU64::new(0),
            clock,
            rng,
            metrics,
            journal,
            storage,
            generations: generation::Ids::default(),
            probed: AtomicU64::new(probe::UNKNOWN),
            subscriber: OnceLock::new(),
            siblings,
            watch,
            system,
            delivery,
            hooks,
            #[cfg(feature = "serve")]
            exporters: crate::metrics::Exporters::default(),
        }
    }

    pub(crate) fn rules(&self) -> Arc<Rules> {
        Arc::clone(&self.rules.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn replace_rules(&self, rules: Rules) {
        *self.rules.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(rules);
        // Last: a thread that sees the new number finds the new rules.
        self.epoch.fetch_add(1, Ordering::Release);
    }

    /// Builds the record of an event and hands it to the journal.
    #[inline]
    pub(crate) fn event<S>(self: &Arc<Core>, event: &Event<'_>, context: &LayerContext<'_, S>)
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        #[cfg(feature = "otel")]
        if self.siblings.are_looked_for() {
            self.siblings.look_for_traces(event, Entered::current(self), self.subscriber.get());
        }
        let built = Thread::with(self, |thread| self.event_on(thread, event, context));
        if built.is_none() && !thread::is_forbidden() {
            let plan = self.rules().plan(event.metadata());
            if plan.enabled {
                self.metrics.lost(plan.channel, Lost::Reentrant, 1);
            }
        }
    }

    #[inline]
    fn event_on<S>(self: &Arc<Core>, thread: &mut Thread, event: &Event<'_>, context: &LayerContext<'_, S>)
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let metadata = event.metadata();
        let Thread { rules, plans, work, nearby, counters, rng, .. } = thread;
        let from_log;
        let plan = if metadata.target() == "log" && is_log(event) {
            from_log = self.log_plan(rules, event);
            &*from_log
        } else {
            plans.get(metadata, || rules.event(metadata))
        };
        if probe::arrived(self, metadata, plan.channel) || !plan.enabled {
            return;
        }
        work.values.clear();
        event.record(&mut Visitor { plan: &plan.fields, values: &mut work.values });
        rules.scanner.scan(&rules.keys, &mut work.values, &mut work.found);
        if rules.strict(plan.channel).is_some() {
            scan::hide_opaque(&work.values, &mut work.found);
        }
        rules.allow(&plan.fields, &work.values, &mut work.found);

        let span = if event.is_contextual() { Entered::current(self) } else { event.parent().cloned() };
        match span {
            Some(id) => nearby.look(self, &id, rules.strict(plan.channel), context),
            None => nearby.clear(),
        }
        let now = self.clock.now();
        let around = Context {
            unix_micros: now,
            random: self.rng.next(rng),
            trace: self.trace_ids(event),
            spans: &nearby.bytes,
            tail: &self.tail,
        };
        self.finish(work, plan, &around, counters);
    }

    /// A record that no subscriber has seen, with values for the fields of `plan`. Answers its id, whether the queue
    /// took it, and what `look` saw in the finished line.
    pub(crate) fn direct<R>(
        self: &Arc<Core>,
        plan: &Plan,
        fill: impl FnOnce(&mut Values),
        look: impl FnOnce(&[u8]) -> R,
    ) -> Option<([u8; 36], bool, R)> {
        Thread::with(self, |thread| {
            let Thread { rules, work, counters, rng, .. } = thread;
            work.values.clear();
            fill(&mut work.values);
            rules.scanner.scan(&rules.keys, &mut work.values, &mut work.found);
            rules.allow(&plan.fields, &work.values, &mut work.found);
            let around = Context {
                unix_micros: self.clock.now(),
                random: self.rng.next(rng),
                trace: None,
                spans: &[],
                tail: &self.tail,
            };
            let accepted = self.finish(work, plan, &around, counters);
            let mut id = [0; 36];
            id.copy_from_slice(&work.line[ID_AT..ID_AT + 36]);
            (id, accepted, look(&work.line))
        })
    }

    #[inline]
    fn finish(
        &self,
        work: &mut Work,
        plan: &Plan,
        context: &Context<'_>,
        counters: &crate::metrics::ThreadCounters,
    ) -> bool {
        let Work { values, found, outcome, line, stamp } = work;
        record::write(line, stamp, plan, values, found, context, outcome);
        counters.event(plan.channel, plan.level, line.len(), context.unix_micros);
        outcome.redactions.iter().for_each(|label| counters.redaction(label.index()));
        if outcome.cut > 0 {
            counters.truncated(plan.channel);
        }
        self.journal.append(plan.channel, line)
    }

    #[cold]
    fn log_plan(&self, rules: &Rules, event: &Event<'_>) -> Arc<Plan> {
        use tracing_log::NormalizeEvent;
        match event.normalized_metadata() {
            Some(normal) => rules.log(event.metadata(), &normal),
            None => rules.event(event.metadata()),
        }
    }

    #[cfg(feature = "otel")]
    fn trace_ids(&self, event: &Event<'_>) -> Option<crate::otel::Ids> {
        crate::otel::ids(event, self.subscriber.get())
    }

    #[cfg(not(feature = "otel"))]
    fn trace_ids(&self, _: &Event<'_>) -> Option<([u8; 32], [u8; 16])> {
        None
    }

    pub(crate) fn most_verbose(&self) -> LevelFilter {
        let rules = self.rules();
        let levels = rules.policy.channels.iter().map(|channel| channel.level);
        // The macros log at INFO and are never silenced by a channel's level.
        levels.chain([LevelFilter::from_level(Level::INFO)]).max().unwrap_or(LevelFilter::TRACE)
    }
}

/// What a core is put together from.
pub(crate) struct Parts {
    pub(crate) storage: Arc<dyn Storage>,
    pub(crate) clock: Clock,
    pub(crate) rng: Rng,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) journal: Journal,
    pub(crate) siblings: Siblings,
    pub(crate) watch: Option<Arc<Watch>>,
    pub(crate) system: SystemRecords,
    pub(crate) delivery: Delivery,
    pub(crate) hooks: Hooks,
}

/// Where the id stands in a record: behind `{"v":1,"id":"`.
const ID_AT: usize = 13;

#[cold]
fn is_log(event: &Event<'_>) -> bool {
    use tracing_log::NormalizeEvent;
    event.is_log()
}
