//! What retention asks for, shard by shard: a pure function of what lies there, the policy, the holds and the time.
//!
//! [`plan`] decides and does nothing. It reads no clock and no file, so that its laws can be proved over any calendar:
//!
//! 1. Nothing goes before its floor, nor before it was at hand as long as `hot` says.
//! 2. Nothing stays past its ceiling, unless it is held or refused, and then the plan says so ([`Decision::overdue`]).
//! 3. What a hold can match does not go.
//! 4. The shard being written is no candidate.
//! 5. Audit and security go from the root only after a verified copy, unless the policy says `backup = "none"`.
//! 6. One channel's rules never touch another's; only `storage.min_free` speaks of all, since they share the disk.
//! 7. A clock that cannot be right purges nothing.
//!
//! # Dates
//!
//! A shard goes as a whole. Its floor, its default and `hot` count from its *last* record, so that none goes too early; its
//! ceiling from its *first*, so that none stays too long. It is due at the earlier of default and ceiling, and never
//! before the floor. A shard is a UTC day at most, so the first record of a day is kept up to a day longer than the last
//! one; where floor and ceiling are one period, that day is how far past its ceiling the first record can be, and up to
//! three days more over the end of a short month. Periods are calendar periods in UTC: no summer time moves them.
//!
//! # Copies
//!
//! A shard in the root goes at `default`. An archived one goes at `default` too, unless the channel's `backup` asked for it:
//! then it stays until `ceiling`.

mod clock;
mod room;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;

use crate::hold::{Hold, date};
use crate::journal::shard;
use crate::policy::{Backup, ChannelPolicy, Period, Policy};

pub use clock::Trust;

/// One copy of a shard, as far as retention has to know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardFacts {
    /// Its id: `audit/2026-11-20`, `audit/2026-11-20.1`.
    pub shard: String,
    /// Whose it is, where several processes share a root.
    pub instance: Option<String>,
    /// Where this copy lies.
    pub copy: Copy,
    /// Its file, as the disk or the store names it.
    pub path: String,
    /// Whether it may still be written to.
    pub active: bool,
    /// Time of the first record, in microseconds since 1970-01-01T00:00:00Z, if it is known.
    pub first: Option<i64>,
    /// Time of the last one.
    pub last: Option<i64>,
    /// Bytes of this copy.
    pub bytes: u64,
    /// Whether the ledger has the receipt of a verified copy in an archive.
    pub backed_up: bool,
    /// How many of its records a hold matches, by the hold's id, where they were looked at.
    pub matched: BTreeMap<String, u64>,
}

/// Where a copy of a shard lies.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Copy {
    /// In the root, as it was written.
    Root,
    /// In a store of archived shards, by its name.
    Archive(String),
}

/// All that a plan rests on besides the policy.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// The copies, in any order.
    pub shards: Vec<ShardFacts>,
    /// The holds in force.
    pub holds: Vec<Hold>,
    /// The time, in microseconds since 1970-01-01T00:00:00Z.
    pub now: i64,
    /// Times at which something is known to have happened, such as those of the ledger's entries.
    pub known: Vec<i64>,
    /// How far the time is to be trusted.
    pub trust: Trust,
    /// Free bytes on the disk of the root, if they were looked at.
    pub free: Option<u64>,
}

/// What retention asks for now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// The time it was made for.
    pub now: i64,
    /// One per copy of a shard: by channel, then the oldest first.
    pub decisions: Vec<Decision>,
    /// What somebody has to look at, a sentence each.
    pub alerts: Vec<String>,
}

/// What happens to one copy of a shard, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The shard's id.
    pub shard: String,
    /// Whose it is.
    pub instance: Option<String>,
    /// Which copy.
    pub copy: Copy,
    /// Its file.
    pub path: String,
    /// Its bytes.
    pub bytes: u64,
    /// What happens.
    pub action: Action,
    /// The rule that decided.
    pub rule: Rule,
    /// When the action became due, or, for what is kept, when the next one will be. `None`: not before something changes.
    pub due: Option<i64>,
    /// Whether it lies there past its ceiling, by more than the span of its own records.
    pub overdue: bool,
    /// The holds that keep it, or would when it is due.
    pub holds: Vec<String>,
    /// Why, with the dates.
    pub why: String,
}

/// What happens to a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// It stays: its time has not come, or a hold keeps it.
    Keep,
    /// It is to be archived.
    Archive,
    /// It is to be purged.
    Purge,
    /// It should go and must not: something is missing.
    Refuse,
}

/// What decides over a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Rule {
    /// `retention.floor`
    Floor,
    /// `retention.default`
    Default,
    /// `retention.ceiling`
    Ceiling,
    /// `retention.hot`, or the time after which a shard is archived where none is set.
    Hot,
    /// A hold.
    Hold,
    /// `backup`
    Backup,
    /// `max_bytes`
    MaxBytes,
    /// `storage.min_free`
    MinFree,
    /// It is being written.
    Active,
    /// The clock cannot be right.
    Clock,
    /// The policy has no such channel, or its name tells no day.
    Unknown,
}

/// What the policy says of each shard now.
pub fn plan(policy: &Policy, facts: &Facts) -> Plan {
    let doubt = clock::doubt(facts);
    let mut planner = Planner { policy, facts, doubt: doubt.as_deref(), alerts: Vec::new() };
    planner.alerts.extend(doubt.clone());
    let mut judged: Vec<Judged> = facts.shards.iter().map(|shard| planner.judge(shard)).collect();
    judged.sort_by(|a, b| a.order().cmp(&b.order()));
    room::limit(&mut planner, &mut judged);
    planner.tell(&judged);
    let decisions = judged.into_iter().map(|judged| judged.decision).collect();
    Plan { now: facts.now, decisions, alerts: planner.alerts }
}

struct Planner<'p> {
    policy: &'p Policy,
    facts: &'p Facts,
    /// Why the clock cannot be right.
    doubt: Option<&'p str>,
    alerts: Vec<String>,
}

/// A shard and what is decided so far.
struct Judged<'p> {
    facts: &'p ShardFacts,
    channel: Option<&'p ChannelPolicy>,
    dates: Option<Dates>,
    decision: Decision,
}

/// The moments that count for one shard.
#[derive(Clone, Copy, Debug)]
struct Dates {
    first: i64,
    last: i64,
    /// Nothing goes before this: the floor, and `hot` for a copy in the root.
    allowed: i64,
    /// What is later of the two.
    allowed_by: Rule,
    /// When it goes.
    due: i64,
    /// The rule that says so.
    due_by: Rule,
    /// Past this it is overdue.
    limit: i64,
    /// When it may be archived.
    archive: i64,
}

impl<'p> Planner<'p> {
    fn judge(&self, shard: &'p ShardFacts) -> Judged<'p> {
        let name = shard.shard.split_once('/').map_or("", |(channel, _)| channel);
        let channel = self.policy.channels.iter().find(|channel| channel.name == name);
        let dates = channel.and_then(|channel| dates(shard, channel));
        let decision = Decision {
            shard: shard.shard.clone(),
            instance: shard.instance.clone(),
            copy: shard.copy.clone(),
            path: shard.path.clone(),
            bytes: shard.bytes,
            action: Action::Keep,
            rule: Rule::Unknown,
            due: None,
            overdue: dates.is_some_and(|dates| self.facts.now >= dates.limit),
            holds: dates.map_or_else(Vec::new, |dates| self.holds(shard, name, dates)),
            why: String::new(),
        };
        let mut judged = Judged { facts: shard, channel, dates, decision };
        let (action, rule, due, why) = self.decide(&judged);
        let decision = &mut judged.decision;
        (decision.action, decision.rule, decision.due, decision.why) = (action, rule, due, why);
        decision.overdue &= action != Action::Purge && !shard.active;
        judged
    }

    fn decide(&self, judged: &Judged<'_>) -> (Action, Rule, Option<i64>, String) {
        let (shard, now) = (judged.facts, self.facts.now);
        if shard.active {
            return (Action::Keep, Rule::Active, None, "it is being written".into());
        }
        let (Some(channel), Some(dates)) = (judged.channel, judged.dates) else {
            let why = match judged.channel {
                None => {
                    "the policy has no such channel, so nothing says how long it is kept; declare the channel"
                }
                Some(_) => "neither its records nor its name tell a day that the calendar has",
            };
            return (Action::Refuse, Rule::Unknown, None, why.into());
        };
        if now < dates.due {
            return self.not_due(judged, channel, dates);
        }
        let due = Some(dates.due);
        let why = reason(channel, dates.due_by, dates);
        if let Some(held) = self.held(judged) {
            return (Action::Keep, Rule::Hold, due, format!("{held}; otherwise due: {why}"));
        }
        if let Some((rule, missing)) = self.missing(shard, channel) {
            return (Action::Refuse, rule, due, format!("{missing}; due: {why}"));
        }
        (Action::Purge, dates.due_by, due, why)
    }

    fn not_due(
        &self,
        judged: &Judged<'_>,
        channel: &ChannelPolicy,
        dates: Dates,
    ) -> (Action, Rule, Option<i64>, String) {
        let next = reason(channel, dates.due_by, dates);
        let then = format!("{}, on {}", next, date(dates.due));
        // One that goes before it could be archived is not.
        let is_archived = judged.facts.copy == Copy::Root && dates.archive < dates.due;
        if !is_archived {
            return (Action::Keep, dates.due_by, Some(dates.due), format!("purged {then}"));
        }
        let at_hand = match channel.retention.hot {
            Some(hot) => format!("at hand for {hot} after its last record, of {}", date(dates.last)),
            None => format!(
                "at hand for {ARCHIVE_AFTER}, our convention, after its last record, of {}",
                date(dates.last)
            ),
        };
        if self.facts.now >= dates.archive && self.doubt.is_none() {
            return (
                Action::Archive,
                Rule::Hot,
                Some(dates.archive),
                format!("it was {at_hand}; purged {then}"),
            );
        }
        let why = format!("{at_hand}, so archived on {}; purged {then}", date(dates.archive));
        (Action::Keep, Rule::Hot, Some(dates.archive), why)
    }

    /// What keeps a shard that is due from going, other than a hold.
    fn missing(&self, shard: &ShardFacts, channel: &ChannelPolicy) -> Option<(Rule, String)> {
        if let Some(doubt) = self.doubt {
            return Some((Rule::Clock, doubt.to_owned()));
        }
        // An archived copy is the backup itself: past its own time it needs no other.
        let needs = channel.backup == Backup::Archive && shard.copy == Copy::Root && !shard.backed_up;
        needs.then(|| {
            let why = "no verified copy of it is in an archive: run `dihya archive`, or set the channel's \
                       backup = \"none\" if nobody needs one";
            (Rule::Backup, why.to_owned())
        })
    }

    fn holds(&self, shard: &ShardFacts, channel: &str, dates: Dates) -> Vec<String> {
        let keeps = |hold: &&Hold| {
            hold.scope.can_match(channel, dates.first, dates.last)
                && (hold.scope.is_by_shard() || shard.matched.get(&hold.id) != Some(&0))
        };
        self.facts.holds.iter().filter(keeps).map(|hold| hold.id.clone()).collect()
    }

    fn held(&self, judged: &Judged<'_>) -> Option<String> {
        let told = |id: &String| {
            let hold = self.facts.holds.iter().find(|hold| hold.id == *id)?;
            let records = match judged.facts.matched.get(id) {
                Some(count) => format!("{count} of its records match"),
                None if hold.scope.is_by_shard() => "all its records may match".to_owned(),
                None => "its records were not looked at".to_owned(),
            };
            let review = if hold.is_expired(self.facts.now) { ", review overdue" } else { "" };
            Some(format!("held by {id} ({}; {records}{review})", hold.ground))
        };
        let all: Vec<String> = judged.decision.holds.iter().filter_map(told).collect();
        (!all.is_empty()).then(|| all.join(", "))
    }

    /// What somebody has to look at.
    fn tell(&mut self, judged: &[Judged<'_>]) {
        let overdue: Vec<&Decision> =
            judged.iter().map(|judged| &judged.decision).filter(|decision| decision.overdue).collect();
        if let Some(first) = overdue.first() {
            self.alerts.push(format!(
                "{} past the ceiling and still here, {} the first: {}",
                shards(overdue.len()),
                first.shard,
                first.why
            ));
        }
        for rule in [Rule::Backup, Rule::Unknown] {
            let of = judged.iter().map(|judged| &judged.decision);
            // What is overdue was told already.
            let is = |decision: &&Decision| {
                decision.action == Action::Refuse && decision.rule == rule && !decision.overdue
            };
            if let Some(first) = of.clone().find(is) {
                let count = of.filter(is).count();
                self.alerts.push(format!(
                    "{} refused, {} the first: {}",
                    shards(count),
                    first.shard,
                    first.why
                ));
            }
        }
        for hold in self.facts.holds.iter().filter(|hold| hold.is_expired(self.facts.now)) {
            let review = if hold.review == i64::MIN { "now".to_owned() } else { date(hold.review) };
            self.alerts.push(format!(
                "the review of hold {} was due on {review}; {} answers for it: release it, or set it anew with another date",
                hold.id, hold.owner
            ));
        }
    }
}

impl Judged<'_> {
    /// By channel, then by age, then by name.
    fn order(&self) -> (&str, i64, &str, &Option<String>, &Copy) {
        let channel = self.facts.shard.split_once('/').map_or("", |(channel, _)| channel);
        let last = self.dates.map_or(i64::MIN, |dates| dates.last);
        (channel, last, &self.facts.shard, &self.facts.instance, &self.facts.copy)
    }
}

/// `None` if neither its records nor its name tell a day, or a period ends beyond the calendar.
fn dates(shard: &ShardFacts, channel: &ChannelPolicy) -> Option<Dates> {
    let (first, last) = span(shard)?;
    let kept = &channel.retention;
    let (floor, ceiling) = (kept.floor.end(last)?, kept.ceiling.end(first)?);
    let hot = match kept.hot {
        Some(hot) => hot.end(last)?,
        None => last,
    };
    let in_root = shard.copy == Copy::Root;
    let (allowed, allowed_by) = if in_root && hot > floor { (hot, Rule::Hot) } else { (floor, Rule::Floor) };
    let is_backup = !in_root && channel.backup == Backup::Archive;
    let default = kept.default.end(last)?;
    let (asked, asked_by) =
        if is_backup || ceiling <= default { (ceiling, Rule::Ceiling) } else { (default, Rule::Default) };
    let (due, due_by) = if allowed > asked { (allowed, allowed_by) } else { (asked, asked_by) };
    let archive = kept.hot.map_or_else(|| ARCHIVE_AFTER.end(last), |_| Some(hot))?;
    Some(Dates { first, last, allowed, allowed_by, due, due_by, limit: ceiling.max(allowed), archive })
}

/// First and last moment of a shard. What its records tell, but nothing from before the day it was written on: a
/// record that claims to be older must not take the others with it. Without records, the whole day.
fn span(shard: &ShardFacts) -> Option<(i64, i64)> {
    let (_, period) = shard.shard.split_once('/')?;
    let day = shard::Name::parse(&format!("{period}.jsonl"), false)?.day;
    let begin = i64::from(day.to_epoch_days()).checked_mul(DAY)?;
    let (first, last) = (shard.first.or(shard.last), shard.last.or(shard.first));
    let (Some(first), Some(last)) = (first, last) else { return Some((begin, begin + DAY - 1)) };
    // Lines stand as they were queued, so that the last one need not be the newest, nor the first the oldest.
    let (first, last) = (first.min(last), last.max(first));
    Some((first.max(begin - MIDNIGHT).min(begin + DAY), last.max(begin)))
}

/// The period behind a rule, and the day it counts from.
fn reason(channel: &ChannelPolicy, rule: Rule, dates: Dates) -> String {
    let kept = &channel.retention;
    let period = match rule {
        Rule::Ceiling => return format!("{} after its first record, of {}", kept.ceiling, date(dates.first)),
        Rule::Floor => kept.floor,
        Rule::Hot => kept.hot.unwrap_or(ARCHIVE_AFTER),
        _ => kept.default,
    };
    format!("{period} after its last record, of {}", date(dates.last))
}

fn shards(count: usize) -> String {
    if count == 1 { "1 shard is".to_owned() } else { format!("{count} shards are") }
}

impl Action {
    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Action::Keep => "keep",
            Action::Archive => "archive",
            Action::Purge => "purge",
            Action::Refuse => "refuse",
        }
    }
}

impl Rule {
    /// As it is called in the policy and in certificates.
    pub const fn name(self) -> &'static str {
        match self {
            Rule::Floor => "retention.floor",
            Rule::Default => "retention.default",
            Rule::Ceiling => "retention.ceiling",
            Rule::Hot => "retention.hot",
            Rule::Hold => "hold",
            Rule::Backup => "backup",
            Rule::MaxBytes => "max_bytes",
            Rule::MinFree => "storage.min_free",
            Rule::Active => "active",
            Rule::Clock => "clock",
            Rule::Unknown => "unknown",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// `root`, or the store's name.
impl fmt::Display for Copy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Copy::Root => f.write_str("root"),
            Copy::Archive(store) => f.write_str(store),
        }
    }
}

/// Where the policy sets no `hot`: what is asked about is mostly of the last weeks.
const ARCHIVE_AFTER: Period = Period::months(1);
const DAY: i64 = 86_400_000_000;
/// A record of the last moment of a day can stand in the next day's shard.
const MIDNIGHT: i64 = DAY;
