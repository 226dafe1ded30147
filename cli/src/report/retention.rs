//! How old the oldest records are, against what the policy lets them become.

use std::fmt::Write as _;

use dihya::overview::{Age, Log, Overview};
use dihya_compliance::page::escape;

use super::chart::Picture;
use super::words;

const HEIGHT: u32 = 22;

pub(super) fn section(out: &mut String, overview: &Overview) {
    out.push_str(
        "<section id=\"retention\">\n<h2>Retention</h2>\n<p class=\"soft\">The age of each channel&#39;s oldest record, against the time that \
         the policy gives it. <span class=\"key floor-key\"></span>Floor: nothing goes before. <span class=\"key due-key\"></span>Default: \
         from here on it goes. <span class=\"key limit-key\"></span>Ceiling: nothing may be older.</p>\n",
    );
    if overview.logs.iter().all(|log| log.retention.is_empty()) {
        out.push_str("<p>There are no records to keep.</p>\n</section>\n");
        return;
    }
    for log in &overview.logs {
        if let Some(instance) = log.status.instance.as_ref().filter(|_| overview.logs.len() > 1) {
            let _ = writeln!(out, "<h3>{}</h3>", escape(instance));
        }
        bars(out, log);
        table(out, log);
    }
    out.push_str("</section>\n");
}

fn bars(out: &mut String, log: &Log) {
    out.push_str("<div class=\"lanes\">\n");
    for age in &log.retention {
        // The ceiling stands at the same place in every lane, unless it has passed.
        let whole = (age.ceiling.days * 1.06).max(age.days * 1.02).max(1.0);
        let place = |days: f64| 1000.0 * days / whole;
        let class = if age.overdue {
            "age over"
        } else if age.days > age.default.days {
            "age due"
        } else {
            "age"
        };
        let what = format!(
            "{}: the oldest record is {} old; floor {}, default {}, ceiling {}",
            age.channel,
            days(age.days),
            age.floor.period,
            age.default.period,
            age.ceiling.period
        );
        let mut picture = Picture::new("strip low", HEIGHT, &what);
        picture.rect("track", [0.0, 5.0, place(age.ceiling.days), 12.0], "");
        picture.rect(class, [0.0, 5.0, place(age.days).max(2.0), 12.0], &what);
        picture.tick("floor", place(age.floor.days), HEIGHT);
        picture.tick("due-line", place(age.default.days), HEIGHT);
        picture.tick("limit", place(age.ceiling.days), HEIGHT);
        let passed = if age.overdue { " <span class=\"badge failed\">past its ceiling</span>" } else { "" };
        let held = match age.holds {
            0 => String::new(),
            n => format!(" <span class=\"badge in-part\">{}</span>", words::plural(n, "hold", "holds")),
        };
        let _ = writeln!(
            out,
            "<div class=\"lane\"><div class=\"what\"><b>{}</b>{passed}{held}<br><span class=\"soft\">{} of {}</span></div>{}</div>",
            escape(&age.channel),
            days(age.days),
            escape(&age.default.period),
            picture.end()
        );
    }
    out.push_str("</div>\n");
}

fn table(out: &mut String, log: &Log) {
    out.push_str(
        "<div class=\"scroll\"><table>\n<thead><tr><th scope=\"col\">Channel</th><th scope=\"col\">Oldest record</th><th scope=\"col\">May go from</th>\
         <th scope=\"col\">Is to go</th><th scope=\"col\">Must be gone</th><th scope=\"col\" class=\"extra\">The periods come from</th></tr></thead>\n<tbody>\n",
    );
    for age in &log.retention {
        row(out, age);
    }
    out.push_str("</tbody>\n</table></div>\n");
}

fn row(out: &mut String, age: &Age) {
    let limit = |limit: &dihya::overview::Limit| {
        format!("{} <span class=\"soft\">({})</span>", words::date(&limit.ends), escape(&limit.period))
    };
    let _ = writeln!(
        out,
        "<tr><th scope=\"row\">{}</th><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td class=\"extra soft\">{}{}</td></tr>",
        escape(&age.channel),
        words::date(&age.oldest),
        limit(&age.floor),
        limit(&age.default),
        limit(&age.ceiling),
        escape(&age.source),
        age.legal_basis.as_ref().map_or_else(String::new, |basis| format!("; {}", escape(basis)))
    );
}

fn days(days: f64) -> String {
    words::span((days * 86_400.0) as i64)
}
