//! One character beyond ASCII as its reader would take it.

use std::ops::Range;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use unicode_normalization::char::{decompose_compatible, is_combining_mark};

use crate::redact::keys::{is_ignorable, look_alike};

/// The character that starts here and its length; `None` for a byte that begins none.
pub(super) fn first_char(bytes: &[u8]) -> (Option<char>, usize) {
    let len = match bytes[0] {
        0xc2..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf4 => 4,
        _ => 1,
    };
    let char =
        bytes.get(..len).and_then(|bytes| std::str::from_utf8(bytes).ok()).and_then(|s| s.chars().next());
    (char, if char.is_some() { len } else { 1 })
}

/// Appends what `char` looks like in ASCII, nothing for what cannot be seen; false if it stays what it is.
pub(super) fn fold(char: char, to: &mut Vec<u8>) -> bool {
    match folded(char) {
        Some(ascii) => {
            to.extend_from_slice(ascii.as_bytes());
            true
        }
        None => false,
    }
}

/// Whether a character at `range` could be there to hide something: invisible, or an imitation of ASCII next to the real
/// one. Letters with accents, apostrophes and the like are what honest text is made of.
pub(super) fn is_disguise(char: char, text: &[u8], range: Range<usize>) -> bool {
    let Some(ascii) = folded(char) else { return false };
    let before = range.start.checked_sub(1).map(|at| text[at]);
    let after = text.get(range.end).copied();
    let either = |test: fn(u8) -> bool| before.is_some_and(test) || after.is_some_and(test);
    let both = |test: fn(u8) -> bool| before.is_some_and(test) && after.is_some_and(test);
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    match ascii.as_bytes() {
        [] | [b' ' | b'\n'] => true,
        [b'\''] | [b'.', b'.', ..] => false,
        [b'-'] => both(is_word),
        [b'"'] => {
            let is_sign = |byte: u8| matches!(byte, b':' | b'=');
            either(is_sign) || (before == Some(b' ') && range.start >= 2 && is_sign(text[range.start - 2]))
        }
        _ => match u32::from(char) {
            // Superscripts and fractions.
            0..0xc0 => both(is_word),
            // Latin letters of some language or other.
            0xc0..0x250 | 0x1e00..0x1f00 => either(|byte| byte.is_ascii_digit() || byte == b'_'),
            // Greek, Cyrillic, Armenian: whole words of them are no imitation.
            0x250..0x600 => either(is_word),
            _ => true,
        },
    }
}

/// Up to [`LONGEST`] ASCII characters.
#[derive(Clone, Copy, Debug, Default)]
struct Ascii {
    len: u8,
    bytes: [u8; LONGEST],
}

impl Ascii {
    fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    fn push(&mut self, text: &str) -> Option<()> {
        let end = usize::from(self.len) + text.len();
        self.bytes.get_mut(usize::from(self.len)..end)?.copy_from_slice(text.as_bytes());
        self.len = end as u8;
        Some(())
    }
}

fn folded(char: char) -> Option<Ascii> {
    match u32::from(char) {
        code @ ..SMALL => COMMON[code as usize],
        // Han, Kana, Hangul, Yi, pictures: nothing here looks like ASCII.
        0x2e80..0x3000
        | 0x3040..=0x309f
        | 0x30a1..0x3130
        | 0x3190..0x3200
        | 0x3400..0xa4d0
        | 0xac00..0xd7a4
        | 0x1_f200..0x1_fb00
        | 0x2_0000..0xe_0000
        | 0xe_1000.. => None,
        code => remembered(char, code),
    }
}

/// As [`fold_slowly`], which takes a hundred times longer: a value can hold thousands of such characters, and those that
/// replace what was no text are all the same.
fn remembered(char: char, code: u32) -> Option<Ascii> {
    let place = code.checked_sub(0xe_0000).map_or(code, |tag| 0x2_0000 + tag);
    let Some(kept) = KEPT.get(place as usize) else { return fold_slowly(char) };
    let is_kept = |kept: u64| kept >> 63 == 1;
    let mut bits = kept.load(Ordering::Relaxed);
    if !is_kept(bits) {
        bits = 1 << 63
            | fold_slowly(char).map_or(NOTHING, |ascii| {
                u64::from(u32::from_le_bytes(ascii.bytes)) | u64::from(ascii.len) << 32
            });
        // Whoever comes at the same time writes the same.
        kept.store(bits, Ordering::Relaxed);
    }
    let len = (bits >> 32) as u8;
    (bits & NOTHING == 0).then_some(Ascii { len, bytes: (bits as u32).to_le_bytes() })
}

fn fold_slowly(char: char) -> Option<Ascii> {
    let mut ascii = Ascii::default();
    if char.is_ascii() {
        return None;
    }
    if let Some(text) = alone(char) {
        ascii.push(text)?;
        return Some(ascii);
    }
    let mut pieces = 0;
    let mut fits = Some(());
    decompose_compatible(char, |piece| {
        pieces += 1;
        let pushed = match alone(piece) {
            Some(text) => ascii.push(text),
            None if piece.is_ascii() => ascii.push(piece.encode_utf8(&mut [0; 4])),
            None => None,
        };
        fits = fits.and(pushed);
    });
    fits.map(|()| ascii)
}

/// What a character is like without being decomposed.
fn alone(char: char) -> Option<&'static str> {
    if is_ignorable(char) || is_combining_mark(char) {
        return Some("");
    }
    if let Ok(at) = SORTED_SIGNS.binary_search_by_key(&char, |(sign, _)| *sign) {
        return Some(SORTED_SIGNS[at].1);
    }
    if !char.is_ascii() && char.is_whitespace() {
        return Some(" ");
    }
    let code = u32::from(char);
    let zeros = &DIGIT_ZEROS[..DIGIT_ZEROS.partition_point(|zero| *zero <= code)];
    if let Some(value) = zeros.last().map(|zero| (code - zero) as usize).filter(|value| *value < 10) {
        return DIGITS.get(value..=value);
    }
    look_alike(char)
}

/// Answers for the scripts with the most look-alikes, since a value may consist of them.
/// Two planes and the tags, in memory that is taken as it is touched: bit 63 says that the rest is known.
static KEPT: [AtomicU64; 0x2_1000] = [const { AtomicU64::new(0) }; 0x2_1000];

/// It folds to nothing ASCII.
const NOTHING: u64 = 1 << 62;

static COMMON: LazyLock<Box<[Option<Ascii>]>> =
    LazyLock::new(|| (0..SMALL).map(|code| char::from_u32(code).and_then(fold_slowly)).collect());

/// Latin, Greek, Cyrillic and Armenian lie below.
const SMALL: u32 = 0x600;

/// Longer forms (`㏂`, `⑽`) say more than a letter's worth.
const LONGEST: usize = 4;

const DIGITS: &str = "0123456789";

/// Signs that separate and quote (Unicode, confusables).
const SIGNS: &[(&str, &str)] = &[
    ("“”„‟«»″〝〞〟", "\""),
    ("‘’‚‛′ʹʼʻˈ‵", "'"),
    ("‐‑‒–—―−⁃﹘", "-"),
    ("ː∶꞉։׃︰˸", ":"),
    ("゠⹀᐀꞊", "="),
    ("⁄∕╱⧸", "/"),
    ("‹❮˂", "<"),
    ("›❯˃", ">"),
    ("∗⁎٭", "*"),
    // Middle dots keep the groups of a number apart.
    ("。｡܁܂·‧∙⋅", "."),
    ("‚،٬", ","),
    ("ߺˍ", "_"),
    ("\u{2028}\u{2029}", "\n"),
];

/// [`SIGNS`] by character.
static SORTED_SIGNS: LazyLock<Vec<(char, &'static str)>> = LazyLock::new(|| {
    let each = SIGNS.iter().flat_map(|(signs, text)| signs.chars().map(move |sign| (sign, *text)));
    let mut sorted: Vec<_> = each.collect();
    sorted.sort_by_key(|(sign, _)| *sign);
    sorted
});

/// The zero of each script's digits that no compatibility mapping resolves (Unicode 15, general category Nd).
const DIGIT_ZEROS: &[u32] = &[
    0x660, 0x6f0, 0x7c0, 0x966, 0x9e6, 0xa66, 0xae6, 0xb66, 0xbe6, 0xc66, 0xce6, 0xd66, 0xde6, 0xe50, 0xed0,
    0xf20, 0x1040, 0x1090, 0x17e0, 0x1810, 0x1946, 0x19d0, 0x1a80, 0x1a90, 0x1b50, 0x1bb0, 0x1c40, 0x1c50,
    0xa620, 0xa8d0, 0xa900, 0xa9d0, 0xa9f0, 0xaa50, 0xabf0, 0x104a0, 0x10d30, 0x11066, 0x110f0, 0x11136,
    0x111d0, 0x112f0, 0x11450, 0x114d0, 0x11650, 0x116c0, 0x11730, 0x118e0, 0x11950, 0x11c50, 0x11d50,
    0x11da0, 0x16a60, 0x16ac0, 0x16b50, 0x1e140, 0x1e2f0, 0x1e950,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_is_what_was_found() {
        let bytes = |ascii: Option<Ascii>| ascii.map(|ascii| ascii.as_bytes().to_vec());
        let mut folds = 0;
        let codes = (SMALL..0x2_0000).chain(0xe_0000..0xe_1000).step_by(7).chain([0xfffd, 0xff41]);
        for char in codes.filter_map(char::from_u32) {
            let slowly = bytes(fold_slowly(char));
            folds += usize::from(slowly.is_some());
            // The second time it is remembered.
            for _ in 0..2 {
                let remembered = bytes(remembered(char, u32::from(char)));
                assert!(remembered == slowly, "U+{:04X}", u32::from(char));
            }
        }
        assert!(
            folds > 1000 && bytes(folded('ａ')) == Some(b"a".to_vec()) && bytes(folded('\u{fffd}')).is_none()
        );
        assert!(
            (0xe_1000..0x11_0000)
                .step_by(31)
                .filter_map(char::from_u32)
                .all(|char| fold_slowly(char).is_none())
        );
    }
}
