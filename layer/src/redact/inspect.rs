//! What a test suite needs to know of redaction: which detectors there are, and what they see in a text.
//!
//! Services have no use for it: the layer redacts by itself. `dihya-compliance` builds its leak tests from it, and the
//! documentation its table.

use std::fmt;
use std::ops::Range;
use std::sync::LazyLock;

use super::detect::{DETECTORS, Kind as DetectorKind};
use super::keys::{KeyAction, KeyRules};
use super::scan::{Found, Scanner};
use crate::policy::RedactPolicy;
use crate::values::{Kind, Values};

/// One detector, as its table declares it.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct DetectorInfo {
    /// In markers and metrics; detectors that differ only in how they find a form share it.
    pub name: &'static str,
    /// Where the form is described.
    pub source: &'static str,
    /// Whether a policy may switch it off by name; credentials and card numbers never.
    pub optional: bool,
    example: fn() -> String,
}

impl DetectorInfo {
    /// Something it detects, made when asked: no file holds it. The same each time.
    pub fn example(&self) -> String {
        (self.example)()
    }
}

impl fmt::Debug for DetectorInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DetectorInfo").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A part of a text that would not be written.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Detection {
    /// What the marker says.
    pub label: &'static str,
    /// In bytes.
    pub range: Range<usize>,
}

/// All detectors, in the order in which they are preferred.
pub fn detectors() -> impl Iterator<Item = DetectorInfo> {
    DETECTORS.iter().map(|detector| DetectorInfo {
        name: detector.name,
        source: detector.source,
        optional: detector.kind == DetectorKind::Personal && detector.name != "card",
        example: detector.example,
    })
}

/// What all detectors together find in one value, in order and without overlaps. A value too long to be examined is
/// one detection.
pub fn detect(text: &str) -> Vec<Detection> {
    let mut values = Values::default();
    let mut found = Found::default();
    values.text(0, text);
    DEFAULT.0.scan(&DEFAULT.1, &mut values, &mut found);
    if let Some(Kind::Marker(label)) = values.entries.first().map(|entry| entry.kind) {
        return vec![Detection { label: label.name(), range: 0..text.len() }];
    }
    let hits = found.hits.iter();
    hits.map(|hit| Detection { label: hit.label.name(), range: hit.start as usize..hit.end as usize })
        .collect()
}

/// Why a field of this name is masked whatever it holds: the marker's word, or `None` if it is not.
pub fn key_label(name: &str) -> Option<&'static str> {
    match DEFAULT.1.action(name) {
        KeyAction::Mask(class) => Some(class.label()),
        KeyAction::Keep | KeyAction::Drop => None,
    }
}

/// The rules without a policy's additions.
static DEFAULT: LazyLock<(Scanner, KeyRules)> = LazyLock::new(|| {
    let policy = RedactPolicy::default();
    (Scanner::new(&policy), KeyRules::new(&policy))
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_detector_sees_its_own_example() {
        for detector in detectors() {
            let found = detect(&detector.example());
            assert!(found.iter().any(|found| found.label == detector.name), "{}", detector.name);
        }
        assert!(detectors().count() > 20);
        assert!(detect("served 200 in 3 ms").is_empty());
    }

    #[test]
    fn only_personal_data_other_than_cards_is_optional() {
        let optional = |name| detectors().filter(|d| d.name == name).all(|d| d.optional);
        assert!(optional("email") && optional("iban"));
        assert!(!optional("card") && !optional("jwt"));
    }

    #[test]
    fn names_of_fields_tell_their_class() {
        assert_eq!(key_label("user.passWord"), Some("key_authentication"));
        assert_eq!(key_label("route"), None);
    }
}
