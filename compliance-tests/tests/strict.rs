//! What is not covered yet, or never can be, is stopped by strict channels; and it is said truthfully.

#![allow(clippy::unwrap_used, reason = "a test fails by it; what is unwrapped shows no secret")]

use dihya::{Channel, Policy, Sector};
use dihya_compliance::{CLASSES, State, leaks};

fn strict() -> Policy {
    let channels: String = Channel::BUILT_IN
        .iter()
        .map(|name| format!("[channels.{name}]\nstrict = true\nfields = [\"safe\"]\n"))
        .collect();
    let text = format!("sector = \"health\"\n[storage]\nroot = \"/logs\"\n{channels}");
    Policy::parse(&text, "strict.toml").unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn a_strict_channel_stops_every_class_that_is_not_covered() {
    for class in CLASSES.iter().filter(|class| class.state != State::Covered) {
        for seed in 0..4 {
            let planted = leaks::check_uncovered(&strict(), class.number, seed).unwrap();
            assert!(planted > 20, "class {} has no shape", class.number);
        }
    }
}

#[test]
fn what_is_called_uncovered_does_come_out_of_ordinary_channels() {
    // Proves the test above able to fail, and keeps the table from being too modest once a class is covered.
    let comes_out = |class: u8| leaks::check_uncovered(&Policy::sector(Sector::Health), class, 1).is_err();
    let uncovered = CLASSES.iter().filter(|class| class.state != State::Covered).map(|class| class.number);
    let covered: Vec<u8> = uncovered.filter(|class| !comes_out(*class)).collect();
    assert!(covered.is_empty(), "the classes {covered:?} are covered by now: say so in the table");
}

#[test]
fn strict_channels_stop_the_covered_classes_too() {
    for class in CLASSES.iter().filter(|class| class.state == State::Covered) {
        leaks::check_class(&strict(), class.number, 1).unwrap();
    }
}
