//! Purging on a disk that loses, lies and dies.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::*;
use crate::hold::{Hold, Scope, day};
use crate::key::Signer;
use crate::operation::{Caller, Kind as Work, Outcome};
use crate::profile::Sector;
use crate::storage::{Fault, Memory, Step};

const BASE: &str = "/log";
const OLD: [&str; 3] = ["app/2024-01-14", "app/2024-01-15", "app/2024-01-15.1"];
const YOUNG: &str = "app/2026-05-20";

fn clock() -> Clock {
    Clock::manual(day("2026-06-01").unwrap())
}

fn policy() -> Policy {
    Policy::sector(Sector::Generic).root(BASE)
}

#[derive(Debug)]
struct Stores(Memory);

impl Archives for Stores {
    fn remove(&self, _: &str, path: &str) -> io::Result<()> {
        remove(&self.0, Path::new(path))
    }

    fn holds(&self, _: &str, path: &str) -> io::Result<bool> {
        Ok(self.0.stat(Path::new(path))?.is_some())
    }
}

fn ledger(disk: &Memory) -> io::Result<Ledger> {
    let signer = Arc::new(Signer::from_seed(&[7; 32]));
    Ledger::open(Arc::new(disk.clone()), Path::new(BASE), "test/-/ledger".into(), signer, clock())
}

fn record(day: &str, tenant: &str) -> String {
    format!(
        "{{\"v\":1,\"timestamp\":\"{day}T10:00:00.000000Z\",\"tenant_id\":\"{tenant}\",\"message\":\"m\"}}\n"
    )
}

fn put(disk: &Memory, id: &str) {
    let day = &id.split_once('/').unwrap().1[..10];
    let lines = record(day, "t1") + &record(day, "t2");
    disk.put(facts::path(Path::new(BASE), id), lines.as_bytes());
    disk.put(checkpoint(&facts::path(Path::new(BASE), id)), b"a checkpoint\n");
}

fn closed(disk: &Memory, id: &str) -> ShardRef {
    describe(disk, id, &facts::path(Path::new(BASE), id)).unwrap()
}

/// Three shards that are due, one that is not, all closed in order, and an entry of some days ago.
fn disk() -> Memory {
    let disk = Memory::new();
    for id in OLD.into_iter().chain([YOUNG]) {
        put(&disk, id);
    }
    let signer = Arc::new(Signer::from_seed(&[7; 32]));
    let before = Clock::manual(day("2026-05-28").unwrap());
    let ledger =
        Ledger::open(Arc::new(disk.clone()), Path::new(BASE), "test/-/ledger".into(), signer, before)
            .unwrap();
    for id in OLD.into_iter().chain([YOUNG]) {
        ledger.append(Fact::ShardOpened { shard: id.into() }.into()).unwrap();
        ledger.append(Fact::ShardClosed { shard: closed(&disk, id) }.into()).unwrap();
    }
    disk
}

fn run(disk: &Memory) -> io::Result<Report> {
    run_with(disk, Trust::Checked)
}

fn run_with(disk: &Memory, trust: Trust) -> io::Result<Report> {
    let ledger = ledger(disk)?;
    let stores = Stores(disk.clone());
    let log = Log { storage: disk, base: Path::new(BASE), ledger: &ledger, archives: &stores };
    let caller = Caller::new("ada", vec![]);
    let begun =
        Operation::begin(Work::Purge, &policy(), &ledger, &clock(), &caller, None, Some("the monthly run"));
    let mut operation = begun.map_err(|error| io::Error::other(error.to_string()))?;
    let report = log.purge(&policy(), &mut operation, &clock(), trust, None)?;
    operation.end(Outcome::Success)?;
    Ok(report)
}

fn set(disk: &Memory, fact: Fact) {
    ledger(disk).unwrap().append(fact.into()).unwrap();
}

fn hold(scope: Scope) -> Fact {
    let hold = Hold {
        id: "case-12".into(),
        scope,
        ground: "a claim".into(),
        owner: "legal".into(),
        review: day("2027-01-01").unwrap(),
        since: String::new(),
    };
    hold.fact().unwrap()
}

fn entries(disk: &Memory) -> Vec<Entry> {
    let ledger = ledger(disk).unwrap();
    let reading = ledger.read().unwrap();
    assert_eq!(reading.problems, []);
    reading.entries.into_iter().map(|(_, entry)| entry).collect()
}

fn certificates(disk: &Memory) -> Vec<String> {
    let shard = |entry: Entry| match entry.fact {
        Fact::Purged { shard, .. } => Some(shard.shard),
        _ => None,
    };
    entries(disk).into_iter().filter_map(shard).collect()
}

fn shards(disk: &Memory) -> BTreeSet<String> {
    let name = |path: &PathBuf| {
        let path = path.strip_prefix(BASE).ok()?.to_str()?.strip_suffix(".jsonl")?.to_owned();
        (!path.starts_with("ledger")).then_some(path)
    };
    disk.files().keys().filter_map(name).collect()
}

/// Whatever happened: what has gone has its certificate, and what is not due is untouched.
fn check(disk: &Memory, before: &Memory, what: &str) {
    let (here, certified) = (shards(disk), certificates(disk));
    for id in OLD {
        assert!(
            here.contains(id) || certified.iter().any(|c| c == id),
            "{what}: {id} went without a certificate"
        );
    }
    for path in [facts::path(Path::new(BASE), YOUNG), checkpoint(&facts::path(Path::new(BASE), YOUNG))] {
        assert_eq!(disk.files().get(&path), before.files().get(&path), "{what}: {}", path.display());
    }
}

#[test]
fn what_is_due_goes_with_a_certificate_that_answers_who_why_and_under_which_policy() {
    let disk = disk();
    let report = run(&disk).unwrap();
    assert_eq!(report.purged.iter().map(|(id, _)| id.as_str()).collect::<Vec<_>>(), OLD);
    assert_eq!((report.finished.len(), report.failed.len()), (0, 0));
    assert_eq!(shards(&disk), BTreeSet::from([YOUNG.to_owned()]));
    assert!(!disk.files().keys().any(|path| path.ends_with("2024-01-15.checkpoint")));
    let entries = entries(&disk);
    let certificate = entries.iter().find(|e| matches!(e.fact, Fact::Purged { .. })).unwrap();
    assert_eq!(certificate.operator.as_deref(), Some("ada"));
    assert_eq!(certificate.reason.as_deref(), Some("the monthly run"));
    let Fact::Purged { shard, store, rule, policy: named } = &certificate.fact else { panic!() };
    assert_eq!((shard.records, store.as_str()), (2, "live"));
    assert_eq!(rule, "retention.default: P3M after its last record, of 2024-01-14");
    // Years later: the text that it names is there.
    let text = &disk.files()[Path::new(&format!("/log/ledger/policies/{}.toml", named.sha256))];
    let kept = Policy::parse(std::str::from_utf8(text).unwrap(), "kept").unwrap();
    assert_eq!((kept.hash(), &kept), (named.sha256.clone(), &policy()));
}

#[test]
fn a_second_run_has_nothing_to_do() {
    let disk = disk();
    assert_eq!(run(&disk).unwrap().purged.len(), 3);
    assert_eq!(run(&disk).unwrap(), Report::default());
    assert_eq!(certificates(&disk).len(), 3);
}

#[test]
fn a_held_record_survives_purge() {
    let disk = disk();
    set(&disk, hold(Scope { channels: vec!["app".into()], to: day("2024-01-15"), ..Scope::default() }));
    run(&disk).unwrap();
    assert_eq!(shards(&disk), BTreeSet::from([OLD[0].to_owned(), YOUNG.to_owned()]));
    set(&disk, Fact::HoldReleased { id: "case-12".into() });
    run(&disk).unwrap();
    assert_eq!(shards(&disk), BTreeSet::from([YOUNG.to_owned()]));
}

#[test]
fn a_hold_by_content_keeps_the_shards_that_have_such_a_record() {
    let disk = disk();
    disk.put("/log/app/2024-01-15.jsonl", record("2024-01-15", "t42").as_bytes());
    set(&disk, Fact::ShardClosed { shard: closed(&disk, "app/2024-01-15") });
    set(&disk, hold(Scope { tenants: vec!["t42".into()], ..Scope::default() }));
    run(&disk).unwrap();
    assert_eq!(shards(&disk), BTreeSet::from(["app/2024-01-15".to_owned(), YOUNG.to_owned()]));
}

#[test]
fn every_step_may_fail_or_lie_or_be_the_last_and_the_next_run_finishes() {
    let steps = {
        let disk = disk();
        let before = disk.steps();
        run(&disk).unwrap();
        disk.steps() - before
    };
    assert!(steps > 30, "the steps of three certificates and unlinks: {steps}");
    let other = io::ErrorKind::Other;
    for step in 1..=steps {
        for fault in [Fault::Lost(other), Fault::Kept(other), Fault::Torn(other), Fault::Halt] {
            for power in [None, Some(0), Some(usize::MAX)] {
                let what = format!("step {step} of {steps}, {fault:?}, power {power:?}");
                let before = disk();
                let disk = disk();
                disk.fault_at(disk.steps() + step, fault);
                let _ = run(&disk);
                let after = match power {
                    None => disk.kill(),
                    Some(torn) => disk.power_cut(torn),
                };
                check(&after, &before, &what);
                let report = run(&after).unwrap_or_else(|error| panic!("{what}: {error}"));
                assert_eq!(report.failed, [], "{what}");
                check(&after, &before, &what);
                assert_eq!(shards(&after), BTreeSet::from([YOUNG.to_owned()]), "{what}");
                assert!(!after.files().keys().any(|path| path.ends_with("2024-01-15.checkpoint")), "{what}");
                let mut certified = certificates(&after);
                certified.sort();
                certified.dedup();
                assert_eq!(certified, OLD, "{what}");
                assert_eq!(run(&after.power_cut(0)).unwrap(), Report::default(), "{what}: not durable");
            }
        }
    }
}

#[test]
fn a_certificate_that_cannot_be_written_removes_nothing() {
    let disk = disk();
    disk.fault_on(Step::Append, "/log/ledger/ledger.jsonl", Fault::Lost(io::ErrorKind::StorageFull));
    assert!(run(&disk).is_err());
    disk.heal();
    assert_eq!(shards(&disk).len(), 4);
    assert_eq!(run(&disk).unwrap().purged.len(), 3);
}

#[test]
fn a_certificate_is_not_carried_out_once_a_hold_was_set_after_it() {
    let disk = disk();
    disk.fault_on(Step::Remove, "/log/app", Fault::Lost(io::ErrorKind::PermissionDenied));
    let report = run(&disk).unwrap();
    assert_eq!((report.purged.len(), report.failed.len()), (0, 3));
    disk.heal();
    set(&disk, hold(Scope { channels: vec!["app".into()], ..Scope::default() }));
    let report = run(&disk).unwrap();
    assert_eq!((report.finished.len(), report.failed.len()), (0, 3));
    assert!(report.failed[0].1.contains("hold case-12 was set after it"), "{:?}", report.failed);
    assert_eq!(shards(&disk).len(), 4);
    set(&disk, Fact::HoldReleased { id: "case-12".into() });
    assert_eq!(run(&disk).unwrap().finished, OLD);
    assert_eq!(certificates(&disk).len(), 3, "the same certificates");
}

#[test]
fn an_old_certificate_touches_no_new_shard_of_its_name() {
    let disk = disk();
    run(&disk).unwrap();
    // The clock was set back, and the service wrote under that day's name again.
    put(&disk, OLD[1]);
    set(&disk, Fact::ShardOpened { shard: OLD[1].into() });
    let report = run(&disk).unwrap();
    assert_eq!(report.finished, [""; 0], "it goes by its own certificate, or not at all");
    assert_eq!(certificates(&disk).len(), 4);
    // Nobody told the ledger, but its length is another.
    disk.put("/log/app/2024-01-15.jsonl", record("2024-01-15", "somebody else's").as_bytes());
    let report = run(&disk).unwrap();
    assert!(report.failed.len() == 1 && report.failed[0].1.contains("left as it is"), "{:?}", report.failed);
    assert!(shards(&disk).contains(OLD[1]));
}

#[test]
fn a_ledger_that_was_changed_purges_nothing() {
    let disk = disk();
    let path = Path::new("/log/ledger/ledger.jsonl");
    let text = String::from_utf8(disk.files()[path].clone()).unwrap();
    disk.put(path, text.replacen("\"records\":2", "\"records\":3", 1).as_bytes());
    assert!(run(&disk).is_err());
    assert_eq!(shards(&disk).len(), 4);
}

#[test]
fn two_purges_do_not_run_at_once() {
    let disk = disk();
    let ledger = ledger(&disk).unwrap();
    let stores = Stores(disk.clone());
    let log = Log { storage: &disk, base: Path::new(BASE), ledger: &ledger, archives: &stores };
    let lock = log.lock().unwrap();
    assert!(run(&disk).unwrap_err().to_string().contains("another purge"));
    drop(lock);
    assert_eq!(run(&disk).unwrap().purged.len(), 3);
}

#[test]
fn only_what_was_seen_goes() {
    let disk = disk();
    let ledger = ledger(&disk).unwrap();
    let stores = Stores(disk.clone());
    let log = Log { storage: &disk, base: Path::new(BASE), ledger: &ledger, archives: &stores };
    let mut seen = log.plan(&policy(), &clock(), Trust::Checked).unwrap();
    seen.decisions.retain(|decision| decision.shard != OLD[2]);
    let caller = Caller::new("ada", vec![]);
    let mut operation =
        Operation::begin(Work::Purge, &policy(), &ledger, &clock(), &caller, None, Some("r")).unwrap();
    log.purge(&policy(), &mut operation, &clock(), Trust::Checked, Some(&seen)).unwrap();
    assert_eq!(shards(&disk), BTreeSet::from([OLD[2].to_owned(), YOUNG.to_owned()]));
}

#[test]
fn archived_copies_go_by_their_receipts_and_evidence_by_its_backup() {
    let disk = disk();
    for id in ["audit/2024-01-15", "audit/2024-01-16"] {
        put(&disk, id);
        set(&disk, Fact::ShardClosed { shard: closed(&disk, id) });
    }
    let archived = "/log/archive/audit/2024/01/2024-01-15.jsonl.zst";
    disk.put(archived, b"compressed");
    let receipt = Fact::Archived {
        shard: closed(&disk, "audit/2024-01-15"),
        store: "archive".into(),
        path: archived.into(),
        stored_bytes: 10,
        sha256: String::new(),
        recipients: vec![],
    };
    set(&disk, receipt);
    let report = run(&disk).unwrap();
    let gone: Vec<&str> = report.purged.iter().map(|(id, _)| id.as_str()).collect();
    assert_eq!(
        gone.iter().filter(|id| **id == "audit/2024-01-15").count(),
        2,
        "the copy in the root and the archived one"
    );
    assert!(!disk.files().contains_key(Path::new(archived)));
    assert!(shards(&disk).contains("audit/2024-01-16"), "it has no backup");
    let again = run(&disk).unwrap();
    assert_eq!((again.purged.len(), again.finished.len(), again.failed.len()), (0, 0, 0));
    assert!(again.alerts.len() == 1 && again.alerts[0].contains("dihya archive"), "{:?}", again.alerts);
}

#[test]
fn a_shard_that_was_never_closed_in_order_is_certified_from_its_file() {
    let disk = disk();
    put(&disk, "app/2023-05-05");
    let expected = closed(&disk, "app/2023-05-05");
    run(&disk).unwrap();
    let certified = entries(&disk).into_iter().find_map(|entry| match entry.fact {
        Fact::Purged { shard, .. } if shard.shard == "app/2023-05-05" => Some(shard),
        _ => None,
    });
    assert_eq!(certified, Some(expected));
}

#[test]
fn a_thousand_shards_are_planned_without_reading_one() {
    let disk = disk();
    let planned = |disk: &Memory| {
        let ledger = ledger(disk).unwrap();
        let stores = Stores(disk.clone());
        let log = Log { storage: disk, base: Path::new(BASE), ledger: &ledger, archives: &stores };
        log.plan(&policy(), &clock(), Trust::Checked).unwrap().decisions.len()
    };
    assert_eq!(planned(&disk), 4);
    // The bytes are not those that were closed, but as many: a plan that read them would see no dates.
    for id in OLD {
        let path = facts::path(Path::new(BASE), id);
        let len = disk.files()[&path].len();
        disk.put(&path, &vec![0; len]);
    }
    assert_eq!(run(&disk).unwrap().purged.len(), 3);
}

#[test]
fn a_shard_of_another_length_than_it_was_closed_with_is_told_and_left() {
    let disk = disk();
    let path = "/log/app/2024-01-15.jsonl";
    disk.put(path, record("2024-01-15", "somebody else's").as_bytes());
    let report = run(&disk).unwrap();
    assert_eq!(report.purged.len(), 2);
    assert!(report.failed.len() == 1 && report.failed[0].1.contains("dihya verify"), "{:?}", report.failed);
    assert!(disk.files().contains_key(Path::new(path)));
    assert!(!certificates(&disk).contains(&OLD[1].to_owned()));
}

#[test]
fn what_a_crash_tore_off_a_shard_goes_with_it() {
    let disk = disk();
    let torn = |name: &str| PathBuf::from(format!("/log/app/quarantine/{name}"));
    let names = ["2024-01-15.jsonl.17.torn", "2024-01-15.1.jsonl.5.torn", "2026-05-20.jsonl.9.torn"];
    names.iter().for_each(|name| disk.put(torn(name), b"{\"half"));
    run(&disk).unwrap();
    let left: Vec<&str> = names.into_iter().filter(|name| disk.files().contains_key(&torn(name))).collect();
    assert_eq!(left, ["2026-05-20.jsonl.9.torn"]);
}
