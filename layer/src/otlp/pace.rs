//! How long to wait before trying again.

use std::hash::{BuildHasher as _, RandomState};
use std::time::{Duration, Instant};

/// Failures in a row, and the pause after the last one.
#[derive(Debug, Default)]
pub(super) struct Pace {
    failures: u32,
    until: Option<Instant>,
}

/// The first pause and the longest.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds(Duration, Duration);

impl Pace {
    /// The receiver may be back at any moment.
    pub(super) const SHORT: Bounds = Bounds(Duration::from_millis(500), Duration::from_secs(30));
    /// Somebody has to do something first.
    pub(super) const LONG: Bounds = Bounds(Duration::from_secs(5), Duration::from_secs(60));

    /// The pause after one more failure: what the receiver asked for, or twice the last one, at most half of it left to
    /// chance, so that a thousand services do not come back at once.
    pub(super) fn fail(&mut self, bounds: Bounds, asked: Option<Duration>) -> Duration {
        let Bounds(first, longest) = bounds;
        let full = first.saturating_mul(1 << self.failures.min(16)).min(longest);
        self.failures += 1;
        let chance = f64::from(RandomState::new().hash_one(self.failures) as u32) / f64::from(u32::MAX);
        let pause = match asked {
            // Never before it; a tenth later at most.
            Some(asked) => asked.mul_f64(1.0 + chance / 10.0),
            None => full.mul_f64(0.5 + chance / 2.0),
        };
        self.until = Some(Instant::now() + pause);
        pause
    }

    pub(super) fn succeed(&mut self) {
        *self = Pace::default();
    }

    /// What is left of the pause.
    pub(super) fn left(&self) -> Option<Duration> {
        self.until?.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_bound_and_differ() {
        let mut pace = Pace::default();
        let pauses: Vec<Duration> = (0..20).map(|_| pace.fail(Pace::SHORT, None)).collect();
        for (n, pause) in pauses.iter().enumerate() {
            let full = Duration::from_millis(500).saturating_mul(1 << n.min(16)).min(Duration::from_secs(30));
            assert!(*pause >= full / 2 && *pause <= full, "{n}: {pause:?}");
        }
        assert!(pauses[10..].iter().any(|pause| *pause != pauses[10]));
        pace.succeed();
        assert!(pace.left().is_none() && pace.fail(Pace::SHORT, None) <= Duration::from_millis(500));
    }

    #[test]
    fn the_receivers_own_pause_is_never_shortened() {
        let mut pace = Pace::default();
        for _ in 0..50 {
            let pause = pace.fail(Pace::SHORT, Some(Duration::from_secs(10)));
            assert!(pause >= Duration::from_secs(10) && pause <= Duration::from_secs(11), "{pause:?}");
        }
    }
}
