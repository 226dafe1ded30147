//! Records for people and for spreadsheets.
//!
//! What a service logged comes from outside. Whatever could move a terminal's cursor or turn text around is shown
//! escaped, and a cell that a spreadsheet would take for a formula begins with a `'`.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::line::{Object, string};
use crate::record::escape;

/// The columns of [`csv`] if none are named: the keys of a record.
pub const COLUMNS: [&str; 15] = [
    "timestamp",
    "channel",
    "level",
    "event_name",
    "outcome",
    "tenant_id",
    "user_id",
    "subject_id",
    "message",
    "target",
    "trace_id",
    "span_id",
    "id",
    "attributes",
    "spans",
];

/// The head of the table that [`row`] continues.
pub fn head(columns: &[String]) -> String {
    if columns.is_empty() {
        return format!("{:<24} {:<10} {:<8} {:<24} {}\n", "TIME", "CHANNEL", "LEVEL", "EVENT", "RECORD");
    }
    columns.join("  ").to_uppercase() + "\n"
}

/// A record on one line: when, where, how severe, what; then the rest by name. Or only the columns asked for.
pub fn row(line: &[u8], columns: &[String]) -> String {
    let Some(record) = Object::parse(line) else {
        return format!("{}\n", shown(&String::from_utf8_lossy(line)));
    };
    if !columns.is_empty() {
        let cells: Vec<String> =
            columns.iter().map(|name| word(&first(&record, name).unwrap_or_default())).collect();
        return cells.join("  ") + "\n";
    }
    let text = |key: &str| record.get(key).map(|value| shown(&plain(value))).unwrap_or_default();
    let time = text("timestamp");
    // Milliseconds are enough for people, and leave room.
    let time = match time.get(..23) {
        Some(short) if time.len() == 27 && time.is_ascii() => format!("{short}Z"),
        _ => time,
    };
    let mut row =
        format!("{time:<24} {:<10} {:<8} {:<24}", text("channel"), text("level"), text("event_name"));
    let message = text("message");
    if !message.is_empty() {
        row.push(' ');
        row.push_str(&message);
    }
    let mut named = |name: &str, value: &str| {
        row.push(' ');
        row.push_str(&shown(name));
        row.push('=');
        row.push_str(&word(value));
    };
    for key in ["outcome", "tenant_id", "user_id", "subject_id"] {
        if let Some(value) = record.get(key) {
            named(key, &plain(value));
        }
    }
    if let Some(attributes) = record.get("attributes").and_then(|value| Object::parse(value.get().as_bytes()))
    {
        for (name, value) in attributes.0 {
            named(&name, &plain(value));
        }
    }
    row.push('\n');
    row
}

/// The first line of a CSV file (RFC 4180).
pub fn csv_head(columns: &[String]) -> String {
    line_of(names(columns).map(|name| cell(name, true)))
}

/// A record as a line of CSV: texts as what they say, numbers and booleans as written, objects and lists as JSON.
pub fn csv(line: &[u8], columns: &[String]) -> String {
    let record = Object::parse(line).unwrap_or(Object(Vec::new()));
    line_of(names(columns).map(|name| {
        let direct = record.get(name);
        match direct {
            Some(value) => cell(&plain(value), value.get().starts_with('"')),
            None => cell(&first(&record, name).unwrap_or_default(), true),
        }
    }))
}

fn names(columns: &[String]) -> Box<dyn Iterator<Item = &str> + '_> {
    if columns.is_empty() {
        Box::new(COLUMNS.into_iter())
    } else {
        Box::new(columns.iter().map(String::as_str))
    }
}

fn line_of(cells: impl Iterator<Item = String>) -> String {
    cells.collect::<Vec<_>>().join(",") + "\r\n"
}

fn cell(value: &str, is_text: bool) -> String {
    let mut legible = Vec::new();
    escape::legible(&mut legible, value);
    let mut text = String::from_utf8_lossy(&legible).into_owned();
    let is_number = || text.parse::<serde_json::Number>().is_ok();
    if is_text && text.starts_with(['=', '+', '-', '@', '\t']) && !is_number() {
        text.insert(0, '\'');
    }
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

/// The first value that a field's name means.
fn first(record: &Object<'_>, name: &str) -> Option<String> {
    let mut found = None;
    record.field(name, &mut |value| {
        found = Some(value.to_owned());
        true
    });
    found
}

/// What a text says; anything else as it is written.
fn plain(value: &RawValue) -> Cow<'_, str> {
    string(value.get()).unwrap_or(Cow::Borrowed(value.get()))
}

fn shown(text: &str) -> String {
    let mut to = Vec::new();
    escape::content(&mut to, text);
    String::from_utf8_lossy(&to).replace("\\\"", "\"")
}

/// In quotes where it would not be one word.
fn word(value: &str) -> String {
    let text = shown(value);
    if text.is_empty() || text.contains([' ', '"']) && !text.starts_with(['{', '[']) {
        format!("\"{text}\"")
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &[u8] = br#"{"v":1,"id":"x","timestamp":"2026-11-20T12:00:00.123456Z","channel":"audit","level":"AUDIT","event_name":"sensitive_read","outcome":"success","user_id":"u_7","message":"record, \"opened\"","target":"clinic","attributes":{"n":-7,"note":"=1+1","two words":"a b","list":["x"]}}"#;

    fn columns(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn a_row_has_the_same_places_in_every_record() {
        let row = row(LINE, &[]);
        assert_eq!(
            row,
            "2026-11-20T12:00:00.123Z audit      AUDIT    sensitive_read           record, \"opened\" outcome=success \
             user_id=u_7 n=-7 note==1+1 two words=\"a b\" list=[\"x\"]\n"
        );
        assert_eq!(head(&[]).find("EVENT"), row.find("sensitive_read"));
        assert_eq!(self::row(LINE, &columns(&["user_id", "n", "absent"])), "u_7  -7  \"\"\n");
    }

    #[test]
    fn what_could_deceive_a_terminal_is_escaped() {
        let line = "{\"message\":\"a\\u001b[2Jb\u{202e}c\\nd\",\"attributes\":{\"k\\u009b\":\"\\r\u{9b}\"}}";
        for text in [row(line.as_bytes(), &[]), csv(line.as_bytes(), &columns(&["message", "k\u{9b}"]))] {
            assert!(text.contains("\\u001b[2Jb\\u202ec"), "{text:?}");
            assert!(!text.trim_end().contains(['\u{1b}', '\u{202e}', '\u{9b}', '\r']), "{text:?}");
        }
        assert!(!row(line.as_bytes(), &[]).trim_end().contains('\n'));
        assert_eq!(row(b"\x1b[2J not json\n", &[]), "\\u001b[2J not json\\n\n");
    }

    #[test]
    fn a_cell_is_quoted_where_it_must_be_and_never_a_formula() {
        let columns = columns(&["event_name", "message", "n", "note", "list", "absent"]);
        assert_eq!(csv_head(&columns), "event_name,message,n,note,list,absent\r\n");
        assert_eq!(csv(LINE, &columns), "sensitive_read,\"record, \"\"opened\"\"\",-7,'=1+1,x,\r\n");
        assert_eq!(csv(LINE, &[]).matches(',').count() - 1 - 3, COLUMNS.len() - 1);
    }
}
