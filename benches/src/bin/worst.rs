//! The worst that a value can do: what redaction costs for generated 64 KiB values made to be slow, as a ratio to what
//! it costs for ordinary ones of the same length.
//!
//! `cargo run -p dihya-benches --release --bin worst -- [--values N] [--seed S] [--only I]`. Each value is told by the
//! seed and its index: `--only` measures that one alone and says what it is made of. A value that looks slow is
//! measured again, and the least of the repeats counts: a busy machine can only add.
//!
//! Prints one line of JSON. Exit code 1: some value costs more than the limit. 2: wrong arguments.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "its output is its purpose")]

use std::process::ExitCode;
use std::time::Instant;

use dihya::inspect::{Examiner, detectors};

fn main() -> ExitCode {
    let Some(asked) = Asked::from(std::env::args().skip(1)) else {
        eprintln!("usage: worst [--values N] [--seed S] [--only I]");
        return ExitCode::from(2);
    };
    let mut examiner = Examiner::default();
    let clean = clean();
    let clean_ns = least(&mut examiner, &clean, CLEAN_REPEATS);
    let pieces = Pieces::new();
    let mut worst = Worst::default();
    let mut given_up = 0u64;
    let indices = asked.only.map_or(0..asked.values, |index| index..index + 1);
    let mut count = 0u64;
    for index in indices {
        let recipe = Recipe::new(&pieces, asked.seed, index);
        let text = recipe.text();
        let started = Instant::now();
        let examined = examiner.examine(&text);
        let mut ns = started.elapsed().as_nanos() as f64;
        given_up += u64::from(examined.is_none());
        count += 1;
        if ns > worst.ns || ns > LIMIT * clean_ns {
            ns = ns.min(least(&mut examiner, &text, REPEATS));
        }
        if ns > LIMIT * clean_ns {
            eprintln!("{index}: {} times, {}", round(ns / clean_ns), recipe.told());
        }
        if ns > worst.ns {
            worst = Worst { ns, index, made_of: recipe.told(), given_up: examined.is_none() };
        }
    }
    let ratio = worst.ns / clean_ns;
    println!(
        "{}",
        serde_json::json!({
            "values": count, "seed": asked.seed, "replaced_whole": given_up,
            "clean_ns_per_byte": round(clean_ns / LENGTH as f64), "worst_ns_per_byte": round(worst.ns / LENGTH as f64),
            "ratio": round(ratio), "limit": LIMIT, "worst_index": worst.index, "worst_replaced": worst.given_up,
            "worst_made_of": worst.made_of,
        })
    );
    ExitCode::from(u8::from(ratio > LIMIT))
}

struct Asked {
    values: u64,
    seed: u64,
    only: Option<u64>,
}

impl Asked {
    fn from(mut arguments: impl Iterator<Item = String>) -> Option<Asked> {
        let mut asked = Asked { values: 100_000, seed: 1, only: None };
        while let Some(name) = arguments.next() {
            let number = arguments.next()?.parse().ok()?;
            match name.as_str() {
                "--values" => asked.values = number,
                "--seed" => asked.seed = number,
                "--only" => asked.only = Some(number),
                _ => return None,
            }
        }
        Some(asked)
    }
}

#[derive(Default)]
struct Worst {
    ns: f64,
    index: u64,
    made_of: String,
    given_up: bool,
}

/// What ordinary services say, over and over.
fn clean() -> String {
    const LINE: &str = "request served GET /v1/patients/{id} status 200 in 1834 us for user_123 of clinic-7, request \
        2f1c9a54-8d07-4b6e-a3f2-90c5d1e87b46; connection pool has 12 of 32 idle, upstream orders.internal answered 304\n";
    LINE.repeat(LENGTH / LINE.len() + 1)[..LENGTH].to_owned()
}

fn least(examiner: &mut Examiner, text: &str, repeats: usize) -> f64 {
    let once = |_| {
        let started = Instant::now();
        std::hint::black_box(examiner.examine(std::hint::black_box(text)));
        started.elapsed().as_nanos() as f64
    };
    (0..repeats).map(once).fold(f64::INFINITY, f64::min)
}

fn round(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}

/// What values are made of.
struct Pieces(Vec<String>);

impl Pieces {
    fn new() -> Pieces {
        let mut pieces: Vec<String> = NASTY.iter().map(|piece| (*piece).to_owned()).collect();
        let secret = ["PRIVATE", "KEY"].join(" ");
        pieces.push(format!("-----BEGIN {secret}-----"));
        pieces.push(format!("-----END {secret}-----"));
        pieces.push(secret);
        for detector in detectors() {
            let example = detector.example();
            let half = example.chars().count() / 2;
            pieces.push(example.chars().take(4).collect());
            pieces.push(example.chars().take(half).collect());
            pieces.push(example);
        }
        Pieces(pieces)
    }
}

/// How one value is made.
struct Recipe<'a> {
    pieces: Vec<&'a str>,
    /// In the order of `pieces`, or at random.
    shuffled: bool,
    mutations: usize,
    wraps: Vec<Wrap>,
    random: Random,
}

#[derive(Clone, Copy, Debug)]
enum Wrap {
    Base64,
    Hex,
    Percent,
    Bytes,
    Backslash,
}

impl<'a> Recipe<'a> {
    fn new(pieces: &'a Pieces, seed: u64, index: u64) -> Recipe<'a> {
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ index);
        let count = 1 + random.below(6);
        let chosen = (0..count).map(|_| pieces.0[random.below(pieces.0.len())].as_str()).collect();
        let wraps = [Wrap::Base64, Wrap::Hex, Wrap::Percent, Wrap::Bytes, Wrap::Backslash];
        let depth = random.below(6).saturating_sub(2);
        let wraps = (0..depth).map(|_| wraps[random.below(wraps.len())]).collect();
        let shuffled = random.below(3) == 0;
        let mutations = if random.below(2) == 0 { 0 } else { random.below(2_000) };
        Recipe { pieces: chosen, shuffled, mutations, wraps, random }
    }

    fn told(&self) -> String {
        let Recipe { pieces, shuffled, mutations, wraps, .. } = self;
        let pieces: Vec<String> = pieces.iter().map(|piece| piece.chars().take(12).collect()).collect();
        format!("{pieces:?}, shuffled: {shuffled}, mutations: {mutations}, wrapped in {wraps:?}")
    }

    fn text(&self) -> String {
        let mut random = Random(self.random.0);
        let mut text = String::with_capacity(LENGTH + 256);
        let mut next = self.pieces.iter().cycle();
        while text.len() < LENGTH {
            let piece = match self.shuffled {
                true => self.pieces.get(random.below(self.pieces.len())),
                false => next.next(),
            };
            text.push_str(piece.copied().unwrap_or("x"));
        }
        let mut chars: Vec<char> = text.chars().collect();
        for _ in 0..self.mutations {
            let at = random.below(chars.len());
            chars[at] = CHARS[random.below(CHARS.len())];
        }
        let mut text: String = chars.into_iter().collect();
        for wrap in &self.wraps {
            cut(&mut text, LENGTH);
            text = wrap.around(&text);
        }
        cut(&mut text, LENGTH);
        text
    }
}

impl Wrap {
    fn around(self, text: &str) -> String {
        let bytes = text.as_bytes();
        match self {
            Wrap::Base64 => base64(bytes),
            Wrap::Hex => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
            Wrap::Percent => bytes.iter().map(|byte| format!("%{byte:02x}")).collect(),
            Wrap::Bytes => format!("{bytes:?}"),
            Wrap::Backslash => text.escape_unicode().collect(),
        }
    }
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits = bytes.chunks(3).flat_map(|three| {
        let bits =
            three.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - three.len()));
        (0..4).map(move |i| char::from(DIGITS[(bits >> (18 - 6 * i) & 63) as usize]))
    });
    digits.collect()
}

fn cut(text: &mut String, length: usize) {
    text.truncate(text.floor_char_boundary(length));
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % most as u64) as usize
    }
}

/// What detectors, keys and decoders begin to look at.
const NASTY: &[&str] = &[
    "=",
    ":",
    "==",
    "::",
    "=:",
    "a=",
    "a:",
    "token=",
    "token:",
    "password",
    "password=",
    "\"password\":",
    "secret: ",
    "user_pass_word_key=",
    "://",
    "://a:",
    "http://a:b@",
    "@",
    "a@",
    "a@b.co",
    "eyJ",
    "eyJ.",
    "ghp_",
    "sk-",
    "xoxb-",
    "AKIA",
    "+ASt",
    "JQQJ9",
    "8Q~",
    "{",
    "}",
    "[",
    "]",
    "(",
    ")",
    "\"",
    "'",
    "`",
    "\\",
    "\\\"",
    "\\\\",
    "\\n",
    "\\u0041",
    "\\u{41}",
    "\\x41",
    "%",
    "%41",
    "%25",
    "%2541",
    "%25252525",
    "&",
    "&amp;",
    "&#65;",
    "&#x41;",
    ",",
    "1,",
    "65, ",
    "0x41,",
    "41 ",
    "41:",
    "41-",
    "4",
    "41111111",
    "4111 1111 ",
    "11 ",
    "1 ",
    "411111111111111",
    "1 85 05 ",
    "2A0",
    "FR14",
    "FR14 2004 ",
    "DE89",
    "GB82WEST",
    "é",
    "é1",
    "\u{a0}",
    "\u{200b}",
    "\u{301}",
    "а",
    "аa",
    "Ａ",
    "𝐀",
    "٤",
    "漢",
    "ﬃ",
    "\u{1b}",
    "\u{1b}[",
    "\u{1b}[31m",
    "\u{1b}]",
    "\0",
    "\n",
    "\r\n",
    "\t",
    " ",
    "QUFB",
    "UUFB",
    "VVVV",
    "VVVVVVVVVVVVVVVV",
    "cGFzc3dvcmQ9",
    "LS0t",
    "ZXlK",
    "70617373",
    "7061737377",
    "aaaaaaaaaaaaaaaa",
    "Bearer ",
    "Basic ",
    "Digest ",
    "token ",
    "-u ",
    "-u a:",
    "--password ",
    "Private-Lines:",
    "Some(",
    "Secret { ",
    "Authorization: ",
    "Cookie: ",
    "Set-Cookie: a=",
    "mot de passe : ",
    "card number: ",
    "x",
    "the quick brown fox ",
    "[redacted:",
    "[redacted:x]",
    "<a>",
    "</a>",
    "|",
];

const CHARS: &[char] = &[
    '=', ':', '"', '\\', '%', '&', ',', '@', ' ', '\n', '4', 'a', 'Z', '/', '.', '-', 'é', '\u{200b}', '{',
    '}',
];

/// Of a value, in bytes: the longest that is examined.
const LENGTH: usize = 64 * 1024;

/// Times what an ordinary value of that length costs.
const LIMIT: f64 = 20.0;

const CLEAN_REPEATS: usize = 200;
const REPEATS: usize = 7;
