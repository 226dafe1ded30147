//! `dihya archive`: closed shards into the archive.

use std::fmt::Write as _;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;

use dihya::archive::Archiver;
use dihya::catalog::ShardId;
use dihya::hook::{Happened, Moment};
use dihya::operation::Kind;
use dihya::retain::Trust;
use dihya::storage::Local;
use dihya::{Clock, Policy};
use serde_json::json;

use crate::Answer;
use crate::log::{self, Log};
use crate::plan::{self, size};
use crate::progress::Bar;
use crate::task::{Opened, Task, outcome, wrong};

/// What is archived, and who says so.
#[derive(clap::Args)]
pub(crate) struct Command {
    #[command(flatten)]
    task: Task,
    /// Only this shard, whether it is due or not; may be given several times
    #[arg(long, value_name = "CHANNEL/DAY")]
    shard: Vec<ShardId>,
    /// So many threads [default: one per core]
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroUsize>,
    /// As JSON, for programs
    #[arg(long)]
    json: bool,
}

pub(crate) const HELP: &str = "\
Each shard is compressed (and encrypted, if the policy names recipients), read again and held against the Merkle root in
the ledger, copied to every store of the policy, read back from there, and entered in the ledger; only then the live file
is removed. A run that was interrupted is simply repeated. No file in a store is ever replaced.

Due is what `dihya plan` says is to be archived, or cannot be purged before it is.

Examples:
  dihya archive --dry-run                          what is due
  dihya archive                                    archives it; fit for a timer
  dihya archive --shard audit/2026-11-20           one shard, now
  dihya archive --threads 1                        beside a service that needs the other cores

Exit codes: 0 all of it is archived, 1 something is not (told on standard error), 2 not understood.";

impl Command {
    pub(crate) fn run(self) -> Answer {
        self.answer().unwrap_or_else(|answer| answer)
    }

    fn answer(self) -> Result<Answer, Answer> {
        let opened = self.task.open()?;
        let Opened { policy, clock, logs, without, .. } = &opened;
        let mut answer = Answer::fine("");
        for base in without {
            answer.warn(&format!("{} has no ledger, and nothing is archived there", base.display()));
        }
        let cores = || std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        let threads = self.threads.unwrap_or_else(cores);
        let mut out = Vec::new();
        for log in logs {
            let (due, alerts) = self.due(log, policy, clock)?;
            // What is archived now needs no word; what keeps all of it from being does, such as a clock in doubt.
            if due.is_empty() {
                alerts.iter().for_each(|alert| answer.warn(alert));
            }
            if self.task.dry_run {
                opened.may_look()?;
                out.extend(due.iter().map(|due| json!({ "shard": due.0.to_string(), "bytes": due.2 })));
                answer.out.extend(listed(&due).into_bytes());
                continue;
            }
            let mut operation = opened.begin(Kind::Archive, log)?;
            let archiver = Archiver::open(policy, Arc::new(Local), &log.base, &log.ledger, clock.clone())
                .map_err(|error| wrong(&error))?
                .threads(threads);
            archiver.doubts().iter().for_each(|doubt| answer.warn(doubt));
            let mut bar = Bar::new(due.iter().map(|due| due.2).sum());
            let shards: Vec<(ShardId, PathBuf)> =
                due.into_iter().map(|(shard, path, _)| (shard, path)).collect();
            let report = archiver
                .run(&shards, &|fact| operation.record(fact).map(drop), &mut |progress| {
                    bar.at(&progress.shard.to_string(), progress.bytes);
                })
                .map_err(|error| wrong(&error))?;
            bar.end();
            for (shard, receipts) in &report.archived {
                let _ = writeln!(WriteTo(&mut answer.out), "{shard} is archived");
                operation.add("shards", 1);
                for receipt in receipts {
                    operation.add("bytes", receipt.bytes);
                    let (store, path) = (&receipt.store, &receipt.path);
                    let _ =
                        writeln!(WriteTo(&mut answer.out), "  {path} in {store}, {}", size(receipt.bytes));
                    out.push(json!({
                        "shard": shard.to_string(), "store": store, "path": path, "bytes": receipt.bytes,
                        "sha256": receipt.sha256,
                    }));
                }
            }
            if report.archived.is_empty() && report.failed.is_empty() {
                answer.out.extend_from_slice(b"nothing is due\n");
            }
            for (shard, error) in &report.failed {
                answer.warn(&format!("{shard} is not archived: {error}"));
            }
            let outcome = outcome(report.failed.len(), report.archived.len());
            let bytes =
                report.archived.iter().flat_map(|(_, receipts)| receipts).map(|receipt| receipt.bytes).sum();
            let happened = Happened::new(Moment::Archive, operation.session(), policy, clock)
                .counting(report.archived.len() as u64, bytes)
                .ending(outcome.name());
            operation.end(outcome).map_err(|error| wrong(&error))?;
            // A run that found nothing is nothing that happened.
            if report.archived.len() + report.failed.len() > 0 {
                log::tell_hooks(policy, log, happened, &mut answer);
            }
        }
        if self.json {
            answer.out = format!("{:#}\n", json!(out)).into_bytes();
        }
        Ok(answer)
    }

    /// The shards to archive, and what the plan has to say.
    fn due(&self, log: &Log, policy: &Policy, clock: &Clock) -> Result<(Due, Vec<String>), Answer> {
        let file = |shard: &ShardId| log.base.join(shard.channel()).join(shard.file_name());
        if !self.shard.is_empty() {
            let named = self.shard.iter().map(|shard| {
                let path = file(shard);
                let bytes = path.metadata().map_or(0, |meta| meta.len());
                (shard.clone(), path, bytes)
            });
            return Ok((named.collect(), Vec::new()));
        }
        let plan = plan::of(log, policy, clock, Trust::Checked)?;
        let due = dihya::archive::due(&plan, &log.base);
        Ok((due, plan.alerts))
    }
}

/// Shards with their files and sizes.
type Due = Vec<(ShardId, PathBuf, u64)>;

fn listed(due: &[(ShardId, PathBuf, u64)]) -> String {
    if due.is_empty() {
        return "nothing is due\n".to_owned();
    }
    let mut out = String::new();
    for (shard, _, bytes) in due {
        let _ = writeln!(out, "{shard}  {}  would be archived", size(*bytes));
    }
    out
}

/// Text into what an answer holds.
struct WriteTo<'a>(&'a mut Vec<u8>);

impl std::fmt::Write for WriteTo<'_> {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }
}
