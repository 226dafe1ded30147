//! Shapes of the covered classes.

use std::error::Error;

use dihya::{Channel, Record};
use tracing::{error, error_span};
use tracing_core::field::debug;

use super::Needs::{Form, Key, Only};
use super::values::{Broken, Explosive, Failure, Headers, Login, Note, Outcome, Pieces, Session, Talkative};
use super::{Shape, json, shape};
use crate::emit;
use crate::search::base64;
use crate::seed::Seed;

pub(crate) static COVERED: &[Shape] = &[
    shape(1, "error!(password = …), and other names", Key, |_, s, seed| {
        emit::event("login", "app", &[(*seed.pick(NAMES), &s)]);
    }),
    shape(1, "error!(password = ?…), and other names", Key, |_, s, seed| {
        emit::event("login", "app", &[(*seed.pick(NAMES), &debug(s))]);
    }),
    shape(1, "error!(password = …bytes)", Key, |_, s, _| error!(password = s.as_bytes())),
    shape(1, "error!(note = …)", Form, |_, s, _| error!(note = s)),
    shape(1, "error!(note = %…)", Form, |_, s, _| error!(note = %s)),
    shape(1, "error!(note = ?…)", Form, |_, s, _| error!(note = ?s)),
    shape(1, "error!(note = …bytes)", Form, |_, s, _| error!(note = s.as_bytes())),
    shape(1, "error!(note = %… in pieces)", Form, |_, s, _| error!(note = %Pieces(s))),
    shape(1, "error!(user_id = …)", Form, |_, s, _| {
        error!(user_id = s, subject_id = s, trace_id = s, outcome = s)
    }),
    shape(1, "audit!(\"e\", note = …)", Form, |_, s, _| dihya::audit!("e", note = s, user_id = s)),
    shape(1, "security!(\"e\", password = …)", Key, |_, s, _| dihya::security!("e", password = s)),
    shape(1, "Record::audit(\"e\").field(\"note\", …)", Form, |scene, s, _| {
        let record = Record::audit("e").field("note", s).message(s);
        scene.say(&format!("{record:?}"));
        scene.say(&format!("{:?}", scene.handle.record(record)));
    }),
    shape(1, "Record::new(…).field(\"password\", …)", Key, |scene, s, _| {
        scene.say(&format!("{:?}", scene.handle.record(Record::new(Channel::API, "e").field("password", s))));
    }),
    shape(2, "error!(userPassword = …), and other spellings", Key, |_, s, seed| {
        let words = *seed.pick(STRONG);
        let name = spelled(words, seed);
        emit::event("login", "app", &[(&name, &s), ("ok", &true)]);
    }),
    shape(3, "error!(\"… failed\")", Form, |_, s, _| error!("{s} failed")),
    shape(3, "error!(\"failed with {}\", …)", Form, |_, s, _| error!("failed with {}", s)),
    shape(3, "error!(n = 1, \"before … after\")", Form, |_, s, _| error!(n = 1, "before {s} after")),
    shape(3, "error!(message = …)", Form, |_, s, _| error!(message = s)),
    shape(3, "error!(message = ?…)", Form, |_, s, _| error!(message = ?s)),
    shape(4, "error!(\"password=… next=5\")", Key, |_, s, seed| {
        let (key, sep) = (*seed.pick(IN_TEXT), *seed.pick(&["=", ": ", ":", " = ", "=>"]));
        error!("login {key}{sep}{s} next=5");
    }),
    shape(4, "error!(note = \"password=\\\"…\\\"\")", Key, |_, s, seed| {
        let (key, quote) = (*seed.pick(IN_TEXT), *seed.pick(&["\"", "'", "`"]));
        error!(note = %format!("login {key}={quote}{s}{quote}, next=5"));
    }),
    shape(4, "error!(\"note=… next=5\")", Form, |_, s, _| error!("note={s} next=5")),
    shape(5, "error!(body = {\"password\":\"…\"})", Key, |_, s, seed| {
        let (key, space) = (*seed.pick(IN_TEXT), *seed.pick(&["", " ", "\n  "]));
        error!(body = %format!("{{\"user\":\"bob\",{space}\"{key}\":{space}\"{s}\",\"n\":1}}"));
    }),
    shape(5, "error!(body = {\"note\":\"…\"})", Form, |_, s, _| {
        error!(body = %format!("{{\"id\":7,\"note\":\"{}\",\"n\":[1,2]}}", json(s)));
    }),
    shape(5, "error!(\"got [\\\"…\\\"]\")", Form, |_, s, _| error!("got [\"{}\", null]", json(s))),
    shape(
        6,
        "error!(body = {\"a\":\"{\\\"password\\\":\\\"…\\\"}\"}), up to three levels",
        Key,
        |_, s, seed| {
            let key = *seed.pick(IN_TEXT);
            let body = nested(format!("{{\"user\":\"bob\",\"{key}\":\"{s}\",\"n\":1}}"), 1 + seed.below(3));
            error!(body = body.as_str(), "got {body}");
        },
    ),
    shape(
        6,
        "error!(body = {\"a\":\"{\\\"note\\\":\\\"…\\\"}\"}), up to three levels",
        Form,
        |_, s, seed| {
            error!(
                body = nested(format!("{{\"id\":7,\"note\":\"{}\"}}", json(s)), 1 + seed.below(3)).as_str()
            );
        },
    ),
    shape(7, "error!(login = ?Login { password: … })", Key, |_, s, _| {
        error!(login = ?Login { user: "bob", password: s, attempts: 2 });
    }),
    shape(7, "error!(\"{:?}\", Note { text: … })", Form, |_, s, _| error!("{:?}", Note { id: 7, text: s })),
    shape(8, "error!(\"{:#?}\", Login { password: … })", Key, |_, s, _| {
        error!("{:#?}", Login { user: "bob", password: s, attempts: 2 });
    }),
    shape(8, "error!(note = format!(\"{:#?}\", Note { text: … }))", Form, |_, s, _| {
        error!(note = %format!("{:#?}", Note { id: 7, text: s }));
    }),
    shape(9, "error!(session = ?Session { api_key: Some(…) })", Key, |_, s, _| {
        error!(session = ?Session { api_key: Some(s), note: Note { id: 1, text: "" } });
    }),
    shape(9, "error!(pair = ?(1, …))", Form, |_, s, _| error!(pair = ?(1, s), list = ?[s, s])),
    shape(9, "error!(outcome = ?Failed(…, 3))", Form, |_, s, _| error!(result = ?Outcome::Failed(s, 3))),
    shape(9, "error!(note = ?Some(Ok(…)))", Form, |_, s, _| error!(note = ?Some(Ok::<_, ()>(s)))),
    shape(9, "error!(nested = ?Session { note: Note { text: … } })", Form, |_, s, _| {
        error!(nested = ?Session { api_key: None, note: Note { id: 1, text: s } });
    }),
    shape(10, "error!(headers = ?headers), … in authorization", Key, |_, s, seed| {
        let name = *seed.pick(&[
            "authorization",
            "x-api-key",
            "cookie",
            "set-cookie",
            "proxy-authorization",
            "x-auth-token",
        ]);
        let value = match seed.below(4) {
            0 => format!("Bearer {s}"),
            1 => format!("Own {s}"),
            2 => format!("sid={s}; Path=/"),
            _ => s.to_owned(),
        };
        let headers = Headers(vec![("host", "x"), (name, &value), ("accept", "*/*")]);
        error!(headers = ?headers, "got {headers:?} and {headers:#?}");
    }),
    shape(10, "error!(headers = ?headers), … in a header of any name", Form, |_, s, _| {
        error!(headers = ?Headers(vec![("host", "x"), ("x-custom", s)]));
    }),
    shape(11, "error!(url = \"https://bob:…@host/\")", Key, |_, s, seed| {
        let (scheme, user) = (
            *seed.pick(&["https", "postgres", "redis", "amqp", "mongodb+srv", "s3"]),
            *seed.pick(&["bob", ""]),
        );
        error!(url = %format!("{scheme}://{user}:{s}@db.example.org:99/x?y=1"), "connecting to {scheme}://{user}:{s}@db/x");
    }),
    shape(12, "error!(uri = \"/x?access_token=…&y=1\")", Key, |_, s, seed| {
        let key = *seed.pick(&["access_token", "api_key", "sig", "token", "password", "client_secret"]);
        error!(uri = %format!("/x?y=1&{key}={s}&z=2"), "GET https://example.org/x?{key}={s}");
    }),
    shape(12, "error!(uri = \"/x?q=…\")", Form, |_, s, _| error!(uri = %format!("/x?y=1&q={s}&z=2"))),
    shape(13, "error!(uri = \"/x#access_token=…&y=1\")", Key, |_, s, seed| {
        let key = *seed.pick(&["access_token", "id_token", "token", "code_verifier"]);
        error!(uri = %format!("/x?y=1#{key}={s}&z=2"), "GET https://example.org/x#{key}={s}");
    }),
    shape(13, "error!(uri = \"/x#…\")", Form, |_, s, _| error!(uri = %format!("/x?y=1#{s}"))),
    shape(16, "error!(\"Authorization: Basic base64(bob:…)\")", Key, |_, s, seed| {
        let pair = base64(format!("{}:{s}", seed.pick(&["bob", "a", "al"])).as_bytes(), false);
        error!(header = %format!("Basic {pair}"), "Authorization: Basic {pair}");
    }),
    shape(20, "error!(error = &error as &dyn Error), … in its cause", Form, |_, s, seed| {
        let failure = Failure::nested(format!("cannot use {s}"), seed.below(4));
        error!(error = &failure as &(dyn Error + 'static), "failed");
    }),
    shape(20, "error!(error = ?error), … in its cause", Form, |_, s, seed| {
        let failure = Failure::nested(s.to_owned(), seed.below(4));
        error!(error = ?failure, "failed: {failure}");
    }),
    shape(20, "error!(error = &error), password=… in its cause", Key, |_, s, seed| {
        let failure = Failure::nested(format!("login with password={s} failed"), seed.below(4));
        error!(error = &failure as &(dyn Error + 'static));
    }),
    shape(22, "span named …", Form, |_, s, _| emit::span(s, "app", &[]).in_scope(|| error!("inside"))),
    shape(22, "error!(target: …)", Form, |_, s, _| emit::event("e", s, &[("n", &1)])),
    shape(22, "audit!(…)", Form, |_, s, _| emit::event(&format!("dihya.audit:{s}"), "dihya::audit", &[])),
    shape(23, "error_span!(password = …)", Key, |_, s, seed| {
        emit::span("request", "app", &[(*seed.pick(NAMES), &s)]).in_scope(|| error!("inside"));
    }),
    shape(23, "error_span!(note = …)", Form, |_, s, _| {
        error_span!("request", note = s).in_scope(|| error!("inside"))
    }),
    shape(23, "error_span!(note = ?…)", Form, |_, s, _| {
        error_span!("request", note = ?s).in_scope(|| error!("inside"))
    }),
    shape(24, "span.record(\"note\", …)", Form, |_, s, _| {
        let span = error_span!("request", note = tracing::field::Empty, n = 1);
        span.in_scope(|| error!("before"));
        span.record("note", s);
        span.in_scope(|| error!("inside"));
        span.record("note", debug(s));
        span.in_scope(|| error!("again"));
    }),
    shape(24, "span.record(\"password\", …)", Key, |_, s, _| {
        let span = error_span!("request", password = tracing::field::Empty);
        let _entered = span.enter();
        span.record("password", s);
        error!("inside");
    }),
    shape(25, "error! two spans inside error_span!(note = …)", Form, |_, s, _| {
        let outer = error_span!("outer", note = s);
        let middle = error_span!(parent: &outer, "middle", n = 1);
        middle.in_scope(|| error_span!("inner").in_scope(|| error!("inside")));
    }),
    shape(25, "error!(parent: &span), whose field is …", Form, |_, s, _| {
        let span = error_span!("outer", note = s);
        error!(parent: &span, n = 1, "beside");
    }),
    shape(25, "error!(parent: &span), whose password is …", Key, |_, s, _| {
        let span = error_span!("outer", password = s);
        error!(parent: &span, n = 1, "beside");
    }),
    shape(26, "a field named …", Form, |_, s, _| emit::event("e", "app", &[(s, &true), ("n", &1)])),
    shape(26, "a span's field named …", Form, |_, s, _| {
        emit::span("request", "app", &[(s, &"x")]).in_scope(|| error!("inside"));
    }),
    shape(28, "error!(note = \"<0 to 200 bytes> …\")", Form, |_, s, seed| {
        let pad = padding(seed, 200);
        error!(note = %format!("{pad} {s} {}", padding(seed, 70)));
    }),
    shape(28, "error!(a = \"<0 to 200 bytes>\", note = …)", Form, |_, s, seed| {
        error!(a = padding(seed, 200).as_str(), note = s, b = padding(seed, 40).as_str());
    }),
    shape(28, "error!(\"<0 to 200 bytes> password=…\")", Key, |_, s, seed| {
        error!("{} password={s}", padding(seed, 200))
    }),
    shape(29, "error!(note = \"<64 KiB> …\")", Form, |_, s, seed| {
        let pad = long(seed, 64 * 1024, s.len());
        error!(note = pad_with(&pad, s).as_str());
    }),
    shape(29, "error!(\"<32 KiB> …\")", Form, |_, s, seed| {
        error!("{}", pad_with(&long(seed, 32 * 1024, s.len()), s))
    }),
    shape(29, "error!(user_id = \"<1 KiB> …\")", Form, |_, s, seed| {
        error!(user_id = pad_with(&long(seed, 1024, s.len()), s).as_str());
    }),
    shape(29, "error!(a = \"<60 KiB>\", note = …)", Form, |_, s, seed| {
        let pad = long(seed, 58 * 1024 + 600, s.len());
        error!(a = pad.as_str(), note = s, b = s, c = s);
    }),
    shape(29, "error_span!(a = \"<16 KiB> …\")", Form, |_, s, seed| {
        let pad = long(seed, 16 * 1024, s.len());
        error_span!("request", a = pad_with(&pad, s).as_str(), note = s).in_scope(|| error!("inside"));
    }),
    shape(29, "error!(\"<32 KiB> password=…\")", Key, |_, s, seed| {
        error!("{} password={s}", long(seed, 32 * 1024, s.len() + 10));
    }),
    shape(30, "error!(key = \"<PEM>\"), lines ended in three ways", Only(&["private_key"]), |_, s, seed| {
        let end = *seed.pick(&["\n", "\r\n", "\\n", "\\r\\n", "\\\\n"]);
        let text = s.replace('\n', end);
        error!(note = text.as_str(), "got {text} back");
    }),
    shape(30, "error!(key = \"<PEM, cut>\")", Only(&["private_key"]), |_, s, seed| {
        let cut = s.len() - seed.below(s.len() / 2);
        let end = *seed.pick(&["\n", "\r\n", "\\n"]);
        error!(note = s[..cut].replace('\n', end).as_str());
    }),
    shape(33, "error!(note = \"ESC[31m…ESC[0m\")", Form, |_, s, seed| {
        let (before, after) = *seed.pick(&[
            ("\u{1b}[31m", "\u{1b}[0m"),
            ("\u{1b}]8;;", "\u{7}"),
            ("\0", "\0"),
            ("\r", "\r"),
            ("\u{9b}1", "\u{9b}"),
            ("\u{202e}", "\u{202c}"),
            ("\u{200b}", "\u{feff}"),
        ]);
        error!(note = %format!("a {before} {s}{after} b"), "a {before} {s} {after}b");
    }),
    shape(33, "error!(\"ESC[1mpassword=ESC[31m…\")", Key, |_, s, seed| {
        let colour = *seed.pick(&["\u{1b}[31m", "\u{1b}[1;32m", ""]);
        error!("\u{1b}[1mpassword={colour}{s}\u{1b}[0m done");
    }),
    shape(34, "error!(n = …u64), and other numbers", Only(&["card"]), |_, s, _| {
        let number: u64 = s.parse().unwrap_or_default();
        error!(a = number, b = number as i64, c = u128::from(number), d = i128::from(number));
        error!(a = -(number as i64), b = ?number, c = %number, d = ?Some(number), "card {number}");
    }),
    shape(34, "error!(n = …f64)", Only(&["card"]), |_, s, _| {
        let number: f64 = s.parse().unwrap_or_default();
        error!(a = number, b = ?number, c = %number, "paid with {number} and {number:?}");
    }),
    shape(34, "error_span!(n = …u64)", Only(&["card"]), |_, s, _| {
        let number: u64 = s.parse().unwrap_or_default();
        error_span!("request", n = number).in_scope(|| error!("inside"));
    }),
    shape(35, "error!(note = … in groups)", Only(&["card", "iban"]), |_, s, seed| {
        let text = grouped(s, &[4; 9], seed);
        error!(note = text.as_str(), "paid with {text}, thanks");
    }),
    shape(35, "error!(note = <NIR> in groups)", Only(&["nir"]), |_, s, seed| {
        let text = grouped(s, &[1, 2, 2, 2, 3, 3, 2], seed);
        error!(note = text.as_str(), "number {text}.");
    }),
    shape(36, "error!(note = \"… …\")", Form, |_, s, seed| {
        let between = *seed.pick(&[" ", ",", ", ", "\n", "; ", "\t", "|", "\"", " / "]);
        error!(note = %format!("{s}{between}{s}"), "{s}{between}{s}{between}{s}");
    }),
    shape(36, "error!(note = \"(…)\"), and other brackets", Form, |_, s, seed| {
        let (open, close) = *seed.pick(&[
            ("(", ")"),
            ("[", "]"),
            ("{", "}"),
            ("<", ">"),
            ("\"", "\""),
            ("'", "'"),
            ("`", "`"),
            ("*", "*"),
            ("«", "»"),
        ]);
        error!(note = %format!("{open}{s}{close}"), "a{open}{s}{close}b");
    }),
    shape(36, "error!(\"…, … and password=…\")", Key, |_, s, _| {
        error!("to bob@example.org password={s}, again password={s} token={s};secret={s}");
    }),
    shape(37, "error!(dsn = \"host=db password=…\")", Key, |_, s, seed| {
        let dsn = match seed.below(9) {
            0 => format!("host=db user=app password={s} sslmode=require"),
            1 => format!("host=db user=app password='{s}' dbname=x"),
            2 => format!("Server=db;Uid=app;Pwd={s};Timeout=5"),
            3 => format!("Server=tcp:db,1433;User ID=app;Password={s}"),
            4 => format!("jdbc:postgresql://db/x?user=app&password={s}&ssl=true"),
            5 => format!("jdbc:mysql://app:{s}@db:3306/x"),
            6 => format!("export DATABASE_PASSWORD={s}\nPORT=80"),
            7 => format!("API_KEY=\"{s}\"\nMODE=prod"),
            _ => format!("curl -u app:{s} https://example.org"),
        };
        error!(note = dsn.as_str(), "starting with {dsn}");
    }),
    shape(38, "log::error!(\"…\")", Form, |_, s, _| log_record("app", format_args!("got {s}, going on"))),
    shape(38, "log::error!(target: …)", Form, |_, s, _| log_record(s, format_args!("x"))),
    shape(38, "log::error!(\"password=…\")", Key, |_, s, _| {
        log_record("app", format_args!("login password={s}"))
    }),
    shape(38, "error!(note = …bytes, not UTF-8)", Form, |_, s, _| {
        let bytes = [b"\xff\xc3 ", s.as_bytes(), b"\xc3\xff\x80"].concat();
        error!(note = bytes.as_slice());
    }),
    shape(38, "error!(note = \"<200 KiB> …\")", Form, |_, s, _| {
        error!(note = "x ".repeat(100 * 1024).as_str(), text = %format!("{}{s}", "y ".repeat(40 * 1024)));
    }),
    shape(38, "error!(note = ?…), whose Debug logs it", Form, |_, s, _| error!(note = ?Talkative(s), "x")),
    shape(38, "error!(note = ?…), whose Debug panics with it", Form, |_, s, _| {
        error!(note = ?Explosive(s), n = 1, "x");
        error_span!("request", note = ?Explosive(s)).in_scope(|| error!("inside"));
    }),
    shape(
        38,
        "error!(note = ?secret), whose Debug panics with it",
        Key,
        |_, s, _| error!(note = ?Explosive(s)),
    ),
    shape(38, "error!(note = %…), whose Display fails", Form, |_, s, _| error!(note = %Broken(s))),
];

const NAMES: &[&str] = &[
    "password",
    "passwd",
    "pwd",
    "secret",
    "token",
    "api_key",
    "apikey",
    "access_key",
    "authorization",
    "cookie",
    "session_id",
    "private_key",
    "client_secret",
    "jwt",
    "credentials",
    "card_number",
    "cvv",
    "iban",
    "ssn",
    "nir",
    "mot_de_passe",
    "mdp",
    "cle_api",
    "jeton",
    "numero_secu",
    "carte_bancaire",
    "diagnostic",
    "date_naissance",
    "email",
    "phone",
    "first_name",
    "otp",
    "database_url",
    "passphrase",
    "refresh_token",
];

/// Names that stay what they are in any spelling, by their words.
const STRONG: &[&[&str]] = &[
    &["password"],
    &["api", "key"],
    &["access", "token"],
    &["client", "secret"],
    &["mot", "de", "passe"],
    &["private", "key"],
    &["card", "number"],
    &["session", "id"],
    &["authorization"],
];

/// Names that give a value away even inside a text.
const IN_TEXT: &[&str] = &[
    "password",
    "passwd",
    "pwd",
    "secret",
    "api_key",
    "access_token",
    "client_secret",
    "auth_token",
    "card_number",
    "mot_de_passe",
    "DB_PASSWORD",
    "userPassword",
    "private-key",
    "cvv",
];

/// JSON in a string of JSON, so often.
fn nested(text: String, times: usize) -> String {
    (0..times).fold(text, |text, _| format!("{{\"a\":1,\"body\":\"{}\"}}", json(&text)))
}

fn spelled(words: &[&str], seed: &mut Seed) -> String {
    let capital = |word: &str| format!("{}{}", word[..1].to_uppercase(), &word[1..]);
    let name = match seed.below(7) {
        0 => words.join("_").to_uppercase(),
        1 => words.join("-"),
        2 => words.join("."),
        3 => words.iter().map(|word| capital(word)).collect(),
        4 => words.concat(),
        5 => format!("{}{}", words[0], words[1..].iter().map(|word| capital(word)).collect::<String>()),
        _ => words.join("_"),
    };
    match seed.below(6) {
        0 => format!("user_{name}"),
        1 => format!("http.request.header.{name}"),
        2 => format!("x-{name}"),
        3 => format!("{name}_2"),
        4 => format!("old_{name}"),
        _ => name,
    }
}

/// Ordinary text of at most so many bytes.
fn padding(seed: &mut Seed, most: usize) -> String {
    let len = seed.below(most + 1);
    seed.text(b"abcdefghij klmnop rstuvw yz ,.", len)
}

/// Ordinary text that ends shortly before or after a limit less the length of what follows.
fn long(seed: &mut Seed, limit: usize, follows: usize) -> String {
    let len = limit.saturating_sub(follows + 40) + seed.below(follows + 80);
    "lorem ipsum ".chars().cycle().take(len).collect()
}

fn pad_with(pad: &str, secret: &str) -> String {
    format!("{pad} {secret}")
}

fn grouped(text: &str, lengths: &[usize], seed: &mut Seed) -> String {
    let separator = *seed.pick(&[" ", "-", ".", "\u{a0}"]);
    let mut groups = Vec::new();
    let mut rest = text;
    // A last digit alone is no group.
    for len in lengths {
        let cut = if rest.len() <= len + 1 { rest.len() } else { *len };
        groups.push(&rest[..cut]);
        rest = &rest[cut..];
        if rest.is_empty() {
            break;
        }
    }
    groups.join(separator)
}

fn log_record(target: &str, arguments: std::fmt::Arguments<'_>) {
    let record = log::Record::builder().level(log::Level::Error).target(target).args(arguments).build();
    // It only fails where a writer does, and there is none.
    let _ = tracing_log::format_trace(&record);
}
