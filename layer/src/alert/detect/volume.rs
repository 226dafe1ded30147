//! `volume_spike` and `volume_drop`: many more or far fewer records on a channel than usual, in parts of five minutes.

use std::collections::BTreeMap;

use super::{Batch, Detector, Found, Interest, Signal, micros};
use crate::alert::header::Header;
use crate::alert::stream::SECOND;
use crate::alert::window::Ewma;
use crate::policy::DetectorPolicy;

/// Parts that are over, and the one that is not.
#[derive(Debug, Default)]
struct Parts {
    usual: Ewma,
    /// When the current part began.
    since: Option<i64>,
    count: u64,
    /// Parts with too few, one after the other.
    low: u64,
    /// The first part is not whole: it began before there was anybody to count.
    is_first: bool,
}

impl Parts {
    /// Ends the parts that are over by now, and hands each one's count on.
    fn turn(&mut self, now: i64, mut ended: impl FnMut(&mut Parts, u64)) {
        let Some(mut since) = self.since else {
            (self.since, self.is_first) = (Some(now), true);
            return;
        };
        let mut turns = 0;
        while now.saturating_sub(since) >= PART {
            since = since.saturating_add(PART);
            self.since = Some(since);
            let count = std::mem::take(&mut self.count);
            if !std::mem::take(&mut self.is_first) {
                ended(self, count);
            }
            turns += 1;
            if turns == TURNS {
                // After a gap of weeks nothing is usual.
                self.since = Some(now);
                break;
            }
        }
    }
}

/// `volume_spike`
#[derive(Debug)]
pub(super) struct Spike {
    settings: DetectorPolicy,
    channels: BTreeMap<String, Parts>,
}

impl Spike {
    pub(super) fn new(settings: &DetectorPolicy) -> Spike {
        Spike { settings: settings.clone(), channels: BTreeMap::new() }
    }
}

impl Detector for Spike {
    as_the_policy_says!();

    fn interest(&self) -> Interest<'_> {
        Interest::Nothing
    }

    fn batch(&mut self, batch: &Batch<'_>, found: &mut Found<'_>) {
        let sigma = self.settings.number("sigma") as f64;
        let (least, warm) = (self.settings.number("events"), warm(&self.settings));
        let parts = of(&mut self.channels, batch.channel);
        let most = |usual: &Ewma| (usual.mean + sigma * usual.deviation()).max(least as f64);
        parts.turn(batch.at, |parts, count| {
            // A spike is not learned as usual.
            let count = count as f64;
            let learned = if parts.usual.seen < warm { count } else { count.min(most(&parts.usual)) };
            parts.usual.add(learned);
        });
        let before = parts.count;
        parts.count += batch.records;
        let threshold = most(&parts.usual) as u64;
        if parts.usual.seen >= warm && parts.count > threshold {
            let added = batch.records.min(parts.count - before.max(threshold));
            let what = "records in five minutes on one channel";
            found.raise(&[batch.channel], Signal { count: parts.count, added, threshold, what });
        }
    }
}

/// `volume_drop`
#[derive(Debug)]
pub(super) struct Drop {
    settings: DetectorPolicy,
    channels: BTreeMap<String, Parts>,
    /// When the last heartbeat came, and where.
    heartbeat: Option<i64>,
    beats_on: String,
}

impl Drop {
    pub(super) fn new(settings: &DetectorPolicy) -> Drop {
        Drop {
            settings: settings.clone(),
            channels: BTreeMap::new(),
            heartbeat: None,
            beats_on: String::new(),
        }
    }
}

impl Detector for Drop {
    as_the_policy_says!();

    fn interest(&self) -> Interest<'_> {
        Interest::Events(&["sys_heartbeat"])
    }

    fn record(&mut self, record: &Header<'_>, found: &mut Found<'_>) {
        self.heartbeat = Some(found.now);
        record.channel().clone_into(&mut self.beats_on);
    }

    fn batch(&mut self, batch: &Batch<'_>, _: &mut Found<'_>) {
        // What is over is judged by the tick, which comes without records too.
        of(&mut self.channels, batch.channel).count += batch.records;
    }

    fn tick(&mut self, now: i64, found: &mut Found<'_>) {
        let (percent, least) = (self.settings.number("percent"), self.settings.number("events") as f64);
        let warm = warm(&self.settings);
        let long = (micros(self.settings.time("window")) / PART).max(1) as u64;
        for (channel, parts) in &mut self.channels {
            let mut low = None;
            parts.turn(now, |parts, count| {
                let threshold = parts.usual.mean * percent as f64 / 100.0;
                let is_low =
                    parts.usual.seen >= warm && parts.usual.mean >= least && (count as f64) < threshold;
                if is_low && parts.low < FOREVER {
                    // Silence is not learned as usual, or it would end by itself; not for a day.
                    parts.low += 1;
                } else {
                    parts.low = 0;
                    parts.usual.add(count as f64);
                }
                low = (parts.low >= long).then_some((count, threshold as u64));
            });
            if let Some((count, threshold)) = low {
                let what = "records in five minutes on a channel that has more otherwise";
                let signal = Signal { count, added: 0, threshold, what };
                found.on(channel).raise(&["channel", channel], signal);
            }
        }
        let missed = self
            .heartbeat
            .map_or(0, |at| now.saturating_sub(at) / micros(self.settings.time("heartbeat")).max(1));
        let threshold = self.settings.number("missed");
        if missed >= i64::try_from(threshold).unwrap_or(i64::MAX) {
            let count = u64::try_from(missed).unwrap_or_default();
            let what = "heartbeats missed, one after the other";
            let signal = Signal { count, added: 0, threshold, what };
            found.on(&self.beats_on).raise(&["heartbeat"], signal);
        }
    }
}

/// How many parts it takes to know what is usual.
fn warm(settings: &DetectorPolicy) -> u32 {
    u32::try_from(micros(settings.time("warm_up")) / PART).unwrap_or(u32::MAX)
}

fn of<'a>(channels: &'a mut BTreeMap<String, Parts>, name: &str) -> &'a mut Parts {
    if !channels.contains_key(name) {
        channels.insert(name.to_owned(), Parts::default());
    }
    channels.entry(name.to_owned()).or_default()
}

const PART: i64 = 300 * SECOND;
/// A day of parts.
const FOREVER: u64 = 288;
/// Four weeks of parts.
const TURNS: u32 = 8064;
