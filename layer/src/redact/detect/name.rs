//! The name before a value: which bytes it has, and whether it gives the value away.

use std::ops::Range;

use crate::redact::keys::{KeyClass, KeyRules};
use crate::redact::work::Steps as _;

/// A name that stands before a sign.
#[derive(Debug)]
pub(super) struct Name {
    pub(super) range: Range<usize>,
    pub(super) quoted: bool,
    /// `password` of `password["x"]`.
    indexed: Option<Range<usize>>,
}

/// The name that ends before `at`, with whatever quotes, emphasis or index around it.
pub(super) fn before(value: &[u8], at: usize) -> Option<Name> {
    let mut end = at.min(value.len());
    // Only the first character of `::`, `==` or `:=` is worth a look.
    if end > 0 && matches!(value[end - 1], b':' | b'=' | b'!' | b'<' | b'>') {
        return None;
    }
    end -= trailing(&value[..end], MOST_BLANKS, |byte| matches!(byte, b' ' | b'\t'));
    // `**password**: …`
    end -= trailing(&value[..end], 3, |byte| byte == b'*');
    let floor = end.saturating_sub(LONGEST_NAME);
    let mut quoted = false;
    let mut indexed = None;
    match value[floor..end].last()? {
        b'"' | b'\'' | b'`' => {
            quoted = true;
            // CSV doubles the quotes of what it quotes.
            end -= trailing(&value[floor..end], 3, |byte| matches!(byte, b'"' | b'\'' | b'`'));
            end -= trailing(&value[floor..end], LONGEST_NAME, |byte| byte == b'\\');
        }
        b']' => {
            let open = floor + value[floor..end].steps().rposition(|byte| *byte == b'[')?;
            let outer = open - trailing(&value[floor..open], LONGEST_NAME, is_name);
            end -= 1;
            end -= trailing(&value[open + 1..end], LONGEST_NAME, is_wrapping);
            indexed = (open - outer >= 2).then_some(outer..open);
            if trailing(&value[open + 1..end], LONGEST_NAME, is_name) < 2 {
                return indexed.map(|range| Name { range, quoted, indexed: None });
            }
        }
        _ => {}
    }
    let belongs = |byte: u8| is_name(byte) || (quoted && byte == b' ');
    let start = end - trailing(&value[floor.min(end)..end], LONGEST_NAME, belongs);
    (end - start >= 2).then_some(Name { range: start..end, quoted, indexed })
}

/// Whether this name, or the one that it indexes, hides what it names.
pub(super) fn is_secret(rules: &KeyRules, value: &[u8], name: &Name) -> bool {
    let Name { range, quoted, indexed } = name;
    if names_a_secret(rules, &value[range.clone()]) {
        // "unexpected token: `;`" is a parser's complaint.
        let before = value[..range.start].trim_ascii_end();
        return *quoted || !ends_with_any_case(before, b"expected");
    }
    if indexed.clone().is_some_and(|outer| names_a_secret(rules, &value[outer])) {
        return true;
    }
    !quoted && ends_a_phrase(rules, value, range)
}

/// In prose names have spaces: "card number: …", "mot de passe : …". Joining words blindly would let
/// "password reset failed: timeout" hide the reason, hence only after last words that need their neighbours.
fn ends_a_phrase(rules: &KeyRules, value: &[u8], name: &Range<usize>) -> bool {
    let last = &value[name.clone()];
    if !SECOND_WORDS.iter().any(|word| last.eq_ignore_ascii_case(word)) {
        return false;
    }
    let floor = name.end.saturating_sub(LONGEST_NAME);
    let mut start = name.start;
    for _ in 0..2 {
        if start <= floor || value[start - 1] != b' ' {
            return false;
        }
        let word = start - 1 - trailing(&value[floor..start - 1], LONGEST_NAME, is_name);
        if word == start - 1 {
            return false;
        }
        start = word;
        if names_a_secret(rules, &value[start..name.end]) {
            return true;
        }
        if !last.eq_ignore_ascii_case(b"passe") {
            return false;
        }
    }
    false
}

/// Whether these bytes are the name of a credential, of payment data or of the policy's own.
pub(super) fn names_a_secret(rules: &KeyRules, mut name: &[u8]) -> bool {
    // A name cut in the middle of a character starts at the next one.
    while let [0x80..=0xbf, rest @ ..] = name {
        name = rest;
    }
    let names = |name: &[u8]| std::str::from_utf8(name).is_ok_and(|name| rules.class_in_text(name).is_some());
    // `-DPIN=…`, a property on Java's command line: the flag is no part of the word.
    names(name) || name.strip_prefix(b"-D").is_some_and(names)
}

/// The same, and not only payment data or one of the policy's names: what follows such a name without any sign
/// is hidden for credentials alone.
pub(super) fn names_a_credential(rules: &KeyRules, mut name: &[u8]) -> bool {
    while let [0x80..=0xbf, rest @ ..] = name {
        name = rest;
    }
    names_a_secret(rules, name) && std::str::from_utf8(name).is_ok_and(|name| rules.is_credential(name))
}

/// Whether it is the name of a number that stands for a person.
pub(super) fn names_a_person(rules: &KeyRules, name: &[u8]) -> bool {
    std::str::from_utf8(name).is_ok_and(|name| rules.class_in_text(name) == Some(KeyClass::Identity))
}

/// How many bytes at the end belong, `most` at most.
pub(super) fn trailing(bytes: &[u8], most: usize, belongs: impl Fn(u8) -> bool) -> usize {
    bytes.steps().rev().take(most).take_while(|byte| belongs(**byte)).count()
}

pub(super) fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.') || byte >= 0x80
}

fn is_wrapping(byte: u8) -> bool {
    matches!(byte, b'"' | b'\'' | b'`' | b'\\' | b' ')
}

pub(super) fn ends_with_any_case(name: &[u8], end: &[u8]) -> bool {
    name.len() >= end.len() && name[name.len() - end.len()..].eq_ignore_ascii_case(end)
}

/// Names are looked at no further back than this.
pub(super) const LONGEST_NAME: usize = 64;

/// Between a name and its sign, in columns.
const MOST_BLANKS: usize = 48;

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
    b"secreta",
    b"privada",
    "khẩu".as_bytes(),
    "السر".as_bytes(),
    "المرور".as_bytes(),
    "πρόσβασης".as_bytes(),
];
