//! No secret comes out, in any covered class, with any detector: every cell of the grid once, and then at random.

#![allow(clippy::unwrap_used, reason = "a test fails by it; what is unwrapped shows no secret")]

use std::collections::BTreeSet;

use dihya::{Policy, Sector};
use dihya_compliance::grid::{self, Cell};
use dihya_compliance::{CLASSES, State, leaks};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

fn policy() -> Policy {
    Policy::sector(Sector::Health).service("clinic", "1.4.2")
}

fn holds(class: u8) {
    let planted = leaks::check_every_shape(&policy(), class, 1).unwrap();
    assert!(planted > 0, "class {class} has no covered shape");
    let config = Config {
        cases: leaks::cases(CASES),
        failure_persistence: None,
        max_shrink_iters: 0,
        ..Config::default()
    };
    let outcome = TestRunner::new(config).run(&any::<u64>(), |seed| {
        leaks::check_class(&policy(), class, seed)
            .map(drop)
            .map_err(|leaked| TestCaseError::fail(leaked.to_string()))
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
}

/// Each case plants a canary of every detector, a hundred or so.
const CASES: u32 = 4;

macro_rules! classes {
    ($($name:ident = $class:literal;)*) => {
        $(
            #[test]
            fn $name() {
                holds($class);
            }
        )*

        #[test]
        fn every_covered_class_has_its_test() {
            let tested = [$($class),*];
            for class in CLASSES.iter().filter(|class| class.state == State::Covered) {
                // Panics need a process of their own: `panics.rs`.
                assert!(class.number == 21 || tested.contains(&class.number), "class {}", class.number);
            }
        }
    };
}

classes! {
    a_field_shows_no_secret = 1;
    no_spelling_of_a_name_shows_its_value = 2;
    the_message_shows_no_secret = 3;
    prose_shows_no_value_beside_its_key = 4;
    json_shows_no_secret = 5;
    json_within_json_shows_no_secret = 6;
    a_struct_shows_no_secret = 7;
    a_pretty_struct_shows_no_secret = 8;
    tuples_enums_and_options_show_no_secret = 9;
    a_map_of_headers_shows_no_secret = 10;
    a_url_shows_no_password = 11;
    a_query_shows_no_secret = 12;
    a_fragment_shows_no_secret = 13;
    percent_encoding_shows_no_secret = 14;
    base64_shows_no_secret = 15;
    basic_authentication_shows_no_password = 16;
    hexadecimal_shows_no_secret = 17;
    escapes_and_entities_show_no_secret = 18;
    a_list_of_bytes_shows_no_secret = 19;
    the_causes_of_an_error_show_no_secret = 20;
    names_of_spans_and_targets_show_no_secret = 22;
    a_spans_field_shows_no_secret = 23;
    a_spans_late_field_shows_no_secret = 24;
    a_span_above_shows_no_secret = 25;
    a_fields_name_shows_no_secret = 26;
    no_block_edge_lets_a_secret_through = 28;
    no_maximum_length_lets_a_secret_through = 29;
    a_private_key_over_several_lines_is_hidden = 30;
    invisible_characters_let_no_secret_through = 31;
    look_alike_characters_let_no_secret_through = 32;
    control_characters_let_no_secret_through = 33;
    numbers_show_no_card = 34;
    grouped_digits_show_no_number_of_a_person = 35;
    a_secret_next_to_something_else_is_hidden = 36;
    connection_strings_show_no_password = 37;
    what_breaks_a_formatter_shows_no_secret = 38;
}

#[test]
fn the_grid_holds_every_class_with_every_detector() {
    let cells = grid::cells(|_| true);
    let known: BTreeSet<&str> = dihya::inspect::detectors().map(|detector| detector.name).collect();
    assert!(known.len() > 50);
    // A number has the form of a card or of a NIR; so has what is written in groups.
    let of_numbers = [34, 35];
    // Panics need a process of their own: `panics.rs` has every detector.
    let elsewhere = 21;
    for class in CLASSES.iter().map(|class| class.number).filter(|class| *class != elsewhere) {
        let of_class: Vec<&Cell> = cells.iter().filter(|cell| cell.class() == class).collect();
        let detectors: BTreeSet<&str> = of_class.iter().map(|cell| cell.detector()).collect();
        if of_numbers.contains(&class) {
            assert!(detectors.contains("card") && detectors.contains("nir"), "class {class}");
        } else {
            let missing: Vec<_> = known.difference(&detectors).collect();
            assert!(missing.is_empty(), "class {class} is not tried with {missing:?}");
        }
    }
}
