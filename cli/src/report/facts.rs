//! What the ledger and the folders tell: integrity, holds, what was archived and purged, who did what, room.

use std::fmt::Write as _;

use dihya::overview::{Ledger, Log, Operation, Overview};
use dihya_compliance::page::{escape, grouped};

use super::chart::Picture;
use super::volume::dash;
use super::words;
use crate::plan::size;

pub(super) fn integrity(out: &mut String, overview: &Overview) {
    out.push_str(
        "<section id=\"integrity\">\n<h2>Integrity</h2>\n<p><strong>This page verifies nothing.</strong> It counts lines as they stand there, and tells what \
         the ledger says of itself. Whether the log is what was written, <code>dihya verify</code> tells, with a key and checkpoints \
         that you keep elsewhere.</p>\n",
    );
    for log in &overview.logs {
        instance(out, overview, log);
        let rows = integrity_rows(overview, log);
        facts(out, &rows);
        if let Some(ledger) = &log.facts {
            incidents(out, ledger);
        }
    }
    out.push_str("</section>\n");
}

fn instance(out: &mut String, overview: &Overview, log: &Log) {
    if overview.logs.len() > 1 {
        let name = log.status.instance.as_deref().unwrap_or("without a name");
        let _ = writeln!(out, "<h3>{}</h3>", escape(name));
    }
}

fn integrity_rows(overview: &Overview, log: &Log) -> Vec<(&'static str, String)> {
    let integrity = &log.integrity;
    let verified = match log.facts.as_ref().and_then(|facts| facts.verified.as_ref()) {
        None => "<span class=\"badge in-part\">never</span> as far as the ledger tells".to_owned(),
        Some(verified) => format!(
            "<span class=\"badge {}\">{}</span> {} UTC, {} ago{}; {}, {}",
            if verified.whole { "passed" } else { "failed" },
            if verified.whole { "whole" } else { "NOT whole" },
            words::when(&verified.at),
            ago(overview, &verified.at),
            verified.operator.as_ref().map_or_else(String::new, |who| format!(", by {}", escape(who))),
            match verified.what.as_str() {
                "root" => "all of it".to_owned(),
                what => format!("<code>{}</code> alone", escape(what)),
            },
            words::plural(verified.shards, "shard", "shards")
        ),
    };
    let sealed = match (integrity.plain_shards, integrity.plain_shards - integrity.sealed_to_the_end) {
        (0, _) => "there are none".to_owned(),
        (all, 0) => format!("all {} that are not archived", grouped(all)),
        (all, open) => format!(
            "{} of {}; {} with a tail that no seal covers: being written, or cut off at the next start",
            grouped(all - open),
            grouped(all),
            grouped(open)
        ),
    };
    let mut rows = vec![
        ("Last verified", verified),
        ("Seals", format!("{} among the lines that were read, unchecked", grouped(integrity.seals))),
        ("Shards that end with a seal", sealed),
        (
            "Without a checkpoint",
            match integrity.without_checkpoint {
                0 => "none".to_owned(),
                n => format!("{} of the shards", grouped(n)),
            },
        ),
    ];
    match &log.status.ledger {
        None => rows.push(("Ledger", "<span class=\"badge failed\">there is none</span>".to_owned())),
        Some(ledger) => {
            let state = match ledger.open {
                true => "opened and not closed: a process runs, or died",
                false => "closed in order",
            };
            rows.push((
                "Ledger",
                format!(
                    "{}, the last {} UTC; the log is {state}",
                    words::plural(ledger.entries, "entry", "entries"),
                    escape(&words::minute(ledger.last.as_deref().unwrap_or("never")))
                ),
            ));
            for (what, count) in &ledger.incidents {
                rows.push(("Since the log began", format!("{} {}", grouped(*count), escape(what))));
            }
        }
    }
    rows
}

fn incidents(out: &mut String, ledger: &Ledger) {
    let rows: Vec<String> = ledger
        .incidents
        .iter()
        .map(|incident| {
            format!(
                "<tr><td>{}</td><td><span class=\"badge {}\">{}</span></td><td>{}</td><td>{}</td></tr>\n",
                words::when(&incident.at),
                weight(incident.kind),
                escape(&incident.kind.replace('_', " ")),
                escape(&incident.what),
                who(incident.operator.as_deref())
            )
        })
        .collect();
    let head = ["When", "", "What", "By"];
    let all = ledger.incidents_by_kind.values().sum();
    listed(out, "What happened to the log and its rules", &head, &rows, all);
}

fn weight(kind: &str) -> &'static str {
    match kind {
        "shard_damaged" | "rollback_accepted" | "verification_failed" | "lock_file_missing" => "failed",
        "recovered" | "shard_abandoned" | "denied" | "hold_released" | "unknown" => "in-part",
        _ => "not-claimed",
    }
}

pub(super) fn lifecycle(out: &mut String, overview: &Overview) {
    out.push_str("<section id=\"lifecycle\">\n<h2>Held, archived, purged</h2>\n");
    for log in &overview.logs {
        let Some(facts) = &log.facts else { continue };
        instance(out, overview, log);
        holds(out, facts);
        archived(out, facts);
        purged(out, facts);
    }
    out.push_str("</section>\n");
}

fn holds(out: &mut String, facts: &Ledger) {
    if facts.holds.is_empty() {
        out.push_str("<p>No hold is in force.</p>\n");
        return;
    }
    let rows: Vec<String> = facts
        .holds
        .iter()
        .map(|hold| {
            let due = if hold.is_due { " <span class=\"badge failed\">due</span>" } else { "" };
            let channels = match hold.channels.is_empty() {
                true => "all channels".to_owned(),
                false => hold.channels.join(", "),
            };
            let time = match (&hold.from, &hold.to) {
                (None, None) => String::new(),
                (from, to) => format!(
                    ", {} to {}",
                    from.as_deref().map_or("the beginning", words::day),
                    to.as_deref().map_or("the end", words::day)
                ),
            };
            let narrowed = if hold.is_narrowed { ", narrowed by content" } else { "" };
            format!(
                "<tr><th scope=\"row\">{}</th><td>{}</td><td>{}</td><td>{}{due}</td><td>{}</td></tr>\n",
                escape(&hold.id),
                escape(&hold.owner),
                words::date(&hold.since),
                words::date(&hold.review),
                escape(&format!("{channels}{time}{narrowed}"))
            )
        })
        .collect();
    let all = facts.holds.len() as u64;
    listed(out, "Holds in force", &["Hold", "Owner", "Since", "Review", "Keeps"], &rows, all);
    out.push_str("<p class=\"soft\">Why, and whom they are about, <code>dihya hold list</code> tells.</p>\n");
}

fn archived(out: &mut String, facts: &Ledger) {
    if facts.archived_shards == 0 {
        out.push_str("<p>Nothing was archived in this time.</p>\n");
        return;
    }
    let rows: Vec<String> = facts
        .archived
        .iter()
        .map(|archived| {
            format!(
                "<tr><td>{}</td><th scope=\"row\">{}</th><td class=\"n\">{}</td><td class=\"n\">{} <span class=\"soft\">of {}</span></td><td>{}</td><td>{}{}</td></tr>\n",
                words::when(&archived.at),
                escape(&archived.shard),
                grouped(archived.records),
                size(archived.stored_bytes),
                size(archived.bytes),
                who(archived.operator.as_deref()),
                escape(&archived.store),
                if archived.encrypted { ", encrypted" } else { "" }
            )
        })
        .collect();
    let head = ["When", "Shard", "#Records", "#Stored", "By", "Store"];
    listed(out, "Archived, read back and verified", &head, &rows, facts.archived_shards);
}

fn purged(out: &mut String, facts: &Ledger) {
    if facts.purged_shards == 0 {
        out.push_str("<p>Nothing was purged in this time.</p>\n");
        return;
    }
    let rows: Vec<String> = facts
        .purged
        .iter()
        .map(|purged| {
            let policy = match &purged.policy {
                Some(version) => format!(", policy {}", escape(version)),
                None => String::new(),
            };
            format!(
                "<tr><td>{}</td><th scope=\"row\">{}</th><td class=\"n\">{}</td><td>{}{policy}</td><td>{}</td><td>{}</td></tr>\n",
                words::when(&purged.at),
                escape(&purged.shard),
                grouped(purged.records),
                escape(&purged.rule),
                escape(&purged.store),
                who(purged.operator.as_deref())
            )
        })
        .collect();
    let head = ["When", "Shard", "#Records", "Rule", "From", "By"];
    listed(out, "Purged, each with a certificate in the ledger", &head, &rows, facts.purged_shards);
    let _ = writeln!(
        out,
        "<p class=\"soft\">{} went with them, which the pictures above no longer show.</p>",
        words::plural(facts.purged_records, "record", "records")
    );
}

pub(super) fn operations(out: &mut String, overview: &Overview) {
    out.push_str("<section id=\"operations\">\n<h2>Who did what</h2>\n");
    for log in &overview.logs {
        let Some(facts) = &log.facts else { continue };
        instance(out, overview, log);
        if facts.operations_by_name.is_empty() && facts.readings_in_all == 0 {
            out.push_str("<p>No operation is on record in this time.</p>\n");
            continue;
        }
        let sums: Vec<String> = facts
            .operations_by_name
            .iter()
            .map(|(name, count)| format!("{} {}", grouped(*count), escape(&name.replace('_', " "))))
            .collect();
        if !sums.is_empty() {
            let _ = writeln!(out, "<p>{}.</p>", sums.join(", "));
        }
        let rows: Vec<String> = facts.operations.iter().map(operation).collect();
        let head = ["When", "Who", "What", "Outcome", "#Took", "How much"];
        listed(out, "Operations", &head, &rows, facts.operations_by_name.values().sum());
        let rows: Vec<String> = facts
            .readings
            .iter()
            .map(|reading| {
                format!(
                    "<tr><td>{}</td><td>{}</td><td>{}</td></tr>\n",
                    words::when(&reading.at),
                    who(reading.operator.as_deref()),
                    escape(&reading.channel)
                )
            })
            .collect();
        if !rows.is_empty() {
            let head = ["When", "Who", "Channel"];
            listed(out, "Readings of audit and security", &head, &rows, facts.readings_in_all);
        }
    }
    out.push_str("<p class=\"soft\">Reasons and questions may name people: they stand in the ledger alone.</p>\n</section>\n");
}

fn operation(operation: &Operation) -> String {
    let class = match operation.outcome.as_str() {
        "success" => "passed",
        "partial" => "in-part",
        _ => "failed",
    };
    let volume: Vec<String> = operation
        .volume
        .iter()
        .map(|(unit, count)| match unit.as_str() {
            "bytes" => size(*count),
            unit => format!("{} {}", grouped(*count), escape(unit)),
        })
        .collect();
    let took = match operation.milliseconds {
        short if short < 10_000 => format!("{:.1} s", short as f64 / 1e3),
        long => words::span(i64::try_from(long / 1_000).unwrap_or(i64::MAX)),
    };
    format!(
        "<tr><td>{}</td><td>{}</td><th scope=\"row\">{}</th><td><span class=\"badge {class}\">{}</span></td><td class=\"n\">{took}</td><td class=\"soft\">{}</td></tr>\n",
        words::when(&operation.at),
        who(operation.operator.as_deref()),
        escape(&operation.operation.replace('_', " ")),
        escape(&operation.outcome),
        volume.join(", ")
    )
}

pub(super) fn room(out: &mut String, overview: &Overview) {
    let room = &overview.room;
    out.push_str("<section id=\"room\">\n<h2>Room</h2>\n");
    let free = room.free_bytes.unwrap_or_default();
    let whole = (room.live_bytes + room.archived_bytes + free).max(1);
    let place = |bytes: u64| 1000.0 * bytes as f64 / whole as f64;
    let what = format!(
        "{} as they were written, {} archived, {} free",
        size(room.live_bytes),
        size(room.archived_bytes),
        room.free_bytes.map_or_else(|| "nobody knows how much".to_owned(), size)
    );
    let mut picture = Picture::new("strip low", 22, &what);
    picture.rect("track", [0.0, 5.0, 1000.0, 12.0], "");
    picture.rect("series", [0.0, 5.0, place(room.live_bytes), 12.0], &what);
    picture.rect("archived", [place(room.live_bytes), 5.0, place(room.archived_bytes), 12.0], &what);
    if let Some(least) = room.min_free.filter(|_| room.free_bytes.is_some()) {
        picture.tick("limit", 1000.0 - place(least), 22);
    }
    let _ = writeln!(
        out,
        "{}\n<p><span class=\"key series-key\"></span>{} as they were written, <span class=\"key archived-key\"></span>{} archived, {}.{}</p>",
        picture.end(),
        size(room.live_bytes),
        size(room.archived_bytes),
        match room.free_bytes {
            Some(free) => format!("{} free", size(free)),
            None => "and nobody can tell how much is free".to_owned(),
        },
        lasts(overview).map_or_else(String::new, |text| format!(" {text}"))
    );
    for log in &overview.logs {
        instance(out, overview, log);
        let rows: Vec<String> = log
            .status
            .channels
            .iter()
            .filter(|channel| channel.shards + channel.archived > 0)
            .map(|channel| {
                format!(
                    "<tr><th scope=\"row\">{}</th><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td>{}</td></tr>\n",
                    escape(&channel.name),
                    dash(channel.shards),
                    size(channel.bytes),
                    dash(channel.archived),
                    size(channel.archived_bytes),
                    escape(&channel.newest.as_deref().map_or_else(|| "-".to_owned(), words::minute))
                )
            })
            .collect();
        let head = ["Channel", "#Shards", "#Bytes", "#Archived", "#Bytes", "Newest record"];
        listed(out, "Channels on the disk", &head, &rows, rows.len() as u64);
    }
    out.push_str("</section>\n");
}

/// How long the room lasts at the speed of the last days.
fn lasts(overview: &Overview) -> Option<String> {
    let room = &overview.room;
    let per_day = Some(room.bytes_per_day).filter(|bytes| *bytes > 0)?;
    let free = room.free_bytes?.saturating_sub(room.min_free.unwrap_or_default());
    let days = free / per_day;
    let rest = match days {
        0 => "less than a day".to_owned(),
        1..=3650 => format!("about {}", words::plural(days, "day", "days")),
        _ => "ten years and more".to_owned(),
    };
    Some(format!("{} a day come in, uncompressed: that is room for {rest}, if nothing goes.", size(per_day)))
}

pub(super) fn made_from(out: &mut String, overview: &Overview) {
    let read = &overview.read;
    let mut rows = vec![
        ("Records", grouped(read.records)),
        (
            "Shards",
            format!(
                "{} read, {} of them archived; {} hold none of this time",
                grouped(read.shards),
                grouped(read.archived),
                grouped(read.skipped)
            ),
        ),
        ("Bytes of lines", size(read.bytes)),
    ];
    if !read.remote.is_empty() {
        rows.push(("Not counted", format!("what is archived in {}", escape(&read.remote.join(", ")))));
    }
    for unread in &read.unread {
        rows.push((
            "Not read to the end",
            format!(
                "{}: {}<br><code>{}</code>",
                escape(&unread.shard),
                escape(&unread.why),
                escape(&unread.path.display().to_string())
            ),
        ));
    }
    for path in overview.foreign.iter().take(MOST) {
        rows.push(("Nobody&#39;s file", format!("<code>{}</code>", escape(&path.display().to_string()))));
    }
    for (event, count) in &overview.own_records {
        rows.push((
            "The layer&#39;s own records",
            format!("{} <code>{}</code>", grouped(*count), escape(event)),
        ));
    }
    out.push_str("<section id=\"source\">\n<h2>What this was made from</h2>\n");
    facts(out, &rows);
    out.push_str("</section>\n");
}

/// Rows of a name and what is said of it. Both are HTML.
fn facts(out: &mut String, rows: &[(&str, String)]) {
    out.push_str("<div class=\"scroll\"><table class=\"facts\">\n<tbody>\n");
    let mut before = "";
    for (name, value) in rows {
        let shown = if *name == before { "" } else { name };
        let _ = writeln!(out, "<tr><th scope=\"row\">{shown}</th><td>{value}</td></tr>");
        before = name;
    }
    out.push_str("</tbody>\n</table></div>\n");
}

/// A table whose beginning is shown, and the rest a click away. A head that begins with `#` stands over numbers.
fn listed(out: &mut String, caption: &str, head: &[&str], rows: &[String], all: u64) {
    if rows.is_empty() {
        return;
    }
    let cells: String = head
        .iter()
        .map(|text| match (text.strip_prefix('#'), *text) {
            (Some(text), _) => format!("<th scope=\"col\" class=\"n\">{text}</th>"),
            (None, "") => {
                "<th scope=\"col\" class=\"kind\"><span class=\"aside\">Kind</span></th>".to_owned()
            }
            (None, text) => format!("<th scope=\"col\">{text}</th>"),
        })
        .collect();
    let open = format!(
        "<div class=\"scroll\"><table>\n<caption>{caption}</caption>\n<thead><tr>{cells}</tr></thead>\n<tbody>\n"
    );
    let (first, rest) = rows.split_at(rows.len().min(FIRST));
    let _ = write!(out, "{open}{}</tbody>\n</table></div>\n", first.concat());
    if all > FIRST as u64 {
        let left_out = match all - rows.len() as u64 {
            0 => String::new(),
            n => format!(" shown, and {} older ones, which the ledger has", grouped(n)),
        };
        let _ = writeln!(
            out,
            "<details class=\"numbers\"><summary>{} more{left_out}</summary>\n{open}{}</tbody>\n</table></div></details>",
            grouped(rest.len() as u64),
            rest.concat()
        );
    }
}

fn who(operator: Option<&str>) -> String {
    operator.map_or_else(|| "<span class=\"soft\">the service</span>".to_owned(), escape)
}

pub(super) fn ago(overview: &Overview, time: &str) -> String {
    let (now, then) = (words::seconds(&overview.at), words::seconds(time));
    now.zip(then).map_or_else(|| "some time".to_owned(), |(now, then)| words::span(now - then))
}

const FIRST: usize = 12;
const MOST: usize = 50;
