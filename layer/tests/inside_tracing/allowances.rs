//! What a policy allows to be written although a detector finds it.

use serde_json::json;

use crate::support::World;

const ALLOWED: &str = r#"
[redact]
keep_keys = ["author_email", "contact"]

[[redact.allow]]
detector = "email"
field = "author_email"
reason = "authors of commits are public"

[[redact.allow]]
detector = "email"
value = "support@clinic.example"
channel = "api"
reason = "printed on every page"

[[redact.allow]]
detector = "email"
prefix = "noreply@"
target = "mailer"
reason = "nobody reads it"
"#;

#[test]
fn an_allowance_by_field_shows_what_the_detector_finds_there_alone() {
    let world = World::with(ALLOWED);
    world.log(|| {
        tracing::info!(author_email = "ada@example.org", contact = "ada@example.org", "by ada@example.org");
    });
    let record = world.record("app");
    assert_eq!(record["message"], "by [redacted:email]");
    assert_eq!(
        record["attributes"],
        json!({ "author_email": "ada@example.org", "contact": "[redacted:email]" })
    );
    assert_eq!(record["redactions"], json!({ "email": 2 }));
}

#[test]
fn another_detector_in_an_allowed_field_still_hides_what_it_finds() {
    let world = World::with(ALLOWED);
    let card = format!("4111 1111 1111 {}", 1111);
    let key = format!("AK{}{}", "IA", "IOSFODNN7EXAMPLE");
    // The last two are one find each of two detectors: what one of them hides, the other's allowance does not show.
    world.log(|| {
        tracing::info!(author_email = format!("ada@example.org {card}"), "first");
        tracing::info!(author_email = "password=ada@example.org", "second");
        tracing::info!(author_email = format!("ada.{key}@example.org"), "third");
    });
    let records = world.records("app");
    assert_eq!(records[0]["attributes"], json!({ "author_email": "ada@example.org [redacted:card]" }));
    assert_eq!(records[1]["attributes"], json!({ "author_email": "password=[redacted:keyed_secret]" }));
    assert_eq!(records[2]["attributes"], json!({ "author_email": "[redacted:email]" }));
}

#[test]
fn an_allowance_by_text_shows_that_text_in_its_channel_or_target_alone() {
    let world = World::with(ALLOWED);
    let text = "to support@clinic.example, noreply@clinic.example, unsupport@clinic.example";
    world.log(|| {
        tracing::info!(target: "api", "{text}");
        tracing::info!(target: "mailer::queue", "{text}");
        tracing::info!(target: "mailers", "{text}");
    });
    let messages = |channel| -> Vec<String> {
        let records = world.records(channel).into_iter();
        records.map(|record| record["message"].as_str().unwrap().to_owned()).collect()
    };
    let hidden = "[redacted:email]";
    assert_eq!(messages("api"), [format!("to support@clinic.example, {hidden}, {hidden}")]);
    assert_eq!(
        messages("app"),
        [
            format!("to {hidden}, noreply@clinic.example, {hidden}"),
            format!("to {hidden}, {hidden}, {hidden}")
        ]
    );
}

#[test]
fn a_span_s_field_belongs_to_no_channel() {
    let world = World::with(ALLOWED);
    world.log(|| {
        let span = tracing::info_span!(
            "send",
            author_email = "ada@example.org",
            to = "support@clinic.example",
            copy = tracing::field::Empty
        );
        span.record("copy", "noreply@clinic.example");
        span.in_scope(|| tracing::info!(target: "api", "sent"));
    });
    assert_eq!(
        world.record("api")["spans"][0]["attributes"],
        json!({ "author_email": "ada@example.org", "to": "[redacted:email]", "copy": "[redacted:email]" })
    );
}

#[test]
fn a_credential_is_allowed_in_one_exact_field() {
    let key = format!("AK{}{}", "IA", "IOSFODNN7EXAMPLE");
    let world = World::with(
        "[[redact.allow]]\ndetector = \"aws_key_id\"\nfield = \"sample\"\nreason = \"documentation\"\n",
    );
    world.log(|| tracing::info!(sample = key, sample_2 = key, "{key}"));
    let record = world.record("app");
    assert_eq!(record["message"], "[redacted:aws_key_id]");
    assert_eq!(record["attributes"], json!({ "sample": key, "sample_2": "[redacted:aws_key_id]" }));
}
