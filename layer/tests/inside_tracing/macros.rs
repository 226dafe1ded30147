//! The macros in all their forms.

use serde_json::json;
use tracing::info_span;

use crate::support::World;

#[test]
fn every_form_of_the_macros_is_recorded() {
    let world = World::new();
    let (user_id, n, list) = ("u-1", 3, [1, 2]);
    world.log(|| {
        dihya::audit!("bare");
        dihya::audit!("comma",);
        dihya::audit!("message", "a message");
        dihya::audit!("arguments", "{} of {n}", 1);
        dihya::audit!("fields", user_id, n, list = ?list, shown = %n, outcome = "success",);
        dihya::audit!("both", user_id = %user_id, ?list, "read {n}");
        dihya::audit!("dotted", http.method = "GET", "quoted name" = 1);
    });
    let records = world.records("audit");
    let of = |name: &str| records.iter().find(|r| r["event_name"] == name).unwrap();
    assert_eq!(records.len(), 7);
    assert_eq!((of("bare").get("message"), of("comma").get("attributes")), (None, None));
    assert_eq!(of("message")["message"], "a message");
    assert_eq!(of("arguments")["message"], "1 of 3");
    assert_eq!(of("fields")["user_id"], "u-1");
    assert_eq!(of("fields")["attributes"], json!({"n": 3, "list": "[1, 2]", "shown": "3"}));
    assert_eq!((&of("both")["message"], &of("both")["user_id"]), (&json!("read 3"), &json!("u-1")));
    assert_eq!(of("dotted")["attributes"], json!({"http.method": "GET", "quoted name": 1}));
    assert!(records.iter().all(|r| r["target"] == "inside_tracing::macros" && r["level"] == "AUDIT"));
}

#[test]
fn an_explicit_parent_is_taken_and_none_is_none() {
    let world = World::new();
    world.log(|| {
        let span = info_span!("other");
        let _current = info_span!("current").entered();
        dihya::security!(parent: &span, "authn_login_fail", user_id = "joe", "no");
        dihya::security!(parent: None, "authn_login_fail");
        dihya::security!("authn_login_fail");
    });
    let records = world.records("security");
    let names: Vec<_> = records.iter().map(|r| r["spans"][0]["name"].clone()).collect();
    assert_eq!(names, [json!("other"), json!(null), json!("current")]);
}

#[test]
fn each_macro_writes_to_its_own_channel() {
    let world = World::new();
    world.log(|| {
        dihya::audit!("e");
        dihya::security!("e");
        dihya::api!("e");
        dihya::scheduler!("e");
        dihya::generation!("e");
    });
    let levels = [
        ("audit", "AUDIT"),
        ("security", "SECURITY"),
        ("api", "INFO"),
        ("scheduler", "INFO"),
        ("generation", "INFO"),
    ];
    for (channel, level) in levels {
        let record = world.record(channel);
        assert_eq!((&record["channel"], &record["level"]), (&json!(channel), &json!(level)));
    }
    assert!(world.records("app").is_empty());
}

#[test]
fn the_name_that_a_macro_fixes_cannot_be_replaced_by_a_field() {
    let world = World::new();
    world.log(|| dihya::audit!("real", event_name = "forged"));
    let record = world.record("audit");
    assert_eq!(record["event_name"], "real");
    assert_eq!(record["attributes"]["event_name"], "forged");
}

#[test]
fn arguments_are_not_evaluated_when_nobody_listens() {
    let mut evaluated = false;
    let nobody = tracing::Dispatch::new(tracing::subscriber::NoSubscriber::default());
    tracing::dispatcher::with_default(&nobody, || {
        dihya::api!(
            "e",
            value = {
                evaluated = true;
                1
            }
        );
    });
    assert!(!evaluated);
}
