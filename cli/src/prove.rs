//! `dihya prove`: a record and the proof that it is in the log, in one file.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use dihya::Clock;
use dihya::ledger::Fact;
use dihya::operation::Kind;
use dihya::storage::Local;
use dihya::verify::bundle::{Bundle, Which};

use crate::Answer;
use crate::recorded::{Leaving, Taking};
use crate::verify::{catalog, code, find, holder, proof_error};

/// Which record.
#[derive(clap::Args)]
pub(crate) struct Command {
    #[command(flatten)]
    taking: Taking,
    /// Its id, or its index in the shard (from 0)
    #[arg(long, value_name = "ID|INDEX")]
    record: String,
    /// The file to write; `-` is standard output
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

pub(crate) const HELP: &str = "\
Examples:
  dihya prove --record 0197a1c2-7d3e-7000-8000-0123456789ab --out record.tlog-proof
  dihya prove --shard audit/2026-11-20 --record 8 --out -
  dihya verify --bundle record.tlog-proof --vkey clinic.vkey     whoever gets the file checks it, without the log

The file holds the record as it stands in the log. That it leaves the log is entered in the ledger first. The file is a C2SP tlog-proof: other tools read it too.

Exit codes: 0 written, 1 there is no such record or no proof of it, 2 not understood, 3 something could not be read.";

impl Command {
    pub(crate) fn run(self) -> Answer {
        self.answer().unwrap_or_else(|answer| answer)
    }

    fn answer(self) -> Result<Answer, Answer> {
        let (policy, places) = self.taking.place.places()?;
        let id = match &self.taking.shard {
            Some(id) => id.clone(),
            None => holder(&places, None, &self.record)?,
        };
        let shard = find(&places, &id)?;
        let made = Bundle::of(&(Arc::new(Local) as _), &shard, &Which::parse(&self.record));
        let text = made.map_err(|error| proof_error(&error))?.to_text();
        let (clock, catalog) = (Clock::system(), catalog(&places)?);
        let bases: Vec<_> = catalog.bases.iter().filter(|base| base.path == shard.base).collect();
        let query = format!("proof of {} in {id}", self.record);
        let fact = Fact::Read { channel: id.channel().to_owned(), query };
        Leaving::of(Kind::Prove, &bases, &clock)?.on_record(
            &policy,
            &clock,
            &self.taking.because,
            |_| fact.clone(),
            |_| {
                if self.out.as_os_str() == "-" {
                    return Ok((Answer::fine(text), 1));
                }
                let name = self.out.display();
                fs::write(&self.out, text)
                    .map_err(|error| code(3, format!("error: cannot write {name}: {error}\n")))?;
                let told = format!("wrote {name}; `dihya verify --bundle {name} --vkey KEY` checks it\n");
                Ok((Answer::fine(told), 1))
            },
        )
    }
}
