//! What goes into a bundle.

use std::path::Path;

use super::support::*;
use crate::bundle::{BundleError, Request};
use crate::ledger::Fact;
use crate::storage::{Fault, Memory, Step, Storage as _};
use crate::verify::tests::support::{edit, verified, wrong};

const DAYS: [&str; 2] = ["audit/2026-11-19", "audit/2026-11-20"];
const IN: &str = "/bundle/clinic/-";

#[test]
fn whole_shards_are_the_logs_own_bytes_and_prove_themselves() {
    let disk = written_by_the_layer();
    export(&disk, &asked("audit", &[])).unwrap();
    for day in DAYS {
        for ending in ["jsonl", "checkpoint"] {
            let (log, copy) = (format!("/log/{day}.{ending}"), format!("{IN}/{day}.{ending}"));
            assert_eq!(read(&disk, log), read(&disk, copy));
        }
    }
    assert!(!disk.files().contains_key(Path::new(&format!("{IN}/audit/2026-11-19.proof"))));
    assert!(!disk.files().keys().any(|path| path.starts_with(format!("{IN}/security"))));
    let contents = checked(&alone(&disk));
    assert!(contents.is_whole(), "{}", what(&contents));
    let shards = &contents.logs[0].shards;
    assert_eq!(shards.iter().map(|s| s.shard.as_str()).collect::<Vec<_>>(), DAYS);
    assert!(shards.iter().all(|shard| shard.whole && shard.lines == shard.size));
    assert_eq!(contents.records(), 40);
    assert_eq!(wrong(&verified(&disk)), [], "and the log is none the worse");
}

#[test]
fn chosen_records_prove_themselves_and_no_other_line_is_there() {
    let disk = written_by_the_layer();
    export(&disk, &asked("audit", &["n=12"])).unwrap();
    let alone = alone(&disk);
    let contents = checked(&alone);
    assert!(contents.is_whole(), "{}", what(&contents));
    assert_eq!(contents.records(), 2);
    for day in DAYS {
        let lines = read(&alone, format!("{IN}/{day}.jsonl"));
        assert_eq!(lines.split(|b| *b == b'\n').count(), 2, "one line and its end");
        assert!(String::from_utf8(lines).unwrap().contains("\"n\":12"));
    }
    assert!(contents.logs[0].shards.iter().all(|shard| !shard.whole && shard.lines == 1));
}

#[test]
fn whole_shards_can_be_asked_for_by_what_one_record_says() {
    let request = Request { whole: true, ..asked("audit", &["n=12"]) };
    let contents = checked(&bundle(&request));
    assert!(contents.is_whole() && contents.logs[0].shards.iter().all(|shard| shard.whole));
    let one = Request { shards: vec!["audit/2026-11-19".parse().unwrap()], ..asked("audit", &[]) };
    let contents = checked(&bundle(&one));
    assert_eq!(contents.records(), 20);
}

#[test]
fn the_ledgers_part_tells_of_this_export_and_of_no_other_business() {
    let disk = written_by_the_layer();
    let other = Fact::Read { channel: "audit".into(), query: "who is ill".into() };
    ledger(&disk).append(other.into()).unwrap();
    export(&disk, &asked("audit", &["n=12"])).unwrap();
    let text = String::from_utf8(read(&disk, format!("{IN}/ledger/ledger.jsonl"))).unwrap();
    assert!(text.contains("\"fact\":\"exported\"") && text.contains("channel audit; where n=12"), "{text}");
    assert!(!text.contains("who is ill") && !text.contains("security/"), "{text}");
    let contents = checked(&alone(&disk));
    let export = contents.logs[0].export.as_ref().unwrap();
    assert!(matches!(export.fact, Fact::Exported { records: 2, .. }));
}

#[test]
fn what_is_not_as_it_was_sealed_is_not_exported() {
    let disk = written_by_the_layer();
    assert!(selected(&disk, &asked("audit", &[])).is_ok());
    edit(&disk, "/log/audit/2026-11-19.jsonl", |lines| lines[1][70] ^= 1);
    let error = selected(&disk, &asked("audit", &[])).unwrap_err();
    assert!(matches!(&error, BundleError::NotWhole { findings } if findings.len() == 1), "{error}");
    assert!(selected(&disk, &asked("security", &[])).is_ok(), "the other channel is whole");
    // Chosen before it was changed: the lines do not lead to the checkpoint.
    let disk = written_by_the_layer();
    let chosen = selected(&disk, &asked("audit", &["n=12"])).unwrap();
    edit(&disk, "/log/audit/2026-11-20.jsonl", |lines| lines[1][70] ^= 1);
    let storage = std::sync::Arc::new(disk.clone()) as _;
    let none = crate::archive::Identities::none();
    let written = crate::bundle::write(&storage, &chosen, &none, Path::new(OUT), &|_| None);
    assert!(matches!(written, Err(BundleError::NoCheckpoint { .. })), "{written:?}");
}

#[test]
fn a_changed_ledger_exports_nothing() {
    let disk = written_by_the_layer();
    edit(&disk, "/log/ledger/ledger.jsonl", |lines| lines[0][40] ^= 1);
    assert!(matches!(selected(&disk, &asked("audit", &[])), Err(BundleError::NotWhole { .. })));
}

#[test]
fn nothing_is_written_over_and_nothing_found_is_no_bundle() {
    let disk = written_by_the_layer();
    assert!(matches!(export(&disk, &asked("audit", &["n=nowhere"])), Err(BundleError::Nothing)));
    assert!(matches!(export(&disk, &asked("nobody", &[])), Err(BundleError::Nothing)));
    disk.put("/bundle/letter.txt", b"dear");
    let error = export(&disk, &asked("audit", &[])).unwrap_err();
    assert!(matches!(error, BundleError::Occupied { .. }), "{error}");
    assert_eq!(read(&disk, "/bundle/letter.txt"), b"dear");
}

/// A bundle is one from its last step on.
#[test]
fn an_export_that_dies_anywhere_leaves_no_bundle_or_a_whole_one() {
    let (mut whole, mut halves) = (0, 0);
    for step in 1.. {
        let disk = written_by_the_layer();
        let (chosen, line) = entered(&disk, &asked("audit", &["n=12"])).unwrap();
        let before = disk.steps();
        disk.fault_at(before + step, Fault::Halt);
        let _ = written(&disk, &chosen, line);
        let reached = disk.steps() >= before + step;
        for after in [disk.kill(), disk.power_cut(0)] {
            if after.stat(Path::new(OUT)).unwrap().is_none() {
                continue;
            }
            match checked(&after).is_whole() {
                true => whole += 1,
                false => halves += 1,
            }
            let done = after.files().contains_key(Path::new("/bundle/SHA256SUMS"));
            assert_eq!(checked(&after).is_whole(), done, "after step {step}");
        }
        if !reached {
            break;
        }
    }
    assert!(whole >= 2 && halves > 10, "{whole} whole, {halves} half");
}

#[test]
fn a_full_disk_is_told() {
    let disk = written_by_the_layer();
    let chosen = selected(&disk, &asked("audit", &[])).unwrap();
    disk.fault_on(Step::Append, OUT, Fault::Torn(std::io::ErrorKind::StorageFull));
    let none = crate::archive::Identities::none();
    let storage = std::sync::Arc::new(Memory::clone(&disk)) as _;
    let written = crate::bundle::write(&storage, &chosen, &none, Path::new(OUT), &|_| None);
    assert!(matches!(written, Err(BundleError::Io { what: "write", .. })), "{written:?}");
}
