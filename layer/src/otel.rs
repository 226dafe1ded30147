//! Trace and span ids from OpenTelemetry, where the service uses it.

use opentelemetry::Context as OtelContext;
use opentelemetry::trace::{SpanContext, TraceContextExt};
use tracing_core::Event;
use tracing_core::dispatcher::WeakDispatch;

use crate::values::caught;

/// In hexadecimal.
pub(crate) type Ids = ([u8; 32], [u8; 16]);

/// The ids of the span an event belongs to.
///
/// An explicit parent is asked for by its id, and only here: in `on_new_span` that would start the OpenTelemetry span, and
/// a later `set_parent` would fail. For everything else the current context is right and costs no lookup.
/// `subscriber` is the one the layer is part of: while an event is under way, `tracing` may not tell.
pub(crate) fn ids(event: &Event<'_>, subscriber: Option<&WeakDispatch>) -> Option<Ids> {
    if event.is_root() {
        return None;
    }
    match event.parent() {
        // When a thread ends, OpenTelemetry's thread-local may be gone before a destructor logs: asking for it panics.
        None => caught(|| OtelContext::map_current(|current| hexadecimal(current.span().span_context())))?,
        Some(id) => {
            let context = tracing_opentelemetry::get_otel_context(id, &subscriber?.upgrade()?)?;
            hexadecimal(context.span().span_context())
        }
    }
}

fn hexadecimal(context: &SpanContext) -> Option<Ids> {
    if !context.is_valid() {
        return None;
    }
    let (mut trace, mut span) = ([0; 32], [0; 16]);
    write(&context.trace_id().to_bytes(), &mut trace);
    write(&context.span_id().to_bytes(), &mut span);
    Some((trace, span))
}

fn write(bytes: &[u8], to: &mut [u8]) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    for (byte, pair) in bytes.iter().zip(to.chunks_exact_mut(2)) {
        pair[0] = HEX[usize::from(byte >> 4)];
        pair[1] = HEX[usize::from(byte & 15)];
    }
}
