//! `dihya status`: one screen about a log.

use std::fmt::Write as _;
use std::sync::Arc;

use dihya::Clock;
use dihya::operation::Kind;
use dihya::otlp::Behind;
use dihya::status::{Channel, Ledger, Log, Status};
use dihya::storage::{Local, Storage};

use crate::Answer;
use crate::log::{self, Where};
use crate::plan::size;

#[derive(clap::Args)]
pub(crate) struct Command {
    #[command(flatten)]
    place: Where,
    /// As JSON, for programs
    #[arg(long)]
    json: bool,
}

impl Command {
    pub(crate) fn run(self) -> Answer {
        self.answer().unwrap_or_else(|answer| answer)
    }

    fn answer(self) -> Result<Answer, Answer> {
        let wrong = |error: &dyn std::fmt::Display| Answer::wrong(format!("error: {error}\n"));
        let (policy, places) = self.place.places()?;
        log::caller().may(Kind::Status, &policy).map_err(|denied| wrong(&denied))?;
        let storage: Arc<dyn Storage> = Arc::new(Local);
        let status =
            Status::read(&storage, &policy, &places, &Clock::system()).map_err(|error| wrong(&error))?;
        let mut answer = match self.json {
            true => {
                Answer::fine(serde_json::to_string_pretty(&status).map_err(|error| wrong(&error))? + "\n")
            }
            false => Answer::fine(text(&status)),
        };
        for log in &status.logs {
            for alert in &log.alerts {
                let whose = log.instance.as_ref().map_or_else(String::new, |name| format!("{name}: "));
                answer.warn(&format!("{whose}{alert}"));
            }
        }
        for import in status.imported.iter().filter(|import| !import.complete) {
            answer.warn(&format!(
                "{} is an import that died before its end: run it again, or remove the folder",
                import.path.display()
            ));
        }
        if !status.foreign.is_empty() {
            let first = status.foreign[0].display();
            let text = match status.foreign.len() {
                1 => format!("{first} is nobody's: move it away if nobody needs it here"),
                n => {
                    format!("{n} files are nobody's, {first} first: move them away if nobody needs them here")
                }
            };
            answer.warn(&text);
        }
        Ok(answer)
    }
}

fn text(status: &Status) -> String {
    let mut out = String::new();
    for log in &status.logs {
        let instance = log.instance.as_ref().map_or_else(String::new, |name| format!("  instance {name}"));
        let free = log.free_bytes.map_or_else(String::new, |bytes| format!("  {} free", size(bytes)));
        let _ = writeln!(out, "{}{instance}{free}", log.path.display());
        channels(log, &mut out);
        if let Some(export) = &log.export {
            self::export(export, &mut out);
        }
        if let Some(ledger) = &log.ledger {
            self::ledger(ledger, &mut out);
        }
        for sink in &log.undelivered {
            let error = sink
                .last_error
                .as_ref()
                .map_or_else(String::new, |(at, kind)| format!(", last error {} ({kind})", minute(at)));
            let since =
                sink.oldest.as_deref().map_or_else(String::new, |at| format!(" since {}", minute(at)));
            let what = format!("{} for {}{since}, {}{error}", sink.alerts, sink.sink, size(sink.bytes));
            let _ = writeln!(out, "  {:<24}{what}", "alerts waiting");
        }
        out.push('\n');
    }
    for import in &status.imported {
        let (origin, path) = (&import.origin, import.path.display());
        let what = format!("{} shards, {}", import.shards, size(import.bytes));
        let what = if import.complete { what } else { "not come to its end".to_owned() };
        let _ = writeln!(out, "imported from {origin}  {what}  {path}");
    }
    if status.logs.is_empty() && status.imported.is_empty() {
        out.push_str("nothing was ever logged here\n");
    }
    out
}

fn channels(log: &Log, out: &mut String) {
    let head =
        ["channel", "shards", "bytes", "archived", "bytes", "oldest", "due", "limit", "newest", "sealed"];
    let mut rows = vec![head.map(str::to_owned)];
    rows.extend(log.channels.iter().map(row));
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    for row in &rows {
        let mut line = String::from(" ");
        for (column, cell) in row.iter().enumerate() {
            let width = widths[column];
            // Numbers stand to the right.
            let _ = if (1..=4).contains(&column) {
                write!(line, " {cell:>width$} ")
            } else {
                write!(line, " {cell:<width$} ")
            };
        }
        let _ = writeln!(out, "{}", line.trim_end());
    }
}

fn row(channel: &Channel) -> [String; 10] {
    let number = |count: u64| if count == 0 { "-".to_owned() } else { count.to_string() };
    let bytes = |bytes: u64| if bytes == 0 { "-".to_owned() } else { size(bytes) };
    let day = |time: &Option<String>| time.as_ref().and_then(|text| text.get(..10)).unwrap_or("-").to_owned();
    let minute = |time: &Option<String>| match time.as_ref().and_then(|text| text.get(..16)) {
        Some(text) => text.replace('T', " "),
        None => "-".to_owned(),
    };
    let sealed = match (channel.sealed_lines, &channel.newest) {
        (Some(_), _) => "to the end",
        (None, Some(_)) => "not to the end",
        (None, None) => "-",
    };
    [
        channel.name.clone(),
        number(channel.shards),
        bytes(channel.bytes),
        number(channel.archived),
        bytes(channel.archived_bytes),
        day(&channel.oldest),
        day(&channel.due),
        format!("{}{}", day(&channel.limit), if channel.overdue { " passed" } else { "" }),
        minute(&channel.newest),
        sealed.to_owned(),
    ]
}

fn export(export: &[Behind], out: &mut String) {
    for behind in export {
        let newest = behind.exported.as_deref().map_or_else(|| "nothing yet".to_owned(), minute);
        let left = match &behind.since {
            None => "nothing waits".to_owned(),
            Some(since) => format!("{} wait since {}", size(behind.bytes), minute(since)),
        };
        let _ = writeln!(out, "  {:<24}{newest}, {left}", format!("exported {}", behind.channel));
    }
}

fn ledger(ledger: &Ledger, out: &mut String) {
    let never = || "never".to_owned();
    let at = |time: &Option<String>| time.as_deref().map_or_else(never, minute);
    let verified = ledger.verified.as_ref().map_or_else(never, |(time, whole)| {
        format!("{} ({})", minute(time), if *whole { "whole" } else { "NOT whole" })
    });
    let read = ledger.read.as_ref().map_or_else(never, |(time, who)| format!("{} by {who}", minute(time)));
    let holds = match ledger.holds.len() {
        0 => "none".to_owned(),
        n => format!("{n} ({})", ledger.holds.join(", ")),
    };
    let state =
        if ledger.open { "opened and not closed: a process runs, or died" } else { "closed in order" };
    let rows = [
        ("log", state.to_owned()),
        ("verified", verified),
        ("purged", at(&ledger.purged)),
        ("archived", at(&ledger.archived)),
        ("audit or security read", read),
        ("holds", holds),
        ("ledger", format!("{} entries, the last {}", ledger.entries, at(&ledger.last))),
    ];
    for (name, value) in rows {
        let _ = writeln!(out, "  {name:<24}{value}");
    }
    for (what, count) in &ledger.incidents {
        let _ = writeln!(out, "  {:<24}{count} {what}", "since the log began");
    }
}

fn minute(time: &str) -> String {
    time.get(..16).unwrap_or(time).replace('T', " ")
}
