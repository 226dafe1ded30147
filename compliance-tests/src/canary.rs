//! Secrets made to be looked for: unique, from a seed, and never shown.

use std::collections::HashMap;
use std::fmt;
use std::sync::{LazyLock, Mutex, PoisonError};

use dihya::inspect::{self, Detection, DetectorInfo};

use crate::seed::Seed;

/// A secret that is planted in an event and must not come out anywhere.
///
/// Its `Debug` and every failure message name the detector alone.
#[derive(Clone)]
pub struct Canary {
    detector: &'static str,
    text: String,
    needle: String,
}

impl Canary {
    /// Something that this detector finds by its form, unlike any other.
    ///
    /// # Panics
    /// If the detector does not find it: a leak test that plants what nobody claims to find proves nothing.
    pub fn of(detector: &DetectorInfo, seed: &mut Seed) -> Canary {
        let example = detector.example();
        let same = |text: String| (text.clone(), text);
        let corsican = || example.bytes().any(|byte| byte.is_ascii_alphabetic());
        let (text, needle) = match detector.name {
            "card" => same(card(seed)),
            "nir" => same(nir(seed, corsican())),
            "iban" => same(iban(seed)),
            "email" => {
                let local = seed.text(b"abcdefghijklmnopqrstuvwxyz", 14);
                let sign = if example.contains("%40") { "%40" } else { "@" };
                (format!("{local}{sign}example.org"), local)
            }
            _ => varied(detector, &example, seed),
        };
        let is_found = inspect::detect(&text).iter().any(|found| found.label == detector.name);
        assert!(is_found, "the detector {} does not find the canary made for it", detector.name);
        Canary { detector: detector.name, text, needle }
    }

    /// A password that nothing but the name beside it gives away.
    pub fn plain(seed: &mut Seed) -> Canary {
        let text = seed.text(b"bcdfghjkmnpqrstvwxz", 16);
        Canary { detector: "key", needle: text.clone(), text }
    }

    /// A secret of a kind that no built-in detector is for.
    pub(crate) fn given(name: &'static str, text: String) -> Canary {
        Canary { detector: name, needle: text.clone(), text }
    }

    /// A secret that was not made here but met: one that a service issued. `name` stands for it in messages.
    ///
    /// Of a token in three parts, as of JWS (RFC 7515 section 7.1), the last is looked for: the others are alike in many.
    pub fn met(name: &'static str, text: &str) -> Canary {
        let last = text.rsplit('.').next().filter(|last| text.split('.').count() == 3 && last.len() >= 16);
        Canary { detector: name, text: text.to_owned(), needle: last.unwrap_or(text).to_owned() }
    }

    /// The same with capitals and digits.
    pub fn mixed(seed: &mut Seed) -> Canary {
        let text = seed.text(b"bcdfghjkmnpqrstvwxzBCDFGHJKLMNPQRSTVWXZ23456789", 16);
        Canary { detector: "key", needle: text.clone(), text }
    }

    /// The same with signs, save those that end a value somewhere: quotes, brackets, blanks, separators.
    pub fn signs(seed: &mut Seed) -> Canary {
        let letters = b"bcdfghjkmnpqrstvwxz";
        let mut signs = |len| seed.text(b"bcdfghjkmnpqrstvwxzBCDFGHJKLM2345678!$*+-_.~", len);
        let text = format!("{}{}", signs(15), char::from(letters[0]));
        Canary { detector: "key", needle: text.clone(), text }
    }

    /// One of digits alone, which nothing but the name beside it gives away: no card, and no other number with a form.
    pub fn digits(seed: &mut Seed) -> Canary {
        // Nothing begins with 00, and as a number it loses no digit.
        let text = format!("9{}", seed.digits(17));
        Canary { detector: "key", needle: text.clone(), text }
    }

    /// The detector it is made for; `key` for one that only a field's name gives away.
    pub fn detector(&self) -> &'static str {
        self.detector
    }

    /// What to plant. Never print it.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The part of it that is unique. Never print it.
    pub fn needle(&self) -> &str {
        &self.needle
    }
}

impl fmt::Debug for Canary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Canary({})", self.detector)
    }
}

/// The example with its longest stretch of free characters replaced by others of their kinds.
fn varied(detector: &DetectorInfo, example: &str, seed: &mut Seed) -> (String, String) {
    let free = free_stretch(detector.name, example);
    for _ in 0..20 {
        let bytes = example.bytes().enumerate();
        let bytes = bytes.map(|(i, byte)| if free.contains(&i) { alike(byte, seed) } else { byte });
        let text: String = bytes.map(char::from).collect();
        if same(&inspect::detect(&text), &inspect::detect(example)) {
            let needle = text[free].to_owned();
            return (text, needle);
        }
    }
    panic!("the example of the detector {} cannot be varied", detector.name);
}

/// Where the characters of an example can each be another of their kind, and the detector finds the same.
fn free_stretch(name: &'static str, example: &str) -> std::ops::Range<usize> {
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let key = (name, example.len(), example.bytes().take(12).collect());
    if let Some(range) = known.get(&key) {
        return range.clone();
    }
    let found = inspect::detect(example);
    let mut seed = Seed::new(1);
    let is_free = |at: usize, seed: &mut Seed| {
        (0..6).all(|_| {
            let mut bytes = example.as_bytes().to_vec();
            bytes[at] = alike(bytes[at], seed);
            String::from_utf8(bytes).is_ok_and(|text| same(&inspect::detect(&text), &found))
        })
    };
    let mut best = 0..0;
    let mut at = 0;
    while at < example.len() {
        let start = at;
        while at < example.len()
            && example.as_bytes()[at].is_ascii_alphanumeric()
            && found.iter().any(|found| found.range.contains(&at))
            && is_free(at, &mut seed)
        {
            at += 1;
        }
        if at - start > best.len() {
            best = start..at;
        }
        at += 1;
    }
    assert!(best.len() >= 8, "the example of the detector {name} holds nothing to vary");
    known.insert(key, best.clone());
    best
}

fn same(a: &[Detection], b: &[Detection]) -> bool {
    a == b
}

/// Another character of the narrowest kind, so that hexadecimal stays hexadecimal and base32 base32.
fn alike(byte: u8, seed: &mut Seed) -> u8 {
    let kind: &[u8] = match byte {
        b'2'..=b'7' => b"234567",
        b'0' | b'1' | b'8' | b'9' => b"0189",
        b'a'..=b'f' => b"abcdef",
        b'g'..=b'z' => b"ghijklmnopqrstuvwxyz",
        b'A'..=b'F' => b"ABCDEF",
        b'G'..=b'Z' => b"GHIJKLMNOPQRSTUVWXYZ",
        _ => return byte,
    };
    *seed.pick(kind)
}

/// A card number of 15 or 16 digits (ISO/IEC 7812-1).
fn card(seed: &mut Seed) -> String {
    let (head, len) = *seed.pick(&[("4", 16), ("51", 16), ("2223", 16), ("34", 15), ("601100", 16)]);
    let body = format!("{head}{}", seed.digits(len - 1 - head.len()));
    let sum: u32 = body.bytes().rev().enumerate().map(|(i, byte)| doubled(i.is_multiple_of(2), byte)).sum();
    format!("{body}{}", (10 - sum % 10) % 10)
}

fn doubled(double: bool, byte: u8) -> u32 {
    let digit = u32::from(byte - b'0') * if double { 2 } else { 1 };
    if digit > 9 { digit - 9 } else { digit }
}

/// A number of the French register with its key (INSEE).
fn nir(seed: &mut Seed, corsican: bool) -> String {
    let sex = seed.pick(&["1", "2"]);
    let (year, month) = (seed.digits(2), 1 + seed.below(12));
    let (department, counted) = if corsican {
        *seed.pick(&[("2A", "19"), ("2B", "18")])
    } else {
        *seed.pick(&[("75", "75"), ("13", "13")])
    };
    // The communes of Corsica go up to 366.
    let rest = format!("{:03}{:03}", 1 + seed.below(366), 1 + seed.below(900));
    let number: u64 = format!("{sex}{year}{month:02}{counted}{rest}").parse().unwrap_or_default();
    format!("{sex}{year}{month:02}{department}{rest}{:02}", 97 - number % 97)
}

/// A French IBAN (ISO 13616).
fn iban(seed: &mut Seed) -> String {
    let account = seed.digits(23);
    // F and R are 15 and 27, and the check digits are 00 while they are computed.
    let remainder =
        account.bytes().chain(*b"152700").fold(0u32, |sum, byte| (sum * 10 + u32::from(byte - b'0')) % 97);
    format!("FR{:02}{account}", 98 - remainder)
}

type Known = HashMap<(&'static str, usize, Vec<u8>), std::ops::Range<usize>>;

/// Finding the free stretch takes hundreds of scans.
static KNOWN: LazyLock<Mutex<Known>> = LazyLock::new(Mutex::default);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_detector_has_canaries_and_no_two_are_equal() {
        let mut seed = Seed::new(7);
        let mut seen = std::collections::HashSet::new();
        for detector in inspect::detectors() {
            for _ in 0..20 {
                let canary = Canary::of(&detector, &mut seed);
                assert!(canary.needle().len() >= 8, "{}", detector.name);
                assert!(seen.insert(canary.needle().to_owned()), "{}", detector.name);
            }
        }
        assert!(inspect::detect(Canary::plain(&mut seed).text()).is_empty(), "a plain one must need its key");
    }

    #[test]
    fn the_same_seed_makes_the_same_canary() {
        let card = inspect::detectors().find(|d| d.name == "card").unwrap();
        let made = |seed| Canary::of(&card, &mut Seed::new(seed)).text().to_owned();
        assert!(made(1) == made(1) && made(1) != made(2));
    }

    #[test]
    fn of_a_signed_token_that_was_met_the_signature_is_looked_for() {
        assert_eq!(Canary::met("session", "head.claims.0123456789abcdef").needle(), "0123456789abcdef");
        for whole in ["head.claims.short", "0123456789abcdef", "a.b.c.0123456789abcdef"] {
            assert_eq!(Canary::met("session", whole).needle(), whole);
        }
    }

    #[test]
    fn a_canary_does_not_show_itself() {
        let canary = Canary::plain(&mut Seed::new(3));
        assert!(!format!("{canary:?}").contains(canary.text()));
    }
}
