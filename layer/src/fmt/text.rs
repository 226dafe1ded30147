//! Lines of text of which nothing is known: what is found in them is masked, and styling survives.

use std::ops::Range;

use super::json;
use super::redactor::Redactor;
use crate::redact::label::Label;
use crate::redact::scan::{Found, Hit};
use crate::values::{Kind, VALUE_MAX, Values};

/// `[redacted:overrun]` and the like.
pub(super) fn marker(label: Label) -> String {
    let mut text = Vec::new();
    label.write_marker(&mut text);
    String::from_utf8_lossy(&text).into_owned()
}

/// `text`, one record of one or several lines, as it may be shown. Each line that is a JSON object is redacted by its
/// keys, and what stands between such lines as a whole: a private key has many lines.
pub(super) fn redacted(redactor: &Redactor, text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut prose = 0..0;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let end = at + line.len();
        match json::redacted(redactor, line) {
            Some(object) => {
                self::prose(redactor, &text[prose.start..at], &mut shown);
                shown.push_str(&object);
                prose = end..end;
            }
            None => prose.end = end,
        }
        at = end;
    }
    self::prose(redactor, &text[prose], &mut shown);
    shown
}

fn prose(redactor: &Redactor, text: &str, shown: &mut String) {
    if text.is_empty() {
        return;
    }
    let plain = Plain::of(text);
    let (mut values, mut found) = (Values::default(), Found::default());
    values.text(0, &plain.text);
    redactor.scan(&mut values, &mut found);
    if let Some(Kind::Marker(label)) = values.entries.first().map(|entry| entry.kind) {
        redactor.count(1);
        shown.push_str(&marker(label));
        shown.extend(text.ends_with('\n').then_some('\n'));
        return;
    }
    let mut at = 0;
    found.hits.retain(|hit| !is_behind_a_marker(&plain.text, hit));
    for hit in &found.hits {
        let range = plain.original(hit.start as usize..(hit.end as usize).min(plain.text.len()));
        let range = floor(text, range.start).max(at)..ceil(text, range.end).max(at);
        shown.push_str(&text[at..range.start]);
        shown.push_str(&marker(hit.label));
        // What was switched on within a secret and off behind it, or the other way round.
        plain.styles_in(&range).for_each(|style| shown.push_str(&text[style]));
        at = range.end;
    }
    redactor.count(found.hits.len() as u64);
    shown.push_str(&text[at..]);
}

/// `[redacted:github_token]: refused`: the name of a detector is no name of what follows.
fn is_behind_a_marker(text: &str, hit: &Hit) -> bool {
    let before = text.as_bytes()[..hit.start as usize].trim_ascii_end();
    let Some(before) = before.strip_suffix(b":").or(before.strip_suffix(b"=")) else { return false };
    let Some(before) = before.trim_ascii_end().strip_suffix(b"]") else { return false };
    let label = before.iter().rev().take_while(|byte| byte.is_ascii_lowercase() || **byte == b'_').count();
    hit.label.is_keyed() && before[..before.len() - label].ends_with(b"[redacted:")
}

/// A text without its escape sequences, which would part a name from its value, and a secret in two.
struct Plain {
    text: String,
    /// Where in the original they stood.
    escapes: Vec<Range<usize>>,
}

impl Plain {
    fn of(text: &str) -> Plain {
        let bytes = text.as_bytes();
        let mut plain = Plain { text: String::with_capacity(text.len()), escapes: Vec::new() };
        let mut done = 0;
        while let Some(at) = bytes[done..].iter().position(|byte| *byte == ESCAPE) {
            let start = done + at;
            let end = escape_end(bytes, start);
            plain.text.push_str(&text[done..start]);
            plain.escapes.push(start..end);
            done = end;
        }
        plain.text.push_str(&text[done..]);
        plain
    }

    /// A range of `text` where it stands in the original. Escapes at its edges are left outside.
    fn original(&self, range: Range<usize>) -> Range<usize> {
        let shift = |at: usize, with_edge: bool| {
            let mut at = at;
            for escape in &self.escapes {
                if escape.start < at || with_edge && escape.start == at {
                    at += escape.len();
                } else {
                    break;
                }
            }
            at
        };
        shift(range.start, true)..shift(range.end, false)
    }

    /// Colours and weights (ECMA-48 SGR) within a range of the original; what else an escape can do is left out.
    fn styles_in(&self, range: &Range<usize>) -> impl Iterator<Item = Range<usize>> {
        let within =
            self.escapes.iter().filter(|escape| range.start <= escape.start && escape.end <= range.end);
        within.filter(|escape| escape.len() > 2).cloned()
    }
}

/// The end of the control sequence at `start` (ECMA-48 section 5.4); an escape that begins none stands for itself.
fn escape_end(bytes: &[u8], start: usize) -> usize {
    match bytes.get(start + 1) {
        Some(b'[') => {
            let rest = &bytes[start + 2..];
            let parameters = rest.iter().take_while(|byte| matches!(byte, 0x20..=0x3f)).count();
            let is_whole = matches!(rest.get(parameters), Some(0x40..=0x7e));
            start + 2 + parameters + usize::from(is_whole)
        }
        _ => start + 1,
    }
}

fn floor(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

fn ceil(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at += 1;
    }
    at
}

const ESCAPE: u8 = 0x1b;

/// What may be examined at once.
pub(super) const MOST: usize = VALUE_MAX;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Policy, Sector, inspect};

    fn shown(text: &str) -> String {
        redacted(&Redactor::new(&Policy::sector(Sector::Generic)), text)
    }

    fn token() -> String {
        inspect::detectors().find(|detector| detector.name == "github_token").unwrap().example()
    }

    #[test]
    fn colours_part_no_name_from_its_value_and_survive() {
        let text = "\u{1b}[3mpassword\u{1b}[0m\u{1b}[2m=\u{1b}[0mhunter-two \u{1b}[32mroom\u{1b}[0m=7\n";
        let masked = shown(text);
        assert_eq!(masked.matches('\u{1b}').count(), text.matches('\u{1b}').count());
        assert!(masked.ends_with(" \u{1b}[32mroom\u{1b}[0m=7\n") && !masked.contains("hunter"), "{masked:?}");
    }

    #[test]
    fn an_escape_within_a_secret_does_not_hide_it() {
        let (token, style) = (token(), "\u{1b}[1m");
        for at in 1..token.len() {
            let spliced = format!("a {}{style}{} b", &token[..at], &token[at..]);
            assert_eq!(shown(&spliced), format!("a [redacted:github_token]{style} b"), "at {at}");
        }
        assert_eq!(shown("a \u{1b} b \u{1b}[2 \u{1b}"), "a \u{1b} b \u{1b}[2 \u{1b}");
    }

    #[test]
    fn a_marker_is_no_name_of_what_follows_it() {
        for text in
            ["[redacted:github_token]: a word", "x=[redacted:keyed_secret] and more", "[redacted:jwt]=y"]
        {
            assert_eq!(shown(text), text);
        }
        assert_ne!(
            shown("github_token: aword"),
            "github_token: aword",
            "the control: the same name, unmarked"
        );
    }

    #[test]
    fn lines_of_json_among_prose_are_redacted_by_key() {
        let person = ["Ma", "xi"].concat();
        let text = format!("first\n{{\"first_name\":\"{person}\",\"n\":1}}\nlast of {person}");
        let expected =
            format!("first\n{{\"first_name\":\"[redacted:key_identity]\",\"n\":1}}\nlast of {person}");
        assert_eq!(shown(&text), expected);
    }

    #[test]
    fn a_key_of_many_lines_is_hidden_whole() {
        let key = inspect::detectors().find(|d| d.name == "private_key").unwrap().example();
        let text = format!("before\n{key}\nafter\n");
        assert_eq!(shown(&text), "before\n[redacted:private_key]\nafter\n");
    }
}
