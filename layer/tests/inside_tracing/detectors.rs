//! Detectors that a policy or a program adds.

use std::io::{self, Write};
use std::ops::Range;
use std::sync::{Arc, Mutex};

use dihya::Detector;
use serde_json::json;
use tracing_subscriber::layer::SubscriberExt;

use crate::support::{NOON, World, options, policy_of};

const BADGES: &str = r#"
[[redact.detectors]]
name = "clinic_badge"
prefix = ["cb_", "badge/"]
alphabet = "alnum"
min_length = 8
"#;

#[test]
fn a_prefix_of_the_policy_is_hidden_in_every_field_and_counted() {
    let world = World::with(BADGES);
    let count = "dihya_redactions_total{detector=\"clinic_badge\"}";
    assert_eq!(world.metric(count), 0.0, "it counts from the start");
    world.log(|| {
        let span = tracing::info_span!("visit", door = "badge/a1b2c3d4e5");
        span.in_scope(|| tracing::info!(id = "cb_A1B2C3D4", near = "cb_a1b2", "opened with cb_a1b2c3d4"));
    });
    let record = world.record("app");
    assert_eq!(record["message"], "opened with [redacted:clinic_badge]");
    assert_eq!(record["attributes"], json!({ "id": "[redacted:clinic_badge]", "near": "cb_a1b2" }));
    assert_eq!(record["spans"][0]["attributes"]["door"], "[redacted:clinic_badge]");
    assert_eq!(record["redactions"], json!({ "clinic_badge": 2 }));
    assert_eq!(world.metric(count), 3.0);
}

#[test]
fn a_reload_takes_detectors_away_and_brings_others() {
    let world = World::with(BADGES);
    let ward = BADGES.replace("clinic_badge", "ward_key").replace("\"cb_\"", "\"wk_\"");
    world.log(|| tracing::info!("cb_a1b2c3d4 wk_a1b2c3d4"));
    world.handle.reload(policy_of(&ward)).unwrap();
    let count = "dihya_redactions_total{detector=\"ward_key\"}";
    assert_eq!(world.metric(count), 0.0);
    world.log(|| tracing::info!("cb_a1b2c3d4 wk_a1b2c3d4"));
    let records = world.records("app");
    assert_eq!(records[0]["message"], "[redacted:clinic_badge] wk_a1b2c3d4");
    assert_eq!(records[1]["message"], "cb_a1b2c3d4 [redacted:ward_key]");
    assert_eq!(world.metric(count), 1.0);
}

#[cfg(feature = "regex")]
#[test]
fn a_pattern_hides_its_matches_whether_or_not_literals_announce_it() {
    let world = World::with(
        "[[redact.detectors]]\nname = \"patient_file\"\nregex = 'MRN-[0-9]{6}'\n\
         [[redact.detectors]]\nname = \"locker\"\nregex = '\\b[A-Z]{2}[0-9]{3}[A-Z]\\b'\n",
    );
    world.log(|| tracing::info!(locker = "AB123C", plain = "nothing", "MRN-123456 in XY987Z, and AB12C"));
    let record = world.record("app");
    assert_eq!(record["message"], "[redacted:patient_file] in [redacted:locker], and AB12C");
    assert_eq!(record["attributes"], json!({ "locker": "[redacted:locker]", "plain": "nothing" }));
}

#[test]
fn a_marker_is_left_as_it_is_and_a_secret_in_its_brackets_is_not() {
    let own = "[[redact.detectors]]\nname = \"red_badge\"\nprefix = \"red\"\nalphabet = \"lower\"\nmin_length = 5\n";
    let world = World::with(own);
    world.log(|| tracing::info!("redbadge1 [redacted:red_badge] [redacted:email] [redacted:redbadge1]"));
    let hidden = "[redacted:red_badge]";
    let expected = format!("{hidden} {hidden} [redacted:email] [{hidden}:{hidden}]");
    assert_eq!(world.record("app")["message"], expected);
}

/// Answers what it was made with.
struct Own {
    name: &'static str,
    trigger: Vec<&'static str>,
    answer: fn(&[u8], usize) -> Option<Range<usize>>,
}

impl Detector for Own {
    fn name(&self) -> &str {
        self.name
    }

    fn trigger(&self) -> &[&str] {
        &self.trigger
    }

    fn verify(&self, value: &[u8], at: usize) -> Option<Range<usize>> {
        (self.answer)(value, at)
    }
}

/// A world with one detector in code.
fn with(trigger: &[&'static str], answer: fn(&[u8], usize) -> Option<Range<usize>>) -> World {
    World::opened("", |options| options.detector(Own { name: "own_form", trigger: trigger.to_vec(), answer }))
}

#[test]
fn code_hides_what_it_answers_at_its_trigger_or_anywhere() {
    let world = with(&["no."], |value, at| {
        let digits = value[at + 3..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        (digits == 3).then_some(at..at + 6)
    });
    world.log(|| tracing::info!(n = "no.12", "no.123, no.456"));
    let record = world.record("app");
    assert_eq!(record["message"], "[redacted:own_form], [redacted:own_form]");
    assert_eq!(record["attributes"], json!({ "n": "no.12" }));
    assert_eq!(world.metric("dihya_redactions_total{detector=\"own_form\"}"), 2.0);

    let anywhere = with(&[], |value, at| {
        let found = value[at..].iter().position(|byte| *byte == b'#')?;
        Some(at + found..at + found + 2)
    });
    anywhere.log(|| tracing::info!(n = "none", "a #1 b #2"));
    assert_eq!(anywhere.record("app")["message"], "a [redacted:own_form] b [redacted:own_form]");
}

#[test]
fn a_range_that_is_wrong_hides_more_and_never_less() {
    // It cuts the é in two, answers more than there is, nothing at all, and backwards.
    let world = with(&["cut", "out", "nil", "bad"], |value, at| match &value[at..at + 3] {
        b"cut" => Some(at + 4..at + 5),
        b"out" => Some(at..at + 500),
        b"nil" => Some(at..at),
        #[expect(clippy::reversed_empty_ranges, reason = "what a mistaken detector answers")]
        _ => Some(9..2),
    });
    world.log(|| {
        tracing::info!(a = "cut é b", b = "a out b", c = "a nil b", d = "a bad b", "x");
    });
    let hidden = "[redacted:own_form]";
    assert_eq!(
        world.record("app")["attributes"],
        json!({ "a": format!("cut {hidden} b"), "b": hidden, "c": "a nil b", "d": hidden })
    );
}

#[test]
fn code_that_panics_hides_the_whole_value_and_is_counted() {
    let world = with(&["boom"], |_, _| panic!("by the detector"));
    world.log(|| tracing::info!(other = "seen", "before boom after"));
    let record = world.record("app");
    assert_eq!(record["message"], "[redacted:panic]");
    assert_eq!(record["attributes"], json!({ "other": "seen" }));
    assert_eq!(world.metric("dihya_redactions_total{detector=\"panic\"}"), 1.0);
}

#[test]
fn code_stays_through_a_reload() {
    let world = with(&["own"], |_, at| Some(at..at + 3));
    world.handle.reload(policy_of(BADGES)).unwrap();
    world.log(|| tracing::info!("own cb_a1b2c3d4"));
    assert_eq!(world.record("app")["message"], "[redacted:own_form] [redacted:clinic_badge]");
    let taken = world.handle.reload(policy_of(&BADGES.replace("clinic_badge", "own_form")));
    assert!(taken.unwrap_err().to_string().contains("a detector in code"));
    let again = Own { name: "own_form", trigger: vec!["new"], answer: |_, at| Some(at..at + 3) };
    world.handle.reload(policy_of("").detector(again)).unwrap();
    world.log(|| tracing::info!(target: "api", "own new"));
    assert_eq!(world.record("api")["message"], "own [redacted:own_form]");
}

#[test]
fn code_of_a_policy_hides_in_a_fmt_layer_too_and_is_shown_as_a_comment() {
    let policy = policy_of(BADGES).detector(Own {
        name: "own_form",
        trigger: vec!["own"],
        answer: |_, at| Some(at..at + 3),
    });
    let shown = policy.to_toml(true);
    assert!(shown.contains("# name = \"own_form\""), "{shown}");
    assert!(!policy.to_toml(false).contains("own_form"));
    assert!(dihya::Policy::parse(&shown, "shown").is_ok());

    let printed = Arc::new(Mutex::new(Vec::new()));
    let writer = Arc::clone(&printed);
    let layer = tracing_subscriber::fmt::layer().with_writer(move || Printed(Arc::clone(&writer)));
    let subscriber = tracing_subscriber::registry().with(dihya::fmt::redacted(layer, &policy));
    tracing::subscriber::with_default(subscriber, || tracing::info!("own cb_a1b2c3d4 seen"));
    let printed = String::from_utf8(printed.lock().unwrap().clone()).unwrap();
    assert!(printed.contains("[redacted:own_form] [redacted:clinic_badge] seen"), "{printed}");
}

struct Printed(Arc<Mutex<Vec<u8>>>);

impl Write for Printed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn code_with_a_name_or_a_trigger_that_cannot_be_is_refused_at_the_start() {
    let error = |name: &'static str, trigger: &[&'static str]| {
        let (disk, clock) = (dihya::storage::Memory::new(), dihya::Clock::manual(NOON));
        let own = Own { name, trigger: trigger.to_vec(), answer: |_, _| None };
        let opened = options(&policy_of(""), &disk, &clock).detector(own).open();
        opened.err().map(|error| error.to_string()).unwrap_or_default()
    };
    assert_eq!(error("own_form", &["abc"]), "");
    assert!(error("Own Form", &["abc"]).contains("lower-case letters"));
    assert!(error("jwt", &["abc"]).contains("a name that nothing else has"));
    assert!(error("own_form", &["ab"]).contains("at least three bytes"));
}
