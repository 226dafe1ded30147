//! The direct path: past every subscriber, by the same rules.

use std::fmt;
use std::time::Duration;

use dihya::{Channel, CommitError, Record, RecordError};
use serde_json::json;
use tracing::{Dispatch, Level};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{EnvFilter, registry};

use crate::support::{World, canary, policy_of, ready};

#[test]
fn a_direct_record_reaches_its_file_under_a_filter_that_swallows_everything() {
    let world = World::among("", |layer| Dispatch::new(registry().with(layer).with(EnvFilter::new("off"))));
    let receipt = world.log(|| {
        dihya::audit!("swallowed");
        world
            .handle
            .record(Record::audit("consent_withdrawn").field("user_id", "u-1").number("n", -1))
            .unwrap()
    });
    let record = world.record("audit");
    assert_eq!((receipt.id(), receipt.channel()), (record["id"].as_str().unwrap(), Channel::AUDIT));
    assert_eq!((&record["event_name"], &record["user_id"]), (&json!("consent_withdrawn"), &json!("u-1")));
    assert_eq!(record["attributes"], json!({"n": -1}));
}

#[test]
fn a_direct_record_is_redacted_by_name_and_by_content() {
    let world = World::new();
    let (secret, second) = (canary(5), canary(6));
    let record = Record::new(Channel::API, "call")
        .level(Level::WARN)
        .field("password", &secret)
        .field("note", format!("password={second}"))
        .flag("ok", true)
        .message(format!("with password={secret}"));
    assert!(!format!("{record:?}").contains(&secret), "the secret is in the Debug form");
    world.handle.record(record).unwrap();
    let stored = world.stored("api");
    assert!(!stored.contains(&secret) && !stored.contains(&second), "a secret is in the file");
    let record = world.record("api");
    assert_eq!((&record["level"], &record["attributes"]["ok"]), (&json!("WARN"), &json!(true)));
}

#[test]
fn no_level_of_a_channel_keeps_a_direct_record_out() {
    let world = World::with("[channels.app]\nlevel = \"error\"");
    world.handle.record(Record::new(Channel::APP, "quiet").level(Level::TRACE)).unwrap();
    assert_eq!(world.record("app")["level"], "TRACE");
}

#[test]
fn a_value_that_panics_fails_or_never_ends_costs_its_field_alone() {
    enum Bad {
        Panics,
        Fails,
        Endless,
    }
    impl fmt::Display for Bad {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            match self {
                Bad::Panics => panic!("in a direct record"),
                Bad::Fails => Err(fmt::Error),
                Bad::Endless => loop {
                    f.write_str("again and again")?;
                },
            }
        }
    }
    let world = World::new();
    let record = Record::audit("e").field("a", Bad::Panics).field("b", Bad::Fails).field("c", Bad::Endless);
    world.handle.record(record.field("d", "fine").message(Bad::Panics)).unwrap();
    let record = world.record("audit");
    let expected = json!({"a": "[redacted:panic]", "b": "[redacted:unformattable]", "c": "[redacted:overrun]", "d": "fine"});
    assert_eq!(record["attributes"], expected);
    assert_eq!(record["message"], "[redacted:panic]");
}

#[test]
fn after_shutdown_a_direct_record_is_refused_and_the_loss_counted() {
    let world = World::new();
    world.handle.record(Record::audit("before")).unwrap();
    let World { guard, handle, .. } = world;
    assert!(guard.shutdown(Duration::from_secs(5)).channels.iter().all(|c| c.lost_unwritten == 0));
    assert_eq!(handle.record(Record::audit("after")), Err(RecordError::NotAccepted));
    assert!(handle.commit(Channel::AUDIT).is_err() || handle.metrics().contains("reason=\"shutdown\"} 1"));
    assert!(handle.metrics().contains("dihya_dropped_total{channel=\"audit\",reason=\"shutdown\"} 1"));
}

#[test]
fn a_channel_of_another_policy_is_an_error_and_no_panic() {
    let world = World::new();
    let other = policy_of("[channels.extra]").channel("extra").unwrap();
    assert!(matches!(world.handle.commit(other), Err(CommitError::UnknownChannel)));
    let waited = ready(world.handle.commit_async(other));
    assert!(matches!(&waited, Err(error) if error.to_string().contains("Policy::channel")), "{waited:?}");
    assert_eq!(world.handle.record(Record::new(other, "lost")), Err(RecordError::UnknownChannel));
    world.handle.record(Record::audit("kept")).unwrap();
    assert_eq!(world.records("audit").len(), 1);
}

#[test]
fn what_a_service_may_print_of_us_is_short_and_readable() {
    let world = World::new();
    let receipt = world.handle.record(Record::audit("e").field("note", "n".repeat(9_000))).unwrap();
    world.handle.commit(Channel::AUDIT).unwrap();
    assert!(format!("{receipt:?}").contains(&format!("id: \"{}\"", receipt.id())), "{receipt:?}");
    let options = dihya::Options::new(policy_of(""));
    let commit = world.handle.commit_async(Channel::AUDIT);
    let texts = [
        format!("{:?}", world.handle),
        format!("{:?}", world.guard),
        format!("{options:?}"),
        format!("{commit:?}"),
    ];
    for text in texts {
        assert!(text.contains("logs") || text.contains("audit"), "{text}");
        assert!(text.len() < 200, "{} bytes", text.len());
    }
}
