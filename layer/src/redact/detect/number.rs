//! Numbers with a check digit: payment cards, IBAN, the French NIR. A checksum alone is not enough for any.

use std::ops::Range;

use super::{Alphabet, name};
use crate::redact::keys::KeyRules;
use crate::redact::work::{self, Steps as _};

/// A payment card: issuer range, length of the brand, and the Luhn digit (ISO/IEC 7812-1).
pub(super) fn card(_: &KeyRules, value: &[u8], at: usize) -> Option<Range<usize>> {
    let may = |digits: &[u8]| !brand_lengths(digits).is_empty();
    let is = |digits: &[u8]| brand_lengths(digits).contains(&digits.len()) && luhn(digits);
    // Fours are how people write what they hold for sixteen digits.
    let in_groups = |groups: &[usize], digits: &[u8]| {
        CARD_GROUPS.contains(&groups) || (groups == [4, 4, 4, 3] && digits[0] == 3)
    };
    in_run(value, at, &Number { may: &may, is: &is, in_groups: &in_groups })
}

/// A NIR with its key (INSEE): sex, year, month, department, commune, order, 97 - (n mod 97).
pub(super) fn nir(_: &KeyRules, value: &[u8], at: usize) -> Option<Range<usize>> {
    in_run(value, at, &NIR)
}

/// The same for the two departments of Corsica; `at` is at the `2A` or `2B` of columns 6 and 7.
pub(super) fn nir_corsica(_: &KeyRules, value: &[u8], at: usize) -> Option<Range<usize>> {
    let mut start = at;
    for _ in 0..5 {
        start -= separator_before(value, start).unwrap_or(0);
        start = start.checked_sub(1)?;
        digit(value[start])?;
    }
    let mut end = at + 2;
    for _ in 0..8 {
        end += separator(value, end).unwrap_or(0);
        digit(*value.get(end)?)?;
        end += 1;
    }
    let alone = start.checked_sub(1).is_none_or(|i| !value[i].is_ascii_alphanumeric())
        && !value.get(end).is_some_and(u8::is_ascii_alphanumeric);
    // For the key, 2A counts as 19 and 2B as 18. Digits and separators are then judged like any other's.
    let mut number = [0u8; LONGEST_CORSICAN];
    let number = number.get_mut(..end - start)?;
    number.copy_from_slice(&value[start..end]);
    let counted = if value[at + 1].eq_ignore_ascii_case(&b'A') { b"19" } else { b"18" };
    number[at - start..at - start + 2].copy_from_slice(counted);
    (alone && number_end(number, 0, &NIR) == Some(end - start)).then_some(start..end)
}

/// Numbers that only their name tells from any other: SIREN and SIRET (INSEE), RPPS (the French register of health
/// professionals). All have a Luhn digit, save the SIRET of La Poste.
pub(super) fn behind_its_name(value: &[u8], at: usize, name: &Range<usize>) -> Option<Range<usize>> {
    let name = &value[name.clone()];
    let (_, len) = NAMED.iter().find(|(end, _)| name::ends_with_any_case(name, end))?;
    let rest = &value[at + 1..];
    let start = at + 1 + rest.iter().take(8).take_while(|b| matches!(b, b' ' | b'"' | b'\'' | b'\\')).count();
    let mut digits = [0u8; 14];
    let (mut count, mut end) = (0, start);
    while let Some(&byte) = value.get(end) {
        match digit(byte) {
            Some(digit) => {
                *digits.get_mut(count)? = digit;
                count += 1;
                end += 1;
            }
            None => match separator(value, end) {
                Some(width) if value.get(end + width).is_some_and(u8::is_ascii_digit) && count < *len => {
                    end += width
                }
                _ => break,
            },
        }
    }
    let digits = &digits[..count];
    let la_poste =
        digits.starts_with(&[3, 5, 6, 0, 0, 0, 0, 0, 0]) && digits.iter().sum::<u8>().is_multiple_of(5);
    (count == *len && (luhn(digits) || la_poste)).then_some(start..end)
}

/// An IBAN at the end of a word of letters and digits, behind a few letters that belong to none: `IBANFR76…`. `end` is
/// the first byte behind the word.
pub(super) fn iban_in_word(rules: &KeyRules, value: &[u8], end: usize) -> Option<Range<usize>> {
    let word = Alphabet::Alnum.run_before(value, end, LONGEST_WORD + 1);
    let start = end - word;
    let letters = value[start..end].iter().take_while(|b| b.is_ascii_alphabetic()).count();
    // The last two of the letters are the country.
    if word > LONGEST_WORD || !(3..=MOST_LETTERS).contains(&letters) {
        return None;
    }
    iban(rules, value, start + letters - 2).filter(|found| found.end == end)
}

/// An IBAN (ISO 13616): the length of its country and 97-10 check digits (ISO 7064).
pub(super) fn iban(_: &KeyRules, value: &[u8], at: usize) -> Option<Range<usize>> {
    let country = [value.get(at)?.to_ascii_uppercase(), value.get(at + 1)?.to_ascii_uppercase()];
    // Two letters and two digits stand in every other UUID: most are no country at all.
    let is_known = IBAN_COUNTRIES.get(usize::from(country[0].wrapping_sub(b'A')))?;
    if is_known >> (country[1] & 31) & 1 == 0 {
        return None;
    }
    let (_, length) = IBAN_LENGTHS.iter().find(|(code, _)| code.as_bytes() == country)?;
    let mut text = [0u8; 34];
    let mut count = 0;
    let mut i = at;
    let mut end = at;
    while count < usize::from(*length) {
        let byte = *value.get(i)?;
        if byte.is_ascii_alphanumeric() {
            text[count] = byte.to_ascii_uppercase();
            count += 1;
            i += 1;
            end = i;
        } else {
            // One separator at a time, never after another.
            let width = separator(value, i)?;
            if end != i {
                return None;
            }
            i += width;
        }
    }
    if value.get(end).is_some_and(u8::is_ascii_alphanumeric) {
        return None;
    }
    let text = &text[..count];
    let mut remainder = 0u32;
    for &byte in text[4..].iter().chain(&text[..4]) {
        remainder = match byte {
            b'0'..=b'9' => remainder * 10 + u32::from(byte - b'0'),
            _ => remainder * 100 + u32::from(byte - b'A') + 10,
        } % 97;
    }
    (remainder == 1).then_some(at..end)
}

/// What makes digits a number of some kind.
struct Number<'a> {
    /// By its first six digits; most runs end here.
    may: &'a (dyn Fn(&[u8]) -> bool + Sync),
    is: &'a (dyn Fn(&[u8]) -> bool + Sync),
    /// Whether these groups are how it is usually written. Between digits that lines, tabulators, slashes or two blanks
    /// keep apart nothing else is one number: columns of numbers look like that.
    in_groups: &'a (dyn Fn(&[usize], &[u8]) -> bool + Sync),
}

static NIR: Number<'static> = Number {
    may: &|digits| matches!(digits[0], 1 | 2) && is_month(digits[3] * 10 + digits[4]),
    is: &|digits| digits.len() == 15 && is_nir(digits),
    in_groups: &|groups, _| NIR_GROUPS.contains(&groups),
};

/// The first number in the run of digits and separators around `at`: it starts and ends between digits and others,
/// its separators are of one kind, its groups have two digits at least (save the NIR's first). Zeros may pad it.
fn in_run(value: &[u8], at: usize, number: &Number<'_>) -> Option<Range<usize>> {
    let mut start = at;
    while let Some(&byte) = value.get(start) {
        if !byte.is_ascii_digit() {
            start += separator(value, start)?;
            continue;
        }
        let run = value[start..].steps().take_while(|b| b.is_ascii_digit()).count();
        let fresh = start == 0 || !value[start - 1].is_ascii_digit();
        if fresh && !is_fraction(value, start) {
            let zeros = value[start..start + run].steps().take_while(|b| **b == b'0').count();
            let padded =
                (zeros > 0 && run - zeros >= SHORTEST).then(|| number_end(value, start + zeros, number));
            if let Some(end) = number_end(value, start, number).or(padded.flatten()) {
                return Some(start..end);
            }
        }
        start += run;
    }
    None
}

fn number_end(value: &[u8], start: usize, number: &Number<'_>) -> Option<usize> {
    work::count(NUMBER);
    let mut digits = [0u8; LONGEST];
    let mut count = 0;
    let mut used: Option<&[u8]> = None;
    let mut groups = [0usize; LONGEST];
    let mut group = 0;
    let mut i = start;
    let mut found = None;
    while let Some(&byte) = value.get(i) {
        if let Some(digit) = digit(byte) {
            *digits.get_mut(count)? = digit;
            count += 1;
            groups[group] += 1;
            i += 1;
            if count == 6 && !(number.may)(&digits[..count]) {
                return None;
            }
            let ends = !value.get(i).is_some_and(u8::is_ascii_digit);
            if ends
                && count >= SHORTEST
                && (used.is_none_or(is_usual) || (number.in_groups)(&groups[..=group], &digits[..count]))
                && (number.is)(&digits[..count])
                && !is_in_hex(value, start, i, used.is_some())
            {
                found = Some(i);
            }
            if count == digits.len() {
                return found;
            }
            continue;
        }
        let Some(width) = separator(value, i) else { return found };
        let this = &value[i..i + width];
        let first_of_nir = groups[group] == 1 && count == 1;
        if used.is_some_and(|used| used != this) || (groups[group] < 2 && !first_of_nir) {
            return found;
        }
        used = Some(this);
        group += 1;
        i += width;
        if !value.get(i).is_some_and(u8::is_ascii_digit) {
            return found;
        }
    }
    found
}

/// What people put between the groups of a number.
fn is_usual(separator: &[u8]) -> bool {
    matches!(separator, b" " | b"-" | b"." | [0xc2, 0xa0])
}

/// Digits after `0.` are a float.
fn is_fraction(value: &[u8], start: usize) -> bool {
    start >= 2 && value[start - 1] == b'.' && value[start - 2].is_ascii_digit()
}

/// Whether the digits are a stretch of a UUID or of a digest: letters around them, all hexadecimal.
fn is_in_hex(value: &[u8], start: usize, end: usize, grouped: bool) -> bool {
    let is_hex = |b: &&u8| b.is_ascii_hexdigit() || **b == b'-';
    let before = value[..start].steps().rev().take(64).take_while(is_hex);
    let after = value[end..].steps().take(64).take_while(is_hex);
    let (mut letters, mut len) = (0, end - start);
    for byte in before.chain(after) {
        letters += usize::from(byte.is_ascii_alphabetic());
        len += 1;
    }
    let touches = start.checked_sub(1).is_some_and(|i| value[i].is_ascii_alphanumeric() || value[i] == b'-')
        || value.get(end).is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'-');
    touches && letters > 0 && len >= if grouped { 20 } else { 32 }
}

/// The width of one separator at `at`.
fn separator(value: &[u8], at: usize) -> Option<usize> {
    match value.get(at..)? {
        [b' ', b' ', ..] | [b'\r', b'\n', ..] => Some(2),
        [b' ' | b'-' | b'.' | b'\t' | b'\n' | b'/' | b'_', ..] => Some(1),
        [0xc2, 0xa0, ..] => Some(2),
        _ => None,
    }
}

/// The width of one separator that ends at `end`.
fn separator_before(value: &[u8], end: usize) -> Option<usize> {
    match value.get(..end)? {
        [.., b' ', b' '] | [.., b'\r', b'\n'] => Some(2),
        [.., b' ' | b'-' | b'.' | b'\t' | b'\n' | b'/' | b'_'] => Some(1),
        [.., 0xc2, 0xa0] => Some(2),
        _ => None,
    }
}

fn digit(byte: u8) -> Option<u8> {
    byte.is_ascii_digit().then(|| byte - b'0')
}

fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(i, &d)| match (i % 2, d) {
            (0, d) => u32::from(d),
            (_, d) if d < 5 => u32::from(d) * 2,
            (_, d) => u32::from(d) * 2 - 9,
        })
        .sum();
    sum.is_multiple_of(10)
}

fn is_nir(digits: &[u8]) -> bool {
    let Some(digits) = digits.get(..15) else { return false };
    let number = |range: Range<usize>| digits[range].iter().fold(0u64, |n, d| n * 10 + u64::from(*d));
    matches!(digits[0], 1 | 2)
        && is_month(digits[3] * 10 + digits[4])
        && number(5..7) > 0
        && number(13..15) == 97 - number(0..13) % 97
}

/// From 20 on for births whose month is not known.
fn is_month(month: u8) -> bool {
    matches!(month, 1..=12 | 20..=42 | 50..=99)
}

/// The lengths that the brand of this first digits issues; empty for no brand. Ranges as published by the
/// brands and collected in ISO/IEC 7812 tables.
fn brand_lengths(digits: &[u8]) -> &'static [usize] {
    let prefix = digits.iter().take(6).fold(0u32, |n, d| n * 10 + u32::from(*d));
    match prefix {
        // Verve and RuPay before the wider ranges that hold them
        506_099..=506_198 | 507_865..=507_964 | 650_002..=650_027 => &[16, 18, 19],
        400_000..=499_999 => &[13, 16, 18, 19],                 // Visa
        510_000..=559_999 | 222_100..=272_099 => &[16],         // Mastercard
        340_000..=349_999 | 370_000..=379_999 => &[15],         // American Express
        300_000..=305_999 | 309_500..=309_599 => &[14, 16, 19], // Diners Club
        360_000..=369_999 | 380_000..=399_999 => &[14, 16, 19],
        352_800..=358_999 => &[16, 17, 18, 19], // JCB
        601_100..=601_199 | 644_000..=659_999 => &[16, 17, 18, 19], // Discover
        620_000..=629_999 | 810_000..=819_999 => &[16, 17, 18, 19], // UnionPay, RuPay
        220_000..=220_499 => &[16, 17, 18, 19], // Mir
        979_200..=979_299 => &[16],             // Troy
        508_000..=508_999 | 600_000..=600_999 | 820_000..=829_999 => &[16], // RuPay, and Maestro's 60
        500_000..=509_999 | 560_000..=589_999 | 630_000..=639_999 | 670_000..=679_999 => {
            &[13, 14, 15, 16, 17, 18, 19] // Maestro
        }
        _ => &[],
    }
}

const NAMED: &[(&[u8], usize)] = &[(b"siren", 9), (b"siret", 14), (b"rpps", 11)];

/// What it costs to look whether a number begins at a group of digits.
const NUMBER: usize = 48;

const SHORTEST: usize = 13;
const LONGEST: usize = 19;

/// Six separators of two bytes.
const LONGEST_CORSICAN: usize = 15 + 6 * 2;

/// Letters before an IBAN, with the two of its country, and the word they make with it.
const MOST_LETTERS: usize = 10;
const LONGEST_WORD: usize = 34 + MOST_LETTERS - 2;

const CARD_GROUPS: &[&[usize]] =
    &[&[4, 4, 4, 4], &[4, 6, 5], &[4, 6, 4], &[4, 4, 4, 4, 3], &[4, 4, 4, 4, 2], &[4, 3, 3, 3]];

const NIR_GROUPS: &[&[usize]] = &[&[1, 2, 2, 2, 3, 3, 2], &[13, 2], &[1, 2, 2, 2, 3, 5]];

/// Second letters of the countries in [`IBAN_LENGTHS`], by the first: bit 1 is A.
const IBAN_COUNTRIES: [u32; 26] = {
    let mut countries = [0; 26];
    let mut i = 0;
    while i < IBAN_LENGTHS.len() {
        let code = IBAN_LENGTHS[i].0.as_bytes();
        countries[(code[0] - b'A') as usize] |= 1 << (code[1] & 31);
        i += 1;
    }
    countries
};

/// Country and length, from the SWIFT IBAN registry.
const IBAN_LENGTHS: &[(&str, u8)] = &[
    ("AD", 24),
    ("AE", 23),
    ("AL", 28),
    ("AT", 20),
    ("AZ", 28),
    ("BA", 20),
    ("BE", 16),
    ("BG", 22),
    ("BH", 22),
    ("BI", 27),
    ("BR", 29),
    ("BY", 28),
    ("CH", 21),
    ("CR", 22),
    ("CY", 28),
    ("CZ", 24),
    ("DE", 22),
    ("DJ", 27),
    ("DK", 18),
    ("DO", 28),
    ("EE", 20),
    ("EG", 29),
    ("ES", 24),
    ("FI", 18),
    ("FK", 18),
    ("FO", 18),
    ("FR", 27),
    ("GB", 22),
    ("GE", 22),
    ("GI", 23),
    ("GL", 18),
    ("GR", 27),
    ("GT", 28),
    ("HN", 28),
    ("HR", 21),
    ("HU", 28),
    ("IE", 22),
    ("IL", 23),
    ("IQ", 23),
    ("IS", 26),
    ("IT", 27),
    ("JO", 30),
    ("KW", 30),
    ("KZ", 20),
    ("LB", 28),
    ("LC", 32),
    ("LI", 21),
    ("LT", 20),
    ("LU", 20),
    ("LV", 21),
    ("LY", 25),
    ("MC", 27),
    ("MD", 24),
    ("ME", 22),
    ("MK", 19),
    ("MN", 20),
    ("MR", 27),
    ("MT", 31),
    ("MU", 30),
    ("NI", 28),
    ("NL", 18),
    ("NO", 15),
    ("OM", 23),
    ("PK", 24),
    ("PL", 28),
    ("PS", 29),
    ("PT", 25),
    ("QA", 29),
    ("RO", 24),
    ("RS", 22),
    ("RU", 33),
    ("SA", 24),
    ("SC", 31),
    ("SD", 18),
    ("SE", 24),
    ("SI", 19),
    ("SK", 24),
    ("SM", 27),
    ("SO", 23),
    ("ST", 25),
    ("SV", 28),
    ("TL", 23),
    ("TN", 24),
    ("TR", 26),
    ("UA", 29),
    ("VA", 22),
    ("VG", 24),
    ("XK", 20),
    ("YE", 30),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hits_need_more_than_the_checksum() {
        let card = |text: String| card(&KeyRules::new(&Default::default()), text.as_bytes(), 0);
        let with_luhn = |head: &str| {
            (0..10)
                .map(|d| format!("{head}{d}"))
                .find(|n| luhn(&n.bytes().map(|b| b - b'0').collect::<Vec<u8>>()))
                .unwrap()
        };
        assert!(card(with_luhn("411111111111111")).is_some());
        assert!(card(with_luhn("901111111111111")).is_none(), "no issuer");
        assert!(card(with_luhn("41111111111111")).is_none(), "Visa has no 15 digits");
        assert!(card(format!("{}1", &with_luhn("411111111111111")[..15])).is_some());
        assert!(card("4111111111111112".into()).is_none(), "Luhn");
    }
}
