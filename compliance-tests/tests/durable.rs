//! What was recorded is there: the other tests read files, and a log that loses records leaks nothing either.

#![allow(clippy::unwrap_used, reason = "a test fails by it; what is unwrapped shows no secret")]

use std::sync::Arc;
use std::time::Duration;

use dihya::storage::{Fault, Memory, Step};
use dihya::{Channel, Clock, Handle, Options, Policy, Record, Rng, Sector};

/// Records and commits on a disk, and answers what a power cut right afterwards leaves of `sys_test`.
fn left_by_a_power_cut(disk: &Memory) -> usize {
    let (layer, guard) = Options::new(Policy::sector(Sector::Health).root("/logs"))
        .storage(Arc::new(disk.clone()))
        .clock(Clock::manual(1_772_356_353_123_456))
        .rng(Rng::seeded(1))
        .open()
        .unwrap();
    let handle: Handle = guard.handle();
    for _ in 0..RECORDS {
        handle.record(Record::audit("sys_test")).unwrap();
    }
    handle.commit(Channel::AUDIT).unwrap();
    let left = disk.power_cut(0).files();
    drop(guard.shutdown(Duration::from_secs(20)));
    drop(layer);
    left.values().map(|bytes| String::from_utf8_lossy(bytes).matches("\"sys_test\"").count()).sum()
}

const RECORDS: usize = 100;

#[test]
fn what_commit_has_answered_for_survives_a_power_cut() {
    assert_eq!(left_by_a_power_cut(&Memory::new()), RECORDS);
    // A disk that lies about its syncs does lose them: the look after the power cut sees.
    let lying = Memory::new();
    lying.fault_on(Step::Sync, "/logs/audit", Fault::Lie);
    assert!(left_by_a_power_cut(&lying) < RECORDS);
}
