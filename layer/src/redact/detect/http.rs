//! Credentials of HTTP and of command lines: `Bearer …`, `Basic …`, `Digest …`, `-u user:password`, JWT.

use std::ops::Range;

use super::{Alphabet, MARKER_START};
use crate::redact::keys::KeyRules;
use crate::redact::work::Steps as _;

/// `Bearer` and `Token`, then something that is no word of prose: "token expired" stays.
pub(super) fn bearer(_: &KeyRules, value: &[u8], at: usize) -> Option<Range<usize>> {
    let (start, run) = after_scheme(value, at, Alphabet::Token68)?;
    let token = trim_dots(run);
    let has = |test: fn(&u8) -> bool| token.steps().any(test);
    let odd = has(u8::is_ascii_digit)
        || (has(u8::is_ascii_lowercase) && token.steps().skip(1).any(u8::is_ascii_uppercase))
        || token.len() >= 32;
    (token.len() >= 6 && odd).then(|| start..start + token.len())
}

/// `Basic` and base64 (RFC 7617): it decodes to text with a colon.
pub(super) fn basic(_: &KeyRules, value: &[u8], at: usize) -> Option<Range<usize>> {
    let (start, run) = after_scheme(value, at, Alphabet::Base64)?;
    // Behind the padding something else begins: a path, another argument.
    let sign = run.steps().position(|b| *b == b'=').unwrap_or(run.len());
    let padded = sign + run[sign..].steps().take_while(|b| **b == b'=').count();
    // "basic description=long" is no credential: one sign alone may stand behind a word.
    let is_no_word = || padded == sign + 2 || run[1..sign].steps().any(|b| !b.is_ascii_lowercase());
    let is_padding = padded >= 8 && padded % 4 == 0 && padded <= sign + 2 && is_no_word();
    if padded < run.len() && (is_padding || decodes_to_a_colon(&run[..padded])) {
        return Some(start..start + padded);
    }
    let colon = run.len() >= 4 && decodes_to_a_colon(run);
    (colon || (run.len() >= 8 && run.ends_with(b"="))).then(|| start..start + run.len())
}

/// `Digest username="…", response="…"` (RFC 7616), to the end of the line.
pub(super) fn digest(_: &KeyRules, value: &[u8], at: usize) -> Option<Range<usize>> {
    let (start, _) = after_scheme(value, at, Alphabet::Word)?;
    let line = value[start..].steps().take_while(|b| !matches!(b, b'\r' | b'\n')).count();
    Some(start..start + line)
}

/// `curl -u user:password`.
pub(super) fn command_line(_: &KeyRules, value: &[u8], at: usize) -> Option<Range<usize>> {
    if at > 0 && (value[at - 1].is_ascii_alphanumeric() || value[at - 1] == b'-') {
        return None;
    }
    let flag =
        value[at..].steps().take(MOST_FLAG).position(|b| matches!(b, b' ' | b'"' | b'\'' | b'=' | b'\\'))?;
    let gap = |b: &&u8| matches!(b, b' ' | b'"' | b'\'' | b'=' | b',' | b'\\');
    let start = at + flag + value[at + flag..].steps().take(MOST_GAP).take_while(gap).count();
    if value[start..].starts_with(MARKER_START) {
        return None;
    }
    let word = |from: usize| {
        let rest = value[from..].steps().take(512);
        rest.take_while(|b| !b.is_ascii_whitespace() && !matches!(b, b'"' | b'\'')).count()
    };
    let mut len = word(start);
    let mut colon = value[start..start + len].steps().position(|b| *b == b':');
    // `-u a:b,-u c:d`: the next flag is glued to this password, which may hold a comma itself. Flags without a password
    // are passed over a few times, since each of them looks for itself.
    let mut without = 0;
    while value[start..start + len].ends_with(b"-u") && value.get(start + len) == Some(&b' ') {
        let next = word(start + len + 1);
        if colon.is_none() {
            let at = len + 1;
            colon = value[start + at..start + at + next].steps().position(|b| *b == b':').map(|i| at + i);
            without += 1;
            if without > MOST_WITHOUT {
                return None;
            }
        }
        len += 1 + next;
    }
    let colon = colon?;
    let password = &value[start + colon + 1..start + len];
    // `docker run -u 1000:1000`
    let ids = value[start..start + len].steps().all(|b| b.is_ascii_digit() || *b == b':');
    (!ids && !password.is_empty() && !password.starts_with(b"/"))
        .then(|| start..whole_char(value, start + len))
}

/// JSON Web Tokens (RFC 7519) and any other base64 of a JSON object, whose content a reader can decode. Failing
/// on a missing dot would mean reading a long run again at each `eyJ` in it.
pub(super) fn jwt(_: &KeyRules, value: &[u8], at: usize) -> Option<Range<usize>> {
    let mut end = at + Alphabet::Base64.run(value, at);
    if end - at < 20 {
        return None;
    }
    while value.get(end) == Some(&b'.') {
        let part = Alphabet::Base64.run(value, end + 1);
        // An empty signature leaves its dot; a full stop is none of ours.
        if part == 0 {
            break;
        }
        end += 1 + part;
    }
    Some(at..end)
}

/// A Telegram bot token: digits before `:AA`, 33 characters after.
pub(super) fn telegram(_: &KeyRules, value: &[u8], at: usize) -> Option<Range<usize>> {
    let digits = value[..at].steps().rev().take(16).take_while(|b| b.is_ascii_digit()).count();
    let run = Alphabet::Dash.run(value, at + 1);
    (digits >= 5 && run >= 34).then(|| at - digits..at + 1 + run)
}

/// SendGrid: `SG.`, 22 characters, a dot, 43 characters.
pub(super) fn sendgrid(_: &KeyRules, value: &[u8], at: usize) -> Option<Range<usize>> {
    let start = at + 3;
    let first = value.get(start..)?.iter().take(33).take_while(|b| Alphabet::Dash.contains(**b)).count();
    if !(16..=32).contains(&first) || value.get(start + first) != Some(&b'.') {
        return None;
    }
    let second = Alphabet::Dash.run(value, start + first + 1);
    (second >= 32).then(|| at..start + first + 1 + second)
}

/// An Airtable token: `pat`, 14 characters, a dot, 64 hexadecimal digits.
/// Found by the end of its first part: `pat` begins too many words to be looked for.
pub(super) fn airtable(_: &KeyRules, value: &[u8], dot: usize) -> Option<Range<usize>> {
    let start = dot.checked_sub(17)?;
    if value.get(dot) != Some(&b'.') || !value[start..dot].starts_with(b"pat") {
        return None;
    }
    let is_word = value[start..dot].steps().all(u8::is_ascii_alphanumeric);
    let run = Alphabet::Hex.run(value, dot + 1);
    (is_word && run >= 40).then(|| start..dot + 1 + Alphabet::Alnum.run(value, dot + 1))
}

/// A Discord bot token: base64 of a number of 17 to 19 digits, a dot, six characters, a dot, a signature.
pub(super) fn discord(_: &KeyRules, value: &[u8], at: usize) -> Option<Range<usize>> {
    let part = |from: usize, most: usize| {
        let rest = value.get(from..).unwrap_or_default();
        rest.steps().take(most).take_while(|b| Alphabet::Dash.contains(**b)).count()
    };
    let first = part(at, 32);
    // Most words that begin so are shorter.
    if first < 22 {
        return None;
    }
    let middle = at + first + 1;
    let second = part(middle, 16);
    let signature = middle + second + 1;
    let dots = value.get(middle - 1) == Some(&b'.') && value.get(signature - 1) == Some(&b'.');
    let third = if dots { Alphabet::Dash.run(value, signature) } else { 0 };
    ((22..=30).contains(&first) && (5..=8).contains(&second) && third >= 24).then(|| at..signature + third)
}

/// Skips the scheme, whose last character is a blank, and further blanks; the run of the alphabet there. What stands
/// before the scheme decides nothing: a token can be glued to it (`0Bearer …`), and the shape of what follows keeps
/// prose out well enough (`forbearer`, `subtoken expired`).
fn after_scheme(value: &[u8], at: usize, alphabet: Alphabet) -> Option<(usize, &[u8])> {
    let word = value[at..].steps().take(16).position(|b| *b == b' ')?;
    let blanks = value[at + word..].iter().take(8).take_while(|b| **b == b' ').count();
    let start = at + word + blanks;
    Some((start, &value[start..start + alphabet.run(value, start)]))
}

const MOST_FLAG: usize = 16;
const MOST_GAP: usize = 32;
/// Names of users before the first password.
const MOST_WITHOUT: usize = 8;

fn trim_dots(mut run: &[u8]) -> &[u8] {
    while let [head @ .., b'.' | b'/'] = run {
        run = head;
    }
    run
}

fn decodes_to_a_colon(run: &[u8]) -> bool {
    let mut bits = 0u32;
    let mut count = 0;
    let mut colon = false;
    for &byte in run.steps().take_while(|b| **b != b'=') {
        let six = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            _ => 63,
        };
        bits = (bits << 6 | u32::from(six)) & 0xffff;
        count += 6;
        if count >= 8 {
            count -= 8;
            let decoded = (bits >> count & 0xff) as u8;
            if decoded < 0x20 || decoded == 0x7f {
                return false;
            }
            colon |= decoded == b':';
        }
    }
    colon
}

/// Moves an end inside a UTF-8 character behind it.
fn whole_char(value: &[u8], mut end: usize) -> usize {
    while end < value.len() && value[end] & 0xc0 == 0x80 {
        end += 1;
    }
    end
}
