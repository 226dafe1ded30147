//! Exact bytes: with a clock that stands still and seeded ids, a run writes the same records every time.

use std::time::Duration;

use dihya::Record;
use tracing::{error, field, info, info_span, warn};

use crate::support::{NOON, World};

fn world() -> World {
    World::with("[channels.scheduler]\nstrict = true\nfields = [\"job\"]")
}

fn some_of_everything(world: &World) {
    world.log(|| {
        info!("started");
        info!(target: "clinic::api", method = "GET", route = "/patients/{id}", status = 200, "served");
        world.clock.set(NOON + 1_234_567);
        let request = info_span!("request", route = "/patients/{id}", password = "x", user = field::Empty);
        let _request = request.enter();
        warn!(attempt = 2, ratio = 0.5, retry = true, error = %"line one\nline two", "failed, \"again\"");
        request.record("user", "u-1");
        let inner = info_span!("query").entered();
        dihya::audit!(
            "sensitive_read",
            user_id = "u-1",
            subject_id = "p-7",
            outcome = "success",
            data_category = "lab",
            "record opened"
        );
        drop(inner);
        dihya::security!(
            "authn_login_fail",
            user_id = "joe",
            source = "192.0.2.7",
            password = "x",
            token = "y"
        );
        error!(contact = "ann@example.com and bob@example.com", big = u128::MAX, "mail to cid@example.com");
        world.clock.set(NOON + 86_400_000_000);
        dihya::api!("served");
        dihya::scheduler!("job_done", job = "cleanup", rows = 3);
        dihya::generation!("generated", stack = "axum");
        info!(parent: None, a = 1, a = 2, trace_id = "t-1", "twice");
        info!(parent: None, huge = "x".repeat(100_000), "too large");
        info!(parent: None, "{}", "naïve 日本 \u{1b}[2J\u{202e}");
    });
    let record =
        Record::audit("consent_withdrawn").field("user_id", "u-2").number("n", -3).flag("final", true);
    world.handle.record(record.message("by letter")).unwrap();
}

#[test]
fn records_are_these_bytes() {
    let world = world();
    some_of_everything(&world);
    let channels = ["app", "audit", "security", "api", "scheduler", "generation"];
    let all: String = channels.iter().map(|channel| world.stored(channel)).collect();
    insta::assert_snapshot!("records", all);
}

#[test]
fn metrics_are_this_text() {
    let world = world();
    some_of_everything(&world);
    let World { guard, handle, .. } = world;
    let _ = guard.shutdown(Duration::from_secs(5));
    // How long the disk took is another matter in every run.
    let text: String = handle
        .metrics()
        .lines()
        .filter(|line| line.starts_with('#') || !line.contains("_seconds_"))
        .filter(|line| !line.starts_with("dihya_redactions_total") || !line.ends_with(" 0"))
        .map(|line| format!("{}\n", line.replace(env!("CARGO_PKG_VERSION"), "[version]")))
        .collect();
    insta::assert_snapshot!("metrics", text);
}
