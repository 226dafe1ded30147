//! What a policy's own rules cost, measured on the spot: beside the built-in scan, on the ordinary lines.

use std::hint::black_box;
use std::time::{Duration, Instant};

use super::{Custom, ORDINARY};
use crate::policy::RedactPolicy;
use crate::redact::allow::{self, Allowance, Allowed};
use crate::redact::inspect::Redactor;
use crate::redact::label::Label;
use crate::redact::scan::{Found, Hit};
use crate::values::Values;

/// A detector's cost on text in which it finds nothing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    /// Of the built-in scan, for each KiB.
    pub(crate) built_in: Duration,
    /// With this detector.
    pub(crate) with: Duration,
}

/// Measures a detector; `built_in` are the rules without it.
pub(crate) fn of_detector(detector: &Custom, built_in: &Redactor) -> Cost {
    let with = RedactPolicy { detectors: vec![detector.clone()], ..RedactPolicy::default() };
    let with = Redactor::new(&with);
    let mut values = Values::default();
    let lines = ORDINARY.iter().map(|(_, line)| *line);
    for line in lines.filter(|line| detector.find_all(line.as_bytes()).is_empty()) {
        values.text(0, line);
    }
    let mut found = Found::default();
    let (mut without, mut beside) = (Duration::MAX, Duration::MAX);
    // Side by side, so that both meet the same moments of a busy machine.
    for _ in 0..ROUNDS {
        without = without.min(scan(built_in, &mut values, &mut found));
        beside = beside.min(scan(&with, &mut values, &mut found));
    }
    let per_kib = |time: Duration| time.mul_f64(1024.0 / values.bytes.len().max(1) as f64);
    Cost { built_in: per_kib(without), with: per_kib(beside) }
}

fn scan(rules: &Redactor, values: &mut Values, found: &mut Found) -> Duration {
    let start = Instant::now();
    rules.scan(black_box(values), found);
    black_box(&found.hits);
    start.elapsed()
}

/// What an allowance costs at each find in a field that it concerns.
pub(crate) fn of_allowance(allowance: &Allowance) -> Duration {
    let allowed = [Allowed { label: Label::named(&allowance.detector), text: allowance.text.clone() }];
    let mut values = Values::default();
    values.text(0, &"x".repeat(64));
    let hit = Hit { start: 8, end: 40, label: allowed[0].label, mixed: false };
    let mut found = Found::default();
    let mut least = Duration::MAX;
    for _ in 0..ROUNDS {
        found.hits.clear();
        found.hits.extend([hit; FINDS]);
        let start = Instant::now();
        allow::apply(black_box(&values), &mut found, |_| black_box(&allowed));
        least = least.min(start.elapsed());
    }
    least / FINDS as u32
}

const ROUNDS: usize = 200;
const FINDS: usize = 100;
