//! `dihya alert ..`: receivers of alerts, and what waits for them.

use std::fmt::Write as _;

use clap::Subcommand;
use dihya::alert::deliver;
use dihya::catalog::{Catalog, Places};
use dihya::operation::Kind;
use dihya::storage::Local;
use dihya::{Clock, Policy};
use serde_json::{Value, json};

use crate::Answer;
use crate::log::{self, Where};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Send one alert that says it is a test, and tell what came back
    ///
    /// It goes straight to the receiver: no spool, one attempt.
    Test(Test),
    /// List the alerts that wait for their receivers, and why
    List(List),
}

#[derive(clap::Args)]
pub(crate) struct Test {
    /// The receiver: NAME of [alerts.sinks.NAME] in the policy
    sink: String,
    #[command(flatten)]
    place: Where,
}

#[derive(clap::Args)]
pub(crate) struct List {
    #[command(flatten)]
    place: Where,
    /// As JSON, for programs
    #[arg(long)]
    json: bool,
}

pub(crate) const HELP: &str = "\
Examples:
  dihya alert test pager                           one test alert, and what came back
  dihya alert list                                 what waits, for whom, since when

Exit codes: 0 the receiver took it, or nothing waits; 1 it did not, or something waits; 2 there is no such receiver.";

impl Command {
    pub(crate) fn run(self) -> Answer {
        let answer = match self {
            Command::Test(test) => test.answer(),
            Command::List(list) => list.answer(),
        };
        answer.unwrap_or_else(|answer| answer)
    }
}

impl Test {
    fn answer(self) -> Result<Answer, Answer> {
        let policy = allowed(&self.place)?;
        let sink = &self.sink;
        let Some(tried) = deliver::test(&policy, sink, &Clock::system()) else {
            let known: Vec<&str> = policy.sink_names().into_iter().map(|(name, _)| name).collect();
            return Err(Answer::unclear(match known.as_slice() {
                [] => format!(
                    "error: the policy has no receiver {sink}, and no other: add a table [alerts.sinks.{sink}]\n"
                ),
                known => format!("error: the policy has no receiver {sink}; it has {}\n", known.join(", ")),
            }));
        };
        if tried.delivered {
            return Ok(Answer::fine(format!("{sink}: {}\n", tried.told)));
        }
        let mut text = format!("error: {sink} did not take it: {}\n", tried.told);
        if !tried.answer.trim().is_empty() {
            let _ = writeln!(text, "  it wrote: {}", tried.answer.trim());
        }
        text.push_str(match tried.retry {
            true => "  an alert would be tried again, for 24 hours\n",
            false => "  an alert would be given up at once\n",
        });
        Err(Answer::wrong(text))
    }
}

impl List {
    fn answer(self) -> Result<Answer, Answer> {
        let wrong = |error: &dyn std::fmt::Display| Answer::wrong(format!("error: {error}\n"));
        let policy = allowed(&self.place)?;
        let catalog =
            Catalog::read(&Local, &Places::of(&policy), &Clock::system()).map_err(|error| wrong(&error))?;
        let (mut list, mut out) = (Vec::new(), String::new());
        for base in &catalog.bases {
            let spool = policy.spool_folder(&base.state, base.instance.as_deref());
            let sinks = deliver::undelivered(&Local, &spool).map_err(|error| wrong(&error))?;
            for sink in sinks.iter().filter(|sink| sink.alerts > 0) {
                let whose = base.instance.as_ref().map_or_else(String::new, |name| format!(" of {name}"));
                let error = sink.last_error.as_ref().map_or_else(String::new, |(at, kind)| {
                    format!("; {} attempts failed, the last {} ({kind})", sink.attempts, minute(at))
                });
                let _ = writeln!(out, "{}{whose}: {}{error}", sink.sink, waiting(sink.alerts));
                for alert in &sink.waiting {
                    let since = alert.since();
                    let _ = writeln!(
                        out,
                        "  {}  {:<8} {:<8} {:<24} {}",
                        minute(&since),
                        alert.severity.name(),
                        alert.status.name(),
                        alert.detector,
                        alert.summary
                    );
                }
                list.push(json!({
                    "instance": base.instance,
                    "sink": sink.sink,
                    "oldest": sink.oldest,
                    "last_error": sink.last_error.as_ref().map(|(at, kind)| json!({ "at": at, "kind": kind })),
                    "alerts": sink.waiting,
                }));
            }
        }
        let mut answer = Answer::fine(match (self.json, out.is_empty()) {
            (true, _) => format!("{:#}\n", Value::from(list.clone())),
            (false, true) => "nothing waits\n".to_owned(),
            (false, false) => out,
        });
        answer.code = u8::from(!list.is_empty());
        Ok(answer)
    }
}

fn allowed(place: &Where) -> Result<Policy, Answer> {
    let policy = place.policy()?;
    let denied = log::caller().may(Kind::Status, &policy);
    denied.map_err(|error| Answer::wrong(format!("error: {error}\n")))?;
    Ok(policy)
}

fn waiting(alerts: u64) -> String {
    if alerts == 1 { "1 alert waits".to_owned() } else { format!("{alerts} alerts wait") }
}

fn minute(time: &str) -> String {
    time.get(..16).unwrap_or(time).replace('T', " ")
}
