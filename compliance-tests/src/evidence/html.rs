//! The report for people: one page that stands alone, in light and dark, on a screen and on paper, without a script.

use std::fmt::Write as _;

use super::standing::{Standing, lines, standing};
use super::{Line, Outcome, Report, Verdict};
use crate::page::{self, escape, grouped};
use crate::rules::clauses::{CLAUSES, Clause, Mark};

pub(super) fn write(report: &Report) -> String {
    let mut out = page::begin(&format!("Evidence: {}", name(report)), CSS);
    head(&mut out, report);
    not_passed(&mut out, report);
    facts(&mut out, report);
    clauses(&mut out, report);
    rules(&mut out, report);
    reading(&mut out);
    out.push_str("</main>\n");
    page::end(&mut out);
    out
}

const CSS: &str = include_str!("page.css");

/// The service as its policy names it, else the package.
fn name(report: &Report) -> &str {
    match &report.policy {
        Some(policy) if !policy.service.is_empty() => &policy.service,
        _ => &report.package,
    }
}

fn head(out: &mut String, report: &Report) {
    let verdict = report.verdict();
    let counts = report.counts();
    let (title, text) = match verdict {
        Verdict::Passed => (
            "Passed",
            format!("Every rule that is claimed holds: {} of {}.", counts.passed, report.lines.len()),
        ),
        Verdict::Failed => {
            ("Failed", format!("{} of {} rules do not hold.", counts.failed, report.lines.len()))
        }
        Verdict::Incomplete => (
            "Incomplete",
            format!(
                "{} of {} rules have no result: nothing follows from the others.",
                counts.not_run,
                report.lines.len()
            ),
        ),
    };
    // A String takes everything, here and below.
    let _ = write!(
        out,
        "<header>\n<p class=\"kicker\">Evidence from the tests of a log&#39;s policy</p>\n<h1>{}</h1>\n\
         <div class=\"verdict {}\" role=\"status\"><strong>{title}</strong><p>{text}</p></div>\n\
         <ul class=\"counts\" aria-label=\"Rules by outcome\">\n",
        escape(name(report)),
        verdict.word()
    );
    for (count, words, class) in [
        (counts.passed, "passed", "passed"),
        (counts.failed, "failed", "failed"),
        (counts.not_claimed, "not claimed", "not-claimed"),
        (counts.not_run, "not run", "not-run"),
    ] {
        let class = if count == 0 { "not-claimed" } else { class };
        let _ = writeln!(out, "<li class=\"{class}\"><b>{count}</b> {words}</li>");
    }
    out.push_str("</ul>\n</header>\n<main>\n");
}

/// What a hurried reader must not miss.
fn not_passed(out: &mut String, report: &Report) {
    type Part<'a> = (&'a str, fn(&Outcome) -> bool);
    let parts: [Part<'_>; 3] = [
        ("Rules that do not hold", |outcome| matches!(outcome, Outcome::Failed(_))),
        ("Rules without a result", |outcome| matches!(outcome, Outcome::NotRun(_))),
        ("Not claimed", |outcome| matches!(outcome, Outcome::NotClaimed(_))),
    ];
    for (title, of) in parts {
        let lines: Vec<&Line> = report.lines.iter().filter(|line| of(&line.outcome)).collect();
        if lines.is_empty() {
            continue;
        }
        let _ = writeln!(out, "<section>\n<h2>{title}</h2>\n<ul>");
        for (reason, ids) in by_reason(&lines) {
            let ids: Vec<String> =
                ids.iter().map(|id| format!("<a href=\"#{id}\"><code>{id}</code></a>")).collect();
            let first = reason.lines().next().unwrap_or_default();
            let _ = writeln!(out, "<li>{}: {}</li>", ids.join(", "), code_marks(first));
        }
        out.push_str("</ul>\n</section>\n");
    }
}

/// Rules with one reason stand together: without a policy all have the same.
fn by_reason<'a>(lines: &[&'a Line]) -> Vec<(&'a str, Vec<&'static str>)> {
    let mut reasons: Vec<(&str, Vec<&'static str>)> = Vec::new();
    for line in lines {
        let reason = line.outcome.text().unwrap_or_default();
        match reasons.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, ids)) => ids.push(line.rule.id),
            None => reasons.push((reason, vec![line.rule.id])),
        }
    }
    reasons
}

fn facts(out: &mut String, report: &Report) {
    let checks: u64 = report.lines.iter().map(|line| line.checks).sum();
    let controls: u64 = report.lines.iter().map(|line| line.controls).sum();
    let cases: u64 = report.lines.iter().map(|line| line.cases).sum();
    let policy = match &report.policy {
        Some(policy) => format!(
            "SHA-256 <code>{}</code><br><span class=\"soft\">of what <code>dihya policy show --toml</code> prints; sector {}</span>",
            escape(&policy.sha256),
            escape(&policy.sector)
        ),
        None => "none: it could not be had".to_owned(),
    };
    out.push_str(
        "<section>\n<h2>What was tested</h2>\n<div class=\"scroll\"><table class=\"facts\">\n<tbody>\n",
    );
    for (title, text) in [
        ("Package", format!("<code>{} {}</code>", escape(&report.package), escape(&report.package_version))),
        ("Policy", policy),
        ("Suite", format!("<code>{}</code>", escape(&report.suite))),
        ("Dihya, layer and suite", format!("<code>{}</code>", escape(&report.version))),
        ("Compiler", format!("<code>{}</code>", escape(&report.rustc))),
        ("Date", escape(&report.date)),
        ("Duration of the tests", format!("{:.1} s", report.took.as_secs_f64())),
        (
            "Extent",
            format!(
                "{} cases, {} checks, {} of them after a positive control",
                grouped(cases),
                grouped(checks),
                grouped(controls)
            ),
        ),
        ("Seeds", seeds(report)),
    ] {
        let _ = writeln!(out, "<tr><th scope=\"row\">{title}</th><td>{text}</td></tr>");
    }
    out.push_str("</tbody>\n</table></div>\n</section>\n");
}

fn seeds(report: &Report) -> String {
    let mut seeds: Vec<u64> = report.lines.iter().filter_map(|line| line.seed).collect();
    seeds.sort_unstable();
    seeds.dedup();
    match seeds.as_slice() {
        [] => "none".to_owned(),
        [one] => format!("from {one} on, one per case"),
        several => {
            let texts: Vec<String> = several.iter().map(u64::to_string).collect();
            format!("from {} on, as each rule says, one per case", texts.join(", "))
        }
    }
}

fn clauses(out: &mut String, report: &Report) {
    out.push_str(
        "<section>\n<h2>By clause</h2>\n\
         <p>What the tests support, never that somebody complies. The mark says how the line is known:</p>\n<ul class=\"marks\">\n",
    );
    for mark in Mark::ALL {
        let _ = writeln!(out, "<li><b>{}</b>: {}</li>", mark.letter(), escape(mark.means()));
    }
    out.push_str(
        "</ul>\n<div class=\"scroll\"><table class=\"clauses\">\n<thead><tr><th scope=\"col\">Clause</th>\
         <th scope=\"col\">Asks</th><th scope=\"col\">Standing</th><th scope=\"col\">Rules</th>\
         <th scope=\"col\" class=\"extra\">Not shown by them</th></tr></thead>\n<tbody>\n",
    );
    CLAUSES.iter().for_each(|clause| clause_row(out, report, clause));
    out.push_str("</tbody>\n</table></div>\n</section>\n");
}

fn clause_row(out: &mut String, report: &Report, clause: &Clause) {
    let standing = standing(report, clause);
    let class = match standing {
        Standing::Supported => "passed",
        Standing::InPart => "in-part",
        Standing::Failed => "failed",
        Standing::Incomplete => "incomplete",
        Standing::NotClaimed => "not-claimed",
        Standing::NotCovered => "not-covered",
    };
    let _ = writeln!(
        out,
        "<tr><th scope=\"row\">{} <abbr title=\"{}\">[{}]</abbr></th><td>{}</td>\
         <td><span class=\"badge {class}\">{}</span></td><td>{}</td><td class=\"extra\">{}</td></tr>",
        escape(clause.source),
        escape(clause.mark.means()),
        clause.mark.letter(),
        escape(clause.asks),
        standing.words(),
        groups_of(report, clause),
        escape(if clause.open.is_empty() { "Nothing, as it is put here." } else { clause.open })
    );
}

/// The rules of a clause: a group whose rules are all among them by its name, others one by one.
fn groups_of(report: &Report, clause: &Clause) -> String {
    let ids: Vec<&str> = lines(report, clause).map(|line| line.rule.id).collect();
    let mut texts = Vec::new();
    for (group, title) in GROUPS {
        let of = |id: &str| id.split('.').next() == Some(group);
        let mine: Vec<&&str> = ids.iter().filter(|id| of(id)).collect();
        let all = report.lines.iter().filter(|line| of(line.rule.id)).count();
        if mine.len() == all && all > 3 {
            texts.push(format!("<a href=\"#{group}\">{title}, all {all}</a>"));
        } else {
            texts.extend(mine.iter().map(|id| format!("<a href=\"#{id}\"><code>{id}</code></a>")));
        }
    }
    if texts.is_empty() { "<span class=\"soft\">none</span>".to_owned() } else { texts.join(", ") }
}

/// The first part of a rule's id, and what stands over its rules.
const GROUPS: [(&str, &str); 7] = [
    ("policy", "The policy"),
    ("class", "Ways in which secrets reach a log"),
    ("redact", "What is hidden, and what is not"),
    ("output", "Everything that comes out"),
    ("loss", "What is recorded is there"),
    ("files", "Files"),
    ("retention", "How long records are kept"),
];

fn rules(out: &mut String, report: &Report) {
    out.push_str(
        "<section>\n<h2>By rule</h2>\n<p>Each is a test by this name. A check is a secret looked for in every output, \
         a line compared, a day counted; before it claims that something is absent, a test shows that it would see it.</p>\n",
    );
    for (group, title) in GROUPS {
        let _ = writeln!(
            out,
            "<h3 id=\"{group}\">{title}</h3>\n<div class=\"scroll\"><table class=\"rules\">\n<thead><tr>\
             <th scope=\"col\">Outcome</th><th scope=\"col\">Rule</th><th scope=\"col\" class=\"n\">Cases</th>\
             <th scope=\"col\" class=\"n\">Checks</th><th scope=\"col\" class=\"n extra\">Seconds</th></tr></thead>\n<tbody>"
        );
        report
            .lines
            .iter()
            .filter(|line| line.rule.id.split('.').next() == Some(group))
            .for_each(|line| rule_row(out, line));
        out.push_str("</tbody>\n</table></div>\n");
    }
    out.push_str("</section>\n");
}

fn rule_row(out: &mut String, line: &Line) {
    let class = line.outcome.words().replace(' ', "-");
    // What went wrong is open to see.
    let open = if matches!(line.outcome, Outcome::Failed(_)) { " open" } else { "" };
    let controlled = match line.seed {
        Some(seed) => format!("; seed {seed}, {} checks after a positive control", grouped(line.controls)),
        None => String::new(),
    };
    let mut inner = format!(
        "<p><code>{}</code> <span class=\"soft\">({}{controlled})</span></p>",
        escape(&line.test),
        line.rule.id
    );
    if let Some(text) = line.outcome.text() {
        let _ = match line.outcome {
            Outcome::Failed(_) => write!(inner, "<pre>{}</pre>", escape(text)),
            _ => write!(inner, "<p>{}</p>", code_marks(text)),
        };
    }
    if !line.notes.is_empty() {
        let notes: String = line.notes.iter().map(|note| format!("<li>{}</li>", code_marks(note))).collect();
        let _ = write!(inner, "<ul>{notes}</ul>");
    }
    let sources: Vec<String> = CLAUSES
        .iter()
        .filter(|clause| line.rule.clauses.contains(&clause.id))
        .map(|clause| format!("{} [{}]", escape(clause.source), clause.mark.letter()))
        .collect();
    let _ = write!(inner, "<p class=\"soft\">Supports {}.</p>", sources.join("; "));
    let _ = writeln!(
        out,
        "<tr id=\"{}\"><td><span class=\"badge {class}\">{}</span></td><td><details{open}><summary>{}</summary>\
         <div class=\"inner\">{inner}</div></details></td><td class=\"n\">{}</td><td class=\"n\">{}</td>\
         <td class=\"n extra\">{:.1}</td></tr>",
        line.rule.id,
        line.outcome.words(),
        code_marks(line.rule.proves),
        grouped(line.cases),
        grouped(line.checks),
        line.took.as_secs_f64()
    );
}

/// Backquotes as code.
fn code_marks(text: &str) -> String {
    let parts = text.split('`').enumerate();
    parts
        .map(|(at, part)| if at % 2 == 1 { format!("<code>{}</code>", escape(part)) } else { escape(part) })
        .collect()
}

fn reading(out: &mut String) {
    out.push_str(
        "<section>\n<h2>How to read this</h2>\n<ul>\n\
         <li><b>Passed</b>: every case of the rule held, with these versions and this policy. More cases and other \
         seeds may find what these did not.</li>\n\
         <li><b>Not claimed</b>: the policy, or a reason written in the suite, leaves the rule out. Nothing is said about it.</li>\n\
         <li><b>Not run</b>: there is no result of this build and this policy, not older than a day.</li>\n\
         <li><b>Supported</b>: the rules are evidence for what the clause asks as it is put here. Read the clause itself \
         before you rely on it; this is not legal advice.</li>\n\
         <li>The secrets are invented for the tests, and none of them is in this page.</li>\n</ul>\n</section>\n\
         <footer>Made by <code>dihya evidence</code> from the results that the tests left. The same results give the same page.</footer>\n",
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::RULES;

    #[test]
    fn every_rule_is_in_a_group() {
        for rule in RULES {
            assert!(GROUPS.iter().any(|(group, _)| rule.id.split('.').next() == Some(group)), "{}", rule.id);
        }
    }
}
