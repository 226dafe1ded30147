//! `log_tamper`: somebody makes the log say less: a hold released, records purged by another policy, a file taken away,
//! retention cut, logging stopped.

use std::collections::BTreeSet;

use super::{Detector, Found, Interest, Signal};
use crate::alert::header::Header;
use crate::ledger::{Entry, Fact};
use crate::policy::DetectorPolicy;

/// Hears of it from the journal's own records and from the ledger.
#[derive(Debug)]
pub(super) struct Tamper {
    settings: DetectorPolicy,
    /// Policies that a service of this log ran under, by their hashes.
    policies: BTreeSet<String>,
}

impl Tamper {
    pub(super) fn new(settings: &DetectorPolicy) -> Tamper {
        Tamper { settings: settings.clone(), policies: BTreeSet::new() }
    }

    fn knows(&mut self, sha256: &str) {
        if self.policies.len() < POLICIES {
            self.policies.insert(sha256.to_owned());
        }
    }
}

impl Detector for Tamper {
    as_the_policy_says!();

    fn interest(&self) -> Interest<'_> {
        Interest::Events(&["sys_monitor_disabled", "sys_file_replaced", "sys_retention_cut"])
    }

    fn record(&mut self, record: &Header<'_>, found: &mut Found<'_>) {
        let event = record.event_name().unwrap_or_default();
        let what = match event {
            "sys_monitor_disabled" => "logging stopped",
            "sys_retention_cut" => "a policy that keeps records for a shorter time came into force",
            _ => "the file being written was moved, removed or replaced by somebody else",
        };
        found.raise(&[event, record.channel()], Signal::once(what));
    }

    fn fact(&mut self, entry: &Entry, found: &mut Found<'_>) {
        match &entry.fact {
            Fact::LogOpened { policy, .. } => self.knows(&policy.sha256),
            Fact::PolicyChanged { to, .. } => self.knows(&to.sha256),
            Fact::HoldReleased { id } => found.raise(&["hold", id], Signal::once("a hold was released")),
            Fact::Purged { shard, policy, .. } if !self.policies.contains(&policy.sha256) => {
                let what = "records were purged under a policy that the service never ran under";
                // One alert per channel: a purge is of many shards.
                let channel = shard.shard.split('/').next().unwrap_or_default();
                found.raise(&["purged", channel, &policy.sha256], Signal::once(what));
            }
            _ => {}
        }
    }
}

/// Far more than a log sees in its life.
const POLICIES: usize = 1000;
