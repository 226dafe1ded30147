//! What detectors read of a stored record: its own keys and a few attributes, without parsing the rest.
//!
//! A line is looked at in two steps. A [`Glance`] reads what stands in fixed places: the time, whether the record has an
//! event name, whether something in it was redacted. Only if that is of interest to somebody a [`Header`] is made, which
//! walks over the record's own keys once. Values stay as they stand in the line, escaped as they are: the writer has one
//! way to escape a text, so that equal texts have equal bytes.
//!
//! Any bytes may come: what is not as our writer writes it is no record, and never a panic.

#[cfg(test)]
mod tests;

use std::cell::OnceCell;

use memchr::{memchr, memchr2};

use crate::record::escape;

/// The fixed places of a record.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Glance<'a> {
    line: &'a [u8],
    /// Where the keys behind `level` begin, or those behind `event_name` where there is one.
    rest: usize,
    level: (usize, usize),
    event: Option<&'a [u8]>,
}

/// The text between a record's time and its level, which is the same for every record of a channel.
#[derive(Clone, Debug)]
pub(crate) struct ChannelKey(Box<[u8]>);

impl ChannelKey {
    pub(crate) fn new(channel: &str) -> ChannelKey {
        let mut text = b"\",\"channel\":".to_vec();
        escape::string(&mut text, channel);
        text.extend_from_slice(b",\"level\":\"");
        ChannelKey(text.into())
    }
}

impl<'a> Glance<'a> {
    /// `line` without its newline. `None`: not a record as this version writes it, or not of the channel that `channel` is
    /// made of.
    #[inline]
    pub(crate) fn new(line: &'a [u8], channel: &ChannelKey) -> Option<Glance<'a>> {
        let fixed = line.get(..BEHIND_TIME)?;
        if !fixed.starts_with(ID) || &fixed[TIME_AT - TIME.len()..TIME_AT] != TIME {
            return None;
        }
        let mut at = BEHIND_TIME;
        skip(line, &mut at, &channel.0)?;
        let start = at;
        // One of seven words, none of them long.
        at += line.get(at..)?.iter().take(LEVEL_MAX + 1).position(|byte| *byte == b'"')? + 1;
        let level = (start, at - 1);
        let mut event = None;
        let mut rest = at;
        if skip(line, &mut rest, b",\"event_name\":\"").is_some() {
            let start = rest;
            text(line, &mut rest)?;
            event = Some(&line[start..rest - 1]);
            at = rest;
        }
        Some(Glance { line, rest: at, level, event })
    }

    /// The time as it stands there; sorts as text.
    #[inline]
    pub(crate) fn time(&self) -> &'a [u8; 27] {
        self.line[TIME_AT..].first_chunk().unwrap_or(b"1970-01-01T00:00:00.000000Z")
    }

    /// The event's name, where it has one.
    #[inline]
    pub(crate) fn event(&self) -> Option<&'a [u8]> {
        self.event
    }

    /// The same for detectors; empty where it has none.
    #[inline]
    pub(crate) fn event_name(&self) -> &'a str {
        self.event.map_or("", ascii)
    }

    /// The id, as it stands there.
    pub(crate) fn id(&self) -> &'a [u8] {
        &self.line[ID.len()..ID.len() + 36]
    }

    /// Whether a value of it was redacted. `tail` is what every record of the service ends with, without the newline.
    #[inline]
    pub(crate) fn is_redacted(&self, tail: &[u8]) -> bool {
        // The summary stands right before the tail. A text cannot look like it: its quotes are escaped.
        let Some(before) = self.line.strip_suffix(tail) else { return self.names_redactions() };
        match before {
            [.., b'}'] => {
                // `"redactions":{"email":2}`, or attributes that end alike.
                let mut at = before.len() - 1;
                loop {
                    let digits = before[..at].iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
                    at -= digits;
                    let is_count = digits > 0 && before[..at].ends_with(b"\":");
                    let Some(quote) = is_count.then(|| memchr::memrchr(b'"', &before[..at - 2])).flatten()
                    else {
                        return false;
                    };
                    if before[..quote].ends_with(SUMMARY) {
                        return true;
                    }
                    if !before[..quote].ends_with(b",") {
                        return false;
                    }
                    at = quote - 1;
                }
            }
            // A count of what was cut stands between.
            [.., b'0'..=b'9'] => self.names_redactions(),
            _ => false,
        }
    }

    fn names_redactions(&self) -> bool {
        memchr::memmem::find(self.line, SUMMARY).is_some()
    }

    /// The record's own keys.
    pub(crate) fn header(&self, channel: &'a str, at: i64) -> Header<'a> {
        let mut header = Header {
            channel,
            at,
            id: ascii(self.id()),
            level: ascii(&self.line[self.level.0..self.level.1]),
            event: self.event.map(ascii),
            outcome: None,
            tenant: None,
            user: None,
            subject: None,
            behind: &[],
            rest: OnceCell::new(),
        };
        let mut members = Members { text: self.line, at: self.rest };
        loop {
            let before = members.at;
            let Some((key, value)) = members.next() else { break };
            match key {
                b"outcome" => header.outcome = scalar(value),
                b"tenant_id" => header.tenant = scalar(value),
                b"user_id" => header.user = scalar(value),
                b"subject_id" => header.subject = scalar(value),
                _ => {
                    // They stand first; the rest is for whoever asks.
                    header.behind = &self.line[before..];
                    break;
                }
            }
        }
        header
    }
}

/// The id of a record, wherever `at` is in its line.
pub(crate) fn id_around(lines: &[u8], at: usize) -> Option<[u8; 36]> {
    let start = memchr::memrchr(b'\n', &lines[..at]).map_or(0, |newline| newline + 1);
    lines[start..].strip_prefix(ID)?.first_chunk().copied()
}

/// What a detector sees of a record: who, what, when; never its message.
///
/// Texts are as they stand in the record, escapes included. What was redacted is not there: a marker is nobody's name.
#[derive(Clone, Debug)]
pub struct Header<'a> {
    channel: &'a str,
    at: i64,
    id: &'a str,
    level: &'a str,
    event: Option<&'a str>,
    outcome: Option<&'a str>,
    tenant: Option<&'a str>,
    user: Option<&'a str>,
    subject: Option<&'a str>,
    /// The keys behind these.
    behind: &'a [u8],
    rest: OnceCell<Rest<'a>>,
}

/// What stands behind the envelope.
#[derive(Clone, Copy, Debug, Default)]
struct Rest<'a> {
    target: Option<&'a str>,
    spans: &'a [u8],
    attributes: &'a [u8],
    redactions: &'a [u8],
}

impl<'a> Header<'a> {
    /// The record's id.
    pub fn id(&self) -> &'a str {
        self.id
    }

    /// The channel it is in.
    pub fn channel(&self) -> &'a str {
        self.channel
    }

    /// Microseconds since 1970-01-01T00:00:00Z on the detectors' own time, which follows the records' and never steps
    /// back.
    pub fn at(&self) -> i64 {
        self.at
    }

    /// `INFO`, …, `AUDIT`, `SECURITY`.
    pub fn level(&self) -> &'a str {
        self.level
    }

    /// What happened, in a word.
    pub fn event_name(&self) -> Option<&'a str> {
        self.event
    }

    /// `success`, `failure`, ….
    pub fn outcome(&self) -> Option<&'a str> {
        self.outcome
    }

    /// For whom.
    pub fn tenant_id(&self) -> Option<&'a str> {
        self.tenant
    }

    /// Who did it.
    pub fn user_id(&self) -> Option<&'a str> {
        self.user
    }

    /// Whom the data is about.
    pub fn subject_id(&self) -> Option<&'a str> {
        self.subject
    }

    /// The module that logged.
    pub fn target(&self) -> Option<&'a str> {
        self.rest().target
    }

    /// A field that has no place of its own: of the record, else of the innermost span around it that has one.
    pub fn attribute(&self, name: &str) -> Option<&'a str> {
        let Rest { spans, attributes, .. } = *self.rest();
        let own = Members::of(attributes).find(|(key, _)| *key == name.as_bytes());
        if let Some((_, value)) = own {
            return scalar(value);
        }
        let mut found = None;
        let mut at = 1;
        // `[{"name":…,"attributes":{…}},…]`, the innermost last.
        while let Some(end) = spans.get(at..).and_then(value_end).filter(|end| *end > 0) {
            let span = &spans[at..at + end];
            let inner = Members::of(span).find(|(key, _)| *key == b"attributes");
            let value =
                inner.and_then(|(_, value)| Members::of(value).find(|(key, _)| *key == name.as_bytes()));
            found = value.and_then(|(_, value)| scalar(value)).or(found);
            at += end + 1;
        }
        found
    }

    /// The first of several names under which a field may stand.
    pub fn any_attribute(&self, names: &[&str]) -> Option<&'a str> {
        names.iter().find_map(|name| self.attribute(name))
    }

    /// Where the request came from, under the names that are in use for it.
    pub fn network(&self) -> Option<&'a str> {
        self.any_attribute(&NETWORK)
    }

    /// How many of its values were redacted.
    pub fn redactions(&self) -> u64 {
        let counts = Members::of(self.rest().redactions).map(|(_, value)| number(value));
        counts.fold(0, u64::saturating_add)
    }

    fn rest(&self) -> &Rest<'a> {
        self.rest.get_or_init(|| {
            let mut rest = Rest::default();
            for (key, value) in (Members { text: self.behind, at: 0 }) {
                match key {
                    b"target" => rest.target = scalar(value),
                    b"spans" => rest.spans = value,
                    b"attributes" => rest.attributes = value,
                    b"redactions" => rest.redactions = value,
                    _ => {}
                }
            }
            rest
        })
    }
}

/// The members of an object, as they stand.
#[derive(Debug)]
struct Members<'a> {
    text: &'a [u8],
    /// At the comma before a key, or at the key.
    at: usize,
}

impl<'a> Members<'a> {
    /// Of a whole object with its braces; none for anything else.
    fn of(value: &'a [u8]) -> Members<'a> {
        match value {
            [b'{', ..] => Members { text: value, at: 1 },
            _ => Members { text: &[], at: 0 },
        }
    }
}

impl<'a> Iterator for Members<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<(&'a [u8], &'a [u8])> {
        let mut at = self.at;
        if self.text.get(at) == Some(&b',') {
            at += 1;
        }
        skip(self.text, &mut at, b"\"")?;
        let start = at;
        text(self.text, &mut at)?;
        let key = &self.text[start..at - 1];
        skip(self.text, &mut at, b":")?;
        let end = at + value_end(self.text.get(at..)?)?;
        self.at = end;
        Some((key, &self.text[at..end]))
    }
}

/// Where the value that `text` begins with ends.
fn value_end(text: &[u8]) -> Option<usize> {
    match text.first()? {
        b'"' => {
            let mut at = 1;
            self::text(text, &mut at)?;
            Some(at)
        }
        b'{' | b'[' => {
            let mut depth = 0_usize;
            let mut at = 0;
            loop {
                match text.get(at)? {
                    b'"' => {
                        at += 1;
                        self::text(text, &mut at)?;
                        continue;
                    }
                    b'{' | b'[' => depth += 1,
                    b'}' | b']' => {
                        depth -= 1;
                        if depth == 0 {
                            return Some(at + 1);
                        }
                    }
                    _ => {}
                }
                at += 1;
            }
        }
        _ => text.iter().position(|byte| matches!(byte, b',' | b'}' | b']')),
    }
}

/// Moves `at` from within a string behind its closing quote.
#[inline]
fn text(line: &[u8], at: &mut usize) -> Option<()> {
    loop {
        let rest = line.get(*at..)?;
        let found = memchr2(b'"', b'\\', rest)?;
        if rest[found] == b'"' {
            *at += found + 1;
            return Some(());
        }
        *at += found + 2;
    }
}

#[inline]
fn skip(line: &[u8], at: &mut usize, literal: &[u8]) -> Option<()> {
    line.get(*at..)?.starts_with(literal).then(|| *at += literal.len())
}

/// A text without its quotes, a number or boolean as it stands. `None` for what was redacted, whole or in part, for
/// nothing, and for lists.
fn scalar(value: &[u8]) -> Option<&str> {
    let value = match value {
        [b'"', inner @ .., b'"'] => inner,
        [b'{' | b'[' | b'"', ..] => return None,
        bare => bare,
    };
    let is_marked =
        memchr(b'[', value).is_some_and(|at| memchr::memmem::find(&value[at..], b"[redacted:").is_some());
    if value.is_empty() || value == b"null" || is_marked {
        return None;
    }
    std::str::from_utf8(value).ok()
}

fn number(value: &[u8]) -> u64 {
    let digits = value.iter().take_while(|byte| byte.is_ascii_digit());
    digits.fold(0, |sum: u64, digit| sum.saturating_mul(10).saturating_add(u64::from(digit - b'0')))
}

fn ascii(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or_default()
}

const ID: &[u8] = b"{\"v\":1,\"id\":\"";
const TIME: &[u8] = b"\",\"timestamp\":\"";
const TIME_AT: usize = ID.len() + 36 + TIME.len();
const BEHIND_TIME: usize = TIME_AT + 27;
/// The longest is `SECURITY`.
const LEVEL_MAX: usize = 8;
const SUMMARY: &[u8] = b",\"redactions\":{";
/// OpenTelemetry's names first, then what older code writes.
const NETWORK: [&str; 8] = [
    "client.address",
    "source.ip",
    "source.address",
    "network.peer.address",
    "client_ip",
    "remote_addr",
    "source",
    "ip",
];
