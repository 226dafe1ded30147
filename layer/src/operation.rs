//! Operations: what a person or a job does to a log from outside, by right, and on record.
//!
//! [`Operation::begin`] asks the policy's roles whether the caller may; a refusal is a fact of the ledger. What the
//! operation does is recorded under its session ([`Operation::record`]), and its end with duration, volume and outcome.
//!
//! The roles bind the command line. Whoever has the rights of the service's user reads the files without it: the rights
//! of the files are the first line, and roles tell those apart who share them.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::time::Instant;

use crate::clock::{Clock, Rng, ThreadRng};
use crate::ledger::{Entry, Fact, Ledger};
use crate::policy::{Policy, Role};
use crate::record::stamp;

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
            Kind::Archive | Kind::Restore | Kind::Purge | Kind::Lifecycle | Kind::HoldAdd => {
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

/// Who calls, as the operating system knows them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The user's name, or the number where there is none.
    pub user: String,
    /// Names of the user's groups.
    pub groups: Vec<String>,
    /// The service itself, whose policy it is: no role is asked for.
    service: bool,
}

impl Caller {
    /// A user of the operating system.
    pub fn new(user: impl Into<String>, groups: Vec<String>) -> Caller {
        Caller { user: user.into(), groups, service: false }
    }

    /// The service itself.
    pub(crate) fn service(name: &str) -> Caller {
        Caller { user: name.to_owned(), groups: Vec::new(), service: true }
    }

    /// Whether the policy's roles let the caller do this.
    ///
    /// # Errors
    /// Why not, and who may.
    pub fn may(&self, kind: Kind, policy: &Policy) -> Result<(), Denied> {
        if self.service || policy.roles.is_empty() {
            return Ok(());
        }
        let has = policy.roles.of(&self.user, &self.groups);
        if has.iter().any(|role| kind.roles().contains(role)) {
            return Ok(());
        }
        Err(Denied { kind, user: self.user.clone(), has })
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
        let outcome = match outcome {
            Outcome::Success => "success",
            Outcome::Partial => "partial",
            Outcome::Failure => "failure",
        };
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

/// The policy's roles do not allow it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denied {
    kind: Kind,
    user: String,
    has: Vec<Role>,
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = |roles: &[Role]| roles.iter().map(|role| role.name()).collect::<Vec<_>>().join(", ");
        let has =
            if self.has.is_empty() { "no role".to_owned() } else { format!("only {}", words(&self.has)) };
        write!(
            f,
            "user {} has {has} in the policy's [roles], and `{}` needs one of {}; whoever keeps the policy can add \
             \"user:{}\" to one of these",
            self.user,
            self.kind,
            words(self.kind.roles()),
            self.user
        )
    }
}

impl std::error::Error for Denied {}

/// Why an operation was not begun.
#[derive(Debug)]
#[non_exhaustive]
pub enum OperationError {
    /// The roles do not allow it; the ledger has it.
    Denied(Denied),
    /// The roles do not allow it, and the ledger could not be told.
    Unrecorded {
        /// Why not.
        denied: Denied,
        /// What the ledger said.
        error: io::Error,
    },
    /// It needs a reason.
    NoReason {
        /// What does.
        kind: Kind,
    },
}

impl fmt::Display for OperationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OperationError::Denied(denied) => write!(f, "{denied}. The refusal is in the ledger"),
            OperationError::Unrecorded { denied, error } => {
                write!(f, "{denied}. The refusal could not be written to the ledger: {error}")
            }
            OperationError::NoReason { kind } => {
                write!(f, "`{kind}` needs a reason that can be read years later: --reason \"…\"")
            }
        }
    }
}

impl std::error::Error for OperationError {}

fn session(clock: &Clock) -> String {
    let mut id = Vec::with_capacity(36);
    stamp::write_id(&mut id, clock.now(), Rng::system().next(&mut ThreadRng::new()));
    String::from_utf8_lossy(&id).into_owned()
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use super::*;
    use crate::key::Signer;
    use crate::profile::Sector;
    use crate::storage::{Fault, Memory, Step, Storage as _};

    const NOON: i64 = 1_795_176_000_000_000;

    fn disk() -> Memory {
        let disk = Memory::new();
        disk.create_dir(Path::new("/log")).unwrap();
        disk
    }

    fn ledger(disk: &Memory) -> Ledger {
        let signer = Arc::new(Signer::from_seed(&[7; 32]));
        let disk = Arc::new(disk.clone());
        Ledger::open(disk, Path::new("/log"), "test/-/ledger".into(), signer, Clock::manual(NOON)).unwrap()
    }

    fn policy(roles: &str) -> Policy {
        Policy::parse(&format!("[storage]\nroot = \"logs\"\n[roles]\n{roles}"), "p").unwrap()
    }

    fn begin<'l>(
        kind: Kind,
        policy: &Policy,
        ledger: &'l Ledger,
        user: &str,
    ) -> Result<Operation<'l>, OperationError> {
        let caller = Caller::new(user, vec!["staff".into()]);
        Operation::begin(kind, policy, ledger, &Clock::manual(NOON), &caller, None, Some("the yearly run"))
    }

    fn entries(ledger: &Ledger) -> Vec<Entry> {
        ledger.read().unwrap().entries.into_iter().map(|(_, entry)| entry).collect()
    }

    #[test]
    fn an_operation_leaves_who_why_how_long_and_how_much() {
        let disk = disk();
        let ledger = ledger(&disk);
        let mut operation = begin(Kind::Purge, &policy("operator = [\"user:ada\"]"), &ledger, "ada").unwrap();
        operation.record(Fact::HoldReleased { id: "x".into() }).unwrap();
        operation.add("shards", 2);
        operation.add("shards", 1);
        operation.end(Outcome::Partial).unwrap();
        let entries = entries(&ledger);
        assert_eq!(entries.len(), 2);
        for entry in &entries {
            assert_eq!(entry.operator.as_deref(), Some("ada"));
            assert_eq!(entry.reason.as_deref(), Some("the yearly run"));
            assert_eq!(entry.session, entries[0].session);
        }
        assert_eq!(entries[0].session.as_deref().map(str::len), Some(36));
        let Fact::Operation { operation, outcome, volume, .. } = &entries[1].fact else { panic!() };
        assert_eq!((operation.as_str(), outcome.as_str()), ("purge", "partial"));
        assert_eq!(volume, &BTreeMap::from([("shards".to_owned(), 3)]));
    }

    #[test]
    fn what_nobody_ended_is_recorded_as_failed() {
        let disk = disk();
        let ledger = ledger(&disk);
        drop(begin(Kind::Archive, &policy(""), &ledger, "ada").unwrap());
        let Fact::Operation { outcome, .. } = &entries(&ledger)[0].fact else { panic!() };
        assert_eq!(outcome, "failure");
    }

    #[test]
    fn a_denied_operation_is_refused_by_name_and_stands_in_the_ledger() {
        let disk = disk();
        let ledger = ledger(&disk);
        let error = begin(Kind::Purge, &policy("auditor = [\"group:staff\"]"), &ledger, "eve").unwrap_err();
        let text = error.to_string();
        assert!(text.contains("user eve has only auditor") && text.contains("operator, admin"), "{text}");
        let entries = entries(&ledger);
        assert_eq!(entries.len(), 1, "and no operation was begun");
        assert_eq!(entries[0].fact, Fact::Denied { operation: "purge".into() });
        assert_eq!(entries[0].operator.as_deref(), Some("eve"));
    }

    #[test]
    fn a_refusal_holds_when_the_ledger_cannot_be_told() {
        let disk = disk();
        let ledger = ledger(&disk);
        disk.fault_on(Step::Append, "/log", Fault::Lost(io::ErrorKind::StorageFull));
        let error = begin(Kind::Purge, &policy("admin = [\"user:ada\"]"), &ledger, "eve").unwrap_err();
        assert!(matches!(error, OperationError::Unrecorded { .. }), "{error}");
    }

    #[test]
    fn who_answers_for_it_is_named_beside_who_called() {
        let disk = disk();
        let ledger = ledger(&disk);
        let (clock, caller) = (Clock::manual(NOON), Caller::new("root", vec![]));
        let operation =
            Operation::begin(Kind::Archive, &policy(""), &ledger, &clock, &caller, Some("jo"), None).unwrap();
        operation.end(Outcome::Success).unwrap();
        assert_eq!(entries(&ledger)[0].operator.as_deref(), Some("jo (as root)"));
    }

    #[test]
    fn what_destroys_needs_a_reason() {
        let disk = disk();
        let ledger = ledger(&disk);
        let (clock, caller) = (Clock::manual(NOON), Caller::new("ada", vec![]));
        for reason in [None, Some(""), Some("  ")] {
            let begun =
                Operation::begin(Kind::Purge, &policy(""), &ledger, &clock, &caller, None, reason).map(drop);
            assert!(matches!(begun, Err(OperationError::NoReason { .. })), "{reason:?}");
        }
        assert_eq!(entries(&ledger), []);
    }

    #[test]
    fn each_role_may_what_it_is_for_and_no_more() {
        let may = |role: &str, kind: Kind| {
            let policy = policy(&format!("{role} = [\"user:ada\"]"));
            Caller::new("ada", vec![]).may(kind, &policy).is_ok()
        };
        assert!(may("reader", Kind::Query) && !may("reader", Kind::QueryEvidence));
        assert!(may("auditor", Kind::QueryEvidence) && !may("auditor", Kind::Purge));
        assert!(may("operator", Kind::Purge) && !may("operator", Kind::QueryEvidence));
        assert!(may("operator", Kind::HoldAdd) && !may("operator", Kind::HoldRelease));
        for kind in [Kind::Purge, Kind::HoldRelease, Kind::RotateKey, Kind::QueryEvidence, Kind::Status] {
            assert!(may("admin", kind), "{kind}");
        }
    }

    #[test]
    fn without_any_role_the_files_decide_and_the_service_needs_none() {
        let plain = Policy::sector(Sector::Generic);
        assert!(Caller::new("ada", vec![]).may(Kind::Purge, &plain).is_ok());
        let strict = policy("admin = [\"user:ada\"]");
        assert!(Caller::new("service", vec![]).may(Kind::Purge, &strict).is_err());
        assert!(Caller::service("service").may(Kind::Purge, &strict).is_ok());
    }
}
