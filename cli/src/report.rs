//! `dihya report`: a root in figures, as one page that stands alone, and as JSON.

mod alerts;
mod chart;
mod facts;
mod page;
mod retention;
mod volume;
mod words;

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use dihya::Clock;
use dihya::archive::Identities;
use dihya::operation::Kind;
use dihya::overview::{Extent, Overview};
use dihya::storage::{Local, Storage};

use crate::Answer;
use crate::log::{self, Where};
use crate::progress::Bar;
use crate::query::filters::between;

pub(crate) const HELP: &str = "\
Examples:
  dihya report --out report.html                       the whole log, as a page
  dihya report --out week.html --since 1w              the last seven days
  dihya report --json report.json --out report.html    the same figures for programs
  dihya report --json - | jq '.channels[] | {name, records, lost}'

Times as in `dihya query`. The page is one file without a script that asks nobody for anything; it follows the reader's light or dark
theme, and prints. It shows counts, the policy's names and the ledger's operators, and no value of a record, so that making
it is not on record.

It counts and does not verify: `dihya verify` tells whether the log is what was written.

Exit codes: 0 it is written, 1 it is written and something could not be read, or it could not be written; 2 not understood.";

#[derive(clap::Args)]
pub(crate) struct Command {
    #[command(flatten)]
    place: Where,
    /// The page to write; `-` is standard output
    #[arg(long, value_name = "FILE", required_unless_present = "json")]
    out: Option<PathBuf>,
    /// The figures as JSON, for programs; `-` is standard output
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Nothing before this time
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Nothing at or after this time
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// A file of age identities, for encrypted archives
    #[arg(long, value_name = "FILE")]
    identity: Option<PathBuf>,
    /// How many threads read [default: one per core]
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
}

impl Command {
    pub(crate) fn run(self) -> Answer {
        self.answer().unwrap_or_else(|answer| answer)
    }

    fn answer(self) -> Result<Answer, Answer> {
        let wrong = |error: &dyn std::fmt::Display| Answer::wrong(format!("error: {error}\n"));
        let is_stdout = |file: &Option<PathBuf>| file.as_deref() == Some(Path::new("-"));
        if is_stdout(&self.out) && is_stdout(&self.json) {
            return Err(Answer::unclear("error: page and JSON cannot both go to standard output\n"));
        }
        let extent = self.extent()?;
        let (policy, places) = self.place.places()?;
        log::caller().may(Kind::Report, &policy).map_err(|denied| wrong(&denied))?;
        let identities = match &self.identity {
            Some(file) => Identities::load(file).map_err(|error| wrong(&error))?,
            None => Identities::none(),
        };
        let storage: Arc<dyn Storage> = Arc::new(Local);
        let bar = Bar::new(0);
        let told = |done, of| bar.reach(done, of, "counting".to_owned());
        let read = Overview::read(&storage, &policy, &places, &identities, &extent, &Clock::system(), &told);
        bar.end();
        let overview = read.map_err(|error| wrong(&error))?;
        let mut answer = Answer::fine("");
        if let Some(file) = &self.out {
            put(file, page::write(&overview).into_bytes(), &mut answer)?;
        }
        if let Some(file) = &self.json {
            let mut json = serde_json::to_vec_pretty(&overview).map_err(|error| wrong(&error))?;
            json.push(b'\n');
            put(file, json, &mut answer)?;
        }
        for unread in &overview.read.unread {
            answer.warn(&format!(
                "{} was not read to its end ({}): {}",
                unread.shard,
                unread.path.display(),
                unread.why
            ));
        }
        if !overview.read.remote.is_empty() {
            let stores = overview.read.remote.join(", ");
            answer.err.push_str(&format!(
                "note: shards archived in {stores} are not counted; `dihya restore` brings them here\n"
            ));
        }
        Ok(answer)
    }

    fn extent(&self) -> Result<Extent, Answer> {
        let (since, until) = between(self.since.as_deref(), self.until.as_deref())?;
        Ok(Extent { since, until, threads: self.threads })
    }
}

/// Whoever looks at the file meanwhile sees the one before.
fn put(file: &Path, bytes: Vec<u8>, answer: &mut Answer) -> Result<(), Answer> {
    if file == Path::new("-") {
        answer.out = bytes;
        return Ok(());
    }
    replace(file, &bytes)
        .map_err(|error| Answer::wrong(format!("error: cannot write {}: {error}\n", file.display())))
}

/// A new file is the caller's alone, as the log is; one that is there keeps its mode.
fn replace(file: &Path, bytes: &[u8]) -> io::Result<()> {
    let mode = fs::metadata(file).map_or(0o600, |there| there.permissions().mode() & 0o777);
    let name = file.file_name().ok_or(io::ErrorKind::IsADirectory)?;
    let beside = file.with_file_name(format!(".{}.{}", name.display(), std::process::id()));
    let written = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&beside)
        .and_then(|mut to| {
            to.write_all(bytes)?;
            to.set_permissions(fs::Permissions::from_mode(mode))
        })
        .and_then(|()| fs::rename(&beside, file));
    if written.is_err() {
        let _ = fs::remove_file(&beside);
    }
    written
}
