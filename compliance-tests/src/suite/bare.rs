//! The positive control: a layer that hides nothing.
//!
//! What a shape logs is first sent here. A secret that the search does not find in this was never there, and that it
//! is absent elsewhere would prove nothing.

use std::fmt::{self, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

use super::panics;

/// Runs code on this thread with nothing but the layer that hides nothing, and answers what it logged.
pub(crate) fn capture(act: impl FnOnce()) -> Vec<Seen> {
    let bare = Bare::default();
    let seen = Arc::clone(&bare.0);
    tracing::subscriber::with_default(tracing_subscriber::registry().with(bare), || panics::quietly(act));
    let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
    std::mem::take(&mut *seen)
}

/// One event as it was passed, with the spans around it, outermost first.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Seen {
    pub(crate) name: String,
    pub(crate) target: String,
    pub(crate) fields: Vec<(String, Value)>,
    pub(crate) spans: Vec<SeenSpan>,
}

/// A span as it was when something was logged in it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct SeenSpan {
    pub(crate) name: String,
    pub(crate) fields: Vec<(String, Value)>,
}

/// A field's value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Text(String),
    /// By `Debug` or `Display`.
    Shown(String),
    Bytes(Vec<u8>),
    /// An error's text and those of its causes.
    Error(Vec<String>),
    I64(i64),
    U64(u64),
    I128(i128),
    U128(u128),
    F64(f64),
    Bool(bool),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Text(text) | Value::Shown(text) => f.write_str(text),
            Value::Bytes(bytes) => write!(f, "{} {bytes:?}", String::from_utf8_lossy(bytes)),
            Value::Error(texts) => f.write_str(&texts.join(": ")),
            Value::I64(n) => n.fmt(f),
            Value::U64(n) => n.fmt(f),
            Value::I128(n) => n.fmt(f),
            Value::U128(n) => n.fmt(f),
            Value::F64(n) => n.fmt(f),
            Value::Bool(flag) => flag.fmt(f),
        }
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields = self.spans.iter().flat_map(|span| &span.fields).chain(&self.fields);
        let names = self.spans.iter().map(|span| &span.name).chain([&self.name, &self.target]);
        names.map(|name| (name, None)).chain(fields.map(|(name, value)| (name, Some(value)))).try_for_each(
            |(name, value)| match value {
                Some(value) => writeln!(f, "{name}={value}"),
                None => writeln!(f, "{name}"),
            },
        )
    }
}

#[derive(Default)]
struct Bare(Arc<Mutex<Vec<Seen>>>);

/// In the span's extensions, under a type that nobody else has.
struct Kept(SeenSpan);

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Bare {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        if let Some(span) = context.span(id) {
            let name = attributes.metadata().name().to_owned();
            span.extensions_mut().insert(Kept(SeenSpan { name, fields: fields.0 }));
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        values.record(&mut fields);
        if let Some(span) = context.span(id)
            && let Some(Kept(span)) = span.extensions_mut().get_mut()
        {
            for (name, value) in fields.0 {
                span.fields.retain(|(known, _)| *known != name);
                span.fields.push((name, value));
            }
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let kept = |span: tracing_subscriber::registry::SpanRef<'_, S>| {
            span.extensions().get::<Kept>().map(|kept| kept.0.clone())
        };
        let spans =
            context.event_scope(event).into_iter().flat_map(|scope| scope.from_root()).filter_map(kept);
        let (name, target) = (event.metadata().name().to_owned(), event.metadata().target().to_owned());
        let seen = Seen { name, target, fields: fields.0, spans: spans.collect() };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(seen);
    }
}

#[derive(Default)]
struct Fields(Vec<(String, Value)>);

impl Fields {
    fn add(&mut self, field: &Field, value: Value) {
        self.0.push((field.name().to_owned(), value));
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let mut text = String::new();
        // What was written before a panic is there to see, and so is what it panics with.
        let caught = catch_unwind(AssertUnwindSafe(|| write!(text, "{value:?}")));
        if let Err(payload) = caught {
            text.push('\n');
            let said = payload.downcast_ref::<String>().map(String::as_str);
            text.push_str(said.or(payload.downcast_ref::<&str>().copied()).unwrap_or_default());
        }
        self.add(field, Value::Shown(text));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, Value::Text(value.to_owned()));
    }

    fn record_bytes(&mut self, field: &Field, value: &[u8]) {
        self.add(field, Value::Bytes(value.to_owned()));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        let chain = std::iter::successors(Some(value), |error| error.source());
        self.add(field, Value::Error(chain.map(ToString::to_string).collect()));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field, Value::I64(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field, Value::U64(value));
    }

    fn record_i128(&mut self, field: &Field, value: i128) {
        self.add(field, Value::I128(value));
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        self.add(field, Value::U128(value));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.add(field, Value::F64(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field, Value::Bool(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_shows_fields_spans_names_and_what_a_value_panics_with() {
        struct Bad;
        impl fmt::Debug for Bad {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("half")?;
                panic!("the {}", "rest");
            }
        }
        let seen = capture(|| {
            let span = tracing::error_span!("outer", room = 7, late = tracing::field::Empty);
            span.record("late", "yes");
            span.in_scope(|| tracing::error!(target: "there", n = 5u64, bad = ?Bad, "told"));
        });
        assert_eq!(seen.len(), 1);
        let text = seen[0].to_string();
        for part in ["outer", "room=7", "late=yes", "there", "n=5", "bad=half\nthe rest", "message=told"] {
            assert!(text.contains(part), "no {part}");
        }
    }
}
