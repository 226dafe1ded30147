//! Looking for canaries in what came out: as they were planted, and in every form in which a reader could undo it.

use std::collections::{BTreeSet, HashMap};

use crate::canary::Canary;

/// Where a canary came out. Says nothing of what it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct Leak {
    /// Which of the canaries.
    pub canary: usize,
    /// How it was written.
    pub form: &'static str,
    /// How the output had to be read.
    pub view: &'static str,
    /// Which output.
    pub output: String,
}

/// Canaries to look for. Twelve bytes in a row count as found: half a secret is a leak.
#[derive(Default)]
pub struct Search {
    windows: HashMap<[u8; 8], Vec<Window>>,
    /// One bit per hash of a window's first four bytes: nearly every position is passed over by it.
    first: Vec<u64>,
}

struct Window {
    canary: usize,
    form: &'static str,
    bytes: Vec<u8>,
}

impl Search {
    /// Looks for these.
    pub fn new<'a>(canaries: impl IntoIterator<Item = &'a Canary>) -> Search {
        let mut search = Search { windows: HashMap::new(), first: vec![0; BITS / 64] };
        for (index, canary) in canaries.into_iter().enumerate() {
            let plain = canary.needle().as_bytes();
            let folded: Vec<u8> = plain.iter().copied().filter(u8::is_ascii_alphanumeric).collect();
            search.add(index, "plain", plain, 1);
            if folded != plain {
                search.add(index, "plain", &folded, 1);
            }
            let reversed: Vec<u8> = plain.iter().rev().copied().collect();
            search.add(index, "reversed", &reversed, 4);
            for url in [false, true] {
                for before in 0..3 {
                    let text = base64_inside(plain, before, url);
                    search.add(index, if url { "base64url" } else { "base64" }, text.as_bytes(), 4);
                }
            }
            let hex: String = plain.iter().map(|byte| format!("{byte:02x}")).collect();
            search.add(index, "hex", hex.as_bytes(), 4);
            search.add(index, "hex", hex.to_uppercase().as_bytes(), 4);
            let list: Vec<String> = plain.iter().map(u8::to_string).collect();
            search.add(index, "list of bytes", list.join(", ").as_bytes(), 4);
        }
        search
    }

    /// Every canary in these outputs, once per way of finding it.
    pub fn leaks<'a>(&self, outputs: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Vec<Leak> {
        let mut leaks = BTreeSet::new();
        for (output, bytes) in outputs {
            for (view, bytes) in views(bytes) {
                self.look(&bytes, |window| {
                    let output = output.to_owned();
                    leaks.insert(Leak { canary: window.canary, form: window.form, view, output });
                });
            }
        }
        leaks.into_iter().collect()
    }

    fn add(&mut self, canary: usize, form: &'static str, text: &[u8], step: usize) {
        // Ids and digests are hexadecimal too, and may stand there as lists of bytes: a few of theirs may be equal by
        // chance.
        let wanted = match form {
            "list of bytes" => 60,
            _ if text.iter().all(u8::is_ascii_hexdigit) => 20,
            _ => 12,
        };
        let len = wanted.min(text.len());
        if len < 8 {
            return;
        }
        for bytes in text.windows(len).step_by(step) {
            let mut start = [0; 8];
            start.copy_from_slice(&bytes[..8]);
            let bit = hash(&start);
            self.first[bit / 64] |= 1 << (bit % 64);
            self.windows.entry(start).or_default().push(Window { canary, form, bytes: bytes.to_vec() });
        }
    }

    fn look(&self, text: &[u8], mut found: impl FnMut(&Window)) {
        for at in 0..text.len().saturating_sub(7) {
            let bit = hash(&text[at..]);
            if self.first[bit / 64] >> (bit % 64) & 1 == 0 {
                continue;
            }
            let mut start = [0; 8];
            start.copy_from_slice(&text[at..at + 8]);
            for window in self.windows.get(&start).into_iter().flatten() {
                if text[at..].starts_with(&window.bytes) {
                    found(window);
                }
            }
        }
    }
}

const BITS: usize = 1 << 20;

fn hash(bytes: &[u8]) -> usize {
    let first = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    (first.wrapping_mul(0x9e37_79b1) >> 12) as usize
}

/// An output as it is, and with what its writer may have done to it undone.
fn views(bytes: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let unescaped = unescape(bytes);
    let folded = fold(&unescaped);
    let mut views = vec![("raw", bytes.to_vec()), ("unescaped", unescaped)];
    if bytes.contains(&b'%') {
        views.push(("percent-decoded", percent_decode(&percent_decode(bytes))));
    }
    views.push(("without separators", folded));
    views
}

/// Backslash escapes undone, twice: JSON within JSON.
fn unescape(bytes: &[u8]) -> Vec<u8> {
    unescape_once(&unescape_once(bytes))
}

fn unescape_once(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] != b'\\' || at + 1 == bytes.len() {
            out.push(bytes[at]);
            at += 1;
            continue;
        }
        let hex = |from: usize, len: usize| {
            let digits = std::str::from_utf8(bytes.get(from..from + len)?).ok()?;
            u32::from_str_radix(digits, 16).ok()
        };
        let (unit, width) = match bytes[at + 1] {
            b'u' => (hex(at + 2, 4), 6),
            b'x' => (hex(at + 2, 2), 4),
            b'n' => (Some(u32::from(b'\n')), 2),
            b'r' => (Some(u32::from(b'\r')), 2),
            b't' => (Some(u32::from(b'\t')), 2),
            other => (Some(u32::from(other)), 2),
        };
        match unit {
            Some(unit) => {
                // Half of a surrogate pair is no character, and no part of a canary either.
                let character = char::from_u32(unit).unwrap_or('\u{fffd}');
                out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                at += width;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    out
}

fn percent_decode(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let digits = bytes.get(at + 1..at + 3).and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) if bytes[at] == b'%' => {
                out.push(byte);
                at += 3;
            }
            _ => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    out
}

/// ASCII letters and digits alone, full-width ones among them: what was split by spaces, dashes, zero-width or control
/// characters stands together again.
fn fold(bytes: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(bytes);
    let narrow = text.chars().map(|c| match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(c as u32 - 0xfee0).unwrap_or(c),
        c => c,
    });
    narrow.filter(char::is_ascii_alphanumeric).map(|c| c as u8).collect()
}

/// The base64 characters that a text alone decides, with so many bytes before it.
fn base64_inside(text: &[u8], before: usize, url: bool) -> String {
    let mut bytes = vec![0; before];
    bytes.extend_from_slice(text);
    let whole = base64(&bytes, url);
    let from = (before * 8).div_ceil(6);
    let to = bytes.len() * 8 / 6;
    whole[from..to].to_owned()
}

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::Seed;

    fn found(text: impl AsRef<[u8]>, canary: &Canary) -> Vec<&'static str> {
        let leaks = Search::new([canary]).leaks([("here", text.as_ref())]);
        leaks.into_iter().map(|leak| leak.form).collect()
    }

    #[test]
    fn base64_is_that_of_the_standard() {
        assert_eq!(base64(b"foobar", false), "Zm9vYmFy");
        assert_eq!(base64(b"fooba", false), "Zm9vYmE=");
        assert_eq!(base64(b"foob", false), "Zm9vYg==");
        assert_eq!(base64(&[0xfb, 0xff], true), "-_8=");
    }

    #[test]
    fn a_secret_is_found_in_every_form() {
        let canary = Canary::plain(&mut Seed::new(5));
        let text = canary.text();
        let hex: String = text.bytes().map(|b| format!("{b:02X}")).collect();
        let percent: String = text.bytes().map(|b| format!("%25{b:02X}")).collect();
        let escaped: String = text.bytes().map(|b| format!("\\\\u{b:04x}")).collect();
        let wide: String = text.bytes().filter_map(|b| char::from_u32(u32::from(b) + 0xfee0)).collect();
        let spliced: String = text.chars().flat_map(|c| [c, '\u{200b}']).collect();
        let list = format!("{:?}", text.as_bytes());
        for hidden in [
            format!("a{text}b"),
            format!("half {}", &text[2..14]),
            format!("{}\n{}", &text[..8], &text[8..]),
            format!("{} {}", &text[..5], &text[5..]),
            text.chars().rev().collect(),
            base64(format!("a:{text}").as_bytes(), false),
            base64(format!("ab:{text}").as_bytes(), true),
            base64(format!("abc:{text}").as_bytes(), true),
            hex.to_lowercase(),
            hex,
            percent,
            escaped,
            wide,
            spliced,
            list,
        ] {
            assert!(!found(&hidden, &canary).is_empty(), "missed in the form at {}", hidden.len());
        }
    }

    #[test]
    fn nothing_is_found_where_there_is_nothing() {
        let mut seed = Seed::new(5);
        let canary = Canary::plain(&mut seed);
        let other = Canary::plain(&mut seed);
        assert!(found(other.text(), &canary).is_empty());
        assert!(found("", &canary).is_empty());
        assert!(found(&canary.text()[..11], &canary).is_empty(), "eleven bytes are not twelve");
        assert!(found([b'\\', b'%', 0xff, b'\\'], &canary).is_empty());
    }
}
