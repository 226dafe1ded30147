//! Records over time, in steps that a picture can show.

use serde::Serialize;

use super::Extent;
use super::scan::{Counted, losses, names};
use crate::ledger;
use crate::policy::Policy;

/// Records by channel over time, in equal steps.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Volume {
    /// When the first step begins; nothing if there are no records.
    pub start: Option<String>,
    /// Seconds of a step.
    pub step_seconds: u64,
    /// How many steps there are.
    pub steps: usize,
    /// One per channel.
    pub series: Vec<Series>,
}

/// One channel's steps.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Series {
    /// The channel.
    pub channel: String,
    /// Records in each step.
    pub records: Vec<u64>,
    /// Their bytes.
    pub bytes: Vec<u64>,
    /// Records that were lost, by when that was told.
    pub lost: Vec<u64>,
}

pub(super) fn of(policy: &Policy, counted: &Counted, extent: &Extent) -> Volume {
    let width = counted.width.max(1);
    let buckets = || counted.groups.values().flat_map(|counts| counts.buckets.keys().copied());
    let (Some(first), Some(last)) = (buckets().min(), buckets().max()) else {
        return Volume { step_seconds: width as u64, ..Volume::default() };
    };
    let bucket = |micros: i64| micros.div_euclid(width * 1_000_000);
    let first = extent.since.map_or(first, bucket).min(first);
    let last = extent.until.map_or(last, |until| bucket(until - 1)).max(last);
    let step = step(width, (last - first + 1) * width);
    let start = (first * width).div_euclid(step);
    let steps = usize::try_from((last * width).div_euclid(step) - start + 1).unwrap_or_default();
    let place = |second: i64| usize::try_from(second.div_euclid(step) - start).ok().filter(|at| *at < steps);
    let series = names(counted, policy).into_iter().map(|name| {
        let empty = || vec![0; steps];
        let mut series = Series { channel: name.to_owned(), records: empty(), bytes: empty(), lost: empty() };
        for counts in counted.of(name) {
            for (bucket, (records, bytes)) in &counts.buckets {
                if let Some(at) = place(bucket * width) {
                    series.records[at] += records;
                    series.bytes[at] += bytes;
                }
            }
            for (at, records) in losses(counts) {
                if let Some(at) = place(at.div_euclid(1_000_000)) {
                    series.lost[at] += records;
                }
            }
        }
        series
    });
    Volume {
        start: Some(ledger::time(start * step * 1_000_000)),
        step_seconds: step as u64,
        steps,
        series: series.collect(),
    }
}

/// The shortest step that people know and that makes few enough.
fn step(width: i64, seconds: i64) -> i64 {
    let fits = |step: &i64| *step >= width && step % width == 0 && seconds / step <= MOST;
    STEPS.into_iter().find(fits).unwrap_or_else(|| {
        let year = 365 * 86_400;
        (seconds / MOST / year + 1) * year
    })
}

const STEPS: [i64; 17] = [
    60,
    300,
    600,
    900,
    1_800,
    3_600,
    2 * 3_600,
    3 * 3_600,
    6 * 3_600,
    12 * 3_600,
    86_400,
    2 * 86_400,
    7 * 86_400,
    14 * 86_400,
    28 * 86_400,
    91 * 86_400,
    365 * 86_400,
];
/// As many bars as a page's width shows apart.
const MOST: i64 = 96;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_time_makes_at_most_a_hundred_steps_of_whole_buckets() {
        for days in 0..40_000 {
            for width in [60, 3_600, 86_400] {
                let seconds = (days * 86_400 + 59).max(width);
                let step = step(width, seconds);
                assert!(step % width == 0 && seconds / step <= MOST, "{days} days of {width}: {step}");
            }
        }
        assert_eq!((step(60, 3_600), step(60, 86_400), step(3_600, 30 * 86_400)), (60, 900, 12 * 3_600));
    }
}
