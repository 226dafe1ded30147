//! An output as it is, and with what its writer may have done to it undone, in any order, three times over.

use std::collections::HashSet;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

/// Shows every view of an output, each with the name of the last step that led to it.
pub(super) fn each(bytes: &[u8], mut look: impl FnMut(&'static str, &[u8])) {
    look("raw", bytes);
    let mut seen = HashSet::from([digest(bytes)]);
    let mut level = vec![bytes.to_vec()];
    for _ in 0..LEVELS {
        let mut next = Vec::new();
        for from in &level {
            for (name, view) in [("unescaped", unescaped(from)), ("decoded", decoded(from))] {
                let Some(view) = view.filter(|view| seen.insert(digest(view))) else { continue };
                look(name, &view);
                next.push(view);
            }
            // Nothing is left in it to decode.
            if let Some(view) = fold(from) {
                look("without separators", &view);
            }
        }
        level = next;
    }
}

/// Two more than a value is ever encoded by the shapes, since their carriers and the output escape it again.
const LEVELS: usize = 5;

/// Escapes, percent signs and entities, each once: views of views undo the rest.
fn unescaped(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut view: Option<Vec<u8>> = None;
    for step in [unescape, percent, entities] {
        view = step(view.as_deref().unwrap_or(bytes)).or(view);
    }
    view
}

/// What is written in other letters altogether: the decoded runs, without the text around them.
fn decoded(bytes: &[u8]) -> Option<Vec<u8>> {
    let runs: Vec<Vec<u8>> = [base64_runs, hex_runs, lists].iter().filter_map(|step| step(bytes)).collect();
    (!runs.is_empty()).then(|| runs.concat())
}

fn digest(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    hasher.finish()
}

/// Backslash escapes: those of JSON, Rust and their like.
fn unescape(bytes: &[u8]) -> Option<Vec<u8>> {
    bytes.contains(&b'\\').then_some(())?;
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] != b'\\' || at + 1 == bytes.len() {
            out.push(bytes[at]);
            at += 1;
            continue;
        }
        let braced = || {
            let end = bytes.get(at + 3..)?.iter().take(7).position(|byte| *byte == b'}')?;
            (bytes[at + 2] == b'{').then_some((number(bytes, at + 3, end, 16), end + 4))
        };
        let (unit, width) = match bytes[at + 1] {
            b'u' => braced().unwrap_or_else(|| (number(bytes, at + 2, 4, 16), 6)),
            b'x' => (number(bytes, at + 2, 2, 16), 4),
            b'n' => (Some(u32::from(b'\n')), 2),
            b'r' => (Some(u32::from(b'\r')), 2),
            b't' => (Some(u32::from(b'\t')), 2),
            b'0' => (Some(0), 2),
            other => (Some(u32::from(other)), 2),
        };
        // A character beyond the first 65,536 is two escapes.
        let low = || {
            let high = unit.filter(|unit| (0xd800..0xdc00).contains(unit))?;
            let low =
                bytes[at + width..].starts_with(b"\\u").then(|| number(bytes, at + width + 2, 4, 16))??;
            (0xdc00..0xe000).contains(&low).then(|| 0x1_0000 + ((high - 0xd800) << 10) + low - 0xdc00)
        };
        let (unit, width) = low().map_or((unit, width), |unit| (Some(unit), width + 6));
        match unit {
            // Bytes are escaped one by one, and may be parts of a character.
            Some(unit @ 0x80..=0xff) if bytes[at + 1] == b'x' => {
                out.push(unit as u8);
                at += width;
            }
            Some(unit) => {
                push(&mut out, unit);
                at += width;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    Some(out)
}

fn percent(bytes: &[u8]) -> Option<Vec<u8>> {
    replace(bytes, b'%', |rest| Some((number(rest, 1, 2, 16)?, 3)), |out, unit| out.push(unit as u8))
}

fn entities(bytes: &[u8]) -> Option<Vec<u8>> {
    let entity = |rest: &[u8]| {
        let end = rest.iter().take(12).position(|byte| *byte == b';')?;
        let unit = match rest.get(1..end)? {
            [b'#', b'x' | b'X', digits @ ..] => number(digits, 0, digits.len(), 16)?,
            [b'#', digits @ ..] => number(digits, 0, digits.len(), 10)?,
            b"quot" => u32::from(b'"'),
            b"apos" => u32::from(b'\''),
            b"amp" => u32::from(b'&'),
            b"lt" => u32::from(b'<'),
            b"gt" => u32::from(b'>'),
            _ => return None,
        };
        Some((unit, end + 1))
    };
    replace(bytes, b'&', entity, push)
}

/// Replaces what starts with `mark` and is understood.
fn replace(
    bytes: &[u8],
    mark: u8,
    read: impl Fn(&[u8]) -> Option<(u32, usize)>,
    write: impl Fn(&mut Vec<u8>, u32),
) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut from = 0;
    let mut at = 0;
    while let Some(next) = bytes[at..].iter().position(|byte| *byte == mark) {
        at += next;
        match read(&bytes[at..]) {
            Some((unit, width)) => {
                out.extend_from_slice(&bytes[from..at]);
                write(&mut out, unit);
                at += width;
                from = at;
            }
            None => at += 1,
        }
    }
    (from > 0).then(|| [out.as_slice(), &bytes[from..]].concat())
}

fn push(out: &mut Vec<u8>, unit: u32) {
    // Half of a surrogate pair is no character, and no part of a canary either.
    let character = char::from_u32(unit).unwrap_or('\u{fffd}');
    out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
}

fn number(bytes: &[u8], from: usize, len: usize, radix: u32) -> Option<u32> {
    let digits = bytes.get(from..from + len)?;
    let is_number = !digits.is_empty() && digits.iter().all(|byte| (*byte as char).is_digit(radix));
    is_number.then(|| u32::from_str_radix(std::str::from_utf8(digits).ok()?, radix).ok())?
}

/// Base64 of text, standard and for URLs, padded or not, over several lines, and starting at any of four characters:
/// it may stand in the middle of a longer word.
fn base64_runs(bytes: &[u8]) -> Option<Vec<u8>> {
    let value = |byte: u8| match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' | b'-' => Some(62),
        b'/' | b'_' => Some(63),
        _ => None,
    };
    runs(bytes, 16, value, |digits, out| {
        for phase in 0..4.min(digits.len()) {
            let decoded = digits[phase..].chunks(4).flat_map(|four| {
                let bits = (0..4).fold(0, |bits, i| bits << 6 | u32::from(*four.get(i).unwrap_or(&0)));
                let [_, decoded @ ..] = bits.to_be_bytes();
                decoded.into_iter().take(four.len().saturating_sub(1))
            });
            keep_text(&decoded.collect::<Vec<u8>>(), out);
        }
    })
}

/// Hexadecimal digits of text, in a row or with one separator or `0x` between each two.
fn hex_runs(bytes: &[u8]) -> Option<Vec<u8>> {
    let value = |byte: u8| (byte as char).to_digit(16).map(|digit| digit as u8);
    let decode = |digits: &[u8], out: &mut Vec<u8>| {
        for phase in 0..2 {
            let pairs = digits.get(phase..).unwrap_or_default().chunks_exact(2);
            keep_text(&pairs.map(|pair| pair[0] << 4 | pair[1]).collect::<Vec<u8>>(), out);
        }
    };
    let mut out = runs(bytes, 16, value, decode).unwrap_or_default();
    // `de:ad:be`
    let mut pairs = Vec::new();
    let mut at = 0;
    while at + 1 < bytes.len() {
        match (value(bytes[at]), value(bytes[at + 1]), bytes.get(at + 2)) {
            (Some(high), Some(low), next) if next.is_none_or(|byte| !byte.is_ascii_alphanumeric()) => {
                pairs.push(high << 4 | low);
                at += 3;
                while bytes[at.min(bytes.len())..].starts_with(b"0x") {
                    at += 2;
                }
            }
            _ => {
                keep_text(&pairs, &mut out);
                pairs.clear();
                at += 1;
            }
        }
    }
    keep_text(&pairs, &mut out);
    (!out.is_empty()).then_some(out)
}

/// `[112, 97, 115]`, over several lines, decimal or hexadecimal.
fn lists(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut numbers: [Vec<u8>; 2] = Default::default();
    let (mut at, mut between) = (0, 0);
    while at < bytes.len() {
        let len = bytes[at..].iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        if (1..=3).contains(&len) {
            for (list, radix) in numbers.iter_mut().zip([10, 16]) {
                let byte = number(bytes, at, len, radix).and_then(|number| u8::try_from(number).ok());
                list.extend(byte);
            }
            at += len;
            between = 0;
            continue;
        }
        let goes_on = len == 0 && matches!(bytes[at], b',' | b' ' | b'\n' | b'\t') && between < 40;
        if !goes_on {
            for list in &mut numbers {
                keep_text(list, &mut out);
                list.clear();
            }
        }
        at += len.max(1);
        between += 1;
    }
    numbers.iter().for_each(|list| keep_text(list, &mut out));
    (!out.is_empty()).then_some(out)
}

/// Decodes each run of at least so many digits, over breaks of lines.
fn runs(
    bytes: &[u8],
    shortest: usize,
    value: impl Fn(u8) -> Option<u8>,
    decode: impl Fn(&[u8], &mut Vec<u8>),
) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut digits = Vec::new();
    for at in 0..=bytes.len() {
        match bytes.get(at).map(|byte| (value(*byte), byte)) {
            Some((Some(digit), _)) => digits.push(digit),
            // It goes on in the next line.
            Some((None, b'\r' | b'\n')) if digits.len() >= shortest => {}
            _ => {
                if digits.len() >= shortest {
                    decode(&digits, &mut out);
                }
                digits.clear();
            }
        }
    }
    (!out.is_empty()).then_some(out)
}

/// Most of what happens to look encoded decodes to noise.
fn keep_text(decoded: &[u8], out: &mut Vec<u8>) {
    for piece in decoded.split(|byte| *byte < 9 || *byte >= 0xf8) {
        if piece.len() < 8 {
            continue;
        }
        let (mut all, mut noise) = (0, 0);
        for c in String::from_utf8_lossy(piece).chars() {
            all += 1;
            noise += usize::from(c == '\u{fffd}');
        }
        if noise * 5 <= all {
            out.extend_from_slice(piece);
            // No two pieces make one run: the noise of one would drown the other.
            out.push(0);
        }
    }
}

/// ASCII letters and digits alone, with what looks like them: what was split by spaces, dashes, zero-width, control
/// characters or colours stands together again.
fn fold(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let byte = bytes[at];
        if byte.is_ascii() {
            if byte == 0x1b && bytes.get(at + 1) == Some(&b'[') {
                let rest = bytes[at + 2..].iter();
                at += 3 + rest.take_while(|byte| matches!(byte, b'0'..=b'9' | b';' | b'?' | b':')).count();
                continue;
            }
            if byte.is_ascii_alphanumeric() {
                out.push(byte);
            }
            at += 1;
            continue;
        }
        let len =
            bytes[at..].iter().skip(1).take(3).take_while(|byte| (0x80..0xc0).contains(*byte)).count() + 1;
        if let Some(c) = std::str::from_utf8(&bytes[at..at + len]).ok().and_then(|text| text.chars().next()) {
            out.extend(alike(c));
        }
        at += len;
    }
    (out.len() >= 8).then_some(out)
}

/// The ASCII letter or digit that a reader takes this for.
fn alike(c: char) -> Option<u8> {
    let from = |start: u32, end: u32, first: u8| {
        let ascii = u32::from(first) + u32::from(c).checked_sub(start)?;
        (u32::from(c) <= end).then_some(ascii as u8)
    };
    let letter = match c {
        '\u{ff10}'..='\u{ff19}' => from(0xff10, 0xff19, b'0'),
        '\u{ff21}'..='\u{ff3a}' => from(0xff21, 0xff3a, b'A'),
        '\u{ff41}'..='\u{ff5a}' => from(0xff41, 0xff5a, b'a'),
        // Mathematical bold
        '\u{1d400}'..='\u{1d419}' => from(0x1d400, 0x1d419, b'A'),
        '\u{1d41a}'..='\u{1d433}' => from(0x1d41a, 0x1d433, b'a'),
        '\u{1d7ce}'..='\u{1d7d7}' => from(0x1d7ce, 0x1d7d7, b'0'),
        // Arabic-Indic, extended, Devanagari
        '\u{660}'..='\u{669}' => from(0x660, 0x669, b'0'),
        '\u{6f0}'..='\u{6f9}' => from(0x6f0, 0x6f9, b'0'),
        '\u{966}'..='\u{96f}' => from(0x966, 0x96f, b'0'),
        c => LOOK_ALIKES.iter().find(|(_, like)| *like == c).map(|(ascii, _)| *ascii as u8),
    };
    letter.filter(u8::is_ascii_alphanumeric)
}

/// Letters of other scripts that print like ASCII (Unicode TS 39, confusables): Cyrillic, then Greek.
pub(crate) const LOOK_ALIKES: &[(char, char)] = &[
    ('a', 'а'),
    ('c', 'с'),
    ('e', 'е'),
    ('i', 'і'),
    ('j', 'ј'),
    ('o', 'о'),
    ('p', 'р'),
    ('s', 'ѕ'),
    ('x', 'х'),
    ('y', 'у'),
    ('A', 'А'),
    ('B', 'В'),
    ('C', 'С'),
    ('E', 'Е'),
    ('H', 'Н'),
    ('K', 'К'),
    ('M', 'М'),
    ('O', 'О'),
    ('P', 'Р'),
    ('S', 'Ѕ'),
    ('T', 'Т'),
    ('X', 'Х'),
    ('o', 'ο'),
    ('A', 'Α'),
    ('B', 'Β'),
    ('E', 'Ε'),
    ('H', 'Η'),
    ('I', 'Ι'),
    ('K', 'Κ'),
    ('M', 'Μ'),
    ('N', 'Ν'),
    ('O', 'Ο'),
    ('P', 'Ρ'),
    ('T', 'Τ'),
    ('X', 'Χ'),
    ('Y', 'Υ'),
    ('Z', 'Ζ'),
];

/// RFC 4648, padded, with the alphabet for URLs and file names or the usual one.
pub fn base64(bytes: &[u8], url: bool) -> String {
    let last: &[u8; 2] = if url { b"-_" } else { b"+/" };
    let character = |index: u32| match index as u8 & 63 {
        i @ 0..26 => char::from(b'A' + i),
        i @ 26..52 => char::from(b'a' + i - 26),
        i @ 52..62 => char::from(b'0' + i - 52),
        i => char::from(last[usize::from(i - 62)]),
    };
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let byte = |i: usize| u32::from(chunk.get(i).copied().unwrap_or_default());
        let group = byte(0) << 16 | byte(1) << 8 | byte(2);
        for i in 0..4 {
            out.push(if i <= chunk.len() { character(group >> (18 - 6 * i)) } else { '=' });
        }
    }
    out
}
