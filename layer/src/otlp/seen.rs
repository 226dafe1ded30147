//! What a shipper tells of its work.

use std::io;
use std::time::Duration;

use super::tail::Passed;

/// What a shipper tells of its work, as it happens.
#[derive(Debug)]
#[non_exhaustive]
pub enum Seen<'a> {
    /// The receiver has so many records more.
    Exported {
        /// Of this channel.
        channel: &'a str,
        /// How many.
        records: u64,
        /// Time of the newest, microseconds since 1970.
        time: i64,
    },
    /// The receiver does not take so many records, and it makes no sense to send them again. They stay in the log.
    Rejected {
        /// Of this channel.
        channel: &'a str,
        /// How many.
        records: u64,
        /// The id of the only one, where it is known which.
        id: Option<&'a str>,
        /// Why, in our words.
        why: String,
        /// What the receiver said. It may repeat what was sent.
        said: &'a str,
    },
    /// A shard was purged or taken away before all of it was exported.
    Gone {
        /// Of this channel.
        channel: &'a str,
        /// The shard.
        shard: &'a str,
        /// Whether a certificate tells of its purge.
        purged: bool,
    },
    /// So many records in shards that are gone were never exported.
    GoneRecords {
        /// Of this channel.
        channel: &'a str,
        /// How many.
        records: u64,
    },
    /// Lines that are no records were passed over.
    Unreadable {
        /// Of this channel.
        channel: &'a str,
        /// How many.
        lines: u64,
    },
    /// A shard is not what was read before, and is sent again from its beginning.
    Again {
        /// The shard.
        shard: &'a str,
    },
    /// How far behind a channel is: since when its oldest waiting record waits.
    Waiting {
        /// Of this channel.
        channel: &'a str,
        /// Microseconds since 1970; none: nothing waits.
        since: Option<i64>,
    },
    /// An attempt failed; another follows.
    Failed {
        /// The channel, if it is one alone that waits.
        channel: Option<&'a str>,
        /// One word of a fixed set.
        reason: &'static str,
        /// What failed, in our words.
        why: &'a str,
        /// What the receiver said. It may repeat what was sent.
        said: &'a str,
        /// Until the next attempt.
        pause: Duration,
    },
}

/// What was passed over on the way to a batch.
pub(super) fn tell(channel: &str, passed: &Passed, seen: &mut dyn FnMut(Seen<'_>)) {
    for (shard, purged) in &passed.shards {
        seen(Seen::Gone { channel, shard, purged: *purged });
    }
    if passed.gone > 0 {
        seen(Seen::GoneRecords { channel, records: passed.gone });
    }
    if passed.unreadable > 0 {
        seen(Seen::Unreadable { channel, lines: passed.unreadable });
    }
    for shard in &passed.again {
        seen(Seen::Again { shard });
    }
}

/// The disk is in the way.
pub(super) fn storage_failed(error: &io::Error, pause: Duration, seen: &mut dyn FnMut(Seen<'_>)) {
    seen(Seen::Failed { channel: None, reason: "storage", why: &error.to_string(), said: "", pause });
}
