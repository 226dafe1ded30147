//! The project's chores: `cargo xtask test`, `cargo xtask check`, `cargo xtask mutants`.
//!
//! Each chore is a list of steps ([`steps`]). A step runs one command and shows its output as it comes; a step that
//! cannot run is never silent: it ends in the list of what was not run, with the reason, and with `CI=true` a missing
//! server is a failure. Only the standard library is used, so that this program builds in a second.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line program speaks on its terminal"
)]

use std::path::{Path, PathBuf};
use std::process::ExitCode;

mod fuzz;
mod msrv;
mod mutants;
mod readme;
mod report;
mod run;
mod steps;
mod tools;

/// What every step may ask about the world it runs in.
pub(crate) struct Context {
    /// The workspace root.
    pub(crate) root: PathBuf,
    /// `CI=true`: whatever is missing is a failure.
    pub(crate) ci: bool,
    /// Programs that were found, and those that were not.
    pub(crate) tools: tools::Tools,
    /// The file to which a test appends one line when it cannot run.
    pub(crate) not_run: PathBuf,
    /// How long each fuzz target runs.
    pub(crate) seconds: u32,
}

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let chore = args.next().unwrap_or_else(|| "help".to_owned());
    if chore == "mutants" {
        return mutants(args.collect());
    }
    let (seconds, args) = match fuzz::seconds(&args.collect::<Vec<_>>()) {
        Ok(parsed) => parsed,
        Err(why) => return wrong(&why),
    };
    let (flags, only): (Vec<String>, Vec<String>) = args.into_iter().partition(|arg| arg.starts_with('-'));
    if let Some(flag) = flags.iter().find(|flag| *flag != "--no-install") {
        return wrong(&format!("unknown flag `{flag}`"));
    }
    let install = flags.is_empty();
    match chore.as_str() {
        "test" => chores(steps::Chore::Test, &only, install, seconds),
        "check" => chores(steps::Chore::Check, &only, install, seconds),
        "fuzz" => chores(steps::Chore::Fuzz, &only, install, seconds),
        "help" | "--help" | "-h" => {
            print!("{}", help());
            ExitCode::SUCCESS
        }
        other => wrong(&format!("unknown command `{other}`")),
    }
}

fn chores(chore: steps::Chore, only: &[String], install: bool, seconds: u32) -> ExitCode {
    let context = match prepare(chore, install, seconds) {
        Ok(context) => context,
        Err(error) => {
            eprintln!("xtask: {error}");
            return ExitCode::FAILURE;
        }
    };
    let mut steps = steps::of(chore);
    if let Some(name) = only.iter().find(|name| !steps.iter().any(|step| step.name == **name)) {
        let known: Vec<&str> = steps.iter().map(|step| step.name).collect();
        return wrong(&format!("no step is called `{name}`; there are: {}", known.join(", ")));
    }
    if !only.is_empty() {
        steps.retain(|step| only.iter().any(|name| name == step.name));
    }
    let results = run::all(&steps, &context);
    let report = report::Report::new(&results, &context);
    print!("{report}");
    if report.succeeded() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn mutants(arguments: Vec<String>) -> ExitCode {
    let (flags, only): (Vec<String>, Vec<String>) = arguments.into_iter().partition(|a| a.starts_with('-'));
    if let Some(flag) = flags.iter().find(|flag| !["--list", "--only"].contains(&flag.as_str())) {
        return wrong(&format!("unknown flag `{flag}`"));
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let list = flags.iter().any(|flag| flag == "--list");
    match root
        .canonicalize()
        .map_err(|error| error.to_string())
        .and_then(|root| mutants::run(&root, &only, list))
    {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("xtask: {error}");
            ExitCode::FAILURE
        }
    }
}

fn prepare(chore: steps::Chore, install: bool, seconds: u32) -> std::io::Result<Context> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize()?;
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |dir| root.join(dir));
    let folder = target.join("xtask");
    std::fs::create_dir_all(&folder)?;
    let not_run = folder.join("not-run.txt");
    std::fs::write(&not_run, "")?;
    let tools = match chore {
        steps::Chore::Test => tools::Tools::with_servers(install),
        steps::Chore::Check | steps::Chore::Fuzz => tools::Tools::without_servers(),
    };
    let ci = std::env::var("CI").is_ok_and(|ci| ci == "true" || ci == "1");
    Ok(Context { root, ci, tools, not_run, seconds })
}

fn wrong(message: &str) -> ExitCode {
    eprintln!("xtask: {message}\n`cargo xtask help` shows what there is");
    ExitCode::from(2)
}

fn help() -> String {
    let list = |names: Vec<String>| names.join("\n");
    format!(
        "Usage: cargo xtask <command> [--no-install] [--seconds N] [step ...]\n\n\
         test    every test. As root with apt-get it first installs the servers that tests talk to\n\
         \x20       (--no-install forbids it); what cannot run is listed at the end, and is a failure with CI=true\n\
         check   format, lints, documentation, licences, the oldest Rust that is promised\n\
         fuzz    arbitrary input, {} seconds for each target, or as many as --seconds says; needs cargo-fuzz\n\
         mutants plants one fault at a time, and runs the compliance suite against each: all of them, which takes\n\
         \x20       half an hour, or `--only NAME ...`; `--list` shows them\n\
         help    this text\n\n\
         Name steps to run only those. The steps:\n{}\n\n\
         Programs that tests look for, each passed on in a variable when found (or set it yourself):\n{}\n",
        fuzz::SECONDS,
        list(steps::CATALOGUE.iter().map(|(name, what)| format!("  {name:<14}{what}")).collect()),
        list(
            tools::SERVERS
                .iter()
                .map(|tool| format!("  {:<14}{:<18}{}", tool.program, tool.variable, tool.used_for))
                .collect()
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
    }

    #[test]
    fn the_licence_file_holds_the_whole_agpl() {
        let text = std::fs::read_to_string(root().join("LICENSE")).unwrap();
        assert!(text.trim_start().starts_with("GNU AFFERO GENERAL PUBLIC LICENSE"));
        let (terms, appendix) = text.split_once("END OF TERMS AND CONDITIONS").unwrap();
        for section in 0..=17 {
            let heading = format!("\n  {section}. ");
            assert!(terms.contains(&heading), "section {section} is missing");
        }
        assert!(appendix.contains("How to Apply These Terms"));
    }

    #[test]
    fn every_action_of_the_hosted_workflow_is_pinned_to_a_commit() {
        let text = std::fs::read_to_string(root().join(".github/workflows/ci.yml")).unwrap();
        let uses: Vec<&str> =
            text.lines().filter_map(|line| line.split_once("uses: ")).map(|(_, what)| what).collect();
        assert!(!uses.is_empty(), "the workflow uses no action at all: is this the right file?");
        for action in uses {
            let reference = action.split_once('@').unwrap().1.split_whitespace().next().unwrap();
            assert!(
                reference.len() == 40 && reference.bytes().all(|byte| byte.is_ascii_hexdigit()),
                "{action} can change under us"
            );
        }
    }

    #[test]
    fn the_help_names_every_step_and_every_server() {
        let text = help();
        for (name, _) in steps::CATALOGUE {
            assert!(text.contains(name));
        }
        for tool in tools::SERVERS {
            assert!(text.contains(tool.variable));
        }
    }
}
