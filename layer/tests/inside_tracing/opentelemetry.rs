//! Trace and span ids of OpenTelemetry, from wherever an event's span comes.

use opentelemetry::trace::{
    SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState, TracerProvider,
};
use opentelemetry_sdk::trace::SdkTracerProvider;
use serde_json::{Value, json};
use tracing::{Dispatch, Span, info, info_span};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry;

use crate::support::World;

fn worlds() -> [World; 2] {
    [true, false].map(|first| {
        World::among("", |layer| {
            let tracer = SdkTracerProvider::builder().build().tracer("test");
            if first {
                Dispatch::new(registry().with(tracing_opentelemetry::layer().with_tracer(tracer)).with(layer))
            } else {
                Dispatch::new(registry().with(layer).with(tracing_opentelemetry::layer().with_tracer(tracer)))
            }
        })
    })
}

fn ids(span: &Span) -> (Value, Value) {
    let context = span.context();
    let context = context.span().span_context().clone();
    assert!(context.is_valid());
    (json!(context.trace_id().to_string()), json!(context.span_id().to_string()))
}

fn ids_of(record: &Value) -> (Value, Value) {
    (record["trace_id"].clone(), record["span_id"].clone())
}

#[test]
fn an_event_carries_the_ids_of_the_span_it_is_in() {
    for world in worlds() {
        let expected = world.log(|| {
            info!("outside");
            let outer = info_span!("outer");
            let _outer = outer.enter();
            let inner = info_span!("inner");
            inner.in_scope(|| info!("inner"));
            info!("outer");
            [ids(&inner), ids(&outer)]
        });
        let records = world.records("app");
        assert_eq!(records[0].get("trace_id"), None);
        assert_eq!([ids_of(&records[1]), ids_of(&records[2])], expected);
        assert_eq!(expected[0].0, expected[1].0);
    }
}

#[test]
fn an_explicit_parent_gives_its_ids_and_none_gives_none() {
    for world in worlds() {
        let expected = world.log(|| {
            let other = info_span!(parent: None, "other");
            let current = info_span!("current");
            let _current = current.enter();
            info!(parent: &other, "in other");
            info!(parent: None, "in none");
            ids(&other)
        });
        let records = world.records("app");
        assert_eq!(ids_of(&records[0]), expected);
        assert_eq!(records[1].get("trace_id"), None);
    }
}

#[test]
fn a_remote_parent_set_after_creation_is_still_followed() {
    // Asking for a span's context in `on_new_span` would have started it, and this would fail.
    let remote = SpanContext::new(
        TraceId::from(0x1234_5678_9abc_def0_u128),
        SpanId::from(0x42),
        TraceFlags::SAMPLED,
        true,
        TraceState::default(),
    );
    for world in worlds() {
        world.log(|| {
            let span = info_span!("served", route = "/x");
            span.set_parent(opentelemetry::Context::new().with_remote_span_context(remote.clone())).unwrap();
            span.in_scope(|| info!("inside"));
        });
        assert_eq!(world.record("app")["trace_id"], "0000000000000000123456789abcdef0");
    }
}

#[test]
fn a_field_called_trace_id_is_kept_beside_the_real_one_and_takes_its_place_without() {
    for world in worlds() {
        let expected = world.log(|| {
            info!(trace_id = "t", span_id = "s", "outside");
            let span = info_span!("request");
            span.in_scope(|| info!(trace_id = "t", span_id = "s", "inside"));
            ids(&span)
        });
        let records = world.records("app");
        assert_eq!(ids_of(&records[0]), (json!("t"), json!("s")));
        assert_eq!(ids_of(&records[1]), expected);
        assert_eq!(records[1]["attributes"], json!({"trace_id": "t", "span_id": "s"}));
    }
}

#[test]
fn an_event_on_another_thread_with_an_explicit_parent_gets_its_ids() {
    for world in worlds() {
        let span = world.log(|| info_span!("shared"));
        std::thread::scope(|scope| {
            scope.spawn(|| world.log(|| info!(parent: &span, "from elsewhere")));
        });
        let expected = world.log(|| ids(&span));
        assert_eq!(ids_of(&world.record("app")), expected);
        world.log(|| drop(span));
    }
}
