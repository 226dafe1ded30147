//! A detector in the program's own code.

use std::fmt;
use std::ops::Range;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;

use super::{Find, whole_characters};
use crate::redact::decode::Budget;
use crate::redact::label::Label;
use crate::values::caught;

/// Something to hide that a policy has no words for: a number with a check digit of its own, an identifier in a table.
///
/// It runs on the thread that logs, within the event: its time is the caller's.
///
/// ```
/// use std::ops::Range;
///
/// /// A badge: `cb-`, seven digits, and the last digit of their sum.
/// struct Badge;
///
/// impl dihya::Detector for Badge {
///     fn name(&self) -> &str {
///         "clinic_badge"
///     }
///
///     fn trigger(&self) -> &[&str] {
///         &["cb-"]
///     }
///
///     fn verify(&self, value: &[u8], at: usize) -> Option<Range<usize>> {
///         let digits = value.get(at + 3..at + 11)?;
///         let sum: u32 = digits[..7].iter().map(|digit| u32::from(digit.wrapping_sub(b'0'))).sum();
///         let is_badge = digits.iter().all(u8::is_ascii_digit) && sum % 10 == u32::from(digits[7] - b'0');
///         is_badge.then_some(at..at + 11)
///     }
/// }
///
/// let policy = dihya::Policy::sector(dihya::Sector::Health).root("logs").detector(Badge);
/// assert!(policy.check().is_ok());
/// ```
pub trait Detector: Send + Sync + 'static {
    /// In markers, records and metrics: lower-case letters, digits and `_`, 32 at most, beginning with a letter, and no
    /// name that another detector has. Asked once.
    fn name(&self) -> &str;

    /// Literals of at least three bytes; [`verify`](Detector::verify) is asked wherever one of them stands, and what
    /// holds none costs nothing. Without any it is asked for every value. Asked once.
    fn trigger(&self) -> &[&str];

    /// The part of `value` to hide. With a trigger: what stands around one that begins at `at`. Without: the first such
    /// part from `at` on; it is asked again behind what it found.
    ///
    /// `value` is text in UTF-8, of 64 KiB at most. A range that ends inside a character is widened to hold it; one that
    /// does not lie in the value hides all of it, as does a panic, which is counted as `panic`.
    fn verify(&self, value: &[u8], at: usize) -> Option<Range<usize>>;
}

/// A [`Detector`], kept.
#[derive(Clone)]
pub(crate) struct Code {
    detector: Arc<dyn Detector>,
    stems: Vec<Box<[u8]>>,
}

impl Code {
    pub(crate) fn new(detector: Arc<dyn Detector>) -> Code {
        let stems = detector.trigger().iter().map(|text| text.as_bytes().into()).collect();
        Code { detector, stems }
    }

    pub(crate) fn stems(&self) -> impl Iterator<Item = &[u8]> {
        self.stems.iter().map(|stem| &**stem)
    }

    /// See [`super::Custom::verify`].
    pub(crate) fn verify(&self, value: &[u8], at: usize, budget: &mut Budget) -> Option<Find> {
        if budget.is_spent() {
            return None;
        }
        // What it looks at is unknown; how often it is asked is not.
        budget.spend(CALL);
        let Some(answer) = caught(|| self.detector.verify(value, at)) else {
            return Some(Find { range: 0..value.len(), label: Some(Label::PANIC) });
        };
        let range = answer?;
        match range.start <= range.end && range.end <= value.len() {
            true if range.is_empty() => None,
            true => Some(Find::own(whole_characters(value, range))),
            false => Some(Find { range: 0..value.len(), label: None }),
        }
    }
}

/// What a call costs, in bytes scanned.
const CALL: usize = 200;

/// A detector that panicked is asked again for the next value: what it then answers is its author's to say. A policy
/// stays what callers may take across a `catch_unwind`.
impl RefUnwindSafe for Code {}
impl UnwindSafe for Code {}

impl PartialEq for Code {
    fn eq(&self, other: &Code) -> bool {
        Arc::ptr_eq(&self.detector, &other.detector)
    }
}

impl Eq for Code {}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Code").field("stems", &self.stems.len()).finish_non_exhaustive()
    }
}
