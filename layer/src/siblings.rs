//! Whether another layer of the same subscriber shows what this one hides.
//!
//! `tracing` gives each layer the same raw event, and no layer may keep another from printing it; so the operator is told,
//! once, on stderr. Three ways of finding out, since each has its blind spot:
//!
//! - The probe's events ([`probe`](crate::probe)) carry a value that notes who formats it: any layer, known or not, that
//!   lets these events through. A redacting formatter of ours formats it in a way that shows, and a redacting writer says
//!   that it was asked for.
//! - A `fmt` layer, also one whose filter drops the probe's events, answers to the type of its field formatter.
//! - What was left in the extensions of the first spans: a `fmt` layer within `reload`. An OpenTelemetry layer, which sends
//!   fields to a collector, hides what it leaves; it is known by the trace that an event in such a span is in.

use std::cell::Cell;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use tracing_core::Dispatch;
#[cfg(feature = "otel")]
use tracing_core::{Event, dispatcher::WeakDispatch, span::Id};
use tracing_subscriber::fmt::FormattedFields;
use tracing_subscriber::fmt::format::{DefaultFields, JsonFields};
use tracing_subscriber::registry::Extensions;

use crate::fmt::RedactedWriter;
use crate::values::Formatting;

/// What one open layer knows of its siblings.
#[derive(Debug)]
pub(crate) struct Siblings {
    /// Nobody wants to know, or knows already.
    told: AtomicBool,
    /// Entered spans that are still to be looked at; none before the probe.
    spans: AtomicU32,
    /// What a formatter shows may be redacted behind it.
    behind: AtomicBool,
}

impl Siblings {
    pub(crate) fn new(warn: bool) -> Siblings {
        Siblings { told: AtomicBool::new(!warn), spans: AtomicU32::new(0), behind: AtomicBool::new(false) }
    }

    /// Judges by what the probe's events met, and by what the subscriber says it is made of.
    pub(crate) fn judge(&self, met: Met, subscriber: &Dispatch) {
        if self.told.load(Ordering::Acquire) {
            return;
        }
        let behind = met.behind || subscriber.is::<RedactedWriter>();
        self.behind.store(behind, Ordering::Relaxed);
        let has_raw_fields = subscriber.is::<DefaultFields>() || subscriber.is::<JsonFields>();
        if met.raw > 0 || has_raw_fields && !behind {
            self.tell(PRINTS);
        } else {
            self.spans.store(SPANS, Ordering::Relaxed);
        }
    }

    /// Whether the next span is to be looked at.
    #[inline]
    pub(crate) fn are_looked_for(&self) -> bool {
        self.spans.load(Ordering::Relaxed) > 0
    }

    /// Judges by what siblings left in a span.
    #[cold]
    pub(crate) fn look(&self, span: &Extensions<'_>) {
        let one_less = |left: u32| left.checked_sub(1);
        let _ = self.spans.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less);
        let has_raw_fields = span.get::<FormattedFields<DefaultFields>>().is_some()
            || span.get::<FormattedFields<JsonFields>>().is_some();
        if has_raw_fields && !self.behind.load(Ordering::Relaxed) {
            self.tell(PRINTS);
        }
    }

    /// Judges by a trace that the event under way is in.
    #[cfg(feature = "otel")]
    #[cold]
    pub(crate) fn look_for_traces(
        &self,
        event: &Event<'_>,
        span: Option<Id>,
        subscriber: Option<&WeakDispatch>,
    ) {
        // Without a trace, asking for the span's would start one.
        if let Some(span) = span.filter(|_| event.is_contextual())
            && crate::otel::ids(event, subscriber).is_some()
            && let Some(subscriber) = subscriber.and_then(WeakDispatch::upgrade)
            && tracing_opentelemetry::get_otel_context(&span, &subscriber).is_some()
        {
            self.tell(SENDS);
        }
    }

    #[cold]
    fn tell(&self, what: &str) {
        if !self.told.swap(true, Ordering::AcqRel) {
            crate::report::say_at_once(&format!("{what}; {REMEDY}"));
        }
        self.spans.store(0, Ordering::Relaxed);
    }

    #[cfg(test)]
    fn have_been_told_of(&self) -> bool {
        self.told.load(Ordering::Acquire)
    }
}

/// Who the events of a probe came to.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Met {
    /// Formatted the values as they are, with no redacting writer behind.
    raw: u32,
    /// The last one did, and has not asked for its writer yet: a `fmt` layer does before the next layer has its turn.
    last: bool,
    behind: bool,
}

/// Sends events with [`Witness`] as a value and tells who they came to.
pub(crate) fn met(send: impl FnOnce()) -> Met {
    let before = MET.replace(Some(Met::default()));
    send();
    MET.replace(before).unwrap_or_default()
}

/// A value that notes who formats it.
pub(crate) struct Witness;

impl fmt::Debug for Witness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let raw = !Formatting::is_underway();
        note(|met| {
            met.raw += u32::from(raw);
            met.last = raw;
        });
        f.write_str("to see that this channel is recorded")
    }
}

/// A writer that redacts is asked for by whatever layer is at work.
pub(crate) fn saw_a_writer() {
    note(|met| {
        met.raw -= u32::from(std::mem::take(&mut met.last));
        met.behind = true;
    });
}

fn note(count: impl FnOnce(&mut Met)) {
    if let Some(mut met) = MET.get() {
        count(&mut met);
        MET.set(Some(met));
    }
}

thread_local! {
    static MET: Cell<Option<Met>> = const { Cell::new(None) };
}

/// Enough to meet one that every layer was shown.
const SPANS: u32 = 64;

const PRINTS: &str = "another layer of this subscriber prints fields as they are, and so what this one hides";
#[cfg(feature = "otel")]
const SENDS: &str = "an OpenTelemetry layer of this subscriber sends fields as they are to its collector, and so what this one hides";
const REMEDY: &str = "give the policy a [console] or use Options::mirror instead, wrap a fmt layer in dihya::fmt::redacted, \
                      or silence this with Options::warn_of_siblings(false)";

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tracing_core::Subscriber;
    use tracing_subscriber::filter::{EnvFilter, LevelFilter};
    use tracing_subscriber::prelude::*;
    use tracing_subscriber::registry::LookupSpan;
    use tracing_subscriber::{Layer, Registry, fmt, reload};

    use super::*;
    use crate::storage::Memory;
    use crate::{DihyaLayer, Guard, Options, Policy, Sector};

    fn policy() -> Policy {
        Policy::sector(Sector::Generic).root("/logs")
    }

    fn options() -> Options {
        Options::new(policy()).storage(Arc::new(Memory::new()))
    }

    /// Whether the layer warns in a subscriber that `with` builds around it, once a span was entered.
    fn warns<S>(with: impl FnOnce(DihyaLayer) -> S) -> bool
    where
        S: Subscriber + Send + Sync + 'static,
    {
        let (layer, guard) = options().open().unwrap();
        told(with(layer), &guard)
    }

    /// The same before any span was entered.
    fn warns_at_once<S>(with: impl FnOnce(DihyaLayer) -> S) -> bool
    where
        S: Subscriber + Send + Sync + 'static,
    {
        let (layer, guard) = options().open().unwrap();
        tracing::subscriber::with_default(with(layer), || guard.probe().unwrap());
        guard.handle().core().siblings.have_been_told_of()
    }

    fn told(subscriber: impl Subscriber + Send + Sync + 'static, guard: &Guard) -> bool {
        tracing::subscriber::with_default(subscriber, || {
            guard.probe().unwrap();
            tracing::error_span!("work", step = 1).in_scope(|| tracing::error!("at work"));
        });
        guard.handle().core().siblings.have_been_told_of()
    }

    fn quiet() -> fmt::Layer<Registry, DefaultFields, fmt::format::Format, fn() -> std::io::Sink> {
        fmt::layer().with_writer(std::io::sink as fn() -> std::io::Sink)
    }

    fn beside<L>(layer: L) -> impl FnOnce(DihyaLayer) -> Box<dyn Subscriber + Send + Sync>
    where
        L: Layer<Registry> + Send + Sync + 'static,
    {
        |ours| Box::new(tracing_subscriber::registry().with(layer).with(ours))
    }

    #[test]
    fn alone_or_beside_what_prints_nothing_there_is_no_warning() {
        assert!(!warns(|ours| tracing_subscriber::registry().with(ours)));
        assert!(!warns(|ours| tracing_subscriber::registry().with(ours).with(LevelFilter::INFO)));
        assert!(!warns(|ours| {
            let (another, guard) = options().open().unwrap();
            std::mem::forget(guard);
            tracing_subscriber::registry().with(ours).with(another)
        }));
    }

    #[test]
    fn every_format_of_fmt_is_seen() {
        assert!(warns(beside(quiet())));
        assert!(warns(beside(quiet().compact())));
        assert!(warns(beside(quiet().pretty())));
        assert!(warns(beside(quiet().json())));
    }

    #[test]
    fn a_layer_is_seen_in_whatever_it_is_wrapped() {
        assert!(warns(beside(quiet().boxed())));
        assert!(warns(beside(Some(quiet()))));
        assert!(warns(beside(vec![quiet(), quiet()])));
        assert!(warns(beside(reload::Layer::new(quiet()).0)));
        assert!(warns(|ours| tracing_subscriber::registry()
            .with(ours)
            .with(fmt::layer().with_writer(std::io::sink))));
    }

    #[test]
    fn a_filter_that_drops_the_probe_does_not_hide_a_layer() {
        let only_ours = || EnvFilter::new("my_service=trace,dihya::siblings=trace");
        assert!(warns_at_once(beside(quiet().with_filter(only_ours()))));
        assert!(warns_at_once(beside(quiet().json().with_filter(only_ours()).boxed())));
        // Only what it left in a span tells.
        assert!(warns(beside(reload::Layer::new(quiet()).0.with_filter(only_ours()))));
    }

    #[test]
    fn fmt_as_the_base_is_seen() {
        assert!(warns(|ours| fmt::Subscriber::builder().with_writer(std::io::sink).finish().with(ours)));
    }

    #[test]
    fn a_layer_of_which_nothing_is_known_is_seen_when_it_formats() {
        struct Unknown;
        impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Unknown {
            fn on_event(
                &self,
                event: &tracing_core::Event<'_>,
                _: tracing_subscriber::layer::Context<'_, S>,
            ) {
                drop(format!("{event:?}"));
            }
        }
        assert!(warns(beside(Unknown)));
    }

    #[test]
    fn our_own_redaction_raises_no_warning() {
        assert!(!warns(beside(crate::fmt::redacted(quiet(), &policy()))));
        assert!(!warns(beside(crate::fmt::redacted(quiet().json(), &policy()))));
        assert!(!warns(beside(crate::fmt::redacted(quiet().pretty(), &policy()).boxed())));
        assert!(!warns(beside(quiet().fmt_fields(crate::fmt::RedactedFields::new(&policy())))));
        assert!(!warns(beside(quiet().map_writer(|to| crate::fmt::RedactedWriter::new(to, &policy())))));
        // A JSON layer takes the fields of events past the field formatter.
        assert!(warns(beside(
            quiet().json().map_fmt_fields(|fields| crate::fmt::RedactedFields::with(fields, &policy()))
        )));
        assert!(warns(beside(crate::fmt::redacted(quiet(), &policy()).and_then(quiet()))));
    }

    #[cfg(feature = "otel")]
    #[test]
    fn a_layer_that_sends_to_a_collector_is_seen() {
        use opentelemetry::trace::TracerProvider;
        let tracer = opentelemetry_sdk::trace::SdkTracerProvider::builder().build().tracer("t");
        let otel = || tracing_opentelemetry::layer().with_tracer(tracer.clone());
        assert!(warns(|ours| tracing_subscriber::registry().with(otel()).with(ours)));
        let otel = || tracing_opentelemetry::layer().with_tracer(tracer.clone());
        assert!(warns(|ours| tracing_subscriber::registry().with(ours).with(otel())));
        // A trace that no layer makes sends no fields.
        let traced = |ours| tracing_subscriber::registry().with(ours);
        let _context = opentelemetry::Context::current_with_value(1).attach();
        assert!(!warns(traced));
    }

    #[test]
    fn who_asked_for_no_warning_gets_none() {
        let (layer, guard) = options().warn_of_siblings(false).open().unwrap();
        let subscriber = tracing_subscriber::registry().with(quiet()).with(layer);
        assert!(told(subscriber, &guard), "counts as told from the start");
        assert!(!guard.handle().core().siblings.are_looked_for());
    }
}
