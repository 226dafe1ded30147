//! A secret in brackets behind its name: `Token("…")`, `set_password("…")`, `Password(…)`.

use std::ops::Range;

use super::extent::{group_end, worth_hiding};
use super::name::{self, is_name, names_a_secret};
use crate::redact::keys::KeyRules;
use crate::redact::work::Steps as _;

/// `at` is the end of the name and its bracket.
pub(super) fn verify(rules: &KeyRules, value: &[u8], at: usize) -> Option<Range<usize>> {
    let open = at + value[at..].iter().take(8).position(|b| *b == b'(')?;
    let start = open - name::trailing(&value[..open], name::LONGEST_NAME, is_name);
    let name = &value[start..open];
    // `{:#?}` breaks the line behind the bracket.
    let rest = value[open + 1..].trim_ascii_start();
    let rest = if matches!(rest.first(), Some(b'"' | b'\'' | b'\\')) { rest } else { &value[open + 1..] };
    let slashes = rest.steps().take(16).take_while(|b| **b == b'\\').count();
    let is_string = match rest.get(slashes) {
        Some(b'"' | b'\'') => true,
        // `b"…"`, `Some("…")`
        _ => {
            let ident =
                rest.steps().take(16).take_while(|b| b.is_ascii_alphanumeric() || **b == b'(').count();
            ident > 0 && matches!(rest[ident..], [b'"', ..] | [b'\\', b'"', ..])
        }
    };
    let is_named = match is_string {
        true => names_a_secret(rules, name),
        false => is_bare_secret(rest) && names_a_secret(rules, name),
    };
    if !is_named {
        return None;
    }
    let end = group_end(value, open);
    // Without its closing bracket it was cut.
    let inside = open + 1..if value[..end].ends_with(b")") && end > open + 1 { end - 1 } else { end };
    worth_hiding(value, inside)
}

/// Whether an argument without quotes is a value: `Password(hunter2)`. A parser's `Token(3)`, code such as
/// `check_password(user, &password)` and prose such as `password(s)` are none.
fn is_bare_secret(rest: &[u8]) -> bool {
    let word = rest.steps().take(MOST_WORD).take_while(|b| !matches!(b, b')' | b' ' | b'\n' | b',')).count();
    let is_whole = word == MOST_WORD || matches!(rest.get(word), None | Some(b')'));
    let word = &rest[..word];
    let is = |test: fn(&u8) -> bool| word.steps().filter(|b| test(b)).count();
    let (upper, digits) = (is(u8::is_ascii_uppercase), is(u8::is_ascii_digit));
    let letters = is(u8::is_ascii_alphabetic);
    let code = word.steps().any(|b| matches!(b, b'&' | b'<' | b'(' | b'{' | b'[')) || is_variable(word);
    let varied = (digits > 0 && letters > 0)
        || (upper > 1 && upper < letters)
        || word.steps().any(|b| b.is_ascii_punctuation() && !matches!(b, b'_' | b'.' | b':'));
    is_whole && !code && word.len() >= 4 && varied
}

/// `$user`, `$user->name`; not what is long and has digits.
fn is_variable(word: &[u8]) -> bool {
    let is_plain = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'>');
    word.strip_prefix(b"$").is_some_and(|name| {
        name.iter().all(is_plain) && (name.len() < 12 || !name.iter().any(u8::is_ascii_digit))
    })
}

const MOST_WORD: usize = 64;
