//! What content cannot show is stopped by strict channels; and what is said to come out of others does.

#![allow(clippy::unwrap_used, reason = "a test fails by it; what is unwrapped shows no secret")]

use std::collections::BTreeMap;

use dihya::{Channel, Policy, Sector};
use dihya_compliance::grid::{self, Cell};
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
fn a_strict_channel_stops_what_content_cannot_show() {
    let mut stopped = 0;
    for class in &CLASSES {
        for seed in 0..4 {
            stopped += leaks::check_uncovered(&strict(), class.number, seed).unwrap();
        }
    }
    assert!(stopped > 1000, "there is hardly anything to try");
}

#[test]
fn what_is_called_uncovered_does_come_out_of_ordinary_channels() {
    // Proves the test above able to fail, and keeps the tables from being too modest once a shape is covered.
    let mut shapes: BTreeMap<(u8, &str), Vec<Cell>> = BTreeMap::new();
    for cell in grid::cells(|state| state != State::Covered) {
        shapes.entry((cell.class(), cell.code())).or_default().push(cell);
    }
    let policy = Policy::sector(Sector::Health);
    let comes_out = |cells: &[Cell]| (0..8).any(|seed| leaks::check_cells(&policy, cells, seed).is_err());
    let covered: Vec<_> =
        shapes.iter().filter(|(_, cells)| !comes_out(cells)).map(|(shape, _)| shape).collect();
    let listed = "take them from shapes/undetectable.rs";
    assert!(covered.is_empty(), "these are covered by now, {listed}: {covered:#?}");
}

#[test]
fn a_class_is_called_what_its_cells_are() {
    let cells = grid::cells(|_| true);
    for class in &CLASSES {
        let mut states = cells.iter().filter(|cell| cell.class() == class.number).map(|cell| cell.state());
        match class.state {
            State::StrictOnly => assert!(states.all(|state| state == State::StrictOnly), "{}", class.number),
            // Panics have their own test; some cells of the others may come out, and the page says which.
            _ => {
                assert!(class.number == 21 || states.any(|state| state == State::Covered), "{}", class.number)
            }
        }
    }
}

#[test]
fn strict_channels_stop_the_covered_classes_too() {
    for class in CLASSES.iter().filter(|class| class.state == State::Covered) {
        leaks::check_class(&strict(), class.number, 1).unwrap();
    }
}
