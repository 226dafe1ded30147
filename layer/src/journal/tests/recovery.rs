//! What a journal makes of the end of the last run.

use std::path::Path;

use super::support::*;
use crate::clock::Clock;
use crate::policy::Policy;
use crate::storage::{Memory, Storage};

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

#[test]
fn a_torn_tail_is_moved_to_quarantine_and_the_file_goes_on() {
    for tail in [&b"{\"n\":3"[..], b"\0\0\0\0\0\0", b"{\"n\":3}", b"garbage\n{\"n\"\n"] {
        let disk = Memory::new();
        let good = [record(1, 60), record(2, 60)].concat();
        disk.put(TODAY, &[&good[..], tail].concat());
        reopen(&disk);
        let left = disk.power_cut(0);
        assert_eq!(numbers(&left, "/logs/app"), [1, 2, 9]);
        let torn = format!("/logs/app/quarantine/2026-11-20.jsonl.{}.torn", good.len());
        assert_eq!(bytes(&left, &torn), tail);
        assert_eq!(events(&left, "/logs/app", "bytes"), [("sys_recovered".into(), tail.len().into())]);
    }
}

#[test]
fn a_tail_torn_twice_at_the_same_place_is_kept_twice() {
    let disk = Memory::new();
    for n in 0..3 {
        disk.put("/logs/app/2026-11-19.jsonl", &[&record(1, 60)[..], b"torn", &[b'0' + n]].concat());
        drop(open(&policy("/logs"), &disk).unwrap());
    }
    let names = disk.list(Path::new("/logs/app/quarantine")).unwrap();
    assert_eq!(names.len(), 3, "{names:?}");
}

#[test]
fn bad_bytes_before_good_records_are_left_alone_and_told() {
    let disk = Memory::new();
    let damaged = [&record(1, 60)[..], b"bad\n", &record(2, 60), b"torn"].concat();
    disk.put(TODAY, &damaged);
    reopen(&disk);
    let left = disk.power_cut(0);
    assert_eq!(bytes(&left, TODAY), damaged, "the damaged shard was touched");
    let next = "/logs/app/2026-11-20.1.jsonl";
    assert_eq!(numbers_in(Path::new(next), &bytes(&left, next)), [9]);
    let text = String::from_utf8(bytes(&left, next)).unwrap();
    assert!(text.contains("sys_shard_damaged") && text.contains("2026-11-20.jsonl"));
    assert!(left.files().keys().all(|p| !p.to_string_lossy().contains("quarantine")));
}

#[test]
fn a_hole_before_good_records_is_told_apart_but_not_moved() {
    for (bad, offset, holes) in [(&[0; 4096][..], 120, "only"), (b"edited\n", 120, "no")] {
        let disk = Memory::new();
        let (cut, late) = (record(3, 60), record(4, 60));
        let kept = [&record(1, 60)[..], &record(2, 60), &cut[..20], bad, &cut[40..], &late].concat();
        disk.put(TODAY, &kept);
        reopen(&disk);
        let left = disk.power_cut(0);
        assert!(bytes(&left, TODAY) == kept, "the shard was touched");
        let damaged = "sys_shard_damaged".to_owned();
        assert_eq!(events(&left, "/logs/app", "offset"), [(damaged.clone(), offset.into())]);
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
        disk.put(format!("/logs/app/{name}"), &record(1, 120));
        reopen_with(&policy, &disk);
        let path = format!("/logs/app/{expected}");
        assert_eq!(numbers_in(Path::new(&path), &bytes(&disk, &path)).last(), Some(&9), "{name}");
        assert_eq!(disk.link_at("/logs/app.log").unwrap(), Path::new("app").join(expected), "{name}");
    }
}

#[test]
fn a_clock_once_set_ahead_does_not_hide_the_torn_shard_of_today() {
    let disk = Memory::new();
    disk.put("/logs/app/2099-01-01.jsonl", &record(1, 60));
    disk.put(TODAY, &[&record(2, 60)[..], b"torn"].concat());
    reopen(&disk);
    assert_eq!(numbers_in(Path::new(TODAY), &bytes(&disk, TODAY)), [2, 9]);
}

#[test]
fn an_older_shard_that_was_given_up_is_cut_as_well() {
    let disk = Memory::new();
    disk.put("/logs/app/2026-11-19.jsonl", &[&record(1, 60)[..], b"{\"n\":2"].concat());
    disk.put("/logs/app/2026-11-19.1.jsonl", &record(2, 60));
    reopen(&disk);
    assert_eq!(numbers(&disk.power_cut(0), "/logs/app"), [1, 2, 9]);
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
