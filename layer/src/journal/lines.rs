//! The lines of a shard, as its tree and the ledger know them.

use crate::ledger::ShardRef;

use super::merkle::{self, Tree};
use super::seal::Seal;

/// What is known of a file's lines, from its first on.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lines {
    pub(crate) tree: Tree,
    pub(crate) bytes: u64,
    records: u64,
    first: Option<Time>,
    last: Option<Time>,
    /// The last line is a seal, or there is none.
    unsealed: bool,
}

/// RFC 3339 as in every record.
type Time = [u8; 27];

impl Lines {
    /// Adds whole lines.
    pub(crate) fn push(&mut self, lines: &[u8]) {
        self.tree.push_lines(lines);
        self.bytes += lines.len() as u64;
        for line in merkle::lines(lines) {
            self.unsealed = !Seal::is(line);
            if self.unsealed {
                self.records += 1;
                self.last = time(line).or(self.last);
                self.first = self.first.or(self.last);
            }
        }
    }

    /// Whether a seal covers all of it.
    pub(crate) fn sealed(&self) -> bool {
        !self.unsealed
    }

    /// The shard in this state.
    pub(crate) fn shard(&self, id: &str) -> ShardRef {
        let text = |time: Option<Time>| time.map(|time| String::from_utf8_lossy(&time).into_owned());
        ShardRef {
            shard: id.into(),
            size: self.tree.size(),
            root: self.tree.root(),
            bytes: self.bytes,
            records: self.records,
            first: text(self.first),
            last: text(self.last),
        }
    }
}

/// A record's time: it stands at the same place in all of them.
fn time(record: &[u8]) -> Option<Time> {
    let (before, rest) = record.split_at_checked(TIME_AT)?;
    let time: Time = *rest.first_chunk()?;
    (before.ends_with(b"\",\"timestamp\":\"") && time.ends_with(b"Z")).then_some(time)
}

const TIME_AT: usize = "{\"v\":1,\"id\":\"00000000-0000-0000-0000-000000000000\",\"timestamp\":\"".len();

#[cfg(test)]
mod tests {
    use super::*;

    fn record(time: &str) -> String {
        format!(
            "{{\"v\":1,\"id\":\"019aa0f0-1111-7222-8333-444455556666\",\"timestamp\":\"{time}\",\"channel\":\"app\"}}\n"
        )
    }

    #[test]
    fn records_are_counted_and_their_times_read_and_seals_are_neither() {
        let mut lines = Lines::default();
        assert!(lines.sealed(), "there is nothing to seal");
        lines.push(record("2026-11-20T12:00:00.000001Z").as_bytes());
        assert!(!lines.sealed());
        lines.push(b"{\"seal\":{}}\n");
        assert!(lines.sealed());
        lines.push(record("2026-11-20T12:00:00.000002Z").as_bytes());
        let shard = lines.shard("app/2026-11-20");
        assert_eq!((shard.size, shard.records), (3, 2));
        assert_eq!(shard.first.as_deref(), Some("2026-11-20T12:00:00.000001Z"));
        assert_eq!(shard.last.as_deref(), Some("2026-11-20T12:00:00.000002Z"));
        assert_eq!(shard.bytes, lines.bytes);
    }

    #[test]
    fn a_line_without_a_time_has_none() {
        let mut lines = Lines::default();
        lines.push(b"{\"n\":1}\n{}\n");
        assert_eq!((lines.shard("a").first, lines.shard("a").records), (None, 2));
    }
}
