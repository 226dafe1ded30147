//! The archiver dies, or a step fails, at each step it takes: nothing is lost, and the next run ends the work.

use super::read::{keys, lines};
use super::support::{archive, assert_archived, assert_nothing_lost, log, policy};
use crate::archive::Identities;
use crate::storage::{Fault, Memory};

use std::io::ErrorKind;

const DEFAULT: [&str; 1] = ["/log/archive"];
const TWO: [&str; 2] = ["/near", "/far"];

/// Runs with the fault at every step in turn; after each, on the disk as the death of the process and as a power cut
/// leave it, the checks hold and one more run ends the work. Says how many steps there were.
fn at_every_step(rules: &str, stores: &[&str], keys: &Identities, fault: Fault) -> u64 {
    let shard = lines(60);
    let policy = policy(rules);
    for step in 1.. {
        let disk = log(&shard);
        let before = disk.steps();
        disk.fault_at(before + step, fault);
        let _ = archive(&disk, &policy);
        let reached = disk.steps() >= before + step;
        for after in [disk.kill(), disk.power_cut(0), disk.power_cut(100)] {
            assert_nothing_lost(&after, &shard, stores, keys);
            finish(&after, &policy, &shard, stores, keys, step);
        }
        // A fault that was no death leaves the same process's disk to go on with.
        if fault != Fault::Halt {
            assert_nothing_lost(&disk, &shard, stores, keys);
        }
        if !reached {
            return step;
        }
    }
    0
}

fn finish(
    disk: &Memory,
    policy: &crate::Policy,
    shard: &[u8],
    stores: &[&str],
    keys: &Identities,
    step: u64,
) {
    let report = archive(disk, policy).unwrap_or_else(|error| panic!("after step {step}: {error}"));
    assert!(report.failed.is_empty(), "after step {step}: {:?}", report.failed);
    assert_archived(disk, shard, stores, keys);
    // And once more: there is nothing left to do.
    let again = archive(disk, policy).unwrap_or_else(|error| panic!("after step {step}: {error}"));
    assert!(again.failed.is_empty() && again.archived.is_empty(), "after step {step}: {again:?}");
}

#[test]
fn a_run_without_faults_archives_the_shard() {
    let shard = lines(60);
    let disk = log(&shard);
    let policy = policy("");
    finish(&disk, &policy, &shard, &DEFAULT, &Identities::none(), 0);
}

#[test]
fn a_death_at_any_step_loses_nothing_and_the_next_run_goes_on() {
    let steps = at_every_step("", &DEFAULT, &Identities::none(), Fault::Halt);
    assert!(steps > 25, "{steps}");
}

#[test]
fn a_death_at_any_step_with_two_stores_and_encryption_loses_nothing() {
    let (recipients, identities) = keys();
    let rules = format!("stores = [\"/near\", \"/far\"]\nrecipients = {:?}", recipients.texts());
    let steps = at_every_step(&rules, &TWO, &identities, Fault::Halt);
    assert!(steps > 40, "{steps}");
}

#[test]
fn a_step_that_fails_undone_loses_nothing() {
    at_every_step("", &DEFAULT, &Identities::none(), Fault::Lost(ErrorKind::Other));
}

#[test]
fn a_step_that_is_done_and_reported_as_failed_loses_nothing() {
    at_every_step("", &DEFAULT, &Identities::none(), Fault::Kept(ErrorKind::Other));
}

#[test]
fn a_step_that_is_half_done_loses_nothing() {
    at_every_step("", &DEFAULT, &Identities::none(), Fault::Torn(ErrorKind::StorageFull));
}
