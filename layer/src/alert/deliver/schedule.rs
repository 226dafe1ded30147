//! When the next attempt is: exponential backoff with full jitter, and the receiver's own word.

use std::time::Duration;

use chrono::DateTime;

/// How long to wait after so many failed attempts, the first being 1. `random` is any number.
///
/// Anything from nothing to the whole of it, so that many processes do not come back at once (full jitter); half a
/// second at least, so that a sink that fails at once is not asked without pause.
pub(super) fn backoff(attempt: u32, random: u64) -> Duration {
    let longest = FIRST.saturating_mul(1 << attempt.saturating_sub(1).min(16)).min(LONGEST);
    let part = (random >> 11) as f64 / (1u64 << 53) as f64;
    longest.mul_f64(part).max(LEAST)
}

/// The header `Retry-After`: seconds, or a date, which is held against the receiver's own clock (its header `Date`).
pub(super) fn retry_after(text: &str, date: Option<&str>) -> Option<Duration> {
    let text = text.trim();
    let wait = match text.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let until = DateTime::parse_from_rfc2822(text).ok()?;
            let now = date.and_then(|date| DateTime::parse_from_rfc2822(date.trim()).ok());
            let now = now.map_or_else(|| crate::Clock::system().now() / 1_000_000, |now| now.timestamp());
            Duration::from_secs(u64::try_from(until.timestamp() - now).unwrap_or_default())
        }
    };
    Some(wait.min(PATIENCE))
}

const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(5 * 60);
const LEAST: Duration = Duration::from_millis(500);
/// A receiver that asks for more is asked again all the same: an hour's alerts are worth a request.
const PATIENCE: Duration = Duration::from_secs(60 * 60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_five_minutes_and_take_any_part_of_it() {
        let longest = |attempt| backoff(attempt, u64::MAX).as_secs_f64();
        for (attempt, seconds) in [(1, 1.0), (2, 2.0), (5, 16.0), (9, 256.0), (10, 300.0), (4_000_000, 300.0)]
        {
            assert!((longest(attempt) - seconds).abs() < 0.001, "{attempt}: {}", longest(attempt));
        }
        assert_eq!(backoff(8, 0), LEAST);
        let half = backoff(8, u64::MAX / 2).as_secs_f64();
        assert!((half - 64.0).abs() < 0.001, "{half}");
    }

    #[test]
    fn a_receivers_word_is_read_in_both_forms_and_bounded() {
        let seconds = |text, date| retry_after(text, date).map(|wait| wait.as_secs());
        assert_eq!(seconds("7", None), Some(7));
        assert_eq!(seconds(" 999999999 ", None), Some(3600));
        let date = Some("Sat, 21 Nov 2026 10:00:00 GMT");
        assert_eq!(seconds("Sat, 21 Nov 2026 10:00:30 GMT", date), Some(30));
        assert_eq!(seconds("Sat, 21 Nov 2026 09:00:00 GMT", date), Some(0), "past already");
        for none in ["", "soon", "-5", "1.5", "2026-11-21"] {
            assert_eq!(seconds(none, date), None, "{none}");
        }
    }
}
