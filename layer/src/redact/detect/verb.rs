//! A secret that a sentence tells: `the password is …`, `mot de passe est …`.

use std::ops::Range;

use super::extent::{bare_len, extent, worth_hiding};
use super::name::{self, is_secret, names_a_secret};
use crate::redact::keys::KeyRules;
use crate::redact::work::Steps as _;

/// `at` is near the end of the name, before a blank and the verb. Most of what is said about secrets is prose ("the
/// password is wrong", "the token is base64"): what has no quotes around it counts if no word looks like it.
pub(super) fn verify(rules: &KeyRules, value: &[u8], at: usize) -> Option<Range<usize>> {
    let end = at + value[at..].steps().take(8).position(|b| *b == b' ')?;
    let name = name::before(value, end)?;
    if !is_secret(rules, value, &name) {
        return None;
    }
    let verb = value[end + 1..].steps().take(8).position(|b| *b == b' ')?;
    let start = end + 1 + verb + 1;
    if matches!(value.get(start), Some(b'"' | b'\'' | b'`')) {
        return worth_hiding(value, extent(value, start, false)?);
    }
    let rest = &value[start..start + bare_len(&value[start..])];
    // What it begins with tells whether it is one; it is hidden to its end.
    let mut word = &rest[..rest.len().min(MOST_WORD)];
    // `…,password is …`: the next name is glued to the value.
    if let Some(sign) = word.steps().rposition(|b| matches!(b, b',' | b';' | b'|'))
        && names_a_secret(rules, &word[sign + 1..])
    {
        word = &word[..sign];
    }
    let is_whole = word.len() < MOST_WORD;
    let word = trim_end(word);
    let end = start + if is_whole { word.len() } else { trim_end(rest).len() };
    // `the token is 3600 seconds old`
    let is_number =
        word.len() >= FEWEST_DIGITS && word.steps().all(u8::is_ascii_digit) && ends_there(&value[end..]);
    (is_number || is_no_word(word)).then(|| worth_hiding(value, start..end))?
}

/// Whether no word follows.
fn ends_there(rest: &[u8]) -> bool {
    let next = rest.steps().take(4).find(|b| !matches!(b, b' ' | b'.'));
    next.is_none_or(|b| !b.is_ascii_alphanumeric())
}

fn trim_end(mut word: &[u8]) -> &[u8] {
    while let [head @ .., b'.' | b',' | b';' | b':' | b')' | b'!' | b'?'] = word {
        word = head;
    }
    word
}

/// Letters and digits in turn, signs that no word has, or capitals where none belong (`bCd`).
fn is_no_word(word: &[u8]) -> bool {
    let has = |test: fn(&u8) -> bool| word.steps().any(test);
    let turns = word.windows(2).filter(|two| is_turn(two[0], two[1])).count();
    let signs = word.steps().filter(|b| b"!$*+~@#%^&=?|".contains(b)).count();
    let capital = |three: &[u8]| matches!(three, [a, b, c] if a.is_ascii_lowercase() && b.is_ascii_uppercase() && c.is_ascii_lowercase());
    // `SHA256`, `base64-encoded`, `OAuth2` have one turn or two, and `3 days` none.
    let of_both = has(u8::is_ascii_digit) && has(u8::is_ascii_alphabetic);
    let is_code = matches!(word, [b'&' | b'$' | b'<' | b'(' | b'{' | b'[' | b'/' | b'%', ..]);
    word.len() >= SHORTEST
        && !is_code
        && !names_a_format(word)
        && ((of_both && turns >= 2)
            || (signs > 0 && has(u8::is_ascii_alphanumeric))
            || (of_both && word.windows(3).any(capital))
            || word.windows(4).any(is_broken))
}

/// From a letter to a digit or back.
fn is_turn(a: u8, b: u8) -> bool {
    (a.is_ascii_digit() && b.is_ascii_alphabetic()) || (a.is_ascii_alphabetic() && b.is_ascii_digit())
}

/// Capitals in and out of a word: `xQxQ`, `QxQx`.
fn is_broken(four: &[u8]) -> bool {
    let [a, b, c, d] = [0, 1, 2, 3].map(|i| four[i].is_ascii_uppercase());
    four.iter().all(u8::is_ascii_alphabetic) && a != b && b != c && c != d
}

/// What is said about a secret with digits in it.
fn names_a_format(word: &[u8]) -> bool {
    FORMATS.iter().any(|format| {
        let at = word.get(..format.len());
        at.is_some_and(|head| head.eq_ignore_ascii_case(format.as_bytes()))
    })
}

const FORMATS: &[&str] = &[
    "base64", "base32", "base58", "sha1", "sha2", "sha3", "sha5", "sha-", "md5", "aes", "rsa", "ecdsa",
    "ed25519", "ed448", "x25519", "x509", "x.509", "p256", "p384", "p521", "hs256", "rs256", "es256", "hmac",
    "oauth", "argon2", "bcrypt", "scrypt", "pbkdf2", "pkcs", "utf", "blake", "v1", "v2", "v3", "http", "k8s",
    "0x", "urn:", "chacha",
];

const SHORTEST: usize = 6;
const FEWEST_DIGITS: usize = 4;
/// Of a longer one no more is looked at.
const MOST_WORD: usize = 256;
