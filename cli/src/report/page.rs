//! The page: what matters at the top, then the pictures, then who did what.

use std::fmt::Write as _;

use dihya::overview::Overview;
use dihya_compliance::page::{self, escape, grouped};

use super::{alerts, facts, retention, volume, words};
use crate::plan::size;

pub(super) fn write(overview: &Overview) -> String {
    let mut out = page::begin(&format!("Log report: {}", name(overview)), CSS);
    head(&mut out, overview);
    out.push_str("<main>\n");
    volume::section(&mut out, overview);
    volume::redactions(&mut out, overview);
    alerts::section(&mut out, overview);
    retention::section(&mut out, overview);
    facts::integrity(&mut out, overview);
    facts::lifecycle(&mut out, overview);
    facts::operations(&mut out, overview);
    facts::room(&mut out, overview);
    facts::made_from(&mut out, overview);
    let _ = writeln!(
        out,
        "</main>\n<footer>Made by <code>dihya report</code>, version {}, at {} UTC. It holds counts, names from the policy and the \
         ledger&#39;s operators, and no value of a record.</footer>",
        escape(overview.version),
        escape(&words::minute(&overview.at))
    );
    page::end(&mut out);
    out
}

const CSS: &str = include_str!("page.css");

/// The service as its policy names it, else its folder.
fn name(overview: &Overview) -> String {
    if !overview.service.is_empty() {
        return overview.service.clone();
    }
    overview.logs.first().map_or_else(|| "a log".to_owned(), |log| log.status.path.display().to_string())
}

fn head(out: &mut String, overview: &Overview) {
    let range = match (&overview.since, &overview.until) {
        (None, None) => "All that is there".to_owned(),
        (since, until) => format!(
            "From {} to {} UTC",
            since.as_deref().map_or_else(|| "the beginning".to_owned(), words::minute),
            until.as_deref().map_or_else(|| "now".to_owned(), words::minute)
        ),
    };
    let policy = match &overview.policy.version {
        Some(version) => format!("policy version {}", escape(version)),
        None => "policy".to_owned(),
    };
    let hash = overview.policy.sha256.get(..12).unwrap_or_default();
    let _ = write!(
        out,
        "<header>\n<p class=\"kicker\">The log of</p>\n<h1>{}</h1>\n<p class=\"soft\">{}, as of {} UTC; {policy} <code>{}</code>, sector {}</p>\n",
        escape(&name(overview)),
        escape(&range),
        escape(&words::minute(&overview.at)),
        escape(hash),
        escape(&overview.sector)
    );
    verdict(out, &attention(overview));
    tiles(out, overview);
    out.push_str(
        "<nav aria-label=\"Parts of this page\"><a href=\"#volume\">Records</a> <a href=\"#redactions\">Hidden</a> \
         <a href=\"#alerts\">Alerts</a> <a href=\"#retention\">Retention</a> <a href=\"#integrity\">Integrity</a> \
         <a href=\"#lifecycle\">Held, archived, purged</a> <a href=\"#operations\">Who did what</a> <a href=\"#room\">Room</a> \
         <a href=\"#source\">Source</a></nav>\n</header>\n",
    );
}

/// What somebody has to look at, a sentence each, and how bad it is.
fn attention(overview: &Overview) -> Vec<(bool, String)> {
    let mut list = Vec::new();
    let firing = overview.alerts.iter().filter(|alert| alert.is_firing()).count() as u64;
    if firing > 0 {
        list.push((true, format!("{} firing", words::plural(firing, "alert is", "alerts are"))));
    }
    let bad: u64 = overview.channels.iter().map(|channel| channel.bad_lines).sum();
    if bad > 0 {
        let lines = words::plural(bad, "line is no record", "lines are no records");
        list.push((true, format!("{lines}: `dihya verify` tells which")));
    }
    let unread = overview.read.unread.len() as u64;
    if unread > 0 {
        let shards = words::plural(unread, "shard", "shards");
        list.push((true, format!("{shards} could not be read to the end: see the end of this page")));
    }
    for log in &overview.logs {
        let whose = match &log.status.instance {
            Some(name) if overview.logs.len() > 1 => format!("{name}: "),
            _ => String::new(),
        };
        list.extend(log.status.alerts.iter().map(|alert| (false, format!("{whose}{alert}"))));
    }
    let lost: u64 = overview.channels.iter().map(|channel| channel.lost).sum();
    if lost > 0 {
        let records = words::plural(lost, "record was", "records were");
        list.push((true, format!("{records} lost in the time of this page")));
    }
    if !overview.foreign.is_empty() {
        let files = words::plural(overview.foreign.len() as u64, "file is", "files are");
        list.push((false, format!("{files} nobody's")));
    }
    list
}

fn verdict(out: &mut String, attention: &[(bool, String)]) {
    if attention.is_empty() {
        out.push_str(
            "<div class=\"verdict passed\" role=\"status\"><strong>Nothing asks for attention</strong><p>As far as counting tells: \
             whether the log is what was written, <code>dihya verify</code> tells.</p></div>\n",
        );
        return;
    }
    let class = if attention.iter().any(|(bad, _)| *bad) { "failed" } else { "incomplete" };
    let title = match attention.len() as u64 {
        1 => "One thing asks for attention".to_owned(),
        n => format!("{n} things ask for attention"),
    };
    let _ = write!(out, "<div class=\"verdict {class}\" role=\"status\"><strong>{title}</strong><ul>");
    for (_, text) in attention {
        let mut text = code_marks(text);
        if let Some(first) = text.get(..1).map(str::to_uppercase) {
            text.replace_range(..1, &first);
        }
        let _ = write!(out, "<li>{text}.</li>");
    }
    out.push_str("</ul></div>\n");
}

/// Backquotes as code.
fn code_marks(text: &str) -> String {
    let parts = text.split('`').enumerate();
    parts
        .map(|(at, part)| if at % 2 == 1 { format!("<code>{}</code>", escape(part)) } else { escape(part) })
        .collect()
}

fn tiles(out: &mut String, overview: &Overview) {
    let sum = |of: &dyn Fn(&dihya::overview::Channel) -> u64| overview.channels.iter().map(of).sum::<u64>();
    let (bytes, lost) = (sum(&|channel| channel.bytes), sum(&|channel| channel.lost));
    let (markers, redacted) = (sum(&|channel| channel.redactions), sum(&|channel| channel.redacted_records));
    let firing = overview.alerts.iter().filter(|alert| alert.is_firing()).count() as u64;
    let newest = overview
        .logs
        .iter()
        .filter_map(|log| log.facts.as_ref()?.verified.as_ref())
        .max_by(|a, b| a.at.cmp(&b.at));
    let (verified, class, more) = match newest {
        Some(verified) if verified.whole => (
            format!("{} ago", facts::ago(overview, &verified.at)),
            "passed",
            "verified, and whole".to_owned(),
        ),
        Some(_) => ("Not whole".to_owned(), "failed", "at the last verification".to_owned()),
        None => ("Never".to_owned(), "incomplete", "verified, by the ledger".to_owned()),
    };
    let free = overview.room.free_bytes.map_or_else(|| "?".to_owned(), size);
    let all = [
        (grouped(overview.read.records), "not-claimed", format!("records, {}", size(bytes))),
        (
            grouped(markers),
            "not-claimed",
            format!("values hidden, in {} of the records", volume::share(redacted, overview.read.records)),
        ),
        (grouped(lost), if lost > 0 { "failed" } else { "passed" }, "records lost".to_owned()),
        (
            grouped(firing),
            if firing > 0 { "failed" } else { "passed" },
            format!("alerts firing, of {}", grouped(overview.alerts.len() as u64)),
        ),
        (verified, class, more),
        (free, "not-claimed", "free on the disk".to_owned()),
    ];
    out.push_str("<ul class=\"counts\" aria-label=\"Key figures\">\n");
    for (figure, class, words) in all {
        let _ = writeln!(out, "<li class=\"{class}\"><b>{}</b> {}</li>", escape(&figure), escape(&words));
    }
    out.push_str("</ul>\n");
}
