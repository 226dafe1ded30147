//! The report for programs.

use serde_json::{Value, json};

use super::standing::{lines, standing};
use super::{Line, Report};
use crate::rules::clauses::CLAUSES;

pub(super) fn write(report: &Report) -> String {
    let counts = report.counts();
    let policy = report
        .policy
        .as_ref()
        .map(|policy| json!({ "sha256": policy.sha256, "sector": policy.sector, "service": policy.service }));
    let clauses: Vec<Value> = CLAUSES
        .iter()
        .map(|clause| {
            json!({
                "id": clause.id,
                "source": clause.source,
                "asks": clause.asks,
                "mark": clause.mark.letter().to_string(),
                "standing": standing(report, clause).words(),
                "open": clause.open,
                "rules": lines(report, clause).map(|line| line.rule.id).collect::<Vec<_>>(),
            })
        })
        .collect();
    let document = json!({
        "format": 1,
        "verdict": report.verdict().word(),
        "counts": {
            "passed": counts.passed,
            "failed": counts.failed,
            "not_claimed": counts.not_claimed,
            "not_run": counts.not_run,
        },
        "package": { "name": report.package, "version": report.package_version },
        "suite": report.suite,
        "policy": policy,
        "versions": { "dihya": report.version, "dihya-compliance": report.version, "rustc": report.rustc },
        "date": report.date,
        "seconds": report.took.as_secs_f64(),
        "rules": report.lines.iter().map(rule).collect::<Vec<_>>(),
        "clauses": clauses,
    });
    format!("{document:#}\n")
}

fn rule(line: &Line) -> Value {
    json!({
        "id": line.rule.id,
        "test": line.test,
        "proves": line.rule.proves,
        "clauses": line.rule.clauses,
        "outcome": line.outcome.words(),
        "text": line.outcome.text(),
        "seed": line.seed,
        "cases": line.cases,
        "checks": line.checks,
        "controls": line.controls,
        "seconds": line.took.as_secs_f64(),
        "notes": line.notes,
    })
}
