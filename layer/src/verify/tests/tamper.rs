//! One test per kind of tampering: what is found, where, and that it is told apart from the others.

use super::support::*;
use crate::journal::merkle::Tree;
use crate::journal::note::Checkpoint;
use crate::journal::seal::Seal;
use crate::ledger::Fact;
use crate::storage::Storage as _;
use crate::verify::{Defect, Range, Witness};

/// In today's shard lines 1 to 5 are records, line 6 is a seal, and so on up to line 18.
const SECOND: Range = Range { first: 7, seal: 12 };

#[test]
fn a_log_as_it_was_written_is_whole() {
    let report = verified(&log());
    assert_eq!(wrong(&report), []);
    assert_eq!(notes(&report), [] as [&str; 0]);
    let shards: Vec<_> =
        report.shards.iter().map(|s| (s.shard.as_str(), s.state, s.records, s.seals)).collect();
    assert_eq!(
        shards,
        [
            ("app/2026-11-19", "closed", 20, 4),
            ("app/2026-11-20", "live", 15, 3),
            ("audit/2026-11-18", "closed", 20, 4),
            ("audit/2026-11-19", "closed", 20, 4),
            ("audit/2026-11-20", "live", 15, 3),
        ]
    );
    assert!(report.is_whole() && report.is_read());
    assert!(report.shards.iter().all(|shard| shard.sealed == shard.lines && shard.bytes > 1000));
}

#[test]
fn what_the_layer_writes_is_whole() {
    let report = verified(&written_by_the_layer());
    assert_eq!(wrong(&report), []);
    let records: Vec<_> = report.shards.iter().map(|s| (s.shard.as_str(), s.state, s.records)).collect();
    let seen = ["audit/2026-11-19", "audit/2026-11-20", "security/2026-11-19", "security/2026-11-20"];
    for id in seen {
        let found = records.iter().find(|(shard, ..)| *shard == id);
        assert!(found.is_some_and(|(_, _, records)| *records >= 20), "{id} in {records:?}");
    }
    assert!(report.bases[0].entries >= 6 && report.bases[0].vkey.is_some());
}

#[test]
fn a_changed_line_is_found_between_its_seals() {
    let disk = log();
    edit(&disk, TODAY, |lines| lines[8][30] ^= 1);
    let report = verified(&disk);
    assert_eq!(wrong(&report), [(TODAY.into(), Some(7), "lines_changed")]);
    assert_eq!(defect(&report, "lines_changed"), &Defect::LinesChanged(SECOND));
    let before: usize = read(&disk, TODAY).split_inclusive(|b| *b == b'\n').take(6).map(<[u8]>::len).sum();
    assert_eq!(report.findings[0].offset, Some(before as u64));
}

#[test]
fn swapped_lines_are_found() {
    let disk = log();
    edit(&disk, TODAY, |lines| lines.swap(7, 8));
    assert_eq!(wrong(&verified(&disk)), [(TODAY.into(), Some(7), "lines_changed")]);
}

#[test]
fn a_removed_line_is_found_and_counted() {
    let disk = log();
    edit(&disk, TODAY, |lines| drop(lines.remove(8)));
    let report = verified(&disk);
    assert_eq!(
        wrong(&report),
        [(TODAY.into(), Some(7), "lines_removed"), (TODAY.into(), Some(18), "rolled_back")]
    );
    assert_eq!(defect(&report, "lines_removed"), &Defect::LinesRemoved(Range { first: 7, seal: 11 }, 1));
}

#[test]
fn an_added_line_is_found_and_counted() {
    let disk = log();
    edit(&disk, TODAY, |lines| lines.insert(8, b"{\"v\":1,\"message\":\"never happened\"}\n".to_vec()));
    let report = verified(&disk);
    assert_eq!(wrong(&report), [(TODAY.into(), Some(7), "lines_added")]);
    assert_eq!(defect(&report, "lines_added"), &Defect::LinesAdded(Range { first: 7, seal: 13 }, 1));
}

#[test]
fn a_removed_seal_is_found() {
    let disk = log();
    edit(&disk, TODAY, |lines| drop(lines.remove(5)));
    let report = verified(&disk);
    assert_eq!(wrong(&report)[0], (TODAY.into(), Some(1), "lines_removed"));
}

#[test]
fn a_changed_seal_is_told_from_changed_lines() {
    let disk = log();
    edit(&disk, TODAY, |lines| {
        let seal = String::from_utf8(lines[11].clone()).unwrap();
        assert!(seal.contains("\"size\":11,"));
        lines[11] = seal.replace("\"size\":11,", "\"size\":10,").into_bytes();
    });
    assert_eq!(defect(&verified(&disk), "seal_changed"), &Defect::SealChanged(SECOND));
    let disk = log();
    edit(&disk, TODAY, |lines| lines[11].insert(9, b' '));
    assert_eq!(defect(&verified(&disk), "seal_malformed"), &Defect::SealMalformed(SECOND));
}

#[test]
fn a_tail_cut_at_a_seal_is_a_rollback() {
    let disk = log();
    edit(&disk, TODAY, |lines| lines.truncate(12));
    let report = verified(&disk);
    assert_eq!(wrong(&report), [(TODAY.into(), Some(13), "rolled_back")]);
    assert!(matches!(defect(&report, "rolled_back"), Defect::RolledBack { known: 18, found: 12, .. }));
}

#[test]
fn a_tail_cut_with_its_checkpoint_is_known_to_the_lock_file() {
    let disk = log();
    edit(&disk, TODAY, |lines| lines.truncate(12));
    let mut tree = Tree::new();
    tree.push_lines(&read(&disk, TODAY));
    // Whoever has the key can do this; the lock file lies elsewhere.
    let note = Checkpoint::of("clinic/-/audit/2026-11-20", &tree).sign(&signer());
    write(&disk, "/log/audit/2026-11-20.checkpoint", note.as_bytes());
    let report = verified(&disk);
    assert_eq!(wrong(&report), [(TODAY.into(), Some(13), "rolled_back")]);
    assert!(matches!(defect(&report, "rolled_back"), Defect::RolledBack { by: Witness::LockFile, .. }));
}

#[test]
fn a_closed_shard_cut_at_a_seal_is_known_to_the_ledger() {
    let disk = log();
    edit(&disk, CLOSED, |lines| lines.truncate(12));
    disk.remove("/log/audit/2026-11-19.checkpoint".as_ref()).unwrap();
    let report = verified(&disk);
    assert_eq!(
        wrong(&report),
        [
            ("/log/audit/2026-11-19.checkpoint".into(), None, "missing_checkpoint"),
            (CLOSED.into(), Some(13), "rolled_back"),
        ]
    );
    assert!(matches!(defect(&report, "rolled_back"), Defect::RolledBack { by: Witness::Ledger, .. }));
}

#[test]
fn a_torn_and_an_unsealed_tail_are_told_apart_and_harm_no_live_shard() {
    let disk = log();
    edit(&disk, TODAY, |lines| lines.push(b"{\"v\":1}\n{\"v\"".to_vec()));
    let report = verified(&disk);
    assert_eq!((wrong(&report), notes(&report)), (vec![], vec!["unsealed_tail", "torn_tail"]));
    let disk = log();
    edit(&disk, CLOSED, |lines| lines.push(b"{\"v\":1}\n{\"v\"".to_vec()));
    let report = verified(&disk);
    let names: Vec<_> = wrong(&report).iter().map(|(_, line, name)| (*line, *name)).collect();
    assert_eq!(
        names,
        [(Some(25), "unsealed_tail"), (Some(25), "grown_after_close"), (Some(26), "torn_tail")]
    );
}

#[test]
fn a_removed_shard_is_a_gap_unless_a_certificate_says_why() {
    let disk = log();
    disk.remove(CLOSED.as_ref()).unwrap();
    // That of `app/2026-11-18` is gone as well, with a certificate.
    assert_eq!(wrong(&verified(&disk)), [(CLOSED.into(), None, "missing_shard")]);
}

#[test]
fn a_live_shard_that_is_gone_is_a_gap() {
    let disk = log();
    disk.remove(TODAY.as_ref()).unwrap();
    assert_eq!(wrong(&verified(&disk)), [(TODAY.into(), None, "missing_shard")]);
}

#[test]
fn a_purged_shard_that_is_back_is_told() {
    let (disk, other) = (log(), log());
    let mut again = Log::new();
    again.shard("app/2026-11-18", 4, 5);
    write(&disk, "/log/app/2026-11-18.jsonl", &read(&again.disk, "/log/app/2026-11-18.jsonl"));
    write(&disk, "/log/app/2026-11-18.checkpoint", &read(&again.disk, "/log/app/2026-11-18.checkpoint"));
    assert_eq!(wrong(&verified(&other)), []);
    assert_eq!(wrong(&verified(&disk)), [("/log/app/2026-11-18.jsonl".into(), None, "purged_but_present")]);
}

#[test]
fn a_missing_checkpoint_is_found() {
    let disk = log();
    disk.remove("/log/audit/2026-11-20.checkpoint".as_ref()).unwrap();
    let expected = [("/log/audit/2026-11-20.checkpoint".into(), None, "missing_checkpoint")];
    assert_eq!(wrong(&verified(&disk)), expected);
}

#[test]
fn a_shard_replaced_by_an_older_copy_is_a_rollback() {
    let disk = log();
    let mut older = Log::new();
    older.shard("audit/2026-11-20", 2, 5);
    for end in ["jsonl", "checkpoint"] {
        let path = format!("/log/audit/2026-11-20.{end}");
        write(&disk, &path, &read(&older.disk, &path));
    }
    assert_eq!(wrong(&verified(&disk)), [(TODAY.into(), Some(13), "rolled_back")]);
}

#[test]
fn lines_under_a_seal_of_another_key_are_found() {
    let disk = log();
    let line = b"{\"v\":1,\"message\":\"never happened\"}\n".to_vec();
    edit(&disk, TODAY, |lines| {
        let mut tree = Tree::new();
        lines.push(line);
        tree.push_lines(&lines.concat());
        let other = crate::journal::key::Signer::from_seed(&[8; 32]);
        lines.push(Seal::new(&other, "clinic/-/audit/2026-11-20", &tree).line().into_bytes());
    });
    let report = verified(&disk);
    assert_eq!(wrong(&report), [(TODAY.into(), Some(20), "bad_signature")]);
    let shard = report.shards.iter().find(|shard| shard.shard == "audit/2026-11-20").unwrap();
    assert_eq!(shard.sealed, 18, "what was sealed before it holds");
}

#[test]
fn a_shard_of_another_origin_is_named() {
    let disk = log();
    write(&disk, TODAY, &read(&disk, CLOSED));
    write(&disk, "/log/audit/2026-11-20.checkpoint", &read(&disk, "/log/audit/2026-11-19.checkpoint"));
    let report = verified(&disk);
    let names: Vec<_> = wrong(&report).iter().map(|(_, _, name)| *name).collect();
    assert!(names.contains(&"foreign_checkpoint") && names.contains(&"bad_signature"), "{names:?}");
    let of = Defect::BadSignature { of: Some("clinic/-/audit/2026-11-19".into()) };
    assert_eq!(defect(&report, "bad_signature"), &of);
}

#[test]
fn a_shard_that_nobody_opened_is_told_and_so_is_a_file_that_is_nobodys() {
    let disk = log();
    let mut other = Log::new();
    other.shard("audit/2026-11-17", 2, 5);
    for end in ["jsonl", "checkpoint"] {
        let path = format!("/log/audit/2026-11-17.{end}");
        write(&disk, &path, &read(&other.disk, &path));
    }
    write(&disk, "/log/audit/notes.txt", b"remember the milk");
    let report = verified(&disk);
    assert_eq!(wrong(&report), [("/log/audit/2026-11-17.jsonl".into(), None, "never_opened")]);
    assert_eq!(notes(&report), ["foreign_file"]);
}

#[test]
fn an_absent_close_is_told_where_another_shard_has_followed() {
    let mut log = Log::new();
    log.shard("audit/2026-11-18", 2, 5);
    log.shard("audit/2026-11-19", 2, 5);
    let report = verified(&log.finish());
    assert_eq!(wrong(&report), [("/log/audit/2026-11-18.jsonl".into(), None, "never_closed")]);
    assert_eq!(notes(&report), ["never_closed"], "the newest one may be closed by the next start");
}

#[test]
fn a_changed_ledger_is_found_like_any_log() {
    let ledger = "/log/ledger/ledger.jsonl";
    let disk = log();
    edit(&disk, ledger, |lines| lines[4][20] ^= 1);
    assert_eq!(wrong(&verified(&disk))[0], (ledger.into(), Some(5), "lines_changed"));
    let disk = log();
    edit(&disk, ledger, |lines| lines.truncate(lines.len() - 2));
    let found = wrong(&verified(&disk));
    assert!(found.iter().any(|(file, _, name)| file == ledger && *name == "rolled_back"), "{found:?}");
}

#[test]
fn an_unsealed_certificate_is_said_by_nobody() {
    let disk = log();
    disk.remove(CLOSED.as_ref()).unwrap();
    let shard = log_ref();
    let (store, rule) = ("live".into(), "retention.default".into());
    let entry: crate::ledger::Entry = Fact::Purged { shard, store, rule, policy: policy() }.into();
    edit(&disk, "/log/ledger/ledger.jsonl", |lines| {
        lines.push(format!("{}\n", serde_json::to_string(&entry).unwrap()).into_bytes());
    });
    assert_eq!(wrong(&verified(&disk)), [(CLOSED.into(), None, "missing_shard")]);
}

fn log_ref() -> crate::ledger::ShardRef {
    Log::new().shard("audit/2026-11-19", 4, 5)
}

#[test]
fn a_lock_file_that_is_gone_or_changed_is_found() {
    let heads = "/log/state/heads";
    let disk = log();
    disk.remove(heads.as_ref()).unwrap();
    assert_eq!(wrong(&verified(&disk)), [(heads.into(), None, "missing_lock_file")]);
    let disk = log();
    edit(&disk, heads, |lines| {
        let line = String::from_utf8(lines[1].clone()).unwrap();
        lines[1] = line.replace("\"size\":18", "\"size\":19").into_bytes();
    });
    assert_eq!(wrong(&verified(&disk)), [(TODAY.into(), Some(19), "rolled_back")]);
}

#[test]
fn a_shard_alone_and_a_channel_alone_are_verified() {
    let disk = log();
    edit(&disk, TODAY, |lines| lines[8][30] ^= 1);
    let app = verifier(&disk).channel("app").run(&|_| {}).unwrap();
    assert_eq!((wrong(&app), app.shards.len()), (vec![], 2));
    let shard = verifier(&disk).shard("audit/2026-11-20".parse().unwrap()).run(&|_| {}).unwrap();
    assert_eq!((wrong(&shard).len(), shard.shards.len()), (1, 1));
}

#[test]
fn progress_ends_with_all_bytes() {
    let last = std::sync::Mutex::new(None);
    let disk = log();
    let report = verifier(&disk).run(&|progress| *last.lock().unwrap() = Some(progress)).unwrap();
    let last = last.lock().unwrap().unwrap();
    assert_eq!((last.shards, last.of_shards), (5, 5));
    assert_eq!((last.bytes, last.of_bytes), (report.bytes(), report.bytes()));
}
