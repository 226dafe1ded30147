//! E-mail addresses, in the shape of RFC 5321 section 4.1.2 without quoted local parts and address literals.

use std::ops::Range;

use crate::redact::keys::KeyRules;
use crate::redact::work::Steps as _;

pub(super) fn verify(_: &KeyRules, value: &[u8], at: usize) -> Option<Range<usize>> {
    around(value, at, 1)
}

/// The same with the sign percent-encoded (RFC 3986 section 2.1), as in a query.
pub(super) fn verify_encoded(_: &KeyRules, value: &[u8], at: usize) -> Option<Range<usize>> {
    let twice = value[at..].starts_with(b"%25");
    around(value, at, if twice { 5 } else { 3 })
}

/// An address whose sign takes `sign` bytes at `at`.
fn around(value: &[u8], at: usize, sign: usize) -> Option<Range<usize>> {
    let floor = at.saturating_sub(LONGEST_LOCAL);
    let mut start = at;
    while start > floor && is_local(value[start - 1]) {
        start -= 1;
    }
    // A look-behind that ends inside a character leaves that character alone.
    while start < at
        && (matches!(value[start], b'.' | b'-' | b'\'' | b'=' | b'/') || value[start] & 0xc0 == 0x80)
    {
        start += 1;
    }
    let end = domain_end(value, at + sign)?;
    (start < at).then_some(start..end)
}

/// Where a domain name that starts at `start` ends: two labels at least, the last without digits.
fn domain_end(value: &[u8], start: usize) -> Option<usize> {
    let rest = &value[start.min(value.len())..];
    let most = rest.len().min(LONGEST_DOMAIN);
    let mut len = rest[..most].steps().take_while(|b| is_domain(**b)).count();
    while len > 0 && matches!(rest[len - 1], b'.' | b'-') {
        len -= 1;
    }
    while len < rest.len() && len > 0 && rest[len] & 0xc0 == 0x80 {
        len += 1;
    }
    let mut labels = rest[..len].split(|b| *b == b'.');
    let (first, second) = (labels.next()?, labels.next()?);
    let last = rest[..len].rsplit(|b| *b == b'.').next()?;
    let is_number = |label: &[u8]| !label.is_empty() && label.steps().all(u8::is_ascii_digit);
    // `crate@1.2.3-rc.beta` is a version.
    if first.is_empty()
        || (is_number(first)
            && (is_number(second)
                || second[..1.min(second.len())].is_ascii()
                    && second.first().is_some_and(u8::is_ascii_digit)))
    {
        return None;
    }
    let is_top = last.len() >= 2 && (last.starts_with(b"xn--") || !last.steps().any(u8::is_ascii_digit));
    is_top.then_some(start + len)
}

fn is_local(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || byte >= 0x80
        || matches!(
            byte,
            b'.' | b'_'
                | b'-'
                | b'+'
                | b'%'
                | b'\''
                | b'='
                | b'/'
                | b'!'
                | b'#'
                | b'$'
                | b'&'
                | b'*'
                | b'^'
                | b'~'
        ) && !matches!(byte, b'=' | b'/' | b'&' | b'\'')
}

fn is_domain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte >= 0x80 || matches!(byte, b'.' | b'-')
}

const LONGEST_LOCAL: usize = 64;
const LONGEST_DOMAIN: usize = 255;
