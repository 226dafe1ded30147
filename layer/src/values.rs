//! The values of one event or span, as text, side by side in one buffer: so that one scan sees them all.

use std::cell::Cell;
use std::error::Error;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use tracing_core::field::{Field, Visit};

use crate::callsite::{Action, FieldPlan};
use crate::redact::label::Label;

/// Texts of one event's fields.
#[derive(Debug, Default)]
pub(crate) struct Values {
    /// All values, each followed by two [`SEPARATOR`]s: with one, two lists of numbers side by side would look like one,
    /// whose second half is not looked at again.
    pub(crate) bytes: Vec<u8>,
    pub(crate) entries: Vec<Entry>,
    /// What was masked in a value before it came here.
    pub(crate) noted: Vec<Label>,
}

/// One field's value.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    /// Index into the plan's fields.
    pub(crate) field: u16,
    pub(crate) kind: Kind,
    pub(crate) start: u32,
    pub(crate) end: u32,
}

/// How a value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Within quotes.
    Text,
    /// A number or boolean, without quotes as long as nothing was found in it.
    Bare,
    /// A list, one item per line of the text.
    Items,
    /// Only this marker.
    Marker(Label),
}

/// Stands between values in the scanned buffer; no detector's match may contain it.
pub(crate) const SEPARATOR: u8 = b'|';

/// A longer value is replaced as a whole: what was cut off a secret's end could hide the rest from the scan.
pub(crate) const VALUE_MAX: usize = 64 * 1024;

impl Values {
    #[inline]
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.noted.clear();
        self.entries.clear();
    }

    /// Gives memory back after an unusually large event.
    pub(crate) fn shrink(&mut self) {
        self.bytes.clear();
        self.bytes.shrink_to(KEPT_BYTES);
        self.entries.clear();
        self.entries.shrink_to(256);
    }

    #[inline]
    pub(crate) fn text(&mut self, field: usize, text: &str) {
        if text.len() > VALUE_MAX || self.bytes.len() > EVENT_MAX {
            return self.marker(field, Label::OVERRUN);
        }
        let start = self.bytes.len();
        self.bytes.extend_from_slice(text.as_bytes());
        self.close(field, Kind::Text, start);
    }

    pub(crate) fn of_kind(&mut self, field: usize, kind: Kind, text: &str) {
        self.text(field, text);
        if let Some(entry) = self.entries.last_mut().filter(|entry| entry.kind == Kind::Text) {
            entry.kind = kind;
        }
    }

    pub(crate) fn display(&mut self, field: usize, kind: Kind, value: &dyn fmt::Display) {
        self.format(field, kind, format_args!("{value}"));
    }

    #[inline]
    pub(crate) fn marker(&mut self, field: usize, label: Label) {
        let at = self.bytes.len() as u32;
        self.entries.push(Entry { field: field as u16, kind: Kind::Marker(label), start: at, end: at });
    }

    #[inline]
    fn format(&mut self, field: usize, kind: Kind, value: fmt::Arguments<'_>) {
        let start = self.bytes.len();
        if start > EVENT_MAX {
            return self.marker(field, Label::OVERRUN);
        }
        match format(&mut self.bytes, value) {
            Ok(()) => self.close(field, kind, start),
            Err(failure) => self.marker(field, failure),
        }
    }

    #[inline]
    fn close(&mut self, field: usize, kind: Kind, start: usize) {
        let end = self.bytes.len();
        self.bytes.extend_from_slice(&[SEPARATOR; 2]);
        self.entries.push(Entry { field: field as u16, kind, start: start as u32, end: end as u32 });
    }
}

/// Appends a value's text, or nothing. Foreign code runs here: it may panic, log, never end or fail, and none of that may
/// harm the record.
#[inline]
pub(crate) fn format(to: &mut Vec<u8>, value: fmt::Arguments<'_>) -> Result<(), Label> {
    let start = to.len();
    let mut sink = Bounded { bytes: to, end: start + VALUE_MAX, full: false };
    let failure = match caught(|| fmt::write(&mut sink, value)) {
        // Some formatting goes on after a refused write and answers `Ok`: the sink knows better.
        Some(_) if sink.full => Label::OVERRUN,
        Some(Ok(())) => return Ok(()),
        Some(Err(_)) => Label::UNFORMATTABLE,
        None => Label::PANIC,
    };
    to.truncate(start);
    Err(failure)
}

/// Runs foreign code; `None` if it panicked, of which nobody else hears.
#[inline]
pub(crate) fn caught<R>(f: impl FnOnce() -> R) -> Option<R> {
    let _formatting = Formatting::begin();
    match catch_unwind(AssertUnwindSafe(f)) {
        Ok(result) => Some(result),
        Err(payload) => {
            // The payload's own drop may panic again; leaking it is the lesser harm.
            std::mem::forget(payload);
            None
        }
    }
}

/// Writes a callsite's fields into [`Values`] as its plan says.
pub(crate) struct Visitor<'a> {
    pub(crate) plan: &'a [FieldPlan],
    pub(crate) values: &'a mut Values,
}

impl Visitor<'_> {
    /// The index to write under, if the value is wanted at all.
    #[inline]
    fn wanted(&mut self, field: &Field) -> Option<usize> {
        let index = field.index();
        match self.plan.get(index)?.action {
            Action::Scan => Some(index),
            Action::Mask(label) => {
                self.values.marker(index, label);
                None
            }
            Action::Drop => None,
        }
    }

    #[inline]
    fn number(&mut self, field: &Field, digits: &[u8]) {
        if let Some(index) = self.wanted(field) {
            let start = self.values.bytes.len();
            self.values.bytes.extend_from_slice(digits);
            self.values.close(index, Kind::Bare, start);
        }
    }
}

impl Visit for Visitor<'_> {
    #[inline]
    fn record_str(&mut self, field: &Field, value: &str) {
        if let Some(index) = self.wanted(field) {
            self.values.text(index, value);
        }
    }

    #[inline]
    fn record_u64(&mut self, field: &Field, value: u64) {
        let mut digits = [0; 20];
        self.number(field, decimal(&mut digits, value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        if value >= 0 {
            return self.record_u64(field, value as u64);
        }
        if let Some(index) = self.wanted(field) {
            self.values.display(index, Kind::Bare, &value);
        }
    }

    /// As text: readers of JSON take numbers for doubles, and would change these.
    fn record_u128(&mut self, field: &Field, value: u128) {
        if let Some(index) = self.wanted(field) {
            self.values.display(index, Kind::Text, &value);
        }
    }

    fn record_i128(&mut self, field: &Field, value: i128) {
        if let Some(index) = self.wanted(field) {
            self.values.display(index, Kind::Text, &value);
        }
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        if let Some(index) = self.wanted(field) {
            // JSON has no word for these two.
            let kind = if value.is_finite() { Kind::Bare } else { Kind::Text };
            match value.abs() {
                // `{:?}` would write 4.1e18, in which nobody sees a card's number. All of its digits are exact here.
                size @ 1e16..1e19 => {
                    let sign = if value < 0.0 { "-" } else { "" };
                    self.values.format(index, kind, format_args!("{sign}{}.0", size as u64));
                }
                _ => self.values.format(index, kind, format_args!("{value:?}")),
            }
        }
    }

    #[inline]
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.number(field, if value { b"true" } else { b"false" });
    }

    fn record_bytes(&mut self, field: &Field, value: &[u8]) {
        if let Some(index) = self.wanted(field) {
            match value.len() {
                0..=VALUE_MAX => self.values.text(index, &String::from_utf8_lossy(value)),
                _ => self.values.marker(index, Label::OVERRUN),
            }
        }
    }

    /// With its causes: the innermost one often carries what the outer ones only hint at.
    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        if let Some(index) = self.wanted(field) {
            self.values.display(index, Kind::Text, &Chain(value));
        }
    }

    #[inline]
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if let Some(index) = self.wanted(field) {
            self.values.format(index, Kind::Text, format_args!("{value:?}"));
        }
    }
}

/// An error and everything it came from.
struct Chain<'a>(&'a (dyn Error + 'static));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut next = self.0.source();
        // A chain may be a circle; nobody reads the sixteenth cause.
        for _ in 0..16 {
            let Some(error) = next else { break };
            write!(f, ": {error}")?;
            next = error.source();
        }
        Ok(())
    }
}

/// Takes as much as may be examined, then refuses.
struct Bounded<'a> {
    bytes: &'a mut Vec<u8>,
    end: usize,
    full: bool,
}

impl fmt::Write for Bounded<'_> {
    #[inline]
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.full || self.bytes.len() + text.len() > self.end {
            self.full = true;
            return Err(fmt::Error);
        }
        self.bytes.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

/// While one lives, this thread is inside a value's own formatting: a panic there is ours to report, and its payload
/// not for stderr.
pub(crate) struct Formatting {
    before: bool,
}

thread_local! {
    static FORMATTING: Cell<bool> = const { Cell::new(false) };
}

impl Formatting {
    #[inline]
    fn begin() -> Formatting {
        Formatting { before: FORMATTING.replace(true) }
    }

    pub(crate) fn is_underway() -> bool {
        FORMATTING.get()
    }
}

impl Drop for Formatting {
    fn drop(&mut self) {
        FORMATTING.set(self.before);
    }
}

/// Past this much text, an event's further values are replaced.
const EVENT_MAX: usize = 4 * VALUE_MAX;

/// Capacity kept between events.
const KEPT_BYTES: usize = 16 * 1024;

#[inline]
fn decimal(buffer: &mut [u8; 20], mut value: u64) -> &[u8] {
    let mut length = 0;
    for digit in buffer.iter_mut().rev() {
        *digit = b'0' + (value % 10) as u8;
        length += 1;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    &buffer[buffer.len() - length..]
}
