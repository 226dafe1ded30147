//! Values and writers that log. The global subscriber has no guard against it, so the cases run as children.

use std::fmt;
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use dihya::{Channel, Handle, Options};
use tracing::{field, info, info_span};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::prelude::*;

use crate::processes::{local_policy, passes, stored};
use crate::support::parse;

#[test]
fn a_value_that_logs_while_it_is_formatted_has_its_event_recorded_too() {
    passes("logs_once");
}

pub(crate) fn logs_once(root: &Path) {
    struct Chatty;
    impl fmt::Debug for Chatty {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            let _span = info_span!("within", deep = 1).entered();
            info!(password = "x", "inner");
            f.write_str("chatty")
        }
    }
    let guard = dihya::init(local_policy(root, "")).unwrap();
    let span = info_span!("outer", value = field::Empty);
    let _inside = span.enter();
    info!(value = ?Chatty, after = 1, "outer");
    span.record("value", field::debug(Chatty));
    info!("last");
    guard.handle().commit(Channel::APP).unwrap();
    let records = parse(&stored(root, "app"));
    let messages: Vec<_> = records.iter().map(|r| r["message"].as_str().unwrap()).collect();
    assert_eq!(messages, ["inner", "outer", "inner", "last"]);
    assert_eq!(records[0]["attributes"]["password"], "[redacted:key_authentication]");
    assert_eq!(records[0]["spans"][1]["name"], "within");
    assert_eq!(records[1]["attributes"], serde_json::json!({"value": "chatty", "after": 1}));
    assert_eq!(records[1]["spans"].as_array().unwrap().len(), 1);
    assert_eq!(records[3]["spans"][0]["attributes"]["value"], "chatty");
}

#[test]
fn a_value_that_logs_itself_for_ever_ends_and_is_counted() {
    passes("loops");
}

pub(crate) fn loops(root: &Path) {
    struct Mirror;
    impl fmt::Debug for Mirror {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            info!(value = ?Mirror, "again");
            f.write_str("mirror")
        }
    }
    let guard = dihya::init(local_policy(root, "")).unwrap();
    for _ in 0..2 {
        info!(value = ?Mirror, "first");
    }
    info!("unharmed");
    let handle = guard.handle();
    handle.commit(Channel::APP).unwrap();
    let records = parse(&stored(root, "app"));
    assert_eq!(records.len(), 2 * 8 + 1);
    assert!(records[..16].iter().all(|r| r["attributes"]["value"] == "mirror"));
    assert!(handle.metrics().contains("dihya_dropped_total{channel=\"app\",reason=\"reentrant\"} 2\n"));
}

#[test]
fn a_value_that_records_directly_for_ever_ends_with_an_error() {
    passes("direct_loops");
}

pub(crate) fn direct_loops(root: &Path) {
    struct Recording(Handle);
    impl fmt::Display for Recording {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            info!(value = %Recording(self.0.clone()), "again");
            match self.0.record(dihya::Record::audit("within")) {
                Ok(_) => f.write_str("recorded"),
                Err(error) => write!(f, "{error}"),
            }
        }
    }
    let guard = dihya::init(local_policy(root, "")).unwrap();
    info!(value = %Recording(guard.handle()), "first");
    for channel in [Channel::APP, Channel::AUDIT] {
        guard.handle().commit(channel).unwrap();
    }
    let records = parse(&stored(root, "app"));
    assert_eq!((records.len(), parse(&stored(root, "audit")).len()), (8, 7));
    assert!(records[0]["attributes"]["value"].as_str().unwrap().contains("too many levels deep"));
}

#[test]
fn a_mirror_that_logs_while_it_writes_does_not_feed_itself() {
    passes("mirror_logs");
}

pub(crate) fn mirror_logs(root: &Path) {
    struct Chatty;
    impl Write for Chatty {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _span = info_span!("mirror", bytes = bytes.len()).entered();
            info!("the mirror writes");
            dihya::audit!("mirrored");
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            info!("the mirror flushes");
            Ok(())
        }
    }
    struct Make;
    impl MakeWriter<'_> for Make {
        type Writer = Chatty;
        fn make_writer(&self) -> Chatty {
            Chatty
        }
    }
    let (layer, guard) = Options::new(local_policy(root, "")).mirror(Make).open().unwrap();
    tracing_subscriber::registry().with(layer).init();
    for _ in 0..5 {
        info!("from the service");
        dihya::audit!("from_the_service");
        guard.handle().commit(Channel::APP).unwrap();
        guard.handle().commit(Channel::AUDIT).unwrap();
        std::thread::sleep(Duration::from_millis(5));
    }
    let metrics = guard.handle().metrics();
    let _ = guard.shutdown(Duration::from_secs(5));
    assert_eq!((parse(&stored(root, "app")).len(), parse(&stored(root, "audit")).len()), (5, 5));
    assert!(!metrics.contains("reason=\"reentrant\"} 1"), "what our own threads say is no loss");
}
