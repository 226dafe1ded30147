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

#[test]
fn a_service_without_opentelemetry_has_no_ids() {
    let world = World::new();
    world.log(|| {
        let span = info_span!("request");
        span.in_scope(|| info!("inside"));
        info!(parent: &span, "below");
    });
    let records = world.records("app");
    assert_eq!(records.len(), 2);
    assert!(records.iter().all(|record| record.get("trace_id").is_none() && record.get("span_id").is_none()));
    assert_eq!(records[0]["spans"][0]["name"], "request", "the span itself is there");
}

#[test]
fn a_context_that_was_attached_by_hand_gives_its_ids() {
    for world in worlds() {
        let remote = SpanContext::new(
            TraceId::from(7_u128),
            SpanId::from(9),
            TraceFlags::SAMPLED,
            true,
            TraceState::default(),
        );
        world.log(|| {
            let _attached = opentelemetry::Context::new().with_remote_span_context(remote).attach();
            info!("in no span of tracing");
        });
        let record = world.record("app");
        assert_eq!(record["trace_id"], "00000000000000000000000000000007");
        assert_eq!(record["span_id"], "0000000000000009");
    }
}

#[test]
fn a_policy_that_is_reloaded_within_a_span_changes_no_ids() {
    for world in worlds() {
        let expected = world.log(|| {
            let span = info_span!("request");
            span.in_scope(|| {
                info!("before");
                world.handle.reload(crate::support::policy_of("level = \"debug\"\n")).unwrap();
                tracing::debug!("after");
            });
            ids(&span)
        });
        let records = world.records("app");
        assert_eq!([ids_of(&records[0]), ids_of(&records[1])], [expected.clone(), expected]);
    }
}

#[test]
fn an_opentelemetry_layer_that_can_be_reloaded_never_gives_the_ids_of_another_span() {
    let world = World::among("", |layer| {
        let tracer = SdkTracerProvider::builder().build().tracer("test");
        let otel = tracing_opentelemetry::layer().with_tracer(tracer);
        let (otel, _handle) = tracing_subscriber::reload::Layer::new(otel);
        Dispatch::new(registry().with(otel).with(layer))
    });
    let current = world.log(|| {
        let other = info_span!(parent: None, "other");
        let span = info_span!("current");
        let _entered = span.enter();
        let context = opentelemetry::Context::current().span().span_context().clone();
        info!("in current");
        info!(parent: &other, "in other");
        context
    });
    let records = world.records("app");
    let expected = (json!(current.trace_id().to_string()), json!(current.span_id().to_string()));
    assert_eq!(ids_of(&records[0]), expected);
    // `reload` does not let anybody ask the layer inside it for a span that is not entered: then there are no ids.
    assert_eq!(records[1].get("trace_id"), None);
}

#[test]
fn a_span_that_opentelemetry_does_not_see_leaves_the_ids_of_the_one_around_it() {
    use tracing_subscriber::Layer as _;
    let world = World::among("", |layer| {
        let tracer = SdkTracerProvider::builder().build().tracer("test");
        let seen = tracing_subscriber::filter::filter_fn(|metadata| metadata.name() != "hidden");
        let otel = tracing_opentelemetry::layer().with_tracer(tracer).with_filter(seen);
        Dispatch::new(registry().with(otel).with(layer))
    });
    let expected = world.log(|| {
        let outer = info_span!("outer");
        let expected = ids(&outer);
        let _outer = outer.enter();
        info_span!("hidden").in_scope(|| info!("inside"));
        expected
    });
    let record = world.record("app");
    assert_eq!(ids_of(&record), expected);
    assert_eq!(record["spans"][1]["name"], "hidden");
}

#[test]
fn a_future_that_moves_between_threads_keeps_its_ids() {
    use tracing::Instrument as _;
    for world in worlds() {
        let (span, future) = world.log(|| {
            let span = info_span!("task");
            let mut polled = false;
            let work = std::future::poll_fn(move |context| {
                info!("polled");
                if std::mem::replace(&mut polled, true) {
                    return std::task::Poll::Ready(());
                }
                context.waker().wake_by_ref();
                std::task::Poll::Pending
            });
            (span.clone(), Box::pin(work.instrument(span)))
        });
        let mut future = future;
        let mut poll = || {
            world.log(|| {
                let mut context = std::task::Context::from_waker(std::task::Waker::noop());
                std::future::Future::poll(future.as_mut(), &mut context).is_ready()
            })
        };
        assert!(!poll());
        std::thread::scope(|scope| assert!(scope.spawn(poll).join().unwrap()));
        let expected = world.log(|| ids(&span));
        let records = world.records("app");
        assert_eq!([ids_of(&records[0]), ids_of(&records[1])], [expected.clone(), expected]);
        world.log(|| drop((span, future)));
    }
}
