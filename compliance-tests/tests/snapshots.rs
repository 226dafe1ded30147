//! What redaction leaves behind, byte for byte.

#![allow(clippy::unwrap_used, reason = "a test fails by it; what is unwrapped shows no secret")]

use dihya::inspect::detectors;
use dihya::{Channel, Policy, Record, Sector};
use dihya_compliance::World;

fn world() -> World {
    World::new(Policy::sector(Sector::Health).service("clinic", "1.4.2").instance("i1"))
}

#[test]
fn each_detectors_marker_in_a_message() {
    let captured = world().run(|_| {
        for detector in detectors() {
            tracing::error!("got {} back", detector.example());
        }
    });
    let messages = captured.records().into_iter().zip(detectors()).map(|(record, detector)| {
        let record: serde_json::Value = serde_json::from_str(&record).unwrap();
        format!("{}: {} {}", detector.name, record["message"], record["redactions"])
    });
    insta::assert_snapshot!(messages.collect::<Vec<_>>().join("\n"));
}

#[test]
fn records_with_every_kind_of_marker() {
    let captured = world().run(|scene| {
        let word = "hunter".repeat(2);
        tracing::error!(
            password = word.as_str(),
            card_number = 4,
            nir = "x",
            diagnostic = "x",
            route = "/login",
            "by name"
        );
        let span = tracing::error_span!("request", token = word.as_str(), route = "/rooms");
        span.in_scope(
            || tracing::error!(note = %format!("token={word}"), "password={word} {{\"secret\":\"{word}\"}}"),
        );
        tracing::error!(note = "x".repeat(70_000).as_str(), "too long to examine");
        dihya::audit!(
            "sensitive_read",
            user_id = "u1",
            subject_id = "p7",
            outcome = "success",
            "record opened"
        );
        scene.handle.record(Record::new(Channel::API, "e").field("cookie", &word).number("n", 3)).unwrap();
    });
    insta::assert_snapshot!(captured.records().join("\n"));
}

#[test]
fn a_strict_record() {
    let text = "[storage]\nroot = \"/logs\"\n[service]\nname = \"clinic\"\n[channels.app]\nstrict = true\nfields = [\"route\"]\n";
    let captured = World::new(Policy::parse(text, "strict.toml").unwrap()).run(|_| {
        tracing::error!(route = "/rooms", remark = "x", "served");
    });
    insta::assert_snapshot!(captured.records().join("\n"));
}

#[test]
fn metrics_of_redactions() {
    let captured = world().run(|_| {
        tracing::error!(password = "x", secret = "y", "mail to {}@{}", "jane", "example.org");
    });
    let metrics = captured.text("metrics");
    let redactions = metrics.lines().filter(|line| line.contains("redaction") && !line.ends_with(" 0"));
    insta::assert_snapshot!(redactions.collect::<Vec<_>>().join("\n"));
}

#[test]
fn error_texts() {
    let pid = std::process::id().to_string();
    insta::assert_snapshot!(world().run(|_| ()).text("errors").replace(&pid, "<pid>").trim_end());
}
