//! Limits of room: the oldest shards go before their time, and never before they may.

use super::{Action, Copy, Judged, Planner, Rule};
use crate::hold::date;

/// Applies `max_bytes` of each channel, then `storage.min_free`. The shards are sorted by channel, the oldest first.
pub(super) fn limit(planner: &mut Planner<'_>, judged: &mut [Judged<'_>]) {
    for channel in &planner.policy.channels {
        let Some(most) = channel.max_bytes else { continue };
        let mut of: Vec<&mut Judged<'_>> = judged
            .iter_mut()
            .filter(|judged| judged.channel.is_some_and(|other| other.name == channel.name))
            .collect();
        let used: u64 = of.iter().filter(|judged| stays(judged)).map(|judged| judged.facts.bytes).sum();
        let over = used.saturating_sub(most);
        free(planner, &mut of, over, Rule::MaxBytes, &format!("{} has {used} bytes of {most}", channel.name));
    }
    if let (Some(least), Some(free_now)) = (planner.policy.min_free, planner.facts.free) {
        let coming: u64 = judged
            .iter()
            .filter(|judged| judged.facts.copy == Copy::Root && judged.decision.action == Action::Purge)
            .map(|judged| judged.facts.bytes)
            .sum();
        let lacking = least.saturating_sub(free_now.saturating_add(coming));
        let mut all: Vec<&mut Judged<'_>> = judged.iter_mut().collect();
        all.sort_by_key(|judged| judged.dates.map_or(i64::MAX, |dates| dates.last));
        free(planner, &mut all, lacking, Rule::MinFree, &format!("{free_now} bytes are free of {least}"));
    }
}

/// Whether it will lie in the root once the plan is carried out.
fn stays(judged: &Judged<'_>) -> bool {
    judged.facts.copy == Copy::Root && matches!(judged.decision.action, Action::Keep | Action::Refuse)
}

/// Lets the oldest that may go do so until `lacking` bytes are free; if that is not enough, says which would be next and may
/// not.
fn free(planner: &mut Planner<'_>, list: &mut [&mut Judged<'_>], lacking: u64, rule: Rule, what: &str) {
    let mut lacking = lacking;
    let mut waiting = Vec::new();
    for judged in list.iter_mut().filter(|judged| is_candidate(judged, rule)) {
        if lacking == 0 {
            return;
        }
        let Some(dates) = judged.dates else { continue };
        match obstacle(planner, judged) {
            Some(why) => waiting.push((judged, dates, why)),
            None => {
                let decision = &mut judged.decision;
                (decision.action, decision.rule, decision.due) = (Action::Purge, rule, Some(dates.allowed));
                decision.overdue = false;
                decision.why = format!("{what}: it is the oldest that may go, since {}", date(dates.allowed));
                lacking = lacking.saturating_sub(decision.bytes);
            }
        }
    }
    if lacking == 0 {
        return;
    }
    planner.alerts.push(format!(
        "{what}: {lacking} bytes too many, and nothing more may go. Give it more room, or decide on shorter periods \
         ({rule})"
    ));
    for (judged, dates, why) in waiting {
        if lacking == 0 {
            return;
        }
        let decision = &mut judged.decision;
        (decision.action, decision.rule, decision.due) = (Action::Refuse, rule, Some(dates.allowed));
        decision.why = format!("{what}, but {why}");
        lacking = lacking.saturating_sub(decision.bytes);
    }
}

/// What is held or refused already stays as it is decided.
fn is_candidate(judged: &Judged<'_>, rule: Rule) -> bool {
    let decision = &judged.decision;
    // What is to be archived leaves the root, if that succeeds, but perhaps not the disk.
    let is_kept =
        decision.action == Action::Keep || (decision.action == Action::Archive && rule == Rule::MinFree);
    is_kept && decision.copy == Copy::Root && !judged.facts.active && decision.holds.is_empty()
}

/// Why it may not go yet.
fn obstacle(planner: &Planner<'_>, judged: &Judged<'_>) -> Option<String> {
    let (dates, channel) = (judged.dates?, judged.channel?);
    if planner.facts.now < dates.allowed {
        return Some(format!("{} keeps it until {}", dates.allowed_by, date(dates.allowed)));
    }
    planner.missing(judged.facts, channel).map(|(_, why)| why)
}
