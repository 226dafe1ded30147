//! Neighbours, control characters, and values whose formatting goes wrong.

use tracing::{error, error_span};

use super::Needs::{Form, Key};
use super::values::{Broken, Explosive, Talkative};
use super::{IN_TEXT, Shape, carry, json, log_record, shape};

pub(super) fn shapes() -> Vec<Shape> {
    vec![
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
        shape(38, "log::error!(\"…\")", Form, |_, s, _| {
            log_record("app", format_args!("got {s}, going on"))
        }),
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
        shape(
            38,
            "error!(note = ?…), whose Debug logs it",
            Form,
            |_, s, _| error!(note = ?Talkative(s), "x"),
        ),
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
        shape(38, "error!(note = %secret), whose Display fails", Key, |_, s, _| error!(note = %Broken(s))),
        shape(33, "ESC[31mpasswordESC[0m=…", Key, |scene, s, seed| {
            let key = *seed.pick(IN_TEXT);
            let text = format!("login \u{1b}[3m{key}\u{1b}[0m\u{1b}[2m=\u{1b}[0m{s} \u{1b}[3mn\u{1b}[0m=5");
            carry(scene, &text, seed);
        }),
        shape(36, "error!(note = \"x…\"), a longer word", Form, |scene, s, seed| {
            // What stands right before it: letters make another word of some forms, signs of none.
            let (before, after) =
                *seed.pick(&[("=", ""), ("/", "/x"), ("_", ""), ("$", "$"), ("~", "~"), ("#", "#")]);
            let text = format!("a{before}{s}{after}");
            carry(scene, &text, seed);
        }),
        shape(36, "error!(\"…password=…\")", Key, |scene, s, seed| {
            let text = format!("{s} {}={s},{s}", seed.pick(IN_TEXT));
            let text = text.replacen(&format!("{s} "), "", 1);
            carry(scene, &text, seed);
        }),
        shape(
            36,
            "error!(\"{\\\"password\\\":\\\"…\\\",\\\"secret\\\":\\\"…\\\"}\")",
            Key,
            |scene, s, seed| {
                let s = json(s);
                let text =
                    format!("{{\"{}\":\"{s}\",\"secret\":\"{s}\"}}{{\"pwd\":\"{s}\"}}", seed.pick(IN_TEXT));
                carry(scene, &text, seed);
            },
        ),
    ]
}
