//! Spans: what is recorded on them, when, by whom, and which of them an event lies in.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use serde_json::{Value, json};
use tracing::{Instrument, Span, field, info, info_span};

use crate::support::{World, canary, parse};

fn names(record: &Value) -> Vec<&str> {
    record["spans"].as_array().map_or(Vec::new(), |s| s.iter().map(|s| s["name"].as_str().unwrap()).collect())
}

#[test]
fn fields_given_at_creation_stand_in_every_record_inside() {
    let world = World::new();
    world.log(|| {
        let span = info_span!("request", route = "/patients/{id}", attempt = 2, cached = true);
        span.in_scope(|| info!("first"));
        span.in_scope(|| info!("second"));
        info!("outside");
    });
    let records = world.records("app");
    let expected =
        json!([{"name": "request", "attributes": {"route": "/patients/{id}", "attempt": 2, "cached": true}}]);
    assert_eq!(records[0]["spans"], expected);
    assert_eq!(records[1]["spans"], expected);
    assert_eq!(records[2].get("spans"), None);
}

#[test]
fn a_field_recorded_later_replaces_and_reaches_the_next_record_only() {
    let world = World::new();
    world.log(|| {
        let span = info_span!("request", user = field::Empty, step = 1);
        let _inside = span.enter();
        info!("before");
        span.record("user", "u-1");
        info!("after");
        span.record("user", "u-2").record("step", 2);
        info!("again");
    });
    let records = world.records("app");
    assert_eq!(records[0]["spans"][0]["attributes"], json!({"step": 1}));
    assert_eq!(records[1]["spans"][0]["attributes"], json!({"user": "u-1", "step": 1}));
    assert_eq!(records[2]["spans"][0]["attributes"], json!({"user": "u-2", "step": 2}));
}

#[test]
fn a_field_recorded_on_an_outer_span_reaches_records_of_the_inner_one() {
    let world = World::new();
    world.log(|| {
        let outer = info_span!("outer", user = field::Empty);
        let _outer = outer.clone().entered();
        let _inner = info_span!("inner").entered();
        info!("before");
        outer.record("user", "u-1");
        info!("after");
    });
    let records = world.records("app");
    assert_eq!(records[0]["spans"], json!([{"name": "outer"}, {"name": "inner"}]));
    assert_eq!(records[1]["spans"][0]["attributes"]["user"], "u-1");
}

#[test]
fn a_secret_in_a_span_is_hidden_at_creation_and_when_recorded_late() {
    let world = World::new();
    let (early, late) = (canary(1), canary(2));
    world.log(|| {
        let span = info_span!("login", password = %early, token = field::Empty, user = "joe");
        let _inside = span.enter();
        info!("one");
        span.record("token", late.as_str());
        info!("two");
    });
    let stored = world.stored("app");
    assert!(!stored.contains(&early) && !stored.contains(&late), "a span's secret is in the file");
    let records = parse(&stored);
    assert_eq!(records[1]["spans"][0]["attributes"]["user"], "joe");
    assert_eq!(records[1]["spans"][0]["attributes"]["password"], "[redacted:key_authentication]");
    assert_eq!(records[1]["spans"][0]["attributes"]["token"], "[redacted:key_authentication]");
    // A record counts what was hidden in its own fields; the span's were counted when they were recorded.
    assert_eq!(records[1].get("redactions"), None);
    assert_eq!(world.metric("dihya_redactions_total{detector=\"key_authentication\"}"), 2.0);
}

#[test]
fn parents_stand_outermost_first_and_an_explicit_parent_wins_over_the_current_span() {
    let world = World::new();
    world.log(|| {
        let elsewhere = info_span!("elsewhere", n = 1);
        let _a = info_span!("a").entered();
        let _b = info_span!("b").entered();
        info!("contextual");
        info!(parent: &elsewhere, "explicit");
        info!(parent: None, "root");
        info!("contextual again");
        let child = info_span!(parent: &elsewhere, "child");
        child.in_scope(|| info!("in a child of elsewhere"));
        let orphan = info_span!(parent: None, "orphan");
        orphan.in_scope(|| info!("in an orphan"));
    });
    let records = world.records("app");
    let all: Vec<_> = records.iter().map(names).collect();
    assert_eq!(
        all,
        [
            vec!["a", "b"],
            vec!["elsewhere"],
            vec![],
            vec!["a", "b"],
            vec!["elsewhere", "child"],
            vec!["orphan"]
        ]
    );
}

#[test]
fn a_span_entered_twice_is_left_only_when_left_twice() {
    let world = World::new();
    world.log(|| {
        let (a, b) = (info_span!("a"), info_span!("b"));
        let first = a.enter();
        let inner = b.enter();
        let second = a.enter();
        info!("b is the current span, as the registry sees it");
        drop(second);
        info!("still");
        drop(inner);
        info!("a alone");
        drop(first);
        info!("none");
    });
    let records = world.records("app");
    let all: Vec<_> = records.iter().map(names).collect();
    assert_eq!(all, [vec!["b"], vec!["b"], vec!["a"], vec![]].map(|v| v));
}

#[test]
fn spans_left_out_of_order_do_not_linger() {
    let world = World::new();
    world.log(|| {
        let (a, b) = (info_span!("a"), info_span!(parent: None, "b"));
        let outer = a.enter();
        let inner = b.enter();
        drop(outer);
        info!("b");
        drop(inner);
        info!("none");
    });
    let records = world.records("app");
    assert_eq!(names(&records[0]), ["b"]);
    assert!(names(&records[1]).is_empty());
}

#[test]
fn a_span_entered_on_two_threads_is_current_on_both_and_on_no_third() {
    let world = World::new();
    let span = world.log(|| info_span!("shared", n = 1));
    std::thread::scope(|scope| {
        for inside in [true, true, false] {
            let (span, world) = (span.clone(), &world);
            scope.spawn(move || {
                world.log(|| {
                    let _entered = inside.then(|| span.enter());
                    info!(inside, "from a thread");
                });
            });
        }
    });
    world.log(|| drop(span));
    for record in world.records("app") {
        assert_eq!(!names(&record).is_empty(), record["attributes"]["inside"] == true);
    }
}

#[test]
fn futures_interleaved_on_one_thread_keep_their_own_spans() {
    /// Pending once per step.
    struct Steps(u32);
    impl Future for Steps {
        type Output = ();
        fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
            info!(step = self.0, "step");
            self.0 += 1;
            context.waker().wake_by_ref();
            if self.0 == 3 { Poll::Ready(()) } else { Poll::Pending }
        }
    }
    let world = World::new();
    world.log(|| {
        let mut futures: Vec<_> =
            (0..3u32).map(|task| Box::pin(Steps(0).instrument(info_span!("task", task)))).collect();
        let mut context = Context::from_waker(Waker::noop());
        for _ in 0..3 {
            for future in &mut futures {
                let _ = future.as_mut().poll(&mut context);
            }
            info!("between");
        }
    });
    let records = world.records("app");
    assert_eq!(records.len(), 12);
    for (index, record) in records.iter().enumerate() {
        match index % 4 {
            3 => assert_eq!(record.get("spans"), None),
            task => assert_eq!(record["spans"], json!([{"name": "task", "attributes": {"task": task}}])),
        }
    }
}

#[test]
fn a_span_closed_before_its_child_keeps_its_fields_for_the_childs_records() {
    let world = World::new();
    world.log(|| {
        let child = {
            let parent = info_span!("parent", n = 1);
            info_span!(parent: &parent, "child")
        };
        child.in_scope(|| info!("late"));
    });
    assert_eq!(names(&world.record("app")), ["parent", "child"]);
}

#[test]
fn a_new_span_never_shows_the_fields_of_one_that_is_gone() {
    let world = World::new();
    world.log(|| {
        for n in 0..1000 {
            info_span!("request", n).in_scope(|| info!(n, "same"));
        }
    });
    for record in world.records("app") {
        assert_eq!(record["spans"][0]["attributes"]["n"], record["attributes"]["n"]);
    }
}

#[test]
fn a_debug_that_logs_while_it_is_recorded_on_its_span_does_not_hang() {
    struct Chatty(Span);
    impl fmt::Debug for Chatty {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            self.0.record("user", "from within");
            info!("from within");
            f.write_str("chatty")
        }
    }
    let world = World::new();
    world.log(|| {
        let span = info_span!("request", value = field::Empty, user = field::Empty);
        let _inside = span.enter();
        span.record("value", field::debug(Chatty(span.clone())));
        info!("after");
    });
    let records = world.records("app");
    let last = records.last().unwrap();
    assert_eq!(last["message"], "after");
    assert_eq!(last["spans"][0]["attributes"]["value"], "chatty");
}

#[test]
fn a_debug_that_panics_in_a_span_field_leaves_the_span_usable() {
    struct Bad;
    impl fmt::Debug for Bad {
        fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
            panic!("in a span")
        }
    }
    let world = World::new();
    world.log(|| {
        let span = info_span!("request", bad = ?Bad, good = 1, late = field::Empty);
        let _inside = span.enter();
        info!("one");
        span.record("late", field::debug(Bad));
        span.record("good", 2);
        info!("two");
    });
    let records = world.records("app");
    assert_eq!(records[0]["spans"][0]["attributes"], json!({"bad": "[redacted:panic]", "good": 1}));
    let late = json!({"bad": "[redacted:panic]", "good": 2, "late": "[redacted:panic]"});
    assert_eq!(records[1]["spans"][0]["attributes"], late);
}

#[test]
fn a_spans_fields_called_like_the_envelope_stay_the_spans() {
    let world = World::new();
    world.log(|| {
        let span = info_span!("request", user_id = "u-1", message = "m", id = 3, level = "x");
        span.in_scope(|| info!("inside"));
    });
    let record = world.record("app");
    assert_eq!(record.get("user_id"), None);
    assert_eq!(record["message"], "inside");
    let expected = json!({"user_id": "u-1", "message": "m", "id": 3, "level": "x"});
    assert_eq!(record["spans"][0]["attributes"], expected);
}
