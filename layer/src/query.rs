//! Reading records back: over every shard of a root, in parallel, without parsing what cannot match.
//!
//! 1. **plan**: of the catalog's shards, those that can hold records of the time asked for, as pieces of some MiB.
//! 2. **scan**: one thread per core reads pieces. The rarest text that every match must contain is searched for in the raw
//!    bytes; only a line that holds it is looked at. Times are compared as text, in the place where the format has them.
//! 3. **match**: what is left is parsed, and each condition is asked.
//! 4. **merge**: matches come out by time over all channels, the oldest first or the newest, as the bytes that stand in
//!    the file.
//!
//! The search in raw bytes is exact for lines that Dihya wrote: its writer has one way to escape a text. A line that
//! somebody else put into the file may be missed; `dihya verify` finds that line.
//!
//! Nothing here checks the log: a query shows what stands in the files.

mod filter;
mod follow;
mod line;
mod literal;
mod merge;
mod piece;
mod plan;
mod range;
mod scan;
pub mod show;
#[cfg(test)]
mod tests;

use std::fmt;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;

use crate::archive::Identities;
use crate::catalog::{Catalog, Shard, ShardId};
use crate::storage::Storage;

pub use filter::{Condition, Level, NotACondition};
pub use follow::Follow;
pub(crate) use line::Object;
pub(crate) use literal::AnyOf;
pub(crate) use piece::{Opened, Part, Piece, parts};
pub(crate) use plan::{Plan, plan};
pub use range::{NotATime, text as text_of_time, time};
pub(crate) use range::{Text, bytes, of_line, of_object};

/// What is asked for. The default asks for everything.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// Channels; none named means all of them.
    pub channels: Vec<String>,
    /// Microseconds since 1970-01-01T00:00:00Z: no record before this.
    pub since: Option<i64>,
    /// No record at or after this.
    pub until: Option<i64>,
    /// `event_name` is one of these; none named means any.
    pub events: Vec<String>,
    /// At least this severe.
    pub level: Option<Level>,
    /// `tenant_id` of the record itself.
    pub tenant: Option<String>,
    /// All of these hold.
    pub conditions: Vec<Condition>,
    /// No more records than this.
    pub limit: Option<u64>,
    /// The newest first.
    pub reverse: bool,
    /// Also shards whose first and last records say that they hold none of the time asked for. A shard is taken to hold what
    /// lies between these two, give or take an hour: where a clock was set back further than that in the middle of a
    /// shard, it holds more.
    pub every_shard: bool,
    /// How many threads read; none means one per core.
    pub threads: Option<usize>,
}

/// A record that matches.
#[derive(Clone, Copy, Debug)]
pub struct Found<'a> {
    /// Where it stands.
    pub shard: &'a Shard,
    /// The line as stored, without its newline.
    pub line: &'a [u8],
}

/// What a query looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Summary {
    /// Records handed on.
    pub records: u64,
    /// Shards read, at least in part.
    pub shards: u64,
    /// Bytes of lines read.
    pub bytes: u64,
    /// Shards that hold none of the time asked for.
    pub skipped: u64,
    /// Lines that are neither records nor seals, of those that were looked at.
    pub bad_lines: u64,
    /// Shards that could not be read, and why. The rest was.
    pub unread: Vec<(ShardId, PathBuf, String)>,
}

impl Query {
    /// Hands on every match, in order, until `each` breaks off. `identities` read encrypted archives; archives are read
    /// with the feature `archive`, and are among the unread without it.
    pub fn run(
        &self,
        storage: &Arc<dyn Storage>,
        catalog: &Catalog,
        identities: &Identities,
        each: impl FnMut(Found<'_>) -> ControlFlow<()>,
    ) -> Summary {
        merge::run(self, storage, catalog, identities, each)
    }

    /// [`Query::matches`] for many lines.
    pub(crate) fn matcher(&self) -> impl Fn(&[u8]) -> bool {
        let filter = filter::Filter::new(self);
        move |line| filter.check(line) == filter::Verdict::Match
    }

    /// Whether a line is a record that is asked for, by parsing it; the channels are not asked.
    pub fn matches(&self, line: &[u8]) -> bool {
        filter::Filter::new(self).check(line) == filter::Verdict::Match
    }
}

/// The question as it stands in the ledger, on one line: what an auditor reads.
impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut words: Vec<String> = Vec::new();
        if !self.channels.is_empty() {
            words.push(format!("channel {}", self.channels.join(", ")));
        }
        words.extend(self.since.map(|time| format!("since {}", range::text(time))));
        words.extend(self.until.map(|time| format!("until {}", range::text(time))));
        if !self.events.is_empty() {
            words.push(format!("event {}", self.events.join(", ")));
        }
        words.extend(self.level.map(|level| format!("level {level}")));
        words.extend(self.tenant.as_ref().map(|tenant| format!("tenant {tenant}")));
        words.extend(self.conditions.iter().map(|condition| format!("where {condition}")));
        words.extend(self.limit.map(|limit| format!("limit {limit}")));
        if self.reverse {
            words.push("newest first".into());
        }
        if words.is_empty() { f.write_str("everything") } else { f.write_str(&words.join("; ")) }
    }
}
