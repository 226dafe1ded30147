//! The ledger, as it grows: what other processes do to the log is told there.
//!
//! At the start what was entered since the service last ran is told too: whoever released a hold meanwhile is found. Seals
//! are not checked here; `dihya verify` does that, and what it finds is entered as well.

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use crate::journal::seal::Seal;
use crate::ledger::{self, Entry, Fact};
use crate::storage::Storage;

/// One ledger, read to some byte.
#[derive(Debug)]
pub(crate) struct Tail {
    path: PathBuf,
    offset: u64,
    started: bool,
}

impl Tail {
    /// Of the log in a base folder.
    pub(crate) fn new(base: &Path) -> Tail {
        Tail { path: base.join(ledger::FOLDER).join(ledger::FILE), offset: 0, started: false }
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
        let ends = |entry: &Entry| matches!(entry.fact, Fact::LogOpened { .. } | Fact::LogClosed {});
        // The newest opening is this process's own; what stands behind the end of the run before it is news.
        let own = entries.iter().rposition(|entry| matches!(entry.fact, Fact::LogOpened { .. })).unwrap_or(0);
        let news = entries[..own].iter().rposition(ends).map_or(0, |end| end + 1);
        for (at, entry) in entries.iter().enumerate() {
            // Which policies were in force is what a purge is held against.
            let is_policy = matches!(entry.fact, Fact::LogOpened { .. } | Fact::PolicyChanged { .. });
            if at >= news || is_policy {
                to(entry);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::PolicyRef;
    use crate::storage::Memory;

    fn opened() -> Fact {
        Fact::LogOpened { vkey: "k".into(), policy: PolicyRef { version: None, sha256: "aa".into() } }
    }

    fn released(id: &str) -> Fact {
        Fact::HoldReleased { id: id.into() }
    }

    fn append(disk: &Memory, facts: Vec<Fact>) {
        let path = Path::new("/log/ledger/ledger.jsonl");
        let mut bytes = disk.files().get(path).cloned().unwrap_or_default();
        for fact in facts {
            bytes.extend(serde_json::to_vec(&Entry::from(fact)).unwrap());
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
        let mut tail = Tail::new(Path::new("/log"));
        assert_eq!(ids(&mut tail, &disk), ["down"]);
        assert_eq!(ids(&mut tail, &disk), [""; 0]);
        append(&disk, vec![released("now")]);
        assert_eq!(ids(&mut tail, &disk), ["now"]);
    }

    #[test]
    fn a_line_that_is_being_written_is_read_when_it_is_whole() {
        let disk = Memory::new();
        append(&disk, vec![opened(), released("whole")]);
        let mut bytes = disk.files()[Path::new("/log/ledger/ledger.jsonl")].clone();
        let mut tail = Tail::new(Path::new("/log"));
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
        assert_eq!(ids(&mut Tail::new(Path::new("/log")), &Memory::new()), [""; 0]);
    }
}
