//! What leaves a log is entered in its ledger first: by `prove`, `tiles` and `export`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use dihya::Clock;
use dihya::Policy;
use dihya::catalog::{Base, ShardId};
use dihya::ledger::{Fact, Ledger};
use dihya::operation::{Kind, Operation, Outcome};

use crate::Answer;
use crate::log::{self, Because, Where};
use crate::verify::shard_id;

/// The line in which each log's ledger tells of it, and the session, by the log's folder.
pub(crate) type Entered = BTreeMap<PathBuf, (u64, String)>;

/// An operation that takes something out of logs.
pub(crate) struct Leaving {
    kind: Kind,
    ledgers: Vec<(PathBuf, Ledger)>,
    /// What could not be entered anywhere, for standard error.
    pub(crate) notes: String,
}

impl Leaving {
    /// Opens the ledgers of the logs that are read.
    ///
    /// Without a ledger or a key, as in a copy of a log, nothing can be entered: that is said. A ledger that is there and
    /// cannot be opened is an error: what cannot be recorded is not handed out.
    pub(crate) fn of(kind: Kind, bases: &[&Base], clock: &Clock) -> Result<Leaving, Answer> {
        let mut leaving = Leaving { kind, ledgers: Vec::new(), notes: String::new() };
        for base in bases {
            let name = base.path.display();
            match log::ledger(base, clock) {
                Ok(Some(ledger)) => leaving.ledgers.push((base.path.clone(), ledger)),
                Ok(None) => leaving.notes.push_str(&format!(
                    "note: {name} has no ledger or no key, as a copy has none: this is recorded nowhere\n"
                )),
                Err(error) => {
                    return Err(Answer::wrong(format!(
                        "error: this cannot be recorded in the ledger of {name}, and so is not done: {error}\n"
                    )));
                }
            }
        }
        Ok(leaving)
    }

    /// Enters what leaves (`fact`, by the log's folder), lets it, and enters how much it was.
    pub(crate) fn on_record(
        &self,
        policy: &Policy,
        clock: &Clock,
        because: &Because,
        fact: impl Fn(&Path) -> Fact,
        take: impl FnOnce(&Entered) -> Result<(Answer, u64), Answer>,
    ) -> Result<Answer, Answer> {
        let wrong = |error: &dyn std::fmt::Display| Answer::wrong(format!("error: {error}\n"));
        let caller = log::caller();
        let (operator, reason) = (because.operator.as_deref(), because.reason.as_deref());
        let mut operations = Vec::new();
        let mut entered = Entered::new();
        for (base, ledger) in &self.ledgers {
            let begun = Operation::begin(self.kind, policy, ledger, clock, &caller, operator, reason);
            let operation = begun.map_err(|error| wrong(&error))?;
            let line = operation.record(fact(base)).map_err(|error| wrong(&error))?;
            entered.insert(base.clone(), (line, operation.session().to_owned()));
            operations.push(operation);
        }
        // Without a ledger there was nobody to begin an operation with.
        caller.may(self.kind, policy).map_err(|error| wrong(&error))?;
        let (mut answer, records) = take(&entered)?;
        for mut operation in operations {
            operation.add("records", records);
            let outcome = if answer.code == 0 { Outcome::Success } else { Outcome::Partial };
            if let Err(error) = operation.end(outcome) {
                answer.warn(&format!("the end of this cannot be entered in the ledger: {error}"));
            }
        }
        answer.err.insert_str(0, &self.notes);
        Ok(answer)
    }
}

/// What `prove` and `tiles` are told: which log and shard, where to, and who says so.
#[derive(clap::Args)]
pub(crate) struct Taking {
    #[command(flatten)]
    pub(crate) place: Where,
    #[command(flatten)]
    pub(crate) because: Because,
    /// Only this shard: audit/2026-11-20
    #[arg(long, value_name = "SHARD", value_parser = shard_id)]
    pub(crate) shard: Option<ShardId>,
}
