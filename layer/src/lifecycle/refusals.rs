//! Refused operations, as records of the security channel.
//!
//! The refusal stands in the ledger, written by the command that was refused. A running service follows its ledger and
//! tells of it where those look who watch over security. One from while no service ran is told by the next; one that may
//! have been told before a crash is told again: twice is better than never.

use std::io::{self, BufRead as _, BufReader};
use std::path::Path;
use std::sync::Arc;

use tracing_core::Level;

use super::{TICK, direct};
use crate::core::Core;
use crate::direct::Record;
use crate::ledger::{self, Entry, Fact};
use crate::storage::Storage;

/// How far each base's ledger was followed, in bytes.
#[derive(Debug, Default)]
pub(super) struct Refusals(Vec<u64>);

impl Refusals {
    /// Tells of those that came since the last time. A ledger that cannot be read now is read the next time: that it cannot
    /// be written is told by whoever writes it.
    pub(super) fn tell(&mut self, core: &Arc<Core>) {
        let bases = core.journal.bases();
        for (at, base) in bases.iter().enumerate() {
            if self.0.len() == at {
                match last_run(&*core.storage, base) {
                    Ok(from) => self.0.push(from),
                    Err(_) => return,
                }
            }
            let Ok((to, refused)) = since(&*core.storage, base, self.0[at]) else { continue };
            self.0[at] = to;
            for entry in refused {
                let Fact::Denied { operation } = &entry.fact else { continue };
                let record = Record::security("authz_fail")
                    .level(Level::WARN)
                    .message("an operation on the log was refused: the policy's roles do not allow it")
                    .field("operation", operation)
                    .field("operator", entry.operator.as_deref().unwrap_or("unknown"))
                    .field("session", entry.session.as_deref().unwrap_or("unknown"));
                direct(core, &record);
            }
        }
    }
}

/// The refusals that stand whole behind this byte, and where the ledger's last whole line ends.
fn since(storage: &dyn Storage, base: &Path, from: u64) -> io::Result<(u64, Vec<Entry>)> {
    let path = base.join(ledger::FOLDER).join(ledger::FILE);
    let len = storage.stat(&path)?.map_or(0, |stat| stat.len);
    let mut refused = Vec::new();
    if len <= from {
        return Ok((from, refused));
    }
    let to = lines(storage, &path, from, |entry, _| {
        if matches!(entry.fact, Fact::Denied { .. }) {
            refused.push(entry);
        }
    })?;
    Ok((to, refused))
}

/// Where the run before this one ended, or began if it did not end in order: what came later nobody may have told of. What
/// came shortly before its end may not have been seen.
fn last_run(storage: &dyn Storage, base: &Path) -> io::Result<u64> {
    let path = base.join(ledger::FOLDER).join(ledger::FILE);
    let (mut untold, mut before, mut refused) = (0, 0, Vec::new());
    lines(storage, &path, 0, |entry, (start, end)| match &entry.fact {
        Fact::LogOpened { .. } => {
            before = untold;
            untold = end;
            refused.clear();
        }
        Fact::LogClosed {} => {
            let close = micros(&entry.timestamp);
            let late = |time: &i64| close - time <= 2 * TICK.as_micros() as i64;
            untold = refused.iter().find(|(time, _)| late(time)).map_or(end, |(_, start)| *start);
        }
        Fact::Denied { .. } => refused.push((micros(&entry.timestamp), start)),
        _ => {}
    })?;
    // The last opening is this run's own.
    Ok(before)
}

/// Hands on each entry behind a byte, with where its line begins and ends; where the last whole line ends.
fn lines(
    storage: &dyn Storage,
    path: &Path,
    from: u64,
    mut to: impl FnMut(Entry, (u64, u64)),
) -> io::Result<u64> {
    let mut reader = BufReader::with_capacity(64 * 1024, storage.read(path, from)?);
    let (mut at, mut line) = (from, Vec::new());
    while reader.read_until(b'\n', &mut line)? > 0 && line.ends_with(b"\n") {
        let end = at + line.len() as u64;
        // Seals are no entries.
        if let Ok(entry) = serde_json::from_slice(&line) {
            to(entry, (at, end));
        }
        at = end;
        line.clear();
    }
    Ok(at)
}

fn micros(timestamp: &str) -> i64 {
    chrono::DateTime::parse_from_rfc3339(timestamp).map_or(i64::MIN / 2, |time| time.timestamp_micros())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::ledger::Ledger;
    use crate::policy::Policy;
    use crate::profile::Sector;
    use crate::storage::Memory;
    use crate::{Channel, Guard};

    const NOON: i64 = 1_795_176_000_000_000;

    fn open(disk: &Memory) -> Guard {
        let policy = Policy::sector(Sector::Generic).root("/log").service("clinic", "1");
        let options = crate::Options::new(policy).storage(Arc::new(disk.clone()));
        options.clock(Clock::manual(NOON)).mirror(std::io::sink).open().unwrap().1
    }

    fn refuse(disk: &Memory, operation: &str, at: i64) {
        let (base, state) = (Path::new("/log"), Path::new("/log/state"));
        let ledger = Ledger::attach(Arc::new(disk.clone()), base, state, Clock::manual(at)).unwrap();
        let fact = Fact::Denied { operation: operation.to_owned() };
        ledger.append(Entry { operator: Some("eve".into()), ..fact.into() }).unwrap();
    }

    /// The operations of which the security channel tells that they were refused.
    fn told(disk: &Memory, guard: &Guard) -> Vec<String> {
        guard.handle().commit(Channel::SECURITY).unwrap();
        let files = disk.files().into_iter().filter(|(path, _)| path.starts_with("/log/security"));
        let lines: Vec<u8> = files.flat_map(|(_, bytes)| bytes).collect();
        let records = lines.split(|b| *b == b'\n').filter_map(|line| serde_json::from_slice(line).ok());
        records
            .filter(|record: &serde_json::Value| record["event_name"] == "authz_fail")
            .map(|record| {
                assert_eq!(record["attributes"]["operator"], "eve", "{record}");
                record["attributes"]["operation"].as_str().unwrap().to_owned()
            })
            .collect()
    }

    #[test]
    fn a_refusal_of_another_process_is_a_record_of_the_security_channel_once() {
        let disk = Memory::new();
        let guard = open(&disk);
        let mut refusals = Refusals::default();
        refusals.tell(guard.handle().core());
        assert_eq!(told(&disk, &guard), Vec::<String>::new());
        refuse(&disk, "purge", NOON);
        for _ in 0..2 {
            refusals.tell(guard.handle().core());
            assert_eq!(told(&disk, &guard), ["purge"]);
        }
        refuse(&disk, "export", NOON);
        refusals.tell(guard.handle().core());
        assert_eq!(told(&disk, &guard), ["purge", "export"]);
    }

    #[test]
    fn what_was_refused_while_nobody_ran_is_told_by_the_next_and_old_news_is_not() {
        let disk = Memory::new();
        let guard = open(&disk);
        let mut refusals = Refusals::default();
        refuse(&disk, "purge", NOON - 3_600_000_000);
        refusals.tell(guard.handle().core());
        assert_eq!(told(&disk, &guard), ["purge"]);
        assert!(guard.shutdown(std::time::Duration::from_secs(10)).is_complete());
        refuse(&disk, "export", NOON);
        let guard = open(&disk);
        Refusals::default().tell(guard.handle().core());
        assert_eq!(told(&disk, &guard), ["purge", "export"]);
    }

    #[test]
    fn a_refusal_just_before_the_end_is_not_forgotten() {
        let disk = Memory::new();
        let guard = open(&disk);
        refuse(&disk, "purge", NOON - 1_000_000);
        assert!(guard.shutdown(std::time::Duration::from_secs(10)).is_complete());
        let guard = open(&disk);
        Refusals::default().tell(guard.handle().core());
        assert_eq!(told(&disk, &guard), ["purge"]);
    }
}
