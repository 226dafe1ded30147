//! What `archive`, `restore` and `purge` share: which logs, who says so, and whether anything is changed at all.

use std::fmt::Display;
use std::path::PathBuf;

use dihya::operation::{Caller, Kind, Operation, Outcome};
use dihya::{Clock, Policy};

use crate::Answer;
use crate::log::{self, Because, Log, Where};

/// Which log, and who says so.
#[derive(clap::Args)]
pub(crate) struct Task {
    #[command(flatten)]
    place: Where,
    #[command(flatten)]
    because: Because,
    /// Show what would be done, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// A task with its logs open.
pub(crate) struct Opened<'a> {
    pub(crate) policy: Policy,
    pub(crate) clock: Clock,
    pub(crate) logs: Vec<Log>,
    /// Folders with records and no ledger.
    pub(crate) without: Vec<PathBuf>,
    caller: Caller,
    because: &'a Because,
}

impl Task {
    /// Opens the ledgers of the policy's logs.
    pub(crate) fn open(&self) -> Result<Opened<'_>, Answer> {
        let (policy, clock) = (self.place.policy()?, Clock::system());
        let (logs, without) = log::open(&policy, &clock)?;
        Ok(Opened { policy, clock, logs, without, caller: log::caller(), because: &self.because })
    }
}

impl Opened<'_> {
    /// Whether the caller may see what would be done: what a plan shows.
    pub(crate) fn may_look(&self) -> Result<(), Answer> {
        self.caller.may(Kind::Plan, &self.policy).map_err(|denied| wrong(&denied))
    }

    /// Begins it on one of the logs, by right and on record.
    pub(crate) fn begin<'l>(&self, kind: Kind, log: &'l Log) -> Result<Operation<'l>, Answer> {
        let Opened { policy, clock, caller, because, .. } = self;
        let (operator, reason) = (because.operator.as_deref(), because.reason.as_deref());
        Operation::begin(kind, policy, &log.ledger, clock, caller, operator, reason).map_err(|e| wrong(&e))
    }
}

/// How it ended, by how many shards failed and how many did not.
pub(crate) fn outcome(failed: usize, done: usize) -> Outcome {
    match (failed, done) {
        (0, _) => Outcome::Success,
        (_, 0) => Outcome::Failure,
        _ => Outcome::Partial,
    }
}

pub(crate) fn wrong(error: &dyn Display) -> Answer {
    Answer::wrong(format!("error: {error}\n"))
}
