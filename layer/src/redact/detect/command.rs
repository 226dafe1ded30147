//! Passwords that well-known programs take on their command line without naming them: `mysql -pW`, `sshpass -p W`.

use std::ops::Range;

use super::MARKER_START;
use super::extent::{self, extent, is_end, worth_hiding};
use super::name;
use crate::redact::keys::KeyRules;
use crate::redact::work::Steps as _;

/// `at` is at the program's name. The words that follow may be separated by blanks, or be the strings of a list.
pub(super) fn argument(_: &KeyRules, value: &[u8], at: usize) -> Option<Range<usize>> {
    // `app_mysql`
    if value[..at].last().is_some_and(|b| is_program(*b) && *b != b'_') {
        return None;
    }
    let program = PROGRAMS.iter().find(|program| value[at..].starts_with(program.name.as_bytes()))?;
    // Its name ends here, and not in a path.
    value[at..].steps().take(MOST_NAME).position(|b| is_end(*b) || *b == b'\\')?;
    let mut word = at;
    let mut is_taken = false;
    for count in 0..MOST_WORDS {
        let end = word_end(value, word);
        let text = &value[word..end];
        if count > 0 {
            // The next program looks for itself, and another command has other flags.
            if is_taken {
                return hidden(value, word);
            }
            for flag in program.flags {
                match flag {
                    Flag::Next(flag) => is_taken |= text == flag.as_bytes(),
                    Flag::Glued(flag) => {
                        // `-p -h db` asks for the password, and `-P3306` is a port.
                        let rest = text.strip_prefix(flag.as_bytes()).unwrap_or_default();
                        if !rest.is_empty() && !is_port(rest) {
                            return hidden(value, word + flag.len());
                        }
                    }
                }
            }
            let mut parts = text.split(|b| !is_program(*b));
            let is_next = matches!(text, b"|" | b";" | b"&&" | b"||")
                || parts.any(|part| PROGRAMS.iter().any(|next| part.starts_with(next.name.as_bytes())));
            if is_next {
                return None;
            }
        }
        let gap = value[end..].steps().take(MOST_GAP);
        let gap = gap.take_while(|b| matches!(b, b' ' | b'\t' | b'"' | b'\'' | b',' | b'\\')).count();
        word = end + gap;
        if gap == 0 || word >= value.len() {
            return None;
        }
        // A quoted argument may hold blanks.
        if is_taken && gap > 0 && matches!(value[word - 1], b'"' | b'\'') {
            let slashes = value[end..word - 1].steps().rev().take_while(|b| **b == b'\\').count();
            return worth_hiding(value, extent(value, word - 1 - slashes, false)?);
        }
    }
    None
}

/// `docker run -p3306:3306 mysql`
fn is_port(text: &[u8]) -> bool {
    text.contains(&b':') && text.steps().all(|b| b.is_ascii_digit() || matches!(b, b':' | b'.'))
}

/// What may stand in the name of a program.
fn is_program(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.')
}

fn word_end(value: &[u8], start: usize) -> usize {
    let rest = &value[start..];
    start + rest.steps().position(|b| is_end(*b) || *b == b'\\').unwrap_or(rest.len())
}

fn hidden(value: &[u8], start: usize) -> Option<Range<usize>> {
    let mut end = start;
    // In a list of strings a password may hold blanks.
    if let Some(quote) = opening_quote(value, start) {
        let inside = extent::in_quotes(value, quote.start, quote.len() - 1, value[quote.end - 1]);
        return worth_hiding(value, start..inside.end.max(start));
    }
    while let Some(byte) = value.get(end) {
        match byte {
            b'\\' if value.get(end + 1).is_some_and(|b| is_end(*b) || matches!(b, b'n' | b'r')) => break,
            byte if is_end(*byte) => break,
            _ => end += 1,
        }
    }
    // Another command may be glued to the password, with one of its own: the line goes.
    let glued = |program: &Program| extent::find(&value[start..end], program.name.as_bytes()).is_some();
    if PROGRAMS.iter().any(glued) || value[start] == b'-' {
        end += value[end..].steps().take_while(|b| !matches!(b, b'\r' | b'\n')).count();
    }
    (!value[start..].starts_with(MARKER_START)).then(|| worth_hiding(value, start..end))?
}

/// The quote before the flag that the password at `start` is glued to, with its backslashes.
fn opening_quote(value: &[u8], start: usize) -> Option<Range<usize>> {
    let flag = name::trailing(&value[..start], MOST_FLAG, |b| b == b'-' || b.is_ascii_alphabetic());
    let end = start - flag;
    let is_quote = matches!(value[..end].last(), Some(b'"' | b'\''));
    let slashes = name::trailing(&value[..end.saturating_sub(1)], MOST_GAP, |b| b == b'\\');
    is_quote.then(|| end - 1 - slashes..end)
}

/// `user/password@host`, as Oracle's drivers and tools take it; `at` is at a mark before it.
pub(super) fn oracle(_: &KeyRules, value: &[u8], at: usize) -> Option<Range<usize>> {
    let rest = &value[at..];
    let mark = rest.steps().take(24).position(|b| matches!(b, b'@' | b' ' | b'/'))?;
    let start = match rest[..mark].steps().rposition(|b| *b == b':') {
        Some(colon) => at + colon + 1,
        None => at + mark + 1,
    };
    let window = value[start..].steps().take(MOST_LOGIN).take_while(|b| !is_end(**b)).count();
    let window = &value[start..start + window];
    let slash = window.steps().position(|b| *b == b'/').filter(|slash| *slash > 0)?;
    let at_sign = window.steps().rposition(|b| *b == b'@').filter(|at_sign| *at_sign > slash + 1)?;
    let is_user =
        window[..slash].steps().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'$' | b'#' | b'"'));
    is_user.then_some(start..start + at_sign)
}

/// A program and the flags that take a password.
struct Program {
    name: &'static str,
    flags: &'static [Flag],
}

enum Flag {
    /// The next word is the password.
    Next(&'static str),
    /// The rest of this word is.
    Glued(&'static str),
}

use Flag::{Glued, Next};

/// Their manuals say which flags these are.
const PROGRAMS: &[Program] = &[
    Program { name: "mysql", flags: &[Glued("-p")] },
    Program { name: "mariadb", flags: &[Glued("-p")] },
    Program { name: "mongo", flags: &[Next("-p")] },
    Program { name: "redis-cli", flags: &[Next("-a"), Next("--pass")] },
    Program { name: "sshpass", flags: &[Next("-p"), Glued("-p")] },
    Program { name: "ldap", flags: &[Next("-w"), Glued("-w")] },
    Program { name: "sqlcmd", flags: &[Next("-P"), Glued("-P")] },
    Program { name: "curl", flags: &[Glued("-u"), Next("-U")] },
    Program { name: "keytool", flags: &[Next("-storepass"), Next("-keypass")] },
    Program { name: "openssl", flags: &[Next("-passin"), Next("-passout"), Next("-pass"), Next("-k")] },
    Program { name: "smbclient", flags: &[Next("-U"), Glued("-U")] },
];

const MOST_WORDS: usize = 48;
const MOST_GAP: usize = 32;
const MOST_FLAG: usize = 8;
const MOST_LOGIN: usize = 96;
const MOST_NAME: usize = 24;
