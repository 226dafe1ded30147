//! Opening a layer: all of it, or nothing.

use std::error::Error;
use std::fmt;
use std::io::Write;
use std::sync::Arc;

use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::alert;
use crate::alert::deliver::Delivery;
use crate::callsite::Rules;
use crate::clock::{Clock, Rng};
use crate::core::{Core, Parts};
use crate::handle::Guard;
use crate::hook::{Hook, Hooks};
use crate::journal::{Journal, OpenError};
use crate::layer::DihyaLayer;
use crate::lifecycle::Lifecycle;
use crate::metrics::Metrics;
use crate::mirror;
use crate::panic;
use crate::policy::Policy;
use crate::probe::ProbeError;
use crate::record::system::SystemRecords;
use crate::redact::custom::code::Detector;
use crate::siblings::Siblings;
use crate::storage::{Local, Storage};

/// Opens the log and gives the layer to add to a subscriber, and the guard to keep.
///
/// On an error nothing has been started: no thread runs, no lock is held.
///
/// ```no_run
/// use dihya::{Policy, Sector};
/// use tracing_subscriber::prelude::*;
///
/// let (layer, guard) = dihya::open(Policy::sector(Sector::Generic).root("logs"))?;
/// tracing_subscriber::registry().with(layer).init();
/// guard.probe()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn open(policy: Policy) -> Result<(DihyaLayer, Guard), OpenError> {
    Options::new(policy).open()
}

/// Opens the log, installs a subscriber with nothing but its layer, and probes it: for a service that needs no other.
pub fn init(policy: Policy) -> Result<Guard, InitError> {
    let (layer, guard) = open(policy).map_err(InitError::Open)?;
    tracing_subscriber::registry().with(layer).try_init().map_err(|_| InitError::AlreadyInstalled)?;
    guard.probe().map_err(InitError::Probe)?;
    Ok(guard)
}

/// Opening with other parts than the usual ones.
pub struct Options {
    policy: Policy,
    storage: Arc<dyn Storage>,
    clock: Clock,
    rng: Rng,
    mirror: Option<Box<dyn Write + Send>>,
    warn_of_siblings: bool,
    alert_detectors: Vec<Box<dyn alert::Detector>>,
    on_alert: Option<alert::Sink>,
    hooks: Vec<Arc<dyn Hook>>,
}

impl Options {
    /// The usual parts: local files, the system's clock and randomness, the policy's console.
    pub fn new(policy: Policy) -> Options {
        Options {
            policy,
            storage: Arc::new(Local),
            clock: Clock::system(),
            rng: Rng::system(),
            mirror: None,
            warn_of_siblings: true,
            alert_detectors: Vec::new(),
            on_alert: None,
            hooks: Vec::new(),
        }
    }

    /// Another disk.
    pub fn storage(mut self, storage: Arc<dyn Storage>) -> Options {
        self.storage = storage;
        self
    }

    /// Another clock.
    pub fn clock(mut self, clock: Clock) -> Options {
        self.clock = clock;
        self
    }

    /// Another source of random bits for ids.
    pub fn rng(mut self, rng: Rng) -> Options {
        self.rng = rng;
        self
    }

    /// A writer that gets every record, redacted, besides the files: instead of the policy's console. Each batch is
    /// written with one call, then flushed.
    ///
    /// It runs on the writers' threads, under one lock: one that blocks stops every channel, and with a full queue those
    /// who log. For a terminal, a pipe or a socket, give `tracing_appender::non_blocking`'s `NonBlocking`, which queues, and
    /// drops lines rather than wait.
    pub fn mirror(mut self, to: impl for<'a> MakeWriter<'a> + Send + 'static) -> Options {
        self.mirror = Some(Box::new(mirror::Made(to)));
        self
    }

    /// Whether stderr is told, once, that another layer of the same subscriber prints fields as they are, or sends them
    /// to a collector. Yes unless this says otherwise, since that layer undoes what this one promises.
    pub fn warn_of_siblings(mut self, warn: bool) -> Options {
        self.warn_of_siblings = warn;
        self
    }

    /// The same as [`Policy::detector`], for a policy that is at hand no more. What is made from the policy itself, such as
    /// [`fmt::redacted`](crate::fmt::redacted), does not know it.
    pub fn detector(mut self, detector: impl Detector) -> Options {
        self.policy = self.policy.detector(detector);
        self
    }

    /// A detector of anomalies besides the built-in ones.
    pub fn alert_detector(mut self, detector: impl alert::Detector) -> Options {
        self.alert_detectors.push(Box::new(detector));
        self
    }

    /// Called with each alert: when it fires, when it is said again after its cooldown, and when it is resolved. On a
    /// thread of the layer's own, one alert after the other; while it works, others wait, and the log does not.
    pub fn on_alert(mut self, to: impl FnMut(&alert::Alert) + Send + 'static) -> Options {
        self.on_alert = Some(Box::new(to));
        self
    }

    /// What is run when something happens to the log, beside the policy's own hooks; may be called several times.
    pub fn hook(mut self, hook: impl Hook) -> Options {
        self.hooks.push(Arc::new(hook));
        self
    }

    /// Opens the log.
    pub fn open(self) -> Result<(DihyaLayer, Guard), OpenError> {
        let Options {
            policy,
            storage,
            clock,
            rng,
            mirror,
            warn_of_siblings,
            alert_detectors,
            on_alert,
            mut hooks,
        } = self;
        policy
            .check()
            .and_then(|()| policy.check_alert_detectors(&alert_detectors))
            .and_then(|()| policy.check_hooks(&hooks))
            .map_err(OpenError::Policy)?;
        if let Some(error) = policy.otlp_unsupported() {
            return Err(OpenError::Policy(error));
        }
        hooks.extend(crate::hook::of(&policy));
        let metrics = Arc::new(Metrics::new(&policy));
        let system = SystemRecords::new(&policy, clock.clone(), rng.clone(), &metrics);
        let mirror = mirror.or_else(|| policy.console.map(mirror::console));
        let watch = policy
            .alerts
            .enabled
            .then(|| Arc::new(alert::Watch::new(&policy, alert_detectors, clock.clone(), &metrics)));
        let journal = Journal::open(
            &policy,
            Arc::clone(&storage),
            clock.clone(),
            Arc::clone(&metrics),
            system.clone(),
            mirror,
            watch.clone(),
        )?;
        if let (Some(watch), Some(base)) = (&watch, journal.bases().first()) {
            watch.salted(alert::Salt::of_log(Arc::clone(&storage), &policy.state_folder(0, base)));
        }
        let panics = policy.panic_hook;
        let siblings = Siblings::new(warn_of_siblings);
        let delivery = deliver(&policy, &journal, &storage, &clock, &rng, &metrics)?;
        let hooks = Hooks::start(hooks, &metrics).map_err(|source| OpenError::Thread { source })?;
        let parts = Parts { storage, clock, rng, metrics, journal, siblings, watch, system, delivery, hooks };
        let core = Arc::new(Core::new(Rules::new(policy), parts));
        let exporter = crate::handle::Exporting::start(&core)?;
        if panics {
            panic::watch(&core);
        }
        let lifecycle = Lifecycle::start(&core).map_err(|source| OpenError::Thread { source })?;
        let alerts = match core.watch {
            Some(_) => {
                let alerts = alert::Alerts::start(&core, Some(hand_on(&core, on_alert)));
                Some(alerts.map_err(|source| OpenError::Thread { source })?)
            }
            None => None,
        };
        Ok((DihyaLayer::new(Arc::clone(&core)), Guard::new(core, Some(lifecycle), alerts, exporter)))
    }
}

/// To the receivers of the policy first: the service's own function may take its time.
fn hand_on(core: &Arc<Core>, mut on_alert: Option<alert::Sink>) -> alert::Sink {
    let core = Arc::downgrade(core);
    Box::new(move |alert| {
        if let Some(core) = core.upgrade() {
            core.delivery.offer(alert.clone());
        }
        if let Some(on_alert) = &mut on_alert {
            on_alert(alert);
        }
    })
}

#[cfg(feature = "alerts")]
fn deliver(
    policy: &Policy,
    journal: &Journal,
    storage: &Arc<dyn Storage>,
    clock: &Clock,
    rng: &Rng,
    metrics: &Arc<Metrics>,
) -> Result<Delivery, OpenError> {
    let Some(base) = journal.bases().first() else { return Ok(Delivery::default()) };
    let state = policy.state_folder(0, base);
    let folder = policy.spool_folder(&state, policy.service.instance.as_deref());
    Delivery::start(policy, &folder, storage, clock, rng, metrics).map_err(|source| OpenError::Io {
        what: "open the spool",
        path: folder,
        source,
    })
}

#[cfg(not(feature = "alerts"))]
fn deliver(
    _: &Policy,
    _: &Journal,
    _: &Arc<dyn Storage>,
    _: &Clock,
    _: &Rng,
    _: &Arc<Metrics>,
) -> Result<Delivery, OpenError> {
    Ok(Delivery)
}

/// Short: a policy is pages long, and a storage may lie in memory.
impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("service", &self.policy.service.name)
            .field("roots", &self.policy.roots)
            .finish_non_exhaustive()
    }
}

/// Why [`init`] failed.
#[non_exhaustive]
pub enum InitError {
    /// The log did not open.
    Open(OpenError),
    /// The process has a global subscriber already: build one of your own with [`open`] and `.with(layer)`.
    AlreadyInstalled,
    /// The subscriber drops what must not be lost.
    Probe(ProbeError),
}

impl fmt::Display for InitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            InitError::Open(error) => error.fmt(f),
            InitError::AlreadyInstalled => f.write_str(
                "this process has a global subscriber already; add the layer of `dihya::open` to that one",
            ),
            InitError::Probe(error) => error.fmt(f),
        }
    }
}

/// The same text: a `main` that returns the error prints this form, and its reader needs the sentence.
impl fmt::Debug for InitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            InitError::Open(error) => fmt::Debug::fmt(error, f),
            _ => fmt::Display::fmt(self, f),
        }
    }
}

impl Error for InitError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            InitError::Open(error) => error.source(),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::CommitError;
    use crate::policy::PolicyError;
    use crate::{GenerationError, RecordError};

    /// What `main` prints of an error it returns.
    fn printed(error: impl Into<Box<dyn Error>>) -> String {
        format!("Error: {:?}", error.into())
    }

    #[test]
    fn a_main_that_returns_an_error_prints_what_to_do() {
        let path = std::path::PathBuf::from("/logs/.lock");
        let busy = || OpenError::Busy { path: path.clone(), pid: Some(7) };
        for (error, text) in [
            (printed(busy()), busy().to_string()),
            (printed(InitError::Open(busy())), busy().to_string()),
            (printed(InitError::AlreadyInstalled), InitError::AlreadyInstalled.to_string()),
            (printed(CommitError::Interrupted), CommitError::Interrupted.to_string()),
            (printed(RecordError::TooDeep), RecordError::TooDeep.to_string()),
            (printed(GenerationError::NoLayer), GenerationError::NoLayer.to_string()),
            (
                printed(ProbeError { channels: vec!["audit"] }),
                ProbeError { channels: vec!["audit"] }.to_string(),
            ),
        ] {
            assert_eq!(error, format!("Error: {text}"));
        }
    }

    #[test]
    fn a_main_that_returns_a_wrong_policy_prints_its_report() {
        let wrong = || Policy::parse("[service]\nname = 3\n", "x.toml").expect_err("a name is text");
        let report = wrong().report();
        assert!(report.contains('^'), "{report}");
        let expected = format!("Error: {}", report.trim_end().trim_start_matches("error: "));
        assert_eq!(printed(wrong()), expected);
        assert_eq!(printed(OpenError::Policy(wrong())), expected);
        assert_eq!(printed(InitError::Open(OpenError::Policy(wrong()))), expected);
        let missing = PolicyError::Read { file: "x.toml".into(), error: std::io::ErrorKind::NotFound.into() };
        assert_eq!(printed(missing).matches("rror: ").count(), 1);
    }
}
