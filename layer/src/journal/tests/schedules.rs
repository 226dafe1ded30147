//! Seeded schedules: runs of random length, with random faults, that end in a death or in order, one after the other on one
//! disk. After each the whole log is checked, and everything acknowledged so far must be there.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::time::Duration;

use super::support::*;
use crate::clock::Clock;
use crate::policy::Sync;
use crate::storage::{Fault, Memory};

/// Some thousands; `DIHYA_SCHEDULES=100000` for the long run.
#[test]
fn whatever_fails_in_whatever_order_the_log_holds_together() {
    let schedules = std::env::var("DIHYA_SCHEDULES").map_or(1500, |text| text.parse().unwrap());
    let first = std::env::var("DIHYA_SEED").map_or(1, |text| text.parse().unwrap());
    let (mut acknowledged, mut deaths) = (0, 0);
    for seed in first..first + schedules {
        let (kept, died) = schedule(seed);
        acknowledged += kept;
        deaths += died;
    }
    assert!(acknowledged > schedules && deaths > schedules / 2, "positive control");
    println!("{schedules} schedules: {acknowledged} records acknowledged, {deaths} deaths");
}

/// One disk and a few runs on it. How many records were acknowledged, and how many runs died.
fn schedule(seed: u64) -> (u64, u64) {
    let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    for _ in 0..20 {
        dice.roll(2);
    }
    let mut disk = Memory::new();
    let clock = Clock::manual(NOON);
    let mut policy = policy("/logs");
    policy.channels[0].shard_bytes = 200 + dice.roll(4000);
    let mut acknowledged = BTreeSet::new();
    let (mut next, mut deaths) = (0, 0);
    for run in 0..1 + dice.roll(4) {
        let what = format!("seed {seed}, run {run}");
        policy.channels[0].sync =
            if dice.roll(2) == 0 { Sync::Batch } else { Sync::Every(Duration::from_secs(3600)) };
        for _ in 0..dice.roll(3) {
            let kind = if dice.roll(3) == 0 { ErrorKind::StorageFull } else { ErrorKind::Other };
            let fault = match dice.roll(5) {
                0 => Fault::Halt,
                1 => Fault::Lost(kind),
                2 => Fault::Kept(kind),
                _ => Fault::Torn(kind),
            };
            disk.fault_at(disk.steps() + 1 + dice.roll(60), fault);
        }
        if let Ok(journal) = open_at(&policy, &disk, clock.clone()) {
            for _ in 0..dice.roll(25) {
                assert!(journal.append(ONE, &record(next, dice.roll(300) as usize)), "{what}");
                next += 1;
                match dice.roll(8) {
                    0..=3 if journal.commit(ONE).is_ok() => {
                        acknowledged.extend((next - 1)..next);
                    }
                    5 => clock.set(clock.now() + DAY),
                    _ => {}
                }
            }
            if dice.roll(3) == 0 {
                journal.shutdown(Duration::from_millis(200));
            } else {
                // A death at once: what the writer still does happens to another disk.
                disk = end(&disk, &mut dice);
                deaths += 1;
                journal.shutdown(Duration::ZERO);
                continue;
            }
        }
        disk = end(&disk, &mut dice);
    }
    let what = format!("seed {seed}");
    drop(open_at(&policy, &disk, clock).unwrap_or_else(|e| panic!("{what}: does not open again: {e}")));
    check(&what, &disk);
    let found: BTreeSet<u64> = numbers(&disk, "/logs/app").into_iter().collect();
    let missing: Vec<_> = acknowledged.difference(&found).collect();
    assert!(missing.is_empty(), "{what}: acknowledged and gone: {missing:?}");
    (acknowledged.len() as u64, deaths)
}

fn end(disk: &Memory, dice: &mut Dice) -> Memory {
    match dice.roll(3) {
        0 => disk.kill(),
        1 => disk.power_cut(0),
        _ => disk.power_cut(dice.roll(400) as usize),
    }
}
