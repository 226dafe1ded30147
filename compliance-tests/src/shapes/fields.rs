//! Fields, the message, spans and names: where `tracing` itself puts what it is given.

use dihya::{Channel, Record};
use tracing::{error, error_span};
use tracing_core::field::debug;

use super::Needs::{Form, Key};
use super::values::Pieces;
use super::{NAMES, STRONG, Shape, shape};
use crate::emit;
use crate::seed::Seed;

pub(super) fn shapes() -> Vec<Shape> {
    vec![
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
            scene.raw(s);
            let record = Record::audit("e").field("note", s).message(s);
            scene.say(&format!("{record:?}"));
            scene.say(&format!("{:?}", scene.handle.record(record)));
        }),
        shape(1, "Record::new(…).field(\"password\", …)", Key, |scene, s, _| {
            scene.raw(s);
            scene.say(&format!(
                "{:?}",
                scene.handle.record(Record::new(Channel::API, "e").field("password", s))
            ));
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
        shape(22, "span named …", Form, |_, s, _| emit::span(s, "app", &[]).in_scope(|| error!("inside"))),
        shape(22, "error!(target: …)", Form, |_, s, _| emit::event("e", s, &[("n", &1)])),
        shape(22, "audit!(…)", Form, |_, s, _| {
            emit::event(&format!("dihya.audit:{s}"), "dihya::audit", &[])
        }),
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
        shape(26, "a field named password=…", Key, |_, s, _| {
            emit::event("e", "app", &[(&format!("password={s}"), &true), ("n", &1)]);
        }),
        shape(22, "span named password=…", Key, |_, s, _| {
            emit::span(&format!("login password={s}"), "app", &[]).in_scope(|| error!("inside"));
        }),
        shape(22, "error!(target: \"password=…\")", Key, |_, s, _| {
            emit::event("e", &format!("app::password={s}"), &[("n", &1)]);
        }),
        shape(27, "error!(a = <first half>, b = <second half>)", Form, |scene, s, seed| {
            // Half of a short one is not long enough to be looked for.
            scene.raw(s);
            let half = s.len() / 2;
            let half = (half..s.len()).find(|at| s.is_char_boundary(*at)).unwrap_or(0);
            match seed.below(2) {
                0 => error!(a = &s[..half], b = &s[half..]),
                _ => error!(b = &s[half..], n = 1, a = &s[..half]),
            }
        }),
        shape(27, "error_span!(a = <first half>, b = <second half>)", Form, |scene, s, seed| {
            scene.raw(s);
            let half = s.len() / 2;
            let half = (half..s.len()).find(|at| s.is_char_boundary(*at)).unwrap_or(0);
            if seed.below(2) == 0 {
                return error_span!("request", a = &s[..half], b = &s[half..]).in_scope(|| error!("inside"));
            }
            let span = error_span!("request", a = &s[..half], b = tracing::field::Empty);
            span.record("b", &s[half..]);
            error_span!(parent: &span, "inner", n = 1).in_scope(|| error!("inside"));
        }),
    ]
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
