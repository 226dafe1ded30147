//! Alerts on a line of time, and as a table.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use dihya::overview::{Alert, Overview};
use dihya_compliance::page::{escape, grouped};

use super::chart::Picture;
use super::volume::axis;
use super::words;

const HEIGHT: u32 = 24;

pub(super) fn section(out: &mut String, overview: &Overview) {
    out.push_str("<section id=\"alerts\">\n<h2>Alerts</h2>\n");
    if overview.alerts.is_empty() {
        out.push_str("<p>The security channel tells of no alert in this time.</p>\n</section>\n");
        return;
    }
    let firing = overview.alerts.iter().filter(|alert| alert.is_firing()).count() as u64;
    let _ = writeln!(
        out,
        "<p class=\"soft\">{} in this time, {} of them firing. Whom one is about stands in no alert: its fingerprint tells it from others, \
         and the security channel has the record.</p>",
        words::plural(overview.alerts.len() as u64 + overview.alerts_left_out, "alert", "alerts"),
        grouped(firing)
    );
    picture(out, overview);
    table(out, overview);
    out.push_str("</section>\n");
}

/// A lane per detector and severity.
fn picture(out: &mut String, overview: &Overview) {
    let now = words::seconds(&overview.at).unwrap_or_default();
    let began = overview.alerts.iter().filter_map(|alert| words::seconds(&alert.started)).min();
    let since = overview.since.as_deref().and_then(words::seconds);
    let until = overview.until.as_deref().and_then(words::seconds);
    let to = until.unwrap_or(now).max(began.unwrap_or(now) + 1);
    // From the first of them on, with some room before it.
    let began = began.unwrap_or(to - 1);
    let from = since.unwrap_or(began - (to - began) / 30).min(to - 1);
    let place = |second: i64| 1000.0 * (second - from) as f64 / (to - from) as f64;
    let mut lanes: BTreeMap<(usize, &str), Vec<&Alert>> = BTreeMap::new();
    for alert in &overview.alerts {
        lanes.entry((rank(&alert.severity), &alert.detector)).or_default().push(alert);
    }
    out.push_str("<div class=\"lanes\">\n");
    let several = lanes.len() > LANES;
    for ((rank, detector), alerts) in lanes.into_iter().take(LANES) {
        let severity = SEVERITIES.get(rank).copied().unwrap_or("other");
        let what = format!("{detector}: {}", words::plural(alerts.len() as u64, "alert", "alerts"));
        let mut picture = Picture::new("strip low", HEIGHT, &what);
        picture.rects("ground", std::iter::once([0.0, f64::from(HEIGHT) - 0.8, 1000.0, 0.8]));
        // The oldest first, so that a tip on top is that of the newest.
        for alert in alerts.iter().rev() {
            let began = words::seconds(&alert.started).unwrap_or(from);
            let ended = alert.ended.as_deref().or(alert.is_cut.then_some(&alert.told));
            let ended = ended.and_then(words::seconds);
            let (x, end) = (place(began.max(from)), place(ended.unwrap_or(to).clamp(from, to)));
            let tip = format!(
                "{detector}, {severity}, {}, from {} {}",
                grouped(alert.count),
                words::minute(&alert.started),
                until_when(alert)
            );
            let class = format!("alert-{severity}{}", if alert.is_firing() { " firing" } else { "" });
            // A short one is seen all the same.
            let width = (end - x).max(4.0);
            picture.rect(&class, [x.min(1000.0 - width), 4.0, width, f64::from(HEIGHT) - 8.0], &tip);
        }
        let _ = writeln!(
            out,
            "<div class=\"lane\"><div class=\"what\"><b>{}</b> <span class=\"badge {}\">{severity}</span></div>{}</div>",
            escape(detector),
            badge(severity),
            picture.end()
        );
    }
    let _ = writeln!(out, "<div class=\"lane foot\"><span></span>{}</div>\n</div>", axis(from, to));
    if several {
        out.push_str("<p class=\"soft\">More detectors than can be shown; the table has them.</p>\n");
    }
}

fn table(out: &mut String, overview: &Overview) {
    let several = overview.logs.len() > 1;
    let row = |alert: &Alert| {
        let state = match alert.is_firing() {
            true => "<span class=\"badge failed\">firing</span>".to_owned(),
            false => escape(&until_when(alert)),
        };
        let instance = match several {
            true => format!("<td>{}</td>", escape(alert.instance.as_deref().unwrap_or("-"))),
            false => String::new(),
        };
        format!(
            "<tr><td>{}</td><th scope=\"row\">{}</th><td><span class=\"badge {}\">{}</span></td><td>{state}</td>\
             <td class=\"n\">{}</td><td><code>{}</code></td>{instance}</tr>\n",
            words::when(&alert.started),
            escape(&alert.detector),
            badge(&alert.severity),
            escape(&alert.severity),
            grouped(alert.count),
            escape(&alert.fingerprint)
        )
    };
    let instance = if several { "<th scope=\"col\">Instance</th>" } else { "" };
    let head = format!(
        "<div class=\"scroll\"><table>\n<thead><tr><th scope=\"col\">Began</th><th scope=\"col\">Detector</th><th scope=\"col\">Severity</th>\
         <th scope=\"col\">Until</th><th scope=\"col\" class=\"n\">Counted</th><th scope=\"col\">Fingerprint</th>{instance}</tr></thead>\n<tbody>\n"
    );
    let mut list: Vec<&Alert> = overview.alerts.iter().collect();
    // What fires comes first; a stable sort keeps the newest first in each.
    list.sort_by_key(|alert| !alert.is_firing());
    let rows = |list: &[&Alert]| list.iter().map(|alert| row(alert)).collect::<String>();
    let (first, rest) = list.split_at(list.len().min(FIRST));
    let _ = write!(out, "{head}{}</tbody>\n</table></div>\n", rows(first));
    if !rest.is_empty() {
        let shown = &rest[..rest.len().min(MOST)];
        let _ = writeln!(
            out,
            "<details class=\"numbers\"><summary>{} more</summary>\n{head}{}</tbody>\n</table></div></details>",
            grouped(rest.len() as u64),
            rows(shown)
        );
    }
}

fn until_when(alert: &Alert) -> String {
    match alert.ended.as_deref() {
        None if alert.is_cut => "its process ended".to_owned(),
        None => "on".to_owned(),
        Some(ended) => {
            let lasted = words::seconds(ended).zip(words::seconds(&alert.started));
            let lasted =
                lasted.map_or_else(String::new, |(to, from)| format!(", {}", words::span(to - from)));
            format!("{}{lasted}", words::minute(ended))
        }
    }
}

/// The worst first.
const SEVERITIES: [&str; 4] = ["critical", "high", "medium", "low"];

fn rank(severity: &str) -> usize {
    SEVERITIES.iter().position(|known| *known == severity).unwrap_or(SEVERITIES.len())
}

fn badge(severity: &str) -> &'static str {
    match severity {
        "critical" | "high" => "failed",
        "medium" => "in-part",
        _ => "not-claimed",
    }
}

const LANES: usize = 24;
const FIRST: usize = 15;
/// The JSON has them all.
const MOST: usize = 1_000;
