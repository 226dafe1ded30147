//! Text that tries to be more than text: another line, another colour, another direction.

use tracing::{info, info_span};

use crate::support::{World, attribute};

const FORGED: &str = "ok\r\n{\"v\":1,\"level\":\"AUDIT\"}\n\u{1b}[2J\u{1b}]0;x\u{7}\0\u{85}\u{9b}31m\u{202e}nimda\u{2066}\u{200b}\u{feff}\u{2028}\u{7f}\\\"}";

#[test]
fn one_event_is_one_line_whatever_its_values_hold() {
    let world = World::new();
    world.log(|| {
        let span = info_span!("request", route = FORGED);
        let _inside = span.enter();
        info!(field = FORGED, shown = %FORGED, user_id = FORGED, debug = ?FORGED, bytes = FORGED.as_bytes(), "{FORGED}");
    });
    let stored = world.stored("app");
    assert_eq!(stored.lines().count(), 1);
    let deceptive = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    assert!(!stored.trim_end_matches('\n').chars().any(deceptive), "a control character is in the file");
    let record = world.record("app");
    assert_eq!(record["message"], FORGED);
    assert_eq!(record["user_id"], FORGED);
    for key in ["field", "shown", "bytes"] {
        assert_eq!(attribute(&record, key), FORGED, "{key}");
    }
    assert_eq!(record["spans"][0]["attributes"]["route"], FORGED);
}

#[test]
fn a_name_that_ends_the_line_does_not() {
    let world = World::new();
    world.log(|| {
        let span = info_span!("sp\nan", "ke\ny" = 1);
        let _inside = span.enter();
        tracing::event!(target: "ta\nrget", tracing::Level::INFO, { "fie\"ld\r\n" = 1 }, "x");
    });
    let record = world.record("app");
    assert_eq!(record["target"], "ta\nrget");
    assert_eq!(attribute(&record, "fie\"ld\r\n"), 1);
    assert_eq!(record["spans"][0]["name"], "sp\nan");
}

#[test]
fn a_direct_record_is_one_line_too() {
    let world = World::new();
    let record =
        dihya::Record::audit("sensitive_read").message(FORGED).field("user_id", FORGED).field("k", FORGED);
    world.handle.record(record).unwrap();
    let record = world.record("audit");
    assert_eq!((&record["message"], &record["user_id"]), (&FORGED.into(), &FORGED.into()));
    assert_eq!(attribute(&record, "k"), FORGED);
}
