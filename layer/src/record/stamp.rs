//! The record's time (RFC 3339) and id (UUIDv7, RFC 9562 section 5.7).

use chrono::{DateTime, Datelike, Timelike};

/// `2026-03-01T09:12:33.123456Z`, with the second's text kept: it changes once for many records.
#[derive(Debug, Default)]
pub(crate) struct Stamp {
    second: i64,
    text: Option<[u8; 20]>,
}

impl Stamp {
    #[inline]
    pub(crate) fn write_time(&mut self, to: &mut Vec<u8>, unix_micros: i64) {
        let second = unix_micros.div_euclid(1_000_000);
        let text = match self.text {
            Some(text) if self.second == second => text,
            _ => {
                let text = second_text(second);
                (self.second, self.text) = (second, Some(text));
                text
            }
        };
        let mut micros = unix_micros.rem_euclid(1_000_000) as u32;
        let mut out = [0; 27];
        out[..20].copy_from_slice(&text);
        for digit in out[20..26].iter_mut().rev() {
            *digit = b'0' + (micros % 10) as u8;
            micros /= 10;
        }
        out[26] = b'Z';
        to.extend_from_slice(&out);
    }
}

/// Times that RFC 3339 has no four digits for are written as its first or last second.
fn second_text(second: i64) -> [u8; 20] {
    const FIRST: i64 = -62_167_219_200; // 0000-01-01
    const LAST: i64 = 253_402_300_799; // 9999-12-31T23:59:59
    let time = DateTime::from_timestamp(second.clamp(FIRST, LAST), 0).unwrap_or_default();
    let mut text = *b"0000-00-00T00:00:00.";
    let mut put = |range: std::ops::Range<usize>, mut value: u32| {
        for digit in text[range].iter_mut().rev() {
            *digit = b'0' + (value % 10) as u8;
            value /= 10;
        }
    };
    put(0..4, time.year() as u32);
    put(5..7, time.month());
    put(8..10, time.day());
    put(11..13, time.hour());
    put(14..16, time.minute());
    put(17..19, time.second());
    text
}

/// 48 bits of milliseconds, 12 of the fraction below (RFC 9562 section 6.2, method 3), 62 random ones: ids sort by time.
#[inline]
pub(crate) fn write_id(to: &mut Vec<u8>, unix_micros: i64, random: u64) {
    let unix_micros = unix_micros.max(0) as u64;
    let (millis, micros) = (unix_micros / 1000, unix_micros % 1000);
    let fraction = micros * 4096 / 1000;
    let high = millis << 16 | 0x7000 | fraction;
    let low = random >> 2 | 0x8000_0000_0000_0000;
    let high = hexadecimal(high);
    let low = hexadecimal(low);
    let mut out = [b'-'; 36];
    out[..8].copy_from_slice(&high[..8]);
    out[9..13].copy_from_slice(&high[8..12]);
    out[14..18].copy_from_slice(&high[12..]);
    out[19..23].copy_from_slice(&low[..4]);
    out[24..].copy_from_slice(&low[4..]);
    to.extend_from_slice(&out);
}

/// Sixteen digits at once: each nibble to a byte of its own, then 0-9 and a-f by arithmetic on all of them.
#[inline]
fn hexadecimal(value: u64) -> [u8; 16] {
    const NIBBLES: u128 = 0x0f0f_0f0f_0f0f_0f0f_0f0f_0f0f_0f0f_0f0f;
    const ONES: u128 = 0x0101_0101_0101_0101_0101_0101_0101_0101;
    let mut spread = u128::from(value);
    spread = (spread | spread << 32) & 0x0000_0000_ffff_ffff_0000_0000_ffff_ffff;
    spread = (spread | spread << 16) & 0x0000_ffff_0000_ffff_0000_ffff_0000_ffff;
    spread = (spread | spread << 8) & 0x00ff_00ff_00ff_00ff_00ff_00ff_00ff_00ff;
    spread = (spread | spread << 4) & NIBBLES;
    // A nibble of ten or more carries into bit 4 when six is added.
    let letters = ((spread + 6 * ONES) >> 4) & ONES;
    let digits = spread + ONES * u128::from(b'0') + letters * u128::from(b'a' - b'0' - 10);
    digits.to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(micros: i64) -> String {
        let mut to = Vec::new();
        Stamp::default().write_time(&mut to, micros);
        String::from_utf8(to).unwrap()
    }

    #[test]
    fn times_are_utc_with_six_digits() {
        assert_eq!(time(0), "1970-01-01T00:00:00.000000Z");
        assert_eq!(time(1_772_356_353_123_456), "2026-03-01T09:12:33.123456Z");
        assert_eq!(time(-1), "1969-12-31T23:59:59.999999Z");
        assert_eq!(time(i64::MAX), "9999-12-31T23:59:59.775807Z");
    }

    #[test]
    fn the_kept_second_follows_the_clock_in_both_directions() {
        let mut stamp = Stamp::default();
        for second in [5, 5, 6, 4, 86_400] {
            let mut to = Vec::new();
            stamp.write_time(&mut to, second * 1_000_000);
            assert_eq!(String::from_utf8(to).unwrap(), time(second * 1_000_000));
        }
    }

    #[test]
    fn an_id_has_version_7_and_sorts_by_time() {
        let id = |micros, random| {
            let mut to = Vec::new();
            write_id(&mut to, micros, random);
            String::from_utf8(to).unwrap()
        };
        assert_eq!(id(1_772_356_353_123_456, u64::MAX), "019ca8ab-bc63-774b-bfff-ffffffffffff");
        assert_eq!(id(1_772_356_353_123_456, 0), "019ca8ab-bc63-774b-8000-000000000000");
        assert!(id(1_000_001, u64::MAX) < id(1_000_002, 0));
    }
}
