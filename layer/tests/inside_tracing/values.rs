//! Every kind of value that `tracing` can hand over, as it stands in the record.

use std::error::Error;
use std::fmt;

use serde_json::json;
use tracing::{field, info};

use crate::support::{World, attribute, canary};

#[test]
fn numbers_keep_their_value_and_what_json_cannot_say_is_text() {
    let world = World::new();
    world.log(|| {
        info!(
            i64_min = i64::MIN,
            i64_max = i64::MAX,
            u64_max = u64::MAX,
            i128_min = i128::MIN,
            u128_max = u128::MAX,
            small = -1i8,
            yes = true,
            no = false,
            "integers"
        );
        info!(
            nan = f64::NAN,
            inf = f64::INFINITY,
            ninf = f64::NEG_INFINITY,
            big = 1e300,
            tiny = 5e-324,
            nzero = -0.0,
            third = 1.0 / 3.0,
            whole = 2.0,
            "floats"
        );
    });
    let stored = world.stored("app");
    let lines: Vec<&str> = stored.lines().collect();
    assert!(lines[0].contains(
        r#""attributes":{"i64_min":-9223372036854775808,"i64_max":9223372036854775807,"u64_max":18446744073709551615,"i128_min":"-170141183460469231731687303715884105728","u128_max":"340282366920938463463374607431768211455","small":-1,"yes":true,"no":false}"#
    ), "{}", lines[0]);
    assert!(lines[1].contains(
        r#""attributes":{"nan":"NaN","inf":"inf","ninf":"-inf","big":1e300,"tiny":5e-324,"nzero":-0.0,"third":0.3333333333333333,"whole":2.0}"#
    ), "{}", lines[1]);
    assert_eq!(world.records("app").len(), 2);
}

#[test]
fn text_and_bytes_keep_their_characters_and_invalid_utf8_is_replaced() {
    let world = World::new();
    world.log(|| {
        info!(
            text = "naïve 日本 🙂 \"quoted\" \\",
            empty = "",
            valid = b"plain".as_slice(),
            invalid = b"a\xff\xfeb".as_slice(),
            "text"
        );
    });
    let expected = json!({
        "text": "naïve 日本 🙂 \"quoted\" \\", "empty": "", "valid": "plain", "invalid": "a\u{fffd}\u{fffd}b",
    });
    assert_eq!(world.record("app")["attributes"], expected);
}

#[test]
fn an_error_is_written_with_all_its_causes() {
    #[derive(Debug)]
    struct Outer(std::io::Error);
    impl fmt::Display for Outer {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("cannot save")
        }
    }
    impl Error for Outer {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&self.0)
        }
    }
    #[derive(Debug)]
    struct Circle;
    impl fmt::Display for Circle {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("round")
        }
    }
    impl Error for Circle {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(self)
        }
    }
    let world = World::new();
    let secret = canary(3);
    world.log(|| {
        let error = Outer(std::io::Error::other(format!("disk said password={secret}")));
        info!(error = &error as &dyn Error, "failed");
        info!(error = &Circle as &dyn Error, "never ends");
    });
    let stored = world.stored("app");
    assert!(!stored.contains(&secret), "a cause's secret is in the file");
    let records = world.records("app");
    let text = attribute(&records[0], "error").as_str().unwrap();
    assert!(text.starts_with("cannot save: disk said password="), "the causes follow");
    assert!(attribute(&records[1], "error").as_str().unwrap().starts_with("round: round"));
}

#[test]
fn options_and_empty_fields_leave_no_trace_when_they_hold_nothing() {
    let world = World::new();
    world.log(|| info!(some = Some(1), none = None::<u64>, empty = field::Empty, debug = ?None::<u64>, "x"));
    assert_eq!(world.record("app")["attributes"], json!({"some": 1, "debug": "None"}));
}

#[test]
fn display_debug_and_an_empty_debug_are_text() {
    struct Nothing;
    impl fmt::Debug for Nothing {
        fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
            Ok(())
        }
    }
    let world = World::new();
    world.log(|| info!(shown = %"a b", debug = ?["x"], nothing = ?Nothing, "x"));
    assert_eq!(world.record("app")["attributes"], json!({"shown": "a b", "debug": "[\"x\"]", "nothing": ""}));
}

#[test]
fn a_message_is_formatted_with_its_arguments_and_may_be_missing() {
    let world = World::new();
    world.log(|| {
        let n = 3;
        info!("{} of {n} {:?}", 1, "x");
        info!(a = 1);
        info!(message = "as a field");
    });
    let records = world.records("app");
    assert_eq!(records[0]["message"], "1 of 3 \"x\"");
    assert_eq!(records[1].get("message"), None);
    assert_eq!(records[2]["message"], "as a field");
}

#[test]
fn a_name_given_twice_keeps_both_values_under_two_keys() {
    let world = World::new();
    world.log(|| info!(a = 1, a = 2, "a#2" = 3, user_id = "first", user_id = "second", "x"));
    let record = world.record("app");
    assert_eq!(record["attributes"], json!({"a": 1, "a#2": 2, "a#2#2": 3, "user_id#2": "second"}));
    assert_eq!(record["user_id"], "first");
}

#[test]
fn names_masked_into_one_keep_both_values_under_two_keys() {
    let world = World::new();
    world.log(|| info!("ann@example.com" = 1, "bob@example.com" = 2, "x"));
    let record = world.record("app");
    assert_eq!(record["attributes"], json!({"[redacted:email]": 1, "[redacted:email]#2": 2}));
}

#[test]
fn a_field_cannot_forge_the_envelope() {
    let world = World::new();
    world.log(|| {
        info!(
            v = 9,
            id = "forged",
            timestamp = "forged",
            channel = "audit",
            level = "AUDIT",
            target = "forged",
            service = "forged",
            spans = "forged",
            attributes = "forged",
            redactions = "forged",
            truncated = 7,
            "x"
        );
    });
    let record = world.record("app");
    let attributes = record["attributes"].as_object().unwrap();
    assert_eq!(attributes.len(), 11);
    assert_eq!(record["v"], 1);
    assert_eq!(record["channel"], "app");
    assert_eq!(record["level"], "INFO");
    assert_eq!(record["service"], json!({"name": "clinic", "version": "1.4.2"}));
    assert_eq!((record.get("spans"), record.get("redactions"), record.get("truncated")), (None, None, None));
}

#[test]
fn fields_with_a_place_of_their_own_stand_at_the_top_in_a_fixed_order() {
    let world = World::new();
    world.log(|| {
        info!(subject_id = "s", user_id = "u", tenant_id = "t", outcome = "success", event_name = "n", "m");
    });
    let stored = world.stored("app");
    let expected = r#""level":"INFO","event_name":"n","outcome":"success","tenant_id":"t","user_id":"u","subject_id":"s","message":"m","target":"#;
    assert!(stored.contains(expected), "{stored}");
}
