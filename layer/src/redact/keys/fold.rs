//! From a name as written to letters with word boundaries.

use std::sync::LazyLock;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use crate::redact::work;

/// A folded name.
pub(super) struct Folded<'a> {
    /// Lower-case letters, without separators and digits. Letters that are not Latin stay as UTF-8.
    pub(super) letters: &'a [u8],
    /// The same with digits.
    pub(super) alnum: &'a [u8],
    /// Whether a word starts at this letter; one longer than `letters`.
    starts: &'a [bool],
}

/// Folds `name` and hands it to `then`; short ASCII names cost no allocation.
pub(super) fn with<R>(name: &str, then: impl FnOnce(&Folded<'_>) -> R) -> R {
    if name.len() <= STACK && name.is_ascii() {
        work::count(ASCII * name.len());
        let (mut letters, mut alnum, mut starts) = ([0; STACK], [0; STACK], [false; STACK + 1]);
        return then(&split(name.as_bytes(), &mut letters, &mut alnum, &mut starts));
    }
    work::count(ANY * name.len());
    let plain = to_plain(name);
    if plain.len() <= STACK {
        let (mut letters, mut alnum, mut starts) = ([0; STACK], [0; STACK], [false; STACK + 1]);
        return then(&split(plain.as_bytes(), &mut letters, &mut alnum, &mut starts));
    }
    let (mut letters, mut alnum, mut starts) =
        (vec![0; plain.len()], vec![0; plain.len()], vec![false; plain.len() + 1]);
    then(&split(plain.as_bytes(), &mut letters, &mut alnum, &mut starts))
}

impl Folded<'_> {
    /// Also true one past the last letter, where a word ends.
    pub(super) fn starts_word(&self, at: usize) -> bool {
        self.starts.get(at).copied().unwrap_or(false)
    }

    /// The word that starts at `at`, empty at the end.
    pub(super) fn word_at(&self, at: usize) -> &[u8] {
        let mut end = at;
        while end < self.letters.len() && (end == at || !self.starts[end]) {
            end += 1;
        }
        &self.letters[at.min(end)..end]
    }

    /// The word that ends before `at`, empty at the start.
    pub(super) fn word_before(&self, at: usize) -> &[u8] {
        let mut start = at;
        while start > 0 {
            start -= 1;
            if self.starts[start] {
                break;
            }
        }
        &self.letters[start..at]
    }
}

fn split<'a>(name: &[u8], letters: &'a mut [u8], alnum: &'a mut [u8], starts: &'a mut [bool]) -> Folded<'a> {
    let (mut l, mut a) = (0, 0);
    let mut boundary = true;
    let mut after_upper = false;
    for (i, &byte) in name.iter().enumerate() {
        match byte {
            b'A'..=b'Z' => {
                let next_is_lower = name.get(i + 1).is_some_and(u8::is_ascii_lowercase);
                // fooBar | foo.Bar | XMLToken
                starts[l] = boundary || !after_upper || next_is_lower;
                letters[l] = byte.to_ascii_lowercase();
                (after_upper, boundary) = (true, false);
                l += 1;
            }
            b'a'..=b'z' | 0x80.. => {
                starts[l] = boundary;
                letters[l] = byte;
                (after_upper, boundary) = (false, false);
                l += 1;
            }
            // A control character spliced into a word does not end it.
            0x00..=0x08 | 0x0b..=0x0c | 0x0e..=0x1f | 0x7f => continue,
            _ => boundary = true,
        }
        if byte.is_ascii_alphanumeric() || byte >= 0x80 {
            alnum[a] = byte.to_ascii_lowercase();
            a += 1;
        }
    }
    starts[l] = true;
    Folded { letters: &letters[..l], alnum: &alnum[..a], starts: &starts[..=l] }
}

/// Compatibility forms decomposed, marks and invisible characters gone, look-alikes in ASCII; case stays.
fn to_plain(name: &str) -> String {
    let mut plain = String::with_capacity(name.len());
    for char in name.chars().filter(|c| !is_ignorable(*c)).nfkd() {
        if char.is_ascii() {
            plain.push(char);
        } else if is_combining_mark(char) || is_ignorable(char) {
        } else if let Some(letter) = look_alike(char) {
            plain.push_str(letter);
        } else if char.is_alphanumeric() {
            plain.extend(char.to_lowercase());
        } else {
            plain.push('_');
        }
    }
    plain
}

/// Default-ignorable and format characters (Unicode, DerivedCoreProperties.txt), plus C1 controls.
pub(in crate::redact) fn is_ignorable(char: char) -> bool {
    matches!(u32::from(char),
        0x80..=0x9f | 0xad | 0x34f | 0x600..=0x605 | 0x61c | 0x6dd | 0x70f | 0x115f..=0x1160 | 0x17b4..=0x17b5
        | 0x180b..=0x180f | 0x200b..=0x200f | 0x202a..=0x202e | 0x2060..=0x206f | 0x3164 | 0xfe00..=0xfe0f
        | 0xfeff | 0xffa0 | 0xfff0..=0xfffb | 0x1bca0..=0x1bca3 | 0x1d173..=0x1d17a | 0xe0000..=0xe0fff)
}

/// The ASCII letters that a reader would take this character for, case kept. Fullwidth, mathematical and
/// circled forms never come here: NFKD has resolved them.
pub(in crate::redact) fn look_alike(char: char) -> Option<&'static str> {
    match char {
        'ß' => return Some("ss"),
        'æ' => return Some("ae"),
        'œ' => return Some("oe"),
        _ => {}
    }
    let at = SORTED.binary_search_by_key(&char, |(odd, _)| *odd).ok()?;
    Some(SORTED[at].1)
}

/// [`LOOK_ALIKES`] by character: a value may consist of them.
static SORTED: LazyLock<Vec<(char, &'static str)>> = LazyLock::new(|| {
    let pairs = LOOK_ALIKES.iter().flat_map(|(odd, plain)| {
        odd.chars().enumerate().filter_map(|(at, char)| Some((char, plain.get(at..=at)?)))
    });
    let mut sorted: Vec<_> = pairs.collect();
    sorted.sort_by_key(|(odd, _)| *odd);
    sorted.dedup_by_key(|(odd, _)| *odd);
    sorted
});

/// Per script: characters, and below them what they look like.
const LOOK_ALIKES: &[(&str, &str)] = &[
    // Cyrillic
    ("авсԁеһіјкӏмпорԛгѕтѵԝхуүАВСԀЕНҺІӀЈКМОРԚЅТѴԜХУҮ", "abcdehijklmnopqrstvwxyyABCDEHHIIJKMOPQSTVWXYY"),
    // Greek
    ("αβεγηικνορστυχωϲϳΑΒΕΖΗΙΚΜΝΟΡΤΥΧϹ", "abeynikvopotuxwcjABEZHIKMNOPTYXC"),
    // Armenian
    ("հոօսցքյ", "hnougpj"),
    // Latin letters that NFKD leaves alone
    ("ıɩɪɑɡɢʏłŁøØđĐħŧᴀʙᴄᴅᴇꜰʜᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡᴢ", "iiiaggylLoOdDhtabcdefhjklmnoprstuvwz"),
];

/// What a byte of a name costs, with what is then looked up in the tables.
const ASCII: usize = 10;
const ANY: usize = 20;

/// Longer names are rare enough to pay for an allocation.
const STACK: usize = 64;
