//! What a detector costs where it finds nothing.

use std::time::{Duration, Instant};

use super::{Detector, Trigger};
use crate::redact::keys::KeyRules;

/// How often the detector looks at `text`, and how long its looks take together: the least of a few repeats. What
/// the filter does before is shared by all and not in it.
pub(crate) fn cost(detector: &Detector, rules: &KeyRules, text: &str) -> (usize, Duration) {
    let value = text.as_bytes();
    let positions: Vec<usize> = (0..value.len()).filter(|at| detector.trigger.names(value, *at)).collect();
    let once = || {
        let start = Instant::now();
        for at in &positions {
            std::hint::black_box(detector.verify(rules, value, *at));
        }
        start.elapsed()
    };
    (positions.len(), (0..REPEATS).map(|_| once()).min().unwrap_or_default())
}

impl Trigger {
    /// Whether `at` is a candidate; of digits every start of a group, which is more than the runs that are looked at.
    fn names(&self, value: &[u8], at: usize) -> bool {
        let rest = &value[at..];
        let before = at.checked_sub(1).map(|i| value[i]);
        let after_word = before.is_some_and(|b| b.is_ascii_alphanumeric());
        match self {
            Trigger::Stems(stems) => stems.iter().any(|stem| rest.starts_with(stem.as_bytes())),
            Trigger::StemsAnyCase(stems) => stems
                .iter()
                .any(|stem| rest.get(..stem.len()).is_some_and(|r| r.eq_ignore_ascii_case(stem.as_bytes()))),
            Trigger::At => rest[0] == b'@',
            Trigger::Digits => rest[0].is_ascii_digit() && !before.is_some_and(|b| b.is_ascii_digit()),
            Trigger::WordEnd => after_word && !rest[0].is_ascii_alphanumeric(),
            Trigger::CountryCode => {
                !after_word
                    && matches!(rest, [a, b, c, d, ..] if a.is_ascii_alphabetic() && b.is_ascii_alphabetic()
                        && c.is_ascii_digit() && d.is_ascii_digit())
            }
            Trigger::Scheme => rest.starts_with(b"://"),
            Trigger::Assign => matches!(rest[0], b'=' | b':'),
        }
    }
}

const REPEATS: usize = 9;
