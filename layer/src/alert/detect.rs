//! Detectors of anomalies: what each looks at, and how it says what it found.

/// What a detector is called, how much it matters and what it looks at in time, as the policy says.
macro_rules! as_the_policy_says {
    () => {
        fn name(&self) -> &str {
            self.settings.name
        }

        fn severity(&self) -> crate::alert::Severity {
            self.settings.severity
        }

        fn window(&self) -> std::time::Duration {
            self.settings.time("window")
        }
    };
}

mod authz_probe;
mod bruteforce;
mod bulk_access;
mod first_seen;
mod integrity;
mod leak;
mod order;
mod spray;
mod success;
mod tamper;
#[cfg(test)]
mod tests;
mod volume;

use std::time::Duration;

use super::Severity;
use super::header::Header;
use super::keys::Keys;
use super::state::{Raised, States};
use crate::ledger::Entry;
use crate::policy::{AlertPolicy, DetectorPolicy};

/// Looks for one kind of anomaly in the records as they are written.
///
/// It runs on the writers' threads, one at a time, right after a batch was taken from a channel's queue: it must not block,
/// nor log. One that panics is switched off; the records are written all the same.
///
/// ```
/// use dihya::alert::{Detector, Found, Header, Interest, Severity, Signal};
///
/// /// A refund of more than 1,000.
/// struct LargeRefund;
///
/// impl Detector for LargeRefund {
///     fn name(&self) -> &str {
///         "large_refund"
///     }
///
///     fn severity(&self) -> Severity {
///         Severity::High
///     }
///
///     fn interest(&self) -> Interest<'_> {
///         Interest::Events(&["refund_made"])
///     }
///
///     fn record(&mut self, record: &Header<'_>, found: &mut Found<'_>) {
///         let amount = record.attribute("amount").and_then(|text| text.parse().ok()).unwrap_or(0);
///         if amount > 1000 {
///             let who = record.user_id().unwrap_or_default();
///             found.raise(&[who], Signal { count: amount, added: 0, threshold: 1000, what: "refunded at once" });
///         }
///     }
/// }
///
/// # fn options(policy: dihya::Policy) -> dihya::Options {
/// dihya::Options::new(policy).alert_detector(LargeRefund)
/// # }
/// ```
pub trait Detector: Send + 'static {
    /// In alerts and metrics: lower-case letters, digits and `_`, and no name that another detector has. Asked once.
    fn name(&self) -> &str;

    /// How much what it finds matters. Asked once.
    fn severity(&self) -> Severity {
        Severity::Medium
    }

    /// What it looks at, in time: an alert is resolved when nothing was raised for twice as long. Asked once.
    fn window(&self) -> Duration {
        Duration::from_secs(600)
    }

    /// Which records it is shown. The fewer, the cheaper. Asked once.
    fn interest(&self) -> Interest<'_> {
        Interest::Every
    }

    /// Where its interest is [`Interest::Named`]: whether it wants a record of this event now. Asked before more of the
    /// record is read, which is what costs.
    fn wants(&self, event: &str) -> bool {
        let _ = event;
        true
    }

    /// A record of interest.
    fn record(&mut self, record: &Header<'_>, found: &mut Found<'_>) {
        let _ = (record, found);
    }

    /// Some records of one channel, of interest or not, counted.
    fn batch(&mut self, batch: &Batch<'_>, found: &mut Found<'_>) {
        let _ = (batch, found);
    }

    /// An entry of the ledger: what this process or another one did to the log.
    fn fact(&mut self, entry: &Entry, found: &mut Found<'_>) {
        let _ = (entry, found);
    }

    /// A second has passed; `now` is in microseconds, on the time of [`Header::at`].
    fn tick(&mut self, now: i64, found: &mut Found<'_>) {
        let _ = (now, found);
    }

    /// How many keys it had to forget since it was last asked, for want of room.
    fn evicted(&mut self) -> u64 {
        0
    }
}

/// Which records a detector is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Interest<'a> {
    /// None.
    Nothing,
    /// Those of these events.
    Events(&'a [&'a str]),
    /// Those that have an event name, and that [`Detector::wants`].
    Named,
    /// Those in which something was redacted.
    Redacted,
    /// All.
    Every,
}

/// Records of one channel, as they came.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Batch<'a> {
    /// Which channel.
    pub channel: &'a str,
    /// How many.
    pub records: u64,
    /// When, on the time of [`Header::at`].
    pub at: i64,
    /// How far a record's time lies before that of an earlier one, in microseconds, and which record.
    pub behind: Option<(i64, &'a str)>,
    /// How far a record's time lies ahead of the clock, in microseconds, and which record.
    pub ahead: Option<(i64, &'a str)>,
    /// How long a caller on this channel may wait before its record is taken.
    pub patience: i64,
    /// As they are written.
    pub(crate) lines: &'a [u8],
}

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signal {
    /// How much was counted.
    pub count: u64,
    /// How much of it is new: what an alert that fires already grows by.
    pub added: u64,
    /// How much it takes.
    pub threshold: u64,
    /// What was counted, in a few words: "failed logins to one account". A constant, so that nobody's name gets into an
    /// alert.
    pub what: &'static str,
}

impl Signal {
    /// Something that should not happen once.
    pub const fn once(what: &'static str) -> Signal {
        Signal { count: 1, added: 1, threshold: 1, what }
    }
}

/// Where a detector says what it found.
#[derive(Debug)]
pub struct Found<'a> {
    pub(crate) states: &'a mut States,
    pub(crate) keys: &'a Keys,
    pub(crate) detector: usize,
    pub(crate) now: i64,
    pub(crate) channel: &'a str,
    pub(crate) record: Option<[u8; 36]>,
}

impl Found<'_> {
    /// Something was found, about whom or what `entity` names. The names stay in the process: an alert has a keyed hash.
    pub fn raise(&mut self, entity: &[&str], signal: Signal) {
        self.raise_keyed(self.keys.of(entity), entity, signal);
    }

    /// The same, where the key is at hand.
    pub(crate) fn raise_keyed(&mut self, key: u64, entity: &[&str], signal: Signal) {
        let Signal { count, added, threshold, what } = signal;
        let Found { detector, now, channel, record, .. } = *self;
        self.states.raise(Raised {
            detector,
            key,
            entity,
            channel,
            record,
            now,
            count,
            added,
            threshold,
            what,
        });
    }

    /// The same, about another channel.
    pub(crate) fn on<'b>(&'b mut self, channel: &'b str) -> Found<'b> {
        let Found { detector, now, record, .. } = *self;
        Found { states: self.states, keys: self.keys, detector, now, channel, record }
    }

    /// A short keyed hash of a name, to count by: different in each process.
    pub fn key(&self, names: &[&str]) -> u64 {
        self.keys.of(names)
    }
}

/// The twelve that are built in, switched off or not, in the order of the policy.
pub(crate) fn built_in(alerts: &AlertPolicy) -> Vec<Box<dyn Detector>> {
    alerts.detectors.iter().map(|settings| one(settings, &alerts.canaries)).collect()
}

fn one(settings: &DetectorPolicy, canaries: &[String]) -> Box<dyn Detector> {
    match settings.name {
        "auth_bruteforce" => Box::new(bruteforce::Bruteforce::new(settings)),
        "auth_spray" => Box::new(spray::Spray::new(settings)),
        "success_after_failures" => Box::new(success::SuccessAfterFailures::new(settings)),
        "authz_probe" => Box::new(authz_probe::AuthzProbe::new(settings)),
        "bulk_access" => Box::new(bulk_access::BulkAccess::new(settings)),
        "first_seen" => Box::new(first_seen::FirstSeen::new(settings)),
        "volume_spike" => Box::new(volume::Spike::new(settings)),
        "volume_drop" => Box::new(volume::Drop::new(settings)),
        "order_violation" => Box::new(order::Order::new(settings)),
        "integrity_break" => Box::new(integrity::Integrity::new(settings)),
        "leak_suspected" => Box::new(leak::Leak::new(settings, canaries)),
        _ => Box::new(tamper::Tamper::new(settings)),
    }
}

/// A failed and a successful login, in the words of the OWASP vocabulary.
const LOGIN_FAIL: &str = "authn_login_fail";
const LOGIN_SUCCESS: &str = "authn_login_success";
const LOGIN_SUCCESS_AFTER_FAIL: &str = "authn_login_successafterfail";

/// The account that a login is for: `user_id`, or what a service may call it before it knows who that is.
fn account<'a>(record: &Header<'a>) -> Option<&'a str> {
    record.user_id().or_else(|| record.any_attribute(&["user.name", "username", "account", "user"]))
}

/// Heap of one detector's counters, in items of four bytes.
const ITEMS: usize = 100_000;

/// Microseconds.
fn micros(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
}
