//! Logs of which a part lies in an archive, in its own or in a folder that the policy names.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::support::*;
use crate::archive::Archiver;
use crate::catalog::{Places, ShardId};
use crate::clock::Clock;
use crate::ledger::Ledger;
use crate::policy::Policy;
use crate::storage::{Memory, Storage as _};
use crate::verify::{Report, Verifier};

/// A log with the closed shard of audit in the archive; and its policy.
fn archived(rules: &str) -> (Memory, Policy) {
    let disk = written_by_the_layer();
    let text = format!("[service]\nname = \"clinic\"\n[storage]\nroot = \"/log\"\n[archive]\n{rules}");
    let policy = Policy::parse(&text, "p").unwrap();
    let (base, state) = (Path::new("/log"), Path::new("/log/state"));
    let clock = Clock::manual(NOON);
    let ledger = Ledger::attach(Arc::new(disk.clone()), base, state, clock.clone()).unwrap();
    let archiver = Archiver::open(&policy, Arc::new(disk.clone()), base, &ledger, clock).unwrap();
    let shard: ShardId = "audit/2026-11-19".parse().unwrap();
    let record = |fact: crate::ledger::Fact| ledger.append(fact.into()).map(drop);
    let report = archiver.run(&[(shard, PathBuf::from(CLOSED))], &record, &mut |_| {}).unwrap();
    assert_eq!(report.archived.len(), 1, "{:?}", report.failed);
    assert!(!disk.files().contains_key(Path::new(CLOSED)));
    (disk, policy)
}

fn verified(disk: &Memory, policy: &Policy) -> Report {
    let verifier = Verifier::new(Arc::new(disk.clone()), Places::of(policy)).clock(Clock::manual(NOON));
    verifier.run(&|_| {}).unwrap()
}

/// State and records of the shard that was archived.
fn state(report: &Report) -> Vec<(&'static str, u64)> {
    let of = report.shards.iter().filter(|shard| shard.shard == "audit/2026-11-19");
    of.map(|shard| (shard.state, shard.records)).collect()
}

#[test]
fn an_archived_shard_is_verified_to_its_last_line_wherever_the_policy_keeps_it() {
    for (rules, file) in [
        ("", "/log/archive/audit/2026/11/2026-11-19.jsonl.zst"),
        ("stores = [\"/cold\"]", "/cold/audit/2026/11/2026-11-19.jsonl.zst"),
        ("stores = [\"/log/archive\"]", "/log/archive/audit/2026/11/2026-11-19.jsonl.zst"),
    ] {
        let (disk, policy) = archived(rules);
        let report = verified(&disk, &policy);
        assert_eq!((wrong(&report), state(&report)), (vec![], vec![("archived", 20)]), "{rules}");
        let mut bytes = read(&disk, file);
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        write(&disk, file, &bytes);
        assert_eq!(wrong(&verified(&disk, &policy)), [(file.into(), None, "archive_changed")], "{rules}");
        disk.remove(Path::new(file)).unwrap();
        assert_eq!(wrong(&verified(&disk, &policy)), [(CLOSED.into(), None, "missing_shard")], "{rules}");
    }
}

#[test]
fn an_encrypted_shard_is_held_against_its_receipt_and_its_checkpoint() {
    let key = age::x25519::Identity::generate().to_public();
    let (disk, policy) = archived(&format!("stores = [\"/cold\"]\nrecipients = [\"{key}\"]"));
    let report = verified(&disk, &policy);
    assert_eq!((wrong(&report), state(&report)), (vec![], vec![("encrypted", 0)]));
    assert_eq!(notes(&report), ["encrypted"]);
    let file = "/cold/audit/2026/11/2026-11-19.jsonl.zst.age";
    let whole = read(&disk, file);
    for at in [0, whole.len() / 2, whole.len() - 1] {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        write(&disk, file, &bytes);
        assert_eq!(wrong(&verified(&disk, &policy)), [(file.into(), None, "archive_changed")], "byte {at}");
    }
    write(&disk, file, &whole);
    let note = "/cold/audit/2026/11/2026-11-19.checkpoint";
    let mut bytes = read(&disk, note);
    bytes[2] ^= 1;
    write(&disk, note, &bytes);
    let names: Vec<_> = wrong(&verified(&disk, &policy)).into_iter().map(|(file, ..)| file).collect();
    assert_eq!(names, [note]);
}

#[test]
fn what_lies_on_another_machine_is_noted_and_not_called_lost() {
    let (disk, _) = archived("stores = [\"/cold\"]");
    let report = super::support::verified(&disk);
    assert_eq!((wrong(&report), notes(&report)), (vec![], vec!["elsewhere"]));
}
