//! Counters over time: how often, how many different ones.

use super::lru::Counter;
use super::stream::SECOND;

/// When something happened last: as many times as it takes to know whether it happened often enough.
#[derive(Debug, Default)]
pub(crate) struct Times {
    /// Seconds, the oldest first.
    at: Vec<u32>,
}

impl Times {
    /// Notes one more; how often it has happened in the window, `most` being as far as is counted.
    pub(crate) fn add(&mut self, now: i64, window: i64, most: u64) -> u64 {
        self.forget(now, window);
        let most = usize::try_from(most).unwrap_or(usize::MAX).clamp(1, TIMES_MOST);
        if self.at.len() >= most {
            self.at.drain(..=self.at.len() - most);
        }
        grow(&mut self.at);
        self.at.push(seconds(now));
        self.at.len() as u64
    }

    /// How often it has happened in the window.
    pub(crate) fn count(&mut self, now: i64, window: i64) -> u64 {
        self.forget(now, window);
        self.at.len() as u64
    }

    fn forget(&mut self, now: i64, window: i64) {
        let since = seconds(now.saturating_sub(window));
        let gone = self.at.iter().take_while(|at| **at <= since).count();
        self.at.drain(..gone);
    }
}

impl Counter for Times {
    fn items(&self) -> usize {
        self.at.capacity()
    }
}

/// Different things that happened in a window, each with its last time.
#[derive(Debug, Default)]
pub(crate) struct Distinct {
    seen: Vec<(u32, u32)>,
}

impl Distinct {
    /// Notes a thing; whether it is a new one, and how many different ones there were in the window, `most` being as far as
    /// is counted.
    pub(crate) fn add(&mut self, what: u64, now: i64, window: i64, most: u64) -> (bool, u64) {
        let since = seconds(now.saturating_sub(window));
        self.seen.retain(|(_, at)| *at > since);
        let what = (what >> 32) as u32;
        let now = seconds(now);
        if let Some((_, at)) = self.seen.iter_mut().find(|(other, _)| *other == what) {
            *at = now;
            return (false, self.seen.len() as u64);
        }
        let most = usize::try_from(most).unwrap_or(usize::MAX).clamp(1, DISTINCT_MOST);
        if self.seen.len() >= most
            && let Some(oldest) = (0..self.seen.len()).min_by_key(|at| self.seen[*at].1)
        {
            self.seen.swap_remove(oldest);
        }
        grow(&mut self.seen);
        self.seen.push((what, now));
        (true, self.seen.len() as u64)
    }
}

impl Counter for Distinct {
    fn items(&self) -> usize {
        2 * self.seen.capacity()
    }
}

/// How many different things there were, exactly up to [`SAMPLE`], from there on by adaptive sampling (Wegman; Flajolet,
/// On adaptive sampling, 1990): half of the hashes are given up each time there are too many, and the rest counts double.
/// The standard error is 1.2 / sqrt(512), 5 %.
#[derive(Debug, Default)]
pub(crate) struct Sample {
    hashes: Vec<u32>,
    level: u32,
}

impl Sample {
    /// Notes a thing; whether it looks like a new one.
    pub(crate) fn add(&mut self, what: u64) -> bool {
        let hash = (what >> 32) as u32;
        // Those that may stay are told by bits that the order does not go by.
        if hash.trailing_zeros() < self.level {
            return false;
        }
        let Err(at) = self.hashes.binary_search(&hash) else { return false };
        grow(&mut self.hashes);
        self.hashes.insert(at, hash);
        while self.hashes.len() > SAMPLE && self.level < 31 {
            self.level += 1;
            let level = self.level;
            self.hashes.retain(|hash| hash.trailing_zeros() >= level);
        }
        true
    }

    /// How many there were.
    pub(crate) fn count(&self) -> u64 {
        (self.hashes.len() as u64) << self.level
    }

    pub(crate) fn clear(&mut self) {
        self.hashes = Vec::new();
        self.level = 0;
    }

    pub(crate) fn capacity(&self) -> usize {
        self.hashes.capacity()
    }
}

/// An exponentially weighted mean and variance (Finch, Incremental calculation of weighted mean and variance, 2009).
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Ewma {
    pub(crate) mean: f64,
    variance: f64,
    pub(crate) seen: u32,
}

impl Ewma {
    pub(crate) fn add(&mut self, value: f64) {
        self.seen = self.seen.saturating_add(1);
        if self.seen == 1 {
            self.mean = value;
            return;
        }
        // Until there are enough, all weigh alike: else the first value would count for half of it for hours.
        let alpha = ALPHA.max(1.0 / f64::from(self.seen));
        let delta = value - self.mean;
        self.mean += alpha * delta;
        self.variance = (1.0 - alpha) * (self.variance + alpha * delta * delta);
    }

    /// Never less than what chance alone makes of a count: its root.
    pub(crate) fn deviation(&self) -> f64 {
        self.variance.max(self.mean).max(1.0).sqrt()
    }
}

/// Seconds of a stream; 136 years of them fit.
fn seconds(at: i64) -> u32 {
    u32::try_from((at / SECOND).clamp(0, i64::from(u32::MAX))).unwrap_or_default()
}

/// By halves and not by doubling: thousands of these are held.
fn grow<T>(items: &mut Vec<T>) {
    if items.len() == items.capacity() {
        items.reserve_exact((items.len() / 2).max(2));
    }
}

/// No threshold is above it; the policy's own limits see to that.
pub(crate) const TIMES_MOST: usize = 1000;
pub(crate) const DISTINCT_MOST: usize = 1000;
/// Counted exactly up to here.
pub(crate) const SAMPLE: usize = 512;
/// Of the last 10 or so values.
const ALPHA: f64 = 0.1;

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60 * SECOND;
    const HOUR: i64 = 60 * MINUTE;

    #[test]
    fn times_are_counted_in_their_window_alone() {
        let mut times = Times::default();
        let counts =
            [100, 101, 102, 109, 110, 111].map(|minute| times.add(minute * MINUTE, 10 * MINUTE, 100));
        assert_eq!(counts, [1, 2, 3, 4, 4, 4]);
        assert_eq!(times.count(125 * MINUTE, 10 * MINUTE), 0);
        let counts = [130; 6].map(|minute| times.add(minute * MINUTE, MINUTE, 3));
        assert_eq!(counts, [1, 2, 3, 3, 3, 3], "no further than it takes");
    }

    #[test]
    fn a_thing_seen_again_is_one_thing() {
        let mut seen = Distinct::default();
        let hash = |n: u64| n << 32;
        assert_eq!(seen.add(hash(1), HOUR, MINUTE, 5), (true, 1));
        assert_eq!(seen.add(hash(1), HOUR + SECOND, MINUTE, 5), (false, 1));
        assert_eq!(seen.add(hash(2), HOUR + 2 * SECOND, MINUTE, 5), (true, 2));
        assert_eq!(seen.add(hash(3), HOUR + 62 * SECOND, MINUTE, 5), (true, 1), "the others are past");
    }

    #[test]
    fn a_sample_is_exact_at_first_and_close_later() {
        let mut sample = Sample::default();
        let mut state = 7_u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            state ^ state >> 29
        };
        for n in 1..=100_000_u64 {
            let what = next().wrapping_mul(0x9e37_79b9_7f4a_7c15);
            sample.add(what);
            sample.add(what);
            if n <= 500 {
                assert_eq!(sample.count(), n);
            }
        }
        let error = (sample.count() as f64 / 100_000.0 - 1.0).abs();
        assert!(error < 0.2, "{error}");
        assert!(sample.capacity() <= 2 * SAMPLE);
    }

    #[test]
    fn the_mean_follows_and_the_deviation_is_at_least_that_of_chance() {
        let mut ewma = Ewma::default();
        (0..200).for_each(|_| ewma.add(100.0));
        assert!((ewma.mean - 100.0).abs() < 1e-6 && (ewma.deviation() - 10.0).abs() < 1e-6);
        (0..200).for_each(|n| ewma.add(if n % 2 == 0 { 50.0 } else { 150.0 }));
        assert!((40.0..60.0).contains(&ewma.deviation()), "{}", ewma.deviation());
    }
}
