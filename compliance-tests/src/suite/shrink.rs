//! The smallest event that still leaks, and how it is described: kinds and lengths, never a payload.

use dihya::inspect;

use super::bare::{self, Seen, SeenSpan, Value};
use super::classes::Planted;
use super::replay::replay;
use crate::canary::Canary;
use crate::search::Search;

/// Describes the smallest event by which this canary still comes out: alone, with the fewest spans and fields, and the
/// shortest text around it. The shape's own code where the event cannot be made again from outside.
pub(crate) fn smallest(planted: &Planted<'_>, at: usize) -> String {
    let mut seen = Vec::new();
    // The scene is needed by the few shapes that use its handle.
    planted.leaks_by(at, |scene| seen = bare::capture(|| planted.emit(scene, at)));
    let leaks = |event: &Seen| planted.leaks_by(at, |_| replay(event));
    let Some(mut event) = seen.into_iter().find(|event| leaks(event)) else {
        return format!("as logged, with one <canary:{}>", planted.canaries[at].detector());
    };
    let canary = &planted.canaries[at];
    fewer(&mut event, |event| &mut event.spans, &leaks);
    fewer(&mut event, |event| &mut event.fields, &leaks);
    for span in 0..event.spans.len() {
        fewer(&mut event, |event| &mut event.spans[span].fields, &leaks);
    }
    for value in 0..values(&mut event).len() {
        shorter(&mut event, value, canary, &leaks);
    }
    describe(&event, canary)
}

/// Leaves out one after the other what is not needed.
fn fewer<T>(event: &mut Seen, part: impl Fn(&mut Seen) -> &mut Vec<T>, leaks: &impl Fn(&Seen) -> bool) {
    let mut at = part(event).len();
    while at > 0 {
        at -= 1;
        let mut less = event.clone();
        part(&mut less).remove(at);
        if leaks(&less) {
            *event = less;
        }
    }
}

fn values(event: &mut Seen) -> Vec<&mut Value> {
    let Seen { fields, spans, .. } = event;
    spans.iter_mut().flat_map(|span| &mut span.fields).chain(fields).map(|(_, value)| value).collect()
}

/// Cuts the text around a canary. What touches it stays, and so does the name that gives it away: without either, it
/// would be another event, of which nothing is claimed.
fn shorter(event: &mut Seen, value: usize, canary: &Canary, leaks: &impl Fn(&Seen) -> bool) {
    let text = match values(event).swap_remove(value) {
        Value::Text(text) | Value::Shown(text) => text.clone(),
        _ => return,
    };
    let Some(start) = text.find(canary.text()) else { return };
    let end = start + canary.text().len();
    let key = (canary.detector() == "key").then(|| last_key(&text[..start])).flatten();
    let before = key.map_or(start, |key| start - key);
    let sizes = |at_least: usize, whole: usize| {
        std::iter::successors(Some(at_least.max(1)), |size| Some(size * 2))
            .take_while(move |size| *size < whole)
    };
    let keep = |event: &Seen, from: usize, to: usize| {
        let mut less = event.clone();
        let kept = match text.get(from..to) {
            Some(kept) => kept.to_owned(),
            None => return None,
        };
        match values(&mut less).swap_remove(value) {
            Value::Text(text) | Value::Shown(text) => *text = kept,
            _ => {}
        }
        leaks(&less).then_some(less)
    };
    // A plain secret whose name was not found in its text has it elsewhere: its text is not touched.
    if canary.detector() == "key" && key.is_none() {
        return;
    }
    let mut from = 0;
    for size in sizes(if key.is_some() { before } else { 1 }, start) {
        if let Some(less) = keep(event, start - size, text.len()) {
            (*event, from) = (less, start - size);
            break;
        }
    }
    for size in sizes(1, text.len() - end) {
        if let Some(less) = keep(event, from, end + size) {
            *event = less;
            break;
        }
    }
}

/// Where the last word begins that names a secret.
fn last_key(text: &str) -> Option<usize> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    let mut end = text.len();
    loop {
        end = text[..end].rfind(is_word).map(|at| at + 1)?;
        let start = text[..end]
            .rfind(|c| !is_word(c))
            .map_or(0, |at| at + text[at..].chars().next().map_or(1, char::len_utf8));
        if inspect::key_label(&text[start..end]).is_some() {
            return Some(start);
        }
        end = start;
    }
}

/// The event as code, with `<…>` for what it holds.
fn describe(event: &Seen, canary: &Canary) -> String {
    let spans: String = event.spans.iter().map(|span| describe_span(span, canary)).collect();
    let mut parts: Vec<String> = Vec::new();
    if hides(&event.target, canary) {
        parts.push(format!("target: {}", shape(&event.target, canary)));
    }
    if hides(&event.name, canary) {
        parts.push(format!("name: {}", shape(&event.name, canary)));
    }
    for (name, value) in &event.fields {
        match name.as_str() {
            "message" => parts.push(format!("\"{}\"", describe_value(value, canary))),
            _ => parts.push(format!("{} = {}", name_shape(name, canary), describe_value(value, canary))),
        }
    }
    format!("{spans}error!({})", parts.join(", "))
}

fn describe_span(span: &SeenSpan, canary: &Canary) -> String {
    let name = if hides(&span.name, canary) { shape(&span.name, canary) } else { "\"…\"".to_owned() };
    let fields = span
        .fields
        .iter()
        .map(|(name, value)| format!(", {} = {}", name_shape(name, canary), describe_value(value, canary)));
    format!("error_span!({name}{}) > ", fields.collect::<String>())
}

fn describe_value(value: &Value, canary: &Canary) -> String {
    match value {
        Value::Text(text) => shape(text, canary),
        Value::Shown(text) => format!("%{}", shape(text, canary)),
        Value::Bytes(bytes) => format!("<{} bytes>", bytes.len()),
        Value::Error(texts) => {
            let texts: Vec<String> = texts.iter().map(|text| shape(text, canary)).collect();
            format!("<error {}>", texts.join(": "))
        }
        Value::Bool(_) => "<bool>".to_owned(),
        Value::F64(_) => "<f64>".to_owned(),
        number => format!("<number of {} digits>", number.to_string().trim_start_matches('-').len()),
    }
}

/// A name as it is, unless it holds the canary.
fn name_shape(name: &str, canary: &Canary) -> String {
    if hides(name, canary) { shape(name, canary) } else { name.to_owned() }
}

fn hides(text: &str, canary: &Canary) -> bool {
    text.contains(canary.text()) || !Search::new([canary]).leaks([("text", text.as_bytes())]).is_empty()
}

/// A text as kinds and lengths; names that give a secret away, and punctuation, stay as they are.
fn shape(text: &str, canary: &Canary) -> String {
    let here = format!("<canary:{} {} bytes>", canary.detector(), canary.text().len());
    if !text.contains(canary.text()) && hides(text, canary) {
        return format!("<canary:{}, encoded or in pieces, {} bytes>", canary.detector(), text.len());
    }
    let parts: Vec<String> = text.split(canary.text()).map(around).collect();
    parts.join(&here)
}

fn around(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let is_word = |c: char| c.is_ascii_alphabetic() || "_-".contains(c);
        let word = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        if word > 0 && word <= 24 && inspect::key_label(&rest[..word]).is_some() {
            out.push_str(&rest[..word]);
            rest = &rest[word..];
        } else if "=:\"'{}()[],;&?".contains(first) {
            out.push(first);
            rest = &rest[1..];
        } else {
            let end = rest.find(|c| "=:\"'{}()[],;&?".contains(c)).unwrap_or(rest.len());
            // Up to the next name, if there is one.
            let end = (1..end)
                .filter(|at| rest.is_char_boundary(*at) && !rest[..*at].ends_with(is_word))
                .find(|at| {
                    let word = rest[*at..].find(|c| !is_word(c)).unwrap_or(rest.len() - at);
                    word > 0 && inspect::key_label(&rest[*at..at + word]).is_some()
                })
                .unwrap_or(end);
            out.push_str(&format!("<text {end}>"));
            rest = &rest[end..];
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::Seed;

    #[test]
    fn a_description_shows_kinds_lengths_and_names_and_no_payload() {
        let canary = Canary::plain(&mut Seed::new(4));
        let secret = canary.text();
        let text = format!("login of bob, password=\"{secret}\" and more");
        assert_eq!(shape(&text, &canary), "<text 12>,<text 1>password=\"<canary:key 16 bytes>\"<text 9>");
        let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(shape(&hex, &canary), "<canary:key, encoded or in pieces, 32 bytes>");
        let event = Seen {
            name: "e".into(),
            target: secret.to_owned(),
            fields: vec![("n".into(), Value::U64(123)), ("message".into(), Value::Shown("told".into()))],
            spans: vec![SeenSpan { name: "s".into(), fields: vec![(secret.to_owned(), Value::Bool(true))] }],
        };
        let told = describe(&event, &canary);
        assert_eq!(
            told,
            "error_span!(\"…\", <canary:key 16 bytes> = <bool>) > error!(target: <canary:key 16 bytes>, \
             n = <number of 3 digits>, \"%<text 4>\")"
        );
        assert!(!hides(&told, &canary));
    }

    #[test]
    fn the_name_beside_a_secret_is_found() {
        assert_eq!(last_key("login password="), Some(6));
        assert_eq!(last_key("{\"api_key\": \""), Some(2));
        assert_eq!(last_key("user: "), None);
    }
}
