//! A `fmt` layer beside ours, redacted: in each of its formats, by name and by value, failing closed.

#![allow(clippy::unwrap_used, reason = "a test fails by it; what is unwrapped shows no secret")]

use std::fmt;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use dihya::fmt::{RedactedEvents, RedactedFields, RedactedWriter, redacted};
use dihya::{Policy, Sector};
use tracing::{Level, info};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::{Format, JsonFields};
use tracing_subscriber::prelude::*;
use tracing_subscriber::registry::Registry;

/// What a layer wrote, and with how many calls.
#[derive(Clone, Default)]
struct Capture(Arc<Mutex<(Vec<u8>, usize)>>);

impl Capture {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().0.clone()).unwrap()
    }

    fn calls(&self) -> usize {
        self.0.lock().unwrap().1
    }
}

impl Write for Capture {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut captured = self.0.lock().unwrap();
        captured.0.extend_from_slice(bytes);
        captured.1 += 1;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Capture {
    type Writer = Capture;

    fn make_writer(&'a self) -> Capture {
        self.clone()
    }
}

fn policy() -> Policy {
    Policy::parse("[storage]\nroot = \"/logs\"\n[redact]\ndrop_keys = [\"shoe_size\"]\n", "p.toml").unwrap()
}

/// Found by its form. Made when asked: no file holds it.
fn token() -> String {
    dihya::inspect::detectors().find(|detector| detector.name == "github_token").unwrap().example()
}

/// Found by the name beside it alone.
fn password() -> String {
    ["cor", "rect", "hor", "se"].concat()
}

/// Neither by form, nor in prose by its name: only who knows the field hides it.
fn person() -> String {
    ["Ma", "xi", "ma"].concat()
}

#[derive(Debug)]
struct Broken(Cause);

#[derive(Debug)]
struct Cause(String);

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the login broke")
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "for {}", self.0)
    }
}

impl std::error::Error for Broken {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

impl std::error::Error for Cause {}

struct Panics;

impl fmt::Debug for Panics {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic!("{}", token())
    }
}

struct Refuses;

impl fmt::Debug for Refuses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&token()[..20])?;
        Err(fmt::Error)
    }
}

/// What careless code logs; a harmless part of each line shows that it was captured.
fn log_carelessly() {
    let (token, password, person) = (token(), password(), person());
    let error = Broken(Cause(token.clone()));
    let span = tracing::info_span!(
        "request",
        route = "/v1/things",
        password,
        first_name = person,
        late = tracing::field::Empty
    );
    let _in = span.enter();
    span.record("late", format!("recorded {token}"));
    info!(%token, room = 7, ratio = 0.5, open = true, "message with {token} in it");
    info!(first_name = person, ?span, "a person, and password={password}");
    info!(error = &error as &(dyn std::error::Error + 'static), "broken");
    info!(panics = ?Panics, refuses = ?Refuses, shoe_size = 44, "formatting");
    info!(
        card = 4_111_111_111_111_111_u64,
        wide = 4_111_111_111_111_111_u128,
        note = 4_111_111_111_111_111_i64,
        "numbers"
    );
    info!(bytes = token.as_bytes(), "bytes");
    tracing::event!(parent: None, Level::INFO, token, "root");
    tracing::event!(parent: &span, Level::INFO, nested = ?Some(("user", &token)), "child");
}

fn run(layer: impl tracing_subscriber::Layer<Registry> + Send + Sync, log: impl FnOnce()) {
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), log);
}

/// Words that stand for the secrets, so that no failure shows one.
fn leaked(text: &str) -> Vec<&'static str> {
    let token = token();
    let mut leaked = Vec::new();
    for (name, secret) in [
        ("token", token.clone()),
        ("half a token", token[8..24].to_owned()),
        ("bytes", token.bytes().skip(5).take(12).map(|byte| byte.to_string()).collect::<Vec<_>>().join(", ")),
        ("password", password()),
        ("person", person()),
        ("card", "4111111111111111".to_owned()),
        ("dropped", "shoe_size".to_owned()),
    ] {
        if text.contains(&secret) {
            leaked.push(name);
        }
    }
    leaked
}

fn assert_clean(text: &str, format: &str) {
    for shown in ["/v1/things", "message with ", "room", "the login broke", "root", "child", "[redacted:"] {
        assert!(text.contains(shown), "{format} does not show {shown}");
    }
    assert_eq!(leaked(text), Vec::<&str>::new(), "{format}");
}

#[test]
fn without_redaction_the_same_events_do_leak() {
    // Else the negative assertions of this file prove nothing.
    std::panic::set_hook(Box::new(|_| ()));
    let capture = Capture::default();
    run(tracing_subscriber::fmt::layer().with_ansi(false).with_writer(capture.clone()), || {
        let (token, password, person) = (token(), password(), person());
        info!(%token, bytes = token.as_bytes(), first_name = person, shoe_size = 44, "password={password}");
        info!(card = 4_111_111_111_111_111_u64, "{}", &token[8..24]);
    });
    let leaked = leaked(&capture.text());
    assert!(
        ["token", "half a token", "password", "person", "card", "dropped"].iter().all(|l| leaked.contains(l))
    );
}

macro_rules! in_each_format {
    ($($name:ident: [$($options:tt)*];)*) => {$(
        #[test]
        fn $name() {
            let capture = Capture::default();
            let layer = tracing_subscriber::fmt::layer().with_writer(capture.clone());
            run(redacted(layer $($options)*, &policy()), log_carelessly);
            assert_clean(&capture.text(), stringify!($name));
        }
    )*};
}

in_each_format! {
    the_full_format_shows_no_secret: [.with_ansi(false)];
    the_full_format_with_colours_shows_no_secret: [.with_ansi(true)];
    the_compact_format_shows_no_secret: [.with_ansi(false).compact()];
    the_compact_format_with_colours_shows_no_secret: [.with_ansi(true).compact()];
    the_pretty_format_shows_no_secret: [.with_ansi(false).pretty()];
    the_pretty_format_with_colours_shows_no_secret: [.with_ansi(true).pretty()];
    the_json_format_shows_no_secret: [.json()];
    the_flat_json_format_shows_no_secret: [.json().flatten_event(true).with_span_list(true)];
    names_of_threads_and_places_do_not_disturb: [.with_thread_names(true).with_file(true).with_line_number(true)];
    spans_told_of_show_no_secret: [.with_span_events(tracing_subscriber::fmt::format::FmtSpan::FULL)];
}

#[test]
fn fields_alone_cover_the_full_and_the_compact_format() {
    for compact in [false, true] {
        let capture = Capture::default();
        let layer = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(capture.clone());
        match compact {
            false => run(layer.fmt_fields(RedactedFields::new(&policy())), log_carelessly),
            true => run(layer.compact().fmt_fields(RedactedFields::new(&policy())), log_carelessly),
        }
        assert_clean(&capture.text(), if compact { "compact" } else { "full" });
    }
}

#[test]
fn events_and_fields_without_the_writer_cover_json() {
    let capture = Capture::default();
    let layer = tracing_subscriber::fmt::layer()
        .fmt_fields(RedactedFields::with(JsonFields::new(), &policy()))
        .event_format(RedactedEvents::new(Format::default().json(), &policy()))
        .with_writer(capture.clone());
    run(layer, log_carelessly);
    assert_clean(&capture.text(), "json");
}

#[test]
fn json_stays_json_and_keeps_its_types() {
    let capture = Capture::default();
    run(
        redacted(tracing_subscriber::fmt::layer().json().with_writer(capture.clone()), &policy()),
        log_carelessly,
    );
    let text = capture.text();
    let lines: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 8);
    let fields = &lines[0]["fields"];
    assert_eq!((&fields["room"], &fields["ratio"], &fields["open"]), (&7.into(), &0.5.into(), &true.into()));
    assert_eq!(lines[0]["span"]["route"], "/v1/things");
    assert_eq!(lines[0]["span"]["first_name"], "[redacted:key_identity]");
    assert_eq!(lines[0]["span"]["late"], "recorded [redacted:github_token]");
    assert_eq!(lines[3]["fields"]["panics"], "[redacted:panic]");
    assert_eq!(lines[3]["fields"]["refuses"], "[redacted:unformattable]");
    assert_eq!(lines[4]["fields"]["wide"], "[redacted:card]");
}

#[test]
fn events_of_fmt_itself_keep_their_message_and_times() {
    let capture = Capture::default();
    let layer = tracing_subscriber::fmt::layer()
        .json()
        .with_span_events(tracing_subscriber::fmt::format::FmtSpan::CLOSE)
        .with_writer(capture.clone());
    run(redacted(layer, &policy()), || {
        drop(tracing::info_span!("work", password = password(), step = 3).entered())
    });
    let text = capture.text();
    assert!(
        text.contains("\"close\"") && text.contains("time.busy") && text.contains("\"step\":3"),
        "{text}"
    );
    assert!(!text.contains("unformattable") && leaked(&text).is_empty());
}

#[test]
fn a_record_of_the_log_facade_keeps_its_target_and_loses_its_secret() {
    let _ = tracing_log::LogTracer::init();
    let capture = Capture::default();
    run(
        redacted(tracing_subscriber::fmt::layer().with_ansi(false).with_writer(capture.clone()), &policy()),
        || {
            log::error!(target: "old::library", "sent {}", token());
            log::error!(target: &format!("old::{}", token()), "a target of its own");
        },
    );
    let text = capture.text();
    assert!(text.contains("old::library: sent [redacted:github_token]"));
    assert!(text.contains("a target of its own") && leaked(&text).is_empty());
}

#[test]
fn a_secret_in_the_name_of_a_thread_is_not_shown() {
    // Names of threads, spans and targets go one way, and only the first can be made here: the others are static.
    let captures: Vec<Capture> = (0..4).map(|_| Capture::default()).collect();
    let to = captures.clone();
    let work = move || {
        let named = || tracing_subscriber::fmt::layer().with_thread_names(true).with_ansi(true);
        // Without the writer, which would find it as well.
        let fields = || RedactedFields::new(&policy());
        let full =
            named().fmt_fields(fields()).map_event_format(|format| RedactedEvents::new(format, &policy()));
        run(full.with_writer(to[0].clone()), || info!("in a thread"));
        let json = named().json().map_fmt_fields(|inner| RedactedFields::with(inner, &policy()));
        let json = json.map_event_format(|format| RedactedEvents::new(format, &policy()));
        run(json.with_writer(to[1].clone()), || info!("in a thread"));
        run(named().with_writer(RedactedWriter::new(to[2].clone(), &policy())), || info!("in a thread"));
        run(redacted(named().with_writer(to[3].clone()), &policy()), || info!("in a thread"));
    };
    std::thread::Builder::new().name(format!("worker {}", token())).spawn(work).unwrap().join().unwrap();
    for text in captures.iter().map(Capture::text) {
        assert!(text.contains("in a thread") && text.contains("[redacted:github_token]"));
        assert_eq!(leaked(&text), Vec::<&str>::new());
    }
}

/// A formatter that fails, as one of the user's own may.
struct Failing;

impl<S, N> tracing_subscriber::fmt::FormatEvent<S, N> for Failing
where
    S: tracing::Subscriber + for<'a> tracing_subscriber::registry::LookupSpan<'a>,
    N: for<'a> tracing_subscriber::fmt::FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &tracing_subscriber::fmt::FmtContext<'_, S, N>,
        _: tracing_subscriber::fmt::format::Writer<'_>,
        event: &tracing::Event<'_>,
    ) -> fmt::Result {
        match event.metadata().level() {
            &Level::ERROR => panic!("{event:?}"),
            _ => Err(fmt::Error),
        }
    }
}

#[test]
fn a_formatter_that_fails_or_panics_leaves_a_marker() {
    let capture = Capture::default();
    let layer = tracing_subscriber::fmt::layer().with_writer(capture.clone()).log_internal_errors(true);
    run(redacted(layer.event_format(Failing), &policy()), || {
        info!(password = password(), "{}", token());
        tracing::error!(password = password(), "{}", token());
    });
    assert_eq!(capture.text(), "[redacted:unformattable]\n[redacted:unformattable]\n");
}

#[test]
fn a_redacted_layer_hides_what_the_record_hides() {
    // The same rules: each detector's example, and names of each class.
    let capture = Capture::default();
    let layer = tracing_subscriber::fmt::layer().json().with_writer(capture.clone());
    let examples: Vec<(&str, String)> =
        dihya::inspect::detectors().map(|detector| (detector.name, detector.example())).collect();
    run(redacted(layer, &Policy::sector(Sector::Generic)), || {
        examples.iter().for_each(|(_, example)| info!(note = example, "as {example}"));
    });
    let text = capture.text();
    let lines: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), examples.len());
    for (line, (name, example)) in lines.iter().zip(&examples) {
        let expected = dihya::inspect::detect(example);
        let marker = format!("[redacted:{}]", expected[0].label);
        assert!(line["fields"]["note"].as_str().unwrap().contains(&marker), "{name}");
    }
}

#[test]
fn a_writer_is_asked_once_per_record_and_counts_what_it_hid() {
    let capture = Capture::default();
    let writer = RedactedWriter::new(capture.clone(), &policy());
    let hidden = writer.redactions();
    let layer = tracing_subscriber::fmt::layer().with_ansi(false).pretty().with_writer(writer);
    run(layer, || {
        info!("{} and {}", token(), token());
        info!("nothing");
    });
    assert_eq!((capture.calls(), hidden.get()), (2, 2));
    assert!(capture.text().contains("nothing") && leaked(&capture.text()).is_empty());
}
