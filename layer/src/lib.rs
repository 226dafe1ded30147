//! Audit-grade logging for Rust services: a [`tracing`] layer that routes, redacts and durably records every event.
//!
//! ```no_run
//! use dihya::{Policy, Sector};
//! use tracing_subscriber::prelude::*;
//!
//! let (layer, guard) = dihya::open(Policy::sector(Sector::Generic).root("logs"))?;
//! tracing_subscriber::registry().with(layer).init();
//! guard.probe()?;
//!
//! dihya::audit!("sensitive_read", user_id = "u-42", subject_id = "p-7", outcome = "success", "record opened");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The pipeline
//!
//! 1. **route**: a callsite is compiled once into a plan: its channel, what happens to each field, its escaped keys.
//! 2. **redact**: by field name in the plan; by content, in one scan over all values of the event.
//! 3. **record**: one line of JSON in a buffer of the calling thread.
//! 4. **queue**: the line is copied behind its channel's short lock, and the call returns.
//! 5. **write**: one thread per channel takes what is queued, appends it to the day's file, and syncs it.
//! 6. **acknowledge**: whoever waits in [`Handle::commit`] is answered, and the queue has room again.
//!
//! Beside it: metrics ([`Handle::metrics`], [`metrics`]), the console mirror, and records that pass no subscriber
//! ([`Handle::record`], [`Generation::record`]).
//!
//! # What the scan cannot know
//!
//! A short password without a telling name has no form. Its type can say it: [`Sensitive`] is a marker in every
//! formatting. Of the arguments that `#[tracing::instrument]` logs (all of them, in their `Debug` form), those are hidden
//! whose name tells it (`token`), whose content has a form that is known, or whose type is `Sensitive`; leave out what
//! remains with `skip(body)` or `skip_all`. What it logs of results and errors (`ret`, `err`) is redacted the same way.
//! A form that only your service knows is a detector of the policy, or of [`Policy::detector`].
//!
//! # Durability
//!
//! [`Handle::commit`] and [`Handle::commit_async`] answer `Ok` when every record that this process logged to the channel
//! before the call is covered by a successful `fdatasync`: such a record survives `kill -9` and a power cut, as far as
//! the disk keeps what it confirmed. They answer [`CommitError::Lost`] when a channel that must not lose records has lost some. Commits share
//! syncs: all records that are there when the writer comes round are written and synced together.
//!
//! Without a commit, the policy's `sync` decides. `batch` (audit, security) syncs each batch right after it was written;
//! an interval (the others, one second) leaves at most so much to a power cut, or to the death of the process: what no
//! seal covers goes to quarantine at the next start.
//!
//! # Integrity
//!
//! Every sync ends with a [`seal`]: a line that signs the Merkle tree over all lines before it in its file. A [`note`], the
//! checkpoint beside the shard, says the same to verifiers that are not ours; the [`ledger`] tells what happened to each
//! shard, and the lock file ([`heads`]) how long it was when last durable. At the start a shard is read to its last seal:
//! what stands behind it was never acknowledged and is moved away; a seal that does not fit leaves the shard as evidence,
//! and another is begun; a log that is shorter than it was known to be does not open ([`OpenError::Rollback`]).
//!
//! # Failure
//!
//! - **At the start** nothing is half-started: [`open`] fails on a policy that cannot be kept, a folder that cannot be
//!   used or that others can write to, a root that another process holds, too little room ([`OpenError`]).
//! - **A disk that is full**: records wait in the queue, commits answer [`CommitError::Storage`], a record
//!   `sys_monitor_disabled` is written into room that was reserved for it, and writing is tried again, every two
//!   seconds at last. Fallback roots of the policy are tried first.
//! - **A sync that fails** says that bytes may be lost, and a second sync of that file would not tell: all that is not
//!   durable is written again to a new file. A record may stand twice, with one id.
//! - **A full queue**: a channel with `on_full = "block"` makes the caller wait, for `block_limit` at most; one with
//!   `drop` does not wait. What is lost is counted (`dihya_dropped_total`) and told by a record `sys_records_lost`.
//! - **A filter that silences** a channel that must not lose records is found by [`Guard::probe`], and told on stderr
//!   if nobody asks. [`Handle::record`] passes no filter.
//! - **A panic** is recorded as `sys_crash`, printed redacted, and the queues are drained for at most a second each time. A
//!   panic while a value is formatted costs that value alone: it is replaced by a marker.
//! - **The end**: [`Guard::shutdown`] drains and reports what was written and lost; dropping the guard does so without
//!   the report.
//!
//! # Rotation
//!
//! A channel's records of one UTC day are in `<root>/<channel>/2026-11-20.jsonl`; when the file reaches `shard_size`, when an
//! error made it untrustworthy or when it was moved away, `2026-11-20.1.jsonl` follows. `<root>/<channel>.log` is a link to the
//! one being written. With `service.instance` all of it is in a folder of that name. A shard with durable records is never
//! renamed, compressed or deleted, and not changed once another has followed, except that the next start cuts a torn end.
//!
//! # Retention
//!
//! The policy holds a floor, a default and a ceiling per channel, and refuses those that contradict each other. [`retain`] says
//! what they make of each shard now, [`hold`] what stays all the same, and [`purge`] carries it out, with a certificate in the
//! [`ledger`]: from outside, by `dihya plan` and `dihya purge`, or by the layer itself, every hour, if the policy says
//! `lifecycle.run = true`. It deletes nothing otherwise.
//!
//! # Alerts and hooks
//!
//! The writers' threads look for anomalies in what they write ([`alert`]); what fires is a record, a count, and, with the feature
//! `alerts`, a message to the policy's receivers, at least once. A [`hook`] in code or in the policy hears of generations,
//! archives, purges, exports and holds. None of it runs on a thread that logs.
//!
//! # Troubleshooting
//!
//! - *Nothing is written*: was the guard dropped? `let _ = …` drops at once. Is the event less severe than the channel's
//!   `level` (`info` unless the policy says otherwise)? Does [`Guard::probe`] pass?
//! - *[`ProbeError`]*: a filter on the registry drops `dihya=…`; attach it to the other layers with `with_filter`.
//! - *[`OpenError::Busy`]*: two processes, one root: give each a `service.instance`.
//! - *A secret is printed all the same*: by another layer, which sees raw fields. Use the policy's `[console]`, or
//!   [`Options::mirror`], in its place; or wrap it, if it is `tracing_subscriber`'s `fmt`, in [`fmt::redacted`]. A panic hook
//!   that was installed after [`open`] prints raw messages too.
//! - *Records are missing under load*: look at `dihya_dropped_total{reason}`, and raise that channel's `queue`.

pub mod alert;
pub mod archive;
pub mod bundle;
mod callsite;
pub mod catalog;
mod channel;
mod clock;
mod core;
mod direct;
pub mod fmt;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod generation;
mod handle;
pub mod hold;
pub mod hook;
mod journal;
mod layer;
pub mod ledger;
mod lifecycle;
mod macros;
pub mod metrics;
mod mirror;
mod open;
pub mod operation;
#[cfg(feature = "otel")]
mod otel;
pub mod otlp;
pub mod overview;
mod panic;
mod policy;
mod probe;
mod profile;
pub mod purge;
pub mod query;
mod record;
mod redact;
mod report;
pub mod retain;
mod route;
mod sensitive;
mod siblings;
mod span;
pub mod status;
pub mod storage;
mod thread;
pub mod tiles;
mod values;
pub mod verify;

pub use channel::Channel;
pub use clock::{Clock, Rng};
pub use direct::{Receipt, Record};
pub use generation::{Generation, GenerationError, GenerationStatus, Recorded};
pub use handle::{Guard, Handle, RecordError, ReloadError};
pub use journal::{Accepted, Rotated, accept_rollback, rotate_key};
pub use journal::{ChannelReport, Commit, CommitError, OpenError, ShutdownReport};
pub use journal::{heads, key, merkle, note, origin, seal};
pub use layer::DihyaLayer;
pub use open::{InitError, Options, init, open};
pub use policy::{NotAPeriod, Origin, Period, Policy, PolicyError, Problem, Role, Setting};
pub use probe::ProbeError;
pub use profile::{Sector, UnknownSector};
pub use redact::custom::code::Detector;
#[doc(hidden)]
pub use redact::inspect;
pub use sensitive::Sensitive;

/// For the macros of this crate only.
#[doc(hidden)]
pub mod __private {
    pub use tracing;
}

/// The code of the README compiles.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
