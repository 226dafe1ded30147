//! What a journal makes of the end of the last run.

use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use super::support::*;
use crate::clock::Clock;
use crate::journal::seal::Seal;
use crate::ledger::Fact;
use crate::policy::Policy;
use crate::storage::{Fault, Memory};

const TODAY: &str = "/logs/app/2026-11-20.jsonl";

fn bytes(disk: &Memory, path: &str) -> Vec<u8> {
    disk.files().get(Path::new(path)).cloned().unwrap_or_else(|| panic!("no {path}"))
}

fn reopen(disk: &Memory) {
    reopen_with(&policy("/logs"), disk);
}

fn reopen_with(policy: &Policy, disk: &Memory) {
    let journal = open(policy, disk).unwrap();
    journal.append(ONE, &record(9, 60));
    journal.commit(ONE).unwrap();
}

/// Two sealed records of today, and their key.
fn begun() -> (Memory, Vec<u8>) {
    let disk = Memory::new();
    with_key(&disk);
    (disk, sealed("app/2026-11-20", &[&record(1, 60), &record(2, 60)]))
}

#[test]
fn what_no_seal_covers_is_moved_to_quarantine_and_the_file_goes_on() {
    let whole = record(3, 60);
    let tails = [
        &b"{\"n\":3"[..],
        b"\0\0\0\0\0\0",
        b"{\"n\":3}",
        b"garbage\n{\"n\"\n",
        &whole,
        b"{\"seal\":{\"size\":4,",
    ];
    for tail in tails {
        let (disk, good) = begun();
        disk.put(TODAY, &[&good[..], tail].concat());
        reopen(&disk);
        let left = disk.power_cut(0);
        assert_eq!(numbers(&left, "/logs/app"), [1, 2, 9]);
        let torn = format!("/logs/app/quarantine/2026-11-20.jsonl.{}.torn", good.len());
        assert_eq!(bytes(&left, &torn), tail);
        assert_eq!(events(&left, "/logs/app", "bytes"), [("sys_recovered".into(), tail.len().into())]);
        assert!(facts(&left).contains(&Fact::Recovered {
            shard: "app/2026-11-20".into(),
            offset: good.len() as u64,
            bytes: tail.len() as u64,
        }));
    }
}

#[test]
fn a_seal_that_does_not_fit_is_left_alone_and_told_once() {
    let (disk, good) = begun();
    let at = good.windows(5).position(|w| w == b"\"n\":2").unwrap() + 4;
    for (changed, offset) in [
        ([&good[..at], b"7", &good[at + 1..]].concat(), record(1, 60).len() as u64 + seal_len(&good)),
        // A line taken out, and one put in.
        (good[record(1, 60).len()..].to_vec(), 0),
        ([&record(0, 60)[..], &good].concat(), 0),
    ] {
        let disk = disk.kill();
        let damaged = [&changed[..], b"torn\n"].concat();
        disk.put(TODAY, &damaged);
        reopen(&disk);
        let left = disk.power_cut(0);
        assert!(bytes(&left, TODAY) == damaged, "the damaged shard was touched");
        let next = "/logs/app/2026-11-20.1.jsonl";
        assert_eq!(numbers_in(Path::new(next), &bytes(&left, next)), [9]);
        assert!(left.files().keys().all(|p| !p.to_string_lossy().contains("quarantine")));
        let told = Fact::ShardDamaged { shard: "app/2026-11-20".into(), offset };
        assert!(facts(&left).contains(&told), "{:?}", facts(&left));
        assert_eq!(events(&left, "/logs/app", "offset"), [("sys_shard_damaged".into(), offset.into())]);
        let again = disk.kill();
        reopen(&again);
        assert!(bytes(&again, TODAY) == damaged, "the damaged shard was touched");
        assert_eq!(facts(&again).iter().filter(|fact| **fact == told).count(), 1);
    }
}

/// The length of the first seal.
fn seal_len(shard: &[u8]) -> u64 {
    shard.split_inclusive(|b| *b == b'\n').find(|line| Seal::is(line)).unwrap().len() as u64
}

#[test]
fn a_hole_before_good_records_is_told_apart_but_not_moved() {
    for (bad, holes) in [(&[0; 4096][..], "only"), (b"edited\n", "no")] {
        let (disk, good) = begun();
        let (cut, late) = (record(3, 60), record(4, 60));
        let batch = sealed("app/2026-11-20", &[&record(1, 60), &record(2, 60), &[&cut[..], &late].concat()]);
        let kept = [&good[..], &cut[..20], bad, &batch[good.len() + 40..]].concat();
        disk.put(TODAY, &kept);
        reopen(&disk);
        let left = disk.power_cut(0);
        assert!(bytes(&left, TODAY) == kept, "the shard was touched");
        let damaged = "sys_shard_damaged".to_owned();
        assert_eq!(events(&left, "/logs/app", "offset"), [(damaged.clone(), good.len().into())]);
        assert_eq!(events(&left, "/logs/app", "holes"), [(damaged, holes.into())]);
    }
}

#[test]
fn the_file_goes_on_only_if_its_day_and_size_allow() {
    let full = {
        let mut policy = policy("/logs");
        policy.channels[0].shard_bytes = 100;
        policy
    };
    for (name, policy, expected) in [
        ("2026-11-20.jsonl", policy("/logs"), "2026-11-20.jsonl"),
        ("2026-11-20.4.jsonl", policy("/logs"), "2026-11-20.4.jsonl"),
        ("2026-11-20.4.jsonl.zst", policy("/logs"), "2026-11-20.5.jsonl"),
        ("2026-11-19.jsonl", policy("/logs"), "2026-11-20.jsonl"),
        ("2026-11-20.jsonl", full, "2026-11-20.1.jsonl"),
    ] {
        let disk = Memory::new();
        with_key(&disk);
        let id = format!("app/{}", name.split(".jsonl").next().unwrap());
        disk.put(format!("/logs/app/{name}"), &sealed(&id, &[&record(1, 120)]));
        reopen_with(&policy, &disk);
        let path = format!("/logs/app/{expected}");
        assert_eq!(numbers_in(Path::new(&path), &bytes(&disk, &path)).last(), Some(&9), "{name}");
        assert_eq!(disk.link_at("/logs/app.log").unwrap(), Path::new("app").join(expected), "{name}");
        let closed = facts(&disk).iter().any(|fact| matches!(fact, Fact::ShardClosed { .. }));
        assert_eq!(closed, name.ends_with("jsonl") && name != expected, "{name}");
    }
}

#[test]
fn a_clock_once_set_ahead_does_not_hide_the_torn_shard_of_today() {
    let disk = Memory::new();
    with_key(&disk);
    disk.put("/logs/app/2099-01-01.jsonl", &sealed("app/2099-01-01", &[&record(1, 60)]));
    disk.put(TODAY, &[&sealed("app/2026-11-20", &[&record(2, 60)])[..], b"torn"].concat());
    reopen(&disk);
    assert_eq!(numbers_in(Path::new(TODAY), &bytes(&disk, TODAY)), [2, 9]);
}

#[test]
fn an_older_shard_that_was_given_up_is_cut_and_closed_as_well() {
    let disk = Memory::new();
    with_key(&disk);
    let good = sealed("app/2026-11-19", &[&record(1, 60)]);
    disk.put("/logs/app/2026-11-19.jsonl", &[&good[..], b"{\"n\":2"].concat());
    disk.put("/logs/app/2026-11-19.1.jsonl", &sealed("app/2026-11-19.1", &[&record(2, 60)]));
    reopen(&disk);
    let left = disk.power_cut(0);
    assert_eq!(numbers(&left, "/logs/app"), [1, 2, 9]);
    let closed: Vec<_> = facts(&left)
        .into_iter()
        .filter_map(|fact| match fact {
            Fact::ShardClosed { shard } => Some((shard.shard, shard.size, shard.bytes)),
            _ => None,
        })
        .collect();
    assert_eq!(closed[0], ("app/2026-11-19".into(), 2, good.len() as u64));
    assert_eq!(closed.len(), 2);
}

#[test]
fn a_run_begins_where_the_last_one_ended_over_and_over() {
    let disk = Memory::new();
    for n in 0..20 {
        let journal = open_at(&policy("/logs"), &disk, Clock::manual(NOON + n as i64)).unwrap();
        journal.append(ONE, &record(n, 60));
    }
    assert_eq!(numbers(&disk.power_cut(0), "/logs/app"), (0..20).collect::<Vec<_>>());
    assert_eq!(disk.files().keys().filter(|p| shard_of(p, "/logs/app").is_some()).count(), 1);
}

/// A disk on which a sync failed, and its process died of it: what it wrote last stands in the page cache alone.
fn died_of_a_failed_sync() -> Memory {
    let disk = Memory::new();
    let journal = open(&policy("/logs"), &disk).unwrap();
    journal.append(ONE, &record(1, 60));
    journal.commit(ONE).unwrap();
    // The next step is the write, and then the sync; nothing is done after that.
    disk.fault_at(disk.steps() + 2, Fault::Lost(ErrorKind::Other));
    disk.fault_at(disk.steps() + 3, Fault::Halt);
    journal.append(ONE, &record(2, 60));
    assert!(journal.commit(ONE).is_err(), "positive control: it was not acknowledged");
    journal.shutdown(Duration::ZERO);
    let left = disk.kill();
    assert_eq!(numbers(&left, "/logs/app"), [1, 2], "positive control: the page cache shows it");
    assert_eq!(numbers(&disk.power_cut(0), "/logs/app"), [1], "positive control: the disk does not have it");
    left
}

#[test]
fn a_shard_is_not_closed_with_what_the_disk_does_not_have() {
    let disk = died_of_a_failed_sync();
    let tomorrow = || Clock::manual(NOON + DAY);
    drop(open_at(&policy("/logs"), &disk, tomorrow()).unwrap());
    let closed = |fact: &Fact| matches!(fact, Fact::ShardClosed { shard } if shard.shard == "app/2026-11-20");
    assert!(facts(&disk).iter().any(closed), "positive control");
    let left = disk.power_cut(0);
    drop(
        open_at(&policy("/logs"), &left, tomorrow())
            .unwrap_or_else(|e| panic!("a rollback that is none: {e}")),
    );
    check("after the power cut", &left);
}

#[test]
fn nothing_is_acknowledged_in_a_file_whose_sync_has_failed() {
    let disk = died_of_a_failed_sync();
    let journal = open(&policy("/logs"), &disk).unwrap();
    journal.append(ONE, &record(9, 60));
    journal.commit(ONE).unwrap();
    let left = disk.power_cut(0);
    drop(journal);
    assert!(numbers(&left, "/logs/app").contains(&9), "acknowledged and gone");
    drop(open(&policy("/logs"), &left).unwrap());
    check("after the power cut", &left);
}

#[test]
fn without_room_to_write_a_shard_anew_it_stays_and_another_is_begun() {
    let disk = Memory::new();
    let (id, size) = ("app/2026-11-20", 60 * 1024);
    let good = sealed(id, &[&record(1, size)]);
    with_key(&disk);
    disk.put(TODAY, &good);
    disk.set_capacity(good.len() as u64 + 50 * 1024);
    let journal = open(&policy("/logs"), &disk).unwrap();
    journal.append(ONE, &record(9, 60));
    journal.commit(ONE).unwrap();
    drop(journal);
    assert!(bytes(&disk, TODAY) == good, "it was touched");
    assert_eq!(numbers(&disk, "/logs/app"), [1, 9]);
    assert_eq!(
        events(&disk, "/logs/app", "shard"),
        [("sys_recovery_postponed".into(), "2026-11-20.jsonl".into())]
    );
    assert!(
        !facts(&disk).iter().any(|fact| matches!(fact, Fact::ShardClosed { shard } if shard.shard == id))
    );
    disk.heal();
    drop(open(&policy("/logs"), &disk).unwrap());
    check("once there is room", &disk);
}
