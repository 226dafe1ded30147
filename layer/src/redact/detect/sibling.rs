//! A name and its value side by side, each behind a word that says so: `{"name": "password", "value": "…"}`,
//! `<add key="password" value="…"/>`, and a part of a form (`name="password"`, then a blank line).

use std::ops::Range;

use super::extent::{extent, find, worth_hiding};
use super::name::{self, is_name, names_a_secret};
use crate::redact::keys::KeyRules;
use crate::redact::work::Steps as _;

/// `at` is the sign behind `word`, which may be one such as `name`.
pub(super) fn verify(rules: &KeyRules, value: &[u8], at: usize, word: &Range<usize>) -> Option<Range<usize>> {
    if !NAMING.iter().any(|naming| value[word.clone()].eq_ignore_ascii_case(naming)) {
        return None;
    }
    let blank = value[at + 1..].iter().take(4).take_while(|b| **b == b' ').count();
    let named = at + 1 + blank;
    let named = bounded(value, named)?;
    if !names_a_secret(rules, &value[named.clone()]) {
        return None;
    }
    let found = part_of_form(value, word.start, named.end)
        .or_else(|| after(value, named.end))
        .or_else(|| before(value, word.start))
        .or_else(|| content(value, word.start, named.end))?;
    worth_hiding(value, found)
}

/// The name that is the value at `start`: what `extent` would say, but never far.
fn bounded(value: &[u8], start: usize) -> Option<Range<usize>> {
    let rest = value.get(start..)?;
    let open = rest.iter().take(8).take_while(|b| matches!(b, b'\\' | b'"' | b'\'' | b'`')).count();
    let inside = &rest[open..];
    let len =
        inside.steps().take(name::LONGEST_NAME).take_while(|b| is_name(**b) || (open > 0 && **b == b' '));
    let len = len.count();
    (len >= 2).then_some(start + open..start + open + len)
}

/// `Content-Disposition: form-data; name="password"`, a blank line, the value (RFC 7578).
fn part_of_form(value: &[u8], word: usize, end: usize) -> Option<Range<usize>> {
    find(&value[word.saturating_sub(NEAR)..word], b"form-data")?;
    let rest = &value[end..value.len().min(end + FAR)];
    let blank_lines: [&[u8]; 4] = [b"\r\n\r\n", b"\n\n", br"\r\n\r\n", br"\n\n"];
    let first = blank_lines.iter().filter_map(|blank| Some((find(rest, blank)?, blank.len())));
    let (at, len) = first.min()?;
    let start = end + at + len;
    let ends: [&[u8]; 4] = [b"\r\n--", b"\n--", br"\r\n--", br"\n--"];
    let stop = ends.iter().filter_map(|end| find(&value[start..], end)).min();
    Some(start..stop.map_or(value.len(), |stop| start + stop))
}

/// `<property name="password">…</property>`.
fn content(value: &[u8], word: usize, end: usize) -> Option<Range<usize>> {
    let tag = value[word.saturating_sub(NEAR)..word].steps().rev().find(|b| matches!(b, b'<' | b'>'))?;
    let rest = &value[end..value.len().min(end + FAR)];
    let close = rest.steps().position(|b| *b == b'>').filter(|close| *close > 0)?;
    if *tag != b'<' || rest[close - 1] == b'/' || rest[..close].contains(&b'<') {
        return None;
    }
    let start = end + close + 1;
    let len = value[start..].steps().position(|b| *b == b'<').unwrap_or(value.len() - start);
    (!value[start..start + len].trim_ascii().is_empty()).then_some(start..start + len)
}

/// Among the next few signs, the one whose name says `value`.
fn after(value: &[u8], from: usize) -> Option<Range<usize>> {
    let until = value.len().min(from + FAR);
    let until =
        from + value[from..until].steps().position(|b| matches!(b, b'}' | b'>')).unwrap_or(until - from);
    let signs = (from..until).filter(|at| matches!(value[*at], b':' | b'=')).take(MOST_SIGNS);
    signs.filter_map(|at| behind_value(value, at)).next()
}

/// The same before the name.
fn before(value: &[u8], until: usize) -> Option<Range<usize>> {
    let from = until.saturating_sub(FAR);
    let from =
        value[from..until].steps().rposition(|b| matches!(b, b'{' | b'<')).map_or(from, |at| from + at);
    let signs = (from..until).rev().filter(|at| matches!(value[*at], b':' | b'=')).take(MOST_SIGNS);
    signs.filter_map(|at| behind_value(value, at)).find(|range| range.end < until)
}

fn behind_value(value: &[u8], at: usize) -> Option<Range<usize>> {
    let word = name::before(value, at)?.range;
    if !VALUES.iter().any(|known| value[word.clone()].eq_ignore_ascii_case(known)) {
        return None;
    }
    let blank = value[at + 1..].iter().take(8).take_while(|b| b.is_ascii_whitespace()).count();
    extent(value, at + 1 + blank, false)
}

/// What introduces a name.
const NAMING: &[&[u8]] = &[
    b"name",
    b"key",
    b"field",
    b"header",
    b"header_name",
    b"param",
    b"parameter",
    b"variable",
    b"type",
    b"id",
    b"option",
    b"env",
    b"column",
];

/// What introduces the value of it.
const VALUES: &[&[u8]] = &[b"value", b"val", b"values", b"data", b"content", b"text", b"string", b"default"];

/// As far as a value is looked for, and as many signs: names follow each other as densely as signs do.
const FAR: usize = 256;
const MOST_SIGNS: usize = 4;

/// As far as what surrounds the name is looked for.
const NEAR: usize = 64;
