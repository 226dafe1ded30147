//! Filters of others: a sibling's must not touch our records, a global one must not silence us unnoticed.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use dihya::{Channel, CommitError, Record};
use tracing::subscriber::Interest;
use tracing::{Dispatch, Metadata, Subscriber, info};
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, filter::LevelFilter, registry, reload};

use crate::processes::{local_policy, passes};
use crate::support::{World, ready};

fn filtered(filter: &str) -> World {
    World::among("", |layer| Dispatch::new(registry().with(layer).with(EnvFilter::new(filter))))
}

#[test]
fn a_global_filter_that_silences_audit_is_an_error_that_names_channel_and_remedy() {
    let world = filtered("off");
    let error = world.log(|| world.guard.probe()).unwrap_err();
    assert_eq!(error.channels, ["audit", "security", "generation"]);
    let text = error.to_string();
    assert!(
        text.contains("audit, security, generation") && text.contains("RUST_LOG=warn,dihya=trace"),
        "{text}"
    );
    // What the error is about: such an event is really lost.
    world.log(|| dihya::audit!("sensitive_read"));
    assert_eq!(world.records("audit").len(), 0);
}

#[test]
fn the_remedy_that_the_error_names_works() {
    let world = filtered("warn,dihya=trace");
    world.log(|| world.guard.probe()).unwrap();
    world.log(|| dihya::audit!("sensitive_read"));
    assert_eq!(world.records("audit").len(), 1);
}

#[test]
fn a_filter_that_silences_one_channel_only_is_found_out() {
    let world = filtered("info,dihya::security=off");
    assert_eq!(world.log(|| world.guard.probe()).unwrap_err().channels, ["security"]);
}

#[test]
fn a_commit_on_a_silenced_channel_is_an_error_until_a_probe_succeeds() {
    let (filter, handle) = reload::Layer::new(EnvFilter::new("info"));
    let world = World::among("", |layer| Dispatch::new(registry().with(layer).with(filter)));
    world.log(|| world.guard.probe()).unwrap();
    world.handle.commit(Channel::AUDIT).unwrap();
    world.log(|| handle.reload(EnvFilter::new("info,dihya::audit=off"))).unwrap();
    world.log(|| world.guard.probe()).unwrap_err();
    world.log(|| dihya::audit!("swallowed"));
    let error = world.handle.commit(Channel::AUDIT).unwrap_err();
    assert!(matches!(&error, CommitError::Silenced { channel } if channel == "audit"), "{error:?}");
    assert!(error.to_string().contains("RUST_LOG=warn,dihya=trace"), "{error}");
    let waited = ready(world.handle.commit_async(Channel::AUDIT));
    assert!(matches!(waited, Err(CommitError::Silenced { .. })), "{waited:?}");
    // Others, and what no filter can touch, go on.
    world.handle.commit(Channel::SECURITY).unwrap();
    world.handle.commit(Channel::APP).unwrap();
    world.handle.record(Record::audit("direct")).unwrap();
    assert_eq!(world.record("audit")["event_name"], "direct");
    world.log(|| handle.reload(EnvFilter::new("info"))).unwrap();
    world.log(|| world.guard.probe()).unwrap();
    world.handle.commit(Channel::AUDIT).unwrap();
    ready(world.handle.commit_async(Channel::AUDIT)).unwrap();
}

#[test]
fn no_subscriber_at_all_is_found_out() {
    let world = World::new();
    let nobody = Dispatch::new(tracing::subscriber::NoSubscriber::default());
    let error = tracing::dispatcher::with_default(&nobody, || world.guard.probe()).unwrap_err();
    assert!(error.channels.contains(&"audit"));
}

#[test]
fn the_first_commit_of_a_process_too_short_for_the_probe_finds_the_silence() {
    let world = filtered("off");
    world.log(|| dihya::audit!("sensitive_read"));
    let error = world.handle.commit(Channel::AUDIT).unwrap_err();
    assert!(matches!(error, CommitError::Silenced { .. }), "{error:?}");
    // The control: without the filter the same commit is fine.
    let world = World::new();
    world.log(|| dihya::audit!("sensitive_read"));
    world.handle.commit(Channel::AUDIT).unwrap();
}

#[test]
fn a_filter_reloaded_into_silence_is_found_by_the_next_probe() {
    let (filter, handle) = reload::Layer::new(EnvFilter::new("info"));
    let world = World::among("", |layer| Dispatch::new(registry().with(layer).with(filter)));
    world.log(|| world.guard.probe()).unwrap();
    world.log(|| dihya::audit!("before"));
    world.log(|| handle.reload(EnvFilter::new("off"))).unwrap();
    assert!(world.log(|| world.guard.probe()).is_err());
    world.log(|| dihya::audit!("during"));
    world.log(|| handle.reload(EnvFilter::new("info"))).unwrap();
    world.log(|| world.guard.probe()).unwrap();
    world.log(|| dihya::audit!("after"));
    let names: Vec<_> = world.records("audit").iter().map(|r| r["event_name"].clone()).collect();
    assert_eq!(names, ["before", "after"]);
}

#[test]
fn a_probe_leaves_no_record() {
    let world = World::new();
    for _ in 0..3 {
        world.log(|| world.guard.probe()).unwrap();
    }
    world.log(|| dihya::audit!("probe", "a user's own event of that name"));
    assert_eq!(world.records("audit").len(), 1);
    assert!(["security", "generation"].iter().all(|channel| world.records(channel).is_empty()));
}

#[test]
fn a_channel_that_the_policy_itself_keeps_quiet_is_no_fault_of_the_subscriber() {
    let world = World::with("level = \"warn\"\n[channels.generation]\non_full = \"block\"");
    world.log(|| world.guard.probe()).unwrap();
    world.log(|| dihya::generation!("quiet"));
    world.log(|| dihya::audit!("never quiet"));
    assert_eq!((world.records("generation").len(), world.records("audit").len()), (0, 1));
}

#[test]
fn a_siblings_own_filter_does_not_touch_our_records() {
    let world = World::among("", |layer| {
        let sibling = tracing_subscriber::fmt::layer().with_writer(std::io::sink);
        Dispatch::new(registry().with(sibling.with_filter(LevelFilter::OFF)).with(layer))
    });
    world.log(|| world.guard.probe()).unwrap();
    world.log(|| (0..100).for_each(|n| info!(n, "kept")));
    assert_eq!(world.records("app").len(), 100);
}

/// Answers `sometimes`, and lets every second event pass.
struct Moody(AtomicUsize);

impl<S: Subscriber> Layer<S> for Moody {
    fn register_callsite(&self, _: &'static Metadata<'static>) -> Interest {
        Interest::sometimes()
    }

    fn enabled(&self, _: &Metadata<'_>, _: tracing_subscriber::layer::Context<'_, S>) -> bool {
        self.0.fetch_add(1, Ordering::Relaxed).is_multiple_of(2)
    }
}

#[test]
fn a_sibling_that_decides_anew_each_time_leaves_whole_records() {
    let world =
        World::among("", |layer| Dispatch::new(registry().with(layer).with(Moody(AtomicUsize::new(0)))));
    world.log(|| (0..10).for_each(|n| info!(n, "sometimes")));
    let records = world.records("app");
    assert!((1..10).contains(&records.len()), "some pass, some do not: {}", records.len());
}

/// Answers `never`, and so keeps the layers inside it from registering the callsite.
struct Never;

impl<S: Subscriber> Layer<S> for Never {
    fn register_callsite(&self, _: &'static Metadata<'static>) -> Interest {
        Interest::never()
    }
}

#[test]
fn a_filtered_sibling_that_skips_our_registration_costs_no_record() {
    let world = World::among("", |layer| {
        Dispatch::new(registry().with(layer).with(Never.with_filter(LevelFilter::TRACE)))
    });
    world.log(|| info!(password = "x", user_id = "u", "kept"));
    let record = world.record("app");
    assert_eq!(record["user_id"], "u");
    assert_eq!(record["attributes"]["password"], "[redacted:key_authentication]");
}

#[test]
fn an_unfiltered_sibling_that_answers_never_is_found_by_the_probe() {
    // As a child: with other subscribers in the process, `tracing` asks again for each event.
    passes("never");
}

pub(crate) fn never(root: &Path) {
    let (layer, guard) = dihya::open(local_policy(root, "")).unwrap();
    registry().with(layer).with(Never).init();
    assert!(guard.probe().is_err());
}

#[test]
fn our_answer_to_a_callsite_does_not_silence_a_more_verbose_sibling() {
    let seen = std::sync::Arc::new(AtomicUsize::new(0));
    struct Count(std::sync::Arc<AtomicUsize>);
    impl<S: Subscriber> Layer<S> for Count {
        fn on_event(&self, _: &tracing::Event<'_>, _: tracing_subscriber::layer::Context<'_, S>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    let count = Count(seen.clone());
    let world = World::among("", |layer| {
        Dispatch::new(registry().with(layer).with(count.with_filter(LevelFilter::TRACE)))
    });
    world.log(|| tracing::trace!("only for the sibling"));
    assert_eq!(seen.load(Ordering::Relaxed), 1);
    assert_eq!(world.records("app").len(), 0);
}
