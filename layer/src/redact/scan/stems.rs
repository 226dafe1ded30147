//! The literals that start a secret, by their first byte.

use crate::redact::custom::Custom;
use crate::redact::detect::{DETECTORS, Trigger};

/// A literal and who wants to know of it.
#[derive(Debug)]
pub(super) struct Stem {
    pub(super) text: Box<[u8]>,
    pub(super) ignore_case: bool,
    detector: usize,
}

impl Stem {
    /// Its first three bytes, in every case it may be written in.
    pub(super) fn first_three(&self) -> Vec<[u8; 3]> {
        let three = [self.text[0], self.text[1], self.text[2]];
        if !self.ignore_case {
            return vec![three];
        }
        let swapped = |bits: usize| {
            std::array::from_fn(|i| if bits >> i & 1 == 1 { swap_case(three[i]) } else { three[i] })
        };
        (0..8).map(swapped).collect()
    }

    fn starts(&self, value: &[u8]) -> bool {
        value.get(..self.text.len()).is_some_and(|head| match self.ignore_case {
            true => head.eq_ignore_ascii_case(&self.text),
            false => *head == *self.text,
        })
    }
}

/// All stems of the detectors in use.
#[derive(Debug)]
pub(super) struct Stems {
    all: Vec<Stem>,
    /// Indices into `all`.
    by_first: Box<[Vec<u16>; 256]>,
}

impl Stems {
    /// `own` are the policy's, whose indices follow those of the built-in rows.
    pub(super) fn new(detectors: impl Iterator<Item = usize>, own: &[Custom]) -> Stems {
        let mut all = Vec::new();
        let mut add = |text: &[u8], ignore_case, detector| {
            all.push(Stem { text: text.into(), ignore_case, detector });
        };
        for detector in detectors {
            let (texts, ignore_case) = match &DETECTORS[detector].trigger {
                Trigger::Stems(texts) => (*texts, false),
                Trigger::StemsAnyCase(texts) => (*texts, true),
                _ => continue,
            };
            texts.iter().for_each(|text| add(text.as_bytes(), ignore_case, detector));
        }
        for (index, custom) in own.iter().enumerate() {
            for text in custom.stems() {
                add(text, false, DETECTORS.len() + index);
            }
        }
        let mut by_first: Box<[Vec<u16>; 256]> = Box::new(std::array::from_fn(|_| Vec::new()));
        for (index, stem) in all.iter().enumerate() {
            let first = stem.text[0];
            by_first[usize::from(first)].push(index as u16);
            let other = if stem.ignore_case { swap_case(first) } else { first };
            if other != first {
                by_first[usize::from(other)].push(index as u16);
            }
        }
        Stems { all, by_first }
    }

    pub(super) fn all(&self) -> &[Stem] {
        &self.all
    }

    /// Tells of each detector whose stem starts at `at`.
    pub(super) fn at(&self, value: &[u8], at: usize, mut tell: impl FnMut(usize)) {
        for index in &self.by_first[usize::from(value[at])] {
            let stem = &self.all[usize::from(*index)];
            if stem.starts(&value[at..]) {
                tell(stem.detector);
            }
        }
    }
}

pub(super) fn swap_case(byte: u8) -> u8 {
    if byte.is_ascii_alphabetic() { byte ^ 0x20 } else { byte }
}
