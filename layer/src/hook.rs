//! Hooks: a service's own reaction to what happens to its log.
//!
//! A [`Hook`] in code is registered by [`Options::hook`](crate::Options::hook), one over HTTP by the policy's `[hooks.NAME]`.
//! Each has a thread and a short queue of its own, so that none waits for another, and the calling thread for none:
//!
//! 1. **tell**: what happened is put into the queue of each hook that wants it; a full one drops it, counted.
//! 2. **run**: the hook's worker runs it, and is given up when its time is over: it may end later, and its answer counts no more.
//! 3. **count**: `dihya_hook_runs_total{hook,outcome}`, and a line on stderr for what went wrong.
//!
//! What happens is told by numbers, constants and ids; never by a value of a record. Hooks are not repeated: what must
//! not be lost is in the ledger and in the records themselves.

#[cfg(feature = "alerts")]
pub(crate) mod http;
mod run;
mod template;

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use crate::clock::Clock;
use crate::ledger;
use crate::policy::Policy;

pub(crate) use run::{Hooks, name as name_of};
pub(crate) use template::Template;

/// What a service does when something happens to its log.
///
/// ```
/// use std::error::Error;
/// use dihya::hook::{Happened, Hook, Moment};
///
/// /// A hospital's data protection officer hears of each purge and each hold.
/// struct TellTheOfficer;
///
/// impl Hook for TellTheOfficer {
///     fn name(&self) -> &str {
///         "officer"
///     }
///
///     fn wants(&self, moment: Moment) -> bool {
///         matches!(moment, Moment::Purge | Moment::Hold)
///     }
///
///     fn run(&self, happened: &Happened) -> Result<(), Box<dyn Error + Send + Sync>> {
///         let line = format!("{} at {}: {} of {}", happened.moment, happened.at, happened.outcome, happened.count);
///         // mail_to_officer(line)?;
/// #       drop(line);
///         Ok(())
///     }
/// }
/// ```
pub trait Hook: Send + Sync + 'static {
    /// A name that no other hook of the service has, in metrics and messages: lower-case letters, digits, `-` and `_`.
    fn name(&self) -> &str;

    /// Whether it is to be run at this moment.
    fn wants(&self, moment: Moment) -> bool {
        let _ = moment;
        true
    }

    /// How long it may take.
    fn limit(&self) -> Duration {
        Duration::from_secs(10)
    }

    /// Runs it, on a thread of its own. What it logs is discarded: it would feed itself.
    ///
    /// # Errors
    /// Whatever failed; the text is printed on stderr, redacted.
    fn run(&self, happened: &Happened) -> Result<(), Box<dyn Error + Send + Sync>>;
}

/// When a hook is run: after it, whatever came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Moment {
    /// The generation of a project was recorded.
    Generation,
    /// Shards were archived.
    Archive,
    /// Shards were purged.
    Purge,
    /// Records were exported.
    Export,
    /// A person's records were erased.
    Erase,
    /// A hold was set or released.
    Hold,
}

impl Moment {
    /// All of them.
    pub const ALL: [Moment; 6] =
        [Moment::Generation, Moment::Archive, Moment::Purge, Moment::Export, Moment::Erase, Moment::Hold];

    pub(crate) const NAMES: [&str; Moment::ALL.len()] =
        ["generation", "archive", "purge", "export", "erase", "hold"];

    /// The word in policies.
    pub const fn name(self) -> &'static str {
        Moment::NAMES[self as usize]
    }
}

impl std::fmt::Display for Moment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// What happened: numbers, constants and ids, and no value of any record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Happened {
    /// What.
    #[serde(rename = "event")]
    pub moment: Moment,
    /// The record's id, or the session under which the ledger tells of the operation. The same if it is told again.
    pub id: String,
    /// When, RFC 3339, UTC.
    #[serde(rename = "time")]
    pub at: String,
    /// The service's name.
    pub service: String,
    /// Which of its processes or tenants, where each has an `instance`.
    pub instance: Option<String>,
    /// `success`, `partial` or `failure`.
    pub outcome: &'static str,
    /// How many: shards of an archive or purge, records of an export, one generation, one hold.
    pub count: u64,
    /// Their bytes, where they are known.
    pub bytes: u64,
}

impl Happened {
    /// Something that happened now to the log of this policy.
    pub fn new(moment: Moment, id: impl Into<String>, policy: &Policy, clock: &Clock) -> Happened {
        Happened {
            moment,
            id: id.into(),
            at: ledger::time(clock.now()),
            service: policy.service.name.clone(),
            instance: policy.service.instance.clone(),
            outcome: "success",
            count: 1,
            bytes: 0,
        }
    }

    /// How much it was.
    #[must_use]
    pub fn counting(self, count: u64, bytes: u64) -> Happened {
        Happened { count, bytes, ..self }
    }

    /// The instance whose log it is, where that is another than the policy's.
    #[must_use]
    pub fn of(self, instance: Option<&str>) -> Happened {
        Happened { instance: instance.map(str::to_owned).or(self.instance), ..self }
    }

    /// What came of it: `success`, `partial` or `failure`.
    #[must_use]
    pub fn ending(self, outcome: &'static str) -> Happened {
        Happened { outcome, ..self }
    }
}

/// Runs the policy's HTTP hooks for what another program than the service did, such as the command line, and waits for
/// them, each for its own time at most. Answers the name of each hook that failed, and why.
#[cfg(feature = "alerts")]
pub fn run_now(policy: &Policy, happened: &Happened) -> Vec<(String, String)> {
    let hooks = policy.hooks.iter().filter(|hook| hook.moments.contains(&happened.moment));
    hooks
        .filter_map(|hook| {
            let answer = http::HttpHook::new(hook.clone()).run(happened);
            answer.err().map(|error| (hook.name.clone(), error.to_string()))
        })
        .collect()
}

/// The policy's own hooks.
pub(crate) fn of(policy: &Policy) -> Vec<Arc<dyn Hook>> {
    #[cfg(feature = "alerts")]
    return policy
        .hooks
        .iter()
        .map(|hook| Arc::new(http::HttpHook::new(hook.clone())) as Arc<dyn Hook>)
        .collect();
    #[cfg(not(feature = "alerts"))]
    {
        // A policy with hooks is refused without the feature.
        let _ = policy;
        Vec::new()
    }
}
