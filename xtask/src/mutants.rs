//! `cargo xtask mutants`: plants one fault at a time, and sees whether the compliance suite catches it.
//!
//! The tree is copied once, without what git ignores, with a target folder of its own. Before any fault the suite must
//! pass there: otherwise its failures prove nothing. A fault whose text is not found exactly once, or that does not
//! compile, is an error and never a catch; so is a test that hangs. What no test catches fails the command.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

mod faults;
mod tree;

use faults::{FAULTS, Fault};

/// What became of a fault.
enum Fate {
    /// These tests failed.
    Caught(Vec<String>),
    /// No test failed.
    Survived,
    /// It proves nothing: why.
    Wrong(String),
}

/// Runs the faults whose names hold one of `only`, or all; whether every one was caught.
pub(crate) fn run(root: &Path, only: &[String], list: bool) -> Result<bool, String> {
    let wanted =
        |fault: &&Fault| only.is_empty() || only.iter().any(|name| fault.name.contains(name.as_str()));
    let faults: Vec<&Fault> = FAULTS.iter().filter(wanted).collect();
    if faults.is_empty() {
        return Err("no fault has such a name; `cargo xtask mutants --list` shows them".to_owned());
    }
    // All at once, and before anything is compiled: an edit may have moved several.
    let lost: Vec<String> = faults.iter().filter_map(|fault| fault.apply(root).err()).collect();
    if !lost.is_empty() {
        return Err(format!("in xtask/src/mutants/faults.rs:\n  {}", lost.join("\n  ")));
    }
    if list {
        faults.iter().for_each(|fault| println!("{:<36} {}", fault.name, fault.breaks));
        return Ok(true);
    }
    let folder = root.join("target/xtask/mutants");
    let copy = tree::copy(root, &folder.join("tree"))
        .map_err(|error| format!("the tree was not copied: {error}"))?;
    let bench = Bench { copy, target: folder.join("target") };
    println!("==> without a fault");
    let start = Instant::now();
    match bench.tests(None) {
        Fate::Survived => println!("    passed in {:.0} s", start.elapsed().as_secs_f64()),
        Fate::Caught(tests) => {
            return Err(format!("the suite fails without any fault: {}", tests.join(", ")));
        }
        Fate::Wrong(why) => return Err(format!("the suite does not run without any fault: {why}")),
    }
    let mut results = Vec::new();
    for (index, fault) in faults.iter().enumerate() {
        let one = Instant::now();
        let fate = bench.fate(fault);
        let seconds = one.elapsed().as_secs_f64();
        let said = match &fate {
            Fate::Caught(tests) => format!("caught by {}", tests.join(", ")),
            Fate::Survived => "SURVIVED".to_owned(),
            Fate::Wrong(why) => format!("ERROR: {why}"),
        };
        println!("==> [{}/{}] {}: {said} ({seconds:.0} s)", index + 1, faults.len(), fault.name);
        results.push((*fault, fate));
    }
    let failed = results.iter().filter(|(_, fate)| !matches!(fate, Fate::Caught(_))).count();
    println!("\n{} faults, {} not caught, {:.0} s", results.len(), failed, start.elapsed().as_secs_f64());
    if only.is_empty() {
        let page = root.join(PAGE);
        std::fs::write(&page, document(&results))
            .map_err(|error| format!("{PAGE} was not written: {error}"))?;
        println!("{PAGE} has the table");
    }
    Ok(failed == 0)
}

/// Where faults are tried.
struct Bench {
    copy: PathBuf,
    target: PathBuf,
}

impl Bench {
    fn fate(&self, fault: &Fault) -> Fate {
        let path = self.copy.join(fault.file);
        let (before, after) = match (std::fs::read(&path), fault.apply(&self.copy)) {
            (Ok(before), Ok(after)) => (before, after),
            (Err(error), _) => return Fate::Wrong(error.to_string()),
            (_, Err(error)) => return Fate::Wrong(error),
        };
        let fate = match std::fs::write(&path, after) {
            Err(error) => Fate::Wrong(error.to_string()),
            // The test that should see it alone, and all others only if it does not.
            Ok(()) => match self.tests(Some(fault)) {
                Fate::Survived => self.tests(None),
                fate => fate,
            },
        };
        match std::fs::write(&path, before) {
            Ok(()) => fate,
            Err(error) => Fate::Wrong(format!("{} was not restored: {error}", fault.file)),
        }
    }

    fn tests(&self, fault: Option<&Fault>) -> Fate {
        let mut arguments = vec!["test", "--locked", "--no-fail-fast", "-p", "dihya-compliance"];
        let test = fault.map(|fault| fault.caught_by.split_once("::").unwrap_or((fault.caught_by, "")));
        if let Some((binary, _)) = test {
            arguments.extend(["--test", binary]);
        } else {
            arguments.extend(["--lib", "--tests"]);
        }
        // A fault that does not compile is no fault of the suite.
        match self.cargo([&arguments[..], &["--no-run"]].concat()) {
            Ok((true, _)) => {}
            Ok((false, output)) => {
                return Fate::Wrong(format!("it does not compile: {}", first_error(&output)));
            }
            Err(why) => return Fate::Wrong(why),
        }
        if let Some((_, name)) = test {
            arguments.extend(["--", "--exact", name]);
        }
        match self.cargo(arguments) {
            Err(why) => Fate::Wrong(why),
            Ok((true, output)) => match ran(&output) {
                0 => Fate::Wrong("no test has run: is `caught_by` the name of one?".to_owned()),
                _ => Fate::Survived,
            },
            Ok((false, output)) => match failed(&output) {
                tests if tests.is_empty() => Fate::Wrong("a test did not end in an orderly way".to_owned()),
                tests => Fate::Caught(tests),
            },
        }
    }

    /// Whether the command succeeded, and all it said.
    fn cargo(&self, arguments: Vec<&str>) -> Result<(bool, String), String> {
        let log = self.target.with_extension("log");
        let file = std::fs::File::create(&log).map_err(|error| error.to_string())?;
        let again = file.try_clone().map_err(|error| error.to_string())?;
        let mut child = Command::new("cargo")
            .args(arguments)
            .current_dir(&self.copy)
            .env("CARGO_TARGET_DIR", &self.target)
            // Each fault is a small change.
            .env("CARGO_INCREMENTAL", "1")
            .env("CARGO_TERM_COLOR", "never")
            .env("PROPTEST_RNG_SEED", "20261121")
            .stdin(Stdio::null())
            .stdout(file)
            .stderr(again)
            .spawn()
            .map_err(|error| format!("cargo did not start: {error}"))?;
        let start = Instant::now();
        loop {
            match child.try_wait().map_err(|error| error.to_string())? {
                Some(status) => {
                    let output = std::fs::read(&log).map_err(|error| error.to_string())?;
                    return Ok((status.success(), String::from_utf8_lossy(&output).into_owned()));
                }
                None if start.elapsed() > LONGEST => {
                    let _ = child.kill().and_then(|()| child.wait());
                    return Err(format!("it took longer than {} s", LONGEST.as_secs()));
                }
                None => std::thread::sleep(Duration::from_millis(50)),
            }
        }
    }
}

/// Names of failed tests, as libtest lists them: the first few.
fn failed(output: &str) -> Vec<String> {
    let names = output.lines().filter_map(|line| line.strip_prefix("test ")?.strip_suffix(" ... FAILED"));
    let mut names: Vec<String> = names.map(str::to_owned).collect();
    names.dedup();
    names.truncate(3);
    names
}

/// How many tests passed.
fn ran(output: &str) -> u64 {
    let passed = |line: &str| line.strip_prefix("test result: ok. ")?.split(' ').next()?.parse::<u64>().ok();
    output.lines().filter_map(passed).sum()
}

fn first_error(output: &str) -> &str {
    output.lines().find(|line| line.starts_with("error")).unwrap_or("the compiler does not say why")
}

fn document(results: &[(&Fault, Fate)]) -> String {
    let caught = results.iter().filter(|(_, fate)| matches!(fate, Fate::Caught(_))).count();
    let mut text = format!(
        "# Planted faults\n\nWould the tests notice if redaction broke? `cargo xtask mutants` breaks it in {} ways, one at \
         a time, and runs the tests of\n`dihya-compliance` against each, after they passed without any. This page is \
         written by that command.\n\n**{caught} of {} faults are caught.** Named is the test that failed first; of faults \
         that the named test missed, any other.\n\n| fault | what it breaks | caught by |\n|---|---|---|\n",
        results.len(),
        results.len(),
    );
    for (fault, fate) in results {
        let fate = match fate {
            Fate::Caught(tests) => {
                tests.iter().map(|test| format!("`{test}`")).collect::<Vec<_>>().join(", ")
            }
            Fate::Survived => "**nothing**".to_owned(),
            Fate::Wrong(why) => format!("error: {why}"),
        };
        // A String takes everything.
        let _ = writeln!(text, "| {} | {} | {fate} |", fault.name, fault.breaks.replace('|', "\\|"));
    }
    text
}

/// Long enough for the whole suite on a busy machine.
const LONGEST: Duration = Duration::from_secs(900);

const PAGE: &str = "docs/mutants.md";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_finds_its_text_and_changes_it() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let lost: Vec<String> = FAULTS.iter().filter_map(|fault| fault.apply(&root).err()).collect();
        assert!(lost.is_empty(), "{lost:#?}");
    }

    #[test]
    fn there_are_enough_faults_and_no_two_have_one_name() {
        let mut names: Vec<&str> = FAULTS.iter().map(|fault| fault.name).collect();
        assert!(names.len() >= 40, "{}", names.len());
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), FAULTS.len());
    }

    #[test]
    fn a_text_that_is_not_there_or_there_twice_is_an_error() {
        let fault =
            |find| Fault { name: "n", file: "Cargo.toml", find, replace: "x", breaks: "b", caught_by: "t" };
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        assert!(fault("no such text").apply(here).unwrap_err().contains("is not there"));
        assert!(fault("workspace").apply(here).unwrap_err().contains("times"));
        assert!(fault("name = \"xtask\"").apply(here).unwrap().contains("\nx\n"));
    }

    #[test]
    fn failures_and_passes_are_read_from_the_output_of_libtest() {
        let output = "running 2 tests\ntest a::b ... ok\ntest c ... FAILED\n\ntest result: FAILED. 1 passed; 1 failed;\n";
        assert_eq!(failed(output), ["c"]);
        assert_eq!(ran(output), 0);
        assert_eq!(ran("test result: ok. 12 passed; 0 failed;\ntest result: ok. 3 passed; 0 failed;\n"), 15);
    }
}
