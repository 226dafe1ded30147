//! Values whose formatting panics or fails. What goes to stderr meanwhile is the children's affair (`processes`).

use std::fmt;

use serde_json::json;
use tracing::info;

use crate::support::{World, parse};

struct Panics;

impl fmt::Debug for Panics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("half a value, ")?;
        panic!("in Debug")
    }
}

impl fmt::Display for Panics {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        std::panic::panic_any(DropPanics)
    }
}

/// A payload that panics again when it is dropped.
struct DropPanics;

impl Drop for DropPanics {
    fn drop(&mut self) {
        panic!("in the payload's drop")
    }
}

struct Fails;

impl fmt::Display for Fails {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("half a value")?;
        Err(fmt::Error)
    }
}

#[test]
fn a_panicking_value_costs_its_field_alone_and_the_next_event_nothing() {
    let world = World::new();
    world.log(|| {
        info!(before = 1, debug = ?Panics, between = "x", display = %Panics, after = true, "kept");
        info!(n = 2, "next");
    });
    let records = world.records("app");
    let expected = json!({
        "before": 1, "debug": "[redacted:panic]", "between": "x", "display": "[redacted:panic]", "after": true,
    });
    assert_eq!((&records[0]["attributes"], &records[0]["message"]), (&expected, &json!("kept")));
    assert_eq!(records[0]["redactions"], json!({"panic": 2}));
    assert_eq!((&records[1]["attributes"], &records[1]["message"]), (&json!({"n": 2}), &json!("next")));
    assert!(!world.stored("app").contains("half a value"), "half a value is in the file");
    assert_eq!(world.metric("dihya_redactions_total{detector=\"panic\"}"), 2.0);
}

#[test]
fn a_panicking_message_is_replaced_and_the_fields_stay() {
    let world = World::new();
    world.log(|| info!(a = 1, "{Panics:?} and more"));
    let record = world.record("app");
    assert_eq!((&record["message"], &record["attributes"]["a"]), (&json!("[redacted:panic]"), &json!(1)));
}

#[test]
fn a_value_that_cannot_be_formatted_is_marked() {
    let world = World::new();
    world.log(|| info!(fails = %Fails, fine = 1, "kept"));
    let record = world.record("app");
    assert_eq!(record["attributes"], json!({"fails": "[redacted:unformattable]", "fine": 1}));
    assert_eq!(record["redactions"], json!({"unformattable": 1}));
}

#[test]
fn a_value_that_never_ends_is_stopped() {
    struct Endless;
    impl fmt::Debug for Endless {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            loop {
                f.write_str("on and on ")?;
            }
        }
    }
    /// Ignores that nobody takes what it writes, as far as it can.
    struct Stubborn;
    impl fmt::Debug for Stubborn {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            for _ in 0..100_000 {
                let _ = f.write_str("on and on ");
            }
            Ok(())
        }
    }
    let world = World::new();
    world.log(|| info!(endless = ?Endless, stubborn = ?Stubborn, fine = 1, "kept"));
    let record = world.record("app");
    let expected = json!({"endless": "[redacted:overrun]", "stubborn": "[redacted:overrun]", "fine": 1});
    assert_eq!(record["attributes"], expected);
}

#[test]
fn a_panic_between_two_events_leaves_no_half_record() {
    let world = World::new();
    world.log(|| {
        info!("before");
        // Evaluated before the event exists: the panic is the caller's, and no record.
        let caught = std::panic::catch_unwind(|| {
            info!(
                a = {
                    if true {
                        panic!("an argument")
                    }
                    1
                },
                "never"
            )
        });
        assert!(caught.is_err());
        info!("after");
    });
    let messages: Vec<_> = parse(&world.stored("app")).iter().map(|r| r["message"].clone()).collect();
    assert_eq!(messages, ["before", "after"]);
}
