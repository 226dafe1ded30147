//! Lengths: the edges of the blocks that are scanned at once, the limits of values and records, breaks of lines.

use tracing::{error, error_span};

use super::Needs::{Form, Key, Only};
use super::{IN_TEXT, Shape, carry, shape};
use crate::seed::Seed;

pub(super) fn shapes() -> Vec<Shape> {
    vec![
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
        shape(
            30,
            "error!(key = \"<PEM>\"), lines ended in three ways",
            Only(&["private_key"]),
            |_, s, seed| {
                let end = *seed.pick(&["\n", "\r\n", "\\n", "\\r\\n", "\\\\n"]);
                let text = s.replace('\n', end);
                error!(note = text.as_str(), "got {text} back");
            },
        ),
        shape(30, "error!(key = \"<PEM, cut>\")", Only(&["private_key"]), |_, s, seed| {
            let cut = s.len() - seed.below(s.len() / 2);
            let end = *seed.pick(&["\n", "\r\n", "\\n"]);
            error!(note = s[..cut].replace('\n', end).as_str());
        }),
        shape(28, "error!(note = \"<each of 64 offsets> …\")", Form, |_, s, seed| {
            // All blocks of 32 and 64 bytes are crossed at every place of the secret.
            let offset = seed.below(64);
            for pad in [offset, offset + 64, (offset + 32) % 64] {
                error!(note = %format!("{:pad$} {s} after", ""));
            }
        }),
        shape(28, "error!(a = \"<each of 64 offsets>\", b = \"password=…\")", Key, |_, s, seed| {
            let pad = seed.below(64);
            error!(a = %format!("{:pad$}", ""), b = %format!("{}={s}", seed.pick(IN_TEXT)), c = "after");
        }),
        shape(28, "error!(note = … split by a line's break)", Form, |scene, s, seed| {
            let text = split(s, seed);
            carry(scene, &text, seed);
        }),
        shape(28, "error!(\"password=…\") split by a line's break", Key, |scene, s, seed| {
            let text = format!("{}={}", seed.pick(IN_TEXT), split(s, seed));
            carry(scene, &text, seed);
        }),
        shape(30, "error!(note = \"<lines> … <lines>\")", Form, |scene, s, seed| {
            let end = *seed.pick(&["\n", "\r\n", "\\n", "\\r\\n"]);
            let text = format!("first line{end}{s}{end}last line");
            carry(scene, &text, seed);
        }),
        shape(30, "error!(note = \"<lines> password=… <lines>\")", Key, |scene, s, seed| {
            let end = *seed.pick(&["\n", "\r\n", "\\n", "\\r\\n"]);
            let text = format!("first line{end}{}={s}{end}last line", seed.pick(IN_TEXT));
            carry(scene, &text, seed);
        }),
    ]
}

/// Broken in two lines somewhere near its middle.
fn split(s: &str, seed: &mut Seed) -> String {
    let at = s.len() / 3 + seed.below(1 + s.len() / 3);
    let at = (at..s.len()).find(|at| s.is_char_boundary(*at)).unwrap_or(0);
    let end = *seed.pick(&["\n", "\r\n", "\n  ", "\\n"]);
    format!("{}{end}{}", &s[..at], &s[at..])
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
