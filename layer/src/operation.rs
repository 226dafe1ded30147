//! Operations: what a person or a job does to a log from outside, by right, and on record.
//!
//! [`Operation::begin`] asks the policy's roles whether the caller may; a refusal is a fact of the ledger. What the
//! operation does is recorded under its session ([`Operation::record`]), and its end with duration, volume and outcome.
//!
//! The roles bind the command line. Whoever has the rights of the service's user reads the files without it: the rights
//! of the files are the first line, and roles tell those apart who share them.

mod caller;
mod error;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::time::Instant;

use crate::clock::{Clock, Rng, ThreadRng};
use crate::ledger::{Entry, Fact, Ledger};
use crate::policy::{Policy, Role};
use crate::record::stamp;

pub use caller::{Caller, Denied};
pub use error::OperationError;

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// One screen about the log.
    Status,
    /// Makes a page of figures: counts, and what the ledger tells.
    Report,
    /// Says what retention would do.
    Plan,
    /// Reads records of channels other than audit and security.
    Query,
    /// Reads records of audit or security.
    QueryEvidence,
    /// Takes records out, with proofs.
    Export,
    /// Takes another log's shards in.
    Import,
    /// Checks seals, checkpoints and the ledger.
    Verify,
    /// Writes a proof of a record.
    Prove,
    /// Archives closed shards.
    Archive,
    /// Sends records to the policy's receiver.
    Ship,
    /// Restores archived shards into a folder.
    Restore,
    /// Purges what is due.
    Purge,
    /// Archives and purges what is due.
    Lifecycle,
    /// Lists holds.
    HoldList,
    /// Sets a hold.
    HoldAdd,
    /// Releases a hold.
    HoldRelease,
    /// Changes the signing key.
    RotateKey,
    /// Accepts a log that is shorter than it was.
    AcceptRollback,
}

impl Kind {
    /// The word for it in the ledger.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Status => "status",
            Kind::Report => "report",
            Kind::Plan => "plan",
            Kind::Query => "query",
            Kind::QueryEvidence => "query_evidence",
            Kind::Export => "export",
            Kind::Import => "import",
            Kind::Verify => "verify",
            Kind::Prove => "prove",
            Kind::Archive => "archive",
            Kind::Ship => "ship",
            Kind::Restore => "restore",
            Kind::Purge => "purge",
            Kind::Lifecycle => "lifecycle",
            Kind::HoldList => "hold_list",
            Kind::HoldAdd => "hold_add",
            Kind::HoldRelease => "hold_release",
            Kind::RotateKey => "rotate_key",
            Kind::AcceptRollback => "accept_rollback",
        }
    }

    /// The roles that may. Releasing a hold is not an operator's: whoever purges must not be the one who lifts what
    /// keeps from it. Reading evidence is not either.
    pub const fn roles(self) -> &'static [Role] {
        use Role::{Admin, Auditor, Operator, Reader};
        match self {
            Kind::Status => &[Reader, Auditor, Operator, Admin],
            Kind::Query => &[Reader, Auditor, Admin],
            Kind::QueryEvidence | Kind::Export | Kind::Prove => &[Auditor, Admin],
            Kind::Verify | Kind::Plan | Kind::Report | Kind::HoldList => &[Auditor, Operator, Admin],
            Kind::Archive | Kind::Ship | Kind::Restore | Kind::Purge | Kind::Lifecycle | Kind::HoldAdd => {
                &[Operator, Admin]
            }
            Kind::Import | Kind::HoldRelease | Kind::RotateKey | Kind::AcceptRollback => &[Admin],
        }
    }

    /// Whether it destroys or changes something, so that a reason is asked for.
    pub const fn needs_reason(self) -> bool {
        use Kind::{
            AcceptRollback, HoldAdd, HoldRelease, Import, Lifecycle, Purge, QueryEvidence, Restore, RotateKey,
        };
        matches!(
            self,
            Purge
                | Lifecycle
                | HoldAdd
                | HoldRelease
                | Import
                | Restore
                | RotateKey
                | AcceptRollback
                | QueryEvidence
        )
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// An operation under way.
#[derive(Debug)]
pub struct Operation<'l> {
    ledger: &'l Ledger,
    kind: Kind,
    operator: String,
    reason: Option<String>,
    session: String,
    began: Instant,
    volume: BTreeMap<String, u64>,
    ended: bool,
}

/// How an operation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All of it was done.
    Success,
    /// Some of it was.
    Partial,
    /// None of it was.
    Failure,
}

impl Outcome {
    /// The word in the ledger.
    pub const fn name(self) -> &'static str {
        match self {
            Outcome::Success => "success",
            Outcome::Partial => "partial",
            Outcome::Failure => "failure",
        }
    }
}

impl<'l> Operation<'l> {
    /// Begins an operation, if the caller may. `operator` is who answers for it, where that is another than the caller.
    ///
    /// # Errors
    /// If the caller may not, which is then in the ledger; if a reason is needed and missing; if the ledger cannot be
    /// written, since what cannot be recorded is not done.
    pub fn begin(
        kind: Kind,
        policy: &Policy,
        ledger: &'l Ledger,
        clock: &Clock,
        caller: &Caller,
        operator: Option<&str>,
        reason: Option<&str>,
    ) -> Result<Operation<'l>, OperationError> {
        let operator = match operator {
            Some(name) if name != caller.user => format!("{name} (as {})", caller.user),
            _ => caller.user.clone(),
        };
        let reason = reason.map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned);
        let operation = Operation {
            ledger,
            kind,
            operator,
            reason,
            session: session(clock),
            began: Instant::now(),
            volume: BTreeMap::new(),
            ended: false,
        };
        if let Err(denied) = caller.may(kind, policy) {
            let fact = Fact::Denied { operation: kind.name().to_owned() };
            let recorded = operation.record(fact);
            operation.forget();
            return match recorded {
                Ok(_) => Err(OperationError::Denied(denied)),
                Err(error) => Err(OperationError::Unrecorded { denied, error }),
            };
        }
        if kind.needs_reason() && operation.reason.is_none() {
            operation.forget();
            return Err(OperationError::NoReason { kind });
        }
        Ok(operation)
    }

    /// It began earlier than its ledger was opened: a verification enters nothing in a ledger before it has looked at it.
    #[must_use]
    pub fn since(self, began: Instant) -> Operation<'l> {
        let mut operation = self;
        operation.began = began;
        operation
    }

    /// The id that all of this operation's entries share.
    pub fn session(&self) -> &str {
        &self.session
    }

    /// Appends a fact to the ledger under this operation, durably; its line number.
    ///
    /// # Errors
    /// Of the ledger.
    pub fn record(&self, fact: Fact) -> io::Result<u64> {
        self.ledger.append(Entry {
            operator: Some(self.operator.clone()),
            session: Some(self.session.clone()),
            reason: self.reason.clone(),
            ..fact.into()
        })
    }

    /// The ledger it is recorded in.
    pub fn ledger(&self) -> &'l Ledger {
        self.ledger
    }

    /// Goes on in the same ledger under another key.
    pub(crate) fn under<'n>(mut self, ledger: &'n Ledger) -> Operation<'n> {
        self.ended = true;
        Operation {
            ledger,
            kind: self.kind,
            operator: std::mem::take(&mut self.operator),
            reason: self.reason.take(),
            session: std::mem::take(&mut self.session),
            began: self.began,
            volume: std::mem::take(&mut self.volume),
            ended: false,
        }
    }

    /// Counts what was worked on, by unit: `shards`, `records`, `bytes`.
    pub fn add(&mut self, unit: &str, count: u64) {
        let total = self.volume.entry(unit.to_owned()).or_default();
        *total = total.saturating_add(count);
    }

    /// Ends it, in the ledger too.
    ///
    /// # Errors
    /// Of the ledger: what was done is done, and its own facts are recorded.
    pub fn end(mut self, outcome: Outcome) -> io::Result<()> {
        self.close(outcome)
    }

    fn close(&mut self, outcome: Outcome) -> io::Result<()> {
        self.ended = true;
        let outcome = outcome.name();
        let volume = std::mem::take(&mut self.volume);
        self.record(Fact::Operation {
            operation: self.kind.name().to_owned(),
            outcome: outcome.to_owned(),
            milliseconds: u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX),
            volume,
        })
        .map(drop)
    }

    fn forget(mut self) {
        self.ended = true;
    }
}

/// One that nobody ended has failed: an error on its way up dropped it.
impl Drop for Operation<'_> {
    fn drop(&mut self) {
        if !self.ended {
            let _ = self.close(Outcome::Failure);
        }
    }
}

fn session(clock: &Clock) -> String {
    let mut id = Vec::with_capacity(36);
    stamp::write_id(&mut id, clock.now(), Rng::system().next(&mut ThreadRng::new()));
    String::from_utf8_lossy(&id).into_owned()
}
