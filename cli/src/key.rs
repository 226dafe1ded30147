//! `dihya key`

use std::sync::Arc;

use clap::{Args, Subcommand};
use dihya::catalog::Catalog;
use dihya::key::Signer;
use dihya::storage::{Local, Storage};
use dihya::{Clock, ledger, rotate_key};

use crate::Answer;
use crate::log::{Because, Where, caller};

pub(crate) const HELP: &str = "\
Examples:
  dihya key show                     the keys to hand to whoever verifies
  dihya key rotate --reason yearly   with the service stopped";

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Print the public keys (vkeys) of a log, for whoever verifies it
    Show(Show),
    /// Change the signing key; the service must not be running
    ///
    /// The old key seals the entry in the ledger that names the new one; `dihya verify` follows it. What was sealed so far
    /// stays as it is. The old key is gone then: whoever stole it can sign nothing newer.
    Rotate(Rotate),
}

#[derive(Args)]
pub(crate) struct Show {
    #[command(flatten)]
    at: Where,
}

#[derive(Args)]
pub(crate) struct Rotate {
    #[command(flatten)]
    at: Where,
    #[command(flatten)]
    because: Because,
}

impl Command {
    pub(crate) fn run(self) -> Answer {
        let answer = match self {
            Command::Show(command) => command.run(),
            Command::Rotate(command) => command.run(),
        };
        answer.unwrap_or_else(|answer| answer)
    }
}

impl Show {
    fn run(self) -> Result<Answer, Answer> {
        let (_, places) = self.at.places()?;
        let wrong = |error: &dyn std::fmt::Display| Answer::wrong(format!("error: {error}\n"));
        let catalog = Catalog::read(&Local, &places, &Clock::system()).map_err(|error| wrong(&error))?;
        let mut out = String::new();
        for base in &catalog.bases {
            let (origin, _) = ledger::first_key(&Local, &base.path).map_err(|error| wrong(&error))?;
            let path = base.state.join("signing.key");
            let signer = Signer::load(&Local, &path)
                .map_err(|error| wrong(&format!("cannot read {}: {error}", path.display())))?;
            out.push_str(&format!("{}\n", signer.public().vkey(&origin)));
        }
        Ok(Answer::fine(out))
    }
}

impl Rotate {
    fn run(self) -> Result<Answer, Answer> {
        let policy = self.at.policy()?;
        let storage: Arc<dyn Storage> = Arc::new(Local);
        let reason = self.because.reason.as_deref().unwrap_or_default();
        let who = caller();
        let who = (&who, self.because.operator.as_deref());
        let rotated = rotate_key(&policy, &storage, &Clock::system(), who, reason)
            .map_err(|error| Answer::wrong(format!("error: {error}\n")))?;
        let line =
            |log: &dihya::Rotated| format!("{}\n  old {}\n  new {}\n", log.base.display(), log.old, log.new);
        Ok(Answer::fine(rotated.iter().map(line).collect::<String>()))
    }
}
