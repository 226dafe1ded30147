//! How long records are kept: the laws of the policy's periods, on every day of a simulated calendar.
//!
//! What is planned by them is checked in `planned`.

use std::collections::BTreeSet;

use dihya::{Clock, Period, Policy, Sector};

use super::calendar::{self, Date};
use super::context::{Context, Facts};
use super::derive::{derived, set};
use super::failure::ensure;
use super::{Done, Failure};

/// For whatever day a record is of, it is due neither before its floor nor after its ceiling.
pub(crate) fn in_order(context: &mut Context) -> Result<Done, Failure> {
    let upside_down = derived(&context.policy, |table| {
        set(table, "channels.app.retention.floor", "P2M");
        set(table, "channels.app.retention.default", "P1M");
    });
    ensure!(
        upside_down.is_err(),
        "a floor beyond its default is accepted: the check of the policy does not work"
    );
    let mut known = BTreeSet::new();
    let clock = Clock::manual(0);
    for channel in context.facts.channels() {
        let limits = Limits::of(&context.facts, &channel)?;
        // Channels share their limits: each set once.
        if !known.insert(limits.texts()) {
            continue;
        }
        for day in days() {
            clock.set(day * DAY);
            let now = clock.now();
            let end = |period: Period| {
                period.end(now).ok_or_else(|| Failure::new("a period ends beyond the calendar"))
            };
            let (floor, default, ceiling) = (end(limits.floor)?, end(limits.default)?, end(limits.ceiling)?);
            let hot = limits.hot.map(end).transpose()?.unwrap_or(now);
            ensure!(
                now < floor && floor <= default && default <= ceiling && hot <= default,
                "{channel}: for a record of {:?} floor, default and ceiling are out of order",
                Date::of(day)
            );
            context.count(1);
        }
    }
    Ok(Done::Proved)
}

/// The policy's periods end on the day that the calendar says, leap years and short months included.
pub(crate) fn calendar(context: &mut Context) -> Result<Done, Failure> {
    let mut periods: BTreeSet<String> = ["P12M", "P3Y", "P1M", "P365D"].map(str::to_owned).into();
    for channel in context.facts.channels() {
        periods.extend(Limits::of(&context.facts, &channel)?.texts().into_iter().flatten());
    }
    for text in &periods {
        let period: Period = text.parse().map_err(|_| Failure::new(format!("{text} is no period")))?;
        let Some((months, more)) = calendar::period(text) else {
            return Err(Failure::new(format!("{text} is no period")));
        };
        for day in days() {
            let expected = (Date::of(day).plus_months(months).days() + more) * DAY + NOON;
            ensure!(
                period.end(day * DAY + NOON) == Some(expected),
                "{text} from {:?} does not end on {:?}",
                Date::of(day),
                Date::of(expected / DAY)
            );
            context.count(1);
        }
    }
    let leap = Date { year: 2024, month: 1, day: 1 }.days() * DAY;
    ensure!(
        Period::months(12).end(leap) != Period::days(365).end(leap),
        "twelve months and 365 days end together in a leap year: the check does not work"
    );
    Ok(Done::Proved)
}

/// What may be kept for more than twelve months says why, and where that is written.
pub(crate) fn justified(context: &mut Context) -> Result<Done, Failure> {
    let careless = derived(&context.policy, |table| {
        for (key, value) in [("floor", "P6M"), ("default", "P3Y"), ("ceiling", "P3Y"), ("source", "none")] {
            set(table, &format!("channels.app.retention.{key}"), value);
        }
        if let Some(toml::Value::Table(channels)) = table.get_mut("channels")
            && let Some(toml::Value::Table(app)) = channels.get_mut("app")
            && let Some(toml::Value::Table(retention)) = app.get_mut("retention")
        {
            retention.remove("case");
            retention.remove("document");
        }
    });
    ensure!(
        careless.is_err(),
        "three years without a word are accepted: the check of the policy does not work"
    );
    for channel in context.facts.channels() {
        let limits = Limits::of(&context.facts, &channel)?;
        if longer(limits.ceiling, Period::months(12)) {
            for key in ["case", "document"] {
                let text = context.facts.text(&format!("channels.{channel}.retention.{key}"));
                ensure!(text.is_some(), "{channel} may be kept for {}, without a `{key}`", limits.ceiling);
            }
            context
                .note(format!("{channel} may be kept for {}, with a written justification", limits.ceiling));
        }
        let source = context.facts.text(&format!("channels.{channel}.retention.source"));
        ensure!(
            source.is_some_and(|source| !source.trim().is_empty()),
            "{channel}: its periods name no source"
        );
        context.count(1);
    }
    Ok(Done::Proved)
}

/// No channel is kept for less than its sector's floor, nor longer than its ceiling without saying why.
pub(crate) fn sector(context: &mut Context) -> Result<Done, Failure> {
    let name = context.facts.text("sector").unwrap_or_default();
    let sector: Sector = name.parse().map_err(|_| Failure::new(format!("{name} is no sector")))?;
    let asked = Facts::of(&Policy::sector(sector));
    let short = Limits { floor: Period::months(1), ..Limits::of(&asked, "audit")? };
    ensure!(
        short.faults(&Limits::of(&asked, "audit")?, false).is_some(),
        "a short floor is accepted: the check does not work"
    );
    for channel in context.facts.channels() {
        let source = asked.text(&format!("channels.{channel}.retention.source")).unwrap_or_default();
        if source.is_empty() || source.contains("[C]") {
            context.note(format!("{channel}: the sector's limits are a convention of ours, and not checked"));
            continue;
        }
        let ours = Limits::of(&context.facts, &channel)?;
        let justified = context.facts.text(&format!("channels.{channel}.retention.document")).is_some();
        let fault = ours.faults(&Limits::of(&asked, &channel)?, justified);
        ensure!(
            fault.is_none(),
            "{channel} {}: the sector {name} asks otherwise ({source}). If yours is right, skip this rule and say why",
            fault.unwrap_or_default()
        );
        context.count(1);
    }
    Ok(Done::Proved)
}

/// One channel's periods.
struct Limits {
    floor: Period,
    default: Period,
    ceiling: Period,
    hot: Option<Period>,
}

impl Limits {
    fn of(facts: &Facts, channel: &str) -> Result<Limits, Failure> {
        let period = |name: &str| {
            let text = facts.text(&format!("channels.{channel}.retention.{name}"));
            text.and_then(|text| text.parse().ok())
        };
        let needed = |name: &str| {
            period(name).ok_or_else(|| Failure::new(format!("{channel} has no {name} of retention")))
        };
        Ok(Limits {
            floor: needed("floor")?,
            default: needed("default")?,
            ceiling: needed("ceiling")?,
            hot: period("hot"),
        })
    }

    fn texts(&self) -> [Option<String>; 4] {
        [Some(self.floor), Some(self.default), Some(self.ceiling), self.hot].map(|p| p.map(|p| p.to_string()))
    }

    /// What of these is outside the limits asked for.
    fn faults(&self, asked: &Limits, justified: bool) -> Option<String> {
        if longer(asked.floor, self.floor) {
            return Some(format!("may be purged after {}, before {}", self.floor, asked.floor));
        }
        if longer(self.ceiling, asked.ceiling) && !justified {
            return Some(format!("may be kept for {}, longer than {}", self.ceiling, asked.ceiling));
        }
        let hot = asked.hot?;
        let short = self.hot.is_none_or(|ours| longer(hot, ours));
        short.then(|| format!("is not kept at hand for {hot}"))
    }
}

/// Whether the first ends after the second for some day.
fn longer(a: Period, b: Period) -> bool {
    days().any(|day| a.end(day * DAY) > b.end(day * DAY))
}

/// Every day of 2023 to 2033, and the years around 2100, which is no leap year.
fn days() -> impl Iterator<Item = i64> {
    let from = |year| Date { year, month: 1, day: 1 }.days();
    (from(2023)..from(2033)).chain(from(2098)..from(2103))
}

const DAY: i64 = 86_400_000_000;
const NOON: i64 = DAY / 2;
