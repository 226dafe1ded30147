//! `://user:password@host`.

use std::ops::Range;

use super::extent::find;
use crate::redact::keys::KeyRules;
use crate::redact::work::Steps as _;

/// The user information between `://` and `@` (RFC 3986 section 3.2.1). A bare short user is no secret
/// (`ssh://git@…`), a long one is a key. Passwords that were never percent-encoded may hold `/`, `?`, `#` or `@`.
pub(super) fn userinfo(_: &KeyRules, value: &[u8], at: usize) -> Option<Range<usize>> {
    let start = at + 3;
    let rest = reach(value, start)?;
    let window = rest.steps().take_while(|b| !ends(b)).count();
    let window = &rest[..window];
    let authority = window.steps().position(|b| matches!(b, b'/' | b'?' | b'#')).unwrap_or(window.len());
    if let Some(at_sign) = window[..authority].steps().rposition(|b| *b == b'@') {
        let user = &window[..at_sign];
        let secret = user.contains(&b':')
            || user.windows(3).any(|w| w.eq_ignore_ascii_case(b"%3a"))
            || user.len() >= 16;
        return (secret && !user.is_empty()).then(|| start..start + at_sign);
    }
    let colon = window[..authority].steps().position(|b| *b == b':')?;
    let after_colon = &window[colon + 1..authority];
    // `https://bob:<x@host`: of a port something would be there.
    let odd = after_colon.is_empty() && rest.get(window.len()).is_some_and(u8::is_ascii_punctuation);
    if window.starts_with(b"[") || (after_colon.steps().all(u8::is_ascii_digit) && !odd) {
        return None; // an IPv6 address, or a port
    }
    if let Some(at_sign) = window[authority..].steps().rposition(|b| *b == b'@') {
        return Some(start..start + authority + at_sign);
    }
    if let Some(at_sign) = spaced(rest, window.len()) {
        return Some(start..start + at_sign);
    }
    // Cut before its `@`: no port has letters.
    let is_cut = start + window.len() == value.len() && authority == window.len();
    is_cut.then_some(start..value.len())
}

/// What may belong to the address that starts at `start`. A second address within it is looked at, a third is not:
/// of a chain of them each would be read as often as there are others before it.
fn reach(value: &[u8], start: usize) -> Option<&[u8]> {
    let rest = value.get(start..value.len().min(start + MOST_USERINFO))?;
    // What is read of it, and no more: a word, and what a password with a blank in it may have behind.
    let word = rest.steps().take_while(|b| !ends(b)).count();
    let rest = &rest[..rest.len().min(word + MOST_SPACED + 2)];
    let second = find(rest, b"://").map_or(rest.len(), |at| at + 3);
    let third = find(&rest[second..], b"://").map_or(rest.len(), |at| second + at);
    Some(&rest[..third])
}

/// The `@` behind a quote or a blank in the password: in the same line, before anything that closes a string, and
/// with a host behind it.
fn spaced(rest: &[u8], from: usize) -> Option<usize> {
    let line = rest[from..].steps().take(MOST_SPACED).take_while(|b| !matches!(b, b'\r' | b'\n')).count();
    let rest = &rest[..from + line];
    // A quote with an end behind it closes the string in which the address stands.
    if let [b'"' | b'\'' | b'`' | b'>' | b'<', next, ..] = rest[from..]
        && !(next.is_ascii_alphanumeric() || ends_none(next))
    {
        return None;
    }
    let at_sign = from + rest[from..].steps().position(|b| *b == b'@')?;
    let is_host = rest.get(at_sign + 1).is_some_and(u8::is_ascii_alphanumeric);
    // Between the two is the rest of a password, not prose with another address of somebody in it.
    let words = rest[from..at_sign].split(|b| *b == b' ').count();
    (is_host && words <= MOST_WORDS).then_some(at_sign)
}

fn ends_none(byte: u8) -> bool {
    byte.is_ascii_punctuation()
        && !matches!(byte, b',' | b';' | b')' | b'}' | b']' | b'>' | b'"' | b'\'' | b'`' | b'\\')
}

fn ends(byte: &u8) -> bool {
    byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\'' | b'<' | b'>' | b'`' | b'\\')
}

const MOST_USERINFO: usize = 512;
const MOST_SPACED: usize = 96;
const MOST_WORDS: usize = 4;
