//! The steps of each chore. To add one: a line in [`CATALOGUE`], a line in [`of`], and the function it names.

use std::process::Command;

use crate::run::{Counts, Outcome, cargo, run};
use crate::{Context, fuzz, msrv, readme, tools};

/// A list of steps with a purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Chore {
    /// Everything that runs our code.
    Test,
    /// Everything that reads our code.
    Check,
    /// What feeds it arbitrary input, for a time.
    Fuzz,
}

/// One thing to run.
pub(crate) struct Step {
    /// Its name, as given on the command line and in the summary.
    pub(crate) name: &'static str,
    /// What it does.
    pub(crate) work: fn(&Context) -> Outcome,
}

/// Every step there is, for the help.
pub(crate) const CATALOGUE: &[(&str, &str)] = &[
    ("tests", "test: unit and integration tests of every member, all features"),
    ("doctests", "test: the code in the documentation (cargo test runs it within `tests`)"),
    ("readme", "test: the commands of README.md, as they stand there"),
    ("instructions", "test: instructions per event, counted by valgrind, against their limit"),
    ("prometheus", "test: the sample configuration, read by promtool"),
    ("format", "check: cargo fmt"),
    ("clippy", "check: lints, all members, all targets, all features"),
    ("clippy-layer", "check: lints, the layer alone with its default features"),
    ("doc", "check: the documentation builds without a warning"),
    ("licences", "check: licences, banned crates and sources of every dependency"),
    ("msrv", "check: the oldest Rust that is promised compiles everything"),
    ("scan", "fuzz: the scan of any text, with and without vectors, and its time"),
    ("decode", "fuzz: texts with encoded parts"),
    ("keys", "fuzz: names of fields"),
    ("policy", "fuzz: policy files"),
    ("record", "fuzz: records of any fields"),
];

/// The steps of a chore.
pub(crate) fn of(chore: Chore) -> Vec<Step> {
    match chore {
        Chore::Test if tools::has_cargo_command("nextest") => vec![
            Step { name: "tests", work: |context| cargo(context, NEXTEST) },
            Step { name: "doctests", work: |context| cargo(context, DOCTESTS) },
            Step { name: "readme", work: readme::run_commands },
            Step { name: "instructions", work: instructions },
            Step { name: "prometheus", work: prometheus },
        ],
        Chore::Test => vec![
            Step { name: "tests", work: |context| cargo(context, LIBTEST) },
            Step { name: "readme", work: readme::run_commands },
            Step { name: "instructions", work: instructions },
            Step { name: "prometheus", work: prometheus },
        ],
        Chore::Check => vec![
            Step { name: "format", work: |context| cargo(context, &["fmt", "--all", "--check"]) },
            Step { name: "clippy", work: |context| cargo(context, CLIPPY) },
            Step { name: "clippy-layer", work: |context| cargo(context, CLIPPY_LAYER) },
            Step { name: "doc", work: doc },
            Step { name: "licences", work: licences },
            Step { name: "msrv", work: msrv::check },
        ],
        Chore::Fuzz => fuzz::targets(),
    }
}

// One build with all features serves every test: the members share what is compiled.
const NEXTEST: &[&str] = &["nextest", "run", "--workspace", "--all-features", "--locked", "--no-fail-fast"];
const DOCTESTS: &[&str] = &["test", "--doc", "--workspace", "--all-features", "--locked", "--no-fail-fast"];
const LIBTEST: &[&str] = &["test", "--workspace", "--all-features", "--locked", "--no-fail-fast"];
const CLIPPY: &[&str] =
    &["clippy", "--workspace", "--all-targets", "--all-features", "--locked", "--", "-D", "warnings"];
// Without what the other programs beside it need.
const INSTRUCTIONS: &[&str] = &[
    "run",
    "--package",
    "dihya-benches",
    "--no-default-features",
    "--release",
    "--locked",
    "--bin",
    "instructions",
];
// Within the workspace other members may switch on features that the layer alone would lack.
const CLIPPY_LAYER: &[&str] =
    &["clippy", "--package", "dihya", "--all-targets", "--locked", "--", "-D", "warnings"];

fn doc(context: &Context) -> Outcome {
    let mut command = Command::new("cargo");
    // Libraries alone: the binary and the layer share the name `dihya`, and their pages would overwrite each other.
    command
        .args(["doc", "--workspace", "--lib", "--no-deps", "--all-features", "--locked"])
        .env("RUSTDOCFLAGS", "-D warnings");
    run(context, command)
}

fn licences(context: &Context) -> Outcome {
    if !tools::has_cargo_command("deny") {
        let why = "cargo-deny is not installed (`cargo install --locked cargo-deny`)".to_owned();
        return Outcome::NotRun { why, excused: false };
    }
    // Advisories need the database of advisories from the network: the hosted workflow checks them.
    cargo(context, &["deny", "--all-features", "--locked", "check", "licenses", "bans", "sources"])
}

fn instructions(context: &Context) -> Outcome {
    if context.tools.path("DIHYA_VALGRIND").is_none() {
        return without("valgrind");
    }
    cargo(context, INSTRUCTIONS)
}

fn prometheus(context: &Context) -> Outcome {
    let Some(promtool) = context.tools.path("DIHYA_PROMTOOL") else {
        return without("promtool");
    };
    let configuration = "deploy/prometheus/dihya.yml";
    if !context.root.join(configuration).is_file() {
        return Outcome::Failed(Counts::default(), format!("{configuration} is missing"));
    }
    let mut command = Command::new(promtool);
    command.args(["check", "config", configuration]);
    run(context, command)
}

/// Excused, because the report names the missing server itself, and counts it once.
fn without(server: &str) -> Outcome {
    Outcome::NotRun { why: format!("{server} is missing"), excused: true }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_stands_in_the_catalogue_and_the_catalogue_names_no_other() {
        let mut names: Vec<&str> =
            [Chore::Test, Chore::Check, Chore::Fuzz].into_iter().flat_map(of).map(|step| step.name).collect();
        if !names.contains(&"doctests") {
            names.insert(1, "doctests");
        }
        let listed: Vec<&str> = CATALOGUE.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, listed);
    }
}
