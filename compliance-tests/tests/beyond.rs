//! What leaves a process past our own files: a `fmt` layer on stdout, and a panic on stderr. Each in a child, as a service
//! would do it, with the real streams.

#![allow(clippy::unwrap_used, reason = "a test fails by it; what is unwrapped shows no secret")]

use std::collections::BTreeSet;
use std::fmt::{self, Write as _};
use std::process::Output;

use dihya::fmt::{RedactedFields, RedactedWriter, redacted};
use dihya::{Options, Policy, Sector};
use dihya_compliance::{Canary, Search, Seed, child};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

fn canaries(seed: u64) -> Vec<Canary> {
    let mut seed = Seed::new(seed);
    let formed: Vec<Canary> =
        dihya::inspect::detectors().map(|detector| Canary::of(&detector, &mut seed)).collect();
    formed.into_iter().chain((0..10).map(|_| Canary::plain(&mut seed))).collect()
}

/// The canaries found in the streams; shown, they name their detectors alone.
fn leaks(output: &Output, seed: u64) -> Vec<Canary> {
    let canaries = canaries(seed);
    let streams = [("stdout", output.stdout.as_slice()), ("stderr", output.stderr.as_slice())];
    let found: BTreeSet<usize> =
        Search::new(&canaries).leaks(streams).iter().map(|leak| leak.canary).collect();
    found.into_iter().map(|index| canaries[index].clone()).collect()
}

fn shows(output: &Output, text: &str) -> bool {
    let all = [&output.stdout[..], &output.stderr[..]].concat();
    String::from_utf8_lossy(&all).contains(text)
}

/// Writes each character by itself.
struct Slowly<'a>(&'a str);

impl fmt::Display for Slowly<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|char| f.write_char(char))
    }
}

/// A service with our layer and a `fmt` layer on stdout, in this way; it logs every canary in several.
fn serve(way: &str, seed: u64) {
    let root = std::env::temp_dir().join(format!("dihya-beyond-{}", std::process::id()));
    let policy = || Policy::sector(Sector::Generic).root(&root);
    let (ours, guard) = dihya::open(policy()).unwrap();
    let registry = tracing_subscriber::registry().with(ours);
    let fmt = || tracing_subscriber::fmt::layer();
    match way {
        "raw" => registry.with(fmt()).init(),
        "raw json" => registry.with(fmt().json()).init(),
        "fields" => registry.with(fmt().fmt_fields(RedactedFields::new(&policy()))).init(),
        "writer" => {
            registry.with(fmt().json().with_writer(RedactedWriter::new(std::io::stdout, &policy()))).init()
        }
        "coloured writer" => {
            let writer = RedactedWriter::new(std::io::stdout, &policy());
            registry.with(fmt().with_ansi(true).with_writer(writer)).init();
        }
        "all" => registry.with(redacted(fmt().with_ansi(true), &policy())).init(),
        "all json" => registry.with(redacted(fmt().json().with_span_list(true), &policy())).init(),
        _ => panic!("no such way"),
    }
    guard.probe().unwrap();
    for canary in canaries(seed) {
        let secret = canary.text();
        let span = tracing::error_span!("work", password = secret, late = tracing::field::Empty);
        let _in = span.enter();
        span.record("late", format_args!("token={secret}"));
        match canary.detector() {
            "key" => {
                tracing::error!(api_key = secret, "login password={secret} refused");
                // If it were cut where it becomes too long to examine, most of the secret would stand at its end, without
                // a name.
                let pad = " ".repeat(64 * 1024 - (secret.len() - 2));
                let long = pad + secret;
                tracing::error!(note = long.as_str(), "at once");
                tracing::error!(note = %Slowly(&long), "one by one");
            }
            _ => tracing::error!(note = secret, debug = ?Some(secret), "got {secret}"),
        }
    }
    tracing::error!(room = 7, "an ordinary line");
    drop(guard.shutdown(std::time::Duration::from_secs(20)));
    std::fs::remove_dir_all(root).unwrap();
}

#[test]
fn a_redacted_fmt_layer_shows_no_secret() {
    if let Some(told) = child::told() {
        let (seed, way) = told.split_once(' ').unwrap();
        return serve(way, seed.parse().unwrap());
    }
    let run = |way: &str| {
        let output = child::run("a_redacted_fmt_layer_shows_no_secret", &format!("31 {way}")).unwrap();
        assert!(output.status.success(), "the child failed: {way}");
        assert!(shows(&output, "an ordinary line"), "nothing captured: {way}");
        output
    };
    // Else the search below proves nothing; and the operator is told.
    for way in ["raw", "raw json"] {
        let output = run(way);
        assert_eq!(leaks(&output, 31).len(), canaries(31).len(), "found without redaction: {way}");
        assert!(shows(&output, "dihya: another layer of this subscriber prints fields as they are"), "{way}");
    }
    for way in ["fields", "writer", "coloured writer", "all", "all json"] {
        let output = run(way);
        assert!(shows(&output, "[redacted:jwt]") && shows(&output, "work"), "{way}");
        let found = leaks(&output, 31);
        assert!(found.is_empty(), "{way} shows {found:?}");
        assert!(!shows(&output, "dihya: another layer"), "{way}");
    }
}

/// Panics with everything that can be thrown, in every place.
fn panic_everywhere(way: &str, seed: u64) {
    struct Throws(String);
    impl Drop for Throws {
        fn drop(&mut self) {
            panic!("while unwinding: {}", self.0)
        }
    }
    /// One panic, caught, while another unwinds.
    struct PanicsWithin(String);
    impl Drop for PanicsWithin {
        fn drop(&mut self) {
            let _ = std::panic::catch_unwind(|| panic!("inner {}", self.0));
        }
    }
    fn refused(text: &str) -> std::io::Result<()> {
        Err(std::io::Error::other(text.to_owned()))
    }
    let policy = Policy::sector(Sector::Generic).root("/logs");
    let open =
        || Options::new(policy.clone()).storage(std::sync::Arc::new(dihya::storage::Memory::new())).open();
    if way == "raw" {
        // As a process without our hook.
        let _ = std::panic::catch_unwind(|| panic!("{}", canaries(seed)[0].text()));
        return;
    }
    // A hook that was there before ours shows nothing more.
    std::panic::set_hook(Box::new(|info| {
        let text = info.payload().downcast_ref::<String>().cloned().unwrap_or_default();
        let _ = std::io::Write::write_all(&mut std::io::stderr(), text.as_bytes());
    }));
    let (_first, _guard) = open().unwrap();
    let (_second, _another) = open().unwrap();
    // Backtraces are long, and of the same few forms.
    let step = if way == "some" { 9 } else { 1 };
    for canary in canaries(seed).into_iter().step_by(step) {
        let text = match canary.detector() {
            "key" => format!("password={}", canary.text()),
            _ => canary.text().to_owned(),
        };
        let forever: &'static str = Box::leak(text.clone().into_boxed_str());
        let _ = std::panic::catch_unwind(|| std::panic::panic_any(forever));
        let _ = std::panic::catch_unwind(|| std::panic::panic_any(Box::new(text.clone())));
        let _ = std::panic::catch_unwind(|| std::panic::panic_any(vec![text.clone()]));
        let named = std::thread::Builder::new().name(format!("worker {text}"));
        let message = text.clone();
        let _ = named
            .spawn(move || panic!("line one\nthread 'main' panicked at {message}\n{message}"))
            .unwrap()
            .join();
        let _ = std::panic::catch_unwind(|| {
            let _while = PanicsWithin(text.clone());
            refused(&text).unwrap();
        });
        let _ = std::panic::catch_unwind(|| assert_eq!(text.clone(), "something else"));
    }
    let _ = std::panic::catch_unwind(|| panic!("an ordinary panic in room 7"));
    if way == "double" {
        let text = canaries(seed)[0].text().to_owned();
        let _throws = Throws(text.clone());
        panic!("first: {text}");
    }
}

#[test]
fn no_panic_shows_a_secret_wherever_it_happens() {
    let name = "no_panic_shows_a_secret_wherever_it_happens";
    if let Some(told) = child::told() {
        let (seed, way) = told.split_once(' ').unwrap();
        return panic_everywhere(way, seed.parse().unwrap());
    }
    let raw = child::run(name, "32 raw").unwrap();
    assert!(!leaks(&raw, 32).is_empty(), "the control: without our hook it is shown");
    for (backtrace, how_many) in [("0", "all"), ("1", "some"), ("full", "some")] {
        let told = format!("32 {how_many}");
        let output = child::run_with(name, &told, &[("RUST_BACKTRACE", backtrace)]).unwrap();
        assert!(output.status.success(), "the child failed, RUST_BACKTRACE={backtrace}");
        assert!(
            shows(&output, "an ordinary panic in room 7") && shows(&output, "(a payload that is no text)")
        );
        assert!(shows(&output, "thread 'worker [redacted:"), "RUST_BACKTRACE={backtrace}");
        assert!(
            shows(&output, "\n  thread 'main' panicked at [redacted:"),
            "set in, so that it is no line of ours"
        );
        assert_eq!(shows(&output, "panic_everywhere"), backtrace != "0", "frames are shown when asked for");
        assert_eq!(shows(&output, "on_panic"), backtrace == "full", "RUST_BACKTRACE={backtrace}");
        assert!(leaks(&output, 32).is_empty(), "RUST_BACKTRACE={backtrace}");
    }
    let double = child::run(name, "32 double").unwrap();
    assert!(!double.status.success() && shows(&double, "while unwinding: [redacted:"), "it aborts");
    assert!(leaks(&double, 32).is_empty());
}
