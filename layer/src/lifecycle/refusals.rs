//! Refused operations, as records of the security channel.
//!
//! The refusal stands in the ledger, written by the command that was refused. A running service follows its ledger and
//! tells of it where those look who watch over security. One from while no service ran is told by the next; one that may
//! have been told before a crash is told again: twice is better than never.

use std::sync::Arc;

use tracing_core::Level;

use super::{TICK, direct};
use crate::core::Core;
use crate::direct::Record;
use crate::ledger::{Fact, Tail};

/// Each base's ledger, as far as it was followed.
#[derive(Debug, Default)]
pub(super) struct Refusals(Vec<Tail>);

impl Refusals {
    /// Tells of those that came since the last time. A ledger that cannot be read now is read the next time: that it cannot
    /// be written is told by whoever writes it.
    pub(super) fn tell(&mut self, core: &Arc<Core>) {
        let bases = core.journal.bases();
        self.0.extend(bases.iter().skip(self.0.len()).map(|base| Tail::new(base, TICK)));
        for tail in &mut self.0 {
            let _ = tail.read(&*core.storage, |entry| {
                let Fact::Denied { operation } = &entry.fact else { return };
                let record = Record::security("authz_fail")
                    .level(Level::WARN)
                    .message("an operation on the log was refused: the policy's roles do not allow it")
                    .field("operation", operation)
                    .field("operator", entry.operator.as_deref().unwrap_or("unknown"))
                    .field("session", entry.session.as_deref().unwrap_or("unknown"));
                direct(core, &record);
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::clock::Clock;
    use crate::ledger::{Entry, Ledger};
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
