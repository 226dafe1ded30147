//! `dihya policy ..`

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use clap::Subcommand;
use dihya::{Policy, PolicyError, Sector, inspect};

use crate::Answer;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Check a policy file; every error is shown with its line
    ///
    /// For each detector of its own it says what ordinary log lines it would change, and what it costs beside the
    /// built-in scan, measured now; for each allowance what it shows, and why.
    Check {
        #[command(flatten)]
        file: File,
    },
    /// Print the policy in force: every value, and where it comes from
    ///
    /// A value comes from the file (with its line), from the sector's defaults (with the source, marked V: read in
    /// the source's own text, S: from a secondary source, M: from memory, C: our convention), or is built in (with
    /// the reason). The output is itself a policy file.
    Show {
        #[command(flatten)]
        file: File,
        /// Show the defaults of a sector instead of a file
        #[arg(long, value_name = "SECTOR", value_parser = sector_parser(), conflicts_with_all = ["file", "policy"])]
        sector: Option<String>,
        /// As JSON, for programs
        #[arg(long, conflicts_with = "toml")]
        json: bool,
        /// As a plain policy file, without comments
        #[arg(long)]
        toml: bool,
    },
    /// Print the JSON Schema of the policy file, for editors
    ///
    /// An editor with a TOML language server takes it from a first line `#:schema ./policy.schema.json`.
    Schema,
    /// Write a commented policy file to start from
    Init {
        /// The file to write, which must not exist; `-` is standard output
        #[arg(default_value = DEFAULT_FILE)]
        file: PathBuf,
        /// The sector whose defaults apply
        #[arg(long, value_name = "SECTOR", default_value = "generic", value_parser = sector_parser())]
        sector: String,
    },
}

/// A policy file, named as the other commands name it or by itself.
#[derive(clap::Args)]
pub(crate) struct File {
    /// The policy file [default: dihya.toml]
    file: Option<PathBuf>,
    /// The same, as other commands take it
    #[arg(long, value_name = "FILE", conflicts_with = "file")]
    policy: Option<PathBuf>,
}

impl File {
    fn path(self) -> PathBuf {
        self.file.or(self.policy).unwrap_or_else(|| DEFAULT_FILE.into())
    }
}

pub(crate) const DEFAULT_FILE: &str = "dihya.toml";

impl Command {
    pub(crate) fn run(self) -> Answer {
        match self {
            Command::Check { file } => check(&file.path()),
            Command::Show { file, sector, json, toml } => show(&file.path(), sector.as_deref(), json, toml),
            Command::Schema => Answer::fine(Policy::json_schema()),
            Command::Init { file, sector } => init(&file, parse_sector(&sector)),
        }
    }
}

fn check(file: &Path) -> Answer {
    let policy = match Policy::load(file) {
        Ok(policy) => policy,
        Err(error) => return Answer::wrong(told(&error)),
    };
    let name = file.display();
    let mut out = format!("{name} is fine\n");
    for remark in policy.advice() {
        out.push_str(&format!("note: {remark}\n"));
    }
    if let features @ [_, ..] = policy.features().as_slice() {
        let features = features.join(", ");
        out.push_str(&format!(
            "note: a service takes it only if dihya is built with the features: {features}\n"
        ));
    }
    out.push_str(&own_rules(&policy));
    out.push_str(&format!("`dihya policy show {name}` prints every value and where it comes from\n"));
    Answer::fine(out)
}

/// What the policy adds to redaction, and what each rule costs: tried and measured now.
fn own_rules(policy: &Policy) -> String {
    let mut out = String::new();
    for detector in inspect::own_detectors(policy) {
        let (built_in, with) = detector.cost;
        let more = with.saturating_sub(built_in).as_nanos();
        let times = with.as_secs_f64() / built_in.as_secs_f64();
        let place = if detector.everywhere { "runs over every value" } else { "looks where it begins" };
        let (changed, lines) = (detector.ordinary.len(), inspect::ordinary_lines());
        out.push_str(&format!(
            "detector {}: {}\n  {place}; costs {more} ns per KiB of clean text, which makes {times:.2} times the built-in scan\n  \
             would change {changed} of {lines} ordinary log lines\n",
            detector.name, detector.what,
        ));
    }
    for allowance in inspect::own_allowances(policy) {
        let cost = allowance.cost.as_nanos();
        out.push_str(&format!(
            "allowance: {} ({})\n  costs {cost} ns at each find, and nothing elsewhere\n",
            allowance.what, allowance.reason
        ));
    }
    out
}

fn show(file: &Path, sector: Option<&str>, json: bool, toml: bool) -> Answer {
    let policy = match sector {
        Some(name) => Policy::sector(parse_sector(name)),
        None => match Policy::load(file) {
            Ok(policy) => policy,
            Err(error) => return Answer::wrong(told(&error)),
        },
    };
    Answer::fine(if json { policy.to_json() } else { policy.to_toml(!toml) })
}

fn init(file: &Path, sector: Sector) -> Answer {
    let text = Policy::starter(sector);
    if file == Path::new("-") {
        return Answer::fine(text);
    }
    let name = file.display();
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(file)
        .and_then(|mut f| f.write_all(text.as_bytes()).and_then(|()| f.sync_all()));
    match written {
        Ok(()) => {
            Answer::fine(format!("wrote {name}; `dihya policy check {name}` checks it after each change\n"))
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            Answer::wrong(format!("error: {name} exists, and is left as it is; name another file\n"))
        }
        Err(error) => Answer::wrong(format!("error: cannot write {name}: {error}\n")),
    }
}

pub(crate) fn told(error: &PolicyError) -> String {
    let mut text = error.report();
    // A file that is no TOML has not been looked at any further.
    let unread = error.problems().iter().any(|problem| problem.key().is_empty());
    match error.problems().len() {
        0 => {}
        1 if unread => text.push_str("1 problem; the keys are checked once it is mended\n"),
        1 => text.push_str("1 problem; nothing else was found wrong\n"),
        n if unread => text.push_str(&format!("{n} problems; the keys are checked once they are mended\n")),
        n => text.push_str(&format!("{n} problems\n")),
    }
    text
}

fn sector_parser() -> clap::builder::PossibleValuesParser {
    Sector::ALL.map(Sector::name).into()
}

/// Names reach this only through [`sector_parser`], so the default is never taken.
fn parse_sector(name: &str) -> Sector {
    name.parse().unwrap_or_default()
}
