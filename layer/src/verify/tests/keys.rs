//! Whose key: pinned, rotated, exchanged, lying about.

use std::path::Path;
use std::sync::Arc;

use super::support::*;
use crate::clock::Clock;
use crate::journal::key::Signer;
use crate::journal::merkle::Tree;
use crate::journal::note::Checkpoint;
use crate::journal::seal::Seal;
use crate::ledger::{Entry, Fact, Ledger};
use crate::storage::{Memory, Storage as _};

fn vkey(signer: &Signer) -> String {
    signer.public().vkey("clinic/-/ledger")
}

fn other() -> Signer {
    Signer::from_seed(&[8; 32])
}

#[test]
fn a_pinned_key_is_the_logs_own_or_it_is_told() {
    let disk = log();
    let pinned = |signer: &Signer| verifier(&disk).vkey(&vkey(signer)).unwrap().run(&|_| {}).unwrap();
    let report = pinned(&signer());
    assert_eq!(wrong(&report), []);
    assert!(report.bases[0].pinned);
    let found = wrong(&pinned(&other()));
    assert!(found.iter().any(|(_, _, name)| *name == "foreign_key"), "{found:?}");
    assert!(verifier(&disk).vkey("clinic/-/ledger+00000000+AAAA").is_none());
}

#[test]
fn a_pinned_checkpoint_tells_a_log_that_was_written_anew() {
    let disk = log();
    let note = String::from_utf8(read(&disk, "/log/audit/2026-11-20.checkpoint")).unwrap();
    let against = |disk: &Memory| verifier(disk).checkpoint("old.checkpoint", &note).run(&|_| {}).unwrap();
    assert_eq!(wrong(&against(&disk)), []);
    // With the key, and all side files written anew: whole in itself, and not what it was.
    let mut anew = Log::new();
    anew.shard("audit/2026-11-20", 4, 4);
    let anew = anew.finish();
    assert_eq!(wrong(&verified(&anew)), []);
    assert_eq!(wrong(&against(&anew)), [(TODAY.into(), None, "not_as_witnessed")]);
    let mut shorter = Log::new();
    shorter.shard("audit/2026-11-20", 2, 5);
    assert_eq!(wrong(&against(&shorter.finish())), [(TODAY.into(), Some(13), "rolled_back")]);
}

#[test]
fn a_pinned_checkpoint_of_a_shard_that_is_nowhere_is_told() {
    let disk = log();
    let mut tree = Tree::new();
    tree.push_lines(b"{}\n");
    let note = Checkpoint::of("clinic/-/audit/2026-11-01", &tree).sign(&signer());
    let report = verifier(&disk).checkpoint("old.checkpoint", note).run(&|_| {}).unwrap();
    assert_eq!(wrong(&report), [("/log/audit/2026-11-01.jsonl".into(), None, "rolled_back")]);
}

#[test]
fn a_rotation_is_followed_and_an_unannounced_key_is_not() {
    let rotated = |announced: bool| {
        let mut log = Log::new();
        let shard = log.shard("audit/2026-11-19", 2, 5);
        log.close(&shard);
        if announced {
            log.tell(Fact::KeyRotated { old: vkey(&signer()), new: vkey(&other()) });
        }
        let disk = log.finish();
        disk.remove(Path::new("/log/state/signing.key")).unwrap();
        other().save(&disk, Path::new("/log/state/signing.key")).unwrap();
        let ledger = Ledger::open(
            Arc::new(disk.clone()),
            Path::new("/log"),
            "clinic/-/ledger".into(),
            Arc::new(other()),
            Clock::manual(NOON),
        );
        let opened = Fact::LogOpened { vkey: vkey(&other()), policy: policy() };
        let appended = ledger.unwrap().append(opened.clone().into());
        assert_eq!(appended.is_ok(), announced, "the layer itself seals under no key that nobody announced");
        if !announced {
            forge(&disk, opened.into());
        }
        disk
    };
    let disk = rotated(true);
    assert_eq!(wrong(&verified(&disk)), []);
    for pinned in [signer(), other()] {
        let report = verifier(&disk).vkey(&vkey(&pinned)).unwrap().run(&|_| {}).unwrap();
        assert_eq!(wrong(&report), [], "both keys are the log's own");
    }
    let names: Vec<_> = wrong(&verified(&rotated(false))).into_iter().map(|(_, _, name)| name).collect();
    assert!(names.contains(&"key_not_rotated") && names.contains(&"bad_signature"), "{names:?}");
}

/// Writes an entry under another key, past the layer.
fn forge(disk: &Memory, entry: Entry) {
    let mut bytes = read(disk, LEDGER);
    let mut tree = Tree::new();
    tree.push_lines(&bytes);
    let line = serde_json::to_string(&entry).unwrap() + "\n";
    tree.push_lines(line.as_bytes());
    let seal = Seal::new(&other(), "clinic/-/ledger", &tree).line();
    tree.push_lines(seal.as_bytes());
    bytes.extend_from_slice(line.as_bytes());
    bytes.extend_from_slice(seal.as_bytes());
    write(disk, LEDGER, &bytes);
    let note = Checkpoint::of("clinic/-/ledger", &tree).sign(&other());
    write(disk, "/log/ledger/ledger.checkpoint", note.as_bytes());
}

const LEDGER: &str = "/log/ledger/ledger.jsonl";

/// A forger begins a ledger under a key of their own, and lets its last entry rotate to the pinned one.
#[test]
fn a_ledger_that_only_ends_at_the_pinned_key_is_not_trusted() {
    let log = Log::new();
    log.tell(Fact::KeyRotated { old: vkey(&signer()), new: vkey(&other()) });
    let disk = log.finish();
    let report = verifier(&disk).vkey(&vkey(&other())).unwrap().run(&|_| {}).unwrap();
    assert!(wrong(&report).iter().any(|(_, _, name)| *name == "foreign_key"));
}

#[test]
fn a_key_file_that_others_may_read_or_that_is_another_key_is_told() {
    let path = "/log/state/signing.key";
    let disk = log();
    disk.remove(path.as_ref()).unwrap();
    other().save(&disk, path.as_ref()).unwrap();
    assert_eq!(wrong(&verified(&disk)), [(path.into(), None, "bad_key_file")]);
    // Without the file nothing is wrong: an auditor has a copy of the log, and no business with the key.
    disk.remove(path.as_ref()).unwrap();
    assert_eq!(wrong(&verified(&disk)), []);
}

#[test]
fn a_root_without_a_ledger_says_so_and_is_read_all_the_same() {
    let disk = log();
    for file in ["ledger.jsonl", "ledger.checkpoint"] {
        disk.remove(&Path::new("/log/ledger").join(file)).unwrap();
    }
    let names: Vec<_> = wrong(&verified(&disk)).into_iter().map(|(_, _, name)| name).collect();
    assert!(names.contains(&"missing_ledger") && names.contains(&"no_key"), "{names:?}");
    let report = verifier(&disk).vkey(&vkey(&signer())).unwrap().run(&|_| {}).unwrap();
    assert_eq!(wrong(&report), [("/log/ledger".into(), None, "missing_ledger")]);
    edit(&disk, TODAY, |lines| lines[8][30] ^= 1);
    let report = verifier(&disk).vkey(&vkey(&signer())).unwrap().run(&|_| {}).unwrap();
    assert!(wrong(&report).contains(&(TODAY.into(), Some(7), "lines_changed")));
}
