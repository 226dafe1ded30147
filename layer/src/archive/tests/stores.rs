//! Stores that lie, that are full, that hold something else; disks whose shard was changed.

use std::io::{self, Read};
use std::path::Path;
use std::sync::Mutex;

use super::read::{keys, lines};
use super::support::{
    LIVE, archive, archive_with, assert_archived, failure, id, log, open_ledger, policy, reading,
};
use crate::archive::problem::ArchiveError;
use crate::archive::store::Store;
use crate::archive::{Identities, Restorer, Selection};
use crate::ledger::Fact;
use crate::storage::Memory;

/// What is kept of what was put.
type Keeps = fn(Vec<u8>) -> Option<Vec<u8>>;

/// A store that answers as if it had done what it was asked.
#[derive(Debug)]
struct Liar {
    kept: Mutex<Option<Vec<u8>>>,
    keeps: Keeps,
}

impl Liar {
    fn keeping(keeps: Keeps) -> Box<dyn Store> {
        Box::new(Liar { kept: Mutex::new(None), keeps })
    }

    fn bytes(&self) -> Option<Vec<u8>> {
        self.kept.lock().expect("no panic").clone()
    }
}

impl Store for Liar {
    fn name(&self) -> &str {
        "liar"
    }

    fn prefix(&self) -> &str {
        ""
    }

    fn look(&self, path: &str) -> io::Result<Option<u64>> {
        Ok(self.bytes().filter(|_| path.contains(".jsonl")).map(|bytes| bytes.len() as u64))
    }

    fn put(&self, path: &str, _: u64, from: &mut dyn Read) -> io::Result<()> {
        let mut bytes = Vec::new();
        from.read_to_end(&mut bytes)?;
        if path.contains(".jsonl") {
            *self.kept.lock().expect("no panic") = (self.keeps)(bytes);
        }
        Ok(())
    }

    fn settle(&self, _: &str) -> io::Result<()> {
        Ok(())
    }

    fn get(&self, _: &str) -> io::Result<Box<dyn Read + '_>> {
        let bytes = self.bytes().ok_or(io::ErrorKind::NotFound)?;
        Ok(Box::new(io::Cursor::new(bytes)))
    }

    fn place(&self, path: &str) -> String {
        path.to_owned()
    }
}

fn is_untouched(disk: &Memory, shard: &[u8]) -> bool {
    let told = reading(disk)
        .entries
        .iter()
        .any(|(_, entry)| matches!(entry.fact, Fact::Archived { .. } | Fact::SourceRemoved { .. }));
    !told && disk.files().get(Path::new(LIVE)).is_some_and(|bytes| bytes == shard)
}

#[test]
fn a_store_that_confirms_and_does_not_keep_is_found_and_nothing_is_removed() {
    let shard = lines(60);
    let lies: [Keeps; 4] = [
        |_| None,
        |bytes| Some(bytes[..bytes.len() / 2].to_vec()),
        |mut bytes| {
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            Some(bytes)
        },
        |_| Some(b"another file".to_vec()),
    ];
    for keeps in lies {
        let disk = log(&shard);
        let report = archive_with(&disk, &policy(""), |a| a.with_stores(vec![Liar::keeping(keeps)]));
        let error = failure(report);
        assert!(matches!(error, ArchiveError::NotKept { .. }), "{error}");
        assert!(error.to_string().contains("do not trust this store"), "{error}");
        assert!(is_untouched(&disk, &shard));
        // The control: a store that keeps what it got is believed.
        let report = archive(&disk, &policy("")).expect("runs");
        assert_eq!(report.archived.len(), 1, "{:?}", report.failed);
    }
}

#[test]
fn a_foreign_file_under_the_name_is_told_of_and_stays() {
    let shard = lines(60);
    for name in ["2026-11-20.jsonl.zst", "2026-11-20.checkpoint"] {
        let path = Path::new("/log/archive/audit/2026/11").join(name);
        let disk = log(&shard);
        disk.put(&path, b"somebody's");
        let error = failure(archive(&disk, &policy("")));
        assert!(matches!(error, ArchiveError::Foreign { .. }), "{error}");
        assert!(error.to_string().contains("move it away"), "{error}");
        assert_eq!(disk.files()[&path], b"somebody's");
        assert!(is_untouched(&disk, &shard));
        disk.discard(&path);
        assert_eq!(archive(&disk, &policy("")).expect("runs").archived.len(), 1);
        assert_archived(&disk, &shard, &["/log/archive"], &Identities::none());
    }
}

#[test]
fn an_archive_without_a_receipt_that_is_ours_is_taken_up() {
    let shard = lines(60);
    let disk = log(&shard);
    archive(&disk, &policy("")).expect("runs");
    let path = Path::new("/log/archive/audit/2026/11/2026-11-20.jsonl.zst");
    let bytes = disk.files()[path].clone();
    // The same archive on a disk whose ledger does not know it.
    let other = log(&shard);
    other.put(path, &bytes);
    assert_eq!(archive(&other, &policy("")).expect("runs").archived.len(), 1);
    assert_archived(&other, &shard, &["/log/archive"], &Identities::none());
}

#[test]
fn a_full_store_says_so_and_takes_no_room() {
    let shard = lines(400);
    let disk = log(&shard);
    let used: u64 = disk.files().values().map(|bytes| bytes.len() as u64).sum();
    let policy = policy("");
    for room in [0, 10, 2000, 9000] {
        disk.set_capacity(used + room);
        let error = match archive(&disk, &policy) {
            // Not even room for what the ledger needs to be opened.
            Err(error) => error,
            report => failure(report),
        };
        assert!(error.to_string().contains("full"), "{room}: {error}");
        assert!(is_untouched(&disk, &shard));
    }
    disk.heal();
    assert_eq!(archive(&disk, &policy).expect("runs").archived.len(), 1);
    assert_archived(&disk, &shard, &["/log/archive"], &Identities::none());
}

#[test]
fn a_shard_that_was_changed_after_it_was_closed_is_not_archived() {
    let shard = lines(60);
    let disk = log(&shard);
    let mut changed = shard.clone();
    changed[40] ^= 1;
    disk.put(LIVE, &changed);
    let error = failure(archive(&disk, &policy("")));
    assert!(matches!(error, ArchiveError::Differs { .. }), "{error}");
    assert!(is_untouched(&disk, &changed));
    for other in [&shard[..shard.len() - 1], &[&shard[..], b"{}\n"].concat(), &[&shard[..], b"{"].concat()] {
        disk.put(LIVE, other);
        let error = failure(archive(&disk, &policy("")));
        assert!(matches!(error, ArchiveError::Differs { .. }), "{error}");
    }
    disk.put(LIVE, &shard);
    assert_eq!(archive(&disk, &policy("")).expect("runs").archived.len(), 1);
}

#[test]
fn a_shard_of_today_or_one_that_is_not_closed_is_not_archived() {
    let disk = log(&lines(3));
    let ledger = open_ledger(&disk).expect("opens");
    let storage = std::sync::Arc::new(disk.clone());
    let run = |now: i64, shard: &str| {
        let clock = crate::Clock::manual(now);
        let base = Path::new(super::support::BASE);
        let storage = storage.clone();
        let archiver =
            crate::archive::Archiver::open(&policy(""), storage, base, &ledger, clock).expect("opens");
        let shards = [(shard.parse().expect("a shard"), LIVE.into())];
        failure(archiver.run(&shards, &|fact| ledger.append(fact.into()).map(drop), &mut |_| {}))
    };
    let today = run(super::support::NOON - 86_400_000_000, super::support::ID);
    assert!(matches!(today, ArchiveError::Today { .. }), "{today}");
    let open = run(super::support::NOON, "audit/2026-11-19");
    assert!(matches!(open, ArchiveError::NotClosed { .. }), "{open}");
}

#[test]
fn only_one_archiver_or_purge_runs_at_a_time() {
    let disk = log(&lines(3));
    let held = crate::ledger::lock::lifecycle(&disk, Path::new("/log")).expect("free");
    let error = failure(archive(&disk, &policy("")));
    assert!(matches!(error, ArchiveError::Busy { .. }), "{error}");
    drop(held);
    assert_eq!(archive(&disk, &policy("")).expect("runs").archived.len(), 1);
}

#[test]
fn an_archive_that_vanished_keeps_the_live_file_although_there_is_a_receipt() {
    let shard = lines(60);
    let disk = log(&shard);
    archive(&disk, &policy("")).expect("runs");
    // Somebody put the live file back (a backup), and the archive is gone.
    let other = disk.kill();
    other.discard("/log/archive/audit/2026/11/2026-11-20.jsonl.zst");
    other.put(LIVE, &shard);
    let error = failure(archive(&other, &policy("")));
    assert!(matches!(error, ArchiveError::NotKept { .. }), "{error}");
    assert_eq!(other.files()[Path::new(LIVE)], shard);
}

fn restore(disk: &Memory, rules: &str, keys: &Identities, to: &str) -> Result<Vec<u8>, ArchiveError> {
    let ledger = open_ledger(disk).expect("opens");
    let storage = std::sync::Arc::new(disk.clone());
    let base = Path::new(super::support::BASE);
    let restorer = Restorer::open(&policy(rules), storage, base, &ledger, keys, Path::new(to))?;
    let read = ledger.read().expect("reads");
    let shards =
        Selection { from: Some("2026-11-20".into()), to: Some("2026-11".into()), ..Selection::default() };
    assert_eq!(shards.of(&read), [id()]);
    let none = Selection { from: Some("2026-11-21".into()), ..Selection::default() };
    assert_eq!(none.of(&read), []);
    let record = |fact: Fact| ledger.append(fact.into()).map(drop);
    let path = restorer.run(&read, &id(), &record, &mut |_| {})?;
    Ok(disk.files()[&path].clone())
}

#[test]
fn what_was_archived_is_restored_byte_for_byte_into_a_folder_of_its_own() {
    let shard = lines(4_000);
    let (recipients, identities) = keys();
    let rules = format!("recipients = {:?}", recipients.texts());
    for (rules, keys) in [("", Identities::none()), (rules.as_str(), identities)] {
        let disk = log(&shard);
        archive(&disk, &policy(rules)).expect("runs");
        assert!(restore(&disk, rules, &keys, "/back").expect("restores") == shard);
        // Again: it is there, whole, and left.
        assert!(restore(&disk, rules, &keys, "/back").expect("restores") == shard);
        assert!(disk.files().contains_key(Path::new("/back/audit/2026-11-20.checkpoint")));
        let hidden = disk.files().into_keys().filter(|path| path.starts_with("/back"));
        assert_eq!(hidden.count(), 2);
    }
}

#[test]
fn a_wrong_key_restores_nothing_and_says_so() {
    let (recipients, _) = keys();
    let (_, other) = keys();
    let rules = format!("recipients = {:?}", recipients.texts());
    let disk = log(&lines(60));
    archive(&disk, &policy(&rules)).expect("runs");
    for (keys, what) in [(other, "other keys"), (Identities::none(), "--identity")] {
        let error = restore(&disk, &rules, &keys, "/back").expect_err("refused");
        assert!(error.to_string().contains(what), "{error}");
        assert!(!disk.files().keys().any(|path| path.starts_with("/back/audit")));
    }
}

#[test]
fn nothing_is_restored_over_the_log_or_over_another_file() {
    let disk = log(&lines(60));
    archive(&disk, &policy("")).expect("runs");
    for to in ["/log", "/log/audit", "/log/archive/x", "/"] {
        let error = restore(&disk, "", &Identities::none(), to).expect_err("refused");
        assert!(matches!(error, ArchiveError::NotAside { .. }), "{to}: {error}");
    }
    disk.put("/back/audit/2026-11-20.jsonl", b"mine\n");
    let error = restore(&disk, "", &Identities::none(), "/back").expect_err("refused");
    assert!(matches!(error, ArchiveError::Occupied { .. }), "{error}");
    assert_eq!(disk.files()[Path::new("/back/audit/2026-11-20.jsonl")], b"mine\n");
}

#[test]
fn a_damaged_copy_is_passed_over_for_a_whole_one() {
    let shard = lines(60);
    let rules = "stores = [\"/near\", \"/far\"]";
    let disk = log(&shard);
    archive(&disk, &policy(rules)).expect("runs");
    let near = Path::new("/near/audit/2026/11/2026-11-20.jsonl.zst");
    let mut bytes = disk.files()[near].clone();
    bytes[50] ^= 1;
    disk.put(near, &bytes);
    assert!(restore(&disk, rules, &Identities::none(), "/back").expect("restores") == shard);
    disk.discard("/far/audit/2026/11/2026-11-20.jsonl.zst");
    let error = restore(&disk, rules, &Identities::none(), "/other").expect_err("refused");
    assert!(matches!(&error, ArchiveError::NoCopy { tried, .. } if tried.len() >= 2), "{error}");
}
