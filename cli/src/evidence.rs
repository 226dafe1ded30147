//! `dihya evidence`: the results that the tests of a suite left, joined into a report.

use std::path::PathBuf;

use dihya_compliance::evidence::{self, Outcome, Report, Verdict};

use crate::Answer;

/// Joins the results of a compliance suite into a report.
#[derive(clap::Args)]
pub(crate) struct Command {
    /// The folder that the tests wrote to
    #[arg(default_value = "target/dihya-evidence")]
    folder: PathBuf,
    /// The folder to write the report to: evidence.json, junit.xml, evidence.html
    #[arg(long, value_name = "FOLDER")]
    out: PathBuf,
}

impl Command {
    pub(crate) fn run(self) -> Answer {
        match evidence::write(&self.folder, &self.out) {
            Ok(report) => told(&report, &self.out.display().to_string()),
            Err(error) => Answer::wrong(format!("error: {error}\n")),
        }
    }
}

fn told(report: &Report, folder: &str) -> Answer {
    let counts = report.counts();
    let verdict = report.verdict();
    let mut out = format!(
        "{}: {} passed, {} failed, {} not claimed, {} not run\n",
        verdict.word(),
        counts.passed,
        counts.failed,
        counts.not_claimed,
        counts.not_run
    );
    for line in &report.lines {
        if let Outcome::Failed(_) | Outcome::NotRun(_) = line.outcome {
            let text = line.outcome.text().and_then(|text| text.lines().next()).unwrap_or_default();
            out.push_str(&format!("{} {}: {text}\n", line.rule.id, line.outcome.words()));
        }
    }
    out.push_str(&format!("wrote evidence.json, junit.xml and evidence.html to {folder}\n"));
    Answer { code: u8::from(verdict != Verdict::Passed), ..Answer::fine(out) }
}
