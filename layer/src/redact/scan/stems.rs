//! The literals that start a secret, by their first three bytes.

use super::filter::slot;
use crate::redact::custom::Custom;
use crate::redact::detect::{DETECTORS, Trigger};
use crate::redact::work;

/// A literal and who wants to know of it.
#[derive(Debug)]
pub(super) struct Stem {
    pub(super) text: Box<[u8]>,
    pub(super) ignore_case: bool,
    /// [`ENCODED`] for none.
    detector: usize,
}

/// Stands for a detector where a stem announces a stretch of base64 that the filter does not see as a word.
pub(super) const ENCODED: usize = usize::MAX;

/// What is invisible between letters, in base64: its signs come every few characters.
const ENCODED_STEMS: [&str; 5] = ["77u/", "77u_", "4oC", "4oG", "4aCO"];

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
        let last = self.text.len() - 1;
        // Those of a group begin alike, and differ at their ends.
        value.get(..=last).is_some_and(|head| {
            (head[last] ^ self.text[last]) & !CASE == 0
                && match self.ignore_case {
                    true => head.eq_ignore_ascii_case(&self.text),
                    false => *head == *self.text,
                }
        })
    }
}

/// All stems of the detectors in use.
#[derive(Debug)]
pub(super) struct Stems {
    all: Vec<Stem>,
    /// Indices into `all`, group by group.
    grouped: Vec<u16>,
    /// Where in `grouped` each group begins; one more than there are groups.
    groups: Box<[u16]>,
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
        ENCODED_STEMS.iter().for_each(|text| add(text.as_bytes(), false, ENCODED));
        // Hundreds of stems begin with a letter, a few with three.
        let mut members: Vec<(usize, u16)> = Vec::new();
        for (index, stem) in all.iter().enumerate() {
            members.extend(stem.first_three().into_iter().map(|three| (group(three), index as u16)));
        }
        members.sort_unstable();
        members.dedup();
        let starts = (0..=GROUPS).map(|group| members.partition_point(|(g, _)| *g < group) as u16);
        let groups = starts.collect();
        Stems { all, grouped: members.into_iter().map(|(_, index)| index).collect(), groups }
    }

    pub(super) fn all(&self) -> &[Stem] {
        &self.all
    }

    /// Tells of each detector whose stem starts at `at`, and of the stem's length.
    #[inline]
    pub(super) fn at(&self, value: &[u8], at: usize, mut tell: impl FnMut(usize, usize)) {
        let Some(three) = value.get(at..).and_then(|rest| rest.first_chunk()) else { return };
        let group = group(*three);
        let members = usize::from(self.groups[group])..usize::from(self.groups[group + 1]);
        work::count(members.len());
        for index in &self.grouped[members] {
            let stem = &self.all[usize::from(*index)];
            if stem.starts(&value[at..]) {
                tell(stem.detector, stem.text.len());
            }
        }
    }
}

fn group(three: [u8; 3]) -> usize {
    slot(u32::from_le_bytes([three[0], three[1], three[2], 0])) % GROUPS
}

/// Several for each stem.
const GROUPS: usize = 4096;

pub(super) fn swap_case(byte: u8) -> u8 {
    if byte.is_ascii_alphabetic() { byte ^ CASE } else { byte }
}

/// The bit by which the two cases of a letter differ.
const CASE: u8 = 0x20;
