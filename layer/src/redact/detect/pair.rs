//! A name and its value as two strings in a row: `("DB_PASSWORD", "…")`, `["--password", "…"]`.

use std::ops::Range;

use super::extent::{extent, worth_hiding};
use super::name::{self, is_name, names_a_secret};
use crate::redact::keys::KeyRules;
use crate::redact::work::Steps as _;

/// `at` is the quote that ends the first string.
pub(super) fn verify(rules: &KeyRules, value: &[u8], at: usize) -> Option<Range<usize>> {
    let quote = value[at];
    let slashes = name::trailing(&value[..at], MOST_SLASHES, |b| b == b'\\');
    let end = at - slashes;
    let start = end - name::trailing(&value[..end], name::LONGEST_NAME, |b| is_name(b) || b == b' ');
    // The whole string has to be the name.
    if start == end || value[..start].last() != Some(&quote) {
        return None;
    }
    let opening = start - 1;
    let opening = opening - name::trailing(&value[..opening], MOST_SLASHES, |b| b == b'\\');
    let outside = value[..opening].trim_ascii_end();
    // The value of a map is no name, and what follows it is the next key.
    if matches!(outside.last(), Some(b':' | b'=' | b'>')) || !names_a_secret(rules, &value[start..end]) {
        return None;
    }
    let second = second(value, at + 1)?;
    let found = extent(value, second, false)?;
    let is_string = found.start > second;
    let behind =
        value[found.end..].steps().take(MOST_SLASHES).find(|b| !matches!(b, b'"' | b'\'' | b'\\' | b' '));
    if is_string && behind == Some(&b':') {
        return None;
    }
    // A list of the names of fields, `["username", "password", "email"]`, is no secret.
    let paired = outside.last() == Some(&b'(') || value[start] == b'-';
    let is_word =
        found.len() <= 16 && value[found.clone()].steps().all(|b| b.is_ascii_lowercase() || *b == b'_');
    if !paired && is_word {
        return None;
    }
    worth_hiding(value, found)
}

/// Where the second string starts: behind a comma and blanks, line breaks or their escapes.
fn second(value: &[u8], at: usize) -> Option<usize> {
    let rest = value.get(at..)?.strip_prefix(b",")?;
    let mut i = 0;
    while let Some(byte) = rest.get(i) {
        match byte {
            b'\\' if matches!(rest.get(i + 1), Some(b'n' | b'r' | b't')) => i += 2,
            byte if byte.is_ascii_whitespace() && i < MOST_GAP => i += 1,
            _ => return Some(at + 1 + i),
        }
    }
    None
}

const MOST_SLASHES: usize = 16;
const MOST_GAP: usize = 128;
