//! Every encoding, of the secret alone, of it beside its key, and of one of the two; and encodings within encodings.

use super::Needs::{Form, Key};
use super::encode::{ENCODINGS, Encoding};
use super::{IN_TEXT, Shape, carry, json, shape};
use crate::seed::Seed;

pub(super) fn shapes() -> Vec<Shape> {
    let mut shapes: Vec<Shape> = ENCODINGS.iter().flat_map(of_one).collect();
    shapes.extend(nested());
    shapes
}

fn of_one(encoding: &'static Encoding) -> Vec<Shape> {
    let Encoding { class, name, apply, fits_key } = *encoding;
    let with = |inside: &str| name.replace('…', inside);
    let mut shapes = vec![
        shape(class, with("…"), Form, move |scene, s, seed| {
            let text = apply(s, seed);
            carry(scene, &text, seed);
        }),
        shape(class, format!("before {} after", with("…")), Form, move |scene, s, seed| {
            let text = format!("before {} after", apply(s, seed));
            carry(scene, &text, seed);
        }),
        shape(class, with("password=…"), Key, move |scene, s, seed| {
            let text = apply(&format!("{}={s}", seed.pick(IN_TEXT)), seed);
            carry(scene, &text, seed);
        }),
        shape(class, with("{\"password\":\"…\"}"), Key, move |scene, s, seed| {
            let text = apply(&object(s, seed), seed);
            carry(scene, &text, seed);
        }),
        shape(class, format!("password={}", with("…")), Key, move |scene, s, seed| {
            let text = format!("login {}={} next=5", seed.pick(IN_TEXT), apply(s, seed));
            carry(scene, &text, seed);
        }),
        shape(class, format!("{{\"password\":\"{}\"}}", with("…")), Key, move |scene, s, seed| {
            let text = format!("{{\"{}\":\"{}\"}}", seed.pick(IN_TEXT), apply(&json(s), seed));
            carry(scene, &text, seed);
        }),
    ];
    if fits_key {
        shapes.push(shape(class, format!("{}=…", with("password")), Key, move |scene, s, seed| {
            let key = *seed.pick(IN_TEXT);
            let text = format!("login {}={s} next=5", apply(key, seed));
            carry(scene, &text, seed);
        }));
        shapes.push(shape(
            class,
            format!("{{\"{}\":\"…\"}}", with("password")),
            Key,
            move |scene, s, seed| {
                let key = *seed.pick(IN_TEXT);
                let text = format!("{{\"{}\":\"{}\"}}", apply(key, seed), json(s));
                carry(scene, &text, seed);
            },
        ));
        shapes.push(shape(
            class,
            format!("{}={}", with("password"), with("…")),
            Key,
            move |scene, s, seed| {
                let key = *seed.pick(IN_TEXT);
                let key = apply(key, seed);
                let text = format!("login {key}={} next=5", apply(s, seed));
                carry(scene, &text, seed);
            },
        ));
    }
    shapes
}

/// Two and three levels; each counts as a shape of the outermost encoding's class.
fn nested() -> Vec<Shape> {
    let mut shapes = Vec::new();
    for (outer, inner) in [14, 15, 17, 18, 19].into_iter().flat_map(|outer| INNER.map(|inner| (outer, inner)))
    {
        let code = format!("class {outer} of class {inner} of");
        shapes.push(shape(outer, format!("{code} …"), Form, move |scene, s, seed| {
            let within = one_of(&[inner], seed)(s, seed);
            let text = one_of(&[outer], seed)(&within, seed);
            carry(scene, &text, seed);
        }));
        shapes.push(shape(outer, format!("{code} {{\"password\":\"…\"}}"), Key, move |scene, s, seed| {
            let within = one_of(&[inner], seed)(&object(s, seed), seed);
            let text = one_of(&[outer], seed)(&within, seed);
            carry(scene, &text, seed);
        }));
    }
    shapes.push(shape(15, "base64 of JSON with percent-encoded password=…", Key, |scene, s, seed| {
        let inner = one_of(&[14], seed)(&format!("{}={s}", seed.pick(IN_TEXT)), seed);
        let text = one_of(&[15], seed)(&format!("{{\"user\":\"bob\",\"q\":\"{inner}\"}}"), seed);
        carry(scene, &text, seed);
    }));
    shapes.push(shape(15, "three encodings of …", Form, |scene, s, seed| {
        let text = (0..3).fold(s.to_owned(), |text, _| one_of(&[14, 15, 17], seed)(&text, seed));
        carry(scene, &text, seed);
    }));
    shapes
}

/// Those that may stand within another.
const INNER: [u8; 5] = [14, 15, 17, 18, 31];

fn one_of(classes: &[u8], seed: &mut Seed) -> fn(&str, &mut Seed) -> String {
    let class = *seed.pick(classes);
    let whole = |e: &&Encoding| e.class == class && NESTED.contains(&e.name);
    let fitting: Vec<&Encoding> = ENCODINGS.iter().filter(whole).collect();
    seed.pick(&fitting).apply
}

/// One level each, of the whole text.
const NESTED: &[&str] = &[
    "percent(…)",
    "base64(…)",
    "base64(…) without padding",
    "base64url(…)",
    "hex(…)",
    "HEX(…)",
    "\\u0041(…)",
    "\\u{41}(…)",
    "\\x41(…)",
    "&#65;(…)",
    "&#x41;(…)",
    "{:?} of bytes(…)",
    "{:x?} of bytes(…)",
    "JSON of bytes(…)",
    "zero-width(…)",
];

fn object(s: &str, seed: &mut Seed) -> String {
    format!("{{\"user\":\"bob\",\"{}\":\"{}\",\"n\":1}}", seed.pick(IN_TEXT), json(s))
}
