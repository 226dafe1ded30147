//! Other layers beside ours: they see raw values, and ours must not depend on what they do first.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use tracing::{Dispatch, info, info_span};
use tracing_subscriber::fmt::{self, MakeWriter};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry;

use crate::support::{NOON, World, canary, options, policy_of};

/// What a writer was given.
#[derive(Clone, Default)]
pub(crate) struct Captured(Arc<Mutex<Vec<u8>>>);

impl Captured {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Captured {
    type Writer = Captured;

    fn make_writer(&'a self) -> Captured {
        self.clone()
    }
}

#[test]
fn a_fmt_layer_before_or_behind_ours_changes_nothing_in_our_records() {
    let secret = canary(20);
    for first in [true, false] {
        let raw = Captured::default();
        let world = World::among("", |layer| {
            let writers = (raw.clone(), io::sink);
            if first {
                let inner = registry().with(fmt::layer().with_writer(writers.1));
                Dispatch::new(inner.with(fmt::layer().with_ansi(false).with_writer(writers.0)).with(layer))
            } else {
                let inner = registry().with(layer).with(fmt::layer().with_writer(writers.1));
                Dispatch::new(inner.with(fmt::layer().with_ansi(false).with_writer(writers.0)))
            }
        });
        world.log(|| {
            let span = info_span!("login", password = %secret, user = "joe", late = tracing::field::Empty);
            let _inside = span.enter();
            span.record("late", "x");
            info!(token = %secret, "inside");
        });
        // The sibling's output is what everybody expects of it: raw. Nobody can hide values from a sibling.
        assert!(raw.text().contains(&secret), "the capture works");
        assert!(!world.stored("app").contains(&secret), "the secret is in our file");
        let record = world.record("app");
        assert_eq!(record["spans"][0]["attributes"]["user"], "joe");
        assert_eq!(record["spans"][0]["attributes"]["late"], "x");
    }
}

#[test]
fn two_layers_in_one_subscriber_each_write_every_record_once() {
    let (disk, clock) = (dihya::storage::Memory::new(), dihya::Clock::manual(NOON));
    let (second, other) =
        options(&policy_of("[redact]\nmask_keys = [\"color\"]"), &disk, &clock).open().unwrap();
    let world = World::among("", |layer| Dispatch::new(registry().with(second).with(layer)));
    world.log(|| {
        world.guard.probe().unwrap();
        other.probe().unwrap();
        let span = info_span!("request", color = "red");
        let _inside = span.enter();
        dihya::audit!("sensitive_read", color = "blue");
    });
    other.handle().commit(dihya::Channel::AUDIT).unwrap();
    let files = disk.files();
    let lines = |part: &str| -> String {
        let of = files.iter().filter(|(path, _)| {
            path.starts_with(format!("/logs/{part}")) && path.extension().is_some_and(|e| e == "jsonl")
        });
        of.map(|(_, bytes)| crate::support::without_seals(bytes)).collect()
    };
    let theirs = crate::support::parse(&lines("audit"));
    assert_eq!((theirs.len(), world.records("audit").len()), (1, 1), "a probe of one is a record of neither");
    assert!(lines("security").is_empty() && world.records("security").is_empty());
    assert_eq!(world.record("audit")["spans"][0]["attributes"]["color"], "red");
    assert_eq!(world.record("audit")["attributes"]["color"], "blue");
    assert_eq!(theirs[0]["spans"][0]["attributes"]["color"], "[redacted:key_custom]");
    assert_eq!(theirs[0]["attributes"]["color"], "[redacted:key_custom]");
}

#[test]
fn two_layers_in_two_subscribers_do_not_mix_their_spans() {
    let (one, two) = (World::new(), World::new());
    let outer = one.log(|| info_span!("one"));
    let inner = two.log(|| info_span!("two"));
    one.log(|| {
        let _one = outer.enter();
        two.log(|| {
            info!("in no span of two");
            let _two = inner.enter();
            info!("in two");
        });
        info!("in one");
    });
    assert_eq!(one.record("app")["spans"][0]["name"], "one");
    let records = two.records("app");
    assert_eq!(records[0].get("spans"), None);
    assert_eq!(records[1]["spans"][0]["name"], "two");
}

#[test]
fn a_mirror_gets_the_records_as_stored() {
    let mirror = Captured::default();
    let disk = dihya::storage::Memory::new();
    let clock = dihya::Clock::manual(NOON);
    let (layer, guard) = options(&policy_of(""), &disk, &clock).mirror(mirror.clone()).open().unwrap();
    let secret = canary(21);
    tracing::subscriber::with_default(registry().with(layer), || {
        info!(password = %secret, "to both");
        dihya::audit!("sensitive_read", password = %secret);
    });
    assert!(guard.shutdown(std::time::Duration::from_secs(5)).channels.iter().all(|c| c.lost_unwritten == 0));
    assert!(!mirror.text().contains(&secret), "the secret is in the mirror");
    let stored: String = disk
        .files()
        .iter()
        .filter(|(path, _)| {
            path.extension().is_some_and(|e| e == "jsonl") && !path.starts_with("/logs/ledger")
        })
        .map(|(_, bytes)| crate::support::without_seals(bytes))
        .collect();
    let sorted = |text: &str| {
        let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert_eq!(sorted(&mirror.text()), sorted(&stored));
    assert_eq!(sorted(&stored).len(), 2);
}
