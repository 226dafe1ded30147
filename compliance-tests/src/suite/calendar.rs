//! A calendar of its own, to check the layer's with: days since 1970 to dates and back, by Howard Hinnant's arithmetic.

/// A date of the proleptic Gregorian calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Date {
    pub(crate) year: i64,
    pub(crate) month: i64,
    pub(crate) day: i64,
}

impl Date {
    /// From days since 1970-01-01.
    pub(crate) fn of(days: i64) -> Date {
        // Years begin in March, so that the leap day is the last.
        let shifted = days + 719_468;
        let era = shifted.div_euclid(146_097);
        let of_era = shifted.rem_euclid(146_097);
        let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * of_year + 2) / 153;
        let day = of_year - (153 * shifted_month + 2) / 5 + 1;
        let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
        Date { year: year_of_era + era * 400 + i64::from(month <= 2), month, day }
    }

    /// Days since 1970-01-01.
    pub(crate) fn days(self) -> i64 {
        let year = if self.month <= 2 { self.year - 1 } else { self.year };
        let era = year.div_euclid(400);
        let of_era = year.rem_euclid(400);
        let shifted_month = if self.month > 2 { self.month - 3 } else { self.month + 9 };
        let of_year = (153 * shifted_month + 2) / 5 + self.day - 1;
        let day_of_era = of_era * 365 + of_era / 4 - of_era / 100 + of_year;
        era * 146_097 + day_of_era - 719_468
    }

    /// The same day so many months later, or the month's last.
    pub(crate) fn plus_months(self, months: i64) -> Date {
        let all = self.year * 12 + self.month - 1 + months;
        let (year, month) = (all.div_euclid(12), all.rem_euclid(12) + 1);
        Date { year, month, day: self.day.min(length(year, month)) }
    }
}

fn length(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Months and days of a period as it is written: `P12M`, `P3Y`, `P1Y6M3D`.
pub(crate) fn period(text: &str) -> Option<(i64, i64)> {
    let mut rest = text.strip_prefix('P')?;
    let (mut months, mut days) = (0, 0);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let number: i64 = rest[..digits].parse().ok()?;
        match rest.as_bytes()[digits] {
            b'Y' => months += 12 * number,
            b'M' => months += number,
            b'W' => days += 7 * number,
            b'D' => days += number,
            _ => return None,
        }
        rest = &rest[digits + 1..];
    }
    Some((months, days))
}

/// Seconds since 1970 as RFC 3339, for the date of a report.
pub(crate) fn rfc3339(unix_seconds: i64) -> String {
    let Date { year, month, day } = Date::of(unix_seconds.div_euclid(86_400));
    let second = unix_seconds.rem_euclid(86_400);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", second / 3600, second / 60 % 60, second % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_dates_agree_over_four_hundred_years() {
        for days in -200_000..200_000 {
            assert_eq!(Date::of(days).days(), days);
        }
        assert_eq!(Date::of(0), Date { year: 1970, month: 1, day: 1 });
        assert_eq!(Date::of(19_782), Date { year: 2024, month: 2, day: 29 });
        assert_eq!(rfc3339(1_772_356_353), "2026-03-01T09:12:33Z");
    }

    #[test]
    fn months_end_where_the_month_does() {
        let leap = Date { year: 2024, month: 2, day: 29 };
        assert_eq!(leap.plus_months(12), Date { year: 2025, month: 2, day: 28 });
        assert_eq!(leap.plus_months(48), Date { year: 2028, month: 2, day: 29 });
        assert_eq!(period("P1Y6M2W3D"), Some((18, 17)));
        assert_eq!(period("PT1H"), None);
    }
}
