//! `dihya plan`: what retention would do and why, shard by shard.

use std::fmt::Write as _;

use dihya::operation::Kind;
use dihya::retain::{Action, Decision, Plan, Trust};
use dihya::{Clock, Policy};
use serde_json::{Value, json};

use crate::Answer;
use crate::log::{self, Log, Where};

/// Which plan.
#[derive(clap::Args)]
pub(crate) struct Command {
    #[command(flatten)]
    place: Where,
    /// Look ahead: what would happen on this day (UTC), such as 2027-01-31
    #[arg(long, value_name = "DATE")]
    at: Option<String>,
    /// Leave out what is kept because its time has not come
    #[arg(long)]
    due: bool,
    /// The clock was looked at, and is right
    #[arg(long)]
    trust_clock: bool,
    /// As JSON, for programs
    #[arg(long)]
    json: bool,
}

pub(crate) const HELP: &str = "\
Examples:
  dihya plan                       what retention asks for now
  dihya plan --due                 only what is to be archived, purged, or refused
  dihya plan --at 2027-01-31       what it will ask for on that day
  dihya plan --json | jq '.logs[].decisions[] | select(.action == \"refuse\")'

Exit codes: 0 nothing has to be looked at, 1 something has (told on standard error), 2 not understood.";

impl Command {
    pub(crate) fn run(self) -> Answer {
        self.answer().unwrap_or_else(|answer| answer)
    }

    fn answer(self) -> Result<Answer, Answer> {
        let policy = self.place.policy()?;
        let (clock, trust) = match &self.at {
            None if self.trust_clock => (Clock::system(), Trust::Confirmed),
            None => (Clock::system(), Trust::Checked),
            Some(text) => {
                let Some(day) = dihya::hold::day(text) else {
                    return Ok(Answer::unclear(format!(
                        "error: --at {text}: not a day such as 2027-01-31\n"
                    )));
                };
                (Clock::manual(day), Trust::Supposed)
            }
        };
        log::caller()
            .may(Kind::Plan, &policy)
            .map_err(|denied| Answer::wrong(format!("error: {denied}\n")))?;
        let (logs, without) = log::open(&policy, &Clock::system())?;
        let mut plans = Vec::new();
        for log in &logs {
            plans.push((log, of(log, &policy, &clock, trust)?));
        }
        let mut err = String::new();
        for (_, plan) in &plans {
            plan.alerts.iter().for_each(|alert| err.push_str(&format!("warning: {alert}\n")));
        }
        for base in without {
            let _ = writeln!(err, "warning: {} has no ledger, and is not planned for", base.display());
        }
        let out = if self.json {
            let logs: Vec<Value> = plans.iter().map(|(log, plan)| to_json(log, plan)).collect();
            format!("{:#}\n", json!({ "policy": policy.reference(), "logs": logs }))
        } else {
            let several = plans.len() > 1;
            let mut out = String::new();
            for (log, plan) in &plans {
                if several {
                    let _ = writeln!(out, "{}", log.base.display());
                }
                let is_shown = |d: &&Decision| !self.due || d.action != Action::Keep || d.overdue;
                let shown: Vec<&Decision> = plan.decisions.iter().filter(is_shown).collect();
                out.push_str(&table(&shown));
                out.push_str(&summary(plan));
            }
            out
        };
        let code = u8::from(!err.is_empty());
        Ok(Answer { out: out.into_bytes(), err, code })
    }
}

/// The plan of one log.
pub(crate) fn of(log: &Log, policy: &Policy, clock: &Clock, trust: Trust) -> Result<Plan, Answer> {
    log.work().plan(policy, clock, trust).map_err(|error| Answer::wrong(format!("error: {error}\n")))
}

/// One line per decision.
pub(crate) fn table(decisions: &[&Decision]) -> String {
    let mut out = String::new();
    let width = |of: fn(&Decision) -> usize| decisions.iter().map(|d| of(d)).max().unwrap_or(0);
    let (shard, copy) = (width(|d| d.shard.len()).max(5), width(|d| d.copy.to_string().len()).max(4));
    if !decisions.is_empty() {
        let _ = writeln!(
            out,
            "{:shard$}  {:copy$}  {:>10}  {:7}  {:10}  WHY",
            "SHARD", "COPY", "SIZE", "ACTION", "DUE"
        );
    }
    for decision in decisions {
        let due = decision.due.map_or_else(|| "-".to_owned(), dihya::hold::date);
        let overdue = if decision.overdue { "PAST ITS CEILING: " } else { "" };
        let _ = writeln!(
            out,
            "{:shard$}  {:copy$}  {:>10}  {:7}  {due:10}  {overdue}{}",
            decision.shard,
            decision.copy.to_string(),
            size(decision.bytes),
            decision.action.name(),
            decision.why,
        );
    }
    out
}

fn summary(plan: &Plan) -> String {
    let count = |action: Action| plan.decisions.iter().filter(|d| d.action == action).count();
    format!(
        "{} to keep, {} to archive, {} to purge, {} refused\n",
        count(Action::Keep),
        count(Action::Archive),
        count(Action::Purge),
        count(Action::Refuse)
    )
}

fn to_json(log: &Log, plan: &Plan) -> Value {
    let decision = |decision: &Decision| {
        json!({
            "shard": decision.shard,
            "copy": decision.copy.to_string(),
            "path": decision.path,
            "bytes": decision.bytes,
            "action": decision.action.name(),
            "rule": decision.rule.name(),
            "due": decision.due.map(dihya::hold::date),
            "overdue": decision.overdue,
            "holds": decision.holds,
            "why": decision.why,
        })
    };
    let decisions: Vec<Value> = plan.decisions.iter().map(decision).collect();
    json!({
        "base": log.base,
        "at": dihya::hold::date(plan.now),
        "alerts": plan.alerts,
        "decisions": decisions,
    })
}

/// Bytes for people: `1.5 MiB`.
pub(crate) fn size(bytes: u64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < units.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{bytes} B") } else { format!("{value:.1} {}", units[unit]) }
}
