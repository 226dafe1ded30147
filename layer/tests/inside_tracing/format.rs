//! `docs/record.schema.json` is true of every record, and of nothing else.

use serde_json::{Value, json};
use tracing::{field, info, info_span};

use crate::support::{World, parse};

fn schema() -> jsonschema::Validator {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/record.schema.json");
    let schema: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    jsonschema::meta::validate(&schema).unwrap();
    jsonschema::validator_for(&schema).unwrap()
}

/// Real output of all channels, with every key there is.
fn output() -> Vec<Value> {
    let world = World::with(
        "[channels.own]\nstrict = true\nfields = [\"a\"]\n[[routes]]\ntarget = \"own\"\nchannel = \"own\"",
    );
    world.log(|| {
        info!("plain");
        tracing::error!(a = 1, b = -0.5, c = true, d = "text", e = f64::NAN, f = u64::MAX, "all types");
        info!(target: "own", a = 1, b = 2, "strict");
        info!(user_id = 7, tenant_id = true, trace_id = "t", span_id = "s", event_name = "n", "bare");
        let span = info_span!("request", password = "x", n = 1, late = field::Empty);
        let _inside = span.enter();
        let _bare = info_span!("bare").entered();
        dihya::audit!(
            "sensitive_read",
            user_id = "u",
            subject_id = "s",
            outcome = "success",
            token = "x",
            "m"
        );
        dihya::security!("authn_login_fail", source = "192.0.2.7");
        dihya::api!("served", status = 200);
        dihya::scheduler!("ran");
        dihya::generation!("generated");
        let big = "x".repeat(40_000);
        info!(big, more = big, user_id = big, "{big}");
    });
    world.handle.record(dihya::Record::audit("direct").message("m").number("n", 1)).unwrap();
    let channels = ["app", "audit", "security", "api", "scheduler", "generation", "own"];
    let all: String = channels.iter().map(|channel| world.stored(channel)).collect();
    parse(&all)
}

#[test]
fn every_record_is_valid() {
    let schema = schema();
    let records = output();
    assert_eq!(records.len(), 11);
    for record in &records {
        let errors: Vec<_> =
            schema.iter_errors(record).map(|e| format!("{} at {}", e, e.instance_path)).collect();
        assert!(errors.is_empty(), "{errors:?}");
    }
    // Each key of the schema was seen: what never occurs would be valid too.
    let keys = [
        "v",
        "id",
        "timestamp",
        "channel",
        "level",
        "event_name",
        "outcome",
        "tenant_id",
        "user_id",
        "subject_id",
        "message",
        "target",
        "trace_id",
        "span_id",
        "spans",
        "attributes",
        "redactions",
        "truncated",
        "service",
    ];
    for key in keys {
        assert!(records.iter().any(|record| record.get(key).is_some()), "{key} was not seen");
    }
}

#[test]
fn the_layers_own_records_are_valid_too() {
    let schema = schema();
    // A queue of the least size, and more than it holds in one go: the loss is told in band.
    let world = World::with("[channels.app]\nqueue = \"64 KiB\"\non_full = \"drop\"");
    world.log(|| (0..500).for_each(|n| info!(n, text = "x ".repeat(15_000), "burst")));
    world.log(|| {
        (0..20).for_each(|n| {
            let _ = world.records("app");
            info!(n, "after")
        })
    });
    let records = world.records("app");
    let own: Vec<_> = records.iter().filter(|r| r["target"] == "dihya").collect();
    assert!(!own.is_empty(), "a loss is told");
    assert!(records.iter().all(|record| schema.is_valid(record)));
}

#[test]
fn what_is_no_record_is_rejected() {
    let schema = schema();
    let good = output().into_iter().find(|r| r["channel"] == "audit" && r.get("spans").is_some()).unwrap();
    assert!(schema.is_valid(&good));
    for key in ["v", "id", "timestamp", "channel", "level", "target", "service"] {
        let mut record = good.clone();
        record.as_object_mut().unwrap().remove(key);
        assert!(!schema.is_valid(&record), "without {key}");
    }
    let wrong = [
        ("extra", json!(1)),
        ("v", json!(2)),
        ("v", json!("1")),
        ("id", json!("0197a1c2-0000-4000-8000-000000000000")),
        ("id", json!("no")),
        ("timestamp", json!("2026-11-20T12:00:00Z")),
        ("timestamp", json!("2026-11-20T12:00:00.000000+00:00")),
        ("timestamp", json!(1_795_176_000)),
        ("channel", json!("Audit")),
        ("level", json!("INFO")),
        ("level", json!("audit")),
        ("event_name", json!(["a"])),
        ("message", json!({"text": "x"})),
        ("message", json!(null)),
        ("user_id", json!("x".repeat(2_000))),
        ("spans", json!([])),
        ("spans", json!([{"attributes": {}}])),
        ("spans", json!([{"name": "a", "other": 1}])),
        ("attributes", json!({"nested": {"a": 1}})),
        ("attributes", json!({"list": [1]})),
        ("attributes", json!([1])),
        ("redactions", json!({})),
        ("redactions", json!({"email": 0})),
        ("redactions", json!({"email": "1"})),
        ("truncated", json!(0)),
        ("truncated", json!(true)),
        ("service", json!({"version": "1"})),
        ("service", json!({"name": "a", "host": "b"})),
    ];
    for (key, value) in wrong {
        let mut record = good.clone();
        record[key] = value;
        assert!(!schema.is_valid(&record), "a wrong {key} passes");
    }
}
