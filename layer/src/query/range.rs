//! Times as an operator writes them, and as they stand in records.

use std::fmt;

use chrono::{DateTime, NaiveDate, NaiveDateTime};

use super::line::{Object, string};
use crate::record::stamp::Stamp;

/// Reads a time as microseconds since 1970-01-01T00:00:00Z, UTC unless it says otherwise: `2026-11-20`,
/// `2026-11-20T14:30`, `2026-11-20T14:30:00+01:00`; `90s`, `15m`, `2h`, `3d` or `1w` before `now`; `now`, `today`
/// and `yesterday`.
///
/// # Errors
/// If it is none of these.
pub fn time(text: &str, now: i64) -> Result<i64, NotATime> {
    parse(text.trim(), now).ok_or_else(|| NotATime { text: text.to_owned() })
}

fn parse(text: &str, now: i64) -> Option<i64> {
    const DAY: i64 = 86_400 * SECOND;
    match text {
        "now" => return Some(now),
        "today" => return Some(now - now.rem_euclid(DAY)),
        "yesterday" => return Some(now - now.rem_euclid(DAY) - DAY),
        _ => {}
    }
    if let Some(unit) = text.chars().next_back().filter(|c| c.is_ascii_lowercase()) {
        let digits = &text[..text.len() - 1];
        if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) {
            let seconds = match unit {
                's' => 1,
                'm' => 60,
                'h' => 3_600,
                'd' => 86_400,
                'w' => 7 * 86_400,
                _ => return None,
            };
            let back = digits.parse::<i64>().ok()?.checked_mul(seconds)?.checked_mul(SECOND)?;
            return now.checked_sub(back);
        }
    }
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Some(time.timestamp_micros());
    }
    if let Ok(day) = text.parse::<NaiveDate>()
        && day.to_string() == text
    {
        return Some(day.and_hms_opt(0, 0, 0)?.and_utc().timestamp_micros());
    }
    let text = text.strip_suffix('Z').unwrap_or(text).replace(' ', "T");
    let formats = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M"];
    let time = formats.iter().find_map(|format| NaiveDateTime::parse_from_str(&text, format).ok())?;
    Some(time.and_utc().timestamp_micros())
}

/// The text is no time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotATime {
    text: String,
}

impl fmt::Display for NotATime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} is no time; write 2026-11-20, 2026-11-20T14:30, 2026-11-20T14:30:00+01:00 (UTC unless it says otherwise), \
             today, yesterday, or how long ago: 90s, 15m, 2h, 3d, 1w",
            self.text
        )
    }
}

impl std::error::Error for NotATime {}

/// A time as it stands in a record. Such texts sort as the times do.
pub(crate) type Text = [u8; LEN];

const LEN: usize = 27;
const SECOND: i64 = 1_000_000;

/// As records have it.
pub(crate) fn bytes(micros: i64) -> Text {
    let mut text = Vec::with_capacity(LEN);
    Stamp::default().write_time(&mut text, micros);
    text.try_into().unwrap_or([b'0'; LEN])
}

/// A time as records have it: microseconds since 1970-01-01T00:00:00Z as RFC 3339, so that it sorts as text.
pub fn text(micros: i64) -> String {
    String::from_utf8_lossy(&bytes(micros)).into_owned()
}

/// What every line of our own writer begins with: `{"v":1,"id":"<36>","timestamp":"<27>"`.
const HEAD: &[u8] = b"{\"v\":1,\"id\":\"";
const ID: usize = 36;
const NAME: &[u8] = b"\",\"timestamp\":\"";

/// The time of a record where our own writer puts it; `None` for a line of any other form.
#[inline]
pub(crate) fn of_line(line: &[u8]) -> Option<&Text> {
    let rest = line.strip_prefix(HEAD)?.get(ID..)?.strip_prefix(NAME)?;
    let time: &Text = rest.first_chunk()?;
    (time[LEN - 1] == b'Z' && rest.get(LEN) == Some(&b'"')).then_some(time)
}

/// The time of a record of any other form. `None` if it has none.
pub(crate) fn of_object(record: &Object<'_>) -> Option<Text> {
    let text = string(record.get("timestamp")?.get())?;
    Some(bytes(DateTime::parse_from_rfc3339(&text).ok()?.timestamp_micros()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-20T12:00:00Z
    const NOON: i64 = 1_795_176_000_000_000;

    #[test]
    fn times_are_read_in_every_form_that_the_help_names() {
        for (given, meant) in [
            ("2026-11-20", "2026-11-20T00:00:00.000000Z"),
            ("2026-11-20T14:30", "2026-11-20T14:30:00.000000Z"),
            ("2026-11-20 14:30:05", "2026-11-20T14:30:05.000000Z"),
            ("2026-11-20T14:30:05.25Z", "2026-11-20T14:30:05.250000Z"),
            ("2026-11-20T14:30:00+01:00", "2026-11-20T13:30:00.000000Z"),
            ("90s", "2026-11-20T11:58:30.000000Z"),
            ("15m", "2026-11-20T11:45:00.000000Z"),
            ("2h", "2026-11-20T10:00:00.000000Z"),
            ("3d", "2026-11-17T12:00:00.000000Z"),
            ("1w", "2026-11-13T12:00:00.000000Z"),
            ("now", "2026-11-20T12:00:00.000000Z"),
            ("today", "2026-11-20T00:00:00.000000Z"),
            ("yesterday", "2026-11-19T00:00:00.000000Z"),
        ] {
            assert_eq!(time(given, NOON).map(text).as_deref(), Ok(meant), "{given}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused_with_examples() {
        for given in [
            "",
            "h",
            "2",
            "-2h",
            "2y",
            "2026-11",
            "2026-1-2",
            "20/11/2026",
            "99999999999999999w",
            "tomorrow",
            "é",
        ] {
            let error = time(given, NOON).unwrap_err();
            assert!(error.to_string().contains("2h"), "{given}");
        }
    }

    #[test]
    fn the_time_is_found_where_the_writer_puts_it_and_nowhere_else() {
        let line = br#"{"v":1,"id":"019ca8ab-bc63-774b-8000-000000000000","timestamp":"2026-03-01T09:12:33.123456Z","channel":"audit"}"#;
        assert_eq!(of_line(line), Some(b"2026-03-01T09:12:33.123456Z"));
        assert_eq!(of_line(&line[..80]), None);
        assert_eq!(of_line(br#"{"timestamp":"2026-03-01T09:12:33.123456Z"}"#), None);
        assert_eq!(of_line(b""), None);
    }
}
