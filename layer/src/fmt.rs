//! For a `tracing_subscriber::fmt` layer that stays beside ours: it sees every field raw, and these redact what it prints.
//!
//! ```no_run
//! use dihya::{Policy, Sector};
//! use tracing_subscriber::prelude::*;
//!
//! let policy = Policy::sector(Sector::Generic).root("logs");
//! let console = dihya::fmt::redacted(tracing_subscriber::fmt::layer().compact(), &policy);
//! let (layer, guard) = dihya::open(policy)?;
//! tracing_subscriber::registry().with(layer).with(console).init();
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`redacted`] puts together three parts that can be had one by one:
//!
//! | part | knows | so that it hides |
//! |---|---|---|
//! | [`RedactedFields`] | a field's name and value | the fields of spans, and those of events in `fmt`'s full and compact formats, as the layer does |
//! | [`RedactedEvents`] | the same, for every format | those of events in `fmt`'s JSON and pretty formats too; secrets in the names of spans, targets and threads |
//! | [`RedactedWriter`] | text alone | what has the form of a secret, and what stands beside a telling name: in JSON as the layer does, in prose for credentials and payment data |
//!
//! All fail closed: where something cannot be examined, a marker is written and never an error, upon which `fmt` would
//! print the raw values. They follow the policy they were made with; a reload does not reach them.

mod event;
mod fields;
mod json;
mod redactor;
mod text;
mod writer;

use tracing_subscriber::fmt::format::FormatFields;
use tracing_subscriber::fmt::{FormatEvent, Layer, MakeWriter};
use tracing_subscriber::registry::LookupSpan;

use crate::policy::Policy;

pub use event::RedactedEvents;
pub use fields::RedactedFields;
pub use writer::{Held, RedactedWriter, Redactions};

use redactor::Redactor;

/// The same `fmt` layer, redacting by `policy` all it prints.
///
/// Call it last: methods of `fmt::Layer` such as `json()` and `with_writer` replace the parts that it wraps.
pub fn redacted<S, N, E, W>(
    layer: Layer<S, N, E, W>,
    policy: &Policy,
) -> Layer<S, RedactedFields<N>, RedactedEvents<E>, RedactedWriter>
where
    S: tracing_core::Subscriber + for<'a> LookupSpan<'a>,
    N: for<'w> FormatFields<'w> + 'static,
    E: FormatEvent<S, RedactedFields<N>> + 'static,
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let redactor = Redactor::new(policy);
    layer
        .map_fmt_fields(|inner| RedactedFields::sharing(inner, redactor.clone()))
        .map_event_format(|inner| RedactedEvents::sharing(inner, redactor.clone()))
        .map_writer(|inner| RedactedWriter::sharing(inner, redactor))
}
