//! What a test suite needs to know of redaction: which detectors there are, and what they see in a text.
//!
//! Services have no use for it: the layer redacts by itself. `dihya-compliance` builds its leak tests from it, and the
//! documentation its table.

use std::fmt;
use std::ops::Range;
use std::sync::LazyLock;
use std::time::Duration;

use super::custom::{ORDINARY, cost};
use super::detect::{DETECTORS, Kind as DetectorKind};
use super::keys::{KeyAction, KeyRules};
use super::scan::{Found, Scanner};
use super::work;
use crate::policy::detectors::ordinary;
use crate::policy::{Policy, RedactPolicy};
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

/// What a row of the table of detectors costs on a text in which it finds nothing.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct DetectorCost {
    /// The detector's name; several rows may share it.
    pub name: &'static str,
    /// How often it looked, per KiB of the text.
    pub looks_per_kib: f64,
    /// Nanoseconds of all its looks, per KiB of the text. The filter before them is shared by all, and not in it.
    pub ns_per_kib: f64,
}

/// The cost of each row, measured here and now on `text`.
pub fn detector_costs(text: &str) -> Vec<DetectorCost> {
    let kib = (text.len() as f64 / 1024.0).max(f64::MIN_POSITIVE);
    let of = |row: &super::detect::Detector| {
        let (looks, time) = super::detect::cost(row, &DEFAULT.keys, text);
        let (looks_per_kib, ns_per_kib) = (looks as f64 / kib, time.as_nanos() as f64 / kib);
        DetectorCost { name: row.name, looks_per_kib, ns_per_kib }
    };
    DETECTORS.iter().map(of).collect()
}

/// What all detectors together find in one value, in order and without overlaps. A value too long to be examined is
/// one detection.
pub fn detect(text: &str) -> Vec<Detection> {
    DEFAULT.detect(text)
}

/// Looks at one value after another in memory that it keeps, as a thread of a service does: for measurements.
#[derive(Debug, Default)]
pub struct Examiner {
    values: Values,
    found: Found,
    work: usize,
}

impl Examiner {
    /// How many parts of the text would not be written; `None` if it would be replaced as a whole, because it is too long
    /// or made to be slow.
    pub fn examine(&mut self, text: &str) -> Option<usize> {
        self.take(&[text], &[]);
        self.look()
    }

    /// Takes the values of one event: texts, and numbers or other values written bare.
    pub fn take(&mut self, texts: &[&str], bare: &[&str]) {
        self.values.clear();
        texts.iter().enumerate().for_each(|(field, text)| self.values.text(field, text));
        let fields = texts.len()..;
        fields.zip(bare).for_each(|(field, text)| self.values.of_kind(field, Kind::Bare, text));
    }

    /// Looks at what was taken; it may be looked at again. The answer is that of [`Examiner::examine`].
    pub fn look(&mut self) -> Option<usize> {
        let before = work::done();
        DEFAULT.scan(&mut self.values, &mut self.found);
        self.work = work::done().wrapping_sub(before);
        let replaced = self.values.entries.iter().any(|entry| matches!(entry.kind, Kind::Marker(_)));
        (!replaced).then_some(self.found.hits.len())
    }

    /// What the last text cost, in bytes read: the count by which the layer decides that a value is too much work.
    pub fn work(&self) -> usize {
        self.work
    }
}

/// Why a field of this name is masked whatever it holds: the marker's word, or `None` if it is not.
pub fn key_label(name: &str) -> Option<&'static str> {
    DEFAULT.key_label(name)
}

/// The rules of one policy, to be asked like the built-in ones. Detectors in code are not a policy's.
#[derive(Debug)]
pub struct Redactor {
    scanner: Scanner,
    keys: KeyRules,
}

impl Redactor {
    /// The rules of this policy.
    pub fn of(policy: &Policy) -> Redactor {
        Redactor::new(&policy.redact)
    }

    pub(crate) fn new(policy: &RedactPolicy) -> Redactor {
        Redactor { scanner: Scanner::new(policy), keys: KeyRules::new(policy) }
    }

    /// See [`detect`]; the policy's own detectors are among them. Allowances, which need a field, are not asked.
    pub fn detect(&self, text: &str) -> Vec<Detection> {
        let mut values = Values::default();
        let mut found = Found::default();
        values.text(0, text);
        self.scan(&mut values, &mut found);
        if let Some(Kind::Marker(label)) = values.entries.first().map(|entry| entry.kind) {
            return vec![Detection { label: label.name(), range: 0..text.len() }];
        }
        // A form may end within a character that is none of its own.
        let whole = |hit: &super::scan::Hit| {
            text.floor_char_boundary(hit.start as usize)..text.ceil_char_boundary(hit.end as usize)
        };
        found.hits.iter().map(|hit| Detection { label: hit.label.name(), range: whole(hit) }).collect()
    }

    /// See [`key_label`].
    pub fn key_label(&self, name: &str) -> Option<&'static str> {
        match self.keys.action(name) {
            KeyAction::Mask(class) => Some(class.label()),
            KeyAction::Keep | KeyAction::Drop => None,
        }
    }

    pub(crate) fn scan(&self, values: &mut Values, found: &mut Found) {
        self.scanner.scan(&self.keys, values, found);
    }
}

/// A detector that a policy adds.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct OwnDetector {
    /// In markers and metrics.
    pub name: String,
    /// What it looks for, in a few words.
    pub what: String,
    /// Whether it is run over every value, since no literal announces what it looks for.
    pub everywhere: bool,
    /// What is in the ordinary lines that it would change.
    pub ordinary: Vec<&'static str>,
    /// Time for a KiB of ordinary text without it, and with it: the least of many.
    pub cost: (Duration, Duration),
}

/// An allowance of a policy.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct OwnAllowance {
    /// What it shows, in a sentence without its end.
    pub what: String,
    /// The reason given.
    pub reason: String,
    /// What it adds at each find in a field that it concerns.
    pub cost: Duration,
}

/// How many ordinary lines there are.
pub fn ordinary_lines() -> usize {
    ORDINARY.len()
}

/// The detectors that a policy adds, each tried and measured: some milliseconds.
pub fn own_detectors(policy: &Policy) -> Vec<OwnDetector> {
    let detectors = policy.redact.detectors.iter();
    detectors
        .map(|detector| {
            let cost = cost::of_detector(detector, &DEFAULT);
            OwnDetector {
                name: detector.name.clone(),
                what: detector.told(),
                everywhere: detector.is_anywhere(),
                ordinary: ordinary(detector),
                cost: (cost.built_in, cost.with),
            }
        })
        .collect()
}

/// The allowances of a policy, each measured.
pub fn own_allowances(policy: &Policy) -> Vec<OwnAllowance> {
    let allowances = policy.redact.allow.iter();
    allowances
        .map(|allowance| OwnAllowance {
            what: allowance.told(),
            reason: allowance.reason.clone(),
            cost: cost::of_allowance(allowance),
        })
        .collect()
}

/// The rules without a policy's additions.
static DEFAULT: LazyLock<Redactor> = LazyLock::new(|| Redactor::new(&RedactPolicy::default()));

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
    fn a_detector_costs_where_its_trigger_stands() {
        let costs = detector_costs(&"user@host ".repeat(200));
        let of =
            |name| costs.iter().filter(|cost| cost.name == name).map(|cost| cost.looks_per_kib).sum::<f64>();
        assert!((of("email") - 102.4).abs() < 0.1, "{}", of("email"));
        assert_eq!(of("jwt"), 0.0);
        assert!(costs.iter().any(|cost| cost.ns_per_kib > 0.0));
        assert!(detector_costs("").iter().all(|cost| cost.looks_per_kib == 0.0));
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
