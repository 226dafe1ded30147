//! A layer that hides nothing: what an ordinary log would have shown. The positive control of every leak test.

use std::error::Error;
use std::fmt::{self, Write as _};
use std::sync::{Arc, Mutex, PoisonError};

use tracing_core::field::{Field, Visit};
use tracing_core::span::{Attributes, Id, Record};
use tracing_core::{Event, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

use crate::shapes::values::as_control;

/// Keeps all that passes by, names and values, each in a line of its own.
#[derive(Clone, Default)]
pub(crate) struct Raw(Arc<Mutex<Vec<u8>>>);

impl Raw {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn add(&self, bytes: &[u8]) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.extend_from_slice(bytes);
        // No two values run into one, for whoever decodes them.
        all.extend_from_slice(b"\n\0\n");
    }

    fn names(&self, metadata: &Metadata<'_>) {
        self.add(metadata.name().as_bytes());
        self.add(metadata.target().as_bytes());
        metadata.fields().iter().for_each(|field| self.add(field.name().as_bytes()));
    }
}

/// What it holds are secrets.
impl fmt::Debug for Raw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Raw").finish_non_exhaustive()
    }
}

impl<S: Subscriber> Layer<S> for Raw {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        self.names(event.metadata());
        event.record(&mut Values(self));
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, _: &Id, _: Context<'_, S>) {
        self.names(attributes.metadata());
        attributes.record(&mut Values(self));
    }

    fn on_record(&self, _: &Id, values: &Record<'_>, _: Context<'_, S>) {
        values.record(&mut Values(self));
    }
}

struct Values<'a>(&'a Raw);

impl Visit for Values<'_> {
    fn record_debug(&mut self, _: &Field, value: &dyn fmt::Debug) {
        let mut text = String::new();
        // What a value wrote before its formatting failed counts too.
        let _ = as_control(|| write!(text, "{value:?}"));
        self.0.add(text.as_bytes());
    }

    fn record_str(&mut self, _: &Field, value: &str) {
        self.0.add(value.as_bytes());
    }

    fn record_bytes(&mut self, _: &Field, value: &[u8]) {
        self.0.add(value);
    }

    fn record_error(&mut self, _: &Field, value: &(dyn Error + 'static)) {
        let mut next = Some(value);
        while let Some(error) = next {
            self.0.add(error.to_string().as_bytes());
            next = error.source();
        }
    }
}
