//! `leak_suspected`: one place of the program hides secrets again and again: it logs what it should not, and the next form
//! of it may be one that no detector of secrets knows. Or a canary, which somebody planted among the real secrets, stands in
//! a record: then redaction has missed one.

use memchr::memmem::Finder;

use super::{Batch, Detector, Found, ITEMS, Interest, Signal, micros};
use crate::alert::header::{Header, id_around};
use crate::alert::lru::{Counter, Lru};
use crate::policy::DetectorPolicy;

/// Counts redactions by the module and the event that they come from, and looks for canaries.
#[derive(Debug)]
pub(super) struct Leak {
    settings: DetectorPolicy,
    /// Each with its number in the policy, which is what an alert can be told apart by.
    canaries: Vec<(String, Finder<'static>)>,
    places: Lru<Sums>,
}

/// Redactions in a sliding window of ten parts.
#[derive(Debug, Default)]
struct Sums {
    /// Which part the newest is.
    part: i64,
    counts: [u32; PARTS],
}

impl Counter for Sums {
    fn items(&self) -> usize {
        0
    }
}

impl Sums {
    /// Adds to the newest part; the sum over all.
    fn add(&mut self, count: u64, now: i64, window: i64) -> u64 {
        let part = now.div_euclid((window / PARTS as i64).max(1));
        let passed = usize::try_from(part.saturating_sub(self.part).max(0)).unwrap_or(PARTS).min(PARTS);
        for back in 0..passed {
            self.counts[part.saturating_sub(back as i64).rem_euclid(PARTS as i64) as usize] = 0;
        }
        self.part = self.part.max(part);
        let newest = &mut self.counts[self.part.rem_euclid(PARTS as i64) as usize];
        *newest = newest.saturating_add(u32::try_from(count).unwrap_or(u32::MAX));
        self.counts.iter().map(|count| u64::from(*count)).sum()
    }
}

impl Leak {
    pub(super) fn new(settings: &DetectorPolicy, canaries: &[String]) -> Leak {
        let canaries = canaries.iter().enumerate();
        let canaries =
            canaries.map(|(at, canary)| (at.to_string(), Finder::new(canary.as_bytes()).into_owned()));
        Leak { settings: settings.clone(), canaries: canaries.collect(), places: Lru::new(ITEMS) }
    }
}

impl Detector for Leak {
    as_the_policy_says!();

    fn interest(&self) -> Interest<'_> {
        Interest::Redacted
    }

    fn record(&mut self, record: &Header<'_>, found: &mut Found<'_>) {
        let redactions = record.redactions();
        let window = micros(self.settings.time("window"));
        let threshold = self.settings.number("redactions");
        let entity = [record.target().unwrap_or_default(), record.event_name().unwrap_or_default()];
        let (key, now) = (found.key(&entity), found.now);
        let count = self.places.with(key, now, |sums| sums.add(redactions, now, window));
        if count > threshold {
            self.places.pin(key, now, now.saturating_add(2 * window));
            let what = "values redacted in records of one place in the program";
            found.raise_keyed(key, &entity, Signal { count, added: redactions, threshold, what });
        }
    }

    fn batch(&mut self, batch: &Batch<'_>, found: &mut Found<'_>) {
        for (number, canary) in &self.canaries {
            let mut places = canary.find_iter(batch.lines);
            let Some(first) = places.next() else { continue };
            let count = 1 + places.count() as u64;
            found.record = id_around(batch.lines, first);
            let what = "a canary stands in a record after redaction";
            found.raise(&["canary", number], Signal { count, added: count, threshold: 1, what });
        }
    }

    fn evicted(&mut self) -> u64 {
        self.places.take_evicted()
    }
}

const PARTS: usize = 10;
