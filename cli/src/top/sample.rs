//! What a look at a log or a service found. Counts grow; how fast they do is for whoever compares two.

use std::time::Instant;

/// A look.
#[derive(Clone, Debug)]
pub(super) struct Sample {
    /// When, by a clock that only goes forward.
    pub(super) taken: Instant,
    /// When, in microseconds since 1970.
    pub(super) at: i64,
    /// The service or the folder.
    pub(super) name: String,
    /// From where this is known.
    pub(super) source: String,
    pub(super) channels: Vec<Channel>,
    pub(super) alerts: Vec<Alert>,
    /// Values hidden so far.
    pub(super) redactions: u64,
    pub(super) free_bytes: Option<u64>,
    /// When it was last verified, and whether it was whole.
    pub(super) verified: Option<(i64, Option<bool>)>,
    /// What somebody has to look at.
    pub(super) attention: Vec<String>,
    /// Why this look found nothing new.
    pub(super) error: Option<String>,
}

/// A channel, as counted since the first look or since the service began.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Channel {
    pub(super) name: String,
    pub(super) records: u64,
    pub(super) bytes: u64,
    pub(super) lost: u64,
    /// Bytes in the queue, and its bound.
    pub(super) queue: Option<(u64, u64)>,
    /// Time of the newest record.
    pub(super) newest: Option<i64>,
    pub(super) sealed: Sealed,
}

/// How far seals reach.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Sealed {
    #[default]
    Unknown,
    /// The newest shard ends with one.
    ToTheEnd,
    /// Lines stand behind the last one.
    OpenTail,
    /// The newest seal is of this time.
    At(i64),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Alert {
    pub(super) detector: String,
    pub(super) severity: String,
    pub(super) fingerprint: String,
    /// When it began, if that is known.
    pub(super) started: Option<i64>,
    /// When it was resolved.
    pub(super) ended: Option<i64>,
    pub(super) count: u64,
}
