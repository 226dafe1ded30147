//! What a service holds of its open layer: a [`Guard`] that ends it, and [`Handle`]s to work with it.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock, Weak};
use std::time::{Duration, Instant};

use prometheus::Registry;
use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use tracing::callsite::rebuild_interest_cache;
use tracing_core::dispatcher::{WeakDispatch, with_default};

use crate::alert::{Alert, Alerts};
use crate::callsite::Rules;
use crate::channel::Channel;
use crate::core::Core;
use crate::direct::{Receipt, Record};
use crate::journal::{Commit, CommitError, OpenError, ShutdownReport};
use crate::lifecycle::Lifecycle;
use crate::metrics::Format;
use crate::policy::{ChannelPolicy, Policy};
use crate::probe::{self, ProbeError};
use crate::record::system::Value;

/// Keeps the layer open. Dropping it drains the queues for at most five seconds and closes the files; [`Guard::shutdown`]
/// does the same and tells what came of it. Hold it until the end of `main`.
#[must_use = "dropping the guard closes the log"]
pub struct Guard {
    handle: Handle,
    /// Ends before the journal does.
    lifecycle: Option<Lifecycle>,
    /// Ends after that, and before the journal does.
    alerts: Option<Alerts>,
    /// Ends after the journal.
    exporting: Exporting,
}

impl Guard {
    pub(crate) fn new(
        core: Arc<Core>,
        lifecycle: Option<Lifecycle>,
        alerts: Option<Alerts>,
        exporting: Exporting,
    ) -> Guard {
        let handle = Handle { core };
        let mut first = DEFAULT.write().unwrap_or_else(PoisonError::into_inner);
        if first.strong_count() == 0 {
            *first = Arc::downgrade(&handle.core);
        }
        Guard { handle, lifecycle, alerts, exporting }
    }

    /// A handle, to be cloned and passed around.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Sends one event per lossless channel through the subscriber that is now in force, and fails if a filter drops
    /// it. Call it right after `init()`, and refuse to start on an error.
    pub fn probe(&self) -> Result<(), ProbeError> {
        probe::run(&self.handle.core)
    }

    /// Closes the log: writes what is queued, syncs, and tells what was written and what was lost.
    pub fn shutdown(mut self, deadline: Duration) -> ShutdownReport {
        let until = Instant::now() + deadline;
        self.lifecycle = None;
        self.alerts = None;
        let report = self.handle.core.journal.shutdown(deadline);
        self.end(until);
        report
    }

    /// Records come first; alerts that are left wait on disk for the next start, and records for the next export.
    fn end(&mut self, until: Instant) {
        self.handle.core.hooks.shutdown(until);
        self.handle.core.delivery.shutdown(until);
        self.exporting.finish(until);
        // Last: how the end goes can still be scraped.
        #[cfg(feature = "serve")]
        self.handle.core.exporters.end();
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.lifecycle = None;
        self.alerts = None;
        probe::say_if_failed(&self.handle.core);
        let until = Instant::now() + AT_DROP;
        self.handle.core.journal.shutdown(AT_DROP);
        self.end(until);
    }
}

/// The export of records, if the policy asks for one.
#[derive(Debug)]
pub(crate) struct Exporting {
    #[cfg(any(feature = "otlp-http", feature = "otlp-grpc"))]
    exporter: Option<crate::otlp::exporter::Exporter>,
}

#[cfg(any(feature = "otlp-http", feature = "otlp-grpc"))]
impl Exporting {
    pub(crate) fn start(core: &Arc<Core>) -> Result<Exporting, OpenError> {
        let policy = &core.rules().policy;
        if policy.otlp.is_none() {
            return Ok(Exporting { exporter: None });
        }
        let base = |(at, path): (usize, &std::path::PathBuf)| {
            let state = policy.state_folder(at, path);
            crate::catalog::Base { instance: policy.service.instance.clone(), path: path.clone(), state }
        };
        let work = crate::otlp::exporter::Work {
            policy: Arc::new(policy.clone()),
            storage: Arc::clone(&core.storage),
            clock: core.clock.clone(),
            metrics: Arc::clone(&core.metrics),
            bases: core.journal.bases().iter().enumerate().map(base).collect(),
        };
        let exporter = crate::otlp::exporter::Exporter::start(work);
        Ok(Exporting { exporter: Some(exporter.map_err(|why| OpenError::Otlp { why })?) })
    }

    fn finish(&mut self, until: Instant) {
        if let Some(exporter) = self.exporter.take() {
            exporter.finish(until.min(Instant::now() + LAST_EXPORT));
        }
    }
}

#[cfg(not(any(feature = "otlp-http", feature = "otlp-grpc")))]
impl Exporting {
    pub(crate) fn start(_: &Arc<Core>) -> Result<Exporting, OpenError> {
        Ok(Exporting {})
    }

    fn finish(&mut self, _: Instant) {}
}

/// What is not exported when it has passed is exported by the next run, or by `dihya ship`.
#[cfg(any(feature = "otlp-http", feature = "otlp-grpc"))]
const LAST_EXPORT: Duration = Duration::from_secs(2);

/// Works with an open layer. Cheap to clone; stays valid after shutdown, when everything answers an error.
#[derive(Clone)]
pub struct Handle {
    core: Arc<Core>,
}

impl Handle {
    /// The handle of the layer that this process opened first, as long as its guard lives.
    pub fn current() -> Option<Handle> {
        let core = DEFAULT.read().unwrap_or_else(PoisonError::into_inner).upgrade()?;
        Some(Handle { core })
    }

    /// Waits until every record this process logged to the channel before the call is on disk.
    ///
    /// An error means that this is not certain, and says why. A later call may succeed. On a lossless channel that the
    /// last probe found silenced the answer is [`CommitError::Silenced`], since what a filter drops nobody can count.
    pub fn commit(&self, channel: Channel) -> Result<(), CommitError> {
        self.core.journal.commit(channel)?;
        self.silenced(channel).map_or(Ok(()), Err)
    }

    /// As [`Handle::commit`], without blocking the thread. Works on any runtime.
    pub fn commit_async(&self, channel: Channel) -> Commit {
        self.core.journal.commit_async(channel).answering(self.silenced(channel))
    }

    fn silenced(&self, channel: Channel) -> Option<CommitError> {
        probe::has_failed(&self.core, channel).then(|| {
            let name = Channel::BUILT_IN[channel.index()];
            CommitError::Silenced { channel: name.into() }
        })
    }

    /// Records directly: no subscriber, filter or level can keep it from its channel.
    pub fn record(&self, record: Record) -> Result<Receipt, RecordError> {
        if !self.core.journal.has(record.channel()) {
            return Err(RecordError::UnknownChannel);
        }
        let rules = self.core.rules();
        let plan = record.plan(&rules, "direct");
        match self.core.direct(&plan, |values| record.fill(&plan, values), |_| ()) {
            Some((id, true, ())) => Ok(Receipt::new(record.channel(), id)),
            Some((_, false, ())) => Err(RecordError::NotAccepted),
            None => Err(RecordError::TooDeep),
        }
    }

    /// Replaces routes, levels and redaction by those of another policy. What was decided at `open` stays: channels,
    /// roots, queues and files; a policy that differs there is refused and nothing changes.
    pub fn reload(&self, mut policy: Policy) -> Result<(), ReloadError> {
        let now = self.core.rules();
        if let Some(what) = changes_what_is_fixed(&now.policy, &policy) {
            return Err(ReloadError { what });
        }
        // Those in code are the program's, whatever its policy.
        let in_code = now.policy.redact.detectors.iter().filter(|detector| detector.is_code());
        for detector in in_code {
            match policy.redact.detectors.iter().find(|other| other.name == detector.name) {
                None => policy.redact.detectors.push(detector.clone()),
                // Made anew by the same code.
                Some(other) if other.is_code() => {}
                Some(_) => {
                    return Err(ReloadError { what: "who finds what a detector in code is named for" });
                }
            }
        }
        // First: what is recorded under the new rules can be found out from then on.
        self.core.journal.policy_changed(&*self.core.storage, &now.policy, &policy);
        self.core.metrics.follow(&policy);
        if let Some(watch) = self.core.watch.as_ref().filter(|_| now.policy.alerts != policy.alerts) {
            watch.follow(&policy.alerts, &self.core.metrics);
        }
        self.tell_cuts(&now.policy, &policy);
        self.core.replace_rules(Rules::new(policy));
        // The level that `tracing` may skip below can have changed. Where there is a single subscriber it asks the calling
        // thread's, and this thread may have none: everything would be silenced.
        match self.core.subscriber.get().and_then(WeakDispatch::upgrade) {
            Some(ours) => with_default(&ours, rebuild_interest_cache),
            None => rebuild_interest_cache(),
        }
        Ok(())
    }

    /// A period that became shorter is told in the security channel.
    fn tell_cuts(&self, now: &Policy, new: &Policy) {
        for (now, new) in now.channels.iter().zip(&new.channels) {
            let periods = |channel: &ChannelPolicy| {
                let kept = &channel.retention;
                [("floor", kept.floor), ("default", kept.default), ("ceiling", kept.ceiling)]
            };
            for ((period, before), (_, after)) in periods(now).into_iter().zip(periods(new)) {
                if before.never_longer_than(after) {
                    continue;
                }
                let (before, after) = (before.to_string(), after.to_string());
                let line = self.core.system.line(
                    Channel::SECURITY,
                    "sys_retention_cut",
                    "a policy that keeps records for a shorter time came into force",
                    &[
                        ("of", Value::Text(&now.name)),
                        ("period", Value::Text(period)),
                        ("from", Value::Text(&before)),
                        ("to", Value::Text(&after)),
                    ],
                );
                self.core.journal.append(Channel::SECURITY, &line);
            }
        }
    }

    /// The alerts that fire now, the oldest first.
    pub fn alerts(&self) -> Vec<Alert> {
        self.core.watch.as_ref().map(|watch| watch.firing()).unwrap_or_default()
    }

    /// All metrics in Prometheus' text format, for a service's own `/metrics`.
    ///
    /// It looks at the disk (the ledger's length, free room) and takes a few milliseconds at most: in an async service, call it
    /// where blocking is allowed.
    pub fn metrics(&self) -> String {
        self.exposition(Format::Text)
    }

    /// The same in another format, as a scraper's `Accept` header asks for it.
    pub fn metrics_as(&self, format: Format) -> String {
        self.exposition(format)
    }

    fn exposition(&self, format: Format) -> String {
        // A registry sorts what it gathers, so that two texts can be compared.
        let registry = Registry::new();
        match self.register(&registry) {
            Ok(()) => format.write(&registry.gather()),
            Err(error) => format!("# dihya: {error}\n"),
        }
    }

    /// Serves the metrics over HTTP, at `/metrics` of this address, on a thread of its own, until the guard ends. See
    /// [`metrics::serve`](crate::metrics::serve).
    ///
    /// # Errors
    /// If the address cannot be listened on, or the layer is shut down.
    #[cfg(feature = "serve")]
    pub fn serve_metrics(
        &self,
        address: impl std::net::ToSocketAddrs,
    ) -> Result<std::net::SocketAddr, crate::metrics::ServeError> {
        crate::metrics::serve_of(self, address)
    }

    /// Adds the metrics to a registry of the service's own, which then gathers them with the rest.
    pub fn register(&self, registry: &prometheus::Registry) -> prometheus::Result<()> {
        registry.register(Box::new(self.clone()))
    }

    #[cfg(feature = "serve")]
    pub(crate) fn of(core: Arc<Core>) -> Handle {
        Handle { core }
    }

    pub(crate) fn core(&self) -> &Arc<Core> {
        &self.core
    }
}

/// Short: what it shares holds a whole policy, and a storage that may lie in memory.
impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").field("folders", &self.core.journal.bases()).finish_non_exhaustive()
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard").field("folders", &self.handle.core.journal.bases()).finish_non_exhaustive()
    }
}

impl Collector for Handle {
    fn desc(&self) -> Vec<&Desc> {
        self.core.metrics.descriptions()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let journal = &self.core.journal;
        let free = journal.bases().first().and_then(|base| self.core.storage.free_bytes(base).ok());
        self.core.metrics.look(&*self.core.storage, journal.bases(), self.core.clock.now());
        self.core.metrics.collect(|channel| journal.queue_bytes(channel), free)
    }
}

/// Why [`Handle::record`] did not take a record.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecordError {
    /// The queue was full for longer than the policy waits, or the layer is shut down; the loss is counted.
    NotAccepted,
    /// Called from within the formatting of a value that itself records, again and again.
    TooDeep,
    /// The open policy has no such channel: it was looked up in another policy.
    UnknownChannel,
}

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            RecordError::NotAccepted => {
                "the record was not accepted: its channel's queue stayed full or is closed"
            }
            RecordError::TooDeep => {
                "the record was made while a value was being formatted, too many levels deep"
            }
            RecordError::UnknownChannel => crate::channel::UNKNOWN,
        })
    }
}

/// The same text: a `main` that returns the error prints this form, and its reader needs the sentence.
impl fmt::Debug for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for RecordError {}

/// A policy that would change what is fixed while the layer is open.
#[derive(Clone, PartialEq, Eq)]
pub struct ReloadError {
    what: &'static str,
}

impl fmt::Display for ReloadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the new policy changes {}, which takes a restart; the old policy stays in force",
            self.what
        )
    }
}

/// The same text: a `main` that returns the error prints this form, and its reader needs the sentence.
impl fmt::Debug for ReloadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for ReloadError {}

/// The first setting that a running layer cannot follow, in the policy file's words.
fn changes_what_is_fixed(now: &Policy, new: &Policy) -> Option<&'static str> {
    let service = |policy: &Policy| {
        let service = &policy.service;
        (service.name.clone(), service.version.clone(), service.instance.clone())
    };
    if service(now) != service(new) {
        return Some("`service`");
    }
    if now.roots != new.roots {
        return Some("`storage.root` or `storage.fallback_roots`");
    }
    if now.state != new.state {
        return Some("`integrity.state`");
    }
    if now.delivery != new.delivery || now.hooks != new.hooks {
        return Some("`alerts.sinks`, `alerts.spool` or `hooks`");
    }
    if now.channels.len() != new.channels.len() {
        return Some("the set of channels");
    }
    let files = |channel: &ChannelPolicy| {
        (channel.name.clone(), channel.queue_bytes, channel.on_full, channel.sync, channel.shard_bytes)
    };
    let differs = now.channels.iter().zip(&new.channels).any(|(now, new)| files(now) != files(new));
    if differs {
        return Some("a channel's name, `queue`, `on_full`, `sync` or `shard_size`");
    }
    if now.alerts.enabled != new.alerts.enabled {
        return Some("`alerts.enabled`");
    }
    if now.otlp != new.otlp {
        return Some("`otlp`");
    }
    (now.console != new.console || now.panic_hook != new.panic_hook).then_some("`console` or `panic_hook`")
}

const AT_DROP: Duration = Duration::from_secs(5);

/// The first layer opened, for calls that name none.
static DEFAULT: RwLock<Weak<Core>> = RwLock::new(Weak::new());
