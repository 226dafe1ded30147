//! Whether the time can be right: a shard that is destroyed because a battery was empty does not come back.

use super::Facts;
use crate::hold::date;

/// How far the time is to be trusted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Trust {
    /// As far as what is known agrees with it.
    #[default]
    Checked,
    /// Somebody looked, and says that it is right.
    Confirmed,
    /// It is not the present: the plan looks ahead, and nothing is carried out.
    Supposed,
}

/// Why the time cannot be right, if it cannot.
///
/// It is behind if something is known to have happened later. It is ahead if nothing is known of the days before it: a
/// log that is written or tended at all has an entry or a record of the last week, *and from before the last day*, since what
/// was written after a clock jumped says nothing.
pub(super) fn doubt(facts: &Facts) -> Option<String> {
    if facts.trust != Trust::Checked {
        return None;
    }
    let records = facts.shards.iter().flat_map(|shard| [shard.first, shard.last]).flatten();
    let known = || records.clone().chain(facts.known.iter().copied());
    let newest = known().max()?;
    let now = facts.now;
    if newest > now.saturating_add(STEP) {
        return Some(format!(
            "the clock says {}, and the log has something of {}: the clock is behind, or was ahead before. Set it \
             right, or confirm it with --trust-clock",
            date(now),
            date(newest)
        ));
    }
    let settled = known().filter(|time| *time <= now.saturating_sub(SETTLED)).max()?;
    if now.saturating_sub(settled) > SILENCE {
        return Some(format!(
            "the clock says {}, and before the last day the log has nothing newer than {}: the clock is ahead, or \
             the log was at rest. Set it right, confirm it with --trust-clock, or wait a day",
            date(now),
            date(settled)
        ));
    }
    None
}

/// What time synchronisation may correct at once, and what stands between a record's time and its reading.
const STEP: i64 = 5 * 60_000_000;
/// What is newer may have been written after a jump.
const SETTLED: i64 = 86_400_000_000;
/// A longer silence than this is explained by somebody.
const SILENCE: i64 = 7 * 86_400_000_000;
