//! The operator's file, parsed into a form that cannot be wrong.
//!
//! A file is read into typed values by key (`read`, after the table in `keys`), laid over the defaults of its sector
//! (`file`, `defaults`), and checked as a whole (`check`). `show` tells every value in force and where it comes from.

mod alerts;
mod allow;
mod archive;
mod check;
mod defaults;
pub(crate) mod detectors;
mod error;
mod features;
mod file;
mod given;
mod hooks;
mod keys;
mod otlp;
mod period;
mod read;
mod retention;
mod roles;
mod rules;
#[cfg(feature = "schema")]
mod schema;
mod show;
mod sinks;
mod starter;
mod suggest;
mod units;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest, Sha256};
use tracing_core::LevelFilter;

use crate::channel::Channel;
use crate::ledger::PolicyRef;
use crate::profile::Sector;
use crate::redact::allow::Allowance;
use crate::redact::custom::Custom;
use crate::redact::custom::code::Detector;

pub(crate) use alerts::{AlertPolicy, DetectorPolicy};
pub(crate) use archive::ArchivePolicy;
pub use error::{PolicyError, Problem};
pub(crate) use given::Given;
#[cfg(feature = "alerts")]
pub(crate) use given::{is_here, wrong_address};
pub(crate) use hooks::HookPolicy;
pub(crate) use otlp::OtlpPolicy;
#[cfg(any(feature = "otlp-http", feature = "otlp-grpc"))]
pub(crate) use otlp::{OtlpProtocol, is_otlp_endpoint};
pub use period::{NotAPeriod, Period};
pub(crate) use retention::Retention;
pub use roles::Role;
pub(crate) use roles::Roles;
pub use show::{Origin, Setting};
pub(crate) use sinks::{DeliveryPolicy, To};
#[cfg(feature = "alerts")]
pub(crate) use sinks::{SinkPolicy, Smtp, Tls};

/// What goes where, what is hidden, how it is kept.
///
/// ```
/// use dihya::{Policy, Sector};
///
/// let policy = Policy::sector(Sector::Health).root("logs").service("clinic", "1.4.2");
/// assert!(policy.check().is_ok());
/// ```
#[derive(Clone, Debug)]
pub struct Policy {
    /// Whose defaults hold where nothing else is said.
    pub(crate) sector: Sector,
    /// The operator's own number of the file.
    pub(crate) version: Option<String>,
    /// The level of channels without one of their own.
    pub(crate) level: LevelFilter,
    pub(crate) service: Service,
    /// Never empty once checked; the first is the one in use until its disk fails.
    pub(crate) roots: Vec<PathBuf>,
    /// Where the signing key and the lock file are; beside the records, if nothing is said.
    pub(crate) state: Option<PathBuf>,
    /// Below so much free room the oldest shards go before their time.
    pub(crate) min_free: Option<u64>,
    /// Index is [`Channel::index`]; the built-in six are always there.
    pub(crate) channels: Vec<ChannelPolicy>,
    /// First match wins.
    pub(crate) routes: Vec<Route>,
    /// So many routes are the operator's; the built-in ones follow.
    pub(crate) own_routes: usize,
    pub(crate) redact: RedactPolicy,
    /// Names that a generation's `extra` may hold.
    pub(crate) generation_extra: Vec<String>,
    pub(crate) roles: Roles,
    /// Whether the layer carries retention out itself.
    pub(crate) lifecycle: bool,
    /// How closed shards are archived.
    pub(crate) archive: ArchivePolicy,
    /// Where records are exported to, if they are.
    pub(crate) otlp: Option<OtlpPolicy>,
    /// Which detectors of anomalies run.
    pub(crate) alerts: AlertPolicy,
    /// Where alerts go.
    pub(crate) delivery: DeliveryPolicy,
    /// What is told to other programs.
    pub(crate) hooks: Vec<HookPolicy>,
    pub(crate) console: Option<Console>,
    /// Whether `open` installs the panic hook.
    pub(crate) panic_hook: bool,
    /// The file it was read from.
    pub(crate) file: Option<String>,
    /// Its text, as long as the program has not changed what it says.
    text: Option<Arc<str>>,
    /// Where the values come from that are not defaults, by key.
    pub(crate) origins: BTreeMap<String, Origin>,
}

impl Policy {
    /// Reads and checks a policy file.
    ///
    /// # Errors
    /// If the file cannot be read, or is wrong in any way; all that is wrong is told at once.
    pub fn load(path: impl AsRef<Path>) -> Result<Policy, PolicyError> {
        let path = path.as_ref();
        let name = path.display().to_string();
        let bytes =
            std::fs::read(path).map_err(|error| PolicyError::Read { file: path.to_owned(), error })?;
        match std::str::from_utf8(&bytes) {
            Ok(text) => Policy::parse(text, &name),
            Err(error) => Err(file::not_utf8(&bytes, error.valid_up_to(), &name)),
        }
    }

    /// Parses and checks the text of a policy file; `file` names it in errors.
    ///
    /// # Errors
    /// If it is wrong in any way; all that is wrong is told at once.
    pub fn parse(text: &str, file: &str) -> Result<Policy, PolicyError> {
        file::parse(text, file)
    }

    /// A sector's defaults, without a file. It needs a [`root`](Policy::root) to be complete.
    pub fn sector(sector: Sector) -> Policy {
        let channels: Vec<_> = Channel::BUILT_IN.iter().map(|name| defaults::channel(sector, name)).collect();
        Policy {
            sector,
            version: None,
            level: defaults::LEVEL,
            service: defaults::service(),
            roots: Vec::new(),
            state: None,
            min_free: None,
            routes: defaults::routes(&channels),
            own_routes: 0,
            channels,
            redact: RedactPolicy::default(),
            generation_extra: defaults::generation_extra(),
            roles: Roles::default(),
            lifecycle: false,
            archive: ArchivePolicy::default(),
            otlp: None,
            alerts: AlertPolicy::default(),
            delivery: DeliveryPolicy::default(),
            hooks: Vec::new(),
            console: None,
            panic_hook: true,
            file: None,
            text: None,
            origins: BTreeMap::from([("sector".to_owned(), Origin::Code)]),
        }
    }

    /// Sets the folder of the records.
    #[must_use]
    pub fn root(mut self, root: impl Into<PathBuf>) -> Policy {
        let fallbacks = self.roots.split_off(self.roots.len().min(1));
        self.roots = vec![root.into()];
        self.roots.extend(fallbacks);
        self.set("storage.root")
    }

    /// The same policy for a log that a tool finds elsewhere: its text, and so its hash, stay those of the file.
    #[must_use]
    pub fn found_at(mut self, root: impl Into<PathBuf>) -> Policy {
        let text = self.text.take();
        Policy { text, ..self.root(root) }
    }

    /// Sets the service's name and version; the name is the program's otherwise.
    #[must_use]
    pub fn service(mut self, name: impl Into<String>, version: impl Into<String>) -> Policy {
        self.service.name = name.into();
        self.service.version = Some(version.into());
        self.set("service.name").set("service.version")
    }

    /// Names this process among several of one service; it gets a folder of its own under the root.
    #[must_use]
    pub fn instance(mut self, instance: impl Into<String>) -> Policy {
        self.service.instance = Some(instance.into());
        self.set("service.instance")
    }

    /// The folder of the signing key and of the lock file, for one of the roots, the first being 0: `integrity.state` and
    /// in it a folder per instance and per fallback root, or `state` in the base folder, `<root>/[<instance>/]`.
    pub fn state_folder(&self, root: usize, base: &Path) -> PathBuf {
        state_folder(self.state.as_deref(), root, self.service.instance.as_deref(), base)
    }

    /// A detector in code, beside the built-in ones and the file's. It stays when a layer reloads another policy.
    #[must_use]
    pub fn detector(mut self, detector: impl Detector) -> Policy {
        self.redact.detectors.push(Custom::code(Arc::new(detector)));
        self.text = None;
        self
    }

    /// The text that says what this policy says: that of its file, byte for byte, or a file made from what is in force
    /// where there is none, or the program changed something.
    pub fn text(&self) -> Cow<'_, str> {
        self.text.as_deref().map_or_else(|| Cow::Owned(self.to_toml(false)), Cow::Borrowed)
    }

    /// SHA-256 of [`Policy::text`], in hexadecimal. Every certificate of a purge names it, beside
    /// [`Policy::version`], and the ledger keeps the text under it.
    pub fn hash(&self) -> String {
        Sha256::digest(self.text().as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// This policy as certificates name it.
    pub fn reference(&self) -> PolicyRef {
        PolicyRef { version: self.version.clone(), sha256: self.hash() }
    }

    /// The operator's own number of the file, if it has one.
    pub fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// The channel of this name.
    pub fn channel(&self, name: &str) -> Option<Channel> {
        self.channels.iter().position(|c| c.name == name).map(Channel::from_index)
    }

    /// The names of all channels: the built-in ones, then the policy's own.
    pub fn channel_names(&self) -> Vec<&str> {
        self.channels.iter().map(|channel| channel.name.as_str()).collect()
    }

    /// Whether the policy can be used. One that was read from a file can; one built in code may lack a root.
    ///
    /// # Errors
    /// All that is wrong.
    pub fn check(&self) -> Result<(), PolicyError> {
        let problems = self.problems();
        if problems.is_empty() {
            return Ok(());
        }
        let file = self.file.clone().unwrap_or_else(|| "policy built in code".to_owned());
        Err(PolicyError::Invalid { file, problems })
    }

    /// What is allowed and yet worth a second look, a sentence each.
    pub fn advice(&self) -> Vec<String> {
        self.remarks()
    }

    /// A commented policy file to start from.
    pub fn starter(sector: Sector) -> String {
        starter::text(sector)
    }

    /// The JSON Schema (2020-12) of the policy file, for editors.
    #[cfg(feature = "schema")]
    pub fn json_schema() -> String {
        schema::text()
    }

    fn set(mut self, key: &str) -> Policy {
        self.origins.insert(key.to_owned(), Origin::Code);
        self.text = None;
        self
    }
}

/// The same rules in force, whatever they come from.
impl PartialEq for Policy {
    fn eq(&self, other: &Policy) -> bool {
        self.sector == other.sector
            && self.version == other.version
            && self.level == other.level
            && self.service == other.service
            && self.roots == other.roots
            && self.state == other.state
            && self.min_free == other.min_free
            && self.channels == other.channels
            && self.routes == other.routes
            && self.redact == other.redact
            && self.generation_extra == other.generation_extra
            && self.roles == other.roles
            && self.lifecycle == other.lifecycle
            && self.archive == other.archive
            && self.otlp == other.otlp
            && self.alerts == other.alerts
            && self.delivery == other.delivery
            && self.hooks == other.hooks
            && self.console == other.console
            && self.panic_hook == other.panic_hook
    }
}

/// What may stand as a folder in a policy.
pub(crate) fn is_folder(text: &str) -> bool {
    (rules::ROOT.fits)(text)
}

/// Who writes the records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Service {
    pub(crate) name: String,
    pub(crate) version: Option<String>,
    pub(crate) instance: Option<String>,
}

/// One channel's rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ChannelPolicy {
    pub(crate) name: String,
    /// Events less severe than this are not recorded.
    pub(crate) level: LevelFilter,
    pub(crate) queue_bytes: usize,
    pub(crate) on_full: OnFull,
    pub(crate) sync: Sync,
    pub(crate) shard_bytes: u64,
    /// `Some`: only these fields (and the envelope) are kept, whatever they hold.
    pub(crate) strict: Option<Vec<String>>,
    /// How long its records are kept.
    pub(crate) retention: Retention,
    /// Above so many bytes in the root its oldest shards go before their time.
    pub(crate) max_bytes: Option<u64>,
    pub(crate) backup: Backup,
}

/// What has to exist before a shard is purged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Backup {
    /// A verified copy in an archive.
    Archive,
    /// Nothing.
    None,
}

/// What a producer meets when the queue is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OnFull {
    /// It waits this long at most; then the record is lost, counted, and the next `commit` says so.
    Block(Duration),
    /// The record is lost and counted, and an in-band record tells how many.
    Drop,
}

/// When the writer calls `fdatasync` without being asked by `commit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sync {
    /// After every batch.
    Batch,
    /// At most this long after a record was written.
    Every(Duration),
}

/// Sends events whose target is `target` or below it (`a::b` matches `a::b::c`, not `a::bc`) to a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Route {
    pub(crate) target: Option<String>,
    /// Only events at least this severe.
    pub(crate) level: Option<LevelFilter>,
    pub(crate) channel: Channel,
}

/// Redaction beyond the built-in rules.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RedactPolicy {
    /// Keys masked besides the built-in ones; matched like strong stems.
    pub(crate) mask_keys: Vec<String>,
    /// Keys that never reach the record, not even as a marker.
    pub(crate) drop_keys: Vec<String>,
    /// Exact keys exempt from masking by name; their values are still scanned.
    pub(crate) keep_keys: Vec<String>,
    /// Names of personal-data detectors switched off.
    pub(crate) off: Vec<String>,
    /// Detectors besides the built-in ones.
    pub(crate) detectors: Vec<Custom>,
    /// Finds that are written all the same.
    pub(crate) allow: Vec<Allowance>,
}

/// The redacted mirror on stdout or stderr.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Console {
    pub(crate) format: ConsoleFormat,
    pub(crate) stream: ConsoleStream,
}

/// How a mirrored record looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ConsoleFormat {
    /// The record as stored.
    Json,
    /// One readable line.
    Text,
}

/// Where the mirror writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ConsoleStream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// The folder of the signing key and of the lock file of one writing process: in `integrity.state`, if there is one.
pub(crate) fn state_folder(
    state: Option<&Path>,
    root: usize,
    instance: Option<&str>,
    base: &Path,
) -> PathBuf {
    let Some(state) = state else { return base.join("state") };
    let mut folder = state.to_owned();
    folder.extend(instance);
    if root > 0 {
        folder.push(format!("fallback-{root}"));
    }
    folder
}
