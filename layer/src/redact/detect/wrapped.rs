//! A secret as the only field of a type that is named for it: `ApiKey { value: "…" }`.

use std::ops::Range;

use super::extent::{extent, worth_hiding};
use super::name::{self, is_name, names_a_credential};
use crate::redact::keys::KeyRules;
use crate::redact::work::Steps as _;

/// `at` is the sign behind `word`. A type with more fields describes something: a parser's `Token { kind: Ident, … }`.
pub(super) fn verify(rules: &KeyRules, value: &[u8], at: usize, word: &Range<usize>) -> Option<Range<usize>> {
    if !FIELDS.iter().any(|field| value[word.clone()] == **field) {
        return None;
    }
    let open = word.start - name::trailing(&value[..word.start], MOST_BLANKS, |b| b.is_ascii_whitespace());
    let outside = value[..open].strip_suffix(b"{")?;
    let outside = outside.strip_suffix(b" ").unwrap_or(outside);
    let named = outside.len() - name::trailing(outside, name::LONGEST_NAME, is_name);
    if !names_a_credential(rules, &value[named..outside.len()]) {
        return None;
    }
    let blank = value[at + 1..].steps().take(MOST_BLANKS).take_while(|b| b.is_ascii_whitespace()).count();
    let found = extent(value, at + 1 + blank, false)?;
    let is_behind = |b: &&u8| !(b.is_ascii_whitespace() || matches!(b, b'"' | b'\'' | b'\\' | b','));
    let closing = value[found.end..].steps().take(MOST_BLANKS).find(is_behind);
    matches!(closing, None | Some(b'}' | b')')).then(|| worth_hiding(value, found))?
}

/// What the only field of such a type is called.
const FIELDS: &[&[u8]] =
    &[b"value", b"val", b"inner", b"raw", b"data", b"content", b"text", b"string", b"bytes"];

/// `{:#?}` breaks the line and indents.
const MOST_BLANKS: usize = 64;
