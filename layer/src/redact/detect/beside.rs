//! A secret beside its name, with nothing but space between: `--password W`.

use std::ops::Range;

use super::MARKER_START;
use super::extent::quoted;
use crate::redact::keys::{KeyClass, KeyRules};
use crate::redact::work::Steps as _;

/// `at` is the start of a flag whose name gives its argument away.
pub(super) fn flag(rules: &KeyRules, value: &[u8], at: usize) -> Option<Range<usize>> {
    let rest = &value[at..];
    let end = rest
        .steps()
        .take(NAME_MAX)
        .position(|byte| !byte.is_ascii_alphanumeric() && !b"-_".contains(byte))?;
    if !names_a_secret(rules, std::str::from_utf8(&rest[..end]).ok()?.trim_start_matches('-')) {
        return None;
    }
    let space = rest[end..].steps().take(GAP_MAX).take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    let start = at + end + space;
    // Without an argument of its own the next flag follows.
    if space == 0 || is_flag(value.get(start..)?) || is_placeholder(&value[start..]) {
        return None;
    }
    match value[start] {
        quote @ (b'"' | b'\'') => hidden(value, quoted(value, start + 1, quote, 0)),
        _ => {
            let ends = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\'' | b'`' | b'|');
            let rest = &value[start..];
            let len = rest.steps().position(ends).unwrap_or(rest.len());
            // Another flag may be glued to the value, with an argument of its own: the line goes.
            let len = match rest[..len].windows(2).any(|two| two == b"--") {
                true => rest.steps().position(|byte| *byte == b'\n').unwrap_or(rest.len()),
                false => len,
            };
            hidden(value, start..start + len)
        }
    }
}

/// A credential, or a name so strong that whatever belongs to it is hidden.
fn names_a_secret(rules: &KeyRules, name: &str) -> bool {
    let is_strong = STRONG.iter().any(|strong| name.starts_with(strong));
    rules
        .class_in_text(name)
        .is_some_and(|class| class != KeyClass::Authentication || is_strong || rules.is_credential(name))
}

/// `-v`, `--verbose`, or nothing. A password may begin with a dash, and is longer than such words without a sign.
fn is_flag(rest: &[u8]) -> bool {
    let word = rest.steps().take(NAME_MAX).take_while(|byte| !byte.is_ascii_whitespace()).count();
    let word = &rest[..word];
    let is_sign = |byte: &u8| byte.is_ascii_digit() || b"!$*+~@#%^&_.".contains(byte);
    match word {
        [] => true,
        [b'-', b'-', ..] => true,
        [b'-', name @ ..] => name.len() < 10 || !name.steps().any(is_sign),
        _ => false,
    }
}

/// `--token <TOKEN>`, in what a program says about its use.
fn is_placeholder(rest: &[u8]) -> bool {
    let Some(name) = rest.strip_prefix(b"<") else { return false };
    let len =
        name.steps().take(NAME_MAX).take_while(|b| b.is_ascii_alphabetic() || b"_-".contains(b)).count();
    len > 0 && name.get(len) == Some(&b'>')
}

/// Unless there is nothing, or what stands there is a marker already.
fn hidden(value: &[u8], range: Range<usize>) -> Option<Range<usize>> {
    (!range.is_empty() && !value[range.clone()].starts_with(MARKER_START)).then_some(range)
}

/// What names like these begin with may be followed by anything.
const STRONG: &[&str] = &["pass", "pwd", "secret", "api-key", "apikey", "access-key", "private-key"];

/// As far as a name is looked for.
const NAME_MAX: usize = 64;

/// White space between name and value.
const GAP_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::RedactPolicy;
    use crate::redact::scan::Scanner;

    fn masked(text: &str) -> String {
        let policy = RedactPolicy::default();
        Scanner::new(&policy).masked(&KeyRules::new(&policy), text, &mut Vec::new())
    }

    #[test]
    fn a_value_beside_its_flag_is_hidden() {
        for text in [
            "run --password x--password swordfish",
            "exec mysql --password swordfish -u root",
            "run --api-key 'swordfish 7' now",
            "cargo publish --token swordfish",
            "app --DB_PASSWORD swordfish --next 5",
            "app --client-secret -sword7fish$ -v",
        ] {
            let masked = masked(text);
            assert!(!masked.contains("fish"), "a value is left");
            assert!(masked.contains("[redacted:keyed_secret]"), "{masked}");
        }
    }

    #[test]
    fn flags_that_name_no_secret_stay() {
        for text in [
            "mytool --passive --pass --verbose --secrets-dir",
            "ls --color auto --sort size",
            "app --token -v --password -Dverbose",
            "usage: app --token <TOKEN> --port <PORT>",
            "yt --cookie-jar jar.txt --token-type bearer --auth basic --author ada",
            "a value is required for '--token <TOKEN>' but none was supplied",
        ] {
            assert_eq!(masked(text), text);
        }
    }
}
