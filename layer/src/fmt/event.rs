//! Whole events of a `fmt` layer, in whichever of its formats.

use std::fmt;

use tracing_core::field::ValueSet;
use tracing_core::{Event, Subscriber};
use tracing_log::NormalizeEvent;
use tracing_subscriber::fmt::FmtContext;
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, Writer};
use tracing_subscriber::registry::LookupSpan;

use super::fields::RedactedFields;
use super::redactor::Redactor;
use super::text;
use crate::policy::Policy;
use crate::redact::label::Label;
use crate::values::caught;

/// Formats events as another formatter does, which is given the event with redacted values.
///
/// Works together with [`RedactedFields`] only: the fields of spans are formatted there.
#[derive(Debug)]
pub struct RedactedEvents<E> {
    inner: E,
    redactor: Redactor,
}

impl<E> RedactedEvents<E> {
    /// As `inner` shows events.
    pub fn new(inner: E, policy: &Policy) -> RedactedEvents<E> {
        RedactedEvents::sharing(inner, Redactor::new(policy))
    }

    pub(super) fn sharing(inner: E, redactor: Redactor) -> RedactedEvents<E> {
        RedactedEvents { inner, redactor }
    }
}

impl<S, N, E> FormatEvent<S, RedactedFields<N>> for RedactedEvents<E>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'w> FormatFields<'w> + 'static,
    E: FormatEvent<S, RedactedFields<N>>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, RedactedFields<N>>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let fields = self.redactor.fields(|visitor| event.record(visitor));
        let format = |writer: Writer<'_>| {
            let on = |set: &ValueSet<'_>| {
                let (metadata, parent) = (event.metadata(), event.parent().cloned());
                let redacted = match parent {
                    None if event.is_contextual() => Event::new(metadata, set),
                    parent => Event::new_child_of(parent, metadata, set),
                };
                self.inner.format_event(context, writer, &redacted)
            };
            let done = caught(|| match fields.is_empty() {
                true => {
                    Some(on(&event
                        .metadata()
                        .fields()
                        .value_set_all(&vec![None; event.metadata().fields().len()])))
                }
                false => fields.with_set(on),
            });
            matches!(done.flatten(), Some(Ok(())))
        };
        let is_telling = caught(|| self.names_tell(context, event)).unwrap_or(true);
        let done = if is_telling {
            // The inner formatter takes these names from places where they cannot be replaced.
            let mut line = String::new();
            format(Writer::new(&mut line)) && writer.write_str(&text::redacted(&self.redactor, &line)).is_ok()
        } else {
            format(writer.by_ref())
        };
        if !done {
            // An error would make `fmt` print the raw fields. A writer that fails has failed for good.
            let _ = writeln!(writer, "{}", text::marker(Label::UNFORMATTABLE));
            self.redactor.count(1);
        }
        Ok(())
    }
}

impl<E> RedactedEvents<E> {
    /// Whether a name that is no field's value holds a secret.
    fn names_tell<S, N>(&self, context: &FmtContext<'_, S, RedactedFields<N>>, event: &Event<'_>) -> bool
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
        N: for<'w> FormatFields<'w> + 'static,
    {
        let normal = event.normalized_metadata();
        let metadata = normal.as_ref().unwrap_or_else(|| event.metadata());
        let mut names = vec![metadata.target(), metadata.name()];
        names.extend(metadata.fields().iter().map(|field| field.name()));
        for span in context.event_scope().into_iter().flatten() {
            names.push(span.metadata().name());
            names.push(span.metadata().target());
        }
        let thread = std::thread::current();
        self.redactor.finds_in(names.into_iter().chain(thread.name()))
    }
}
