//! Evidence: what the tests of a suite found, for somebody who was not there.
//!
//! Each test leaves a small file of its own below `target/dihya-evidence/<suite>/` (or below `DIHYA_EVIDENCE`), since a
//! test runner may give every test a process. [`Report::read`] joins them, and [`Report::write`] makes of them
//! `evidence.json` ([schema](https://json-schema.org/draft/2020-12) in `docs/evidence.schema.json`), `junit.xml`, and
//! `evidence.html`, one page that needs nothing else. `dihya evidence` does both.
//!
//! A report says what its rules *support*; it never says that a service complies. A rule without a result of this build
//! and this policy was not run, and the verdict is then [`Verdict::Incomplete`].

mod html;
mod json;
mod junit;
mod read;
pub(crate) mod result;
mod standing;

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::rules::Rule;

pub use standing::{Standing, standing};

/// The results of one suite.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Report {
    /// The package whose policy was tested.
    pub package: String,
    /// Its version.
    pub package_version: String,
    /// The suite, as its folder is called.
    pub suite: String,
    /// The policy, unless it could not be had.
    pub policy: Option<TestedPolicy>,
    /// Of the layer and of the suite.
    pub version: String,
    /// The compiler.
    pub rustc: String,
    /// When the last test began, RFC 3339.
    pub date: String,
    /// All tests together.
    pub took: Duration,
    /// One per rule, in the catalogue's order.
    pub lines: Vec<Line>,
}

/// The policy that was tested.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TestedPolicy {
    /// SHA-256 of what `dihya policy show --toml` prints, in hexadecimal.
    pub sha256: String,
    /// The sector whose defaults hold.
    pub sector: String,
    /// The service's name, if the policy has one.
    pub service: String,
}

/// What is known of one rule.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Line {
    /// The rule.
    pub rule: &'static Rule,
    /// The test's name as the test runner has it.
    pub test: String,
    /// How it ended.
    pub outcome: Outcome,
    /// The first case's seed.
    pub seed: Option<u64>,
    /// Cases run.
    pub cases: u64,
    /// Single checks: secrets looked for, lines compared, days counted.
    pub checks: u64,
    /// Of these, how many a positive control saw first.
    pub controls: u64,
    /// How long it took.
    pub took: Duration,
    /// What a reader must know to judge the result.
    pub notes: Vec<String>,
}

/// How a rule ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// It holds.
    Passed,
    /// It does not, as this says.
    Failed(String),
    /// Nothing is claimed, for this reason.
    NotClaimed(String),
    /// There is no result, for this reason.
    NotRun(String),
}

impl Outcome {
    /// In a word or two, for tables.
    pub fn words(&self) -> &'static str {
        match self {
            Outcome::Passed => "passed",
            Outcome::Failed(_) => "failed",
            Outcome::NotClaimed(_) => "not claimed",
            Outcome::NotRun(_) => "not run",
        }
    }

    /// What is to be said about it.
    pub fn text(&self) -> Option<&str> {
        match self {
            Outcome::Passed => None,
            Outcome::Failed(text) | Outcome::NotClaimed(text) | Outcome::NotRun(text) => Some(text),
        }
    }
}

/// What all results together say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// Every rule that is claimed holds.
    Passed,
    /// A rule does not hold.
    Failed,
    /// A rule has no result: nothing follows from the others.
    Incomplete,
}

impl Verdict {
    /// One word.
    pub fn word(self) -> &'static str {
        match self {
            Verdict::Passed => "passed",
            Verdict::Failed => "failed",
            Verdict::Incomplete => "incomplete",
        }
    }
}

/// How many rules ended in each way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// They hold.
    pub passed: usize,
    /// They do not.
    pub failed: usize,
    /// Nothing is claimed.
    pub not_claimed: usize,
    /// There is no result.
    pub not_run: usize,
}

impl Report {
    /// Reads the results of one suite: its own folder, or one above with no other suite in it.
    ///
    /// Only results of the newest build and policy count, and none older than a day: the rules of the others are
    /// [`Outcome::NotRun`].
    ///
    /// # Errors
    /// If there is no result, several suites, or a file that this version did not write.
    pub fn read(folder: impl AsRef<Path>) -> Result<Report, EvidenceError> {
        read::read(folder.as_ref(), dihya::Clock::system().now())
    }

    /// Writes `evidence.json`, `junit.xml` and `evidence.html` into a folder, which is made if need be.
    ///
    /// # Errors
    /// If one cannot be written.
    pub fn write(&self, folder: impl AsRef<Path>) -> Result<(), EvidenceError> {
        let folder = folder.as_ref();
        let wrong = |path: &Path| {
            let path = path.to_owned();
            move |error| EvidenceError::Write { path, error }
        };
        fs::create_dir_all(folder).map_err(wrong(folder))?;
        let files = [
            ("evidence.json", self.to_json()),
            ("junit.xml", self.to_junit()),
            ("evidence.html", self.to_html()),
        ];
        for (name, text) in files {
            let path = folder.join(name);
            fs::write(&path, text).map_err(wrong(&path))?;
        }
        Ok(())
    }

    /// What all results together say.
    pub fn verdict(&self) -> Verdict {
        match self.counts() {
            Counts { failed: 1.., .. } => Verdict::Failed,
            Counts { not_run: 1.., .. } => Verdict::Incomplete,
            _ => Verdict::Passed,
        }
    }

    /// How many rules ended in each way.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for line in &self.lines {
            match line.outcome {
                Outcome::Passed => counts.passed += 1,
                Outcome::Failed(_) => counts.failed += 1,
                Outcome::NotClaimed(_) => counts.not_claimed += 1,
                Outcome::NotRun(_) => counts.not_run += 1,
            }
        }
        counts
    }

    /// For programs; `docs/evidence.schema.json` describes it.
    pub fn to_json(&self) -> String {
        json::write(self)
    }

    /// For a CI server. A rule without a result is an error there, one that is not claimed is skipped.
    pub fn to_junit(&self) -> String {
        junit::write(self)
    }

    /// For people: one page that needs no other file and no script.
    pub fn to_html(&self) -> String {
        html::write(self)
    }
}

/// Reads the results in one folder and writes the report into another.
///
/// # Errors
/// As [`Report::read`] and [`Report::write`].
pub fn write(from: impl AsRef<Path>, to: impl AsRef<Path>) -> Result<Report, EvidenceError> {
    let report = Report::read(from)?;
    report.write(to)?;
    Ok(report)
}

/// Why there is no report.
#[derive(Debug)]
#[non_exhaustive]
pub enum EvidenceError {
    /// A folder or file cannot be read.
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// There is no result in the folder.
    Nothing {
        /// The folder.
        path: PathBuf,
    },
    /// The folder holds results of several suites.
    Several {
        /// The folder.
        path: PathBuf,
        /// The folders of the suites.
        suites: Vec<String>,
    },
    /// A file is not what a test of this version leaves.
    NotAResult {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// The report cannot be written.
    Write {
        /// Where.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
}

impl fmt::Display for EvidenceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EvidenceError::Read { path, error } => write!(f, "cannot read {}: {error}", path.display()),
            EvidenceError::Nothing { path } => write!(
                f,
                "there is no result in {}: run the tests of the suite first (cargo test), and name the folder that they \
                 write to, target/dihya-evidence unless DIHYA_EVIDENCE says otherwise",
                path.display()
            ),
            EvidenceError::Several { path, suites } => write!(
                f,
                "{} holds results of several suites; name one of them: {}",
                path.display(),
                suites.join(", ")
            ),
            EvidenceError::NotAResult { path, what } => write!(
                f,
                "{} is not a result of this version: {what}. Remove the folder and run the tests again",
                path.display()
            ),
            EvidenceError::Write { path, error } => write!(f, "cannot write {}: {error}", path.display()),
        }
    }
}

impl std::error::Error for EvidenceError {}
