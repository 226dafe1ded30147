//! Encodings of a text, as libraries and people write them.

use crate::search::{LOOK_ALIKES, base64};
use crate::seed::Seed;

/// A way to write a text so that its letters are not there to be seen.
pub(super) struct Encoding {
    pub(super) class: u8,
    /// With `…` for the text.
    pub(super) name: &'static str,
    pub(super) apply: fn(&str, &mut Seed) -> String,
    /// It may stand for a key before an equals sign, or within the quotes of JSON.
    pub(super) fits_key: bool,
}

const fn encoding(class: u8, name: &'static str, apply: fn(&str, &mut Seed) -> String) -> Encoding {
    Encoding { class, name, apply, fits_key: false }
}

const fn in_key(class: u8, name: &'static str, apply: fn(&str, &mut Seed) -> String) -> Encoding {
    Encoding { class, name, apply, fits_key: true }
}

pub(super) static ENCODINGS: &[Encoding] = &[
    in_key(14, "percent(…)", |s, seed| percent(s, seed, |_| true)),
    in_key(14, "percent(some of …)", |s, seed| {
        let every = 2 + seed.below(4);
        percent(s, seed, |i| i % every == 0)
    }),
    encoding(14, "percent(signs of …)", |s, seed| {
        let bytes = s.as_bytes();
        percent(s, seed, |i| !bytes[i].is_ascii_alphanumeric())
    }),
    in_key(14, "percent(percent(…))", |s, seed| percent(s, seed, |_| true).replace('%', "%25")),
    encoding(14, "percent(percent(percent(…)))", |s, seed| {
        percent(s, seed, |_| true).replace('%', "%2525")
    }),
    encoding(15, "base64(…)", |s, _| base64(s.as_bytes(), false)),
    encoding(15, "base64(…) without padding", |s, _| unpadded(base64(s.as_bytes(), false))),
    encoding(15, "base64url(…)", |s, _| unpadded(base64(s.as_bytes(), true))),
    encoding(15, "base64(<1 to 5 bytes> …)", |s, seed| {
        let before = 1 + seed.below(5);
        base64(format!("{}:{s}", seed.text(b"abcdef", before)).as_bytes(), seed.below(2) == 0)
    }),
    encoding(15, "base64(…) in a longer word", |s, seed| {
        let before = seed.below(4);
        format!("{}{}", seed.text(b"abcdefghijkl", before), unpadded(base64(s.as_bytes(), false)))
    }),
    encoding(15, "base64(…) in lines", |s, seed| {
        // As in a mail or a file of keys, and not worth a line's break where it is short.
        let (len, end) = (*seed.pick(&[64, 76]), *seed.pick(&["\n", "\r\n"]));
        lines(&base64(s.as_bytes(), false), len, end)
    }),
    encoding(15, "data:text/plain;base64,…", |s, _| {
        format!("data:text/plain;base64,{}", base64(s.as_bytes(), false))
    }),
    encoding(17, "hex(…)", |s, _| hex(s, "", false)),
    encoding(17, "HEX(…)", |s, _| hex(s, "", true)),
    encoding(17, "0x hex(…)", |s, seed| format!("0x{}", hex(s, "", seed.below(2) == 0))),
    encoding(17, "hex(…) with colons", |s, seed| hex(s, ":", seed.below(2) == 0)),
    encoding(17, "hex(…) with blanks", |s, seed| hex(s, " ", seed.below(2) == 0)),
    in_key(18, "\\u0041(…)", |s, seed| {
        let upper = seed.below(2) == 0;
        each(s, |c| if upper { format!("\\u{:04X}", c as u32) } else { format!("\\u{:04x}", c as u32) })
    }),
    in_key(18, "\\u0041(one letter of …)", |s, seed| {
        let at = seed.below(s.chars().count());
        some(s, |i| i == at, |c| format!("\\u{:04x}", c as u32))
    }),
    in_key(18, "\\u{41}(…)", |s, _| each(s, |c| format!("\\u{{{:x}}}", c as u32))),
    in_key(18, "\\x41(…)", |s, _| s.bytes().map(|byte| format!("\\x{byte:02x}")).collect()),
    in_key(18, "&#65;(…)", |s, seed| {
        let zeros = *seed.pick(&["", "0", "00"]);
        each(s, |c| format!("&#{zeros}{};", c as u32))
    }),
    in_key(18, "&#x41;(…)", |s, _| each(s, |c| format!("&#x{:X};", c as u32))),
    encoding(18, "&quot;(…)", |s, _| {
        each(s, |c| match c {
            '"' => "&quot;".to_owned(),
            '\'' => "&apos;".to_owned(),
            '&' => "&amp;".to_owned(),
            '<' => "&lt;".to_owned(),
            '>' => "&gt;".to_owned(),
            c => c.to_string(),
        })
    }),
    encoding(19, "{:?} of bytes(…)", |s, _| format!("{:?}", s.as_bytes())),
    encoding(19, "{:#?} of bytes(…)", |s, _| format!("{:#?}", s.as_bytes())),
    encoding(19, "{:x?} of bytes(…)", |s, _| format!("{:x?}", s.as_bytes())),
    encoding(19, "{:02X?} of bytes(…)", |s, _| format!("{:02X?}", s.as_bytes())),
    encoding(19, "{:?} of FromUtf8Error(…)", |s, _| {
        let bytes = [s.as_bytes(), b"\xff"].concat();
        String::from_utf8(bytes).unwrap_or_else(|error| format!("{error:?}"))
    }),
    encoding(19, "JSON of bytes(…)", |s, _| format!("{:?}", s.as_bytes()).replace(' ', "")),
    in_key(31, "zero-width(…)", |s, seed| {
        let between = *seed.pick(INVISIBLE);
        each(s, |c| format!("{c}{between}"))
    }),
    in_key(31, "zero-width(one place in …)", |s, seed| {
        let (at, between) = (seed.below(s.chars().count()), *seed.pick(INVISIBLE));
        some(s, |i| i == at, |c| format!("{c}{between}"))
    }),
    in_key(31, "combining(…)", |s, seed| {
        let mark = *seed.pick(&['\u{301}', '\u{308}', '\u{335}', '\u{20dd}', '\u{fe0f}']);
        let every = 1 + seed.below(3);
        some(
            s,
            |i| i % every == 0,
            |c| if c.is_ascii_graphic() { format!("{c}{mark}") } else { c.to_string() },
        )
    }),
    in_key(31, "bidi(…)", |s, seed| {
        let at = seed.below(s.chars().count());
        let (open, close) =
            *seed.pick(&[("\u{202d}", "\u{202c}"), ("\u{2066}", "\u{2069}"), ("\u{200e}", "\u{200f}")]);
        some(s, |i| i == at, |c| format!("{open}{c}{close}"))
    }),
    in_key(32, "full width(…)", |s, _| wide(s, 0xfee0, |c| c.is_ascii_graphic())),
    in_key(32, "full width(letters and digits of …)", |s, _| {
        wide(s, 0xfee0, |c| c.is_ascii_alphanumeric())
    }),
    in_key(32, "mathematical(…)", |s, _| {
        each(s, |c| {
            let c = match c {
                'A'..='Z' => char::from_u32(0x1d400 + c as u32 - 'A' as u32),
                'a'..='z' => char::from_u32(0x1d41a + c as u32 - 'a' as u32),
                '0'..='9' => char::from_u32(0x1d7ce + c as u32 - '0' as u32),
                c => Some(c),
            };
            c.into_iter().collect()
        })
    }),
    in_key(32, "look-alikes(…)", |s, seed| {
        let every = 1 + seed.below(3);
        some(s, |i| i % every == 0, look_alike)
    }),
    in_key(33, "ANSI within(…)", |s, seed| {
        let (at, code) = (
            seed.below(s.chars().count()),
            *seed.pick(&["\u{1b}[31m", "\u{1b}[0m", "\u{1b}[1;32m", "\u{1b}[K"]),
        );
        some(s, |i| i == at, |c| format!("{c}{code}"))
    }),
    in_key(33, "ANSI after each letter(…)", |s, _| each(s, |c| format!("{c}\u{1b}[0m"))),
    in_key(33, "control character within(…)", |s, seed| {
        let (at, code) =
            (seed.below(s.chars().count()), *seed.pick(&['\0', '\u{7f}', '\u{1}', '\u{85}', '\u{2}']));
        some(s, |i| i == at, |c| format!("{c}{code}"))
    }),
];

/// Format characters and fillers that print as nothing.
const INVISIBLE: &[&str] = &[
    "\u{200b}", "\u{200c}", "\u{200d}", "\u{feff}", "\u{ad}", "\u{2060}", "\u{2063}", "\u{180e}", "\u{34f}",
];

pub(super) fn percent(text: &str, seed: &mut Seed, wanted: impl Fn(usize) -> bool) -> String {
    let upper = seed.below(2) == 0;
    let byte = |(i, byte): (usize, u8)| match (wanted(i) || !byte.is_ascii(), upper) {
        (true, true) => format!("%{byte:02X}"),
        (true, false) => format!("%{byte:02x}"),
        _ => char::from(byte).to_string(),
    };
    text.bytes().enumerate().map(byte).collect()
}

fn hex(text: &str, between: &str, upper: bool) -> String {
    let digits = text.bytes().map(|byte| if upper { format!("{byte:02X}") } else { format!("{byte:02x}") });
    digits.collect::<Vec<_>>().join(between)
}

fn unpadded(text: String) -> String {
    text.trim_end_matches('=').to_owned()
}

pub(super) fn lines(text: &str, len: usize, end: &str) -> String {
    let lines: Vec<&str> =
        text.as_bytes().chunks(len).filter_map(|line| std::str::from_utf8(line).ok()).collect();
    lines.join(end)
}

fn each(text: &str, write: impl Fn(char) -> String) -> String {
    text.chars().map(write).collect()
}

fn some(text: &str, wanted: impl Fn(usize) -> bool, write: impl Fn(char) -> String) -> String {
    let letters = text.chars().enumerate();
    letters.map(|(i, c)| if wanted(i) { write(c) } else { c.to_string() }).collect()
}

pub(super) fn wide(text: &str, up: u32, wanted: impl Fn(char) -> bool) -> String {
    text.chars().map(|c| if wanted(c) { char::from_u32(c as u32 + up).unwrap_or(c) } else { c }).collect()
}

fn look_alike(c: char) -> String {
    LOOK_ALIKES.iter().find(|(ascii, _)| *ascii == c).map_or(c, |(_, like)| *like).to_string()
}
