//! Values that their type marks: ours, those of the secrecy crate, and what `#[instrument]` does with arguments.

use std::fmt;

use dihya::{Channel, Handle, Record, Sensitive};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::support::World;

const MARKER: &str = "[redacted:sensitive]";

#[derive(Clone, Debug)]
#[expect(dead_code, reason = "read by its Debug form alone")]
struct Login {
    desk: u32,
    code: Sensitive<String>,
}

fn login() -> Login {
    Login { desk: 7, code: "4711".into() }
}

fn count(world: &World) -> f64 {
    world.metric("dihya_redactions_total{detector=\"sensitive\"}")
}

/// Whether the code was written anywhere: a timestamp may hold these digits, so that fields alone are looked at.
fn shows_code(record: &Value) -> bool {
    ["message", "attributes", "spans"].iter().any(|key| record[key].to_string().contains("4711"))
}

#[test]
fn a_sensitive_value_is_a_marker_in_every_field_and_counted() {
    let world = World::with("[channels.desk]\nstrict = true\nfields = [\"code\"]\n");
    let code = Sensitive::new(4711);
    world.log(|| tracing::info!(plain = 4711, "the control: {}", code.expose()));
    assert!(shows_code(&world.record("app")), "without the type it is written");

    world.log(|| {
        tracing::info!(target: "api", ?code, shown = %code, login = ?login(), pair = ?(&code, 1), "with {code:x}");
        tracing::info!(target: "desk", %code, "declared");
    });
    let record = world.record("api");
    assert_eq!(record["message"], format!("with {MARKER}"));
    let login = format!("Login {{ desk: 7, code: {MARKER} }}");
    assert_eq!(
        record["attributes"],
        json!({ "code": MARKER, "shown": MARKER, "login": login, "pair": format!("({MARKER}, 1)") })
    );
    assert_eq!(record["redactions"], json!({ "sensitive": 5 }));
    assert_eq!(world.record("desk")["attributes"], json!({ "code": MARKER }));
    assert_eq!(count(&world), 6.0);
}

#[test]
fn a_span_s_sensitive_fields_are_markers_and_counted() {
    let world = World::new();
    let code = Sensitive::new(4711);
    world.log(|| {
        let span = tracing::info_span!("desk", ?code, late = tracing::field::Empty);
        span.record("late", tracing::field::display(&code));
        span.in_scope(|| tracing::info!("opened"));
    });
    let record = world.record("app");
    assert_eq!(record["spans"][0]["attributes"], json!({ "code": MARKER, "late": MARKER }));
    assert!(!shows_code(&record));
    assert_eq!(count(&world), 2.0);
}

/// Logs while it is formatted, and is formatted while something is logged.
struct Chatty<'a>(&'a Handle);

impl fmt::Debug for Chatty<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let code = Sensitive::new(4711);
        let inner = Record::new(Channel::API, "inner").field("code", &code).message("inner");
        self.0.record(inner).unwrap();
        write!(f, "{code:?} and {code:?}")
    }
}

#[test]
fn each_record_counts_its_own_and_no_text_can_add_to_it() {
    let world = World::new();
    world.log(|| {
        tracing::info!(value = ?Chatty(&world.handle), "outer");
        tracing::info!("forged {MARKER} {MARKER}");
    });
    let records = world.records("app");
    assert_eq!(records[0]["redactions"], json!({ "sensitive": 2 }));
    assert_eq!(records[1].get("redactions"), None);
    assert_eq!(world.record("api")["redactions"], json!({ "sensitive": 1 }));
    let outside = format!("{:?}", Sensitive::new(4711));
    world.log(|| tracing::info!(target: "scheduler", "printed elsewhere: {outside}"));
    assert_eq!(world.record("scheduler").get("redactions"), None);
}

#[test]
fn secrets_of_the_secrecy_crate_stay_as_they_print_themselves() {
    let world = World::new();
    let word: SecretString = "swordfish".into();
    assert_eq!(word.expose_secret(), "swordfish");
    world.log(|| tracing::info!(held = ?word, pair = ?("a", &word), "with {word:?}"));
    let record = world.record("app");
    let shown = "SecretBox<str>([REDACTED])";
    assert_eq!(record["message"], format!("with {shown}"));
    assert_eq!(record["attributes"], json!({ "held": shown, "pair": format!("(\"a\", {shown})") }));
    assert_eq!(record.get("redactions"), None);
}

#[test]
fn memory_is_wiped_by_what_is_put_inside() {
    let mut code = Sensitive::new(Zeroizing::new("4711".to_owned()));
    assert_eq!(format!("{code:?}"), MARKER);
    code.expose_mut().push('x');
    assert_eq!(code.into_exposed().as_str(), "4711x");
}

#[tracing::instrument]
fn open(desk: u32, code: &Sensitive<String>, token: &str, header: &str, login: Login) {
    tracing::info!("inside");
}

#[tracing::instrument(skip(body))]
fn receive(size: usize, body: &str) {
    tracing::info!("inside {}", body.len());
}

#[test]
fn arguments_of_an_instrumented_function_are_hidden_by_type_by_name_and_by_form() {
    let world = World::new();
    let key = format!("AK{}{}", "IA", "IOSFODNN7EXAMPLE");
    world.log(|| {
        open(3, &"4711".into(), "anything", &format!("key {key}"), login());
        receive(4, "4711");
    });
    let records = world.records("app");
    assert_eq!(
        records[0]["spans"][0],
        json!({ "name": "open", "attributes": {
            "desk": 3,
            "code": MARKER,
            "token": "[redacted:key_authentication]",
            "header": "key [redacted:aws_key_id]",
            "login": format!("Login {{ desk: 7, code: {MARKER} }}"),
        } })
    );
    assert_eq!(records[1]["spans"][0]["attributes"], json!({ "size": 4 }));
    assert!(!records.iter().any(shows_code));
}

#[tracing::instrument(err, ret)]
fn exchange(code: &Sensitive<String>, fails: bool) -> Result<Sensitive<String>, Sensitive<String>> {
    match fails {
        true => Err(code.clone()),
        false => Ok(code.clone()),
    }
}

#[tracing::instrument(err(Debug), ret(Display))]
fn convert(fails: bool) -> Result<String, String> {
    let text = format!("password={}", "swordfish");
    if fails { Err(text) } else { Ok(text) }
}

#[test]
fn what_an_instrumented_function_returns_is_hidden_too() {
    let world = World::new();
    world.log(|| {
        let code = "4711".into();
        assert_eq!(exchange(&code, false).unwrap().expose(), "4711");
        assert_eq!(exchange(&code, true).unwrap_err().expose(), "4711");
        let _ = (convert(false), convert(true));
    });
    let records = world.records("app");
    assert_eq!(records[0]["attributes"], json!({ "return": MARKER }));
    assert_eq!(records[1]["attributes"], json!({ "error": MARKER }));
    let hidden = "password=[redacted:keyed_secret]";
    assert_eq!(records[2]["attributes"], json!({ "return": hidden }));
    assert_eq!(records[3]["attributes"], json!({ "error": format!("\"{hidden}\"") }));
    assert!(!records.iter().any(shows_code));
}
