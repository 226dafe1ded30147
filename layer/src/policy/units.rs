//! Sizes and durations as people write them.

use std::time::Duration;

/// `"4 MiB"`: a whole number and a binary unit. `None` if it is anything else.
pub(super) fn bytes(text: &str) -> Option<u64> {
    let (number, unit) = split(text)?;
    let (_, factor) = BYTES.iter().find(|(name, _)| *name == unit)?;
    Some(number.saturating_mul(*factor))
}

/// The shortest way to write a size exactly.
pub(super) fn write_bytes(bytes: u64) -> String {
    let fits = |factor: u64| bytes >= factor && bytes.is_multiple_of(factor);
    let (unit, factor) = BYTES.iter().rev().find(|(_, f)| fits(*f)).unwrap_or(&BYTES[0]);
    format!("{} {unit}", bytes / factor)
}

/// `"5s"`: a whole number and a unit. `None` if it is anything else.
pub(super) fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = split(text)?;
    let (_, millis) = TIMES.iter().find(|(name, _)| *name == unit)?;
    Some(Duration::from_millis(number.saturating_mul(*millis)))
}

/// The shortest way to write a duration of whole milliseconds exactly.
pub(super) fn write_duration(duration: Duration) -> String {
    let millis = duration.as_millis();
    let fits = |factor: u64| millis >= u128::from(factor) && millis.is_multiple_of(u128::from(factor));
    let (unit, factor) = TIMES.iter().rev().find(|(_, f)| fits(*f)).unwrap_or(&TIMES[0]);
    format!("{}{unit}", millis / u128::from(*factor))
}

fn split(text: &str) -> Option<(u64, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    if number.is_empty() {
        return None;
    }
    // A number too large for us is for the caller to call too large: its unit may be right.
    Some((number.parse().unwrap_or(u64::MAX), unit.strip_prefix(' ').unwrap_or(unit)))
}

/// Binary units only: "4 MB" means two different sizes to two readers.
const BYTES: [(&str, u64); 4] = [("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];
const TIMES: [(&str, u64); 4] = [("ms", 1), ("s", 1000), ("min", 60_000), ("h", 3_600_000)];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_need_a_binary_unit() {
        assert_eq!(bytes("4 MiB"), Some(4 << 20));
        assert_eq!(bytes("64KiB"), Some(65_536));
        assert_eq!(bytes("65536 B"), Some(65_536));
        assert_eq!(bytes("99999999999 GiB"), Some(u64::MAX));
        assert_eq!(bytes("99999999999999999999 GiB"), Some(u64::MAX));
        for wrong in ["", "4", "MiB", "4 MB", "4  MiB", "4 mib", "-1 MiB", "1.5 GiB", "4 MiB "] {
            assert_eq!(bytes(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn durations_need_a_unit() {
        assert_eq!(duration("5s"), Some(Duration::from_secs(5)));
        assert_eq!(duration("200 ms"), Some(Duration::from_millis(200)));
        for wrong in ["", "5", "s", "5 sec", "1.5s", "5S"] {
            assert_eq!(duration(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn what_is_written_reads_back() {
        for n in [0, 1, 65_536, 65_537, 4 << 20, 256 << 20, 3 << 30] {
            assert_eq!(bytes(&write_bytes(n)), Some(n));
        }
        for ms in [0, 1, 999, 1000, 61_000, 60_000, 7_200_000] {
            let d = Duration::from_millis(ms);
            assert_eq!(duration(&write_duration(d)), Some(d));
        }
    }
}
