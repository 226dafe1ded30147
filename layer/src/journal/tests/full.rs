//! A full disk: said at once, survived, and nothing accepted is lost.

use std::time::Duration;

use super::support::*;
use crate::journal::CommitError;
use crate::storage::Memory;

#[test]
fn a_full_disk_is_told_at_once_in_the_commit_and_in_the_channel() {
    let disk = Memory::new();
    let journal = open(&policy("/logs"), &disk).unwrap();
    journal.append(ONE, &record(0, 100));
    journal.commit(ONE).unwrap();
    until("the reserve is there", || reserve(&disk));
    let used: usize = disk.files().values().map(Vec::len).sum();
    disk.set_capacity(used as u64 + 3000);
    let mut n = 0;
    let error = loop {
        n += 1;
        journal.append(ONE, &record(n, 100));
        match journal.commit(ONE) {
            Ok(()) => assert!(n < 50, "the disk never filled up"),
            Err(error) => break error,
        }
    };
    assert!(n > 5, "positive control: some records fit");
    assert!(
        matches!(&error, CommitError::Storage { source } if source.kind() == std::io::ErrorKind::StorageFull)
    );
    // The reserve paid for this record while nothing else fits.
    let told = events(&disk.power_cut(0), "/logs/app", "reason");
    assert_eq!(told, [("sys_monitor_disabled".into(), "disk_full".into())]);
    let (before, _) = (n, ());
    while n < before + 200 {
        n += 1;
        journal.append(ONE, &record(n, 100));
    }
    std::thread::sleep(Duration::from_millis(200));
    disk.heal();
    until("the disk works again", || journal.commit(ONE).is_ok());
    until("its return is told", || {
        events(&disk, "/logs/app", "records_lost").contains(&("sys_monitor_enabled".into(), 0.into()))
    });
    until("the reserve is back", || reserve(&disk));
    assert!(journal.shutdown(Duration::from_secs(10)).is_complete());
    assert_eq!(numbers(&disk.power_cut(0), "/logs/app"), (0..=n).collect::<Vec<_>>());
}

fn reserve(disk: &Memory) -> bool {
    disk.files().get(std::path::Path::new("/logs/app/.reserve")).is_some_and(|b| b.len() == 16 * 1024)
}

#[test]
fn a_disk_that_fills_up_and_empties_many_times_loses_nothing() {
    for seed in 1..=5 {
        let mut dice = Dice(seed * 7919);
        let disk = Memory::new();
        let mut policy = policy("/logs");
        policy.channels[0].shard_bytes = 5000;
        let journal = open(&policy, &disk).unwrap();
        let mut n = 0;
        for _ in 0..6 {
            let used: usize = disk.files().values().map(Vec::len).sum();
            disk.set_capacity(used as u64 + dice.roll(3000));
            for _ in 0..dice.roll(60) {
                assert!(journal.append(ONE, &record(n, dice.roll(400) as usize)));
                n += 1;
            }
            std::thread::sleep(Duration::from_millis(dice.roll(30)));
            assert!(numbers(&disk, "/logs/app").is_sorted(), "seed {seed}");
            disk.heal();
            until("the disk works again", || journal.commit(ONE).is_ok());
        }
        drop(journal);
        assert_eq!(numbers(&disk.power_cut(0), "/logs/app"), (0..n).collect::<Vec<_>>(), "seed {seed}");
    }
}
