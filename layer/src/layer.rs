//! The layer, as `tracing` sees it.
//!
//! It is attached unfiltered and asks nobody else to filter: per-layer filters have lost events (tracing#2519), and
//! answering `never` would silence its siblings. What is not wanted is decided in `on_event`, from the plan.

use std::sync::Arc;

use tracing_core::span::{Attributes, Id, Record};
use tracing_core::subscriber::Interest;
use tracing_core::{Dispatch, Event, LevelFilter, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::LookupSpan;

use crate::core::Core;
use crate::thread::Entered;
use crate::{probe, span};

/// The layer to add to a `tracing_subscriber::registry()`. Comes from [`open`](crate::open).
///
/// Add it without `with_filter`; its own policy says what is recorded.
#[derive(Debug)]
pub struct DihyaLayer {
    core: Arc<Core>,
}

impl DihyaLayer {
    pub(crate) fn new(core: Arc<Core>) -> DihyaLayer {
        DihyaLayer { core }
    }
}

impl<S> Layer<S> for DihyaLayer
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_register_dispatch(&self, dispatch: &Dispatch) {
        // A layer is part of one subscriber; should it be registered twice, the first answer stands.
        let _ = self.core.subscriber.set(dispatch.downgrade());
        probe::soon(&self.core, dispatch);
    }

    fn register_callsite(&self, _: &'static Metadata<'static>) -> Interest {
        Interest::always()
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.core.most_verbose())
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if let Some(span) = context.span(id) {
            span::create(&self.core, attributes, &span);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id) {
            span::record(&self.core, values, &span);
        }
    }

    #[inline]
    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        self.core.event(event, &context);
    }

    #[inline]
    fn on_enter(&self, id: &Id, context: Context<'_, S>) {
        if self.core.siblings.are_looked_for()
            && let Some(span) = context.span(id)
        {
            self.core.siblings.look(&span.extensions());
        }
        Entered::push(&self.core, id);
    }

    #[inline]
    fn on_exit(&self, id: &Id, _: Context<'_, S>) {
        Entered::pop(&self.core, id);
    }
}
