//! Detectors that a policy or a program adds to the built-in rows.
//!
//! One with literals costs nothing where none of them stands: the engine's filter looks for them in the pass it makes
//! anyway. One without (a pattern that can begin with anything, code without a trigger) is run over every value.

pub(crate) mod code;
pub(crate) mod cost;
mod ordinary;
#[cfg(feature = "regex")]
pub(crate) mod pattern;

use std::ops::Range;
use std::sync::Arc;

use super::decode::Budget;
use super::detect::{Alphabet, token};
use super::label::Label;

pub(crate) use ordinary::LINES as ORDINARY;

/// One of them, ready to be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Custom {
    /// In markers and metrics.
    pub(crate) name: String,
    pub(crate) form: Form,
}

/// How it is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// One of these literals of at least three bytes, then a run of the alphabet.
    Prefix { prefixes: Vec<String>, alphabet: Alphabet, min: usize, max: Option<usize> },
    /// A regular expression.
    #[cfg(feature = "regex")]
    Pattern(pattern::Pattern),
    /// The program's own code.
    Code(code::Code),
}

/// What it found in one value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Find {
    pub(crate) range: Range<usize>,
    /// `None`: the detector's own.
    pub(crate) label: Option<Label>,
}

impl Find {
    fn own(range: Range<usize>) -> Find {
        Find { range, label: None }
    }
}

impl Custom {
    pub(crate) fn code(detector: Arc<dyn code::Detector>) -> Custom {
        Custom { name: detector.name().to_owned(), form: Form::Code(code::Code::new(detector)) }
    }

    pub(crate) fn is_code(&self) -> bool {
        matches!(self.form, Form::Code(_))
    }

    /// The literals that make a position a candidate; without any, every value is looked at as a whole.
    pub(crate) fn stems(&self) -> Vec<&[u8]> {
        match &self.form {
            Form::Prefix { prefixes, .. } => prefixes.iter().map(String::as_bytes).collect(),
            #[cfg(feature = "regex")]
            Form::Pattern(pattern) => pattern.stems().collect(),
            Form::Code(code) => code.stems().collect(),
        }
    }

    /// What is to be hidden at this candidate; without literals, the first thing to be hidden from `at` on.
    pub(crate) fn verify(&self, value: &[u8], at: usize, budget: &mut Budget) -> Option<Find> {
        let mut at = at;
        loop {
            let find = self.look(value, at, budget)?;
            // What is hidden already is left alone, so that redacting twice equals redacting once.
            match marker_around(value, &find.range) {
                None => return Some(find),
                Some(_) if !self.is_anywhere() => return None,
                Some(end) => at = end.max(at + 1),
            }
        }
    }

    fn look(&self, value: &[u8], at: usize, budget: &mut Budget) -> Option<Find> {
        let rest = value.get(at..)?;
        match &self.form {
            Form::Prefix { prefixes, alphabet, min, max } => {
                let here = prefixes.iter().filter(|prefix| rest.starts_with(prefix.as_bytes()));
                let stem = here.map(|prefix| prefix.len()).max()?;
                let run = alphabet.run(value, at + stem);
                budget.spend(run);
                if max.is_some_and(|max| run > max) {
                    return None;
                }
                token(value, at, stem, *alphabet, *min).map(Find::own)
            }
            #[cfg(feature = "regex")]
            Form::Pattern(pattern) => pattern.verify(value, at, budget),
            Form::Code(code) => code.verify(value, at, budget),
        }
    }

    /// Whether no literal announces what it finds, so that every value is looked at.
    pub(crate) fn is_anywhere(&self) -> bool {
        match &self.form {
            Form::Prefix { .. } => false,
            #[cfg(feature = "regex")]
            Form::Pattern(pattern) => pattern.stems().next().is_none(),
            Form::Code(code) => code.stems().next().is_none(),
        }
    }

    /// Everything it finds in one value, by trying everywhere: for checks and tests.
    pub(crate) fn find_all(&self, value: &[u8]) -> Vec<Find> {
        let stems = self.stems();
        let mut found: Vec<Find> = Vec::new();
        let mut at = 0;
        let mut budget = Budget::of(64 * value.len());
        while at < value.len() {
            let here = stems.is_empty() || stems.iter().any(|stem| value[at..].starts_with(stem));
            let find = if here { self.verify(value, at, &mut budget) } else { None };
            match find {
                Some(find) => {
                    at = find.range.end.max(at + 1);
                    found.push(find);
                }
                None if stems.is_empty() => break,
                None => at += 1,
            }
        }
        found
    }

    /// What it is, in a few words.
    pub(crate) fn told(&self) -> String {
        match &self.form {
            Form::Prefix { prefixes, alphabet, min, max } => {
                let prefixes: Vec<String> = prefixes.iter().map(|p| format!("{p:?}")).collect();
                let most = max.map(|max| format!(" and at most {max}")).unwrap_or_default();
                format!("{}, then at least {min}{most} of {}", prefixes.join(" or "), alphabet.name())
            }
            #[cfg(feature = "regex")]
            Form::Pattern(pattern) => format!("the regex {}", pattern.source()),
            Form::Code(_) => "the program's own code".to_owned(),
        }
    }
}

/// The end of the marker that a range lies in, if it lies in one: of a name that is known, or a secret in such brackets
/// would pass.
fn marker_around(value: &[u8], range: &Range<usize>) -> Option<usize> {
    let from = range.start.saturating_sub(MARKER.len() + NAME_MOST);
    let near = value.get(from..value.len().min(range.start + MARKER.len()))?;
    let start = near.windows(MARKER.len()).rposition(|window| window == MARKER)? + from;
    let name = value.get(start + MARKER.len()..)?;
    let name = &name[..name.iter().take(NAME_MOST + 1).position(|byte| *byte == b']')?];
    let end = start + MARKER.len() + name.len() + 1;
    let holds = start <= range.start && range.end <= end;
    (holds && std::str::from_utf8(name).is_ok_and(Label::is_known)).then_some(end)
}

/// How a marker with a name begins, and how long the name may be.
const MARKER: &[u8] = b"[redacted:";
const NAME_MOST: usize = 40;

/// Both ends moved outwards to the next character boundary: what looks at bytes may cut one.
fn whole_characters(value: &[u8], range: Range<usize>) -> Range<usize> {
    let inside = |at: usize| value.get(at).is_some_and(|byte| byte & 0xc0 == 0x80);
    let Range { mut start, mut end } = range;
    while start > 0 && inside(start) {
        start -= 1;
    }
    while end < value.len() && inside(end) {
        end += 1;
    }
    start..end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_of_another_length_is_something_else() {
        let form =
            Form::Prefix { prefixes: vec!["cb_".into()], alphabet: Alphabet::Word, min: 4, max: Some(8) };
        let custom = Custom { name: "badge".into(), form };
        assert_eq!(custom.find_all(b"x cb_abcd, cb_abc, cb_abcdefghi"), [Find::own(2..9)]);
    }
}
