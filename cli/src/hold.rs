//! `dihya hold ..`

use std::fmt::Write as _;

use clap::Subcommand;
use dihya::Clock;
use dihya::hold::{self, Hold, Scope};
use dihya::hook::{Happened, Moment};
use dihya::ledger::Fact;
use dihya::operation::{Kind, Operation, Outcome};
use serde_json::{Value, json};

use crate::Answer;
use crate::log::{self, Because, Log, Where};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Keep what matches from being purged or erased, until the hold is released
    ///
    /// A record is held that fits all that is said; without anything, all records are. A shard that can have such a record
    /// is kept as a whole.
    Add(Box<Add>),
    /// List the holds in force
    List(List),
    /// End a hold: what it kept goes with the next purge, if it is due
    Release(Release),
}

#[derive(clap::Args)]
pub(crate) struct Add {
    /// The hold's name, such as the case's number
    id: String,
    #[command(flatten)]
    place: Where,
    #[command(flatten)]
    because: Because,
    /// Why it is needed: the claim, the order, the inquiry
    #[arg(long, value_name = "TEXT")]
    ground: String,
    /// Who answers for it
    #[arg(long, value_name = "NAME")]
    owner: String,
    /// When it is to be looked at again, such as 2027-01-31
    #[arg(long, value_name = "DATE")]
    review: String,
    /// Only this channel; may be repeated
    #[arg(long, value_name = "NAME")]
    channel: Vec<String>,
    /// Only records from this day on (UTC)
    #[arg(long, value_name = "DATE")]
    from: Option<String>,
    /// Only records up to this day, which is included (UTC)
    #[arg(long, value_name = "DATE")]
    to: Option<String>,
    /// Only records with this tenant_id; may be repeated
    #[arg(long, value_name = "ID")]
    tenant: Vec<String>,
    /// Only records with this subject_id, as it stands in them; may be repeated
    #[arg(long, value_name = "ID")]
    subject: Vec<String>,
    /// Only records with this event_name; may be repeated
    #[arg(long, value_name = "NAME")]
    event: Vec<String>,
}

#[derive(clap::Args)]
pub(crate) struct List {
    #[command(flatten)]
    place: Where,
    /// As JSON, for programs
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
pub(crate) struct Release {
    /// The hold's name
    id: String,
    #[command(flatten)]
    place: Where,
    #[command(flatten)]
    because: Because,
}

pub(crate) const HELP: &str = "\
Examples:
  dihya hold add case-2026-12 --ground \"claim of 2026-10-02\" --owner legal --review 2027-04-01 \\
      --channel audit --from 2026-01-01 --to 2026-09-30 --tenant t_42
  dihya hold list
  dihya hold release case-2026-12 --reason \"settled on 2027-02-11\"

Exit codes: 0 done, 1 not done, or a review is overdue, 2 not understood.";

impl Command {
    pub(crate) fn run(self) -> Answer {
        let answer = match self {
            Command::Add(add) => add.answer(),
            Command::List(list) => list.answer(),
            Command::Release(release) => release.answer(),
        };
        answer.unwrap_or_else(|answer| answer)
    }
}

impl Add {
    fn answer(self) -> Result<Answer, Answer> {
        let day = |name: &str, text: &str| {
            hold::day(text).ok_or_else(|| {
                Answer::unclear(format!("error: --{name} {text}: not a day such as 2027-01-31\n"))
            })
        };
        let maybe =
            |name: &str, text: &Option<String>| text.as_deref().map(|text| day(name, text)).transpose();
        let new = Hold {
            id: self.id,
            scope: Scope {
                channels: self.channel,
                from: maybe("from", &self.from)?,
                to: maybe("to", &self.to)?.map(|to| to + DAY),
                tenants: self.tenant,
                subjects: self.subject,
                events: self.event,
            },
            ground: self.ground,
            owner: self.owner,
            review: day("review", &self.review)?,
            since: String::new(),
        };
        let fact = new.fact().map_err(|error| Answer::unclear(format!("error: {error}\n")))?;
        let clock = Clock::system();
        if new.is_expired(clock.now()) {
            return Err(Answer::unclear(format!("error: --review {} is not ahead\n", self.review)));
        }
        let policy = self.place.policy()?;
        if let Some(name) = new.scope.channels.iter().find(|name| policy.channel(name).is_none()) {
            return Err(Answer::unclear(format!(
                "error: --channel {name}: the policy has no such channel\n"
            )));
        }
        let reason = self.because.reason.as_deref().unwrap_or(&new.ground);
        let (logs, _) = log::open(&policy, &clock)?;
        for log in &logs {
            if in_force(log)?.iter().any(|known| known.id == new.id) {
                return Err(Answer::wrong(format!(
                    "error: a hold {} is in force in {}; give this one another name\n",
                    new.id,
                    log.base.display()
                )));
            }
        }
        let mut answer = Answer::fine(format!("{} holds {}\n", new.id, new.scope));
        let mut told = Vec::new();
        for log in &logs {
            let session = record(
                log,
                &policy,
                &clock,
                Kind::HoldAdd,
                self.because.operator.as_deref(),
                Some(reason),
                fact.clone(),
            )?;
            told.push((log, session));
        }
        // Every log holds it before anybody is told.
        for (log, session) in told {
            let happened = Happened::new(Moment::Hold, session, &policy, &clock);
            log::tell_hooks(&policy, log, happened, &mut answer);
        }
        Ok(answer)
    }
}

impl List {
    fn answer(self) -> Result<Answer, Answer> {
        let policy = self.place.policy()?;
        let clock = Clock::system();
        log::caller()
            .may(Kind::HoldList, &policy)
            .map_err(|error| Answer::wrong(format!("error: {error}\n")))?;
        let (logs, _) = log::open(&policy, &clock)?;
        let mut answer = Answer::fine("");
        let mut list = Vec::new();
        let mut text = String::new();
        for log in &logs {
            for hold in in_force(log)? {
                let expired = hold.is_expired(clock.now());
                if expired {
                    answer.warn(&format!(
                        "the review of {} is overdue; {} answers for it",
                        hold.id, hold.owner
                    ));
                }
                let review = if hold.review == i64::MIN { "now".into() } else { hold::date(hold.review) };
                let _ = writeln!(
                    text,
                    "{}\n  scope   {}\n  ground  {}\n  owner   {}\n  since   {}\n  review  {review}{}",
                    hold.id,
                    hold.scope,
                    hold.ground,
                    hold.owner,
                    hold.since,
                    if expired { ", overdue" } else { "" }
                );
                list.push(to_json(log, &hold, expired));
            }
        }
        answer.out = if self.json {
            format!("{:#}\n", Value::Array(list)).into_bytes()
        } else if text.is_empty() {
            b"no hold is in force\n".to_vec()
        } else {
            text.into_bytes()
        };
        Ok(answer)
    }
}

impl Release {
    fn answer(self) -> Result<Answer, Answer> {
        let policy = self.place.policy()?;
        let clock = Clock::system();
        let (logs, _) = log::open(&policy, &clock)?;
        let mut told = Vec::new();
        for log in &logs {
            let holds = in_force(log)?.iter().any(|hold| hold.id == self.id);
            // Who may not release learns nothing of what is there.
            log::caller().may(Kind::HoldRelease, &policy).or_else(|_| {
                let fact = Fact::HoldReleased { id: self.id.clone() };
                record(log, &policy, &clock, Kind::HoldRelease, None, self.because.reason.as_deref(), fact)
                    .map(drop)
            })?;
            if holds {
                let fact = Fact::HoldReleased { id: self.id.clone() };
                let (operator, reason) = (self.because.operator.as_deref(), self.because.reason.as_deref());
                told.push((log, record(log, &policy, &clock, Kind::HoldRelease, operator, reason, fact)?));
            }
        }
        if told.is_empty() {
            return Err(Answer::wrong(format!(
                "error: no hold {} is in force; see `dihya hold list`\n",
                self.id
            )));
        }
        let mut answer = Answer::fine(format!("{} is released; what it kept goes when it is due\n", self.id));
        for (log, session) in told {
            let happened = Happened::new(Moment::Hold, session, &policy, &clock);
            log::tell_hooks(&policy, log, happened, &mut answer);
        }
        Ok(answer)
    }
}

fn in_force(log: &Log) -> Result<Vec<Hold>, Answer> {
    let entries = log.work().entries().map_err(|error| Answer::wrong(format!("error: {error}\n")))?;
    Ok(hold::in_force(&entries))
}

/// One fact, as one operation, while no purge is under way; the operation's session.
fn record(
    log: &Log,
    policy: &dihya::Policy,
    clock: &Clock,
    kind: Kind,
    operator: Option<&str>,
    reason: Option<&str>,
    fact: Fact,
) -> Result<String, Answer> {
    let wrong = |error: &dyn std::fmt::Display| Answer::wrong(format!("error: {error}\n"));
    let operation = Operation::begin(kind, policy, &log.ledger, clock, &log::caller(), operator, reason)
        .map_err(|error| wrong(&error))?;
    let lock = log.work().lock().map_err(|error| wrong(&error))?;
    operation.record(fact).map_err(|error| wrong(&error))?;
    drop(lock);
    let session = operation.session().to_owned();
    operation.end(Outcome::Success).map_err(|error| wrong(&error))?;
    Ok(session)
}

fn to_json(log: &Log, hold: &Hold, expired: bool) -> Value {
    json!({
        "id": hold.id,
        "base": log.base,
        "scope": {
            "channels": hold.scope.channels,
            "from": hold.scope.from.map(hold::date),
            "to": hold.scope.to.map(|to| hold::date(to - 1)),
            "tenants": hold.scope.tenants,
            "subjects": hold.scope.subjects,
            "events": hold.scope.events,
        },
        "ground": hold.ground,
        "owner": hold.owner,
        "since": hold.since,
        "review": (hold.review != i64::MIN).then(|| hold::date(hold.review)),
        "overdue": expired,
    })
}

const DAY: i64 = 86_400_000_000;
