//! Events that are too large: cut at a whole field, marked, counted, and still a record.

use tracing::{info, info_span};

use crate::support::{World, attribute};

fn cut(world: &World) -> f64 {
    world.metric("dihya_truncated_total{channel=\"app\"}")
}

#[test]
fn a_field_of_a_megabyte_is_replaced_whole_and_its_neighbours_stay() {
    let world = World::new();
    let huge = "x".repeat(1 << 20);
    world.log(|| info!(before = 1, huge, shown = %huge, debug = ?huge, after = 2, "{huge}"));
    let record = world.record("app");
    assert_eq!(record["message"], "[redacted:overrun]");
    for key in ["huge", "shown", "debug"] {
        assert_eq!(attribute(&record, key), "[redacted:overrun]", "{key}");
    }
    assert_eq!((attribute(&record, "before"), attribute(&record, "after")), (&1.into(), &2.into()));
    assert_eq!(record["redactions"]["overrun"], 4);
    assert_eq!(world.metric("dihya_redactions_total{detector=\"overrun\"}"), 4.0);
}

#[test]
fn fields_that_do_not_fit_are_left_out_and_smaller_ones_behind_them_stay() {
    let world = World::new();
    let big = "x".repeat(40_000);
    world.log(|| info!(first = big, second = big, third = big, small = 1, "m"));
    let record = world.record("app");
    let attributes = record["attributes"].as_object().unwrap();
    assert_eq!(attributes.keys().collect::<Vec<_>>(), ["first", "small"]);
    assert_eq!(record["truncated"], 2);
    assert_eq!(cut(&world), 1.0);
}

#[test]
fn escaping_that_multiplies_a_value_does_not_break_the_limit() {
    let world = World::new();
    let controls = "\u{1}".repeat(30_000);
    world.log(|| info!(a = controls, b = controls, user_id = controls, small = 1, "{controls}"));
    let record = world.record("app");
    assert_eq!(record["attributes"], serde_json::json!({"small": 1}));
    assert_eq!(record["user_id"], "[redacted:overrun]");
    assert_eq!(record["truncated"], 4);
    assert!(record["message"].as_str().unwrap().ends_with('…'));
}

#[test]
fn a_long_message_is_cut_between_characters_wherever_the_cut_falls() {
    let world = World::new();
    // Escapes of 2, 6 and 12 bytes, characters of 1 to 4.
    let pieces = ["\u{e0041}", "\\", "\n", "\u{202e}", "é", "日", "🙂", "\u{9b}"];
    world.log(|| {
        for shift in 0..24 {
            for piece in pieces {
                let message = format!("{}{}", "x".repeat(shift), piece.repeat(20_000 / piece.len()));
                info!("{message}{message}");
            }
        }
    });
    let records = world.records("app");
    assert_eq!(records.len(), 24 * pieces.len());
    for (index, record) in records.iter().enumerate() {
        let message = record["message"].as_str().unwrap();
        let start = format!("{}{}", "x".repeat(index / pieces.len()), pieces[index % pieces.len()]);
        assert!(message.starts_with(&start), "what was before the cut stays");
        if let Some(kept) = message.strip_suffix('…') {
            assert!(kept.ends_with(pieces[index % pieces.len()]) || kept.ends_with('x'));
            assert!(kept.len() > 2_000, "no more is cut than must be");
        }
    }
    assert!(records.iter().filter(|r| r.get("truncated").is_some()).count() > 100);
}

#[test]
fn a_message_just_at_its_limit_is_whole_and_one_byte_more_is_cut() {
    let world = World::new();
    for extra in 0..2 {
        let message = "m".repeat(32 * 1024 - 2 + extra);
        world.log(|| info!("{message}"));
    }
    let records = world.records("app");
    assert_eq!(records[0].get("truncated"), None);
    assert_eq!(records[1]["truncated"], 1);
    assert!(records[1]["message"].as_str().unwrap().len() <= 32 * 1024);
}

#[test]
fn spans_with_five_hundred_fields_are_left_out_as_a_whole_and_said_so() {
    let world = World::new();
    world.log(|| {
        let value = "v".repeat(60);
        let spans: Vec<_> =
            (0..125).map(|n| info_span!("deep", n, a = value, b = value, c = value).entered()).collect();
        info!(small = 1, "inside");
        drop(spans.into_iter().rev().collect::<Vec<_>>());
    });
    let record = world.record("app");
    assert_eq!(record.get("spans"), None);
    assert_eq!((&record["truncated"], attribute(&record, "small")), (&1.into(), &1.into()));
    assert_eq!(cut(&world), 1.0);
}

#[test]
fn everything_too_large_at_once_is_still_a_record() {
    let world = World::new();
    world.log(|| {
        let (text, wide) = ("\u{1}".repeat(2_500), "\u{1}".repeat(60_000));
        let _span = info_span!("deep", a = text).entered();
        info!(
            user_id = text,
            tenant_id = text,
            subject_id = text,
            outcome = text,
            event_name = text,
            trace_id = text,
            a = wide,
            b = wide,
            c = wide,
            d = wide,
            e = wide,
            f = wide,
            "{wide}"
        );
    });
    let record = world.record("app");
    assert!(record["truncated"].as_u64().unwrap() >= 8);
}

/// The largest record there can be: as many bytes of attributes as fit.
#[test]
fn a_record_grows_to_its_bound_and_not_beyond() {
    let world = World::new();
    let mut whole = 0;
    for len in (50_000..64_000).step_by(250) {
        let value = "x".repeat(len);
        world.log(|| info!(value, "m"));
        whole = len;
    }
    let records = world.records("app");
    let fits: Vec<bool> = records.iter().map(|r| r.get("truncated").is_none()).collect();
    assert!(fits[0] && !fits[fits.len() - 1], "both kinds of {whole} are seen");
    assert!(fits.windows(2).all(|pair| pair[0] >= pair[1]), "one bound separates them");
    assert_eq!(cut(&world), fits.iter().filter(|fits| !**fits).count() as f64);
}
