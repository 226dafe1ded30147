//! Records over time, a picture per channel, and what was hidden in them.

use std::fmt::Write as _;

use dihya::overview::{Channel, Overview, Series, Volume};
use dihya_compliance::page::{escape, grouped};

use super::chart::{self, Picture};
use super::words;
use crate::plan::size;

const HEIGHT: u32 = 60;
/// Losses stand below the bars.
const FOOT: f64 = 50.0;

pub(super) fn section(out: &mut String, overview: &Overview) {
    out.push_str("<section id=\"volume\">\n<h2>Records over time</h2>\n");
    let volume = &overview.volume;
    let Some(start) = volume.start.as_deref().and_then(words::seconds) else {
        out.push_str("<p>There are no records of this time.</p>\n</section>\n");
        return;
    };
    let _ = writeln!(
        out,
        "<p class=\"soft\">A bar is {}{}; each channel has a scale of its own. Times are UTC.{}</p>",
        match volume.step_seconds {
            60 | 86_400 => "a ",
            3_600 => "an ",
            _ => "",
        },
        words::step(volume.step_seconds),
        if overview.channels.iter().any(|channel| channel.lost > 0) {
            " <span class=\"key lost-key\"></span>Below the line: records were lost."
        } else {
            ""
        }
    );
    out.push_str("<div class=\"lanes\">\n");
    let silent: Vec<&str> = overview
        .channels
        .iter()
        .filter(|channel| channel.records == 0 && channel.lost == 0)
        .map(|channel| channel.name.as_str())
        .collect();
    for channel in overview.channels.iter().filter(|channel| channel.records > 0 || channel.lost > 0) {
        if let Some(series) = volume.series.iter().find(|series| series.channel == channel.name) {
            lane(out, channel, series, volume, start);
        }
    }
    let _ = writeln!(out, "<div class=\"lane foot\"><span></span>{}</div>\n</div>", labels(volume, start));
    if !silent.is_empty() {
        let _ = writeln!(out, "<p class=\"soft\">Nothing in {}.</p>", escape(&silent.join(", ")));
    }
    totals(out, overview);
    numbers(out, overview, start);
    out.push_str("</section>\n");
}

fn lane(out: &mut String, channel: &Channel, series: &Series, volume: &Volume, start: i64) {
    let most = series.records.iter().copied().max().unwrap_or_default().max(1);
    let what = format!(
        "{}: {} in {} steps, {} at most in one",
        channel.name,
        words::plural(channel.records, "record", "records"),
        volume.steps,
        grouped(most)
    );
    let mut picture = Picture::new("strip", HEIGHT, &what);
    let width = 1000.0 / volume.steps as f64;
    let bar = width * if volume.steps > 40 { 0.8 } else { 0.86 };
    let at = |index: usize| index as f64 * width + (width - bar) / 2.0;
    picture.rects("ground", std::iter::once([0.0, FOOT, 1000.0, 0.8]));
    picture.rects(
        "series",
        series.records.iter().enumerate().filter(|(_, records)| **records > 0).map(|(index, records)| {
            // A single record among millions is seen, too.
            let height = (FOOT * *records as f64 / most as f64).max(1.2);
            [at(index), FOOT - height, bar, height]
        }),
    );
    picture.rects(
        "lost",
        series
            .lost
            .iter()
            .enumerate()
            .filter(|(_, lost)| **lost > 0)
            .map(|(index, _)| [at(index), FOOT + 3.0, bar, f64::from(HEIGHT) - FOOT - 3.0]),
    );
    for index in 0..volume.steps {
        let (records, lost) = (series.records[index], series.lost[index]);
        if records > 0 || lost > 0 {
            let from = start + index as i64 * volume.step_seconds as i64;
            let mut tip = format!(
                "{}: {}, {}",
                words::minute(&words::time(from)),
                words::plural(records, "record", "records"),
                size(series.bytes[index])
            );
            if lost > 0 {
                let _ = write!(tip, ", {} lost", grouped(lost));
            }
            picture.rect("hit", [index as f64 * width, 0.0, width, f64::from(HEIGHT)], &tip);
        }
    }
    let lost = match channel.lost {
        0 => String::new(),
        lost => format!(" <span class=\"badge failed\">{} lost</span>", grouped(lost)),
    };
    let _ = writeln!(
        out,
        "<div class=\"lane\"><div class=\"what\"><b>{}</b>{lost}<br><span class=\"soft\">{}, {}<br>up to {}</span></div>{}</div>",
        escape(&channel.name),
        words::plural(channel.records, "record", "records"),
        size(channel.bytes),
        grouped(most),
        picture.end()
    );
}

/// Four times along the picture, and its end.
pub(super) fn labels(volume: &Volume, start: i64) -> String {
    let length = volume.step_seconds as i64 * volume.steps as i64;
    axis(start, start + length)
}

/// Five times between these two.
pub(super) fn axis(from: i64, to: i64) -> String {
    let length = to - from;
    let label = |quarter: i64| {
        let time = words::time(from + length / 4 * quarter);
        if length >= 8 * 86_400 { words::day(&time).to_owned() } else { words::minute(&time) }
    };
    chart::axis(&(0..=4).map(label).collect::<Vec<_>>())
}

fn totals(out: &mut String, overview: &Overview) {
    out.push_str(
        "<div class=\"scroll\"><table>\n<caption>What the channels come to</caption>\n<thead><tr><th scope=\"col\">Channel</th>\
         <th scope=\"col\" class=\"n\">Records</th><th scope=\"col\" class=\"n\">Bytes</th><th scope=\"col\" class=\"n\">Errors</th>\
         <th scope=\"col\" class=\"n\">Warnings</th><th scope=\"col\" class=\"n\">With something hidden</th><th scope=\"col\" class=\"n\">Lost</th>\
         <th scope=\"col\" class=\"n\">Not records</th></tr></thead>\n<tbody>\n",
    );
    for channel in &overview.channels {
        let level = |name: &str| channel.levels.get(name).copied().unwrap_or_default();
        let redacted = match channel.redacted_records {
            0 => dash(0),
            n => format!("{} <span class=\"soft\">({})</span>", grouped(n), share(n, channel.records)),
        };
        let bad = |count: u64| match count {
            0 => dash(0),
            n => format!("<span class=\"badge failed\">{}</span>", grouped(n)),
        };
        let _ = writeln!(
            out,
            "<tr><th scope=\"row\">{}</th><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>\
             <td class=\"n\">{redacted}</td><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>",
            escape(&channel.name),
            dash(channel.records),
            if channel.bytes == 0 { dash(0) } else { size(channel.bytes) },
            dash(level("ERROR")),
            dash(level("WARN")),
            bad(channel.lost),
            bad(channel.bad_lines),
        );
    }
    out.push_str("</tbody>\n</table></div>\n");
}

/// The picture again, for who cannot see it. Paper has the totals.
fn numbers(out: &mut String, overview: &Overview, start: i64) {
    let volume = &overview.volume;
    let _ = write!(
        out,
        "<details class=\"numbers\"><summary>The pictures as a table</summary>\n<div class=\"scroll\"><table>\n<thead><tr><th scope=\"col\">From</th>"
    );
    let series: Vec<&Series> =
        volume.series.iter().filter(|series| series.records.iter().any(|count| *count > 0)).collect();
    for series in &series {
        let _ = write!(out, "<th scope=\"col\" class=\"n\">{}</th>", escape(&series.channel));
    }
    out.push_str("<th scope=\"col\" class=\"n\">lost</th></tr></thead>\n<tbody>\n");
    for index in 0..volume.steps {
        let time = words::time(start + index as i64 * volume.step_seconds as i64);
        let _ = write!(out, "<tr><th scope=\"row\">{}</th>", words::minute(&time));
        for series in &series {
            let _ = write!(out, "<td class=\"n\">{}</td>", dash(series.records[index]));
        }
        let lost: u64 = volume.series.iter().map(|series| series.lost[index]).sum();
        let _ = writeln!(out, "<td class=\"n\">{}</td></tr>", dash(lost));
    }
    out.push_str("</tbody>\n</table></div></details>\n");
}

pub(super) fn redactions(out: &mut String, overview: &Overview) {
    out.push_str("<section id=\"redactions\">\n<h2>What was hidden</h2>\n");
    let Some(most) = overview.redactions.first().map(|first| first.count) else {
        out.push_str("<p>Nothing in these records had to be hidden.</p>\n</section>\n");
        return;
    };
    out.push_str(
        "<p class=\"soft\">Values replaced by a marker, by what told that they must not be written: a detector&#39;s name, or a field&#39;s \
         (<code>key_…</code>). What spans hid is counted in <code>dihya_redactions_total</code> alone.</p>\n",
    );
    let row = |redaction: &dihya::overview::Redaction| {
        let channels: Vec<String> = redaction
            .channels
            .iter()
            .map(|(name, count)| format!("{} {}", escape(name), grouped(*count)))
            .collect();
        format!(
            "<tr><th scope=\"row\"><code>{}</code></th><td class=\"n\">{}</td><td class=\"bars\">{}</td><td class=\"soft\">{}</td></tr>\n",
            escape(&redaction.detector),
            grouped(redaction.count),
            chart::bar(redaction.count, most),
            channels.join(", ")
        )
    };
    let table = |list: &[dihya::overview::Redaction]| {
        let rows: String = list.iter().map(row).collect();
        format!(
            "<div class=\"scroll\"><table class=\"redactions\">\n<thead><tr><th scope=\"col\">By</th><th scope=\"col\" class=\"n\">Markers</th>\
             <th scope=\"col\"><span class=\"aside\">Share</span></th><th scope=\"col\">Channels</th></tr></thead>\n<tbody>\n{rows}</tbody>\n</table></div>\n"
        )
    };
    let (first, rest) = overview.redactions.split_at(overview.redactions.len().min(FIRST));
    out.push_str(&table(first));
    if !rest.is_empty() {
        let _ = writeln!(out, "<details><summary>{} more</summary>\n{}</details>", rest.len(), table(rest));
    }
    out.push_str("</section>\n");
}

/// A number; a dash for none, which is quicker to pass over.
pub(super) fn dash(count: u64) -> String {
    if count == 0 { "<span class=\"soft\">–</span>".to_owned() } else { grouped(count) }
}

/// `12 %`, `0.3 %`
pub(super) fn share(part: u64, whole: u64) -> String {
    let percent = 100.0 * part as f64 / whole.max(1) as f64;
    if percent >= 10.0 { format!("{percent:.0} %") } else { format!("{percent:.1} %") }
}

/// As many as are looked at; the rest is a click away.
const FIRST: usize = 20;
