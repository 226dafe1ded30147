//! One event as written: one line of JSON, its keys in a fixed order (`docs/format.md`).
//!
//! What the user passed lies under `attributes`; the keys at the top are the layer's alone, so that nothing can be
//! forged or stand twice. Serialised by hand into a reused buffer: keys come ready from the plan, and values that need
//! no escaping are copied.

pub(crate) mod escape;
pub(crate) mod stamp;
pub(crate) mod system;

use crate::callsite::{ENVELOPE, MESSAGE, Plan, Slot};
use crate::redact::label::Label;
use crate::redact::scan::{Found, write_masked};
use crate::values::{Entry, Kind, Values};

/// A record's bytes at most, its newline included.
pub(crate) const RECORD_MAX: usize = 65_535;

/// The parts of a record that its event alone does not tell.
pub(crate) struct Context<'a> {
    pub(crate) unix_micros: i64,
    pub(crate) random: u64,
    /// Trace and span id in hexadecimal, where there is a trace.
    pub(crate) trace: Option<([u8; 32], [u8; 16])>,
    /// `{"name":…},{"name":…}`, from the outermost span to the innermost; may be empty.
    pub(crate) spans: &'a [u8],
    /// `,"service":{…}}` and the newline.
    pub(crate) tail: &'a [u8],
}

/// What was done to the values on the way.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) redactions: Vec<Label>,
    /// Fields, spans or a message that did not fit.
    pub(crate) cut: usize,
}

/// Replaces `line` by the record.
#[inline]
pub(crate) fn write(
    line: &mut Vec<u8>,
    stamp: &mut stamp::Stamp,
    plan: &Plan,
    values: &Values,
    found: &Found,
    context: &Context<'_>,
    outcome: &mut Outcome,
) {
    outcome.redactions.clone_from(&values.noted);
    outcome.cut = 0;
    let mut places = [None; ENVELOPE.len() + 2];
    let mut attributes = 0;
    for entry in &values.entries {
        match plan.fields[usize::from(entry.field)].slot {
            Slot::Envelope(index) => places[index] = Some(entry),
            // The trace that the process is in goes before what a field says; that is kept lower down.
            Slot::TraceId | Slot::SpanId if context.trace.is_some() => attributes += 1,
            Slot::TraceId => places[ENVELOPE.len()] = Some(entry),
            Slot::SpanId => places[ENVELOPE.len() + 1] = Some(entry),
            Slot::Attribute => attributes += 1,
        }
    }
    let mut writer = Writer { line, values, found, outcome };
    writer.line.clear();
    writer.line.extend_from_slice(b"{\"v\":1,\"id\":\"");
    stamp::write_id(writer.line, context.unix_micros, context.random);
    writer.line.extend_from_slice(b"\",\"timestamp\":\"");
    stamp.write_time(writer.line, context.unix_micros);
    writer.line.push(b'"');
    writer.line.extend_from_slice(&plan.head);
    for entry in places[..MESSAGE].iter().flatten() {
        writer.envelope(&plan.fields[usize::from(entry.field)].key, entry, ENVELOPE_MAX);
    }
    if let Some(entry) = places[MESSAGE] {
        writer.envelope(&plan.fields[usize::from(entry.field)].key, entry, MESSAGE_MAX);
    }
    writer.line.extend_from_slice(&plan.target);
    match &context.trace {
        Some((trace, span)) => {
            writer.line.extend_from_slice(b",\"trace_id\":\"");
            writer.line.extend_from_slice(trace);
            writer.line.extend_from_slice(b"\",\"span_id\":\"");
            writer.line.extend_from_slice(span);
            writer.line.push(b'"');
        }
        None => {
            for entry in places[ENVELOPE.len()..].iter().flatten() {
                writer.envelope(&plan.fields[usize::from(entry.field)].key, entry, ENVELOPE_MAX);
            }
        }
    }
    writer.spans(context.spans);
    if attributes > 0 {
        let is_attribute = |slot| match slot {
            Slot::Attribute => true,
            Slot::TraceId | Slot::SpanId => context.trace.is_some(),
            Slot::Envelope(_) => false,
        };
        writer.attributes(plan, is_attribute, RECORD_MAX - context.tail.len() - SUMMARY_MAX);
    }
    writer.summary();
    line.extend_from_slice(context.tail);
}

/// Writes the fields of a span, `"key":value` each, without braces; they are kept and copied into every record inside.
pub(crate) fn write_field(
    line: &mut Vec<u8>,
    key: &[u8],
    values: &Values,
    entry: &Entry,
    found: &Found,
    outcome: &mut Outcome,
) {
    line.extend_from_slice(key);
    Writer { line, values, found, outcome }.value(entry);
}

/// The end of every record of one service.
pub(crate) fn tail(service: &crate::policy::Service) -> Box<[u8]> {
    let mut tail = b",\"service\":{\"name\":".to_vec();
    escape::string(&mut tail, &service.name);
    for (key, value) in [("version", &service.version), ("instance", &service.instance)] {
        if let Some(value) = value {
            tail.extend_from_slice(format!(",\"{key}\":").as_bytes());
            escape::string(&mut tail, value);
        }
    }
    tail.extend_from_slice(b"}}\n");
    tail.into()
}

struct Writer<'a> {
    line: &'a mut Vec<u8>,
    values: &'a Values,
    found: &'a Found,
    outcome: &'a mut Outcome,
}

impl Writer<'_> {
    #[inline]
    fn envelope(&mut self, key: &[u8], entry: &Entry, most: usize) {
        self.line.extend_from_slice(key);
        let before = self.line.len();
        self.value(entry);
        if self.line.len() - before <= most {
            return;
        }
        self.outcome.cut += 1;
        if most == ENVELOPE_MAX {
            // An identifier that was cut would name somebody else.
            self.line.truncate(before);
            self.line.push(b'"');
            Label::OVERRUN.write_marker(self.line);
            self.line.push(b'"');
            self.outcome.redactions.push(Label::OVERRUN);
            return;
        }
        cut_text(self.line, before, most);
    }

    #[inline]
    fn value(&mut self, entry: &Entry) {
        let range = entry.start as usize..entry.end as usize;
        match entry.kind {
            Kind::Text if self.found.plain && self.found.hits.is_empty() => {
                self.line.push(b'"');
                self.line.extend_from_slice(&self.values.bytes[range]);
                self.line.push(b'"');
            }
            Kind::Bare if self.found.hits.is_empty() => {
                self.line.extend_from_slice(&self.values.bytes[range])
            }
            Kind::Bare if !self.is_hit(&range) => self.line.extend_from_slice(&self.values.bytes[range]),
            Kind::Text | Kind::Bare => {
                self.line.push(b'"');
                let redactions = &mut self.outcome.redactions;
                write_masked(&self.values.bytes, range, self.found, self.line, &mut |label| {
                    redactions.push(label)
                });
                self.line.push(b'"');
            }
            Kind::Items => self.items(range),
            Kind::Marker(label) => {
                self.line.push(b'"');
                label.write_marker(self.line);
                self.line.push(b'"');
                self.outcome.redactions.push(label);
            }
        }
    }

    fn items(&mut self, range: std::ops::Range<usize>) {
        self.line.push(b'[');
        let text = &self.values.bytes[range.clone()];
        let mut start = range.start;
        for item in text.split(|byte| *byte == b'\n').filter(|_| !text.is_empty()) {
            if start > range.start {
                self.line.push(b',');
            }
            self.line.push(b'"');
            let redactions = &mut self.outcome.redactions;
            let item = start..start + item.len();
            start = item.end + 1;
            write_masked(&self.values.bytes, item, self.found, self.line, &mut |label| {
                redactions.push(label)
            });
            self.line.push(b'"');
        }
        self.line.push(b']');
    }

    fn is_hit(&self, range: &std::ops::Range<usize>) -> bool {
        self.found.hits.iter().any(|hit| (hit.start as usize) < range.end && range.start < hit.end as usize)
    }

    #[inline]
    fn spans(&mut self, spans: &[u8]) {
        if spans.is_empty() {
            return;
        }
        if spans.len() > SPANS_MAX {
            self.outcome.cut += 1;
            return;
        }
        self.line.extend_from_slice(b",\"spans\":[");
        self.line.extend_from_slice(spans);
        self.line.push(b']');
    }

    #[inline]
    fn attributes(&mut self, plan: &Plan, is_attribute: impl Fn(Slot) -> bool, end: usize) {
        self.line.extend_from_slice(b",\"attributes\":{");
        let first = self.line.len();
        for entry in &self.values.entries {
            let field = &plan.fields[usize::from(entry.field)];
            if !is_attribute(field.slot) {
                continue;
            }
            let before = self.line.len();
            let comma = usize::from(before == first);
            self.line.extend_from_slice(&field.key[comma..]);
            self.value(entry);
            if self.line.len() > end {
                self.line.truncate(before);
                self.outcome.cut += 1;
            }
        }
        self.line.push(b'}');
    }

    #[inline]
    fn summary(&mut self) {
        if !self.outcome.redactions.is_empty() {
            self.line.extend_from_slice(b",\"redactions\":{");
            self.outcome.redactions.sort_unstable_by_key(|label| label.index());
            for same in self.outcome.redactions.chunk_by(|a, b| a == b) {
                self.line.push(b'"');
                self.line.extend_from_slice(same[0].name().as_bytes());
                self.line.extend_from_slice(b"\":");
                decimal(self.line, same.len());
                self.line.push(b',');
            }
            self.line.pop();
            self.line.push(b'}');
        }
        if self.outcome.cut > 0 {
            self.line.extend_from_slice(b",\"truncated\":");
            decimal(self.line, self.outcome.cut);
        }
    }
}

fn decimal(line: &mut Vec<u8>, number: usize) {
    if number >= 10 {
        decimal(line, number / 10);
    }
    line.push(b'0' + (number % 10) as u8);
}

/// Ends the string written from `start` on so that it has at most `most` bytes, never inside a character or an escape.
fn cut_text(line: &mut Vec<u8>, start: usize, most: usize) {
    let room = start + most - CUT.len();
    let mut end = start + 1;
    while let Some(byte) = line.get(end) {
        let len = match (byte, line.get(end + 1)) {
            // A character beyond U+FFFF is two escapes; reading half of it fails.
            (b'\\', Some(b'u'))
                if matches!(line.get(end + 3), Some(b'8'..=b'b')) && line[end + 2] == b'd' =>
            {
                12
            }
            (b'\\', Some(b'u')) => 6,
            (b'\\', _) => 2,
            (0xf0.., _) => 4,
            (0xe0.., _) => 3,
            (0xc0.., _) => 2,
            _ => 1,
        };
        if end + len > room {
            break;
        }
        end += len;
    }
    line.truncate(end);
    line.extend_from_slice(CUT.as_bytes());
}

/// What a cut text ends with.
const CUT: &str = "…\"";

/// A field of the envelope as written. An id or name has no business being longer.
pub(crate) const ENVELOPE_MAX: usize = 1024;

/// A message as written; leaves room for the attributes.
const MESSAGE_MAX: usize = 32 * 1024;

/// All spans around an event as written; beyond this they are left out.
const SPANS_MAX: usize = 16 * 1024;

/// Room kept for `redactions` and `truncated`: every label once, with its count.
pub(crate) const SUMMARY_MAX: usize = 6 * 1024;
