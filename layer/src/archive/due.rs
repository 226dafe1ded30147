//! Which shards a plan says are to be archived.

use std::path::{Path, PathBuf};

use crate::catalog::ShardId;
use crate::retain::{Action, Copy, Decision, Plan, Rule};

/// Those that the plan archives, and those that it would purge had they a copy: each with its live file and the bytes of it.
pub fn due(plan: &Plan, base: &Path) -> Vec<(ShardId, PathBuf, u64)> {
    let is_due = |decision: &&Decision| {
        let unsaved = decision.action == Action::Refuse && decision.rule == Rule::Backup;
        decision.copy == Copy::Root && (decision.action == Action::Archive || unsaved)
    };
    let due = plan.decisions.iter().filter(is_due).filter_map(|decision| {
        let shard: ShardId = decision.shard.parse().ok()?;
        let path = base.join(shard.channel()).join(shard.file_name());
        Some((shard, path, decision.bytes))
    });
    due.collect()
}
