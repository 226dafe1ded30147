//! Tokens of no known form: long, and of letters of both cases and digits as only machines write them.
//!
//! Alone that is not enough to go by, since hashes in base64 and compressed identifiers look the same. It counts
//! where something else says that a secret may stand there: a name that is too weak to hide any value (`key`,
//! `code`), the query of a URL, an AWS key id beside it, a strict channel.

use std::ops::Range;

use super::Alphabet;
use super::name::trailing;
use crate::redact::keys::KeyRules;
use crate::redact::work::Steps as _;

/// `at` is the sign behind a name, which may be a weak one.
pub(super) fn behind_weak_name(value: &[u8], at: usize, name: &Range<usize>) -> Option<Range<usize>> {
    if !WEAK.iter().any(|weak| value[name.clone()].eq_ignore_ascii_case(weak)) {
        return None;
    }
    let in_query = value[at] == b'=' && matches!(value[..name.start].last(), Some(b'?' | b'&'));
    if in_query {
        let start = at + 1;
        let ends = |b: &u8| {
            b.is_ascii_whitespace() || matches!(b, b'&' | b'#' | b'"' | b'\'' | b'`' | b'<' | b'>' | b')')
        };
        let len = value[start..].steps().position(ends).unwrap_or(value.len() - start);
        return is_random(&value[start..start + len]).then_some(start..start + len);
    }
    let open = |b: &&u8| matches!(b, b' ' | b'>' | b'"' | b'\'' | b'\\' | b'(');
    let start = at + 1 + value[at + 1..].iter().take(8).take_while(open).count();
    // Not the sign itself, which ends names as densely as it stands.
    let len = value[start..].steps().take_while(|b| Alphabet::Base64.contains(**b) && **b != b'=').count();
    let padding = value[start + len..].iter().take(2).take_while(|b| **b == b'=').count();
    is_opaque(&value[start..start + len]).then_some(start..start + len + padding)
}

/// A secret access key beside an AWS key id, `at`: 40 characters of base64. Both go, with what stands between.
pub(super) fn aws_secret(_: &KeyRules, value: &[u8], at: usize) -> Option<Range<usize>> {
    let id = Alphabet::Base32.run(&value[..value.len().min(at + 40)], at);
    if id < 20 {
        return None;
    }
    // A path may go on behind it.
    let is_secret = |run: &[u8]| {
        (40..=48).contains(&run.len()) && is_mixed(run) && !run.steps().all(u8::is_ascii_hexdigit)
    };
    let end = value.len().min(at + id + NEAR);
    let mut i = at + id;
    while i < end {
        let run = value[i..].steps().take(64).take_while(|b| is_base64(**b)).count();
        if is_secret(&value[i..i + run]) {
            return Some(at..i + run);
        }
        i += run.max(1);
    }
    let mut end = at;
    let floor = at.saturating_sub(NEAR);
    while end > floor {
        let run = trailing(&value[..end], 64, is_base64);
        if is_secret(&value[end - run..end]) {
            return Some(end - run..at + id);
        }
        end -= run.max(1);
    }
    None
}

/// The opaque tokens of a value, for strict channels.
pub(crate) fn tokens(value: &[u8]) -> impl Iterator<Item = Range<usize>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        while at < value.len() {
            let run = Alphabet::Base64.run(value, at);
            let found = at..at + run;
            at += run + 1;
            if run >= SHORTEST && is_opaque(&value[found.clone()]) {
                return Some(found);
            }
        }
        None
    })
}

/// At least 28 characters, 4 of them upper case, 4 lower case, 3 digits; neither hexadecimal nor a UUID.
fn is_opaque(token: &[u8]) -> bool {
    let count = |test: fn(&u8) -> bool| token.steps().filter(|b| test(b)).count();
    token.len() >= SHORTEST
        && token.steps().all(|b| Alphabet::Base64.contains(*b))
        && count(u8::is_ascii_uppercase) >= 4
        && count(u8::is_ascii_lowercase) >= 4
        && count(u8::is_ascii_digit) >= 3
        && !token.steps().all(|b| b.is_ascii_hexdigit() || *b == b'-')
}

/// What nobody types into a query: `?code=4xJ9…` and not `?code=404`, `?key=name`.
fn is_random(text: &[u8]) -> bool {
    text.len() >= 6 && (text.len() >= 16 || is_mixed(text))
}

fn is_mixed(text: &[u8]) -> bool {
    let has = |test: fn(&u8) -> bool| text.steps().any(test);
    (has(u8::is_ascii_digit) && has(u8::is_ascii_alphabetic))
        || (text.steps().skip(1).any(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase))
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/')
}

/// Names that hide a value only if it looks the part.
const WEAK: &[&[u8]] = &[b"key", b"code", b"ticket"];

const SHORTEST: usize = 28;

/// Between a key id and its secret.
const NEAR: usize = 96;
