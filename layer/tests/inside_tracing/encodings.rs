//! What is written in another form is redacted as what it stands for.

use dihya::inspect::detectors;
use serde_json::json;
use tracing::info;

use crate::support::World;

/// Something that a detector of this name finds; no file holds it.
fn example(name: &str) -> String {
    detectors().find(|detector| detector.name == name).expect("a built-in detector").example()
}

#[test]
fn an_encoded_secret_is_hidden_and_what_stands_around_it_is_not() {
    let token = example("npm_token");
    let percent: String = token.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let hex: String = token.bytes().map(|byte| format!("{byte:02x}")).collect();
    let world = World::new();
    world.log(|| {
        info!(query = format!("page=2&t={percent}&x=1"), dump = hex, seen = %"a%20b", "got {:?}.", token.as_bytes())
    });
    let record = world.record("app");
    let hidden = "[redacted:npm_token]";
    assert_eq!(record["message"], format!("got [{hidden}]."));
    assert_eq!(
        record["attributes"],
        json!({ "query": format!("page=2&t={hidden}&x=1"), "dump": hidden, "seen": "a%20b" })
    );
    assert_eq!(world.metric("dihya_redactions_total{detector=\"npm_token\"}"), 3.0);
}

#[test]
fn lists_of_numbers_in_fields_side_by_side_are_each_looked_at() {
    let token = example("npm_token");
    let pairs: Vec<String> = token.bytes().map(|byte| format!("{byte:02x}")).collect();
    let pairs = pairs.join(":");
    let world = World::new();
    world.log(|| info!(first = pairs, second = pairs, third = pairs, "pairs"));
    let hidden = "[redacted:npm_token]";
    assert_eq!(
        world.record("app")["attributes"],
        json!({ "first": hidden, "second": hidden, "third": hidden })
    );
}

#[test]
fn a_float_that_holds_a_card_number_is_hidden() {
    // Of 19 digits; a float holds those that are a multiple of 512.
    let luhn = |number: &u64| {
        let digits = number.to_string().into_bytes();
        let sum: u32 = (digits.iter().rev().enumerate())
            .map(|(i, digit)| u32::from(digit - b'0') << (i % 2))
            .map(|doubled| doubled / 10 + doubled % 10)
            .sum();
        sum.is_multiple_of(10)
    };
    let multiples = || (4_111_111_111_111_111_000_u64 / 512..).map(|n| n * 512);
    let card = multiples().find(luhn).expect("one in ten");
    let other = multiples().find(|number| !luhn(number)).expect("nine in ten");
    let world = World::new();
    world.log(|| info!(card_like = card as f64, other = other as f64, size = 1e300, "floats"));
    assert_eq!(
        world.record("app")["attributes"],
        json!({ "card_like": "[redacted:card].0", "other": other as f64, "size": 1e300 })
    );
}

#[test]
fn a_value_made_to_be_slow_is_replaced_whole_and_counted() {
    let world = World::new();
    world.log(|| info!(slow = "token=a:b%25".repeat(5_000), other = "seen", "one"));
    let record = world.record("app");
    assert_eq!(record["attributes"], json!({ "slow": "[redacted:overrun]", "other": "seen" }));
    assert_eq!(world.metric("dihya_redactions_total{detector=\"overrun\"}"), 1.0);
}
