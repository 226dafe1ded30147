//! Elements of XML and HTML that are named like a secret: `<password>…</password>`.

use std::ops::Range;

use super::extent::{find, worth_hiding};
use super::name::{self, is_name, names_a_credential, names_a_secret};
use crate::redact::keys::KeyRules;
use crate::redact::work::Steps as _;

/// `at` is at `</`: what stands between it and the opening tag.
pub(super) fn closing(rules: &KeyRules, value: &[u8], at: usize) -> Option<Range<usize>> {
    let rest = &value[at + 2..];
    let tag = rest.steps().take(name::LONGEST_NAME).take_while(|b| is_name(**b) || **b == b':').count();
    let tag = &rest[..tag];
    if !names_a_secret(rules, local(tag)) {
        return None;
    }
    let before = &value[at.saturating_sub(MOST_TEXT)..at];
    let floor = at - before.len();
    let start = floor + before.steps().rposition(|b| matches!(b, b'>' | b'<')).map_or(0, |end| end + 1);
    worth_hiding(value, whole(value, start)..at)
}

/// `at` is the end of a name and its bracket, `word>`: what stands behind, when no closing tag is near.
pub(super) fn opening(rules: &KeyRules, value: &[u8], at: usize) -> Option<Range<usize>> {
    let end = at + value[at..].iter().take(8).position(|b| *b == b'>')?;
    let start = end - name::trailing(&value[..end], name::LONGEST_NAME, |b| is_name(b) || b == b':');
    let tag = &value[start..end];
    // `Option<Token>` is a type.
    // So it is in `<<Token as X>::Y>`, and `<<password>…>` is none.
    let is_doubled =
        value[..start].ends_with(b"<<") && value.get(end + 1).is_some_and(u8::is_ascii_alphanumeric);
    let is_tag = value[..start].last() == Some(&b'<')
        && !value[..start - 1].ends_with(b"::")
        && (is_doubled
            || !matches!(value[..start - 1].last(), Some(b) if b.is_ascii_alphanumeric() || matches!(b, b'<' | b'&')));
    if !is_tag || !names_a_credential(rules, local(tag)) {
        return None;
    }
    let inside = end + 1;
    if value[inside..].starts_with(b"<![CDATA[") {
        let close = find(&value[inside..], b"]]>").map_or(value.len(), |at| inside + at + 3);
        return Some(inside..close);
    }
    let mut i = inside;
    while let Some(open) = value[i..].steps().position(|b| *b == b'<').map(|at| i + at) {
        let is_closing = value.get(open + 1) == Some(&b'/');
        let from = open + 1 + usize::from(is_closing);
        let len = value[from..]
            .steps()
            .take(name::LONGEST_NAME)
            .take_while(|b| is_name(**b) || **b == b':')
            .count();
        let other = &value[from..from + len];
        if is_closing && other == tag {
            return worth_hiding(value, inside..open);
        }
        // The next one looks for itself; looking past it at each would be quadratic.
        if !is_closing && names_a_secret(rules, local(other)) {
            break;
        }
        i = from + len;
    }
    let len = value[inside..].steps().position(|b| b.is_ascii_whitespace() || *b == b'<');
    let end = len.map_or(value.len(), |len| inside + len);
    // `'--token <TOKEN>' is required`
    let is_said = value[inside..end].steps().any(|b| b.is_ascii_alphanumeric() || *b >= 0x80);
    is_said.then(|| worth_hiding(value, inside..end))?
}

/// The name without its namespace.
fn local(tag: &[u8]) -> &[u8] {
    tag.steps().rposition(|b| *b == b':').map_or(tag, |colon| &tag[colon + 1..])
}

/// A look-behind that ends within a character starts at the next one.
fn whole(value: &[u8], mut at: usize) -> usize {
    while value.get(at).is_some_and(|b| b & 0xc0 == 0x80) {
        at += 1;
    }
    at
}

/// As far as an opening tag is looked for.
const MOST_TEXT: usize = 512;
