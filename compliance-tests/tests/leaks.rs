//! No secret comes out, in any covered class, with any detector.

#![allow(clippy::unwrap_used, reason = "a test fails by it; what is unwrapped shows no secret")]

use dihya::{Policy, Sector};
use dihya_compliance::{CLASSES, State, leaks};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

fn policy() -> Policy {
    Policy::sector(Sector::Health).service("clinic", "1.4.2")
}

fn holds(class: u8) {
    leaks::check_every_shape(&policy(), class, 1).unwrap();
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

/// Each case plants a canary of every detector, a hundred or so: with these, several thousand per class.
const CASES: u32 = 48;

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
    basic_authentication_shows_no_password = 16;
    the_causes_of_an_error_show_no_secret = 20;
    names_of_spans_and_targets_show_no_secret = 22;
    a_spans_field_shows_no_secret = 23;
    a_spans_late_field_shows_no_secret = 24;
    a_span_above_shows_no_secret = 25;
    a_fields_name_shows_no_secret = 26;
    no_block_edge_lets_a_secret_through = 28;
    no_maximum_length_lets_a_secret_through = 29;
    a_private_key_over_several_lines_is_hidden = 30;
    control_characters_let_no_secret_through = 33;
    numbers_show_no_card = 34;
    grouped_digits_show_no_number_of_a_person = 35;
    a_secret_next_to_something_else_is_hidden = 36;
    connection_strings_show_no_password = 37;
    what_breaks_a_formatter_shows_no_secret = 38;
}
