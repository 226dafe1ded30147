//! A key inside a value: `password=…`, `"token": "…"`, `secret: Some("…")`, `user[pwd]=…`.

use std::ops::Range;

use super::MARKER_START;
use crate::redact::keys::KeyRules;

pub(super) fn verify(rules: &KeyRules, value: &[u8], at: usize) -> Option<Range<usize>> {
    let (name, quoted_name) = name_before(value, at)?;
    let mut after = at;
    while matches!(value.get(after), Some(b'=' | b':' | b'>')) {
        after += 1;
    }
    // `a::b` is a path, `http://` the start of an address.
    let operator = &value[at..after];
    if operator.starts_with(b"::") || (operator == b":" && value[after..].starts_with(b"//")) {
        return None;
    }
    if after >= value.len() || !is_secret(rules, value, &name, quoted_name) {
        return None;
    }
    // JSON may break the line behind a key's colon.
    let is_blank = |b: &&u8| matches!(b, b' ' | b'\t') || (quoted_name && matches!(b, b'\r' | b'\n'));
    let blank = value[after..].iter().take_while(is_blank).count();
    // `token= status=200` is logfmt for no token.
    let glued = at > 0 && !matches!(value[at - 1], b' ' | b'\t');
    if blank > 0 && operator == b"=" && glued {
        return None;
    }
    let start = after + blank;
    let headline = operator.starts_with(b":") && {
        let name = &value[name];
        ends_with_any_case(name, b"authorization") || ends_with_any_case(name, b"cookie")
    };
    let range = extent(value, start, headline)?;
    let hidden = &value[range.clone()];
    (!hidden.is_empty() && !tells_nothing(hidden) && !is_marker(hidden)).then_some(range)
}

/// The name that ends before `at`, and whether quotes surround it.
fn name_before(value: &[u8], at: usize) -> Option<(Range<usize>, bool)> {
    let mut end = at.min(value.len());
    // Only the first character of `::`, `==` or `:=` is worth a look.
    if end > 0 && matches!(value[end - 1], b':' | b'=' | b'!' | b'<' | b'>') {
        return None;
    }
    let floor = end.saturating_sub(LONGEST_NAME);
    let mut blanks = 0;
    while end > floor && value[end - 1] == b' ' && blanks < 2 {
        end -= 1;
        blanks += 1;
    }
    let mut quoted = false;
    if end > floor && matches!(value[end - 1], b'"' | b'\'' | b'`') {
        quoted = true;
        end -= 1;
        while end > floor && value[end - 1] == b'\\' {
            end -= 1;
        }
    } else if end > floor && value[end - 1] == b']' {
        end -= 1;
    }
    let belongs = |byte: u8| is_name(byte) || (quoted && byte == b' ');
    let mut start = end;
    while start > floor && belongs(value[start - 1]) {
        start -= 1;
    }
    (end - start >= 2).then_some((start..end, quoted))
}

fn is_secret(rules: &KeyRules, value: &[u8], name: &Range<usize>, quoted: bool) -> bool {
    let secret = |range: Range<usize>| {
        // A name cut in the middle of a character starts at the next one.
        let mut bytes = &value[range];
        while let [0x80..=0xbf, rest @ ..] = bytes {
            bytes = rest;
        }
        std::str::from_utf8(bytes).is_ok_and(|name| rules.class_in_text(name).is_some())
    };
    if secret(name.clone()) {
        // "unexpected token: `;`" is a parser's complaint.
        let before = value[..name.start].trim_ascii_end();
        return quoted || !ends_with_any_case(before, b"expected");
    }
    // In prose names have spaces: "card number: …", "mot de passe : …". Joining words blindly would let
    // "password reset failed: timeout" hide the reason, hence only after last words that need their neighbours.
    let last = &value[name.clone()];
    if quoted || !SECOND_WORDS.iter().any(|word| last.eq_ignore_ascii_case(word)) {
        return false;
    }
    let floor = name.end.saturating_sub(LONGEST_NAME);
    let mut start = name.start;
    for _ in 0..2 {
        if start <= floor || value[start - 1] != b' ' {
            return false;
        }
        let mut word = start - 1;
        while word > floor && is_name(value[word - 1]) {
            word -= 1;
        }
        if word == start - 1 {
            return false;
        }
        start = word;
        if secret(start..name.end) {
            return true;
        }
        if !last.eq_ignore_ascii_case(b"passe") {
            return false;
        }
    }
    false
}

/// What belongs to the value that starts at `start`.
fn extent(value: &[u8], start: usize, headline: bool) -> Option<Range<usize>> {
    let rest = &value[start..];
    let slashes = rest.iter().take_while(|b| **b == b'\\').count();
    if let quote @ (b'"' | b'\'' | b'`') = rest.get(slashes)? {
        return Some(quoted(value, start + slashes + 1, *quote, slashes));
    }
    // `Some("…")`, `Secret { … }`, `b"…"`, `AccountKey([…])`
    let ident =
        rest.iter().take(LONGEST_NAME).take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b':'));
    let ident = ident.count();
    let open = match &rest[ident..] {
        [b'{' | b'[' | b'(', ..] => Some(start + ident),
        [b' ', b'{', ..] if rest[0].is_ascii_uppercase() => Some(start + ident + 1),
        [quote @ (b'"' | b'\''), ..] if matches!(&rest[..ident], b"b" | b"r" | b"u" | b"f" | b"c") => {
            return Some(quoted(value, start + ident + 1, *quote, 0));
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
        (Some(b':'), _) => end + value[end..].iter().take_while(|b| !matches!(b, b'\r' | b'\n')).count(),
        _ => end,
    };
    Some(start..end)
}

/// The inside of a quoted string; to the end of the value when it is cut. `slashes` counts the backslashes before
/// the opening quote: a string within an escaped string ends at a quote escaped as often, and what it escapes
/// itself carries more.
pub(super) fn quoted(value: &[u8], start: usize, quote: u8, slashes: usize) -> Range<usize> {
    let mut run = 0;
    for (i, &byte) in value.iter().enumerate().skip(start) {
        if byte == b'\\' {
            run += 1;
            continue;
        }
        if byte == quote && (run < slashes || (run - slashes).is_multiple_of(2 * (slashes + 1))) {
            return start..i - run.min(slashes);
        }
        run = 0;
    }
    start..value.len()
}

/// One past the bracket that closes the one at `open`; the end of the value when it is cut.
fn group_end(value: &[u8], open: usize) -> usize {
    let mut depth = 0usize;
    let mut i = open;
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
                let slashes = value[open..i].iter().rev().take_while(|b| **b == b'\\').count();
                i = quoted(value, i + 1, b'"', slashes).end + slashes;
            }
            _ => {}
        }
        i += 1;
    }
    value.len()
}

/// The length of an unquoted value: to the next blank or quote. Since a password may hold a comma, a separator
/// ends it only when nothing or another assignment follows.
fn bare_len(rest: &[u8]) -> usize {
    // The first of the separators before the piece under the cursor, and whether the piece has begun.
    let mut separator = None;
    let mut in_piece = true;
    let mut end = rest.len();
    for (i, &byte) in rest.iter().enumerate() {
        let next_ends = rest.get(i + 1).is_none_or(|b| is_end(*b));
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
            b'=' if in_piece && (next_ends || rest[i + 1] == b'=') => {}
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
    let line = rest.iter().take_while(|b| !matches!(b, b'\r' | b'\n' | b'"' | b'\'' | b'`' | b'}')).count();
    let line = &rest[..line];
    let line = &line[..line.windows(2).position(|w| w == br"\n" || w == br"\r").unwrap_or(line.len())];
    let first = line.iter().position(|b| *b == b' ').unwrap_or(line.len());
    let gap = line[first..].iter().take_while(|b| **b == b' ').count();
    let second = &line[first + gap..];
    let one_word = ONE_WORD_SCHEMES.iter().any(|scheme| line[..first].eq_ignore_ascii_case(scheme));
    if one_word {
        return if second.is_empty() { None } else { extent(value, start + first + gap, false) };
    }
    Some(start..start + line.trim_ascii_end().len())
}

/// Hidden already. Only a whole marker counts, or a value could pose as one.
fn is_marker(hidden: &[u8]) -> bool {
    let label = hidden.strip_prefix(MARKER_START).and_then(|rest| rest.strip_suffix(b"]"));
    label.is_some_and(|label| label.iter().all(|b| matches!(b, b':' | b'_' | b'a'..=b'z')))
}

fn tells_nothing(hidden: &[u8]) -> bool {
    hidden.iter().all(|b| matches!(b, b'*' | b'-' | b'.'))
        || [
            &b"None"[..],
            b"none",
            b"null",
            b"nil",
            b"true",
            b"false",
            b"undefined",
            b"()",
            b"[]",
            b"{}",
            b"{}:",
        ]
        .contains(&hidden)
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.') || byte >= 0x80
}

fn is_end(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | b'"' | b'\'' | b'`')
}

fn ends_with_any_case(name: &[u8], end: &[u8]) -> bool {
    name.len() >= end.len() && name[name.len() - end.len()..].eq_ignore_ascii_case(end)
}

/// Names are looked at no further back than this.
const LONGEST_NAME: usize = 64;

/// Last words of names that are written with spaces.
const SECOND_WORDS: &[&[u8]] = &[
    b"key",
    b"code",
    b"number",
    b"passe",
    b"url",
    b"id",
    b"string",
    b"phrase",
    b"word",
    b"api",
    b"bancaire",
];

const ONE_WORD_SCHEMES: &[&[u8]] = &[b"bearer", b"basic", b"token", b"negotiate", b"apikey", b"bot", b"key"];
