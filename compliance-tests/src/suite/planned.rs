//! What retention does with this policy: the plan for a shard of every day, at the moments that count, against a
//! calendar of our own.

use std::collections::{BTreeMap, BTreeSet};

use dihya::Policy;
use dihya::hold::{Hold, Scope};
use dihya::retain::{Action, Copy, Decision, Facts, Rule, ShardFacts, Trust, plan};

use super::calendar::{self, Date};
use super::context::Context;
use super::failure::ensure;
use super::{Done, Failure};

/// Nothing is purged before it may, everything is once it is due, and what lacks its backup is refused and told.
pub(crate) fn in_time(context: &mut Context) -> Result<Done, Failure> {
    let policy = context.policy.clone();
    for channel in channels(context)? {
        for day in days() {
            let moments = channel.moments(day);
            let case = Case { policy: &policy, channel: &channel.name, day };
            let told = |what: &str| {
                Failure::new(format!("{}, a record of {:?}: {what}", channel.name, Date::of(day)))
            };
            for before in [moments.allowed, moments.due] {
                ensure!(
                    case.decide(before - 1, true).action != Action::Purge,
                    "{}: a record of {:?} is purged before {:?}",
                    channel.name,
                    Date::of(day),
                    Date::of(before / DAY)
                );
            }
            if case.decide(moments.due, true).action != Action::Purge {
                return Err(told("it is due and not purged"));
            }
            let lone = case.decide(moments.limit, false);
            let expected = if channel.needs_backup { Action::Refuse } else { Action::Purge };
            if lone.action != expected {
                return Err(told("without a backup it is not treated as the policy says"));
            }
            if lone.action == Action::Refuse && !(lone.overdue && lone.rule == Rule::Backup) {
                return Err(told("it stays past its ceiling, and the plan does not say so"));
            }
            context.tally.checks += 4;
            context.tally.controls += 4;
        }
        if !channel.needs_backup && ["audit", "security"].contains(&channel.name.as_str()) {
            context.note(format!("{} is purged without a backup: the policy says so", channel.name));
        }
    }
    Ok(Done::Proved)
}

/// What a hold can match stays, whatever its age, and goes once the hold is released.
pub(crate) fn held(context: &mut Context) -> Result<Done, Failure> {
    let policy = context.policy.clone();
    for channel in channels(context)? {
        for day in days().step_by(17) {
            let limit = channel.moments(day).limit;
            let case = Case { policy: &policy, channel: &channel.name, day };
            ensure!(
                case.decide(limit, true).action == Action::Purge,
                "{}: a record of {:?} is not purged without a hold: the check does not work",
                channel.name,
                Date::of(day)
            );
            let scopes = [
                Scope::default(),
                Scope { channels: vec![channel.name.clone()], ..Scope::default() },
                Scope { from: Some(day * DAY), to: Some((day + 1) * DAY), ..Scope::default() },
                Scope { tenants: vec!["t_42".into()], ..Scope::default() },
                Scope { subjects: vec!["p_7".into()], ..Scope::default() },
                Scope { events: vec!["sensitive_read".into()], ..Scope::default() },
            ];
            for scope in scopes {
                let text = scope.to_string();
                let held = case.held(limit, scope);
                ensure!(
                    held.action == Action::Keep && held.overdue && !held.holds.is_empty(),
                    "{}: a record of {:?} is not kept by a hold of {text}",
                    channel.name,
                    Date::of(day)
                );
                context.count(1);
            }
        }
    }
    Ok(Done::Proved)
}

/// A clock that was set back, or jumped ahead, purges nothing.
pub(crate) fn clock(context: &mut Context) -> Result<Done, Failure> {
    let policy = context.policy.clone();
    for channel in channels(context)? {
        for day in days().step_by(29) {
            // So long after the record that its own time is no evidence of the last week.
            let limit = channel.moments(day).limit.max((day + 40) * DAY);
            let case = Case { policy: &policy, channel: &channel.name, day };
            let decide = |known: &[i64]| {
                let known = known.iter().map(|days| limit + days * DAY).collect();
                let facts = Facts { known, trust: Trust::Checked, ..case.facts(limit, true) };
                plan(case.policy, &facts)
            };
            ensure!(
                decide(&[-2]).decisions[0].action == Action::Purge,
                "{}: nothing is purged under a clock that is right: the check does not work",
                channel.name
            );
            for known in [&[-2, 1][..], &[-30], &[-30, 0]] {
                let plan = decide(known);
                ensure!(
                    plan.decisions[0].action == Action::Refuse && !plan.alerts.is_empty(),
                    "{}: a record of {:?} is purged under a clock that cannot be right",
                    channel.name,
                    Date::of(day)
                );
                context.count(1);
            }
        }
    }
    Ok(Done::Proved)
}

/// A channel as the policy shows it.
struct Channel {
    name: String,
    floor: (i64, i64),
    default: (i64, i64),
    ceiling: (i64, i64),
    hot: Option<(i64, i64)>,
    needs_backup: bool,
}

/// The moments that count for a record, by our own calendar.
struct Moments {
    allowed: i64,
    due: i64,
    limit: i64,
}

impl Channel {
    fn moments(&self, day: i64) -> Moments {
        let (floor, default) = (after(day, self.floor) + LAST, after(day, self.default) + LAST);
        let ceiling = after(day, self.ceiling) + FIRST;
        let hot = self.hot.map_or(floor, |hot| after(day, hot) + LAST);
        let allowed = floor.max(hot);
        Moments { allowed, due: default.min(ceiling).max(allowed), limit: ceiling.max(allowed) }
    }
}

/// Midnight of the day on which a period ends that begins on this one.
fn after(day: i64, (months, more): (i64, i64)) -> i64 {
    (Date::of(day).plus_months(months).days() + more) * DAY
}

/// Channels whose rules differ: each set once.
fn channels(context: &Context) -> Result<Vec<Channel>, Failure> {
    let mut known = BTreeSet::new();
    let mut channels = Vec::new();
    for name in context.facts.channels() {
        let text = |key: &str| context.facts.text(&format!("channels.{name}.{key}"));
        let period = |key: &str| text(&format!("retention.{key}")).and_then(|text| calendar::period(&text));
        let needed =
            |key: &str| period(key).ok_or_else(|| Failure::new(format!("{name} has no {key} of retention")));
        let channel = Channel {
            floor: needed("floor")?,
            default: needed("default")?,
            ceiling: needed("ceiling")?,
            hot: period("hot"),
            needs_backup: text("backup").as_deref() == Some("archive"),
            name,
        };
        let rules = (channel.floor, channel.default, channel.ceiling, channel.hot, channel.needs_backup);
        if known.insert(rules) || ["audit", "security"].contains(&channel.name.as_str()) {
            channels.push(channel);
        }
    }
    Ok(channels)
}

/// One shard of one day, with records from eight to eight.
struct Case<'c> {
    policy: &'c Policy,
    channel: &'c str,
    day: i64,
}

impl Case<'_> {
    fn facts(&self, now: i64, backed_up: bool) -> Facts {
        let Date { year, month, day } = Date::of(self.day);
        let shard = format!("{}/{year:04}-{month:02}-{day:02}", self.channel);
        let shard = ShardFacts {
            path: shard.clone(),
            shard,
            instance: None,
            copy: Copy::Root,
            active: false,
            first: Some(self.day * DAY + FIRST),
            last: Some(self.day * DAY + LAST),
            bytes: 1000,
            backed_up,
            matched: BTreeMap::new(),
        };
        Facts { shards: vec![shard], now, trust: Trust::Confirmed, ..Facts::default() }
    }

    fn decide(&self, now: i64, backed_up: bool) -> Decision {
        plan(self.policy, &self.facts(now, backed_up)).decisions.remove(0)
    }

    fn held(&self, now: i64, scope: Scope) -> Decision {
        let hold = Hold {
            id: "case".into(),
            scope,
            ground: "a claim".into(),
            owner: "legal".into(),
            review: now + DAY,
            since: String::new(),
        };
        let facts = Facts { holds: vec![hold], ..self.facts(now, true) };
        plan(self.policy, &facts).decisions.remove(0)
    }
}

/// Every day of 2023 to 2029, with its leap years, and those around the one that 2100 is not.
fn days() -> impl Iterator<Item = i64> {
    let from = |year| Date { year, month: 1, day: 1 }.days();
    (from(2023)..from(2029)).chain(from(2099)..from(2101))
}

const DAY: i64 = 86_400_000_000;
const FIRST: i64 = DAY / 3;
const LAST: i64 = 2 * DAY / 3;
