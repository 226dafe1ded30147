//! `integrity_break`: the log is not what was sealed.

use super::{Detector, Found, Interest, Signal};
use crate::alert::header::Header;
use crate::ledger::{Entry, Fact};
use crate::policy::DetectorPolicy;

/// Hears of it from the journal's own records and from the ledger, where `dihya verify` enters its verdict.
#[derive(Debug)]
pub(super) struct Integrity {
    settings: DetectorPolicy,
}

impl Integrity {
    pub(super) fn new(settings: &DetectorPolicy) -> Integrity {
        Integrity { settings: settings.clone() }
    }
}

impl Detector for Integrity {
    as_the_policy_says!();

    fn interest(&self) -> Interest<'_> {
        Interest::Events(&["sys_shard_damaged", "sys_lock_file_missing"])
    }

    fn record(&mut self, record: &Header<'_>, found: &mut Found<'_>) {
        // A service may use the name for shards of its own.
        if record.target() != Some("dihya") {
            return;
        }
        match record.event_name() {
            Some("sys_lock_file_missing") => found.raise(&["lock file"], Signal::once(LOCK_FILE)),
            _ => {
                // The ledger names it with its channel.
                let shard = record.attribute("shard").unwrap_or_default();
                let shard = shard.strip_suffix(".jsonl").unwrap_or(shard);
                found.raise(&["shard", &format!("{}/{shard}", record.channel())], Signal::once(DAMAGED));
            }
        }
    }

    fn fact(&mut self, entry: &Entry, found: &mut Found<'_>) {
        match &entry.fact {
            Fact::Verified { what, whole: false, .. } => {
                found.raise(
                    &["verified", what],
                    Signal::once("a verification found that the log was changed"),
                );
            }
            Fact::ShardDamaged { shard, .. } => found.raise(&["shard", shard], Signal::once(DAMAGED)),
            Fact::LockFileMissing {} => found.raise(&["lock file"], Signal::once(LOCK_FILE)),
            Fact::RollbackAccepted { log, .. } => {
                let what = "a log is shorter than it was known to be, and somebody accepted that";
                found.raise(&["rollback", log], Signal::once(what));
            }
            _ => {}
        }
    }
}

const DAMAGED: &str = "a shard has bad bytes before good ones";
const LOCK_FILE: &str = "the lock file of a log that has shards was gone";
