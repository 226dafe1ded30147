//! `dihya purge`: carries the plan out.

use std::fmt::Write as _;

use dihya::hook::{Happened, Moment};
use dihya::operation::{Kind, Outcome};
use dihya::purge;
use dihya::retain::{Action, Decision, Plan, Trust};

use crate::Answer;
use crate::log::{self, Word};
use crate::plan;
use crate::task::{Opened, Task, outcome, wrong};

/// What may go, and who says so.
#[derive(clap::Args)]
pub(crate) struct Command {
    #[command(flatten)]
    task: Task,
    /// Do not ask: for a timer, or a script that asked already
    #[arg(long, conflicts_with = "dry_run")]
    yes: bool,
    /// The clock was looked at, and is right
    #[arg(long)]
    trust_clock: bool,
}

pub(crate) const HELP: &str = "\
Each shard goes in this order: a certificate in the ledger (who, why, under which rule and policy), durable; then the
file and its checkpoint; then the folder is synced. What dies in between is finished by the next run.

Examples:
  dihya purge --dry-run                              what would go
  dihya purge --reason \"monthly run\"                 shows it, and asks
  dihya purge --reason \"monthly run\" --yes           from a timer

Exit codes: 0 all that is due is gone, 1 something is not (told on standard error), 2 not understood, or nobody to ask.";

impl Command {
    pub(crate) fn run(self) -> Answer {
        self.answer().unwrap_or_else(|answer| answer)
    }

    fn answer(self) -> Result<Answer, Answer> {
        let trust = if self.trust_clock { Trust::Confirmed } else { Trust::Checked };
        let opened = self.task.open()?;
        let Opened { policy, clock, logs, without, .. } = &opened;
        let mut answer = Answer::fine("");
        for base in without {
            answer.warn(&format!("{} has no ledger, and nothing is purged there", base.display()));
        }
        for log in logs {
            if self.task.dry_run {
                opened.may_look()?;
                let plan = plan::of(log, policy, clock, trust)?;
                answer.out.extend(shown(&plan, "would go").into_bytes());
                plan.alerts.iter().for_each(|alert| answer.warn(alert));
                continue;
            }
            let mut operation = opened.begin(Kind::Purge, log)?;
            let plan = plan::of(log, policy, clock, trust)?;
            plan.alerts.iter().for_each(|alert| answer.warn(alert));
            let due = plan.decisions.iter().filter(|d| d.action == Action::Purge).count();
            if due > 0 && !self.yes {
                let word = log::ask(&shown(&plan, "will go"), &format!("Purge {}?", shards(due)));
                match word.map_err(|error| wrong(&error))? {
                    Word::Yes => {}
                    Word::No => {
                        operation.end(Outcome::Failure).map_err(|error| wrong(&error))?;
                        return Ok(Answer::wrong("nothing was purged\n"));
                    }
                    Word::Nobody => {
                        operation.end(Outcome::Failure).map_err(|error| wrong(&error))?;
                        return Ok(Answer::unclear(
                            "error: this is no terminal to ask at; look with --dry-run, then add --yes\n",
                        ));
                    }
                }
            }
            let report = log
                .work()
                .purge(policy, &mut operation, clock, trust, Some(&plan))
                .map_err(|error| wrong(&error))?;
            let gone = report.purged.len() + report.finished.len();
            let outcome = outcome(report.failed.len(), gone);
            let bytes = report.purged.iter().map(|(_, bytes)| bytes).sum();
            let happened = Happened::new(Moment::Purge, operation.session(), policy, clock)
                .counting(gone as u64, bytes)
                .ending(outcome.name());
            operation.end(outcome).map_err(|error| wrong(&error))?;
            answer.out.extend(told(&report).into_bytes());
            for (shard, why) in &report.failed {
                answer.warn(&format!("{shard}: {why}"));
            }
            // A run that found nothing is nothing that happened.
            if gone + report.failed.len() > 0 {
                log::tell_hooks(policy, log, happened, &mut answer);
            }
        }
        Ok(answer)
    }
}

fn shown(plan: &Plan, what: &str) -> String {
    let due: Vec<&Decision> = plan.decisions.iter().filter(|d| d.action == Action::Purge).collect();
    if due.is_empty() {
        return "nothing is due\n".to_owned();
    }
    let bytes = due.iter().map(|decision| decision.bytes).sum();
    format!("{}{} {what}, {}\n", plan::table(&due), shards(due.len()), plan::size(bytes))
}

fn told(report: &purge::Report) -> String {
    let mut out = String::new();
    for shard in &report.finished {
        let _ = writeln!(out, "{shard} is gone, by the certificate of an earlier run");
    }
    for (shard, bytes) in &report.purged {
        let _ = writeln!(out, "{shard} is gone, {}", plan::size(*bytes));
    }
    if out.is_empty() {
        out.push_str("nothing is due\n");
    }
    out
}

fn shards(count: usize) -> String {
    if count == 1 { "1 shard".to_owned() } else { format!("{count} shards") }
}
