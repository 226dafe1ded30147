//! What the export of records counts.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};

use prometheus::core::Collector;
use prometheus::{GaugeVec, IntCounterVec};

use super::opts;
use crate::policy::Policy;

/// The families, and since when each exported channel's oldest record waits.
#[derive(Debug)]
pub(crate) struct OtlpMetrics {
    records: IntCounterVec,
    failures: IntCounterVec,
    exported: GaugeVec,
    lag: GaugeVec,
    /// Microseconds since 1970: the oldest waiting record, or the last look that found none. Either way what is newer may be
    /// unexported, so that a thread that stands still shows.
    since: BTreeMap<String, AtomicI64>,
}

/// Later than any time: nothing waits before the exporter starts.
const NOT_BEGUN: i64 = i64::MAX;

/// What became of records, values of the label `outcome`.
#[cfg_attr(
    not(any(feature = "otlp-http", feature = "otlp-grpc")),
    expect(dead_code, reason = "nothing is exported")
)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The receiver has them.
    Exported,
    /// The receiver does not take them.
    Rejected,
    /// They were purged, or taken away, before.
    Gone,
    /// Lines that are no records.
    Unreadable,
}

const OUTCOMES: [&str; 4] = ["exported", "rejected", "gone", "unreadable"];

/// Why an attempt failed, values of the label `reason`.
const REASONS: [&str; 9] = [
    "unreachable",
    "unavailable",
    "refused",
    "bad_data",
    "too_large",
    "config",
    "storage",
    "archived",
    "panic",
];

impl OtlpMetrics {
    pub(super) fn new(policy: &Policy) -> prometheus::Result<OtlpMetrics> {
        let metrics = OtlpMetrics {
            records: IntCounterVec::new(
                opts(
                    "otlp_records_total",
                    "Records whose export ended, and how; gone: purged before they were exported.",
                ),
                &["outcome"],
            )?,
            failures: IntCounterVec::new(
                opts("otlp_failures_total", "Attempts to export that failed; each is followed by another."),
                &["reason"],
            )?,
            exported: GaugeVec::new(
                opts("otlp_exported_timestamp_seconds", "Time of the newest record that the receiver has."),
                &["channel"],
            )?,
            lag: GaugeVec::new(
                opts(
                    "otlp_lag_seconds",
                    "Age of the oldest record that waits to be exported; 0 if none does.",
                ),
                &["channel"],
            )?,
            since: match &policy.otlp {
                Some(otlp) => {
                    let all = policy.channel_names().into_iter().map(str::to_owned);
                    let exported =
                        all.filter(|name| otlp.channels.is_empty() || otlp.channels.contains(name));
                    exported.map(|name| (name, AtomicI64::new(NOT_BEGUN))).collect()
                }
                None => BTreeMap::new(),
            },
        };
        if !metrics.since.is_empty() {
            OUTCOMES.iter().for_each(|outcome| drop(metrics.records.with_label_values(&[*outcome])));
            REASONS.iter().for_each(|reason| drop(metrics.failures.with_label_values(&[*reason])));
        }
        for channel in metrics.since.keys() {
            metrics.exported.with_label_values(&[channel.as_str()]);
            metrics.lag.with_label_values(&[channel.as_str()]);
        }
        Ok(metrics)
    }

    /// Brings the gauges up to date.
    pub(super) fn refresh(&self, now: i64) {
        for (channel, since) in &self.since {
            let lag = now.saturating_sub(since.load(Ordering::Relaxed)).max(0);
            // The exporter looks once a second.
            let seconds = if lag < 2_000_000 { 0.0 } else { lag as f64 / 1e6 };
            self.lag.with_label_values(&[channel.as_str()]).set(seconds);
        }
    }

    pub(super) fn all(&self) -> [&dyn Collector; 4] {
        [&self.exported, &self.failures, &self.lag, &self.records]
    }
}

#[cfg(any(feature = "otlp-http", feature = "otlp-grpc"))]
impl OtlpMetrics {
    pub(crate) fn records(&self, outcome: Outcome, records: u64) {
        self.records.with_label_values(&[OUTCOMES[outcome as usize]]).inc_by(records);
    }

    /// `reason` is one of [`REASONS`].
    pub(crate) fn failed(&self, reason: &'static str) {
        debug_assert!(REASONS.contains(&reason), "{reason}");
        self.failures.with_label_values(&[reason]).inc();
    }

    /// The receiver has everything of the channel up to this time.
    pub(crate) fn exported(&self, channel: &str, unix_micros: i64) {
        self.exported.with_label_values(&[channel]).set(unix_micros as f64 / 1e6);
    }

    /// The exporter starts: what is logged from now on may wait.
    pub(crate) fn begin(&self, now: i64) {
        self.since.values().for_each(|since| since.store(now, Ordering::Relaxed));
    }

    pub(crate) fn waiting(&self, channel: &str, since: i64) {
        if let Some(known) = self.since.get(channel) {
            known.store(since, Ordering::Relaxed);
        }
    }
}
