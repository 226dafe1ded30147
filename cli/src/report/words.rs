//! Times and spans for people.

use dihya_compliance::page::{escape, grouped};

/// `2026-11-20 14:30`, of a time as records have it.
pub(super) fn minute(time: &str) -> String {
    time.get(..16).unwrap_or(time).replace('T', " ")
}

/// A minute for a table: HTML.
pub(super) fn when(time: &str) -> String {
    format!("<time>{}</time>", escape(&minute(time)))
}

/// A day for a table: HTML.
pub(super) fn date(time: &str) -> String {
    format!("<time>{}</time>", escape(day(time)))
}

/// `2026-11-20`
pub(super) fn day(time: &str) -> &str {
    time.get(..10).unwrap_or(time)
}

/// Seconds since 1970.
pub(super) fn seconds(time: &str) -> Option<i64> {
    // Any time with its zone is read without looking at the clock.
    dihya::query::time(time, 0).ok().map(|micros| micros.div_euclid(1_000_000))
}

/// `2026-11-20T14:30:00.000000Z`, of seconds since 1970.
pub(super) fn time(seconds: i64) -> String {
    let date = dihya::hold::date(seconds.saturating_mul(1_000_000));
    let of_day = seconds.rem_euclid(86_400);
    format!("{date}T{:02}:{:02}:{:02}.000000Z", of_day / 3_600, of_day / 60 % 60, of_day % 60)
}

/// `3 days`, `2 h 5 min`, `40 s`: two units at most.
pub(super) fn span(seconds: i64) -> String {
    let seconds = seconds.max(0);
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min"),
        (0, _, 0) => format!("{hours} h"),
        (0, ..) => format!("{hours} h {minutes} min"),
        (1, 0, _) => "1 day".to_owned(),
        (1..=3, ..) if hours > 0 => format!("{days} d {hours} h"),
        _ => format!("{days} days"),
    }
}

/// `6 h`, `1 day`, `7 days`: the step of a picture.
pub(super) fn step(seconds: u64) -> String {
    match seconds {
        86_400 => "day".to_owned(),
        3_600 => "hour".to_owned(),
        60 => "minute".to_owned(),
        _ => span(i64::try_from(seconds).unwrap_or(i64::MAX)),
    }
}

/// `1 record`, `2 records`.
pub(super) fn plural(count: u64, one: &str, many: &str) -> String {
    let word = if count == 1 { one } else { many };
    format!("{} {word}", grouped(count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_have_two_units_at_most() {
        for (seconds, text) in [
            (-5, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (7_200, "2 h"),
            (7_500, "2 h 5 min"),
            (86_400, "1 day"),
            (90_000, "1 d 1 h"),
            (400 * 86_400 + 3_600, "400 days"),
        ] {
            assert_eq!(span(seconds), text);
        }
    }

    #[test]
    fn times_go_there_and_back() {
        let at = "2026-11-20T14:30:05.000000Z";
        assert_eq!(seconds(at).map(time).as_deref(), Some(at));
        assert_eq!((minute(at).as_str(), day(at)), ("2026-11-20 14:30", "2026-11-20"));
    }
}
