//! Detectors that a policy adds to the built-in rows.

use std::ops::Range;

use super::detect::{Alphabet, token};

/// One of them, as the policy says it.
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
    #[cfg_attr(not(test), expect(dead_code, reason = "the policy file cannot say it yet"))]
    Prefix { prefixes: Vec<String>, alphabet: Alphabet, min: usize, max: Option<usize> },
}

impl Custom {
    /// The literals that make a position a candidate.
    pub(crate) fn stems(&self) -> impl Iterator<Item = &str> {
        let Form::Prefix { prefixes, .. } = &self.form;
        prefixes.iter().map(String::as_str)
    }

    /// The part of `value` to replace, if there is something to hide at this candidate.
    pub(crate) fn verify(&self, value: &[u8], at: usize) -> Option<Range<usize>> {
        let Form::Prefix { prefixes, alphabet, min, max } = &self.form;
        let rest = value.get(at..)?;
        let here = prefixes.iter().filter(|prefix| rest.starts_with(prefix.as_bytes()));
        let stem = here.map(|prefix| prefix.len()).max()?;
        if max.is_some_and(|max| alphabet.run(value, at + stem) > max) {
            return None;
        }
        token(value, at, stem, *alphabet, *min)
    }
}
