//! Spans: what they hold is redacted when it is recorded, and kept as ready bytes.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tracing_core::Subscriber;
use tracing_core::field::FieldSet;
use tracing_core::span::{Attributes, Id, Record};
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::{LookupSpan, SpanRef};

use crate::callsite::FieldPlan;
use crate::core::Core;
use crate::record::{Outcome, escape, write_field};
use crate::redact::label::Label;
use crate::redact::scan::Found;
use crate::thread::Thread;
use crate::values::{Values, Visitor};

/// What the layer keeps in a span's extensions. Private, so that no other layer writes first or reads raw.
#[derive(Debug)]
pub(crate) struct SpanData {
    /// `{"name":"request"`.
    name: Box<[u8]>,
    /// `"route":"/v1"` each, by index of the field; empty if not recorded.
    fields: Vec<Vec<u8>>,
    plan: Arc<[FieldPlan]>,
    /// The layer it belongs to.
    core: u64,
    /// That of another layer of ours in the same subscriber: extensions hold one value of a type.
    next: Option<Box<SpanData>>,
}

impl SpanData {
    fn of(&self, core: &Core) -> Option<&SpanData> {
        if self.core == core.id { Some(self) } else { self.next.as_deref()?.of(core) }
    }

    fn of_mut(&mut self, core: &Core) -> Option<&mut SpanData> {
        if self.core == core.id { Some(self) } else { self.next.as_deref_mut()?.of_mut(core) }
    }

    /// With a marker for what `strict` does not declare.
    fn write(&self, names: &FieldSet, strict: Option<&[String]>, to: &mut Vec<u8>) {
        if !to.is_empty() {
            to.push(b',');
        }
        to.extend_from_slice(&self.name);
        let mut comma = &b",\"attributes\":{"[..];
        for (index, name) in names.iter().enumerate() {
            let Some(field) = self.fields.get(index).filter(|field| !field.is_empty()) else { continue };
            to.extend_from_slice(comma);
            match strict {
                Some(declared) if !declared.iter().any(|d| d == name.name()) => {
                    to.extend_from_slice(&self.plan[index].key[1..]);
                    to.push(b'"');
                    Label::STRICT.write_marker(to);
                    to.push(b'"');
                }
                _ => to.extend_from_slice(field),
            }
            comma = b",";
        }
        to.extend_from_slice(if comma.len() == 1 { b"}}" } else { b"}" });
    }
}

/// The bytes of the spans around the last event of this thread.
#[derive(Debug, Default)]
pub(crate) struct Nearby {
    span: u64,
    epoch: u64,
    /// Which list of declared fields it follows, if any: by address, which is fixed as long as the rules are.
    strict: usize,
    pub(crate) bytes: Vec<u8>,
}

impl Nearby {
    /// Makes `bytes` those of `id` and the spans around it.
    #[inline]
    pub(crate) fn look<S>(
        &mut self,
        core: &Core,
        id: &Id,
        strict: Option<&[String]>,
        context: &Context<'_, S>,
    ) where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let epoch = core.span_epoch.load(Ordering::Acquire);
        // A list that declares nothing has an address too.
        let list = strict.map_or(0, |list| list.as_ptr().addr());
        if self.span == id.into_u64() && self.epoch == epoch && self.strict == list {
            return;
        }
        self.bytes.clear();
        if let Some(span) = context.span(id) {
            write_outermost_first(core, &span, strict, &mut self.bytes);
        }
        (self.span, self.epoch, self.strict) = (id.into_u64(), epoch, list);
    }

    #[inline]
    pub(crate) fn clear(&mut self) {
        self.span = 0;
        self.bytes.clear();
    }
}

/// Keeps a new span's fields.
pub(crate) fn create<S>(core: &Arc<Core>, attributes: &Attributes<'_>, span: &SpanRef<'_, S>)
where
    S: for<'a> LookupSpan<'a>,
{
    let made = Thread::with(core, |thread| {
        let metadata = attributes.metadata();
        let plan = thread.rules.span(metadata);
        let mut name = b"{\"name\":".to_vec();
        thread.rules.scanner.write_text(&thread.rules.keys, metadata.name(), &mut name);
        let fields = vec![Vec::new(); plan.len()];
        let mut data = SpanData { name: name.into(), fields, plan, core: core.id, next: None };
        let plan = Arc::clone(&data.plan);
        record_fields(thread, &plan, |visitor| attributes.record(visitor), &mut data.fields);
        data
    });
    // Too deep inside values that make spans: the span stands without its fields, and says so.
    let unnamed =
        || SpanData { name: unnamed(), fields: Vec::new(), plan: Arc::new([]), core: core.id, next: None };
    let mut data = made.unwrap_or_else(unnamed);
    let mut extensions = span.extensions_mut();
    data.next = extensions.remove::<SpanData>().map(Box::new);
    extensions.insert(data);
}

/// Replaces the fields that were recorded anew.
pub(crate) fn record<S>(core: &Arc<Core>, values: &Record<'_>, span: &SpanRef<'_, S>)
where
    S: for<'a> LookupSpan<'a>,
{
    let plan = |data: &SpanData| data.of(core).map(|data| Arc::clone(&data.plan));
    let Some(plan) = span.extensions().get::<SpanData>().and_then(plan) else { return };
    // Formatted before the extensions are locked: a value that logs from within would look for them.
    let mut fields = vec![Vec::new(); plan.len()];
    Thread::with(core, |thread| record_fields(thread, &plan, |visitor| values.record(visitor), &mut fields));
    if let Some(data) = span.extensions_mut().get_mut::<SpanData>().and_then(|data| data.of_mut(core)) {
        for (kept, new) in data.fields.iter_mut().zip(fields) {
            if !new.is_empty() {
                *kept = new;
            }
        }
    }
    core.span_epoch.fetch_add(1, Ordering::AcqRel);
}

fn record_fields(
    thread: &mut Thread,
    plan: &[FieldPlan],
    visit: impl FnOnce(&mut Visitor<'_>),
    fields: &mut [Vec<u8>],
) {
    let Thread { rules, work, counters, .. } = thread;
    work.values.clear();
    visit(&mut Visitor { plan, values: &mut work.values });
    rules.scanner.scan(&rules.keys, &mut work.values, &mut work.found);
    rules.allow(plan, &work.values, &mut work.found);
    write_fields(plan, &work.values, &work.found, &mut work.outcome, fields);
    work.outcome.redactions.iter().for_each(|label| counters.redaction(label.index()));
}

fn write_fields(
    plan: &[FieldPlan],
    values: &Values,
    found: &Found,
    outcome: &mut Outcome,
    fields: &mut [Vec<u8>],
) {
    outcome.redactions.clone_from(&values.noted);
    for entry in &values.entries {
        let index = usize::from(entry.field);
        if let (Some(field), Some(plan)) = (fields.get_mut(index), plan.get(index)) {
            field.clear();
            write_field(field, &plan.key[1..], values, entry, found, outcome);
        }
    }
}

fn write_outermost_first<S>(core: &Core, span: &SpanRef<'_, S>, strict: Option<&[String]>, to: &mut Vec<u8>)
where
    S: for<'a> LookupSpan<'a>,
{
    for span in span.scope().from_root() {
        if let Some(data) = span.extensions().get::<SpanData>().and_then(|data| data.of(core)) {
            data.write(span.metadata().fields(), strict, to);
        }
    }
}

fn unnamed() -> Box<[u8]> {
    let mut name = b"{\"name\":".to_vec();
    escape::string(&mut name, "…");
    name.into()
}
