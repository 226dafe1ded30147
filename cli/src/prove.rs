//! `dihya prove`: a record and the proof that it is in the log, in one file.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use dihya::catalog::ShardId;
use dihya::storage::Local;
use dihya::verify::bundle::{Bundle, Which};

use crate::Answer;
use crate::log::Where;
use crate::verify::{code, find, holder, places, proof_error, shard_id};

/// Which record.
#[derive(clap::Args)]
pub(crate) struct Command {
    #[command(flatten)]
    place: Where,
    /// The shard it is in; without it, all are looked through for the id
    #[arg(long, value_name = "SHARD", value_parser = shard_id)]
    shard: Option<ShardId>,
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

The file holds the record as it stands in the log. It is a C2SP tlog-proof: other tools read it too.

Exit codes: 0 written, 1 there is no such record or no proof of it, 2 not understood, 3 something could not be read.";

impl Command {
    pub(crate) fn run(self) -> Answer {
        self.answer().unwrap_or_else(|answer| answer)
    }

    fn answer(self) -> Result<Answer, Answer> {
        let places = places(&self.place)?;
        let id = match self.shard {
            Some(id) => id,
            None => holder(&places, None, &self.record)?,
        };
        let shard = find(&places, &id)?;
        let made = Bundle::of(&(Arc::new(Local) as _), &shard, &Which::parse(&self.record));
        let text = made.map_err(|error| proof_error(&error))?.to_text();
        if self.out.as_os_str() == "-" {
            return Ok(Answer::fine(text));
        }
        let name = self.out.display();
        fs::write(&self.out, text)
            .map_err(|error| code(3, format!("error: cannot write {name}: {error}\n")))?;
        Ok(Answer::fine(format!("wrote {name}; `dihya verify --bundle {name} --vkey KEY` checks it\n")))
    }
}
