//! Every detector's example in every form, and what must not be taken for one.

use std::sync::LazyLock;

use proptest::prelude::*;

use super::*;
use crate::policy::RedactPolicy;
use crate::redact::detect::DETECTORS;
use crate::redact::scan::Found;
use crate::values::{Kind, Values};

type Form = (&'static str, fn(&str) -> String);

/// What one character may be written as.
const ESCAPES: &[Form] = &[
    ("percent", |text| each(text, |byte| format!("%{byte:02X}"))),
    ("percent in lower case", |text| each(text, |byte| format!("%{byte:02x}"))),
    ("percent twice", |text| each(text, |byte| format!("%25{byte:02X}"))),
    ("u of JSON", |text| each(text, |byte| format!("\\u{byte:04x}"))),
    ("u of JSON in JSON", |text| each(text, |byte| format!("\\\\u{byte:04X}"))),
    ("u of Rust", |text| each(text, |byte| format!("\\u{{{byte:x}}}"))),
    ("x", |text| each(text, |byte| format!("\\x{byte:02x}"))),
    ("octal", |text| each(text, |byte| format!("\\{byte:03o}"))),
    ("entities", |text| each(text, |byte| format!("&#{byte};"))),
    ("entities in hexadecimal", |text| each(text, |byte| format!("&#x{byte:x};"))),
];

const RUNS: &[Form] = &[
    ("base64", |text| base64(text.as_bytes(), STANDARD, true)),
    ("base64 for URLs", |text| base64(text.as_bytes(), URL, true)),
    ("base64 without padding", |text| base64(text.as_bytes(), STANDARD, false)),
    ("base64 behind one character", |text| format!("x{}", base64(text.as_bytes(), STANDARD, true))),
    ("base64 behind two characters", |text| format!("xy{}", base64(text.as_bytes(), URL, false))),
    ("base64 behind three characters", |text| format!("x_z{}", base64(text.as_bytes(), STANDARD, false))),
    ("base64 of a longer text", |text| base64(format!("é {text} à").as_bytes(), STANDARD, true)),
    ("base64 of JSON", |text| base64(format!("{{\"a\":\"{text}\"}}").as_bytes(), STANDARD, false)),
    ("base64 of zero-width spaces", |text| base64(between(text, "\u{200b}").as_bytes(), STANDARD, true)),
    ("base64 of byte order marks", |text| base64(between(text, "\u{feff}").as_bytes(), STANDARD, false)),
    ("base64 for URLs of byte order marks", |text| base64(between(text, "\u{feff}").as_bytes(), URL, false)),
    ("base64 of soft hyphens, behind a character", |text| {
        format!("x{}", base64(between(text, "\u{ad}").as_bytes(), URL, true))
    }),
    ("base64 of soft hyphens in full lines, with prose behind", |text| {
        let text = between(text, "\u{ad}");
        // 57 bytes make a line.
        let padded = format!("{}{text}", " ".repeat(text.len().next_multiple_of(57) - text.len()));
        let lines = base64(padded.as_bytes(), STANDARD, true);
        let lines = lines.as_bytes().chunks(76).map(|line| std::str::from_utf8(line).unwrap());
        format!("{}\nlast line", lines.collect::<Vec<_>>().join("\n"))
    }),
    ("hexadecimal of zero-width spaces", |text| {
        each(&between(text, "\u{200b}"), |byte| format!("{byte:02x}"))
    }),
    ("base64 in lines", |text| {
        let long = base64(format!("{} {text} {}", "é".repeat(40), "é".repeat(40)).as_bytes(), STANDARD, true);
        long.as_bytes()
            .chunks(76)
            .map(|line| std::str::from_utf8(line).unwrap())
            .collect::<Vec<_>>()
            .join("\r\n")
    }),
    ("hexadecimal", |text| each(text, |byte| format!("{byte:02x}"))),
    ("hexadecimal in upper case", |text| each(text, |byte| format!("{byte:02X}"))),
    ("hexadecimal with 0x", |text| format!("0x{}", each(text, |byte| format!("{byte:02x}")))),
    ("hexadecimal behind a digit", |text| format!("a{}", each(text, |byte| format!("{byte:02x}")))),
    ("hexadecimal with colons", |text| list(text, ":", |byte| format!("{byte:02x}"))),
    ("hexadecimal with blanks", |text| list(text, " ", |byte| format!("{byte:02x}"))),
    ("hexadecimal with dashes", |text| list(text, "-", |byte| format!("{byte:02X}"))),
    ("Debug of bytes", |text| format!("{:?}", text.as_bytes())),
    ("Debug of bytes in lines", |text| format!("{:#?}", text.as_bytes())),
    ("Debug of bytes in hexadecimal", |text| format!("{:x?}", text.as_bytes())),
    ("numbers with 0x", |text| list(text, ", ", |byte| format!("0x{byte:02x}"))),
];

const DISGUISES: &[Form] = &[
    ("zero-width spaces", |text| splice(text, "\u{200b}")),
    ("soft hyphens", |text| splice(text, "\u{ad}")),
    ("a right-to-left override", |text| splice(text, "\u{202e}")),
    ("combining marks", |text| splice(text, "\u{301}")),
    ("variation selectors", |text| splice(text, "\u{fe0f}")),
    ("colours", |text| splice(text, "\u{1b}[31m")),
    ("a reset", |text| splice(text, "\u{1b}[0m")),
    ("NUL", |text| splice(text, "\0")),
    ("an escape character", |text| splice(text, "\u{1b}")),
    ("C1 colours", |text| splice(text, "\u{9b}31m")),
    ("wide characters", |text| {
        map(text, |c| char::from_u32(u32::from(c) + 0xfee0).filter(|_| c.is_ascii_graphic()))
    }),
    ("mathematical letters", |text| {
        map(text, |c| match c {
            'a'..='z' => char::from_u32(0x1d41a + u32::from(c) - u32::from('a')),
            'A'..='Z' => char::from_u32(0x1d400 + u32::from(c) - u32::from('A')),
            '0'..='9' => char::from_u32(0x1d7ce + u32::from(c) - u32::from('0')),
            _ => None,
        })
    }),
    ("Cyrillic", |text| {
        map(text, |c| {
            "aceopxyABCEHKMOPTXABCEHKMOPTX".find(c).and_then(|_| {
                let at = "aceopxyABCEHKMOPTX".chars().position(|l| l == c)?;
                "асеорхуАВСЕНКМОРТХ".chars().nth(at)
            })
        })
    }),
    ("Arabic digits", |text| map(text, |c| c.to_digit(10).and_then(|d| char::from_u32(0x660 + d)))),
];

const STANDARD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const URL: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

fn each(text: &str, write: impl Fn(u8) -> String) -> String {
    text.bytes().map(write).collect()
}

fn list(text: &str, between: &str, write: impl Fn(u8) -> String) -> String {
    text.bytes().map(write).collect::<Vec<_>>().join(between)
}

fn map(text: &str, other: impl Fn(char) -> Option<char>) -> String {
    text.chars().map(|c| other(c).unwrap_or(c)).collect()
}

/// After each character.
fn between(text: &str, what: &str) -> String {
    text.chars().map(|c| format!("{c}{what}")).collect()
}

/// In the middle of the text, and of its third.
fn splice(text: &str, what: &str) -> String {
    let mut text = text.to_owned();
    text.insert_str(text.len() / 2, what);
    text.insert_str(text.len() / 3, what);
    text
}

fn base64(bytes: &[u8], alphabet: &[u8; 64], padded: bool) -> String {
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let bits =
            three.iter().enumerate().fold(0u32, |bits, (i, byte)| bits | u32::from(*byte) << (16 - 8 * i));
        for i in 0..=three.len() {
            text.push(char::from(alphabet[(bits >> (18 - 6 * i) & 63) as usize]));
        }
        for _ in three.len()..3 {
            text.push_str(if padded { "=" } else { "" });
        }
    }
    text
}

fn scanner() -> &'static (Scanner, KeyRules) {
    static USUAL: LazyLock<(Scanner, KeyRules)> = LazyLock::new(|| {
        let policy = RedactPolicy::default();
        (Scanner::new(&policy), KeyRules::new(&policy))
    });
    &USUAL
}

/// What is left of the text, with a marker for what is not.
fn masked(text: &str) -> String {
    let (scanner, keys) = scanner();
    scanner.masked(keys, text, &mut Vec::new())
}

/// The secrets: every detector's example, and a word that only its name gives away.
fn secrets() -> Vec<(&'static str, String)> {
    let mut secrets: Vec<_> =
        DETECTORS.iter().map(|detector| (detector.name, (detector.example)())).collect();
    secrets.push(("a name and a value", "password=hunter2-sword".into()));
    secrets.push(("JSON", "{\"user\":\"x\",\"client_secret\":\"hunter2-sword\"}".into()));
    secrets
}

/// Where the encoded text stands.
fn around(encoded: &str) -> [String; 3] {
    [encoded.to_owned(), format!("note: {encoded} end"), format!("{{\"data\":\"{encoded}\"}}")]
}

fn assert_hidden(form: &str, secret: &str, encoded: &str) {
    for text in around(encoded) {
        let masked = masked(&text);
        assert!(masked.contains("[redacted:"), "{secret} as {form}: nothing was found");
        assert!(!masked.contains("[redacted:overrun]"), "{secret} as {form}: given up");
        // The last quarter is a part that no prefix can stand for.
        let characters: Vec<char> = encoded.trim_end_matches(['=', ']', ';']).chars().collect();
        let tail: String = characters[characters.len() * 3 / 4..].iter().collect();
        assert!(!masked.contains(&tail), "{secret} as {form}: its end is left");
    }
}

#[test]
fn an_escaped_secret_is_hidden() {
    for (form, encode) in ESCAPES {
        for (name, secret) in secrets() {
            assert_hidden(form, name, &encode(&secret));
        }
    }
}

#[test]
fn an_encoded_secret_is_hidden_with_the_whole_run() {
    for (form, encode) in RUNS {
        for (name, secret) in secrets() {
            assert_hidden(form, name, &encode(&secret));
        }
    }
}

#[test]
fn a_disguised_secret_is_hidden() {
    for (form, encode) in DISGUISES {
        for (name, secret) in secrets() {
            let encoded = encode(&secret);
            if encoded != secret {
                assert_hidden(form, name, &encoded);
            }
        }
    }
}

#[test]
fn a_secret_wrapped_three_times_is_hidden() {
    let wrap = |name: &str| ESCAPES.iter().chain(RUNS).find(|(form, _)| *form == name).unwrap().1;
    for wraps in [
        ["base64", "base64", "base64"],
        ["base64 of JSON", "base64 for URLs", "percent"],
        ["percent", "base64", "hexadecimal"],
        ["u of JSON", "base64", "entities"],
        ["Debug of bytes", "base64", "percent"],
        ["hexadecimal", "Debug of bytes", "base64 in lines"],
    ] {
        for (name, secret) in secrets() {
            let encoded = wraps.iter().fold(secret, |text, form| wrap(form)(&text));
            assert_hidden(&wraps.join(", "), name, &encoded);
        }
    }
}

#[test]
fn ordinary_encodings_stay_as_they_are() {
    let image = base64(
        &(0..600u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect::<Vec<_>>(),
        STANDARD,
        true,
    );
    let greeting = base64(b"Hello, world! Nothing to see here.", STANDARD, true);
    for text in [
        "3f2b8c1e-9d4a-4e6f-8b7a-1c2d3e4f5a6b",
        "commit 9fceb02d0ae598e95dc970b74767f19372d61af8 by author",
        "etag W/\"MTIzNDU2Nzg5MGFiY2RlZg==\"",
        "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "/usr/lib/x86_64-linux-gnu/libsomething_long_named.so.6",
        "mac 00:1b:44:11:3a:b7, then 12:34:56 and 2026-11-21T09:10:11",
        "[1, 5, 10, 25, 50, 100, 250, 500, 1000]",
        "buckets 1, 2, 3, 4, 5, 6, 7, 8, 9, 10",
        "progress 100%, 5%2c, a&b, a&amp;b, x%20y",
        "L’été dernier, « déjà vu » : 3 000 œufs à 5 €",
        "Москва и Санкт-Петербург, v2",
        "東京都：渋谷区、番号１２３",
        "C:\\new\\table\\x41\\users\\u0041",
        "line one\nline two\ttabbed\r\n",
        "is it to be or no",
        "a\\0123 and 7\\012, l·l and 3·5",
        "77u/ is a mark, and so is 77u/aGVsbG8sIHJvb21z",
        &format!("data:image/png;base64,{image}"),
        &format!("greeting {greeting}"),
    ] {
        assert_eq!(masked(text), text);
    }
}

#[test]
fn a_sign_in_the_middle_of_short_base64_hides_nothing() {
    // The third of three bytes is the fourth character, `+` for `~` and `/` for `?`.
    for (index, sign) in ["~", "?"].into_iter().enumerate() {
        for at in (5..17).filter(|at| at % 3 == 2) {
            let value = format!("{}{sign}{}", &"p8htF4r7gkwHCfbq"[..at - 4], &"p8htF4r7gkwHCfbq"[at - 4..]);
            for alphabet in [STANDARD, URL] {
                let text = base64(format!("pwd={value}").as_bytes(), alphabet, true);
                assert!(text.contains([['+', '/'], ['-', '_']][usize::from(alphabet == URL)][index]), "{at}");
                assert!(masked(&text) != text, "{sign} at {at}");
            }
        }
    }
}

#[test]
fn a_nul_before_digits_is_no_octal_escape() {
    // As `Debug` writes a string with a NUL in it; in C's reading the three characters are one.
    let rows = DETECTORS.iter().filter(|row| matches!(row.name, "card" | "npm_token"));
    // Any two digits may come behind: some of them make a printable character of C's.
    let pulumi = ["pul-", &"0123456701234567".repeat(3)[..40]].concat();
    for secret in rows.map(|row| (row.example)().replace(' ', "")).chain([pulumi]) {
        for at in 1..secret.len() {
            let text = format!("{:?}", format!("{}\0{}", &secret[..at], &secret[at..]));
            assert!(text.contains("\\0"), "the control");
            let masked = masked(&text);
            let is_left =
                masked.contains(&secret[..at]) && at > 8 || masked.contains(&secret[at..]) && at < 8;
            assert!(!is_left, "half of it is left, cut at {at}");
        }
    }
}

#[test]
fn what_is_left_of_the_text_is_what_was_written() {
    let secret = DETECTORS.iter().find(|row| row.name == "npm_token").map(|row| (row.example)()).unwrap();
    let marker = "[redacted:npm_token]";
    let wide = |text: &str| (DISGUISES.iter().find(|(form, _)| *form == "wide characters").unwrap().1)(text);
    for (text, want) in [
        (format!("é\u{200b} {} \u{200b}à", wide(&secret)), format!("é\u{200b} {marker} \u{200b}à")),
        (format!("a%20b {} c%20d", each(&secret, |b| format!("%{b:02x}"))), format!("a%20b {marker} c%20d")),
        (format!("x {} y", base64(secret.as_bytes(), STANDARD, true)), format!("x {marker} y")),
        (format!("ids [1, 2] {:?}.", secret.as_bytes()), format!("ids [1, 2] [{marker}].")),
    ] {
        assert!(masked(&text) == want, "something else than the secret is masked");
    }
}

#[test]
fn what_cannot_be_examined_in_time_is_replaced_as_a_whole() {
    let (scanner, keys) = scanner();
    let mut values = Values::default();
    values.text(0, &"token=a:b%25".repeat(5_000));
    values.text(1, "served");
    let mut found = Found::default();
    scanner.scan(keys, &mut values, &mut found);
    let kinds: Vec<Kind> = values.entries.iter().map(|entry| entry.kind).collect();
    let overrun = Kind::Marker(crate::redact::label::Label::OVERRUN);
    assert_eq!(kinds, [overrun, Kind::Text]);
}

#[test]
fn large_values_of_ordinary_kinds_are_examined_to_the_end() {
    let secret = DETECTORS.iter().find(|row| row.name == "npm_token").map(|row| (row.example)()).unwrap();
    let bytes: Vec<u8> = (0..40_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    for (kind, text) in [
        (
            "JSON",
            "{\"id\":1,\"name\":\"x\",\"tags\":[\"a\",\"b\"],\"at\":\"2026-11-21T09:10:11Z\"},".repeat(800),
        ),
        ("JSON in JSON", "{\\\"id\\\":1,\\\"name\\\":\\\"x\\\"},\\n".repeat(1_500)),
        ("a pretty struct", "Row {\n    id: 1,\n    name: \"x\",\n    seen: None,\n}\n".repeat(1_000)),
        ("logfmt", "level=info at=1834 path=/v1/x status=200 user=u_123 ".repeat(1_000)),
        ("CSV", "1,Jane,2026-11-21,12.5,paid\n".repeat(2_000)),
        ("bytes", format!("{:?}", &bytes[..12_000])),
        ("base64", base64(&bytes, STANDARD, true)),
        ("hexadecimal", bytes[..25_000].iter().map(|byte| format!("{byte:02x}")).collect()),
        ("a dump", bytes[..18_000].iter().map(|byte| format!("{byte:02x} ")).collect()),
        ("a query", "https://example.org/s?q=a%20b%20c&page=2&sort=asc ".repeat(1_000)),
        ("French", "L’été, « déjà vu » : 3\u{202f}000 œufs à 5\u{a0}€ l’unité. ".repeat(700)),
        ("Russian", "Москва и Санкт-Петербург, версия v2 готова. ".repeat(700)),
        ("Chinese", "東京都：渋谷区、番号１２３。".repeat(1_200)),
    ] {
        let length = text.floor_char_boundary(60_000);
        let masked = masked(&format!("{} {secret}", &text[..length]));
        assert!(!masked.contains("[redacted:overrun]"), "{kind}: given up");
        assert!(masked.ends_with("[redacted:npm_token]"), "{kind}: its end was not examined");
    }
}

/// Pieces of escapes and of secrets.
fn mixed() -> impl Strategy<Value = String> {
    let all = || ESCAPES.iter().chain(RUNS).chain(DISGUISES);
    let encoded = (0..all().count(), 0..secrets().len(), any::<bool>());
    let piece = prop_oneof![
        3 => encoded.prop_map(move |(form, secret, cut)| {
            let text = (all().nth(form).unwrap().1)(&secrets()[secret].1);
            if cut { text.chars().take(text.chars().count() / 2).collect() } else { text }
        }),
        2 => "\\PC{0,12}",
        2 => "[a-zA-Z0-9 .:=@/_%&\\\\,-]{0,20}",
        1 => proptest::collection::vec(any::<char>(), 0..8).prop_map(|chars| chars.into_iter().collect()),
    ];
    proptest::collection::vec(piece, 0..5).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn hits_end_between_characters(text in mixed()) {
        let (scanner, keys) = scanner();
        let mut values = Values::default();
        values.text(0, &text);
        let mut found = Found::default();
        scanner.scan(keys, &mut values, &mut found);
        for hit in &found.hits {
            let whole = text.is_char_boundary(hit.start as usize) && text.is_char_boundary(hit.end as usize);
            prop_assert!(whole && hit.start < hit.end, "{}", hit.label.name());
        }
    }

    #[test]
    fn every_byte_of_a_view_comes_from_somewhere(
        text in mixed(),
        zeros in prop_oneof![Just(Zeros::Octal), Just(Zeros::Nul)],
    ) {
        let mut view = View::default();
        view.of(text.as_bytes(), zeros, &mut Budget::of(text.len()));
        let mut end = 0;
        for at in 0..view.text.len() {
            let source = view.source(at..at + 1);
            prop_assert!(source.start <= source.end && source.end <= text.len());
            prop_assert!(source.end >= end, "sources go backwards");
            end = source.end;
            if view.is_copied(at..at + 1) {
                prop_assert_eq!(&text.as_bytes()[source], &view.text[at..=at]);
            }
        }
        if !text.bytes().any(|byte| !(0x20..0x7f).contains(&byte) || b"%&\\".contains(&byte)) {
            prop_assert_eq!(&view.text, text.as_bytes());
        }
    }
}
