//! Periods of the calendar: how long something is kept.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use chrono::{Days, Months, NaiveDate};

/// An ISO 8601 duration in calendar units, such as `P12M`, `P3Y` or `P90D`.
///
/// A law that says "twelve months" means the same day of the month a year later, not 365 days. Years count as
/// twelve months and weeks as seven days; times of day are not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Period {
    months: u32,
    days: u32,
}

impl Period {
    /// A number of months.
    pub const fn months(months: u32) -> Period {
        Period { months, days: 0 }
    }

    /// A number of days.
    pub const fn days(days: u32) -> Period {
        Period { months: 0, days }
    }

    /// When a period that begins at this moment ends, both in microseconds since 1970-01-01T00:00:00Z: on the day on
    /// which it ends, at the same time of that day in UTC. `None` beyond the calendar's end.
    pub fn end(self, from_unix_micros: i64) -> Option<i64> {
        let (day, time) = (from_unix_micros.div_euclid(DAY_MICROS), from_unix_micros.rem_euclid(DAY_MICROS));
        let start = NaiveDate::from_epoch_days(i32::try_from(day).ok()?)?;
        let end = i64::from(self.after(start)?.to_epoch_days());
        end.checked_mul(DAY_MICROS)?.checked_add(time)
    }

    /// The day on which a period that began on `start` ends: months first, then days. Where the month has no such
    /// day (twelve months from February 29), its last day, as in Regulation (EEC) 1182/71 Art. 3(2)(c).
    /// `None` beyond the calendar's end.
    pub(crate) fn after(self, start: NaiveDate) -> Option<NaiveDate> {
        start.checked_add_months(Months::new(self.months))?.checked_add_days(Days::new(u64::from(self.days)))
    }

    /// Whether this period never ends after the other, whatever day both begin.
    pub(crate) fn never_longer_than(self, other: Period) -> bool {
        match (self.months.cmp(&other.months), self.days.cmp(&other.days)) {
            (Ordering::Less | Ordering::Equal, Ordering::Less | Ordering::Equal) => return true,
            (Ordering::Greater | Ordering::Equal, Ordering::Greater | Ordering::Equal) => return false,
            _ => {}
        }
        // Mixed units. A number of months stays within four days of its average, so only near ties are walked.
        let difference = other.average_days() - self.average_days();
        if difference.abs() > 2.0 * MONTHS_STRAY {
            return difference > 0.0;
        }
        start_days().all(|start| match (self.after(start), other.after(start)) {
            (Some(a), Some(b)) => a <= b,
            _ => false,
        })
    }

    fn average_days(self) -> f64 {
        f64::from(self.months) * DAYS_OF_400_YEARS as f64 / 4800.0 + f64::from(self.days)
    }
}

impl FromStr for Period {
    type Err = NotAPeriod;

    fn from_str(text: &str) -> Result<Period, NotAPeriod> {
        let mut rest = text.strip_prefix('P').ok_or(NotAPeriod)?;
        let (mut months, mut days, mut seen) = (0u32, 0u32, 0);
        while !rest.is_empty() {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let (number, tail) = rest.split_at(digits);
            let number: u32 = number.parse().map_err(|_| NotAPeriod)?;
            let unit = tail.bytes().next().ok_or(NotAPeriod)?;
            let place = b"YMWD".iter().position(|u| *u == unit).ok_or(NotAPeriod)? + 1;
            if place <= seen {
                return Err(NotAPeriod);
            }
            seen = place;
            let (total, factor) = match unit {
                b'Y' => (&mut months, 12),
                b'M' => (&mut months, 1),
                b'W' => (&mut days, 7),
                _ => (&mut days, 1),
            };
            *total = number.checked_mul(factor).and_then(|n| total.checked_add(n)).ok_or(NotAPeriod)?;
            rest = &tail[1..];
        }
        if (months == 0 && days == 0) || months > MAX_MONTHS || days > MAX_DAYS {
            return Err(NotAPeriod);
        }
        Ok(Period { months, days })
    }
}

/// The form the texts of law use: up to a year in months, whole years beyond.
impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("P")?;
        match self.months {
            0 => {}
            m if m > 12 && m % 12 == 0 => write!(f, "{}Y", m / 12)?,
            m => write!(f, "{m}M")?,
        }
        if self.days > 0 || self.months == 0 {
            write!(f, "{}D", self.days)?;
        }
        Ok(())
    }
}

/// The text is not a period this crate accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAPeriod;

impl fmt::Display for NotAPeriod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not an ISO 8601 period in years, months, weeks or days, such as \"P12M\"")
    }
}

impl std::error::Error for NotAPeriod {}

/// Every day on which something can begin: the Gregorian calendar repeats after 400 years.
fn start_days() -> impl Iterator<Item = NaiveDate> {
    NaiveDate::from_ymd_opt(2000, 1, 1).into_iter().flat_map(|d| d.iter_days().take(DAYS_OF_400_YEARS))
}

const DAY_MICROS: i64 = 86_400_000_000;
/// A century: longer is a slip of the pen.
const MAX_MONTHS: u32 = 1200;
const MAX_DAYS: u32 = 36_525;
const DAYS_OF_400_YEARS: usize = 146_097;
/// How far, in days, a number of months can be from its average; the test measures it.
const MONTHS_STRAY: f64 = 4.0;

#[cfg(test)]
mod tests {
    use super::*;

    fn day(year: i32, month: u32, day: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(year, month, day).unwrap()
    }

    fn period(text: &str) -> Period {
        text.parse().unwrap()
    }

    #[test]
    fn twelve_months_from_february_29_end_on_february_28() {
        assert_eq!(period("P12M").after(day(2024, 2, 29)), Some(day(2025, 2, 28)));
        assert_eq!(period("P48M").after(day(2024, 2, 29)), Some(day(2028, 2, 29)));
        assert_eq!(period("P1M").after(day(2026, 1, 31)), Some(day(2026, 2, 28)));
    }

    #[test]
    fn twelve_months_are_not_365_days() {
        let leap = day(2024, 1, 1);
        assert_eq!(period("P12M").after(leap), Some(day(2025, 1, 1)));
        assert_eq!(period("P365D").after(leap), Some(day(2024, 12, 31)));
    }

    #[test]
    fn a_period_ends_at_the_time_of_day_it_began() {
        // 2024-02-29T09:12:33.123456Z, and a year later less a day.
        let leap = 1_709_197_953_123_456;
        assert_eq!(period("P12M").end(leap), Some(leap + 365 * DAY_MICROS));
        assert_eq!(period("P1D").end(-1), Some(DAY_MICROS - 1));
        assert_eq!(period("P1D").end(i64::MAX), None);
    }

    #[test]
    fn periods_are_written_as_the_law_words_them() {
        for (read, written) in [
            ("P1Y", "P12M"),
            ("P36M", "P3Y"),
            ("P3Y", "P3Y"),
            ("P18M", "P18M"),
            ("P2W", "P14D"),
            ("P1Y6M3D", "P18M3D"),
        ] {
            assert_eq!(period(read).to_string(), written);
            assert_eq!(period(written), period(read));
        }
    }

    #[test]
    fn what_is_not_a_calendar_period_is_refused() {
        for text in [
            "",
            "P",
            "12M",
            "P12",
            "p12m",
            "PT12H",
            "P1D1M",
            "P1M1M",
            "P0D",
            "P-1M",
            "P1.5Y",
            "P101Y",
            "P99999999999M",
            "P 1M",
            "P1É",
        ] {
            assert_eq!(text.parse::<Period>(), Err(NotAPeriod), "{text:?}");
        }
    }

    #[test]
    fn order_holds_for_every_start_day_or_not_at_all() {
        let never_longer = [
            ("P28D", "P1M"),
            ("P2M", "P90D"),
            ("P1M", "P31D"),
            ("P365D", "P12M"),
            ("P12M", "P366D"),
            ("P12M", "P1Y"),
            ("P11M31D", "P1Y1M"),
        ];
        for (a, b) in never_longer {
            assert!(period(a).never_longer_than(period(b)), "{a} <= {b}");
        }
        for (a, b) in [
            ("P29D", "P1M"),
            ("P1M", "P30D"),
            ("P12M", "P365D"),
            ("P366D", "P12M"),
            ("P2M", "P1M"),
            ("P6M", "P90D"),
        ] {
            assert!(!period(a).never_longer_than(period(b)), "not {a} <= {b}");
        }
    }

    #[test]
    fn months_stay_close_enough_to_their_average_for_the_shortcut() {
        for months in [1, 2, 6, 12, 36, 240, MAX_MONTHS] {
            let p = Period::months(months);
            for start in start_days().step_by(7) {
                let days = (p.after(start).unwrap() - start).num_days() as f64;
                assert!(
                    (days - p.average_days()).abs() <= MONTHS_STRAY,
                    "{months} months from {start}: {days}"
                );
            }
        }
    }
}
