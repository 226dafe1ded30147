//! The report for CI servers, as JUnit's XML is commonly read.

use std::fmt::Write as _;

use super::{Line, Outcome, Report};
use crate::page::escape;

pub(super) fn write(report: &Report) -> String {
    let counts = report.counts();
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let numbers = format!(
        "tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\" time=\"{:.3}\"",
        report.lines.len(),
        counts.failed,
        counts.not_run,
        counts.not_claimed,
        report.took.as_secs_f64()
    );
    let name = escape(&report.suite);
    // A String takes everything.
    let _ = writeln!(out, "<testsuites name=\"dihya evidence\" {numbers}>");
    // Without a host's name: the same tests say the same wherever they run.
    let _ = writeln!(
        out,
        "  <testsuite name=\"{name}\" {numbers} timestamp=\"{}\">",
        escape(report.date.trim_end_matches('Z'))
    );
    out.push_str("    <properties>\n");
    let policy = report.policy.as_ref().map_or("", |policy| &policy.sha256);
    for (name, value) in [
        ("verdict", report.verdict().word()),
        ("policy.sha256", policy),
        ("package", &report.package),
        ("package.version", &report.package_version),
        ("dihya", &report.version),
        ("rustc", &report.rustc),
    ] {
        let _ = writeln!(out, "      <property name=\"{name}\" value=\"{}\"/>", escape(value));
    }
    out.push_str("    </properties>\n");
    report.lines.iter().for_each(|line| case(&mut out, line));
    out.push_str("  </testsuite>\n</testsuites>\n");
    out
}

fn case(out: &mut String, line: &Line) {
    let (class, name) = line.test.rsplit_once("::").unwrap_or(("", &line.test));
    let _ = write!(
        out,
        "    <testcase classname=\"{}\" name=\"{}\" time=\"{:.3}\"",
        escape(class),
        escape(name),
        line.took.as_secs_f64()
    );
    let text = line.outcome.text().map(escape).unwrap_or_default();
    let first = text.lines().next().unwrap_or_default();
    let _ = match line.outcome {
        Outcome::Passed => writeln!(out, "/>"),
        Outcome::Failed(_) => {
            writeln!(
                out,
                ">\n      <failure message=\"{first}\" type=\"rule\">{text}</failure>\n    </testcase>"
            )
        }
        Outcome::NotRun(_) => {
            writeln!(out, ">\n      <error message=\"not run: {first}\" type=\"not run\"/>\n    </testcase>")
        }
        Outcome::NotClaimed(_) => {
            writeln!(out, ">\n      <skipped message=\"not claimed: {first}\"/>\n    </testcase>")
        }
    };
}
