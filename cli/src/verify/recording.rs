//! A verification on record.
//!
//! A ledger is opened only when it was found whole: opening one cuts a torn end, and appending publishes a checkpoint anew,
//! and both may be what shows that somebody was there.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Instant;

use dihya::catalog::Base;
use dihya::ledger::{Fact, Ledger};
use dihya::operation::{Kind, Operation, Outcome};
use dihya::verify::{Finding, Report, Severity, ShardReport};
use dihya::{Clock, Policy};

use crate::Answer;
use crate::log::{self, Because};

pub(super) struct Recording<'a> {
    pub(super) policy: &'a Policy,
    pub(super) because: &'a Because,
    pub(super) began: Instant,
}

impl Recording<'_> {
    /// Whether the caller may; a refusal is entered in every ledger that takes it.
    pub(super) fn may(&self, bases: &[Base]) -> Result<(), Answer> {
        let Err(denied) = log::caller().may(Kind::Verify, self.policy) else { return Ok(()) };
        let mut told = None;
        for base in bases {
            if let Ok(Some(ledger)) = log::ledger(base, &Clock::system()) {
                told = self.begin(&ledger).err().map(|error| error.to_string()).or(told);
            }
        }
        Err(Answer::wrong(format!("error: {}\n", told.unwrap_or_else(|| denied.to_string()))))
    }

    /// Enters what was found in the ledger of each base. `proved`: also of the record that was asked for. What could not
    /// be entered is told.
    pub(super) fn enter(&self, what: &str, bases: &[Base], report: &Report, proved: bool) -> String {
        let mut notes = String::new();
        let paths: Vec<&Path> = report.bases.iter().map(|base| &*base.path).collect();
        for base in &report.bases {
            let name = base.path.display();
            let wrong: Vec<&Finding> =
                report.findings.iter().filter(|f| f.severity() == Severity::Wrong).collect();
            let Some(known) = bases.iter().find(|known| known.path == base.path) else { continue };
            let (own, state) = (base.path.join("ledger"), known.state.clone());
            if wrong.iter().any(|f| f.file.starts_with(&own) || f.file.starts_with(&state)) {
                notes.push_str(&format!(
                    "note: nothing is entered in the ledger of {name}, which is missing or not whole\n"
                ));
                continue;
            }
            let shards: Vec<_> =
                report.shards.iter().filter(|shard| shard.instance == base.instance).collect();
            let is_of = |f: &&&Finding| {
                let shard = shards.iter().any(|shard| shard.file == f.file);
                let around =
                    paths.iter().filter(|path| f.file.starts_with(path)).max_by_key(|p| p.as_os_str().len());
                // What lies in no base, and is no shard of another, may be anybody's.
                let others = report.shards.iter().any(|s| s.file == f.file && s.instance != base.instance);
                shard || around == Some(&&*base.path) || (around.is_none() && !others)
            };
            let own: Vec<&Finding> = wrong.iter().filter(is_of).copied().collect();
            let whole = proved && own.is_empty();
            let broken =
                own.iter().map(|f| self.channel(f, &base.path, &shards)).collect::<Option<BTreeSet<_>>>();
            // One that is of no channel, as a foreign file is, may concern them all.
            let broken = broken.map_or_else(Vec::new, Vec::from_iter);
            let entered =
                log::ledger(known, &Clock::system()).map_err(|error| error.to_string()).and_then(|ledger| {
                    match ledger {
                        Some(ledger) => self.one(&ledger, what, whole, broken, &shards),
                        None => Err("it has no ledger or no key, as a copy has none".to_owned()),
                    }
                });
            if let Err(why) = entered {
                notes.push_str(&format!("note: this is not recorded in {name}: {why}\n"));
            }
        }
        notes
    }

    fn one(
        &self,
        ledger: &Ledger,
        what: &str,
        whole: bool,
        broken: Vec<String>,
        shards: &[&ShardReport],
    ) -> Result<(), String> {
        let mut operation = self.begin(ledger).map_err(|error| error.to_string())?.since(self.began);
        operation.add("shards", shards.len() as u64);
        operation.add("records", shards.iter().map(|shard| shard.records).sum());
        operation.add("bytes", shards.iter().map(|shard| shard.bytes).sum());
        let fact = Fact::Verified { what: what.to_owned(), whole, shards: shards.len() as u64, broken };
        operation.record(fact).map_err(|error| error.to_string())?;
        operation.end(Outcome::Success).map_err(|error| error.to_string())
    }

    fn begin<'l>(&self, ledger: &'l Ledger) -> Result<Operation<'l>, dihya::operation::OperationError> {
        let (operator, reason) = (self.because.operator.as_deref(), self.because.reason.as_deref());
        let caller = log::caller();
        Operation::begin(Kind::Verify, self.policy, ledger, &Clock::system(), &caller, operator, reason)
    }

    /// Whose file it is that something is wrong with: a shard's, or one that lies in a channel's folder.
    fn channel(&self, finding: &Finding, base: &Path, shards: &[&ShardReport]) -> Option<String> {
        if let Some(shard) = shards.iter().find(|shard| shard.file == finding.file) {
            return shard.shard.split_once('/').map(|(channel, _)| channel.to_owned());
        }
        let within = finding.file.strip_prefix(base).ok()?;
        let folder = within.parent()?.components().next()?.as_os_str().to_str()?;
        self.policy.channel_names().contains(&folder).then(|| folder.to_owned())
    }
}
