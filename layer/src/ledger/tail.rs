//! The ledger, as it grows: what other processes do to the log is told there.
//!
//! At the start what was entered since the service last ran is told too: whoever released a hold meanwhile is found, and
//! whoever was refused. Seals are not checked here; `dihya verify` does that, and what it finds is entered as well.

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Entry, FILE, FOLDER, Fact};
use crate::journal::seal::Seal;
use crate::storage::Storage;

/// One ledger, read to some byte.
#[derive(Debug)]
pub(crate) struct Tail {
    path: PathBuf,
    /// In microseconds: what came so shortly before a run's orderly end, that run may not have read.
    unread: i64,
    offset: u64,
    started: bool,
}

impl Tail {
    /// Of the log in a base folder, for somebody who reads it every so often.
    pub(crate) fn new(base: &Path, every: Duration) -> Tail {
        let unread = i64::try_from(2 * every.as_micros()).unwrap_or(i64::MAX);
        Tail { path: base.join(FOLDER).join(FILE), unread, offset: 0, started: false }
    }

    /// Hands on what is new. A ledger that cannot be read now is read later.
    pub(crate) fn read(&mut self, storage: &dyn Storage, mut to: impl FnMut(&Entry)) -> io::Result<()> {
        let Some(stat) = storage.stat(&self.path)? else { return Ok(()) };
        if stat.len == self.offset {
            return Ok(());
        }
        if stat.len < self.offset {
            // Its tail was cut, which recovery tells.
            self.offset = stat.len;
            return Ok(());
        }
        let mut bytes = Vec::new();
        storage.read(&self.path, self.offset)?.take(stat.len - self.offset).read_to_end(&mut bytes)?;
        // A line that is being written is read when it is whole.
        let whole = memchr::memrchr(b'\n', &bytes).map_or(0, |last| last + 1);
        self.offset += whole as u64;
        let lines = bytes[..whole].split(|byte| *byte == b'\n').filter(|line| !Seal::is(line));
        let entries = lines.filter_map(|line| serde_json::from_slice::<Entry>(line).ok());
        if std::mem::replace(&mut self.started, true) {
            entries.for_each(|entry| to(&entry));
            return Ok(());
        }
        let entries: Vec<Entry> = entries.collect();
        let news = self.news(&entries);
        for (at, entry) in entries.iter().enumerate() {
            // Which policies were in force is what a purge is held against.
            let is_policy = matches!(entry.fact, Fact::LogOpened { .. } | Fact::PolicyChanged { .. });
            if at >= news || is_policy {
                to(entry);
            }
        }
        Ok(())
    }

    /// The first entry of which nobody may have been told.
    fn news(&self, entries: &[Entry]) -> usize {
        // The newest opening is this process's own; what stands behind the end of the run before it is news.
        let own = entries.iter().rposition(|entry| matches!(entry.fact, Fact::LogOpened { .. })).unwrap_or(0);
        let ends = |entry: &Entry| matches!(entry.fact, Fact::LogOpened { .. } | Fact::LogClosed {});
        let Some(end) = entries[..own].iter().rposition(ends) else { return 0 };
        if !matches!(entries[end].fact, Fact::LogClosed {}) {
            return end + 1;
        }
        let time = |entry: &Entry| {
            let time = chrono::DateTime::parse_from_rfc3339(&entry.timestamp);
            time.map_or(i64::MIN / 2, |time| time.timestamp_micros())
        };
        let closed = time(&entries[end]);
        let is_read = |entry: &Entry| {
            closed - time(entry) >= self.unread || matches!(entry.fact, Fact::LogOpened { .. })
        };
        entries[..end].iter().rposition(is_read).map_or(0, |read| read + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::PolicyRef;
    use crate::storage::Memory;

    const EVERY: Duration = Duration::from_secs(5);

    fn tail() -> Tail {
        Tail::new(Path::new("/log"), EVERY)
    }

    fn opened() -> Fact {
        Fact::LogOpened { vkey: "k".into(), policy: PolicyRef { version: None, sha256: "aa".into() } }
    }

    fn released(id: &str) -> Fact {
        Fact::HoldReleased { id: id.into() }
    }

    /// A minute apart.
    fn append(disk: &Memory, facts: Vec<Fact>) {
        append_every(60, disk, facts);
    }

    fn append_every(seconds: u32, disk: &Memory, facts: Vec<Fact>) {
        let path = Path::new("/log/ledger/ledger.jsonl");
        let mut bytes = disk.files().get(path).cloned().unwrap_or_default();
        for (at, fact) in (0..).zip(facts) {
            let timestamp = crate::ledger::time(1_795_176_000_000_000 + i64::from(at * seconds) * 1_000_000);
            bytes.extend(serde_json::to_vec(&Entry { timestamp, ..fact.into() }).unwrap());
            bytes.extend(b"\n{\"seal\":{}}\n");
        }
        disk.put("/log/ledger/ledger.jsonl", &bytes);
    }

    fn ids(tail: &mut Tail, disk: &Memory) -> Vec<String> {
        let mut ids = Vec::new();
        tail.read(disk, |entry| {
            if let Fact::HoldReleased { id } = &entry.fact {
                ids.push(id.clone());
            }
        })
        .unwrap();
        ids
    }

    #[test]
    fn what_was_done_while_the_service_was_down_is_news_and_what_it_saw_is_not() {
        let disk = Memory::new();
        append(&disk, vec![opened(), released("seen"), Fact::LogClosed {}, released("down"), opened()]);
        let mut tail = tail();
        assert_eq!(ids(&mut tail, &disk), ["down"]);
        assert_eq!(ids(&mut tail, &disk), [""; 0]);
        append(&disk, vec![released("now")]);
        assert_eq!(ids(&mut tail, &disk), ["now"]);
    }

    #[test]
    fn what_came_just_before_the_end_may_not_have_been_seen() {
        let disk = Memory::new();
        let facts = vec![opened(), released("a"), released("b"), released("c"), Fact::LogClosed {}, opened()];
        append_every(4, &disk, facts);
        assert_eq!(ids(&mut tail(), &disk), ["b", "c"]);
    }

    #[test]
    fn a_line_that_is_being_written_is_read_when_it_is_whole() {
        let disk = Memory::new();
        append(&disk, vec![opened(), released("whole")]);
        let mut bytes = disk.files()[Path::new("/log/ledger/ledger.jsonl")].clone();
        let mut tail = tail();
        let mut torn = bytes.clone();
        torn.extend(b"{\"v\":1,\"timest");
        disk.put("/log/ledger/ledger.jsonl", &torn);
        assert_eq!(ids(&mut tail, &disk), ["whole"]);
        bytes.extend(serde_json::to_vec(&Entry::from(released("later"))).unwrap());
        bytes.push(b'\n');
        disk.put("/log/ledger/ledger.jsonl", &bytes);
        assert_eq!(ids(&mut tail, &disk), ["later"]);
    }

    #[test]
    fn a_log_without_a_ledger_has_no_news() {
        assert_eq!(ids(&mut tail(), &Memory::new()), [""; 0]);
    }
}
