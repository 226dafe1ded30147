//! Metrics: what the layer does, what it loses, and how the log stands.
//!
//! [`Handle::metrics`](crate::Handle::metrics) is the text for a `/metrics` of the service's own,
//! [`Handle::register`](crate::Handle::register) adds the same to a registry; with the feature `serve`, `metrics::serve` exports
//! them over HTTP from a thread of its own. `docs/metrics.md` has every metric with its labels and the alert that uses it.
//!
//! The calling thread counts into counters of its own, without an atomic read-modify-write; they are folded
//! into the `prometheus` objects when somebody gathers. Label sets are complete from the start, so that a rate over a
//! counter that has not moved yet is 0 and not absent. No label ever comes from an event.
//!
//! What another process does to the log (`dihya purge`, `verify`, `archive`, `hold`) stands in the ledger, and is read
//! from there when somebody gathers.

mod format;
mod log;
mod otlp;
#[cfg(feature = "serve")]
mod serve;
mod threads;
mod told;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{
    Gauge, GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGaugeVec, Opts,
};

use crate::alert::Severity;
use crate::channel::Channel;
use crate::policy::Policy;
use crate::redact;
use crate::redact::label::Label;
use crate::storage::Storage;

pub use format::Format;
pub(crate) use otlp::OtlpMetrics;
#[cfg(any(feature = "otlp-http", feature = "otlp-grpc"))]
pub(crate) use otlp::Outcome;
#[cfg(feature = "serve")]
pub use serve::{ADDRESS, ServeError, serve};
#[cfg(feature = "serve")]
pub(crate) use serve::{Exporters, serve_of};
pub(crate) use threads::{LEVELS, ThreadCounters, level_label};

/// The layer's counters, gauges and histograms.
#[derive(Debug)]
pub(crate) struct Metrics {
    threads: Mutex<threads::Threads>,
    channels: Vec<ChannelMetrics>,
    families: Families,
    log: log::Log,
    otlp: OtlpMetrics,
}

/// What the journal counts, per channel, by the handles it needs: a lookup by label would cost more than the count.
#[derive(Debug)]
struct ChannelMetrics {
    lost: [IntCounter; Lost::ALL.len()],
    trouble: [IntCounter; Trouble::ALL.len()],
    sealed: Gauge,
    commit_seconds: Histogram,
    sync_seconds: Histogram,
}

#[derive(Debug)]
struct Families {
    alert_deliveries: IntCounterVec,
    alert_spool_bytes: IntGaugeVec,
    hook_runs: IntCounterVec,
    events: IntCounterVec,
    event_bytes: IntCounterVec,
    redactions: IntCounterVec,
    truncated: IntCounterVec,
    dropped: IntCounterVec,
    write_errors: IntCounterVec,
    generation_failures: IntCounterVec,
    last_event: GaugeVec,
    sealed: GaugeVec,
    queue_bytes: IntGaugeVec,
    queue_capacity: IntGaugeVec,
    disk_free: prometheus::IntGauge,
    alerts: IntCounterVec,
    detector_evictions: IntCounterVec,
    detector_panics: IntCounterVec,
    commit_seconds: HistogramVec,
    sync_seconds: HistogramVec,
    build_info: IntGaugeVec,
}

/// Why a record was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lost {
    /// The queue was full: at once (`drop`), or after the limit (`block`).
    QueueFull,
    /// It stood in the queue when the deadline of `shutdown` passed, or the writer had ended.
    Shutdown,
    /// Logged by a field's own formatting, too deep to follow.
    Reentrant,
}

impl Lost {
    const ALL: [(Lost, &'static str); 3] =
        [(Lost::QueueFull, "queue_full"), (Lost::Shutdown, "shutdown"), (Lost::Reentrant, "reentrant")];
}

/// A storage error that the writer met: values of the label `kind`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// A shard could not be begun.
    Open,
    /// Bytes could not be written.
    Write,
    /// `fdatasync` failed.
    Sync,
    /// `<channel>.log` could not be set.
    Link,
    /// The console or the service's own writer refused a copy.
    Mirror,
    /// A live file that somebody unlinked or put another in place of.
    Replaced,
    /// A shard found with bad bytes before good records.
    Damaged,
    /// Somebody else wrote to the live file.
    Changed,
    /// A shard of the last run could not be brought to the disk anew.
    Recovery,
    /// The checkpoint beside the shard could not be written.
    Checkpoint,
    /// The lock file of sizes could not be written.
    LockFile,
    /// The ledger did not take a fact, which waits.
    Ledger,
}

impl Trouble {
    /// In the order of the variants: each has its series from the start.
    const ALL: [(Trouble, &'static str); 12] = [
        (Trouble::Open, "open"),
        (Trouble::Write, "write"),
        (Trouble::Sync, "sync"),
        (Trouble::Link, "link"),
        (Trouble::Mirror, "mirror"),
        (Trouble::Replaced, "replaced"),
        (Trouble::Damaged, "damaged"),
        (Trouble::Changed, "changed"),
        (Trouble::Recovery, "recovery"),
        (Trouble::Checkpoint, "checkpoint"),
        (Trouble::LockFile, "lock_file"),
        (Trouble::Ledger, "ledger"),
    ];
}

/// What a generation's consistency check can find, values of the label `check`.
pub(crate) const GENERATION_CHECKS: [&str; 3] = ["required_field", "status_error", "duplicate_id"];

/// 0.5 ms to 5 s: from a fast NVMe's flush to a disk that is about to be given up.
const SECONDS: [f64; 13] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0];

impl Metrics {
    pub(crate) fn new(policy: &Policy) -> Metrics {
        let names: Vec<&str> = policy.channels.iter().map(|c| c.name.as_str()).collect();
        // The names and labels are constants of this file, and a test builds them.
        let families = Families::new().expect("metric names and labels are valid");
        let otlp = OtlpMetrics::new(policy).expect("metric names and labels are valid");
        for (index, name) in names.iter().enumerate() {
            for level in LEVELS.map(|(label, _)| label) {
                let written = level_label(Channel::from_index(index), level);
                families.events.with_label_values(&[*name, written]);
            }
            for family in [&families.event_bytes, &families.truncated] {
                family.with_label_values(&[name]);
            }
            families.last_event.with_label_values(&[name]);
            families.queue_bytes.with_label_values(&[name]);
            families.queue_capacity.with_label_values(&[name]).set(policy.channels[index].queue_bytes as i64);
        }
        for label in redact::labels() {
            families.redactions.with_label_values(&[label]);
        }
        declare_detectors(&families, policy);
        for check in GENERATION_CHECKS {
            families.generation_failures.with_label_values(&[check]);
        }
        families.build_info.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        let channels = names
            .iter()
            .map(|name| ChannelMetrics {
                lost: Lost::ALL.map(|(_, why)| families.dropped.with_label_values(&[*name, why])),
                trouble: Trouble::ALL
                    .map(|(_, kind)| families.write_errors.with_label_values(&[*name, kind])),
                sealed: families.sealed.with_label_values(&[name]),
                commit_seconds: families.commit_seconds.with_label_values(&[name]),
                sync_seconds: families.sync_seconds.with_label_values(&[name]),
            })
            .collect();
        let threads = Mutex::new(threads::Threads::new(names.iter().map(|n| n.to_string()).collect()));
        Metrics { threads, channels, families, log: log::Log::new(policy), otlp }
    }

    /// Follows a change of policy.
    pub(crate) fn follow(&self, policy: &Policy) {
        declare_detectors(&self.families, policy);
        self.log.follow(policy);
    }

    /// Looks at the log itself: at the ledgers beside the records, at the oldest records, and at those that wait to be
    /// exported.
    pub(crate) fn look(&self, storage: &dyn Storage, bases: &[PathBuf], now: i64) {
        self.log.look(storage, bases, now);
        self.otlp.refresh(now);
    }

    /// Counters for one more thread.
    pub(crate) fn thread(&self) -> Arc<ThreadCounters> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner).add()
    }

    pub(crate) fn lost(&self, channel: Channel, why: Lost, records: u64) {
        self.channels[channel.index()].lost[why as usize].inc_by(records);
    }

    pub(crate) fn write_error(&self, channel: Channel, what: Trouble) {
        self.channels[channel.index()].trouble[what as usize].inc();
    }

    /// A seal became durable.
    pub(crate) fn sealed(&self, channel: Channel, at_micros: i64) {
        self.channels[channel.index()].sealed.set(seconds(at_micros));
    }

    pub(crate) fn generation_failure(&self, check: &'static str) {
        self.families.generation_failures.with_label_values(&[check]).inc();
    }

    /// An alert was said to fire.
    pub(crate) fn alert(&self, detector: &str, severity: Severity) {
        self.families.alerts.with_label_values(&[detector, severity.name()]).inc();
    }

    /// A detector of anomalies forgot so many keys.
    pub(crate) fn evicted(&self, detector: &str, keys: u64) {
        self.families.detector_evictions.with_label_values(&[detector]).inc_by(keys);
    }

    /// A detector of anomalies is switched off.
    pub(crate) fn detector_panicked(&self, detector: &str) {
        self.families.detector_panics.with_label_values(&[detector]).inc();
    }

    /// The detectors of anomalies, their severities as the policy has them: all of them count from 0.
    pub(crate) fn declare_alerts<'a>(&self, detectors: impl Iterator<Item = (&'a str, Severity)>) {
        for (detector, severity) in detectors {
            self.families.alerts.with_label_values(&[detector, severity.name()]);
            self.families.detector_evictions.with_label_values(&[detector]);
            self.families.detector_panics.with_label_values(&[detector]);
        }
    }

    /// `sink` is a receiver's name in the policy. By nothing, it begins to be shown.
    #[cfg(feature = "alerts")]
    pub(crate) fn delivery(&self, sink: &str, outcome: &'static str, alerts: u64) {
        self.families.alert_deliveries.with_label_values(&[sink, outcome]).inc_by(alerts);
    }

    #[cfg(feature = "alerts")]
    pub(crate) fn spool_bytes(&self, sink: &str, bytes: u64) {
        self.families
            .alert_spool_bytes
            .with_label_values(&[sink])
            .set(i64::try_from(bytes).unwrap_or(i64::MAX));
    }

    /// `hook` is a hook's name. By nothing, it begins to be shown.
    pub(crate) fn hook(&self, hook: &str, outcome: &'static str, runs: u64) {
        self.families.hook_runs.with_label_values(&[hook, outcome]).inc_by(runs);
    }

    #[cfg(all(test, feature = "alerts"))]
    pub(crate) fn deliveries(&self, sink: &str, outcome: &str) -> u64 {
        self.families.alert_deliveries.with_label_values(&[sink, outcome]).get()
    }

    #[cfg(test)]
    pub(crate) fn hook_count(&self, hook: &str, outcome: &str) -> u64 {
        self.families.hook_runs.with_label_values(&[hook, outcome]).get()
    }

    pub(crate) fn commit_seconds(&self, channel: Channel, seconds: f64) {
        self.channels[channel.index()].commit_seconds.observe(seconds);
    }

    pub(crate) fn sync_seconds(&self, channel: Channel, seconds: f64) {
        self.channels[channel.index()].sync_seconds.observe(seconds);
    }

    /// Everything, ready to be exposed. `queued` tells each channel's bytes in the queue.
    pub(crate) fn collect(
        &self,
        queued: impl Fn(Channel) -> usize,
        disk_free: Option<u64>,
    ) -> Vec<MetricFamily> {
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        threads.export(&self.families);
        for index in 0..self.channels.len() {
            let channel = Channel::from_index(index);
            let bytes = queued(channel) as i64;
            self.families.queue_bytes.with_label_values(&[threads.name(channel)]).set(bytes);
        }
        if let Some(bytes) = disk_free {
            self.families.disk_free.set(i64::try_from(bytes).unwrap_or(i64::MAX));
        }
        self.all().flat_map(Collector::collect).collect()
    }

    pub(crate) fn descriptions(&self) -> Vec<&Desc> {
        self.all().flat_map(Collector::desc).collect()
    }

    fn all(&self) -> impl Iterator<Item = &dyn Collector> {
        self.families.all().into_iter().chain(self.log.all()).chain(self.otlp.all())
    }

    /// What the export of records counts.
    #[cfg(any(feature = "otlp-http", feature = "otlp-grpc"))]
    pub(crate) fn otlp(&self) -> &OtlpMetrics {
        &self.otlp
    }
}

impl Families {
    fn new() -> prometheus::Result<Families> {
        let counters = |name: &str, help: &str, labels: &[&str]| IntCounterVec::new(opts(name, help), labels);
        let gauges = |name: &str, help: &str, labels: &[&str]| IntGaugeVec::new(opts(name, help), labels);
        let histogram = |name: &str, help: &str| {
            let opts = HistogramOpts { common_opts: opts(name, help), buckets: SECONDS.to_vec() };
            HistogramVec::new(opts, &["channel"])
        };
        Ok(Families {
            alert_deliveries: counters(
                "alert_deliveries_total",
                "Alerts by receiver and what came of them; retried counts attempts.",
                &["sink", "outcome"],
            )?,
            alert_spool_bytes: gauges(
                "alert_spool_bytes",
                "Bytes on disk of the receiver's spool.",
                &["sink"],
            )?,
            hook_runs: counters(
                "hook_runs_total",
                "Runs of hooks, by what came of them.",
                &["hook", "outcome"],
            )?,
            events: counters(
                "events_total",
                "Records built, by channel and level; also those lost afterwards, see dihya_dropped_total.",
                &["channel", "level"],
            )?,
            event_bytes: counters("event_bytes_total", "Bytes of the records built.", &["channel"])?,
            redactions: counters(
                "redactions_total",
                "Values replaced by a marker, by what found them.",
                &["detector"],
            )?,
            truncated: counters("truncated_total", "Records cut to 65,535 bytes.", &["channel"])?,
            dropped: counters("dropped_total", "Records lost, and why.", &["channel", "reason"])?,
            write_errors: counters(
                "write_errors_total",
                "Storage errors met by the writer.",
                &["channel", "kind"],
            )?,
            generation_failures: counters(
                "generation_check_failures_total",
                "Generation records that failed their consistency check.",
                &["check"],
            )?,
            last_event: GaugeVec::new(
                opts(
                    "last_event_timestamp_seconds",
                    "When the channel's newest record was built; 0: none yet.",
                ),
                &["channel"],
            )?,
            sealed: GaugeVec::new(
                opts("seal_timestamp_seconds", "When the channel's newest seal became durable; 0: none yet."),
                &["channel"],
            )?,
            alerts: counters(
                "alerts_total",
                "Alerts said to fire, also again after their cooldown, by detector and severity.",
                &["detector", "severity"],
            )?,
            detector_evictions: counters(
                "detector_evictions_total",
                "Keys that a detector of anomalies forgot for want of room: a flood of keys hides others.",
                &["detector"],
            )?,
            detector_panics: counters(
                "detector_panics_total",
                "Panics of a detector of anomalies, which is switched off by it.",
                &["detector"],
            )?,
            queue_bytes: gauges("queue_bytes", "Bytes waiting for the writer.", &["channel"])?,
            queue_capacity: gauges("queue_capacity_bytes", "Bound of the queue.", &["channel"])?,
            disk_free: prometheus::IntGauge::with_opts(opts(
                "disk_free_bytes",
                "Bytes free on the file system of the root.",
            ))?,
            commit_seconds: histogram("commit_seconds", "From a commit's call to its answer.")?,
            sync_seconds: histogram("fsync_seconds", "Duration of fdatasync.")?,
            build_info: gauges("build_info", "Always 1; the version is a label.", &["version"])?,
        })
    }

    fn all(&self) -> Vec<&dyn Collector> {
        vec![
            &self.alerts,
            &self.alert_deliveries,
            &self.alert_spool_bytes,
            &self.build_info,
            &self.commit_seconds,
            &self.detector_evictions,
            &self.detector_panics,
            &self.disk_free,
            &self.dropped,
            &self.event_bytes,
            &self.events,
            &self.sync_seconds,
            &self.generation_failures,
            &self.hook_runs,
            &self.last_event,
            &self.sealed,
            &self.queue_bytes,
            &self.queue_capacity,
            &self.redactions,
            &self.truncated,
            &self.write_errors,
        ]
    }
}

/// A policy's own detectors count from 0, too.
fn declare_detectors(families: &Families, policy: &Policy) {
    for detector in &policy.redact.detectors {
        families.redactions.with_label_values(&[Label::own(&detector.name).name()]);
    }
}

/// A time as Prometheus has it.
fn seconds(unix_micros: i64) -> f64 {
    unix_micros as f64 / 1e6
}

fn opts(name: &str, help: &str) -> Opts {
    Opts::new(name, help).namespace("dihya")
}
