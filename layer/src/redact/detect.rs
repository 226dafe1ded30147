//! The detectors: what a secret or a personal datum looks like inside a value.
//!
//! A detector is a row of [`DETECTORS`]: a trigger, which the scanning engine finds fast and which is often
//! wrong, and a verification anchored there, which decides. For credentials the shape decides, never a checksum:
//! half of the published samples fail theirs. Longer than nominal is accepted. A prefix inside a longer word is
//! accepted too, save where the prefix is short enough to end ordinary words.
//!
//! What verification owes the engine: it never panics, whatever the bytes; it looks at most some hundred bytes
//! behind the trigger; ahead it reads what it masks, or a bounded number of bytes when it masks nothing; both ends of the range
//! are character boundaries when the value is UTF-8.
//!
//! What the engine owes: candidates in ascending order; none inside what is masked already; of several hits at
//! one candidate the one that starts first, then the longest, then the first row; a start before the end of the
//! previous range is moved there; after a hit the rest of a run of digits is a candidate again.

mod alphabet;
mod assign;
mod beside;
mod call;
mod cell;
mod column;
mod command;
mod cost;
mod email;
mod extent;
mod http;
mod key_block;
mod markup;
mod name;
mod number;
mod opaque;
mod pair;
mod sibling;
mod table;
mod url;
mod verb;
mod wrapped;

use std::ops::Range;

use super::keys::KeyRules;

pub(crate) use alphabet::Alphabet;
pub(crate) use cost::cost;
pub(crate) use opaque::tokens as opaque_tokens;
pub(crate) use table::DETECTORS;

/// One kind of thing to hide.
pub(crate) struct Detector {
    /// In markers and metrics. Rows that differ only in their trigger share it.
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) trigger: Trigger,
    pub(crate) verify: Verify,
    /// Where the format is described; "recalled" where no document was at hand.
    pub(crate) source: &'static str,
    /// A valid example, built when asked so that no source file holds anything like a secret.
    pub(crate) example: fn() -> String,
}

/// Whether the policy may switch a detector off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Never.
    Credential,
    /// By name, except `card`.
    Personal,
}

/// What makes a position a candidate.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Trigger {
    /// Each occurrence of a literal of at least three bytes.
    Stems(&'static [&'static str]),
    /// The same for ASCII letters of either case; the literals are in lower case.
    StemsAnyCase(&'static [&'static str]),
    /// Each `@`.
    At,
    /// Each maximal run of digits, space, `.`, `-`, `/`, `_`, tabulator, line break and U+00A0 with at least 13
    /// digits; at its first digit.
    Digits,
    /// Each maximal run of at least 16 ASCII letters and digits that begins with three letters or has a dot behind it;
    /// at the first byte behind it.
    WordEnd,
    /// Two ASCII letters and two digits, not after an ASCII letter or digit.
    CountryCode,
    /// Each `://`.
    Scheme,
    /// Each `=` or `:` after a name character (ASCII letter or digit, `_`, `-`, `.`, a byte above 0x7f), a quote,
    /// `]` or a space.
    Assign,
}

/// What decides about a candidate.
#[derive(Clone, Copy)]
pub(crate) enum Verify {
    /// The stem, then at least `min` bytes of the alphabet; all of them are masked.
    Token { alphabet: Alphabet, min: usize },
    /// The same, but not after an ASCII letter or digit.
    WordToken { alphabet: Alphabet, min: usize },
    /// The stem stands inside a token: at least this many bytes of the alphabet before and after it.
    Middle { alphabet: Alphabet, before: usize, after: usize },
    /// Anything else. `at` is the first byte of the trigger.
    Custom(fn(rules: &KeyRules, value: &[u8], at: usize) -> Option<Range<usize>>),
}

impl Detector {
    /// The part of `value` to replace, if there is something to hide at this candidate.
    pub(crate) fn verify(&self, rules: &KeyRules, value: &[u8], at: usize) -> Option<Range<usize>> {
        // They count on their trigger being there.
        let stem = match self.trigger {
            Trigger::Stems(_) | Trigger::StemsAnyCase(_) => self.stem_at(value, at)?,
            _ => 0,
        };
        self.verify_stem(rules, value, at, stem)
    }

    /// The same where the trigger is known to be there; `stem` is the length of its literal.
    pub(crate) fn verify_stem(
        &self,
        rules: &KeyRules,
        value: &[u8],
        at: usize,
        stem: usize,
    ) -> Option<Range<usize>> {
        // A word may end where the value does.
        let is_end = at == value.len() && matches!(self.trigger, Trigger::WordEnd);
        if at >= value.len() && !is_end {
            return None;
        }
        match self.verify {
            Verify::Token { alphabet, min } => token(value, at, stem, alphabet, min),
            Verify::WordToken { alphabet, min } => {
                if at > 0 && value.get(at - 1).is_some_and(u8::is_ascii_alphanumeric) {
                    return None;
                }
                token(value, at, stem, alphabet, min)
            }
            Verify::Middle { alphabet, before, after } => {
                let start = at - alphabet.run_before(value, at, MOST_BEHIND);
                let end = token(value, at, stem, alphabet, after)?.end;
                (at - start >= before).then_some(start..end)
            }
            Verify::Custom(verify) => verify(rules, value, at),
        }
    }

    /// The length of the longest stem that stands at `at`.
    fn stem_at(&self, value: &[u8], at: usize) -> Option<usize> {
        let rest = value.get(at..)?;
        match self.trigger {
            Trigger::Stems(stems) => {
                stems.iter().filter(|s| rest.starts_with(s.as_bytes())).map(|s| s.len()).max()
            }
            Trigger::StemsAnyCase(stems) => {
                let is_here =
                    |s: &&&str| rest.get(..s.len()).is_some_and(|r| r.eq_ignore_ascii_case(s.as_bytes()));
                stems.iter().filter(is_here).map(|s| s.len()).max()
            }
            _ => None,
        }
    }
}

impl std::fmt::Debug for Detector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Detector").field("name", &self.name).finish_non_exhaustive()
    }
}

/// How a marker begins. What is hidden already is left alone, so that redacting twice equals redacting once.
pub(crate) const MARKER_START: &[u8] = b"[redacted";

/// As far as any verification looks behind its trigger for the start of a token.
const MOST_BEHIND: usize = 256;

/// Beyond the alphabet whatever is glued to the token is masked with it: of two adjacent tokens the run of the
/// first swallows the prefix of the second, which would then stand there unrecognised.
pub(super) fn token(
    value: &[u8],
    at: usize,
    stem: usize,
    alphabet: Alphabet,
    min: usize,
) -> Option<Range<usize>> {
    let run = alphabet.run(value, at + stem);
    if run < min {
        return None;
    }
    let end = at + stem + run;
    let mut glued = end + Alphabet::Unreserved.run(value, end);
    while glued > end && !value[glued - 1].is_ascii_alphanumeric() {
        glued -= 1;
    }
    Some(at..glued)
}

#[cfg(test)]
#[allow(unused_imports, reason = "the engine's tests compare themselves with it")]
pub(crate) use tests::scan_slowly;

#[cfg(test)]
mod tests;
