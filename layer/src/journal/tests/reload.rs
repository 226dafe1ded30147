//! Another policy while the log is open: the ledger tells.

use std::path::Path;
use std::sync::Arc;

use crate::clock::Clock;
use crate::ledger::{Fact, Ledger, PolicyRef};
use crate::policy::Policy;
use crate::storage::{Fault, Memory, Step};

const NOON: i64 = 1_795_176_000_000_000;

fn policy(level: &str) -> Policy {
    let text = format!(
        "[service]\nname = \"clinic\"\n[storage]\nroot = \"/log\"\n[channels.app]\nlevel = \"{level}\"\n"
    );
    Policy::parse(&text, "p").unwrap()
}

fn changes(disk: &Memory) -> Vec<(PolicyRef, PolicyRef)> {
    let (base, state) = (Path::new("/log"), Path::new("/log/state"));
    let ledger = Ledger::attach(Arc::new(disk.clone()), base, state, Clock::manual(NOON)).unwrap();
    let entries = ledger.read().unwrap().entries.into_iter();
    entries
        .filter_map(|(_, entry)| match entry.fact {
            Fact::PolicyChanged { from, to } => Some((from, to)),
            _ => None,
        })
        .collect()
}

#[test]
fn a_policy_that_is_reloaded_stands_in_the_ledger_with_its_text_beside_it() {
    let disk = Memory::new();
    let options = crate::Options::new(policy("info")).storage(Arc::new(disk.clone()));
    let (_layer, guard) = options.clock(Clock::manual(NOON)).mirror(std::io::sink).open().unwrap();
    let handle = guard.handle();
    handle.reload(policy("info")).unwrap();
    assert_eq!(changes(&disk), [], "it is the same");
    let other = policy("debug");
    handle.reload(other.clone()).unwrap();
    let change = (policy("info").reference(), other.reference());
    assert_eq!(changes(&disk), std::slice::from_ref(&change));
    let kept = format!("/log/ledger/policies/{}.toml", change.1.sha256);
    assert!(disk.files().contains_key(Path::new(&kept)), "{kept}");
    // A ledger that cannot be written now is told when it can.
    disk.fault_on(Step::Append, "/log/ledger/ledger.jsonl", Fault::Lost(std::io::ErrorKind::StorageFull));
    handle.reload(policy("warn")).unwrap();
    disk.heal();
    assert_eq!(changes(&disk).len(), 1);
    assert!(guard.shutdown(std::time::Duration::from_secs(10)).is_complete());
    assert_eq!(changes(&disk).len(), 2);
}

#[test]
fn a_policy_that_is_refused_changes_nothing_in_the_ledger() {
    let disk = Memory::new();
    let options = crate::Options::new(policy("info")).storage(Arc::new(disk.clone()));
    let (_layer, guard) = options.clock(Clock::manual(NOON)).mirror(std::io::sink).open().unwrap();
    assert!(guard.handle().reload(policy("debug").root("/elsewhere")).is_err());
    assert_eq!(changes(&disk), []);
}
