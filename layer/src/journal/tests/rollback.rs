//! A log that is not what it was known to be does not open, until somebody says that this is known.

use std::path::Path;
use std::sync::Arc;

use super::support::*;
use crate::catalog::Places;
use crate::clock::Clock;
use crate::journal::rotate_key;
use crate::journal::{OpenError, accept_rollback, shard};
use crate::ledger::Fact;
use crate::operation::Caller;
use crate::policy::Policy;
use crate::storage::{Fault, Memory, Storage};
use crate::verify::Verifier;

const TODAY: &str = "/logs/app/2026-11-20.jsonl";

/// A closed shard of the day before, and one of today with two commits.
fn logged() -> Memory {
    let disk = Memory::new();
    let clock = Clock::manual(NOON - DAY);
    let journal = open_at(&policy("/logs"), &disk, clock.clone()).unwrap();
    for n in 0..4 {
        journal.append(ONE, &record(n, 60));
        journal.commit(ONE).unwrap();
        if n == 1 {
            clock.set(NOON);
        }
    }
    drop(journal);
    disk
}

fn file(disk: &Memory, path: &str) -> Vec<u8> {
    disk.files()[Path::new(path)].clone()
}

fn refused(disk: &Memory) -> OpenError {
    let before = disk.files();
    let error = open(&policy("/logs"), disk).expect_err("it opened");
    let mut after = disk.files();
    // The lock file of the process is no part of the log.
    after.insert("/logs/.lock".into(), before[Path::new("/logs/.lock")].clone());
    for (path, bytes) in &before {
        assert!(after.get(path) == Some(bytes), "{} was touched", path.display());
    }
    error
}

fn jo() -> Caller {
    Caller::new("jo", Vec::new())
}

fn accept(disk: &Memory) -> Vec<(String, u64, u64)> {
    let storage: Arc<dyn Storage> = Arc::new(disk.clone());
    let accepted = accept_rollback(
        &policy("/logs"),
        &storage,
        &Clock::manual(NOON),
        (&jo(), None),
        "the disk was replaced",
    )
    .unwrap();
    accepted.into_iter().map(|a| (a.log, a.known, a.found)).collect()
}

#[test]
fn a_shard_cut_back_to_an_earlier_seal_is_a_rollback() {
    let disk = logged();
    drop(open(&policy("/logs"), &disk.kill()).expect("positive control: it opens as it is"));
    let whole = file(&disk, TODAY);
    let third = whole.iter().enumerate().filter(|(_, b)| **b == b'\n').nth(1).unwrap().0 + 1;
    for (cut, found) in [(third, 2), (third + 10, 2), (0, 0), (5, 0)] {
        let disk = disk.kill();
        disk.put(TODAY, &whole[..cut]);
        let error = refused(&disk);
        let OpenError::Rollback { id, known: 4, found: Some(n), .. } = &error else { panic!("{error}") };
        assert_eq!((id.as_str(), *n), ("app/2026-11-20", found));
        assert!(error.to_string().contains("dihya accept-rollback"), "{error}");
        assert_eq!(accept(&disk), [("app/2026-11-20".into(), 4, found)]);
        let journal = open(&policy("/logs"), &disk).unwrap();
        journal.append(ONE, &record(9, 60));
        journal.commit(ONE).unwrap();
        drop(journal);
        assert_eq!(file(&disk, TODAY), &whole[..cut], "what was accepted stays as it is");
        assert!(disk.files().contains_key(Path::new("/logs/app/2026-11-20.1.jsonl")));
        assert!(facts(&disk).contains(&Fact::RollbackAccepted {
            log: "app/2026-11-20".into(),
            known: 4,
            found
        }));
    }
}

#[test]
fn a_shard_that_is_gone_is_a_rollback() {
    for gone in [TODAY, "/logs/app/2026-11-19.jsonl"] {
        let disk = logged();
        disk.discard(gone);
        let error = refused(&disk);
        assert!(
            matches!(&error, OpenError::Rollback { log, found: None, .. } if log == Path::new(gone)),
            "{error}"
        );
        assert_eq!(accept(&disk).len(), 1);
        drop(open(&policy("/logs"), &disk).unwrap());
    }
}

#[test]
fn an_old_copy_of_the_ledger_is_a_rollback() {
    let path = "/logs/ledger/ledger.jsonl";
    let disk = logged();
    let whole = file(&disk, path);
    let lines: Vec<usize> =
        whole.iter().enumerate().filter(|(_, b)| **b == b'\n').map(|(at, _)| at + 1).collect();
    disk.put(path, &whole[..lines[lines.len() - 3]]);
    assert!(matches!(refused(&disk), OpenError::Rollback { id, .. } if id == "ledger"));
    assert_eq!(accept(&disk)[0].0, "ledger");
    drop(open(&policy("/logs"), &disk).unwrap());
    let disk = logged();
    disk.discard(path);
    assert!(matches!(refused(&disk), OpenError::Rollback { id, found: None, .. } if id == "ledger"));
}

#[test]
fn another_key_or_none_is_refused_before_anything_is_done() {
    let path = Path::new("/logs/state/signing.key");
    let disk = logged();
    disk.discard(path);
    let error = refused(&disk);
    assert!(matches!(&error, OpenError::NoKey { .. }) && error.to_string().contains("backup"), "{error}");
    with_key(&disk);
    let error = refused(&disk);
    assert!(matches!(&error, OpenError::Key { .. }) && error.to_string().contains("backup"), "{error}");
}

#[test]
fn the_lock_file_may_lie_elsewhere() {
    let disk = Memory::new();
    let mut policy = policy("/logs");
    policy.state = Some("/state".into());
    policy.service.instance = Some("i1".into());
    drop(open(&policy, &disk).unwrap());
    for path in ["/state/i1/signing.key", "/state/i1/heads"] {
        assert!(disk.files().contains_key(Path::new(path)), "{path}");
    }
    assert_eq!(shard::day(NOON).to_string(), "2026-11-20");
}

#[test]
fn a_refused_operator_is_in_the_ledger_and_nothing_is_accepted() {
    let disk = logged();
    disk.discard(TODAY);
    let mut policy = policy("/logs");
    policy.roles =
        Policy::parse("[storage]\nroot = \"/logs\"\n[roles]\nadmin = [\"user:ada\"]\n", "p").unwrap().roles;
    let storage: Arc<dyn Storage> = Arc::new(disk.clone());
    let clock = Clock::manual(NOON);
    let error = accept_rollback(&policy, &storage, &clock, (&jo(), None), "why not").unwrap_err();
    assert!(matches!(error, OpenError::Refused { .. }), "{error}");
    assert!(facts(&disk).contains(&Fact::Denied { operation: "accept_rollback".into() }));
    assert!(!facts(&disk).iter().any(|fact| matches!(fact, Fact::RollbackAccepted { .. })));
    refused(&disk);
}

#[test]
fn a_lock_file_that_is_gone_is_told_once_and_the_log_goes_on() {
    let disk = logged();
    disk.discard("/logs/state/heads");
    let missing = |disk: &Memory| facts(disk).iter().filter(|f| **f == Fact::LockFileMissing {}).count();
    drop(open(&policy("/logs"), &disk).unwrap());
    let told = |disk: &Memory| {
        events(disk, "/logs/app", "x").iter().filter(|(name, _)| name == "sys_lock_file_missing").count()
    };
    assert_eq!((missing(&disk), told(&disk)), (1, 1));
    let after_a_cut = disk.power_cut(0);
    drop(open(&policy("/logs"), &after_a_cut).unwrap());
    assert_eq!((missing(&after_a_cut), told(&after_a_cut)), (1, 1), "a power cut does not take it away");
    disk.discard("/logs/app/2026-11-19.jsonl");
    disk.discard("/logs/state/heads");
    refused(&disk);
}

#[test]
fn a_rotated_log_opens_goes_on_and_is_whole_wherever_the_rotation_died() {
    let rotate = |disk: &Memory| {
        let storage: Arc<dyn Storage> = Arc::new(disk.clone());
        rotate_key(&policy("/logs"), &storage, &Clock::manual(NOON), (&jo(), None), "yearly")
    };
    let disk = logged();
    let from = disk.steps();
    let rotated = rotate(&disk).unwrap();
    let steps = disk.steps() - from;
    assert_eq!(rotated.len(), 1, "positive control");
    assert_eq!(facts(&disk).iter().filter(|fact| matches!(fact, Fact::KeyRotated { .. })).count(), 1);
    whole(&disk);
    let mut changed = 0;
    for step in 1..=steps {
        for cut in [false, true] {
            let disk = logged();
            disk.fault_at(disk.steps() + step, Fault::Halt);
            let _ = rotate(&disk);
            let disk = if cut { disk.power_cut(0) } else { disk.kill() };
            let journal = open(&policy("/logs"), &disk).unwrap_or_else(|e| panic!("step {step}: {e}"));
            journal.append(ONE, &record(9, 60));
            journal.commit(ONE).unwrap();
            drop(journal);
            changed += facts(&disk).iter().filter(|f| matches!(f, Fact::KeyRotated { .. })).count();
            whole(&disk);
        }
    }
    assert!(changed > 0 && changed < 2 * steps as usize, "positive control: {changed} of {steps}");
}

#[test]
fn a_key_is_not_rotated_under_a_running_service() {
    let disk = logged();
    let _journal = open(&policy("/logs"), &disk).unwrap();
    let storage: Arc<dyn Storage> = Arc::new(disk.clone());
    let error =
        rotate_key(&policy("/logs"), &storage, &Clock::manual(NOON), (&jo(), None), "yearly").unwrap_err();
    assert!(matches!(error, OpenError::Busy { .. }), "{error}");
}

/// `dihya verify` finds nothing.
fn whole(disk: &Memory) {
    let verifier = Verifier::new(Arc::new(disk.clone()), Places::root("/logs")).clock(Clock::manual(NOON));
    let report = verifier.run(&|_| {}).unwrap();
    assert!(report.is_whole(), "{:?}", report.findings);
}
