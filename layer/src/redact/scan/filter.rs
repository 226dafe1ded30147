//! The filter: which positions deserve a detector's look, in blocks of 64 bytes without a branch.
//!
//! Stems are found by the method of Hyperscan's Teddy: for each of the first four bytes, a table by low and one by high
//! nibble tells in which of sixteen buckets that byte may stand; a position survives if one bucket survives all
//! four. Each survivor's first three bytes are looked up in a bit set before it becomes a candidate. The same two
//! lookups classify digits, letters and the single characters that trigger a detector. The plain Rust twin does the
//! same arithmetic a byte at a time, and is the definition.

#[cfg(target_arch = "x86_64")]
mod avx2;
mod buckets;
mod marks;

use std::ops::Range;

use self::buckets::{Buckets, SETS, StemTables};
use self::marks::Marks;
use super::stems::Stem;
use crate::record::escape;
use crate::values::SEPARATOR;

/// Lookup tables by nibble.
#[derive(Debug)]
pub(super) struct Tables {
    /// Bits are buckets.
    stem: [StemTables; SETS],
    /// Bits are classes; by low and by high nibble, twice for the two halves of a vector.
    class: [[u8; 32]; 2],
    /// Which three bytes begin a stem, by [`slot`].
    first_three: Box<[u64; SLOTS / 64]>,
    #[cfg(target_arch = "x86_64")]
    avx2: bool,
}

/// What a pass over a buffer tells besides candidates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    /// Every byte may be written as it is.
    pub(super) plain: bool,
    /// Some byte may belong to an escape or to a character that looks like another: above 0x7e, a control
    /// character, a backslash.
    pub(super) odd: bool,
}

/// What a candidate is, in its upper bits; it can be several things. The start of a stem,
pub(super) const STEM: u32 = 1 << 26;
/// one of the signs that are looked at,
pub(super) const SIGN_HERE: u32 = 1 << 27;
/// the last of two letters and two digits at the start of a word,
pub(super) const COUNTRY: u32 = 1 << 28;
/// within a run of digits and what may stand between them,
pub(super) const DIGITS: u32 = 1 << 29;
/// within a run of letters and digits as long as encoded text has, or two that are joined,
pub(super) const WORD: u32 = 1 << 30;
/// within pairs of letters and digits that have one character between them, as in a dump of bytes.
pub(super) const PAIRS: u32 = 1 << 31;
/// The lower bits are its position: no event's text is as long as 64 MiB.
const POSITION: u32 = STEM - 1;

/// Digits a card number has at least.
pub(super) const RUN: usize = 13;

/// Characters of a word before the one at which it is told of.
pub(super) const WORD_SEEN: usize = 15;

const BLOCK: usize = 64;

/// Behind the last block, the three bytes that the start of a stem may reach into.
const BEHIND: usize = 32;

/// The uppermost bit, which a vector gives up most easily.
const DIGIT: u8 = 128;
/// What may stand between the digits of a card number: space, dash, dot, slash, tabulator, line break; a few other
/// bytes share their nibbles, which costs a look and no more.
const GAP: u8 = 2;
/// No-break space, which is C2 A0 in UTF-8, and the underscore; a few others too.
const WIDE_GAP: u8 = 4;
/// `:` and `=`. The third sign, `@`, has no class.
const SIGN: u8 = 8;
/// What may stand within base64 beside letters and digits: `+`, `/`, `-` and `_`; the square brackets too.
const JOINT: u8 = 16;
/// `%`, `&` and `,`: what an escape begins with, and what stands between the numbers of a list.
const SIGN_CODE: u8 = 1;
/// Letters take two classes: the nibbles of the first fifteen and of the last eleven do not multiply out.
const LETTER: u8 = 32 | 64;

impl Tables {
    pub(super) fn new(stems: &[Stem]) -> Tables {
        let mut tables = Tables {
            stem: Buckets::new(stems).tables(),
            class: [[0; 32]; 2],
            first_three: Box::new([0; SLOTS / 64]),
            #[cfg(target_arch = "x86_64")]
            avx2: std::arch::is_x86_feature_detected!("avx2"),
        };
        let classes: [(u8, &[u8], &[u8]); 8] = [
            (DIGIT, &[3], &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]),
            (GAP, &[2, 0], &[0x0, 0x9, 0xa, 0xd, 0xe, 0xf]),
            (WIDE_GAP, &[0xc, 0xa, 5], &[0x2, 0x0, 0xf]),
            (SIGN, &[3], &[0xa, 0xd]),
            (JOINT, &[2, 5], &[0xb, 0xd, 0xf]),
            (SIGN_CODE, &[2], &[0x5, 0x6, 0xc]),
            (32, &[4, 6], &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]),
            (64, &[5, 7], &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]),
        ];
        for (bit, high, low) in classes {
            for (table, nibbles) in tables.class.iter_mut().zip([low, high]) {
                for nibble in nibbles {
                    table[usize::from(*nibble)] |= bit;
                    table[usize::from(*nibble) + 16] |= bit;
                }
            }
        }
        for three in stems.iter().flat_map(Stem::first_three) {
            let slot = slot(u32::from_le_bytes([three[0], three[1], three[2], 0]));
            tables.first_three[slot / 64] |= 1 << (slot % 64);
        }
        tables
    }

    /// The same, by the plain twin.
    #[cfg(any(test, feature = "fuzzing"))]
    pub(super) fn without_vectors(&self) -> Tables {
        Tables {
            stem: self.stem,
            class: self.class,
            first_three: self.first_three.clone(),
            #[cfg(target_arch = "x86_64")]
            avx2: false,
        }
    }

    /// Puts every candidate into `to`, in order.
    #[inline]
    pub(super) fn candidates(&self, bytes: &mut Vec<u8>, to: &mut Vec<u32>) -> Seen {
        to.clear();
        let len = bytes.len();
        let blocks = len.div_ceil(BLOCK);
        // Of a fixed length this is a few stores; what no block takes of it is not looked at.
        bytes.extend_from_slice(&[SEPARATOR; BLOCK + BEHIND]);
        let seen = self.padded(bytes, blocks, to);
        bytes.truncate(len);
        seen
    }

    #[inline]
    fn padded(&self, bytes: &[u8], blocks: usize, to: &mut Vec<u32>) -> Seen {
        #[cfg(target_arch = "x86_64")]
        if self.avx2 {
            return avx2::padded(self, bytes, blocks, to);
        }
        self.padded_plainly(bytes, blocks, to)
    }

    fn padded_plainly(&self, bytes: &[u8], blocks: usize, to: &mut Vec<u32>) -> Seen {
        let mut marks = Marks::default();
        let mut seen = Seen { plain: true, odd: false };
        for block in 0..blocks {
            let mut masks = Masks::default();
            for bit in 0..BLOCK {
                let at = block * BLOCK + bit;
                let byte = bytes[at];
                let class = self.class[0][usize::from(byte & 15)] & self.class[1][usize::from(byte >> 4)];
                let begins = |tables: &StemTables| {
                    let buckets = tables.iter().zip(&bytes[at..]).map(|([low, high], byte)| {
                        low[usize::from(byte & 15)] & high[usize::from(byte >> 4)]
                    });
                    buckets.fold(u8::MAX, |all, each| all & each) != 0
                };
                masks.stem |= u64::from(self.stem.iter().any(begins)) << bit;
                masks.sign |= u64::from(class & (SIGN | SIGN_CODE) != 0 || byte == b'@') << bit;
                masks.digit |= u64::from(class & DIGIT != 0) << bit;
                masks.gap |= u64::from(class & (GAP | WIDE_GAP) != 0) << bit;
                masks.letter |= u64::from(class & LETTER != 0) << bit;
                masks.joint |= u64::from(class & JOINT != 0) << bit;
                seen.plain &= escape::is_plain(byte);
                seen.odd |= !escape::is_plain(byte) && byte != b'"';
            }
            let block_on =
                bytes[block * BLOCK..].first_chunk().expect("the buffer is padded by more than that");
            masks.stem = self.begin_a_stem(masks.stem, block_on);
            marks.push(masks, block, to);
        }
        seen
    }

    /// Those of a block's positions whose first three bytes may begin a stem.
    #[inline]
    fn begin_a_stem(&self, survivors: u64, block: &[u8; BLOCK + BEHIND]) -> u64 {
        let mut left = survivors;
        let mut stems = 0;
        while left != 0 {
            // Several at a time: how many there are is mostly guessed right then. Those beyond the last are none.
            for _ in 0..AT_ONCE {
                let lowest = left & left.wrapping_neg();
                let at = left.trailing_zeros() as usize;
                let four = block[at..].first_chunk().expect("the block has that many behind it");
                let slot = slot(u32::from_le_bytes(*four));
                stems |= lowest & (self.first_three[slot / 64] >> (slot % 64) & 1).wrapping_neg();
                left ^= lowest;
            }
        }
        stems
    }
}

/// Survivors looked up without asking whether there are more.
const AT_ONCE: usize = 4;

/// Bits in the set of first three bytes: 4 KiB, and one in a hundred taken.
const SLOTS: usize = 1 << 15;

/// Fibonacci hashing (Knuth, volume 3, section 6.4) of the lower three bytes.
#[inline]
pub(super) fn slot(four: u32) -> usize {
    ((four << 8).wrapping_mul(0x9e37_79b1) >> 17) as usize
}

/// What a block's 64 positions are.
#[derive(Clone, Copy, Default)]
struct Masks {
    stem: u64,
    sign: u64,
    digit: u64,
    gap: u64,
    letter: u64,
    joint: u64,
}

/// A candidate's position, and what it is.
pub(super) fn unpack(candidate: u32) -> (usize, u32) {
    ((candidate & POSITION) as usize, candidate & !POSITION)
}

/// The whole stretch around `at` that the filter takes for one run.
pub(super) fn digit_stretch(text: &[u8], at: usize) -> Range<usize> {
    // What the tables of both nibbles let through, and that is more than what is meant.
    let passes = |byte: &u8| {
        let (high, low) = (byte >> 4, byte & 15);
        (high == 3 && low < 10)
            || (matches!(high, 0 | 2) && matches!(low, 0x0 | 0x9 | 0xa | 0xd | 0xe | 0xf))
            || (matches!(high, 0x5 | 0xa | 0xc) && matches!(low, 0x0 | 0x2 | 0xf))
    };
    let start = text[..at].iter().rposition(|b| !passes(b)).map_or(0, |p| p + 1);
    let end = text[at..].iter().position(|b| !passes(b)).map_or(text.len(), |p| at + p);
    start..end
}

/// The first run of digits and what may really stand between them in `stretch`, from its first digit on.
pub(super) fn digit_run(text: &[u8], stretch: Range<usize>) -> Range<usize> {
    let in_run = |byte: &u8| {
        byte.is_ascii_digit()
            || matches!(byte, b' ' | b'-' | b'.' | b'/' | b'_' | b'\t' | b'\r' | b'\n' | 0xc2 | 0xa0)
    };
    let rest = &text[stretch.clone()];
    let start = rest.iter().position(u8::is_ascii_digit).map_or(stretch.end, |skip| stretch.start + skip);
    let len = text[start..stretch.end].iter().position(|b| !in_run(b)).unwrap_or(stretch.end - start);
    start..start + len
}

pub(super) fn count_digits(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| byte.is_ascii_digit()).count()
}
