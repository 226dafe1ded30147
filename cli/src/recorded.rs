//! What leaves a log is entered in its ledger first: the readings of `prove` and `tiles`.

use dihya::Clock;
use dihya::Policy;
use dihya::catalog::Base;
use dihya::ledger::{Fact, Ledger};
use dihya::operation::{Kind, Operation, Outcome};

use crate::Answer;
use crate::log::{self, Because};

/// An operation that takes something out of logs.
pub(crate) struct Leaving {
    kind: Kind,
    ledgers: Vec<Ledger>,
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
                Ok(Some(ledger)) => leaving.ledgers.push(ledger),
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

    /// Enters what leaves, lets it, and enters how much it was.
    pub(crate) fn on_record(
        &self,
        policy: &Policy,
        clock: &Clock,
        because: &Because,
        fact: &Fact,
        take: impl FnOnce() -> Result<(Answer, u64), Answer>,
    ) -> Result<Answer, Answer> {
        let wrong = |error: &dyn std::fmt::Display| Answer::wrong(format!("error: {error}\n"));
        let caller = log::caller();
        let (operator, reason) = (because.operator.as_deref(), because.reason.as_deref());
        let mut operations = Vec::new();
        for ledger in &self.ledgers {
            let begun = Operation::begin(self.kind, policy, ledger, clock, &caller, operator, reason);
            let operation = begun.map_err(|error| wrong(&error))?;
            operation.record(fact.clone()).map_err(|error| wrong(&error))?;
            operations.push(operation);
        }
        // Without a ledger there was nobody to begin an operation with.
        caller.may(self.kind, policy).map_err(|error| wrong(&error))?;
        let (mut answer, records) = take()?;
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
