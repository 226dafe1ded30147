//! A key inside a value: `password=…`, `"token": "…"`, `secret: Some("…")`, `user[pwd]=…`.

use std::ops::Range;

use super::extent::{bare_len, extent, worth_hiding};
use super::name::{self, Name, ends_with_any_case, is_name, is_secret};
use super::{number, opaque, sibling, wrapped};
use crate::redact::keys::KeyRules;
use crate::redact::work::Steps as _;

pub(super) fn verify(rules: &KeyRules, value: &[u8], at: usize) -> Option<Range<usize>> {
    let name = name::before(value, at)?;
    // First: `add key="password"` is no key that is called password.
    sibling::verify(rules, value, at, &name.range)
        .or_else(|| beside(rules, value, at, &name))
        .or_else(|| opaque::behind_weak_name(value, at, &name.range))
        .or_else(|| wrapped::verify(rules, value, at, &name.range))
        .or_else(|| number::behind_its_name(value, at, &name.range))
}

/// What the name itself gives away.
fn beside(rules: &KeyRules, value: &[u8], at: usize, name: &Name) -> Option<Range<usize>> {
    let mut after = at;
    while matches!(value.get(after), Some(b'=' | b':' | b'>')) {
        after += 1;
    }
    // `a::b` is a path, `http://` the start of an address.
    let operator = &value[at..after];
    if operator.starts_with(b"::") || (operator == b":" && value[after..].starts_with(b"//")) {
        return None;
    }
    if after >= value.len() || !is_secret(rules, value, name) {
        return None;
    }
    // `**password:** …`
    after += value[after..].iter().take(3).take_while(|b| **b == b'*').count();
    let blank = value[after..].steps().take_while(|b| matches!(b, b' ' | b'\t')).count();
    let start = after + blank;
    if value[at] == b':'
        && let Some(line) = next_line(value, start)
    {
        return match name.quoted {
            // JSON may break the line behind a key's colon.
            true => worth_hiding(value, extent(value, first_ink(value, line), false)?),
            false => worth_hiding(value, block(value, name, line)?),
        };
    }
    // `token= status=200` is logfmt for no token.
    let glued = at > 0 && !matches!(value[at - 1], b' ' | b'\t');
    if blank > 0 && operator == b"=" && glued && is_assignment(&value[start..]) {
        return None;
    }
    let written = &value[name.range.clone()];
    let headline = operator.starts_with(b":")
        && (ends_with_any_case(written, b"authorization") || ends_with_any_case(written, b"cookie"));
    let range = pairs(value, extent(value, start, headline)?);
    // `nir: 0.8` is near infrared.
    if name::names_a_person(rules, written)
        && value[range.clone()].steps().filter(|b| b.is_ascii_digit()).count() < 5
    {
        return None;
    }
    let complaint =
        blank > 0 && value[at] == b':' && range.start == start && COMPLAINTS.contains(&&value[range.clone()]);
    if complaint { None } else { worth_hiding(value, range) }
}

/// A dump of bytes with blanks between (`70 61 73 73`) is one value.
fn pairs(value: &[u8], mut range: Range<usize>) -> Range<usize> {
    let is_pair = |at: usize| {
        let pair = value.get(at..at + 2);
        pair.is_some_and(|pair| pair.iter().all(u8::is_ascii_hexdigit))
            && !value.get(at + 2).is_some_and(u8::is_ascii_alphanumeric)
    };
    if range.len() == 2 && is_pair(range.start) {
        while value.get(range.end) == Some(&b' ') && is_pair(range.end + 1) {
            range.end += 3;
        }
    }
    range
}

/// Where the next line starts, if the rest of this one is empty but for what announces a block in YAML.
fn next_line(value: &[u8], at: usize) -> Option<usize> {
    let mark = value[at..].iter().take(4).take_while(|b| b"|>-+123456789".contains(b)).count();
    // A dash of its own is a value.
    let mark = if mark > 0 && matches!(value[at], b'|' | b'>') { mark } else { 0 };
    let rest = &value[at + mark..];
    let blank = rest.iter().take(8).take_while(|b| matches!(b, b' ' | b'\t')).count();
    let rest = &rest[blank..];
    let line_end = [&b"\n"[..], b"\r\n"].iter().find(|end| rest.starts_with(end))?.len();
    Some(at + mark + blank + line_end)
}

/// What is written below a name that ends its line: the lines that are indented deeper, or else one line that is
/// no assignment itself.
fn block(value: &[u8], name: &Name, line: usize) -> Option<Range<usize>> {
    let margin = margin(value, name.range.start);
    let start = first_ink(value, line);
    let belongs = |indent: usize, dash: bool| indent > margin || (dash && indent == margin);
    let from = value[..start].steps().rposition(|b| *b == b'\n').map_or(0, |newline| newline + 1);
    let is_item = |at: usize| value[at..].starts_with(b"- ");
    if !belongs(start - from, is_item(start)) {
        let line = line_at(value, start);
        return (!is_assignment(&value[line.clone()])).then_some(line);
    }
    let mut end = start;
    let mut next = start;
    loop {
        end = line_at(value, next).end.max(end);
        let after = value[end..].steps().position(|b| *b == b'\n').map_or(value.len(), |at| end + at + 1);
        let ink = first_ink(value, after);
        let from = value[..ink].steps().rposition(|b| *b == b'\n').map_or(0, |newline| newline + 1);
        if ink >= value.len() || !belongs(ink - from.min(ink), is_item(ink)) {
            return Some(start..end);
        }
        next = ink;
    }
}

/// How far the line of the name is indented.
fn margin(value: &[u8], name: usize) -> usize {
    let before = &value[name.saturating_sub(MOST_MARGIN)..name];
    let line = before.steps().rposition(|b| *b == b'\n').map_or(0, |newline| newline + 1);
    before[line..].steps().take_while(|b| **b == b' ').count()
}

/// The rest of the line without the blanks at its end.
fn line_at(value: &[u8], start: usize) -> Range<usize> {
    let len = value[start..].steps().position(|b| matches!(b, b'\r' | b'\n')).unwrap_or(value.len() - start);
    start..start + value[start..start + len].trim_ascii_end().len()
}

fn first_ink(value: &[u8], at: usize) -> usize {
    at + value[at..].steps().take_while(|b| b.is_ascii_whitespace()).count()
}

/// Whether this starts with a name of one to three words and a sign that something follows.
fn is_assignment(rest: &[u8]) -> bool {
    let name = rest.steps().take(name::LONGEST_NAME).take_while(|b| is_name(**b) || **b == b' ').count();
    let words = rest[..name].split(|b| *b == b' ').filter(|word| !word.is_empty()).count();
    let sign = name + rest[name..].iter().take(2).take_while(|b| matches!(b, b'"' | b'\'')).count();
    if !(1..=3).contains(&words) || !rest[0].is_ascii_alphabetic() {
        return false;
    }
    match &rest[sign..] {
        [b':', next, ..] => next.is_ascii_whitespace() || *next == b'"',
        [b':'] => true,
        // Not the padding of base64.
        [b'=', next, ..] => words == 1 && *next != b'=' && bare_len(&rest[sign + 1..]) > 0,
        _ => false,
    }
}

/// What a program says of a secret rather than the secret.
const COMPLAINTS: &[&[u8]] = &[
    b"expected",
    b"unexpected",
    b"missing",
    b"invalid",
    b"required",
    b"expired",
    b"incorrect",
    b"mismatch",
    b"denied",
];

/// As far as the start of the line is looked for.
const MOST_MARGIN: usize = 256;
