//! The fields of spans and events, redacted before any formatter sees them.

use std::fmt;

use tracing_core::span::Record;
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::FormattedFields;
use tracing_subscriber::fmt::format::{DefaultFields, FormatFields, Writer};

use super::redactor::{Fields, Redactor};
use super::text;
use crate::policy::Policy;
use crate::redact::label::Label;
use crate::values::caught;

/// Formats fields as another formatter does, once they are redacted by name and by value as the layer does.
///
/// ```
/// use dihya::{Policy, Sector};
/// use dihya::fmt::{RedactedEvents, RedactedFields};
/// use tracing_subscriber::fmt::format::JsonFields;
///
/// let policy = Policy::sector(Sector::Health);
/// let text = tracing_subscriber::fmt::layer::<tracing_subscriber::Registry>().fmt_fields(RedactedFields::new(&policy));
/// # drop(text);
/// ```
///
/// `fmt`'s JSON and pretty formats take the fields of events elsewhere: add [`RedactedEvents`](super::RedactedEvents), or
/// let [`redacted`](super::redacted) add all.
#[derive(Debug)]
pub struct RedactedFields<N = DefaultFields> {
    inner: N,
    redactor: Redactor,
}

impl RedactedFields {
    /// `key=value`, as `fmt` shows fields unless told otherwise.
    pub fn new(policy: &Policy) -> RedactedFields {
        RedactedFields::with(DefaultFields::new(), policy)
    }
}

impl<N> RedactedFields<N> {
    /// As `inner` shows fields: `JsonFields`, `Pretty` or one's own.
    pub fn with(inner: N, policy: &Policy) -> RedactedFields<N> {
        RedactedFields::sharing(inner, Redactor::new(policy))
    }

    pub(super) fn sharing(inner: N, redactor: Redactor) -> RedactedFields<N> {
        RedactedFields { inner, redactor }
    }
}

impl<'w, N> FormatFields<'w> for RedactedFields<N>
where
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_fields<R: RecordFields>(&self, mut writer: Writer<'w>, fields: R) -> fmt::Result {
        let fields = self.redactor.fields(|visitor| fields.record(visitor));
        if self.redactor.finds_in(fields.names()) {
            // A name is written by the inner formatter, which cannot be given another: what it wrote is.
            let mut text = String::new();
            let done = record(&fields, |record| self.inner.format_fields(Writer::new(&mut text), record));
            return or_marker(&mut writer, done, |writer| {
                writer.write_str(&text::redacted(&self.redactor, &text))
            });
        }
        let done = record(&fields, |record| self.inner.format_fields(writer.by_ref(), record));
        or_marker(&mut writer, done, |_| Ok(()))
    }

    fn add_fields(&self, current: &'w mut FormattedFields<Self>, fields: &Record<'_>) -> fmt::Result {
        if current.as_writer().has_ansi_escapes() && !current.fields.starts_with('{') {
            if !current.fields.is_empty() {
                current.fields.push(' ');
            }
            return self.format_fields(current.as_writer(), fields);
        }
        // Only the inner formatter knows how one adds to what it wrote. It cannot be told of colours.
        let fields = self.redactor.fields(|visitor| fields.record(visitor));
        if fields.is_empty() {
            return Ok(());
        }
        let has_secret_name = self.redactor.finds_in(fields.names());
        let before = current.fields.clone();
        let mut text = FormattedFields::<N>::new(std::mem::take(&mut current.fields));
        let done = record(&fields, |record| self.inner.add_fields(&mut text, record));
        current.fields = match done {
            Some(Ok(())) if has_secret_name => text::redacted(&self.redactor, &text.fields),
            Some(Ok(())) => text.fields,
            // Half of what could not be added may be of no form at all.
            _ if before.starts_with('{') => before,
            _ => format!("{before} {}", text::marker(Label::UNFORMATTABLE)),
        };
        Ok(())
    }
}

/// Hands `fields` to a formatter. `None` if it panicked, or cannot be given them.
pub(super) fn record(
    fields: &Fields,
    format: impl FnOnce(&Record<'_>) -> fmt::Result,
) -> Option<fmt::Result> {
    if fields.is_empty() {
        // Formatters of JSON write their braces all the same.
        let nothing = tracing_core::field::FieldSet::new(&[], nothing::identifier());
        return caught(|| format(&Record::new(&nothing.value_set_all(&[]))));
    }
    caught(|| fields.with_set(|set| format(&Record::new(set)))).flatten()
}

/// An error would make `fmt` print the raw fields.
fn or_marker(
    writer: &mut Writer<'_>,
    done: Option<fmt::Result>,
    then: impl FnOnce(&mut Writer<'_>) -> fmt::Result,
) -> fmt::Result {
    let written = match done {
        Some(Ok(())) => then(writer),
        _ => writer.write_str(&text::marker(Label::UNFORMATTABLE)),
    };
    // A writer that fails has failed for good.
    let _ = written;
    Ok(())
}

/// A callsite without fields.
mod nothing {
    use tracing_core::callsite::{Callsite, Identifier};
    use tracing_core::metadata::Kind;
    use tracing_core::subscriber::Interest;
    use tracing_core::{Metadata, identify_callsite, metadata};

    struct Nothing;

    static NOTHING: Nothing = Nothing;

    static METADATA: Metadata<'static> = metadata! {
        name: "nothing",
        target: "dihya",
        level: tracing_core::Level::TRACE,
        fields: &[],
        callsite: &NOTHING,
        kind: Kind::SPAN
    };

    impl Callsite for Nothing {
        fn set_interest(&self, _: Interest) {}

        fn metadata(&self) -> &Metadata<'_> {
            &METADATA
        }
    }

    pub(super) fn identifier() -> Identifier {
        identify_callsite!(&NOTHING)
    }
}
