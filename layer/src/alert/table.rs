//! Which detectors want which records, as one bit each.

use super::detect::{Detector, Interest};

/// Made once, asked for every record.
#[derive(Debug, Default)]
pub(crate) struct Table {
    /// By the name's length: there are few of one length.
    by_len: Vec<Vec<(Box<[u8]>, u64)>>,
    pub(crate) named: u64,
    pub(crate) redacted: u64,
    pub(crate) every: u64,
}

impl Table {
    /// Of detectors in their order, 64 at most.
    pub(crate) fn new<'a>(detectors: impl Iterator<Item = &'a dyn Detector>) -> Table {
        let mut table = Table::default();
        for (at, detector) in detectors.enumerate() {
            let bit = 1 << at;
            match detector.interest() {
                Interest::Nothing => {}
                Interest::Named => table.named |= bit,
                Interest::Redacted => table.redacted |= bit,
                Interest::Every => table.every |= bit,
                Interest::Events(names) => names.iter().for_each(|name| table.add(name.as_bytes(), bit)),
            }
        }
        table
    }

    /// Who wants records of this event, besides those who want every one.
    #[inline]
    pub(crate) fn event(&self, name: &[u8]) -> u64 {
        let names = self.by_len.get(name.len()).map_or(&[][..], Vec::as_slice);
        let found = names.iter().find(|(other, _)| **other == *name);
        found.map_or(0, |(_, bits)| *bits) | self.named
    }

    fn add(&mut self, name: &[u8], bit: u64) {
        if self.by_len.len() <= name.len() {
            self.by_len.resize(name.len() + 1, Vec::new());
        }
        let names = &mut self.by_len[name.len()];
        match names.iter_mut().find(|(other, _)| **other == *name) {
            Some((_, bits)) => *bits |= bit,
            None => names.push((name.into(), bit)),
        }
    }
}
