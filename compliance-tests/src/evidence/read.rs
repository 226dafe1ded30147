//! Joining the results of single tests. What is missing, stale or unfinished is a rule that was not run, never a pass.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::result::{self, Ended, Result as Found};
use super::{EvidenceError, Line, Outcome, Report, TestedPolicy};
use crate::rules::RULES;
use crate::suite::calendar::rfc3339;

/// The report of the suite in this folder, as of now (microseconds since 1970).
pub(super) fn read(folder: &Path, now: i64) -> Result<Report, EvidenceError> {
    let folder = one_suite(folder)?;
    let mut found = BTreeMap::new();
    for path in files(&folder, "json")? {
        let text =
            fs::read_to_string(&path).map_err(|error| EvidenceError::Read { path: path.clone(), error })?;
        let result =
            result::parse(&text).map_err(|what| EvidenceError::NotAResult { path: path.clone(), what })?;
        if !RULES.iter().any(|rule| rule.id == result.rule) {
            let what = "it is of a rule that this version does not have".to_owned();
            return Err(EvidenceError::NotAResult { path, what });
        }
        found.insert(result.rule.clone(), result);
    }
    // The last test that began tells which build and which policy the report is about.
    let Some(newest) = found.values().max_by_key(|result| result.at).cloned() else {
        return Err(EvidenceError::Nothing { path: folder });
    };
    let lines: Vec<Line> = RULES
        .iter()
        .map(|rule| match found.get(rule.id) {
            None => line(rule, None, Outcome::NotRun("There is no result.".to_owned())),
            Some(result) => {
                let outcome = stale(result, &newest, now).map_or_else(|| outcome(result), Outcome::NotRun);
                line(rule, Some(result), outcome)
            }
        })
        .collect();
    let policy = newest.about.as_ref().map(|about| TestedPolicy {
        sha256: about.hash.clone(),
        sector: about.sector.clone(),
        service: about.service.clone(),
    });
    Ok(Report {
        package: newest.package.clone(),
        package_version: newest.package_version.clone(),
        suite: newest.suite.clone(),
        policy,
        version: newest.version.clone(),
        rustc: newest.rustc.clone(),
        date: rfc3339(newest.at.div_euclid(1_000_000)),
        took: lines.iter().map(|line| line.took).sum(),
        lines,
    })
}

fn outcome(result: &Found) -> Outcome {
    match result.ended.clone() {
        Ended::Started => {
            Outcome::NotRun("The test began and did not end: it was killed, or still runs.".to_owned())
        }
        Ended::Passed => Outcome::Passed,
        Ended::Failed(text) => Outcome::Failed(text),
        Ended::NotClaimed(text) => Outcome::NotClaimed(text),
        Ended::NotRun(text) => Outcome::NotRun(text),
    }
}

/// Why a result says nothing about what the newest one is about.
fn stale(result: &Found, newest: &Found, now: i64) -> Option<String> {
    let what = if (&result.suite, &result.package) != (&newest.suite, &newest.package) {
        "of another suite"
    } else if (result.build.as_str(), &result.version, &result.rustc)
        != (newest.build.as_str(), &newest.version, &newest.rustc)
    {
        "of another build"
    } else if result.about != newest.about {
        "about another policy"
    } else if now.saturating_sub(result.at) > A_DAY {
        "older than a day"
    } else {
        return None;
    };
    Some(format!(
        "Its result, of {}, is {what}: run all tests of the suite again.",
        rfc3339(result.at.div_euclid(1_000_000))
    ))
}

/// Longer than any suite takes, shorter than the life of a folder that a CI server keeps.
const A_DAY: i64 = 86_400_000_000;

fn line(rule: &'static crate::rules::Rule, result: Option<&Found>, outcome: Outcome) -> Line {
    // Figures of a result that does not count would be taken for ones that do.
    let counted = result.filter(|_| !matches!(outcome, Outcome::NotRun(_)));
    Line {
        rule,
        test: result.map_or(rule.test, |result| &result.test).to_owned(),
        outcome,
        seed: counted.map(|result| result.seed),
        cases: counted.map_or(0, |result| result.tally.cases),
        checks: counted.map_or(0, |result| result.tally.checks),
        controls: counted.map_or(0, |result| result.tally.controls),
        took: counted.map_or(Duration::ZERO, |result| result.took),
        notes: counted.map_or_else(Vec::new, |result| result.tally.notes.iter().cloned().collect()),
    }
}

/// The folder itself if it holds results, else the one below it that does.
fn one_suite(folder: &Path) -> Result<PathBuf, EvidenceError> {
    if holds_results(folder)? {
        return Ok(folder.to_owned());
    }
    let mut suites = Vec::new();
    for path in entries(folder)? {
        if path.is_dir() && holds_results(&path)? {
            suites.push(path);
        }
    }
    match suites.as_slice() {
        [] => Err(EvidenceError::Nothing { path: folder.to_owned() }),
        [one] => Ok(one.clone()),
        several => {
            let suites = several.iter().map(|path| path.display().to_string()).collect();
            Err(EvidenceError::Several { path: folder.to_owned(), suites })
        }
    }
}

/// A report that was written beside the results is none of them.
fn holds_results(folder: &Path) -> Result<bool, EvidenceError> {
    let is_result = |path: &PathBuf| {
        let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        RULES.iter().any(|rule| rule.id == stem)
    };
    Ok(files(folder, "json")?.iter().any(is_result))
}

fn files(folder: &Path, ending: &str) -> Result<Vec<PathBuf>, EvidenceError> {
    let mut paths = entries(folder)?;
    paths.retain(|path| path.is_file() && path.extension().is_some_and(|end| end == ending));
    Ok(paths)
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, EvidenceError> {
    let wrong = |error| EvidenceError::Read { path: folder.to_owned(), error };
    let entries = fs::read_dir(folder).map_err(wrong)?;
    let mut paths =
        entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>().map_err(wrong)?;
    paths.sort();
    Ok(paths)
}
