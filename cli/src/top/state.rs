//! What is shown: the newest sample, and how it came to be.

use std::collections::{BTreeMap, VecDeque};

use ratatui::crossterm::event::KeyCode;

use super::sample::{Channel, Sample};

/// Everything that the picture is drawn from.
#[derive(Default)]
pub(super) struct State {
    pub(super) sample: Option<Sample>,
    pub(super) rates: BTreeMap<String, Rate>,
    pub(super) redactions_per_second: f64,
    pub(super) paused: bool,
    /// The first alert that is shown.
    pub(super) scrolled: usize,
}

/// How fast a channel grows.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Rate {
    pub(super) records: f64,
    pub(super) bytes: f64,
    /// Records per second at each look, the newest last.
    pub(super) past: VecDeque<f64>,
    /// Lost since the first look.
    pub(super) lost: u64,
}

impl State {
    /// While it is paused, what is shown stands still; the counts go on, so that no rate is wrong afterwards.
    pub(super) fn take(&mut self, sample: Sample) {
        if self.paused {
            return;
        }
        if let Some(before) = &self.sample {
            let seconds = sample.taken.duration_since(before.taken).as_secs_f64();
            if sample.error.is_none() && seconds > 0.0 {
                for channel in &sample.channels {
                    let earlier = before.channels.iter().find(|earlier| earlier.name == channel.name);
                    self.rates.entry(channel.name.clone()).or_default().add(channel, earlier, seconds);
                }
                let more = grown(sample.redactions, before.redactions);
                self.redactions_per_second = more as f64 / seconds;
            }
        }
        let error = sample.error.is_some();
        match &mut self.sample {
            // What was known stays, with the reason why it is old.
            Some(known) if error => known.error = sample.error,
            _ => self.sample = Some(sample),
        }
    }

    /// Whether the key changed what is shown.
    pub(super) fn key(&mut self, key: KeyCode) -> bool {
        let most = self.sample.as_ref().map_or(0, |sample| sample.alerts.len().saturating_sub(1));
        match key {
            KeyCode::Char('p' | 'P' | ' ') => self.paused = !self.paused,
            KeyCode::Down | KeyCode::Char('j') => self.scrolled = (self.scrolled + 1).min(most),
            KeyCode::Up | KeyCode::Char('k') => self.scrolled = self.scrolled.saturating_sub(1),
            KeyCode::Home => self.scrolled = 0,
            KeyCode::End => self.scrolled = most,
            _ => return false,
        }
        true
    }
}

impl Rate {
    fn add(&mut self, now: &Channel, before: Option<&Channel>, seconds: f64) {
        // A channel that was not there before has all its records since the last look.
        let earlier = before.cloned().unwrap_or_default();
        self.records = grown(now.records, earlier.records) as f64 / seconds;
        self.bytes = grown(now.bytes, earlier.bytes) as f64 / seconds;
        self.lost += grown(now.lost, earlier.lost);
        self.past.push_back(self.records);
        if self.past.len() > PAST {
            self.past.pop_front();
        }
    }
}

/// A service that began anew counts from nothing.
fn grown(now: u64, before: u64) -> u64 {
    now.checked_sub(before).unwrap_or(now)
}

/// A wide terminal shows so many.
const PAST: usize = 120;
