//! The engine against its plain twin, and against every detector tried everywhere.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;

use super::filter::Tables;
use super::*;
use crate::redact::allow::Allowance;
use crate::redact::custom::Form;
use crate::redact::detect::{Alphabet, scan_slowly};

fn scanner() -> &'static (Scanner, KeyRules) {
    static USUAL: LazyLock<(Scanner, KeyRules)> = LazyLock::new(|| {
        let policy = RedactPolicy::default();
        (Scanner::new(&policy), KeyRules::new(&policy))
    });
    &USUAL
}

fn scan(texts: &[&str]) -> (Values, Found) {
    let (scanner, keys) = scanner();
    let mut values = Values::default();
    texts.iter().enumerate().for_each(|(field, text)| values.text(field, text));
    let mut found = Found::default();
    scanner.scan(keys, &mut values, &mut found);
    (values, found)
}

/// The same rules for a policy with an allowance, which has to know what else is in a find.
fn allowing() -> &'static (Scanner, KeyRules) {
    static ALLOWING: LazyLock<(Scanner, KeyRules)> = LazyLock::new(|| {
        let allowance = Allowance {
            detector: "email".to_owned(),
            field: Some("a".to_owned()),
            channel: None,
            target: None,
            text: None,
            reason: "a test".to_owned(),
        };
        let policy = RedactPolicy { allow: vec![allowance], ..RedactPolicy::default() };
        (Scanner::new(&policy), KeyRules::new(&policy))
    });
    &ALLOWING
}

/// Text with an example of some detector in it, among ordinary words and torn pieces of other examples.
fn spiced() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        3 => (0..DETECTORS.len()).prop_map(|index| (DETECTORS[index].example)()),
        1 => (0..DETECTORS.len(), 1..20usize).prop_map(|(index, len)| {
            (DETECTORS[index].example)().chars().take(len).collect()
        }),
        2 => "[a-zA-Z0-9 .:=@/_-]{0,40}",
        1 => (0..DETECTORS.len()).prop_map(|index| STANDARD.encode((DETECTORS[index].example)())),
        1 => "\\PC{0,12}",
        1 => "[0-9 -]{0,30}",
    ];
    proptest::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

#[test]
fn every_example_is_found_at_every_offset_of_a_block() {
    for detector in DETECTORS {
        let example = (detector.example)();
        for pad in 0..70 {
            let text = format!("{} {example}", "x".repeat(pad));
            let (_, found) = scan(&["GET", &text, "served"]);
            assert!(!found.hits.is_empty(), "{} after {pad} bytes", detector.name);
        }
    }
}

#[test]
fn no_match_crosses_from_one_value_into_the_next() {
    // Halves of a card number: each is harmless, and together they are not one value.
    let (first, second) = ("4111 1111", "1111 1111");
    let (_, found) = scan(&[first, second]);
    assert_eq!(found.hits, []);
    let (_, found) = scan(&[&format!("{first} {second}")]);
    assert_eq!(found.hits.len(), 1, "the control: in one value they are found");
}

#[test]
fn only_ordinary_characters_make_an_event_plain() {
    assert!(scan(&["served in 3 ms", "{id}"]).1.plain);
    for odd in ["\"", "\\", "\n", "\u{7f}", "é", "\u{202e}", "\0"] {
        for pad in [0, 31, 32, 63] {
            assert!(!scan(&[&format!("{}{odd}", "x".repeat(pad))]).1.plain, "{odd:?} after {pad}");
        }
    }
}

#[test]
fn what_one_row_found_does_not_hide_what_another_finds_behind_it() {
    let key =
        ["-----BEGIN RSA PRIV", "ATE KEY-----\nMIIEow", "IBAAKCAQEA7\n-----END RSA PRIV", "ATE KEY-----"]
            .concat();
    let (values, found) = scan(&[&format!("private_key={key} rest")]);
    let mut seen = Vec::new();
    write_masked(&values.bytes, 0..values.bytes.len() - 1, &found, &mut seen, &mut |_| {});
    let seen = String::from_utf8(seen).unwrap();
    assert!(!seen.contains("MIIE") && !seen.contains("IBAAK"), "the key's body is left");
    assert!(seen.starts_with("private_key="), "the control: the name is kept");
}

#[test]
fn a_detector_of_the_policy_masks_beside_the_built_in_ones() {
    let form = Form::Prefix {
        prefixes: vec!["cb_".into(), "badge/".into()],
        alphabet: Alphabet::Alnum,
        min: 6,
        max: Some(8),
    };
    let policy = RedactPolicy {
        detectors: vec![Custom { name: "clinic_badge".into(), form }],
        ..RedactPolicy::default()
    };
    let (scanner, keys) = (Scanner::new(&policy), KeyRules::new(&policy));
    let masked = |text: &str| {
        let mut noted = Vec::new();
        let masked = scanner.masked(&keys, text, &mut noted);
        (masked, noted.iter().map(|label| label.name()).collect::<Vec<_>>())
    };
    for pad in 0..40 {
        let pad = "x ".repeat(pad);
        let (text, labels) = masked(&format!("{pad}cb_a1b2c3 and badge/Z9Y8X7W6, a@example.org"));
        let badge = "[redacted:clinic_badge]";
        assert_eq!(text, format!("{pad}{badge} and {badge}, [redacted:email]"));
        assert_eq!(labels, ["clinic_badge", "clinic_badge", "email"]);
    }
    for near in ["cb_a1b2c", "cb_a1b2c3d4e", "Cb_a1b2c3", "badge a1b2c3"] {
        assert_eq!(masked(near).0, near);
    }
}

#[test]
fn what_else_is_in_a_find_is_looked_for_only_where_it_may_be_allowed() {
    let text = format!("session_token={} next", STANDARD.encode("somebody.else@clinic.example"));
    for (rules, is_mixed) in [(scanner(), false), (allowing(), true)] {
        let (scanner, keys) = rules;
        let (mut values, mut found) = (Values::default(), Found::default());
        values.text(0, &text);
        scanner.scan(keys, &mut values, &mut found);
        let hits: Vec<_> = found.hits.iter().map(|hit| (&text[..hit.start as usize], hit.mixed)).collect();
        assert_eq!(hits, [("session_token=", is_mixed)]);
    }
}

proptest! {
    #[test]
    fn what_is_not_looked_for_in_a_find_would_have_hidden_nothing_more(text in spiced()) {
        let (scanner, keys) = allowing();
        let (mut values, mut all) = (Values::default(), Found::default());
        values.text(0, &text);
        scanner.scan(keys, &mut values, &mut all);
        let (_, found) = scan(&[&text]);
        let hidden = |found: &Found, at: usize| found.hits.iter().any(|hit| (hit.start as usize..hit.end as usize).contains(&at));
        for (at, byte) in text.bytes().enumerate() {
            // Padding tells how long a secret is modulo three, and nothing more.
            let may_be_left = byte == b'=' || !hidden(&all, at);
            prop_assert!(may_be_left || hidden(&found, at), "the byte at {} is left", at);
        }
    }

    #[test]
    fn the_vectors_and_their_plain_twin_name_the_same_candidates(text in spiced(), cut in 0..40usize) {
        let (scanner, _) = scanner();
        let mut bytes = text.into_bytes();
        bytes.truncate(bytes.len().saturating_sub(cut));
        let (mut fast, mut plain) = (Vec::new(), Vec::new());
        let fast_seen = scanner.filter.candidates(&mut bytes, &mut fast);
        let slow_seen = Tables::without_vectors(&scanner.filter).candidates(&mut bytes, &mut plain);
        prop_assert_eq!(fast, plain);
        prop_assert_eq!(fast_seen, slow_seen);
    }

    #[test]
    fn whatever_any_detector_finds_is_hidden(text in spiced()) {
        let (_, keys) = scanner();
        let (_, found) = scan(&[&text]);
        for (range, detector) in scan_slowly(keys, text.as_bytes()) {
            let hidden = |at: usize| found.hits.iter().any(|hit| (hit.start as usize..hit.end as usize).contains(&at));
            let left = range.clone().filter(|at| !hidden(*at)).count();
            prop_assert!(left == 0, "{} bytes of a {} are left", left, DETECTORS[detector].name);
        }
    }
}
