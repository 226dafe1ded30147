//! `dihya import`: a bundle of another log into a root.

use std::path::PathBuf;
use std::sync::Arc;

use dihya::Clock;
use dihya::bundle::Importer;
use dihya::catalog::{Base, Catalog, Places};
use dihya::ledger::Fact;
use dihya::operation::{Kind, Operation, Outcome};
use dihya::storage::Local;

use crate::Answer;
use crate::export::told;
use crate::log::{self, Because, Where};
use crate::verify::bundle::checker;
use crate::verify::{code, key};

/// What is taken in, where to, and who says so.
#[derive(clap::Args)]
pub(crate) struct Command {
    /// The folder that `dihya export` wrote
    #[arg(value_name = "BUNDLE")]
    bundle: PathBuf,
    #[command(flatten)]
    place: Where,
    #[command(flatten)]
    because: Because,
    /// The key that was noted when the other log was begun, or a file with it
    #[arg(long, value_name = "KEY|FILE")]
    vkey: Option<String>,
    /// Check it, and change nothing
    #[arg(long)]
    dry_run: bool,
}

pub(crate) const HELP: &str = "\
The bundle is verified first, and refused if anything is wrong with it, or if one of its shards was imported before. It goes
to <root>/imported/<service>/<instance>/…, apart from the log's own shards: `dihya query --imported` reads it, `dihya verify`
checks it, `dihya status` tells of it; retention does not touch it. An import that was interrupted is simply repeated.

The root need not have a log. If it has one, the import is entered in its ledger.

Examples:
  dihya import case-12 --root /srv/cases --vkey clinic.vkey --reason \"case 12\"
  dihya query --root /srv/cases --imported --channel audit --reason \"case 12\"

Exit codes: 0 taken in, 1 refused, 2 not understood, 3 something could not be read or written.";

impl Command {
    pub(crate) fn run(self) -> Answer {
        self.answer().unwrap_or_else(|answer| answer)
    }

    fn answer(self) -> Result<Answer, Answer> {
        let wrong = |error: &dyn std::fmt::Display| Answer::wrong(format!("error: {error}\n"));
        let vkey = self.vkey.as_deref().map(key).transpose()?;
        let checker = checker(&self.bundle, vkey.as_deref())?;
        let (policy, places) = self.place.places()?;
        let (clock, caller) = (Clock::system(), log::caller());
        let Some(root) = places.roots.first() else {
            return Err(Answer::unclear("error: no root: name it with --root DIR\n"));
        };
        let importer = Importer::new(Arc::new(Local), root, &clock);
        if self.dry_run {
            caller.may(Kind::Import, &policy).map_err(|error| wrong(&error))?;
            let contents = importer.look(&checker).map_err(|error| told(&error))?;
            return Ok(Answer::fine(format!("it would be taken in: {} records\n", contents.records())));
        }
        let base = base(&places, &clock)?;
        let ledger = match &base {
            Some(base) => log::ledger(base, &clock).map_err(|error| {
                wrong(&format!("this cannot be recorded in the ledger, and so is not done: {error}"))
            })?,
            None => None,
        };
        let (operator, reason) = (self.because.operator.as_deref(), self.because.reason.as_deref());
        let begin =
            |ledger| Operation::begin(Kind::Import, &policy, ledger, &clock, &caller, operator, reason);
        let mut operation = ledger.as_ref().map(begin).transpose().map_err(|error| wrong(&error))?;
        caller.may(Kind::Import, &policy).map_err(|error| wrong(&error))?;
        let record = |fact: Fact| match &operation {
            Some(operation) => operation.record(fact).map(drop),
            None => Ok(()),
        };
        let taken = importer.run(&checker, &record).map_err(|error| told(&error))?;
        let mut answer = Answer::fine("");
        for log in &taken {
            let text = format!(
                "{}: {} records of {} shards are in {}\n",
                log.origin,
                log.records,
                log.shards,
                log.path.display()
            );
            answer.out.extend(text.into_bytes());
        }
        match &mut operation {
            Some(operation) => {
                operation.add("shards", taken.iter().map(|log| log.shards).sum());
                operation.add("records", taken.iter().map(|log| log.records).sum());
            }
            None => answer.err.push_str(&format!(
                "note: {} has no ledger or no key: this is recorded nowhere\n",
                root.display()
            )),
        }
        if let Some(Err(error)) = operation.map(|operation| operation.end(Outcome::Success)) {
            answer.warn(&format!("the end of this cannot be entered in the ledger: {error}"));
        }
        Ok(answer)
    }
}

/// The log in the root whose ledger is told: its own, or that of its first instance.
fn base(places: &Places, clock: &Clock) -> Result<Option<Base>, Answer> {
    if places.roots.first().is_none_or(|root| !root.exists()) {
        return Ok(None);
    }
    let catalog =
        Catalog::read(&Local, places, clock).map_err(|error| code(3, format!("error: {error}\n")))?;
    Ok(catalog.bases.into_iter().find(|base| base.path.join("ledger").is_dir()))
}
