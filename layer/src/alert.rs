//! Alerts: what somebody should look at, and look at soon.
//!
//! 1. **look**: each writer's thread shows what it took from its queue to the [detectors](Detector), under one lock per
//!    batch. A `Header` borrows what they need from the stored line.
//! 2. **raise**: what a detector finds is noted, by detector and entity: pending.
//! 3. **tick**: the thread `dihya-alerts` makes it fire, says it again after the cooldown, resolves it after two quiet
//!    windows.
//! 4. **say**: it records `alert_firing` and `alert_resolved` on the security channel, counts, and hands the [`Alert`] on.
//!
//! [`Replay`] does the same over records that are written already.

mod detect;
mod engine;
mod header;
mod keys;
mod lru;
mod replay;
mod state;
mod stream;
mod table;
mod watch;
mod window;

#[cfg(feature = "alerts")]
pub mod deliver;
#[cfg(not(feature = "alerts"))]
#[path = "alert/undelivered.rs"]
pub(crate) mod deliver;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use detect::{Batch, Detector, Found, Interest, Signal};
pub use header::Header;
pub use replay::Replay;

pub(crate) use engine::DETECTORS_MOST;
pub(crate) use keys::Salt;
pub(crate) use watch::{Alerts, Sink, Watch};

/// Something that somebody should look at.
///
/// Holds no personal data: who or what it is about is a keyed fingerprint, and the newest record that counted is named by
/// its id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// What found it: `auth_bruteforce`, or a detector of the service's own.
    pub detector: String,
    /// How much it matters.
    pub severity: Severity,
    /// Whether it still lasts.
    pub status: Status,
    /// 16 hexadecimal digits of a hash over detector, tenant and entity, keyed by a salt of the log (`state/alert.salt`): the
    /// same over restarts, and nobody can guess an account from it.
    pub fingerprint: String,
    /// The channel whose record counted last.
    pub channel: String,
    /// When it began. Microseconds since 1970-01-01T00:00:00Z, as the next two.
    pub starts_at: i64,
    /// When it was last said.
    pub updated_at: i64,
    /// When it ended, if it did.
    pub ends_at: Option<i64>,
    /// How much was counted so far.
    pub count: u64,
    /// How much it takes.
    pub threshold: u64,
    /// One sentence, made of numbers and constants alone.
    pub summary: String,
    /// The newest record that counted: `dihya query --where id=…` shows it to whoever may see it.
    pub record: Option<String>,
    /// The service's name.
    pub service: String,
    /// Which of its processes, where there are several.
    pub instance: Option<String>,
}

/// How much an alert matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth a look some day.
    Low,
    /// Worth a look today.
    Medium,
    /// Worth a look now.
    High,
    /// Worth waking somebody up.
    Critical,
}

impl Severity {
    /// All of them, the least first.
    pub const ALL: [Severity; 4] = [Severity::Low, Severity::Medium, Severity::High, Severity::Critical];

    /// The word in policies, alerts and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Severity::Low => "low",
            Severity::Medium => "medium",
            Severity::High => "high",
            Severity::Critical => "critical",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Whether an alert still lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It does.
    Firing,
    /// It has ended.
    Resolved,
}

impl Status {
    /// The word in alerts.
    pub const fn name(self) -> &'static str {
        match self {
            Status::Firing => "firing",
            Status::Resolved => "resolved",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
