//! Whether the subscriber lets through what must not be lost.
//!
//! A global `EnvFilter`, a sibling that answers `never` or a `release_max_level_*` feature can silence the audit channel
//! without a word. So one event per macro channel is sent through the whole subscriber; those that do not arrive are
//! an error. It happens by [`Guard::probe`](crate::Guard::probe), and by itself soon after the layer is installed.

use std::cell::Cell;
use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use tracing::Level;
use tracing_core::dispatcher::WeakDispatch;
use tracing_core::{Dispatch, Metadata};

use crate::channel::Channel;
use crate::core::Core;
use crate::policy::OnFull;
use crate::siblings::{self, Witness};

/// Channels that must not lose records, but would: the subscriber filters their events away.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProbeError {
    /// Names of the channels.
    pub channels: Vec<&'static str>,
}

impl fmt::Display for ProbeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.channels.join(", ");
        write!(
            f,
            "events of the channel{} {names} do not reach the log: {REMEDY}",
            if self.channels.len() == 1 { "" } else { "s" },
        )
    }
}

/// The same text: a `main` that returns the error prints this form, and its reader needs the sentence.
impl fmt::Debug for ProbeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Error for ProbeError {}

/// Why events do not arrive, and what helps.
pub(crate) const REMEDY: &str = "the subscriber's filter drops them, or no subscriber is installed. Add `dihya=trace` to \
                                 the filter (RUST_LOG=warn,dihya=trace), attach the filter to the other layers with \
                                 `with_filter` instead of to the registry, or remove a `release_max_level_*` feature \
                                 of tracing below `info`";

/// [`Core::probed`] before the first probe; afterwards [`DONE`] and one bit for each channel found silenced.
pub(crate) const UNKNOWN: u64 = 0;
const DONE: u64 = 1 << 63;

/// Sends one event per lossless channel through this thread's subscriber, looks which arrive, and keeps the answer.
pub(crate) fn run(core: &Core) -> Result<(), ProbeError> {
    let silenced = send(core);
    core.probed.store(bits(&silenced), Ordering::Release);
    if silenced.is_empty() {
        return Ok(());
    }
    Err(ProbeError { channels: silenced.iter().map(|c| Channel::BUILT_IN[c.index()]).collect() })
}

/// The lossless channels whose events do not arrive.
fn send(core: &Core) -> Vec<Channel> {
    let rules = core.rules();
    let (mut silenced, mut any_arrived) = (Vec::new(), false);
    let met = siblings::met(|| {
        for (channel, send) in PROBES {
            if matches!(rules.policy.channels[channel.index()].on_full, OnFull::Drop) {
                continue;
            }
            PROBE.set(Probe::Sent(core.id));
            send();
            match PROBE.replace(Probe::None) == Probe::Arrived(channel) {
                true => any_arrived = true,
                false => silenced.push(channel),
            }
        }
    });
    if any_arrived {
        tracing::dispatcher::get_default(|subscriber| core.siblings.judge(met, subscriber));
    }
    silenced
}

fn bits(silenced: &[Channel]) -> u64 {
    silenced.iter().fold(DONE, |bits, channel| bits | 1 << channel.index())
}

/// Whether the event under way is a probe; it has then done its work, and is no record.
#[inline]
pub(crate) fn arrived(core: &Core, metadata: &Metadata<'_>, channel: Channel) -> bool {
    let probe = PROBE.get();
    if probe == Probe::None || !metadata.name().ends_with(":probe") {
        return false;
    }
    // Of two layers in one subscriber, both see the event; it is a record of neither.
    if probe == Probe::Sent(core.id) {
        PROBE.set(Probe::Arrived(channel));
    }
    true
}

/// Whether the last probe found this channel silenced. Probes now if nobody has yet: a short-lived process commits
/// before the thread of [`soon`] has had its turn.
pub(crate) fn has_failed(core: &Core, channel: Channel) -> bool {
    settle(core);
    core.probed.load(Ordering::Acquire) & 1 << channel.index() != 0
}

/// Tells stderr at the end of a layer whose events were filtered away, in case nobody asked.
pub(crate) fn say_if_failed(core: &Core) {
    settle(core);
    if core.probed.load(Ordering::Acquire) & !DONE != 0 {
        crate::report::say(SILENCED);
    }
}

fn settle(core: &Core) {
    let subscriber = core.subscriber.get().and_then(WeakDispatch::upgrade);
    if core.probed.load(Ordering::Acquire) == UNKNOWN
        && let Some(dispatch) = subscriber
    {
        let silenced = tracing::dispatcher::with_default(&dispatch, || send(core));
        let _ = core.probed.compare_exchange(UNKNOWN, bits(&silenced), Ordering::AcqRel, Ordering::Relaxed);
    }
}

/// Probes from a thread of its own, as soon as the dispatcher that is being registered can be used: until then,
/// `tracing` holds a lock that an event would wait for.
pub(crate) fn soon(core: &Arc<Core>, dispatch: &Dispatch) {
    let (core, dispatch) = (Arc::downgrade(core), dispatch.downgrade());
    let probe = move || {
        // The maximum level is published after the registration, so that a first probe may come too early.
        for left in (0..20).rev() {
            thread::sleep(Duration::from_millis(25));
            let (Some(core), Some(dispatch)) = (core.upgrade(), dispatch.upgrade()) else { return };
            let seen = core.probed.load(Ordering::Acquire);
            if seen == DONE {
                return;
            }
            let silenced = tracing::dispatcher::with_default(&dispatch, || send(&core));
            // Only the last try may fail `commit`; and an answer of `Guard::probe` meanwhile is newer than ours.
            if silenced.is_empty() || left == 0 {
                let bits = bits(&silenced);
                let _ = core.probed.compare_exchange(seen, bits, Ordering::AcqRel, Ordering::Relaxed);
            }
            if silenced.is_empty() {
                return;
            }
        }
        if core.upgrade().is_some_and(|core| core.probed.load(Ordering::Acquire) & !DONE != 0) {
            crate::report::say(SILENCED);
        }
    };
    // Without the thread, `Guard::probe` still tells.
    let _ = thread::Builder::new().name("dihya-probe".into()).stack_size(128 * 1024).spawn(probe);
}

const SILENCED: &str =
    "a channel that must not lose records is silenced by the subscriber's filter; see Guard::probe";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Probe {
    None,
    /// To the layer with this id.
    Sent(u64),
    Arrived(Channel),
}

thread_local! {
    static PROBE: Cell<Probe> = const { Cell::new(Probe::None) };
}

/// The very targets, levels and names that the macros use.
const PROBES: [(Channel, fn()); 5] = [
    (
        Channel::AUDIT,
        || tracing::event!(name: "dihya.audit:probe", target: "dihya::audit", Level::INFO, purpose = ?Witness, "probe"),
    ),
    (
        Channel::SECURITY,
        || tracing::event!(name: "dihya.security:probe", target: "dihya::security", Level::INFO, purpose = ?Witness, "probe"),
    ),
    (
        Channel::API,
        || tracing::event!(name: "dihya.api:probe", target: "dihya::api", Level::INFO, purpose = ?Witness, "probe"),
    ),
    (
        Channel::SCHEDULER,
        || tracing::event!(name: "dihya.scheduler:probe", target: "dihya::scheduler", Level::INFO, purpose = ?Witness, "probe"),
    ),
    (
        Channel::GENERATION,
        || tracing::event!(name: "dihya.generation:probe", target: "dihya::generation", Level::INFO, purpose = ?Witness, "probe"),
    ),
];
