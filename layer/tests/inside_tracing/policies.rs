//! What the policy's own words do to records, and how a running layer follows a new policy.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use dihya::{Clock, Options, Policy, Sector, storage::Memory};
use serde_json::json;
use tracing::{info, info_span};
use tracing_subscriber::layer::SubscriberExt;

use crate::processes::{local_policy, passes, stored};
use crate::support::{NOON, World, attribute, canary, options, parse, policy_of};

#[test]
fn a_strict_channel_keeps_only_the_fields_it_declares_even_those_of_spans() {
    let world = World::with("[channels.audit]\nstrict = true\nfields = [\"data_category\"]");
    let secret = canary(10);
    world.log(|| {
        let span = info_span!("request", note = %secret, data_category = "imaging");
        let _inside = span.enter();
        dihya::audit!("sensitive_read", user_id = "u", data_category = "lab", note = %secret, n = 4, "read");
        // The same span, as a channel without such a list shows it.
        info!("not strict");
        dihya::audit!("again");
    });
    let stored = world.stored("audit");
    assert!(world.stored("app").contains(&secret), "the capture works");
    assert!(!stored.contains(&secret), "an undeclared field is in the file");
    let records = parse(&stored);
    let expected = json!({"data_category": "lab", "note": "[redacted:strict]", "n": "[redacted:strict]"});
    assert_eq!(records[0]["attributes"], expected);
    assert_eq!((&records[0]["user_id"], &records[0]["message"]), (&json!("u"), &json!("read")));
    assert_eq!(records[0]["redactions"], json!({"strict": 2}));
    for record in &records {
        let expected = json!({"note": "[redacted:strict]", "data_category": "imaging"});
        assert_eq!(record["spans"][0]["attributes"], expected);
    }
}

#[test]
fn a_strict_channel_hides_long_random_tokens_even_in_what_it_declares() {
    let world = World::with("[channels.audit]\nstrict = true\nfields = [\"reference\"]");
    let token = ["aB3dE5fG7hJ9", "kL2mN4pQ6rS8", "tU1vW3xY5z"].concat();
    let digest = "0123456789abcdef".repeat(4);
    world.log(|| {
        dihya::audit!("e", reference = %token, "done");
        dihya::audit!("e", reference = %digest, "read {token}");
        info!(reference = %token, "not strict");
    });
    assert!(world.stored("app").contains(&token), "the control: elsewhere it stays");
    let records = parse(&world.stored("audit"));
    assert_eq!(records[0]["attributes"], json!({"reference": "[redacted:strict]"}));
    assert_eq!(records[1]["attributes"]["reference"], json!(digest));
    assert_eq!(records[1]["message"], json!("read [redacted:strict]"));
}

#[test]
fn keys_of_the_policy_mask_drop_and_keep() {
    let world = World::with(
        "[redact]\nmask_keys = [\"ward\"]\ndrop_keys = [\"trivia\"]\nkeep_keys = [\"password_policy\"]",
    );
    let secret = canary(11);
    world.log(|| {
        info!(
            ward = %secret, patient_ward = %secret, trivia = %secret, password_policy = "strong", password = %secret,
            free = 1, "m"
        );
    });
    let stored = world.stored("app");
    assert!(!stored.contains(&secret), "a masked or dropped field is in the file");
    let expected = json!({
        "ward": "[redacted:key_custom]", "patient_ward": "[redacted:key_custom]", "password_policy": "strong",
        "password": "[redacted:key_authentication]", "free": 1,
    });
    assert_eq!(parse(&stored)[0]["attributes"], expected);
}

#[test]
fn a_kept_key_is_still_scanned() {
    let world = World::with("[redact]\nkeep_keys = [\"password_hint\"]");
    let secret = canary(12);
    world.log(|| info!(password_hint = format!("token={secret}"), "m"));
    assert!(!world.stored("app").contains(&secret), "a kept field's content was not scanned");
    assert!(attribute(&world.record("app"), "password_hint").as_str().unwrap().starts_with("token="));
}

#[test]
fn an_address_is_hidden_encoded_or_not_and_both_forms_are_switched_off_by_one_name() {
    for (policy, shown) in [("", false), ("[redact]\noff = [\"email\"]", true)] {
        let world = World::with(policy);
        world.log(|| info!(plain = "jane@example.org", uri = "/users?q=jane%40example.org", "m"));
        let record = world.record("app");
        for name in ["plain", "uri"] {
            assert_eq!(attribute(&record, name).as_str().unwrap().contains("jane"), shown, "{name}");
        }
    }
}

#[test]
fn routes_levels_and_keys_change_under_load_and_every_record_follows_one_policy() {
    let old = "[channels.app]\non_full = \"block\"\n[channels.scheduler]\non_full = \"block\"";
    let new = format!(
        "{old}
[[routes]]
target = \"inside_tracing::policies::load\"
channel = \"scheduler\"

[redact]
mask_keys = [\"color\"]"
    );
    let world = World::with(old);
    let stop = AtomicBool::new(false);
    let log = |n: u64| info!(target: "inside_tracing::policies::load", n, color = "blue", "load");
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (world, stop) = (&world, &stop);
            scope.spawn(move || {
                world.log(|| {
                    for n in 0..2_000 {
                        log(thread * 1_000_000 + n);
                    }
                    while !stop.load(Ordering::Acquire) {
                        std::thread::yield_now();
                    }
                    log(u64::MAX);
                });
            });
        }
        for round in 0..40 {
            std::thread::sleep(std::time::Duration::from_millis(1));
            world.handle.reload(policy_of(if round % 2 == 0 { &new } else { old })).unwrap();
        }
        world.handle.reload(policy_of(&new)).unwrap();
        stop.store(true, Ordering::Release);
    });
    let (app, scheduler) = (world.records("app"), world.records("scheduler"));
    assert_eq!(app.len() + scheduler.len(), 4 * 2_001, "nothing is lost");
    assert!(app.iter().all(|r| attribute(r, "color") == "blue"));
    assert!(scheduler.iter().all(|r| attribute(r, "color") == "[redacted:key_custom]"));
    let last = scheduler.iter().filter(|r| attribute(r, "n") == u64::MAX).count();
    assert_eq!(last, 4, "after the last reload every thread follows it");
}

#[test]
fn a_callsite_first_met_during_a_reload_does_not_keep_the_old_plan() {
    let world = World::new();
    world.log(|| {
        for round in 0..2 {
            if round == 1 {
                world.handle.reload(policy_of("[redact]\nmask_keys = [\"color\"]")).unwrap();
            }
            info!(color = "blue", "x");
        }
        let reloads = Reloads(&world);
        // Formatted while the thread still holds the rules it began with.
        for _ in 0..2 {
            info!(?reloads, shade = "light", "y");
        }
    });
    struct Reloads<'a>(&'a World);
    impl std::fmt::Debug for Reloads<'_> {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            self.0.handle.reload(policy_of("[redact]\nmask_keys = [\"shade\"]")).unwrap();
            f.write_str("reloaded")
        }
    }
    let records = world.records("app");
    assert_eq!(attribute(&records[0], "color"), "blue");
    assert_eq!(attribute(&records[1], "color"), "[redacted:key_custom]");
    assert_eq!(attribute(&records[2], "shade"), "light");
    assert_eq!(attribute(&records[3], "shade"), "[redacted:key_custom]");
}

#[test]
fn a_reload_can_make_a_channel_more_verbose() {
    let world = World::new();
    world.log(|| {
        tracing::debug!("before");
        world.handle.reload(policy_of("level = \"debug\"")).unwrap();
        tracing::debug!("after");
        world.handle.reload(policy_of("")).unwrap();
        tracing::debug!("once more");
    });
    assert_eq!(world.record("app")["message"], "after");
}

#[test]
fn a_reload_from_a_thread_without_a_subscriber_silences_nothing() {
    passes("reloads_elsewhere");
}

pub(crate) fn reloads_elsewhere(root: &Path) {
    let (layer, guard) = dihya::open(local_policy(root, "")).unwrap();
    let dispatch = tracing::Dispatch::new(tracing_subscriber::registry().with(layer));
    let log = || tracing::dispatcher::with_default(&dispatch, || info!("x"));
    log();
    guard.handle().reload(local_policy(root, "level = \"debug\"")).unwrap();
    log();
    guard.handle().commit(dihya::Channel::APP).unwrap();
    assert_eq!(parse(&stored(root, "app")).len(), 2);
}

#[test]
fn a_reload_that_changes_what_is_fixed_is_refused_and_changes_nothing() {
    let world = World::new();
    let fixed = [
        ("[channels.app]\nqueue = \"1 MiB\"", "queue"),
        ("[channels.more]\nlevel = \"info\"", "set of channels"),
        ("[console]\nformat = \"json\"", "console"),
    ];
    for (text, what) in fixed {
        let text = format!("{text}\n[redact]\nmask_keys = [\"color\"]");
        let error = world.handle.reload(policy_of(&text)).unwrap_err().to_string();
        assert!(error.contains(what) && error.contains("old policy stays in force"), "{error}");
    }
    assert!(
        world
            .handle
            .reload(Policy::sector(Sector::Generic).root("/elsewhere").service("clinic", "1.4.2"))
            .is_err()
    );
    world.log(|| info!(color = "blue", "x"));
    assert_eq!(attribute(&world.record("app"), "color"), "blue");
}

#[test]
fn a_policy_that_cannot_be_used_does_not_open() {
    let error =
        Options::new(Policy::sector(Sector::Generic)).storage(std::sync::Arc::new(Memory::new())).open();
    let error = error.unwrap_err().to_string();
    assert!(error.contains("root"), "{error}");
}

#[test]
fn two_layers_on_one_root_are_refused_and_the_first_works_on() {
    let (policy, disk, clock) = (policy_of(""), Memory::new(), Clock::manual(NOON));
    let (_layer, guard) = options(&policy, &disk, &clock).open().unwrap();
    assert!(options(&policy, &disk, &clock).open().is_err());
    guard.handle().record(dihya::Record::audit("works")).unwrap();
    guard.handle().commit(dihya::Channel::AUDIT).unwrap();
}
