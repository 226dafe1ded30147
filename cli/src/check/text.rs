//! A report for people.

use std::collections::BTreeMap;

use super::report::{LeakReport, Report, Verdict};

/// The whole report. `colour`: for a terminal.
pub(crate) fn text(report: &Report, colour: bool) -> String {
    let mut out = String::new();
    let mut line = |text: String| {
        out.push_str(printable(&text).trim_end());
        out.push('\n');
    };
    leaks(report, &mut line);
    if !report.problems.is_empty() {
        line("Problems".to_owned());
        report.problems.iter().for_each(|problem| line(format!("  {problem}")));
        report.service.last_words.iter().for_each(|words| line(format!("    stderr: {words}")));
        line(String::new());
    }
    coverage(report, &mut line);
    let leaked = report.leaks.iter().map(|leak| leak.canary).collect::<std::collections::BTreeSet<_>>().len();
    let (canaries, outputs) = (report.coverage.canaries.len(), report.coverage.outputs.len());
    let verdict = match report.verdict {
        Verdict::Clean => format!("nothing leaked: {canaries} canaries, found in none of {outputs} outputs"),
        Verdict::Leaked => format!("LEAKED: {leaked} of {canaries} canaries came out"),
        Verdict::NothingObserved => "NOTHING WAS OBSERVED: this is no pass".to_owned(),
        Verdict::NotChecked => "NOT CHECKED: see the problems above".to_owned(),
    };
    let colour_of = if report.verdict == Verdict::Clean { "1;32" } else { "1;31" };
    out.push_str(&if colour { format!("\x1b[{colour_of}m{verdict}\x1b[0m\n") } else { verdict + "\n" });
    out
}

fn leaks(report: &Report, line: &mut impl FnMut(String)) {
    if report.leaks.is_empty() {
        return;
    }
    line("Leaks".to_owned());
    for canary in &report.coverage.canaries {
        let found: Vec<&LeakReport> = report.leaks_of(canary.canary).collect();
        if found.is_empty() {
            continue;
        }
        let places: Vec<&str> = canary.places.iter().map(|place| place.place.as_str()).collect();
        line(format!("  canary {}, {}, planted in {}", canary.canary, canary.kind, places.join("; ")));
        found.iter().take(SHOWN).for_each(|leak| line(format!("    {}", leak.told())));
        if let Some(more) = found.len().checked_sub(SHOWN).filter(|&more| more > 0) {
            line(format!("    and {more} more; `--json FILE` has all"));
        }
    }
    line(String::new());
}

fn coverage(report: &Report, line: &mut impl FnMut(String)) {
    let coverage = &report.coverage;
    let service = &report.service;
    let how = match (service.ended_by_itself, service.killed) {
        (true, _) => "by itself",
        (_, true) => "killed, since SIGTERM did not end it in time",
        _ => "when it was told to",
    };
    line("Coverage".to_owned());
    line(format!("  service    {}", service.command.join(" ")));
    if !service.end.is_empty() {
        line(format!("             ended {how}: {}", service.end));
    }
    // By way: what was offered, what is proven.
    let mut ways: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for place in coverage.canaries.iter().flat_map(|canary| &canary.places) {
        let way = place.place.split(", ").next().unwrap_or(&place.place);
        *ways.entry((way, &place.proof)).or_default() += 1;
    }
    line(format!("  canaries   {} planted, seed {}", coverage.canaries.len(), report.seed));
    for ((way, proof), count) in ways {
        line(format!("             {count:>4}  {way}: {proof}"));
    }
    if !coverage.requests.is_empty() {
        line("  requests".to_owned());
    }
    for request in &coverage.requests {
        let statuses: Vec<String> = request.statuses.iter().map(u16::to_string).collect();
        let statuses = if statuses.is_empty() { "no answer".to_owned() } else { statuses.join(" ") };
        line(format!("             {}: {} -> {statuses}", request.request, request.line));
    }
    line("  outputs         bytes   lines".to_owned());
    for output in &coverage.outputs {
        let note = if output.searched_bytes < output.bytes {
            format!("  ({} bytes searched)", output.searched_bytes)
        } else {
            String::new()
        };
        line(format!("             {:>10} {:>7}  {}{note}", output.bytes, output.lines, output.output));
    }
    if !coverage.folders.is_empty() {
        line(format!("  folders    {}", coverage.folders.join(", ")));
    }
    if !coverage.reached.is_empty() {
        line("  reached".to_owned());
        coverage.reached.iter().for_each(|reached| line(format!("             {reached}")));
    }
    if !coverage.not_covered.is_empty() {
        line("Not covered".to_owned());
        coverage.not_covered.iter().for_each(|gap| line(format!("  {gap}")));
    }
    line(String::new());
}

/// A file's name or a service's last words may hold what moves a terminal's cursor.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// Of one canary's places.
const SHOWN: usize = 8;
