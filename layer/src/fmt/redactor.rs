//! A policy's redaction for values outside a record: the layer's own rules, visitor and scan.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tracing::field::DisplayValue;
use tracing_core::field::{Field, FieldSet, Value, ValueSet, Visit};

use crate::callsite::{Action, FieldPlan, Slot};
use crate::policy::Policy;
use crate::redact::keys::{KeyAction, KeyRules};
use crate::redact::label::Label;
use crate::redact::scan::{Found, Scanner, write_masked};
use crate::values::{Entry, Kind, Values, Visitor};

/// Rules and counts, shared by the parts of one `fmt` layer.
#[derive(Clone, Debug)]
pub(super) struct Redactor(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    keys: KeyRules,
    scanner: Scanner,
    masked: AtomicU64,
}

impl Redactor {
    pub(super) fn new(policy: &Policy) -> Redactor {
        let (keys, scanner) = (KeyRules::new(&policy.redact), Scanner::new(&policy.redact));
        Redactor(Arc::new(Inner { keys, scanner, masked: AtomicU64::new(0) }))
    }

    /// Looks at all values; what it finds is in `found`.
    pub(super) fn scan(&self, values: &mut Values, found: &mut Found) {
        self.0.scanner.scan(&self.0.keys, values, found);
        // Not for JSON: what is not hidden is written as it stands.
        found.plain = true;
    }

    /// What is to be done with a field of this name.
    pub(super) fn action(&self, name: &str) -> Action {
        match self.0.keys.action(name) {
            KeyAction::Drop => Action::Drop,
            KeyAction::Mask(class) => Action::Mask(Label::key(class)),
            KeyAction::Keep => Action::Scan,
        }
    }

    /// Whether any of these texts, none of which is a value, holds what must not be shown.
    pub(super) fn finds_in<'a>(&self, texts: impl Iterator<Item = &'a str>) -> bool {
        let (mut values, mut found) = (Values::default(), Found::default());
        texts.enumerate().for_each(|(index, text)| values.text(index, text));
        self.scan(&mut values, &mut found);
        !found.hits.is_empty() || values.entries.iter().any(|entry| matches!(entry.kind, Kind::Marker(_)))
    }

    /// `entry` as it may be shown.
    pub(super) fn write(&self, values: &Values, entry: &Entry, found: &Found, to: &mut Vec<u8>) {
        match entry.kind {
            Kind::Marker(label) => {
                label.write_marker(to);
                self.count(1);
            }
            _ => {
                let mut masked = 0;
                let range = entry.start as usize..entry.end as usize;
                write_masked(&values.bytes, range, found, to, &mut |_| masked += 1);
                self.count(masked);
            }
        }
    }

    pub(super) fn count(&self, masked: u64) {
        self.0.masked.fetch_add(masked, Ordering::Relaxed);
    }

    pub(super) fn masked(&self) -> u64 {
        self.0.masked.load(Ordering::Relaxed)
    }

    /// What `record` visits, redacted.
    pub(super) fn fields(&self, record: impl FnOnce(&mut dyn Visit)) -> Fields {
        let mut raw = Raw { redactor: self, fields: Vec::new(), plan: Vec::new(), values: Values::default() };
        record(&mut raw);
        let Raw { fields, mut values, .. } = raw;
        let mut found = Found::default();
        self.scan(&mut values, &mut found);
        let mut shown = Vec::with_capacity(values.entries.len());
        for entry in &values.entries {
            let index = usize::from(entry.field);
            let Some((field, kind)) = fields.iter().rev().find(|(field, _)| field.index() == index) else {
                continue;
            };
            let mut text = Vec::new();
            self.write(&values, entry, &found, &mut text);
            let is_as_it_was = text == values.bytes[entry.start as usize..entry.end as usize];
            let text = String::from_utf8_lossy(&text).into_owned();
            let value = match (entry.kind, kind) {
                (Kind::Bare, Came::Number(number)) if is_as_it_was => Shown::Number(*number),
                (Kind::Text, Came::Str) => Shown::Str(text),
                _ => Shown::Text(tracing::field::display(text)),
            };
            shown.push((field.clone(), value));
        }
        Fields(shown)
    }
}

/// Fields that may be shown.
pub(super) struct Fields(Vec<(Field, Shown)>);

/// A value keeps its kind: JSON is read by programs, and `log` records tell their target by strings.
enum Shown {
    Str(String),
    Text(DisplayValue<String>),
    Number(Number),
}

#[derive(Clone, Copy)]
enum Number {
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    Bool(bool),
}

impl Fields {
    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().map(|(field, _)| field.name())
    }

    /// As the values of the callsite they came from. `None` if they are not its fields.
    pub(super) fn with_set<R>(&self, f: impl FnOnce(&ValueSet<'_>) -> R) -> Option<R> {
        let (first, _) = self.0.first()?;
        let declared = first.callsite().0.metadata().fields();
        let (one, three) =
            (FieldSet::new(&TOLD[..1], first.callsite()), FieldSet::new(&TOLD, first.callsite()));
        let mut sets = [declared, &one, &three].into_iter();
        let set = sets.find(|set| self.0.iter().all(|(field, _)| is_of(field, set)))?;
        let mut values: Vec<Option<&dyn Value>> = vec![None; set.len()];
        for (field, shown) in &self.0 {
            values[field.index()] = Some(match shown {
                Shown::Str(text) => text as &dyn Value,
                Shown::Text(text) => text,
                Shown::Number(Number::Unsigned(number)) => number,
                Shown::Number(Number::Signed(number)) => number,
                Shown::Number(Number::Float(number)) => number,
                Shown::Number(Number::Bool(value)) => value,
            });
        }
        Some(f(&set.value_set_all(&values)))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn is_of(field: &Field, set: &FieldSet) -> bool {
    set.iter().nth(field.index()).is_some_and(|declared| declared.name() == field.name())
}

/// Of the events that `fmt` makes itself when a span is opened, entered and closed. They bear the span's metadata, and
/// other fields.
static TOLD: [&str; 3] = ["message", "time.busy", "time.idle"];

/// Takes values in, through the layer's own visitor. That finds a field's plan by its index; which fields there are is
/// only known here as they come.
struct Raw<'a> {
    redactor: &'a Redactor,
    fields: Vec<(Field, Came)>,
    plan: Vec<FieldPlan>,
    values: Values,
}

/// By which method a value came.
enum Came {
    Str,
    Number(Number),
    Otherwise,
}

impl Raw<'_> {
    fn visitor(&mut self, field: &Field, kind: Came) -> Visitor<'_> {
        let unknown = || FieldPlan {
            slot: Slot::Attribute,
            action: Action::Drop,
            key: Box::default(),
            allowed: Box::default(),
        };
        let index = field.index();
        if self.plan.len() <= index {
            self.plan.resize_with(index + 1, unknown);
        }
        self.plan[index].action = self.redactor.action(field.name());
        self.fields.push((field.clone(), kind));
        Visitor { plan: &self.plan, values: &mut self.values }
    }
}

impl Visit for Raw<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.visitor(field, Came::Str).record_str(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.visitor(field, Came::Number(Number::Unsigned(value))).record_u64(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.visitor(field, Came::Number(Number::Signed(value))).record_i64(field, value);
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        self.visitor(field, Came::Otherwise).record_u128(field, value);
    }

    fn record_i128(&mut self, field: &Field, value: i128) {
        self.visitor(field, Came::Otherwise).record_i128(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.visitor(field, Came::Number(Number::Float(value))).record_f64(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.visitor(field, Came::Number(Number::Bool(value))).record_bool(field, value);
    }

    fn record_bytes(&mut self, field: &Field, value: &[u8]) {
        self.visitor(field, Came::Otherwise).record_bytes(field, value);
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.visitor(field, Came::Otherwise).record_error(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.visitor(field, Came::Otherwise).record_debug(field, value);
    }
}
