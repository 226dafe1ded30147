//! Every step that can fail, failing: no acknowledged record goes missing.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::time::{Duration, Instant};

use super::support::*;
use crate::journal::CommitError;
use crate::policy::{Policy, Sync};
use crate::storage::{Fault, Memory, Step};

/// Three commits to a shard, so that a short run opens several.
fn small_shards() -> Policy {
    let mut policy = policy("/logs");
    policy.channels[0].shard_bytes = 3 * 300;
    policy
}

/// Logs and commits `records`, trying again when told so; the acknowledged ones. Gives up on a dead disk.
fn run(policy: &Policy, disk: &Memory, records: std::ops::Range<u64>, patience: Duration) -> BTreeSet<u64> {
    let from = Instant::now();
    let mut acknowledged = BTreeSet::new();
    let mut journal = open(policy, disk);
    while journal.is_err() && from.elapsed() < patience {
        journal = open(policy, disk);
    }
    let Ok(journal) = journal else { return acknowledged };
    for n in records {
        assert!(journal.append(ONE, &record(n, 100)));
        loop {
            match journal.commit(ONE) {
                Ok(()) => {
                    acknowledged.extend(0..=n);
                    break;
                }
                Err(CommitError::Lost { .. } | CommitError::Ended) => panic!("record {n}"),
                Err(_) if from.elapsed() > patience => {
                    journal.shutdown(Duration::ZERO);
                    return acknowledged;
                }
                Err(_) => std::thread::sleep(Duration::from_millis(1)),
            }
        }
    }
    acknowledged
}

/// Reopens what a crash left, adds a record, and counts.
fn all_there(what: &str, policy: &Policy, left: &Memory, acknowledged: &BTreeSet<u64>) {
    let journal = open(policy, left).unwrap_or_else(|e| panic!("{what}: does not open again: {e}"));
    assert!(journal.append(ONE, &record(1000, 100)));
    journal.commit(ONE).unwrap();
    drop(journal);
    check(what, left);
    let found: BTreeSet<u64> = numbers(&left.power_cut(0), "/logs/app").into_iter().collect();
    assert!(found.is_superset(acknowledged), "{what}: acknowledged {acknowledged:?}, found {found:?}");
    assert!(found.contains(&1000), "{what}");
}

const RECORDS: u64 = 8;
const PATIENT: Duration = Duration::from_secs(20);

fn steps_of_a_good_run() -> u64 {
    let disk = Memory::new();
    assert_eq!(run(&small_shards(), &disk, 0..RECORDS, PATIENT).len() as u64, RECORDS, "positive control");
    disk.steps()
}

#[test]
fn any_one_step_may_fail_in_any_way_and_every_record_is_acknowledged_in_the_end() {
    let steps = steps_of_a_good_run();
    assert!(steps > 30, "{steps}");
    let eio = ErrorKind::Other;
    let full = ErrorKind::StorageFull;
    for fault in [Fault::Lost(eio), Fault::Kept(eio), Fault::Torn(eio), Fault::Torn(full), Fault::Kept(full)]
    {
        for n in 1..=steps {
            let what = format!("step {n} {fault:?}");
            let disk = Memory::new();
            disk.fault_at(n, fault);
            let acknowledged = run(&small_shards(), &disk, 0..RECORDS, PATIENT);
            assert_eq!(acknowledged.len() as u64, RECORDS, "{what}");
            for left in [disk.power_cut(0), disk.power_cut(37), disk.kill()] {
                all_there(&what, &small_shards(), &left, &acknowledged);
            }
        }
    }
}

#[test]
fn the_process_or_the_power_may_end_before_any_step_also_of_the_recovery() {
    for n in 1..=steps_of_a_good_run() {
        let disk = Memory::new();
        disk.fault_at(n, Fault::Halt);
        let acknowledged = run(&small_shards(), &disk, 0..RECORDS, Duration::from_millis(20));
        for (i, left) in [disk.power_cut(0), disk.power_cut(37), disk.kill()].into_iter().enumerate() {
            // A second death, in the first steps of the next run.
            for again in [1, 2, 3, 5, 9] {
                let what = format!("step {n}, way {i}, then step {again}");
                let left = left.kill();
                left.fault_at(again, Fault::Halt);
                let more = run(&small_shards(), &left, 100..102, Duration::from_millis(2));
                let both = acknowledged.iter().copied().chain(more.into_iter().filter(|m| *m >= 100));
                all_there(&what, &small_shards(), &left.power_cut(13), &both.collect());
            }
        }
    }
}

#[test]
fn a_file_whose_sync_failed_is_never_synced_again() {
    let disk = Memory::new();
    let journal = open(&policy("/logs"), &disk).unwrap();
    journal.append(ONE, &record(1, 100));
    journal.commit(ONE).unwrap();
    disk.fault_on(Step::Sync, "/logs/app/2026-11-20.jsonl", Fault::Lost(ErrorKind::Other));
    journal.append(ONE, &record(2, 100));
    journal.commit(ONE).unwrap();
    disk.heal();
    journal.append(ONE, &record(3, 100));
    journal.commit(ONE).unwrap();
    let files = disk.power_cut(0).files();
    let of = |name: &str| numbers_in(name.as_ref(), &files[std::path::Path::new(name)]);
    assert_eq!(of("/logs/app/2026-11-20.jsonl"), [1]);
    assert_eq!(of("/logs/app/2026-11-20.1.jsonl"), [2, 3]);
}

#[test]
fn what_an_interval_channel_has_written_since_its_last_sync_is_written_again() {
    let disk = Memory::new();
    let mut policy = policy("/logs");
    policy.channels[0].sync = Sync::Every(Duration::from_secs(3600));
    let journal = open(&policy, &disk).unwrap();
    for n in 0..20 {
        journal.append(ONE, &record(n, 100));
        until("it is written", || numbers(&disk, "/logs/app").contains(&n));
    }
    assert!(numbers(&disk.power_cut(0), "/logs/app").is_empty(), "positive control: nothing is durable yet");
    disk.fault_on(Step::Sync, "/logs/app/2026-11-20.jsonl", Fault::Lost(ErrorKind::Other));
    journal.commit(ONE).unwrap();
    assert_eq!(numbers(&disk.power_cut(0), "/logs/app"), (0..20).collect::<Vec<_>>());
}

#[test]
fn a_root_that_fails_is_left_for_the_next_one() {
    for step in [Step::Append, Step::Sync, Step::Create] {
        for kind in [ErrorKind::Other, ErrorKind::StorageFull] {
            let disk = Memory::new();
            let mut policy = policy("/logs");
            policy.roots.push("/spare".into());
            policy.channels[0].shard_bytes = 330;
            let journal = open(&policy, &disk).unwrap();
            for n in 0..2 {
                journal.append(ONE, &record(n, 100));
                journal.commit(ONE).unwrap();
            }
            disk.fault_on(step, "/logs/app", Fault::Lost(kind));
            for n in 2..6 {
                journal.append(ONE, &record(n, 100));
                journal.commit(ONE).unwrap_or_else(|e| panic!("{step:?} {kind:?}: {e}"));
            }
            let left = disk.power_cut(0);
            let mut found = numbers(&left, "/logs/app");
            found.extend(numbers(&left, "/spare/app"));
            found.dedup();
            assert_eq!(found, [0, 1, 2, 3, 4, 5], "{step:?} {kind:?}");
            assert!(!numbers(&left, "/spare/app").is_empty(), "{step:?} {kind:?}");
            let link = disk.link_at("/logs/app.log").unwrap();
            assert!(link.starts_with("/spare/app"), "{step:?}: the link stayed behind");
        }
    }
}

#[test]
fn retries_on_a_failing_disk_do_not_fill_the_folder_with_copies() {
    let disk = Memory::new();
    let journal = open(&policy("/logs"), &disk).unwrap();
    journal.append(ONE, &record(1, 100));
    journal.commit(ONE).unwrap();
    disk.fault_on(Step::Sync, "/logs/app", Fault::Lost(ErrorKind::Other));
    journal.append(ONE, &record(2, 100));
    assert!(matches!(journal.commit(ONE), Err(CommitError::Storage { .. })));
    std::thread::sleep(Duration::from_millis(600));
    let shards = || disk.files().keys().filter(|p| shard_of(p, "/logs/app").is_some()).count();
    assert!(disk.count(Step::Create) > 6, "positive control: it was tried again");
    assert!(shards() <= 2, "{} shards", shards());
    disk.heal();
    until("the disk works again", || journal.commit(ONE).is_ok());
    let left = disk.power_cut(0);
    let mut found = numbers(&left, "/logs/app");
    found.dedup();
    assert_eq!(found, [1, 2]);
    let names: Vec<String> = events(&disk, "/logs/app", "reason").into_iter().map(|e| e.0).collect();
    until("its return is told", || {
        events(&disk, "/logs/app", "reason").iter().any(|e| e.0 == "sys_monitor_enabled")
    });
    assert!(names.contains(&"sys_monitor_disabled".into()), "{names:?}");
}

#[test]
fn a_file_that_was_removed_or_replaced_is_noticed_within_about_a_second() {
    for replaced in [false, true] {
        let disk = Memory::new();
        let journal = open(&policy("/logs"), &disk).unwrap();
        journal.append(ONE, &record(1, 100));
        journal.commit(ONE).unwrap();
        disk.discard("/logs/app/2026-11-20.jsonl");
        if replaced {
            disk.put("/logs/app/2026-11-20.jsonl", b"");
        }
        std::thread::sleep(Duration::from_millis(1050));
        journal.append(ONE, &record(2, 100));
        journal.commit(ONE).unwrap();
        assert_eq!(numbers(&disk.power_cut(0), "/logs/app"), [2], "replaced: {replaced}");
        let what = if replaced { "replaced" } else { "removed" };
        until("it is told", || {
            events(&disk, "/logs/app", "what") == [("sys_file_replaced".into(), what.into())]
        });
    }
}
