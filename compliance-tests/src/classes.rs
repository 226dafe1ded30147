//! The ways in which a secret reaches a log, and which of them are covered.

use std::fmt::Write as _;

use dihya::inspect;

use crate::shapes::Undetectable;

/// One way.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Class {
    /// From 1 on, the same in every version.
    pub number: u8,
    /// What it is called.
    pub name: &'static str,
    /// How far it is covered.
    pub state: State,
    /// One sentence: what is covered, or what closes it until it is.
    pub note: &'static str,
}

/// How far a class is covered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// Redacted on every channel, tested with every detector.
    Covered,
    /// Content cannot show it: a `strict` channel stops it, and nothing else will.
    StrictOnly,
}

impl State {
    fn words(self) -> &'static str {
        match self {
            State::Covered => "covered",
            State::StrictOnly => "`strict` channels only",
        }
    }
}

const fn class(number: u8, name: &'static str, state: State, note: &'static str) -> Class {
    Class { number, name, state, note }
}

use State::{Covered, StrictOnly};

/// All classes, by number.
pub static CLASSES: [Class; 38] = [
    class(1, "a field", Covered, "By its name, whatever the value is, or by the form of the value."),
    class(
        2,
        "spellings of a name",
        Covered,
        "Case, camel, kebab, dotted, prefixed, plural, with a number behind it.",
    ),
    class(3, "the message", Covered, "By the form of the value, wherever in the text it stands."),
    class(4, "key and value in prose", Covered, "`password=…`, `token: …`, quoted or not."),
    class(5, "JSON as a value", Covered, "By the key in the JSON, or by the form of the value."),
    class(
        6,
        "JSON within JSON",
        Covered,
        "Escaped quotes are understood beside a known key, to three levels at least.",
    ),
    class(7, "a struct in `{:?}`", Covered, "By the name of its field, or by the form of the value."),
    class(8, "a struct in `{:#?}`", Covered, "The same over several lines."),
    class(
        9,
        "tuples, enums, options",
        Covered,
        "`Some(\"…\")` beside a known name, lists of pairs, arguments, variants that name what they hold, or the form of the value anywhere.",
    ),
    class(
        10,
        "a map of headers",
        Covered,
        "`name: value` and `(\"name\", \"value\")` by the header's name, or by the form of its value.",
    ),
    class(11, "user and password in a URL", Covered, "Everything between `://` and `@` that holds a colon."),
    class(12, "a query parameter", Covered, "By its name, or by the form of the value."),
    class(13, "a fragment of a URL", Covered, "Parameters in it by name, anything by its form."),
    class(14, "percent-encoding", Covered, "Decoded up to three times, in key, value and sign between them."),
    class(
        15,
        "base64",
        Covered,
        "Standard and for URLs, padded or not, in a longer word, in a `data:` address; with other encodings within.",
    ),
    class(16, "Basic authentication", Covered, "`Basic` and base64 of a user, a colon and a password."),
    class(
        17,
        "hexadecimal",
        Covered,
        "In either case, with `0x`, with other encodings within, with colons and blanks.",
    ),
    class(
        18,
        "escapes and entities",
        Covered,
        "`\\u0041`, `\\u{41}`, `\\x41`, `&#65;`, `&#x41;`, `&quot;`, in key and value.",
    ),
    class(
        19,
        "a list of bytes",
        Covered,
        "`Debug` of bytes, decimal and hexadecimal, over lines too, and lists in JSON.",
    ),
    class(20, "causes of an error", Covered, "The whole chain of `source()`, as `Display` and as `Debug`."),
    class(
        21,
        "a panic",
        Covered,
        "On stderr and in the record of it; a panic while a value is formatted shows nothing.",
    ),
    class(22, "names of spans, targets", Covered, "They are scanned like values."),
    class(23, "a span's field", Covered, "When the span is made."),
    class(
        24,
        "a span's field, late",
        Covered,
        "Recorded after the span was made; it replaces what was there.",
    ),
    class(
        25,
        "a span above",
        Covered,
        "What an outer or an explicit parent holds, in the records of its children.",
    ),
    class(26, "a field's own name", Covered, "Names are scanned once per place in the code."),
    class(
        27,
        "split over two fields",
        StrictOnly,
        "Neither half has a form or a name: only a list of allowed fields helps.",
    ),
    class(
        28,
        "across block edges",
        Covered,
        "At every distance from the edges of what is scanned at once. Not a secret with a line's break in it.",
    ),
    class(
        29,
        "cut by a maximum length",
        Covered,
        "Redacted before it is cut; what is too long to examine is left out whole.",
    ),
    class(
        30,
        "a private key over several lines",
        Covered,
        "With LF, CRLF or a literal `\\n` between its lines, and cut short.",
    ),
    class(
        31,
        "invisible characters",
        Covered,
        "Zero-width, combining and bidirectional characters, in key and value.",
    ),
    class(
        32,
        "look-alike and wide characters",
        Covered,
        "Full-width and mathematical letters, Cyrillic and Greek look-alikes, in key and value.",
    ),
    class(
        33,
        "control characters",
        Covered,
        "Colours and other control characters around a secret, within it, and in its key.",
    ),
    class(34, "numbers", Covered, "A card number as any integer or float that holds it."),
    class(
        35,
        "grouped digits",
        Covered,
        "Card, NIR and IBAN with blanks of all widths, dashes and dots between, in the digits of other scripts.",
    ),
    class(36, "next to something else", Covered, "Two secrets in a row, in brackets, in quotes, in a list."),
    class(
        37,
        "connection strings",
        Covered,
        "URLs, libpq, ADO, JDBC, `.env`, flags and their values on a command line, as a text or a list.",
    ),
    class(
        38,
        "what breaks a formatter",
        Covered,
        "`log` records, bytes that are no text, huge values, a `Debug` that logs or panics.",
    ),
];

/// The table of detectors and that of classes, as `docs/redaction.md` has them.
pub fn document() -> String {
    let mut text = String::from(TOP);
    text.push_str("| detector | where its form is described | can be switched off |\n|---|---|---|\n");
    let mut rows: Vec<(&str, Vec<&str>, bool)> = Vec::new();
    for detector in inspect::detectors() {
        match rows.iter_mut().find(|(name, ..)| *name == detector.name) {
            Some((_, sources, _)) if sources.contains(&detector.source) => {}
            Some((_, sources, _)) => sources.push(detector.source),
            None => rows.push((detector.name, vec![detector.source], detector.optional)),
        }
    }
    for (name, sources, optional) in rows {
        let off = if optional { "yes" } else { "no" };
        // A Vec or String takes everything.
        let _ = writeln!(text, "| `{name}` | {} | {off} |", sources.join("; "));
    }
    text.push_str(MIDDLE);
    text.push_str("| | how a secret arrives | state | |\n|---|---|---|---|\n");
    for class in &CLASSES {
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} |",
            class.number,
            class.name,
            class.state.words(),
            class.note
        );
    }
    text.push_str(END);
    text.push_str("| | logged as | which secrets | why |\n|---|---|---|---|\n");
    for Undetectable { class, code, secrets, why } in crate::shapes::undetectable() {
        // Backquotes stand in some of them.
        let code = code.replace('|', "\\|").replace('\n', "⏎").replace('\r', "").replace('\t', "⇥");
        let _ = writeln!(text, "| {class} | `` {code} `` | {} | {why}. |", secrets.words());
    }
    text
}

const TOP: &str = "\
# What is redacted

A field is masked by its name, decided once per place in the code, or by what its value looks like, found by one scan
of all values of an event. What is masked becomes `[redacted:<reason>]`: the reason is the name of a detector below or of
one that the policy adds, `key_authentication`, `key_payment`, `key_identity`, `key_health` or `key_custom` for a name,
`sensitive` for a value whose type is `dihya::Sensitive`, `strict` for a field that a strict channel does not declare, and `overrun`, `panic` or `unformattable` for a value that could not be examined. The
marker never tells how long the value was.

This page is written by a test of `dihya-compliance`; `DIHYA_UPDATE_DOCS=1 cargo test -p dihya-compliance --test docs`
writes it anew.

## Detectors

\"Recalled\" says that the form was written down from experience, not from a document.

";

const MIDDLE: &str = "
## Ways in

Each covered way is tested with every detector, from random seeds, in every output: files, mirror, metrics, error
texts, stderr. What is not covered is stopped by a `strict` channel in any field that it does not declare; that is tested too.
A message and the fields that are declared or have a place of their own (`user_id`, `outcome`, ...) are scanned there as
elsewhere, and no more.

";

const END: &str = "
## What no detector can find

Everything in the ways above is found, save this, where nothing in the content tells a secret from ordinary text: `…` is
the secret, `KEY` a name such as `password`. A `strict` channel stops it in any field that it does not declare. Tests hold
the table to both: what no longer comes out of other channels must go, and what a strict channel lets through must not stand here.

";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_numbered_in_order_and_each_has_its_sentence() {
        for (index, class) in CLASSES.iter().enumerate() {
            assert_eq!(usize::from(class.number), index + 1);
            assert!(class.note.ends_with('.') && !class.name.contains('|') && !class.note.contains('|'));
        }
    }
}
