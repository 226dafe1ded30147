//! How far a value reaches that starts behind its name.

use std::ops::Range;

use super::MARKER_START;
use super::name::LONGEST_NAME;
use crate::redact::work::{self, Steps as _};

/// What belongs to the value that starts at `start`. `headline`: it is a header's and may have several words.
pub(super) fn extent(value: &[u8], start: usize, headline: bool) -> Option<Range<usize>> {
    let rest = value.get(start..)?;
    let slashes = rest.steps().take_while(|b| **b == b'\\').count();
    if let quote @ (b'"' | b'\'' | b'`') = rest.get(slashes)? {
        return Some(in_quotes(value, start, slashes, *quote));
    }
    if let Some((open, close)) = CURLY.iter().find(|(open, _)| rest.starts_with(open.as_bytes())) {
        let inside = start + open.len();
        let line = value[inside..].steps().position(|b| *b == b'\n').map_or(value.len(), |at| inside + at);
        let end = find(&value[inside..line], close.as_bytes()).map_or(line, |at| inside + at);
        return Some(inside..end);
    }
    // `Some("…")`, `Secret { … }`, `b"…"`, `AccountKey([…])`
    let ident =
        rest.steps().take(LONGEST_NAME).take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b':'));
    let ident = ident.count();
    let open = match &rest[ident..] {
        [b'{' | b'[' | b'(', ..] => Some(start + ident),
        [b' ', b'{', ..] if rest[0].is_ascii_uppercase() => Some(start + ident + 1),
        [quote @ (b'"' | b'\''), ..] if matches!(&rest[..ident], b"b" | b"r" | b"u" | b"f" | b"c") => {
            return Some(in_quotes(value, start + ident, 0, *quote));
        }
        _ => None,
    };
    if let Some(open) = open {
        let end = group_end(value, open);
        return Some(start..end + bare_len(&value[end..]));
    }
    if headline {
        return headline_extent(value, start);
    }
    let end = start + bare_len(rest);
    // `token=password: hunter2`: what looked like the value is a name itself, and hides what it names.
    let end = match (value[start..end].last(), value.get(end)) {
        (Some(b'=' | b':'), Some(quote @ (b'"' | b'\'' | b'`'))) => quoted(value, end + 1, *quote, 0).end,
        (Some(b':'), _) => end + value[end..].steps().take_while(|b| !matches!(b, b'\r' | b'\n')).count(),
        _ => end,
    };
    Some(start..end)
}

/// The inside of what opens at `start` with `slashes` backslashes and a quote. Three quotes, or two that are not
/// followed by an end, close as they opened; a quote written twice within one pair stands for itself.
pub(super) fn in_quotes(value: &[u8], start: usize, slashes: usize, quote: u8) -> Range<usize> {
    let unit = slashes + 1;
    let mark = &value[start..start + unit];
    let many = value[start..].chunks(unit).take(3).take_while(|chunk| *chunk == mark).count();
    let inside = start + many * unit;
    let is_empty = many == 2 && value[inside..].first().is_none_or(|b| ends_a_string(*b));
    if many >= 2 && !is_empty {
        let close = mark.repeat(many);
        let end = find(&value[inside..], &close).map_or(value.len(), |at| inside + at);
        // Quotes of its own may stand directly before the closing ones.
        return inside..end;
    }
    let inside = start + unit;
    let mut range = quoted(value, inside, quote, slashes);
    while slashes == 0 && !range.is_empty() && value.get(range.end + 1) == Some(&quote) {
        range.end = quoted(value, range.end + 2, quote, slashes).end;
    }
    range
}

fn ends_a_string(byte: u8) -> bool {
    is_end(byte) || matches!(byte, b',' | b';' | b')' | b'}' | b']' | b'>' | b'&' | b'|' | b'\\' | b'/')
}

/// The inside of a quoted string; to the end of the value when it is cut. `slashes` counts the backslashes before
/// the opening quote: a string within an escaped string ends at a quote escaped as often, and what it escapes
/// itself carries more.
pub(super) fn quoted(value: &[u8], start: usize, quote: u8, slashes: usize) -> Range<usize> {
    let mut run = 0;
    for (i, &byte) in (start..).zip(value.get(start..).unwrap_or_default().steps()) {
        if byte == b'\\' {
            run += 1;
            continue;
        }
        if byte == quote && (run < slashes || (run - slashes).is_multiple_of(2 * (slashes + 1))) {
            return start..i - run.min(slashes);
        }
        run = 0;
    }
    start.min(value.len())..value.len()
}

/// One past the bracket that closes the one at `open`; the end of the value when it is cut.
pub(super) fn group_end(value: &[u8], open: usize) -> usize {
    let mut depth = 0usize;
    let mut i = open;
    // Where one apostrophe finds no other, those behind it do not either: looking at each would be quadratic.
    let mut apostrophes_close = true;
    while let Some(&byte) = value.get(i) {
        match byte {
            b'{' | b'[' | b'(' => depth += 1,
            b'}' | b']' | b')' => {
                depth -= 1;
                if depth == 0 {
                    return i + 1;
                }
            }
            b'"' => {
                let slashes = value[open..i].steps().rev().take_while(|b| **b == b'\\').count();
                i = quoted(value, i + 1, b'"', slashes).end + slashes;
            }
            // An apostrophe opens nothing within a word or before a lifetime.
            b'\''
                if apostrophes_close
                    && matches!(value[i - 1], b'(' | b'[' | b'{' | b',' | b' ' | b':' | b'=') =>
            {
                let inside = quoted(value, i + 1, b'\'', 0);
                apostrophes_close = inside.end < value.len();
                if apostrophes_close {
                    i = inside.end;
                }
            }
            _ => {}
        }
        work::count(1);
        i += 1;
    }
    value.len()
}

/// The length of an unquoted value: to the next blank or quote. Since a password may hold a comma, a separator
/// ends it only when nothing or another assignment follows.
pub(super) fn bare_len(rest: &[u8]) -> usize {
    // The first of the separators before the piece under the cursor, and whether the piece has begun.
    let mut separator = None;
    let mut in_piece = true;
    let mut end = rest.len();
    for (i, &byte) in rest.steps().enumerate() {
        if byte.is_ascii_alphanumeric() {
            in_piece = true;
            continue;
        }
        match byte {
            b'\\' if matches!(rest.get(i + 1), Some(b'n' | b'r' | b't' | b'"' | b'\'')) => {
                end = i;
                break;
            }
            _ if is_end(byte) => {
                end = i;
                break;
            }
            b',' | b'&' | b';' | b')' | b'}' | b']' | b'>' | b'|' => {
                if in_piece {
                    separator = Some(i);
                }
                in_piece = false;
            }
            // Padding of base64.
            b'=' if in_piece && rest.get(i + 1).is_none_or(|b| is_end(*b) || *b == b'=') => {}
            b'=' | b':' => match separator {
                Some(at) => return at,
                None => in_piece = true,
            },
            _ => in_piece = true,
        }
    }
    match separator {
        Some(at) if !in_piece => at,
        _ => end,
    }
}

/// A header's value: `Bearer …`, `Basic …` are two words, anything else the rest of the line.
fn headline_extent(value: &[u8], start: usize) -> Option<Range<usize>> {
    let rest = &value[start..];
    let line = &rest[..line_len(rest)];
    let first = line.steps().position(|b| *b == b' ').unwrap_or(line.len());
    let gap = line[first..].steps().take_while(|b| **b == b' ').count();
    let second = &line[first + gap..];
    let one_word = ONE_WORD_SCHEMES.iter().any(|scheme| line[..first].eq_ignore_ascii_case(scheme));
    if one_word {
        return if second.is_empty() { None } else { extent(value, start + first + gap, false) };
    }
    Some(start..start + line.trim_ascii_end().len())
}

/// To the end of the line, real or escaped, or to the quote that ends what the header stands in. The quotes of a
/// parameter (`mac="…"`) belong to the line.
fn line_len(rest: &[u8]) -> usize {
    let mut i = 0;
    while let Some(&byte) = rest.get(i) {
        match byte {
            b'\r' | b'\n' | b'}' => return i,
            b'\\' if matches!(rest.get(i + 1), Some(b'n' | b'r')) => return i,
            b'"' | b'\'' | b'`' => {
                let slashes = rest[..i].steps().rev().take_while(|b| **b == b'\\').count();
                if i == slashes || rest[i - slashes - 1] != b'=' {
                    return i - slashes;
                }
                let inside = quoted(rest, i + 1, byte, slashes);
                i = inside.end + slashes;
            }
            _ => {}
        }
        work::count(1);
        i += 1;
    }
    rest.len()
}

/// Hidden already. Only a whole marker counts, or a value could pose as one.
pub(super) fn is_marker(hidden: &[u8]) -> bool {
    let label = hidden.strip_prefix(MARKER_START).and_then(|rest| rest.strip_suffix(b"]"));
    label.is_some_and(|label| label.steps().all(|b| matches!(b, b':' | b'_' | b'a'..=b'z')))
}

/// Unless nothing stands there, or nothing that tells anything.
pub(super) fn worth_hiding(value: &[u8], range: Range<usize>) -> Option<Range<usize>> {
    let hidden = &value[range.clone()];
    (!hidden.is_empty() && !tells_nothing(hidden) && !is_marker(hidden)).then_some(range)
}

fn tells_nothing(hidden: &[u8]) -> bool {
    hidden.steps().all(|b| matches!(b, b'*' | b'-' | b'.'))
        || NOTHING.iter().any(|nothing| nothing.as_bytes() == hidden)
        || is_redacted_type(hidden)
}

/// How other crates print what they protect: `SecretBox<str>([REDACTED])`, `Secret([REDACTED alloc::string::String])`.
fn is_redacted_type(hidden: &[u8]) -> bool {
    let is_type = |b: &u8| b.is_ascii_alphabetic() || matches!(b, b'_' | b':' | b'<' | b'>' | b'(' | b')');
    let Some(at) = find(&hidden[..hidden.len().min(LONGEST_NAME)], b"[REDACTED") else { return false };
    let rest = &hidden[at + b"[REDACTED".len()..];
    // The brackets at the end may have been taken for what follows the value.
    let close = rest.steps().position(|b| *b == b']').unwrap_or(rest.len());
    hidden[..at].steps().all(is_type)
        && rest[..close].steps().all(|b| *b == b' ' || is_type(b))
        && rest[close..].steps().all(|b| matches!(b, b']' | b')'))
}

pub(super) fn is_end(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | b'"' | b'\'' | b'`')
}

pub(super) fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    let first = *needle.first()?;
    let mut at = 0;
    loop {
        at += haystack.get(at..)?.steps().position(|byte| *byte == first)?;
        // Comparing takes longer where a long needle begins over and over.
        work::count(1 + needle.len() / ONE_STEP);
        if haystack[at..].starts_with(needle) {
            return Some(at);
        }
        at += 1;
    }
}

/// Bytes compared in one step.
const ONE_STEP: usize = 16;

const NOTHING: &[&str] =
    &["None", "none", "null", "nil", "true", "false", "undefined", "()", "[]", "{}", "{}:", "Sensitive"];

/// Quotation marks of typographers.
const CURLY: &[(&str, &str)] =
    &[("“", "”"), ("„", "“"), ("‘", "’"), ("‚", "‘"), ("«", "»"), ("‹", "›"), ("「", "」")];

const ONE_WORD_SCHEMES: &[&[u8]] = &[b"bearer", b"basic", b"token", b"negotiate", b"bot"];
