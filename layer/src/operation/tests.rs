//! Operations on record, refused, left undone.

use std::path::Path;
use std::sync::Arc;

use super::*;
use crate::key::Signer;
use crate::storage::{Fault, Memory, Step, Storage as _};

const NOON: i64 = 1_795_176_000_000_000;

fn disk() -> Memory {
    let disk = Memory::new();
    disk.create_dir(Path::new("/log")).unwrap();
    disk
}

fn ledger(disk: &Memory) -> Ledger {
    let signer = Arc::new(Signer::from_seed(&[7; 32]));
    let disk = Arc::new(disk.clone());
    Ledger::open(disk, Path::new("/log"), "test/-/ledger".into(), signer, Clock::manual(NOON)).unwrap()
}

fn policy(roles: &str) -> Policy {
    Policy::parse(&format!("[storage]\nroot = \"logs\"\n[roles]\n{roles}"), "p").unwrap()
}

fn begin<'l>(
    kind: Kind,
    policy: &Policy,
    ledger: &'l Ledger,
    user: &str,
) -> Result<Operation<'l>, OperationError> {
    let caller = Caller::new(user, vec!["staff".into()]);
    Operation::begin(kind, policy, ledger, &Clock::manual(NOON), &caller, None, Some("the yearly run"))
}

fn entries(ledger: &Ledger) -> Vec<Entry> {
    ledger.read().unwrap().entries.into_iter().map(|(_, entry)| entry).collect()
}

#[test]
fn an_operation_leaves_who_why_how_long_and_how_much() {
    let disk = disk();
    let ledger = ledger(&disk);
    let mut operation = begin(Kind::Purge, &policy("operator = [\"user:ada\"]"), &ledger, "ada").unwrap();
    operation.record(Fact::HoldReleased { id: "x".into() }).unwrap();
    operation.add("shards", 2);
    operation.add("shards", 1);
    operation.end(Outcome::Partial).unwrap();
    let entries = entries(&ledger);
    assert_eq!(entries.len(), 2);
    for entry in &entries {
        assert_eq!(entry.operator.as_deref(), Some("ada"));
        assert_eq!(entry.reason.as_deref(), Some("the yearly run"));
        assert_eq!(entry.session, entries[0].session);
    }
    assert_eq!(entries[0].session.as_deref().map(str::len), Some(36));
    let Fact::Operation { operation, outcome, volume, .. } = &entries[1].fact else { panic!() };
    assert_eq!((operation.as_str(), outcome.as_str()), ("purge", "partial"));
    assert_eq!(volume, &BTreeMap::from([("shards".to_owned(), 3)]));
}

#[test]
fn what_nobody_ended_is_recorded_as_failed() {
    let disk = disk();
    let ledger = ledger(&disk);
    drop(begin(Kind::Archive, &policy(""), &ledger, "ada").unwrap());
    let Fact::Operation { outcome, .. } = &entries(&ledger)[0].fact else { panic!() };
    assert_eq!(outcome, "failure");
}

#[test]
fn a_denied_operation_is_refused_by_name_and_stands_in_the_ledger() {
    let disk = disk();
    let ledger = ledger(&disk);
    let error = begin(Kind::Purge, &policy("auditor = [\"group:staff\"]"), &ledger, "eve").unwrap_err();
    let text = error.to_string();
    assert!(text.contains("user eve has only auditor") && text.contains("operator, admin"), "{text}");
    let entries = entries(&ledger);
    assert_eq!(entries.len(), 1, "and no operation was begun");
    assert_eq!(entries[0].fact, Fact::Denied { operation: "purge".into() });
    assert_eq!(entries[0].operator.as_deref(), Some("eve"));
}

#[test]
fn a_refusal_holds_when_the_ledger_cannot_be_told() {
    let disk = disk();
    let ledger = ledger(&disk);
    disk.fault_on(Step::Append, "/log", Fault::Lost(io::ErrorKind::StorageFull));
    let error = begin(Kind::Purge, &policy("admin = [\"user:ada\"]"), &ledger, "eve").unwrap_err();
    assert!(matches!(error, OperationError::Unrecorded { .. }), "{error}");
}

#[test]
fn who_answers_for_it_is_named_beside_who_called() {
    let disk = disk();
    let ledger = ledger(&disk);
    let (clock, caller) = (Clock::manual(NOON), Caller::new("root", vec![]));
    let operation =
        Operation::begin(Kind::Archive, &policy(""), &ledger, &clock, &caller, Some("jo"), None).unwrap();
    operation.end(Outcome::Success).unwrap();
    assert_eq!(entries(&ledger)[0].operator.as_deref(), Some("jo (as root)"));
}

#[test]
fn what_destroys_needs_a_reason() {
    let disk = disk();
    let ledger = ledger(&disk);
    let (clock, caller) = (Clock::manual(NOON), Caller::new("ada", vec![]));
    for reason in [None, Some(""), Some("  ")] {
        let begun =
            Operation::begin(Kind::Purge, &policy(""), &ledger, &clock, &caller, None, reason).map(drop);
        assert!(matches!(begun, Err(OperationError::NoReason { .. })), "{reason:?}");
    }
    assert_eq!(entries(&ledger), []);
}
