//! Generated projects: what is taken, what is refused, what can be read back.

use std::collections::BTreeSet;

use dihya::{Generation, GenerationError, GenerationStatus, Recorded};
use serde_json::{Map, Value, json};

use crate::support::{World, attribute, canary};

fn made() -> Generation {
    Generation {
        user_id: "u_17".into(),
        project_name: "shop".into(),
        stack: vec!["axum".into(), "sqlite".into()],
        files: vec!["README.md".into(), "backend/app.py".into()],
        plugins: vec!["auth".into()],
        template: Some("web".into()),
        ..Generation::default()
    }
}

fn failed(error: &str) -> Generation {
    Generation { status: GenerationStatus::Failure, error: Some(error.into()), ..made() }
}

fn recorded(world: &World, generation: &Generation) -> Recorded {
    world.handle.record_generation(generation).unwrap()
}

fn record(world: &World, generation: &Generation) {
    let _ = recorded(world, generation);
}

#[test]
fn a_generation_is_one_record_with_its_lists() {
    let world = World::new();
    let recorded = recorded(&world, &made());
    assert!(recorded.failed_checks.is_empty());
    let record = world.record("generation");
    assert_eq!(record["id"], recorded.receipt.id());
    assert_eq!(record["event_name"], "project_generated");
    assert_eq!((&record["user_id"], &record["outcome"]), (&json!("u_17"), &json!("success")));
    assert_eq!(
        record["attributes"],
        json!({
            "project_name": "shop", "stack": ["axum", "sqlite"], "files": ["README.md", "backend/app.py"],
            "status": "success", "plugins": ["auth"], "template": "web"
        })
    );
}

#[test]
fn files_that_are_not_relative_names_are_refused_and_not_repeated() {
    let world = World::new();
    let content = format!("line one\n{}", canary(1));
    let long = "x".repeat(1025);
    let wrong = [
        "/etc/passwd",
        "~/x",
        "C:\\x",
        "c:x",
        "\\\\host\\x",
        "a\\b",
        "../x",
        "a/../b",
        "a/..",
        "./a",
        "a//b",
        "a/",
        "",
        &content,
        &long,
    ];
    for name in wrong {
        let files = vec!["README.md".into(), name.to_owned()];
        let error = world.handle.record_generation(&Generation { files, ..made() }).unwrap_err();
        assert!(matches!(error, GenerationError::File { index: 1, .. }), "a wrong name was taken");
        assert!(!error.to_string().contains("fish"), "the error repeats content");
    }
    assert!(world.records("generation").is_empty());
    let files = vec!["..a".into(), "a..b/c".into(), ".github/x.yml".into(), "dép/ü.rs".into()];
    record(&world, &Generation { files, ..made() });
}

#[test]
fn an_error_is_redacted_before_it_is_cut_and_says_what_was_found() {
    let world = World::new();
    let token = ["gh", "p_", &"aB3x".repeat(9)].concat();
    // The cut would fall into the token.
    record(&world, &failed(&format!("{} {token} after", "é".repeat(240))));
    let stored = world.record("generation");
    let error = attribute(&stored, "error").as_str().unwrap();
    assert!(error.len() <= 512 && error.contains("[redacted:github_token]"), "{} bytes", error.len());
    assert!(!stored.to_string().contains(&token[..12]), "a part of the token is left");
    assert_eq!(stored["redactions"], json!({"github_token": 1}));
    record(&world, &failed(&"é".repeat(400)));
    assert_eq!(attribute(&world.records("generation")[1], "error").as_str().unwrap().len(), 512);
}

#[test]
fn extras_are_allow_listed_flat_and_small() {
    let world = World::with("[generation]\nextra = [\"duration_ms\", \"model\"]\n");
    let with = |name: &str, value: Value| Generation { extra: [(name.into(), value)].into(), ..made() };
    for (name, value) in [
        ("specification", json!("the whole idea")),
        ("model", json!(["a"])),
        ("model", json!({"a": 1})),
        ("model", Value::Null),
        ("model", json!("x".repeat(4096))),
    ] {
        let error = world.handle.record_generation(&with(name, value)).unwrap_err();
        assert!(matches!(error, GenerationError::Extra { .. }), "{name} was taken");
        assert!(!error.to_string().contains("whole idea"));
    }
    record(&world, &with("duration_ms", json!(1200)));
    assert_eq!(attribute(&world.record("generation"), "duration_ms"), 1200);
}

#[test]
fn a_record_that_does_not_hold_together_is_kept_counted_and_told() {
    let world = World::new();
    let unexplained = Generation { status: GenerationStatus::Failure, ..made() };
    assert_eq!(recorded(&world, &unexplained).failed_checks, ["status_error"]);
    let contradictory = Generation { error: Some("but it worked".into()), ..made() };
    assert_eq!(recorded(&world, &contradictory).failed_checks, ["status_error"]);
    let nameless = Generation { project_name: String::new(), ..made() };
    let recorded = recorded(&world, &nameless);
    assert_eq!(recorded.failed_checks, ["required_field"]);
    let records = world.records("generation");
    assert_eq!(records.len(), 6, "each stands, with a record that tells of it");
    let told = &records[5];
    assert_eq!(told["event_name"], "generation_inconsistent");
    assert_eq!(attribute(told, "record_id"), recorded.receipt.id());
    assert_eq!(attribute(told, "checks"), "required_field");
    let count = |check| world.metric(&format!("dihya_generation_check_failures_total{{check=\"{check}\"}}"));
    assert_eq!((count("status_error"), count("required_field"), count("duplicate_id")), (2.0, 1.0, 0.0));
}

#[test]
fn the_newest_come_first_and_no_more_than_asked_for() {
    let world = World::new();
    for number in 0..5 {
        record(&world, &Generation { project_name: format!("p{number}"), ..made() });
        world.clock.set(world.clock.now() + 86_400_000_000);
    }
    let names = |limit| -> Vec<String> {
        let recent = world.handle.recent_generations(limit).unwrap();
        recent.iter().map(|generation| generation["project_name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(2), ["p4", "p3"]);
    assert_eq!(names(10), ["p4", "p3", "p2", "p1", "p0"]);
    assert_eq!(names(0), [""; 0]);
}

#[test]
fn an_export_has_exactly_the_keys_and_one_object_per_generation() {
    let world = World::new();
    record(&world, &Generation { extra: [("duration_ms".into(), json!(7))].into(), ..made() });
    record(&world, &failed("no space"));
    // What is told beside a record is no generation.
    record(&world, &Generation { status: GenerationStatus::Failure, ..made() });
    assert_eq!(world.handle.export_generations("/logs/export.jsonl").unwrap(), 3);
    let text = world.file("/logs/export.jsonl");
    let exported: Vec<Map<String, Value>> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let keys = |generation: &Map<String, Value>| -> BTreeSet<String> { generation.keys().cloned().collect() };
    let fixed = "timestamp user_id project_name stack files status error plugins template";
    let fixed: BTreeSet<String> = fixed.split(' ').map(str::to_owned).collect();
    assert_eq!(keys(&exported[1]), fixed);
    assert_eq!(&keys(&exported[0]) - &fixed, BTreeSet::from(["duration_ms".to_owned()]));
    assert_eq!(exported[0]["files"], json!(["README.md", "backend/app.py"]));
    assert_eq!((&exported[0]["error"], &exported[1]["error"]), (&Value::Null, &json!("no space")));
    let again = world.handle.export_generations("/logs/export.jsonl").unwrap_err();
    assert!(matches!(again, GenerationError::Write(_)), "an export is never overwritten");
}

#[test]
fn more_files_than_fit_are_counted() {
    let world = World::new();
    let files: Vec<String> = (0..5000).map(|number| format!("src/generated/module_{number:05}.rs")).collect();
    record(&world, &Generation { files: files.clone(), ..made() });
    let stored = world.record("generation");
    let kept = attribute(&stored, "files").as_array().unwrap().len();
    assert!(kept > 500 && kept < files.len());
    assert_eq!(attribute(&stored, "files_omitted"), files.len() - kept);
}

#[test]
fn a_secret_in_any_part_of_a_generation_is_masked() {
    let world = World::new();
    let token = ["gh", "p_", &"aB3x".repeat(9)].concat();
    let dirty = Generation {
        project_name: format!("shop {token}"),
        stack: vec!["axum".into(), token.clone()],
        files: vec![format!("src/{token}.rs")],
        plugins: vec![token.clone(), "auth".into()],
        template: Some(token.clone()),
        extra: [("model".into(), json!(token))].into(),
        ..failed(&token)
    };
    record(&world, &dirty);
    let stored = world.stored("generation");
    assert!(!stored.contains(&token[4..]), "the token is in the record");
    let stored: Value = serde_json::from_str(&stored).unwrap();
    assert_eq!(attribute(&stored, "stack"), &json!(["axum", "[redacted:github_token]"]));
    assert_eq!(attribute(&stored, "plugins"), &json!(["[redacted:github_token]", "auth"]));
    assert!(!format!("{dirty:?}").contains(&token[4..]), "Debug shows what is not redacted yet");
}
