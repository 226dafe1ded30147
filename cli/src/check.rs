//! `dihya check -- ./any-service args…`: plants secrets in a running service and looks where they come out.
//!
//! 1. [`plan`]: the file, the command line, and [`template`]s with placeholders;
//! 2. [`planting`]: the canaries that fill them;
//! 3. [`service`], [`http`]: the process, and the requests;
//! 4. [`watch`] (with [`process`], [`folders`], [`follow`]) and [`strace`]: everything it writes;
//! 5. [`find`]: where the canaries came out;
//! 6. [`result`], [`report`], [`text`]: the verdict, and what it rests on.

mod find;
mod folders;
mod follow;
mod http;
mod own;
mod plan;
mod planting;
mod prepare;
mod process;
mod report;
mod result;
mod run;
mod service;
mod strace;
mod template;
mod text;
mod watch;

use std::hash::{BuildHasher as _, RandomState};
use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};

use clap::Args;

use self::plan::Plan;
use self::report::Verdict;
use self::run::{Options, Refusal};
use self::template::{Kind, PLAIN, Template};
use crate::Answer;

/// Arguments of `dihya check`.
#[derive(Args)]
pub(crate) struct Command {
    /// The plan file; dihya-check.toml, if it is there and no other is named
    #[arg(long, value_name = "FILE")]
    plan: Option<PathBuf>,
    /// Plant a secret in an environment variable: NAME, or NAME={{card}} and the like
    #[arg(long, value_name = "NAME[=TEXT]")]
    env: Vec<String>,
    /// Plant a secret in standard input: a text with {{placeholders}}
    #[arg(long, value_name = "TEXT")]
    stdin: Option<String>,
    /// Watch a folder more, besides the working directory
    #[arg(long, value_name = "DIR")]
    watch: Vec<PathBuf>,
    /// Run the service under strace, which names every file it opens; slower, and needs strace
    #[arg(long)]
    strace: bool,
    /// Write the whole report as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the result as JUnit XML, a test per secret planted
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Make the same secrets as the run that told this seed
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Print a commented plan to begin with
    #[arg(long, exclusive = true)]
    example: bool,
    /// List the placeholders
    #[arg(long, exclusive = true)]
    kinds: bool,
    /// The service and its arguments, which may hold {{placeholders}}
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<String>,
}

/// The end of `dihya check --help`.
pub(crate) const HELP: &str = "\
Examples:
  dihya check --env DB_PASSWORD --env STRIPE_KEY={{stripe_key}} -- ./my-job --once
      a job that ends by itself, with two secrets in its environment
  dihya check --example > dihya-check.toml    then edit it, and:
  dihya check
      a service, its requests and its metrics, as the plan says
  dihya check --strace --json report.json -- ./my-service --port {{port}}
      with the exact list of files, and a report for programs

Exit codes:
  0  nothing leaked, and the service wrote something
  1  a secret came out
  2  the command or the plan was not understood; nothing was started
  3  nothing was observed: the service wrote nothing that could be searched
  4  it could not be checked: the service failed, a request was not answered, ...";

/// What `--example` prints.
pub(crate) const EXAMPLE: &str = include_str!("check/example.toml");

const DEFAULT_PLAN: &str = "dihya-check.toml";

impl Command {
    pub(crate) fn run(self) -> Answer {
        if self.example {
            return Answer::fine(EXAMPLE);
        }
        if self.kinds {
            return Answer::fine(kinds());
        }
        let plan = match self.plan() {
            Ok(plan) => plan,
            Err(problem) => return refused(2, &problem),
        };
        // Another hash each time: the keys of this are random.
        let seed = self.seed.unwrap_or_else(|| RandomState::new().hash_one(std::process::id()) >> 16);
        let options = Options { seed, strace: self.strace, progress: true };
        let report = match run::run(&plan, &options) {
            Ok(report) => report,
            Err(Refusal::Plan(problem)) => return refused(2, &problem),
            Err(Refusal::Machine(problem)) => return refused(Verdict::NotChecked.exit_code(), &problem),
        };
        let colour =
            io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|set| set.is_empty());
        let mut answer =
            Answer { out: text::text(&report, colour).into(), err: String::new(), code: report.exit_code };
        for (file, text) in [(&self.json, report.json()), (&self.junit, report.junit())] {
            let Some(file) = file else { continue };
            if let Err(error) = std::fs::write(file, text) {
                answer.err.push_str(&format!("error: cannot write {}: {error}\n", file.display()));
                // A script that waits for the report must not take its absence for a pass.
                if answer.code == 0 {
                    answer.code = Verdict::NotChecked.exit_code();
                }
            }
        }
        answer
    }

    /// The plan file with what the command line says besides.
    fn plan(&self) -> Result<Plan, String> {
        let mut plan = match &self.plan {
            Some(file) => Plan::load(file).map_err(|error| error.to_string())?,
            None if Path::new(DEFAULT_PLAN).is_file() => {
                Plan::load(Path::new(DEFAULT_PLAN)).map_err(|error| error.to_string())?
            }
            None => Plan::default(),
        };
        if !self.command.is_empty() {
            let parsed = self.command.iter().map(|part| Template::parse(part));
            plan.service.command = parsed.collect::<Result<_, _>>()?;
        }
        if plan.service.command.is_empty() {
            return Err(format!(
                "which service? Name it behind `--`, or in [service] `command` of {DEFAULT_PLAN} (`dihya check --example`)"
            ));
        }
        for variable in &self.env {
            let (name, text) = variable.split_once('=').unwrap_or((variable, "{{password}}"));
            let template = Template::parse(text).map_err(|problem| format!("--env {name}: {problem}"))?;
            plan.env.insert(name.to_owned(), template);
        }
        if let Some(text) = &self.stdin {
            plan.service.stdin =
                Some(Template::parse(text).map_err(|problem| format!("--stdin: {problem}"))?);
        }
        for folder in &self.watch {
            // A path is what it says: braces in it are its own.
            let text = folder.display().to_string().replace("{{", "{{open}}");
            plan.watch.folders.push(Template::parse(&text)?);
        }
        Ok(plan)
    }
}

fn refused(code: u8, problem: &str) -> Answer {
    Answer { out: Vec::new(), err: format!("error: {problem}\n"), code }
}

fn kinds() -> String {
    let mut out = String::from(
        "{{port}}      a free port, the same wherever it says so\n{{folder}}    a folder that is watched, and removed afterwards\n{{open}}      two opening braces\n\nSecrets, made anew for each run; {{card:jane}} is the same wherever it says so:\n",
    );
    for kind in Kind::all() {
        let what = match &kind.detector {
            Some(detector) => detector.source,
            None => PLAIN.iter().find(|(name, _)| *name == kind.name).map_or("", |(_, what)| what),
        };
        out.push_str(&format!("{:<26}  {what}\n", format!("{{{{{}}}}}", kind.name)));
    }
    out
}
