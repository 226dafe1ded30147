//! Ordinary ways for a text to reach a log: a shape that is about the text takes any of them.

use std::error::Error;

use dihya::{Channel, Record};
use tracing::{error, error_span};

use super::values::{Failure, Headers, Note, Pieces};
use crate::seed::Seed;
use crate::world::Scene;

/// Logs a text in one of many ways.
pub(super) fn carry(scene: &Scene, text: &str, seed: &mut Seed) {
    let way = seed.below(18);
    match if scene.fields_alone { FIELDS[way % FIELDS.len()] } else { way } {
        0 => error!(note = text),
        1 => error!(note = %text),
        2 => error!(note = ?text),
        3 => error!("{text}"),
        4 => error!(n = 1, "before {text} after"),
        5 => error!(note = text.as_bytes()),
        6 => error!(note = %Pieces(text)),
        7 => error_span!("request", note = text).in_scope(|| error!("inside")),
        8 => {
            let span = error_span!("request", note = tracing::field::Empty);
            span.record("note", text);
            span.in_scope(|| error!("inside"));
        }
        9 => {
            let failure = Failure::nested(text.to_owned(), seed.below(3));
            error!(error = &failure as &(dyn Error + 'static), "failed");
        }
        10 => log_record("app", format_args!("got {text}")),
        11 => error!(body = %format!("{{\"id\":7,\"note\":\"{}\"}}", json(text))),
        12 => error!(note = ?Note { id: 7, text }),
        13 => error!(note = ?Some(Ok::<_, ()>(text))),
        14 => error!(headers = ?Headers(vec![("host", "x"), ("x-custom", text)])),
        15 => dihya::audit!("e", note = text, user_id = text),
        16 => {
            scene.raw(text);
            let record = Record::new(Channel::API, "e").field("note", text).message(text);
            scene.say(&format!("{:?}", scene.handle.record(record)));
        }
        _ => error!(note = %format!("first line\n{text}\nlast line")),
    }
}

/// The ways in which it is in a field alone.
const FIELDS: [usize; 12] = [0, 1, 2, 5, 6, 7, 8, 9, 11, 12, 13, 14];

/// Text for the inside of a JSON string.
pub(super) fn json(text: &str) -> String {
    let escape = |c: char| match c {
        '"' => "\\\"".to_owned(),
        '\\' => "\\\\".to_owned(),
        '\n' => "\\n".to_owned(),
        '\r' => "\\r".to_owned(),
        '\t' => "\\t".to_owned(),
        c if c.is_ascii_control() => format!("\\u{:04x}", c as u32),
        c => c.to_string(),
    };
    text.chars().map(escape).collect()
}

/// A record of the `log` facade.
pub(super) fn log_record(target: &str, arguments: std::fmt::Arguments<'_>) {
    let record = log::Record::builder().level(log::Level::Error).target(target).args(arguments).build();
    // It only fails where a writer does, and there is none.
    let _ = tracing_log::format_trace(&record);
}
