//! Private keys in text armour: PEM (RFC 7468), OpenPGP (RFC 9580), PuTTY.

use std::ops::Range;

use super::Alphabet;
use super::extent::find;
use crate::redact::keys::KeyRules;
use crate::redact::work::{self, Steps as _};

/// `at` is at `PRIVATE KEY`, rarer in logs than `-----`. Line ends may be real, escaped or gone.
pub(super) fn pem(_: &KeyRules, value: &[u8], at: usize) -> Option<Range<usize>> {
    let head = &value[at.saturating_sub(LONGEST_LABEL)..at];
    let floor = at - head.len();
    let begin = rfind(head, b"-----BEGIN");
    let end = rfind(head, b"-----END");
    if let Some(begin) = begin.filter(|begin| end.is_none_or(|end| end < *begin)) {
        return Some(floor + begin..footer_end(value, at));
    }
    if let Some(end) = end {
        // The header was cut away: what stands before the footer is the key, back to whatever else has dashes.
        let footer = floor + end;
        let near = &value[footer.saturating_sub(MOST_BODY)..footer];
        let near = &near[rfind(near, b"-----").map_or(0, |dashes| dashes + 5)..];
        let body = near.steps().rev().take_while(|b| is_body(**b)).count();
        return Some(footer - body..line_end(value, at));
    }
    // Half a header: `PRIVATE KEY-----` and a body.
    let tail = value[at + LABEL.len()..].steps().take_while(|b| **b == b'-').count();
    (tail >= 4).then(|| at..footer_end(value, at))
}

/// `at` is at `Private-Lines:`; the body ends at `Private-MAC`.
pub(super) fn putty(_: &KeyRules, value: &[u8], at: usize) -> Option<Range<usize>> {
    let Some(mac) = find(&value[at..], b"Private-MAC") else { return Some(at..value.len()) };
    let mac = at + mac + b"Private-MAC".len();
    let colon = value[mac..].iter().take(2).take_while(|b| matches!(b, b':' | b' ')).count();
    let end = mac + colon + Alphabet::Hex.run(value, mac + colon);
    Some(at..end)
}

/// After the `-----` of the footer, or the end of the value: a key without its footer was cut.
fn footer_end(value: &[u8], at: usize) -> usize {
    match find(&value[at..], b"-----END") {
        Some(footer) => line_end(value, at + footer + 8),
        None => value.len(),
    }
}

/// After the dashes that close a footer line whose label starts at `at`; `at` itself when there are none.
fn line_end(value: &[u8], at: usize) -> usize {
    let rest = &value[at.min(value.len())..];
    let is_label = |b: &&u8| b.is_ascii_uppercase() || b.is_ascii_digit() || **b == b' ';
    let label = rest.steps().take(LONGEST_LABEL).take_while(is_label).count();
    let dashes = rest[label..].iter().take(5).take_while(|b| **b == b'-').count();
    if dashes == 0 { at } else { at + label + dashes }
}

fn is_body(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || byte.is_ascii_whitespace()
        || matches!(byte, b'+' | b'/' | b'=' | b'\\' | b'-')
}

fn rfind(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    let found = haystack.windows(needle.len()).rposition(|w| w == needle);
    work::count(haystack.len() - found.unwrap_or(0));
    found
}

const LABEL: &[u8] = b"PRIVATE KEY";
const LONGEST_LABEL: usize = 48;
const MOST_BODY: usize = 8192;
