//! Numbers: as integers and floats, in groups, with the digits and blanks of the world.

use tracing::{error, error_span};

use super::Needs::{DigitsByKey, Only};
use super::{Shape, carry, shape};
use crate::emit;
use crate::seed::Seed;

pub(super) fn shapes() -> Vec<Shape> {
    let mut shapes = vec![
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
        shape(34, "error!(n = <NIR>u64), and other numbers", Only(&["nir"]), |_, s, _| {
            let Ok(number) = s.parse::<u64>() else { return error!("{s}") };
            error!(a = number, b = number as i64, c = u128::from(number), d = ?number, e = number as f64);
        }),
        shape(34, "error!(pin = …u64)", DigitsByKey, |_, s, seed| {
            let number: u64 = s.parse().unwrap_or_default();
            let key = *seed.pick(&["pin", "password", "otp", "cvv", "card_number", "numero_secu", "token"]);
            match seed.below(4) {
                0 => emit::event("login", "app", &[(key, &number)]),
                1 => emit::event("login", "app", &[(key, &u128::from(number))]),
                2 => emit::event("login", "app", &[(key, &tracing_core::field::debug(Some(number)))]),
                // In a text only names of credentials count.
                _ => error!("login {{\"password\":{number},\"n\":1}} token={number} cvv: {number}"),
            }
        }),
        shape(35, "error!(note = … with a letter before it)", Only(&["iban"]), |scene, s, seed| {
            let before = *seed.pick(&["IBAN", "iban:", "x", "to", "é"]);
            carry(scene, &format!("{before}{s}"), seed);
        }),
        shape(35, "error!(note = … in lower case)", Only(&["iban", "nir"]), |scene, s, seed| {
            carry(scene, &s.to_lowercase(), seed);
        }),
        shape(35, "error!(note = … with zeros before it)", Only(&["card"]), |scene, s, seed| {
            let zeros = 1 + seed.below(4);
            carry(scene, &format!("{:0>width$}", s, width = s.len() + zeros), seed);
        }),
    ];
    for (code, separator) in SEPARATORS {
        shapes.push(shape(
            35,
            format!("error!(note = … in groups, {code} between)"),
            Only(&["card", "iban", "nir"]),
            move |scene, s, seed| {
                let text = in_groups(s, separator);
                carry(scene, &text, seed);
            },
        ));
    }
    for (code, zero) in DIGITS {
        shapes.push(shape(
            35,
            format!("error!(note = … in {code} digits)"),
            Only(&["card", "nir", "iban"]),
            {
                move |scene, s, seed| {
                    let digit =
                        |c: char| c.to_digit(10).and_then(|digit| char::from_u32(zero + digit)).unwrap_or(c);
                    let text: String = s.chars().map(digit).collect();
                    carry(scene, &text, seed);
                }
            },
        ));
    }
    shapes
}

const SEPARATORS: &[(&str, &str)] = &[
    ("a blank", " "),
    ("a dash", "-"),
    ("a dot", "."),
    ("a no-break space", "\u{a0}"),
    ("a narrow no-break space", "\u{202f}"),
    ("a thin space", "\u{2009}"),
    ("a figure space", "\u{2007}"),
    ("an ideographic space", "\u{3000}"),
    ("a tab", "\t"),
    ("a line's break", "\n"),
    ("a slash", "/"),
    ("an underscore", "_"),
    ("two blanks", "  "),
    ("an en dash", "–"),
    ("a no-break hyphen", "\u{2011}"),
    ("a minus", "−"),
    ("a middle dot", "·"),
    ("a zero-width space", "\u{200b}"),
];

const DIGITS: &[(&str, u32)] = &[
    ("Arabic-Indic", 0x660),
    ("Persian", 0x6f0),
    ("Devanagari", 0x966),
    ("full-width", 0xff10),
    ("bold", 0x1d7ce),
];

/// As people write them: a card and an IBAN in fours, a NIR in its parts.
fn in_groups(s: &str, separator: &str) -> String {
    let is_nir = s.len() == 15 && s.starts_with(['1', '2']);
    let lengths: &[usize] = if is_nir { &[1, 2, 2, 2, 3, 3, 2] } else { &[4; 9] };
    groups(s, lengths).join(separator)
}

fn grouped(text: &str, lengths: &[usize], seed: &mut Seed) -> String {
    let separator = *seed.pick(&[" ", "-", ".", "\u{a0}"]);
    groups(text, lengths).join(separator)
}

fn groups<'a>(text: &'a str, lengths: &[usize]) -> Vec<&'a str> {
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
    groups
}
