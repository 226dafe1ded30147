//! Records of the `log` crate: all pass through five callsites, and carry their real origin in fields.

use std::sync::Once;

use serde_json::json;
use tracing::Dispatch;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::registry;

use crate::support::{World, canary};

fn with_tracer() {
    static INSTALL: Once = Once::new();
    INSTALL.call_once(|| tracing_log::LogTracer::init().unwrap());
}

#[test]
fn they_are_routed_by_their_own_target_and_their_own_level() {
    with_tracer();
    let world =
        World::with("[[routes]]\ntarget = \"shop::orders\"\nlevel = \"warn\"\nchannel = \"scheduler\"");
    world.log(|| {
        log::warn!(target: "shop::orders::late", "an order is late");
        log::info!(target: "shop::orders", "below the route's level");
        log::error!(target: "audit", "meant for audit");
        log::info!("from this module");
        log::debug!("below the channel's level");
    });
    let late = world.record("scheduler");
    assert_eq!((&late["target"], &late["level"]), (&json!("shop::orders::late"), &json!("WARN")));
    assert_eq!(world.record("audit")["level"], "AUDIT");
    let app = world.records("app");
    assert_eq!(app.len(), 2);
    assert_eq!(app[1]["target"], "inside_tracing::log_records");
}

#[test]
fn what_the_bridge_adds_is_left_out_and_the_message_scanned() {
    with_tracer();
    let world = World::new();
    let secret = canary(4);
    world.log(|| log::info!("connecting with password={secret} now"));
    let stored = world.stored("app");
    assert!(!stored.contains(&secret), "a log record's secret is in the file");
    let record = world.record("app");
    assert_eq!(record.get("attributes"), None);
    assert!(record["message"].as_str().unwrap().starts_with("connecting with password="));
}

#[test]
fn a_field_of_an_event_that_is_called_like_the_bridges_is_kept() {
    let world = World::new();
    world.log(|| tracing::info!(log.file = "access", log.line = 3, "x"));
    assert_eq!(world.record("app")["attributes"], json!({"log.file": "access", "log.line": 3}));
}

#[test]
fn an_event_whose_target_is_log_is_still_an_event() {
    let world = World::new();
    world.log(|| tracing::info!(target: "log", n = 1, "x"));
    let record = world.record("app");
    assert_eq!((&record["target"], &record["attributes"]), (&json!("log"), &json!({"n": 1})));
}

#[test]
fn a_filtered_sibling_and_log_enabled_between_events_lose_nothing() {
    with_tracer();
    // tracing#2519: a stale answer of the sibling's filter made the next event vanish from filtered layers.
    let world = World::among("", |layer| {
        let sibling = tracing_subscriber::fmt::layer().with_writer(std::io::sink);
        let targets = Targets::new().with_target("noise", LevelFilter::WARN);
        Dispatch::new(registry().with(sibling.with_filter(targets)).with(layer))
    });
    world.log(|| {
        for n in 0..1000 {
            let _ = log::log_enabled!(target: "noise", log::Level::Info);
            dihya::audit!("sensitive_read", n);
        }
    });
    assert_eq!(world.records("audit").len(), 1000);
}

#[test]
fn a_target_of_any_length_made_at_run_time_stays_within_the_record() {
    with_tracer();
    let world = World::new();
    let target = "t\u{1}".repeat(20_000);
    let (message, logger) = ("m".repeat(60_000), log::logger());
    world.log(|| {
        let record = log::Record::builder();
        let args = format_args!("{message}");
        logger.log(&{ record }.target(&target).level(log::Level::Info).args(args).build());
    });
    let record = world.record("app");
    assert_eq!(record["target"], "[redacted:overrun]");
    assert_eq!(record["truncated"], 1);
}

#[test]
fn thousands_of_targets_each_get_their_route() {
    with_tracer();
    let world = World::with("[[routes]]\ntarget = \"even\"\nchannel = \"api\"");
    world.log(|| {
        for n in 0..3000 {
            let target = format!("{}::m{n}", if n % 2 == 0 { "even" } else { "odd" });
            log::info!(target: &target, "x");
        }
    });
    assert_eq!((world.records("api").len(), world.records("app").len()), (1500, 1500));
}
