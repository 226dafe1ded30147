//! The filter: which positions deserve a detector's look, in blocks of 32 bytes without a branch.
//!
//! Stems are found by the method of Hyperscan's Teddy: for each of the first four bytes, a table by low and one by high
//! nibble tells in which of sixteen buckets that byte may stand; a position is a candidate if one bucket survives all
//! four. With some two hundred stems one byte in twenty of ordinary text passes that, so each survivor's first three bytes are
//! looked up in a bit set before it becomes a candidate. The same two lookups classify digits, letters and the single characters that trigger a detector. The plain
//! Rust twin does the same arithmetic a byte at a time, and is the definition.

#[cfg(target_arch = "x86_64")]
mod avx2;

use std::ops::Range;

use super::stems::{Stem, swap_case};
use crate::record::escape;
use crate::values::SEPARATOR;

/// Lookup tables by nibble.
#[derive(Debug)]
pub(super) struct Tables {
    /// Bits are buckets.
    stem: [StemTables; SETS],
    /// Bits are classes.
    class: [[u8; 16]; 2],
    /// Which three bytes begin a stem, by [`slot`].
    first_three: Box<[u64; SLOTS / 64]>,
    #[cfg(target_arch = "x86_64")]
    avx2: bool,
}

/// Four positions of a stem, each by low and by high nibble.
type StemTables = [[[u8; 16]; 2]; 4];

/// Of eight buckets each. With one set, a quarter of ordinary prose would need the second look.
const SETS: usize = 2;

const BLOCK: usize = 32;

const DIGIT: u8 = 1;
/// What may stand between the digits of a card number: space, dash, dot.
const GAP: u8 = 2;
/// No-break space is C2 A0 in UTF-8; a few other bytes share its nibbles, which costs a look and no more.
const WIDE_GAP: u8 = 4;
/// `@`, `:` and `=`.
const SIGN: u8 = 8;
const SIGN_AT: u8 = 16;
/// `%`, `&` and `,`: what an escape begins with, and what stands between the numbers of a list.
const SIGN_CODE: u8 = 128;
/// Letters take two classes: the nibbles of the first fifteen and of the last eleven do not multiply out.
const LETTER: u8 = 32 | 64;

/// What a candidate is, in its upper bits; it can be several things. The start of a stem,
pub(super) const STEM: u32 = 1 << 26;
/// one of the signs that are looked at,
pub(super) const SIGN_HERE: u32 = 1 << 27;
/// two letters and two digits at the start of a word,
pub(super) const COUNTRY: u32 = 1 << 28;
/// a run of digits and what may stand between them,
pub(super) const DIGITS: u32 = 1 << 29;
/// a run of letters and digits as long as encoded text has,
pub(super) const WORD: u32 = 1 << 30;
/// pairs of letters and digits with one character between them, as in a dump of bytes.
pub(super) const PAIRS: u32 = 1 << 31;
/// The lower bits are its position: no event's text is as long as 64 MiB.
const POSITION: u32 = STEM - 1;

/// Digits a card number has at least.
pub(super) const RUN: usize = 13;

/// What a pass over a buffer tells besides candidates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    /// Every byte may be written as it is.
    pub(super) plain: bool,
    /// Some byte may belong to an escape or to a character that looks like another: above 0x7e, a control
    /// character, a backslash.
    pub(super) odd: bool,
}

impl Tables {
    pub(super) fn new(stems: &[Stem]) -> Tables {
        let mut tables = Tables {
            stem: [[[[0; 16]; 2]; 4]; SETS],
            class: [[0; 16]; 2],
            first_three: Box::new([0; SLOTS / 64]),
            #[cfg(target_arch = "x86_64")]
            avx2: std::arch::is_x86_feature_detected!("avx2"),
        };
        let classes: [(u8, &[u8], &[u8]); 8] = [
            (DIGIT, &[3], &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]),
            (GAP, &[2], &[0x0, 0xd, 0xe]),
            (WIDE_GAP, &[0xc, 0xa], &[0x2, 0x0]),
            (SIGN, &[3], &[0xa, 0xd]),
            (SIGN_AT, &[4], &[0]),
            (SIGN_CODE, &[2], &[0x5, 0x6, 0xc]),
            (32, &[4, 6], &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]),
            (64, &[5, 7], &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]),
        ];
        for (bit, high, low) in classes {
            low.iter().for_each(|nibble| tables.class[0][usize::from(*nibble)] |= bit);
            high.iter().for_each(|nibble| tables.class[1][usize::from(*nibble)] |= bit);
        }
        let mut sorted: Vec<&Stem> = stems.iter().collect();
        sorted.sort_by(|a, b| a.text.cmp(&b.text));
        for stem in sorted {
            for three in stem.first_three() {
                let slot = slot(three);
                tables.first_three[slot / 64] |= 1 << (slot % 64);
            }
            let buckets = (0..SETS).flat_map(|set| (0..8).map(move |bit| (set, 1 << bit)));
            let best = buckets.min_by_key(|(set, bucket)| with(&tables.stem[*set], stem, *bucket).1);
            let (set, bucket) = best.unwrap_or((0, 1));
            tables.stem[set] = with(&tables.stem[set], stem, bucket).0;
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
        // The last block and the three bytes behind it are read whole.
        bytes.resize((blocks + 1) * BLOCK, SEPARATOR);
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
        let mut window = Window::default();
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
                masks.stem |= u32::from(self.stem.iter().any(begins)) << bit;
                masks.sign |= u32::from(class & (SIGN | SIGN_AT | SIGN_CODE) != 0) << bit;
                masks.digit |= u32::from(class & DIGIT != 0) << bit;
                masks.run |= u32::from(class & (DIGIT | GAP | WIDE_GAP) != 0) << bit;
                masks.letter |= u32::from(class & LETTER != 0) << bit;
                seen.plain &= escape::is_plain(byte);
                seen.odd |= !escape::is_plain(byte) && byte != b'"';
            }
            masks.stem = self.begin_a_stem(masks.stem, &bytes[block * BLOCK..]);
            window.push(masks, block, to);
        }
        window.push(Masks::default(), blocks, to);
        seen
    }

    /// Those of a block's positions whose first three bytes may begin a stem.
    #[inline]
    fn begin_a_stem(&self, survivors: u32, bytes: &[u8]) -> u32 {
        let block: &[u8; BLOCK + 4] = bytes.first_chunk().expect("the buffer is padded by a whole block");
        let mut left = survivors;
        let mut stems = 0;
        while left != 0 {
            let bit = left.trailing_zeros() as usize;
            left &= left - 1;
            let slot = slot([block[bit], block[bit + 1], block[bit + 2]]);
            stems |= (((self.first_three[slot / 64] >> (slot % 64)) & 1) as u32) << bit;
        }
        stems
    }
}

/// The tables with one more stem in a bucket, and by how much the bucket then lets more through.
fn with(before: &StemTables, stem: &Stem, bucket: u8) -> (StemTables, u64) {
    let mut tables = *before;
    for (position, [low, high]) in tables.iter_mut().enumerate() {
        match stem.text.get(position) {
            Some(byte) => {
                let other = if stem.ignore_case { swap_case(*byte) } else { *byte };
                for byte in [*byte, other] {
                    low[usize::from(byte & 15)] |= bucket;
                    high[usize::from(byte >> 4)] |= bucket;
                }
            }
            None => low.iter_mut().chain(high).for_each(|entry| *entry |= bucket),
        }
    }
    let passing = |tables: &StemTables| -> u64 {
        let count = |table: &[u8; 16]| table.iter().filter(|entry| **entry & bucket != 0).count() as u64;
        tables.iter().map(|[low, high]| count(low) * count(high)).product()
    };
    (tables, passing(&tables) - passing(before))
}

/// Bits in the set of first three bytes: 4 KiB, and one in a hundred taken.
const SLOTS: usize = 1 << 15;

/// Fibonacci hashing (Knuth, volume 3, section 6.4).
#[inline]
fn slot(three: [u8; 3]) -> usize {
    let bytes = u32::from_le_bytes([three[0], three[1], three[2], 0]);
    (bytes.wrapping_mul(0x9e37_79b1) >> 17) as usize
}

/// What a block's 32 positions are.
#[derive(Clone, Copy, Default)]
struct Masks {
    stem: u32,
    sign: u32,
    digit: u32,
    run: u32,
    letter: u32,
}

/// The block before the newest, since runs and country codes cross from one into the next.
#[derive(Default)]
struct Window {
    before: Masks,
    /// The character before the window was a letter or digit.
    word: u64,
    /// Not zero if eight aligned positions of `before` are letters and digits.
    full: u32,
}

impl Window {
    /// Tells of the candidates that start in the block before this one.
    #[inline(always)]
    fn push(&mut self, now: Masks, block: usize, to: &mut Vec<u32>) {
        let full = has_full_byte(now.letter | now.digit);
        // Without a digit there is neither a run nor a country code; a long word fills eight positions somewhere.
        let any = self.before.stem | self.before.sign | self.before.digit | now.digit | self.full | full;
        if any != 0 && block > 0 {
            self.tell(now, block, to);
        }
        self.word = u64::from((self.before.letter | self.before.digit) >> (BLOCK - 1));
        self.before = now;
        self.full = full;
    }

    #[inline(never)]
    fn tell(&self, now: Masks, block: usize, to: &mut Vec<u32>) {
        let join = |low: u32, high: u32| u64::from(low) | u64::from(high) << BLOCK;
        let digit = join(self.before.digit, now.digit);
        let letter = join(self.before.letter, now.letter);
        let word = letter | digit;
        let first = !(word << 1 | self.word);
        let two = word & word >> 1;
        let country = (letter & letter >> 1 & digit >> 2 & digit >> 3 & first) as u32;
        let runs = in_a_row_of_13(join(self.before.run, now.run)) as u32;
        let words = in_a_row_of_16(two) & first;
        let pairs = two & !(word >> 2) & first;
        let pairs = pairs & pairs >> 3;
        let pairs = pairs & pairs >> 6;
        let (stem, sign, words, pairs) = (self.before.stem, self.before.sign, words as u32, pairs as u32);
        // One mark for each run that begins here; its bounds are found when it is looked at.
        let (runs, pairs) = (runs & !(runs << 1), pairs & !(pairs << 3));
        let mut any = stem | sign | country | runs | words | pairs;
        let base = ((block - 1) * BLOCK) as u32;
        while any != 0 {
            let at = any.trailing_zeros();
            any &= any - 1;
            let kind = |mask: u32, kind: u32| (mask >> at & 1) * kind;
            let kinds = kind(stem, STEM) | kind(sign, SIGN_HERE) | kind(country, COUNTRY);
            to.push((base + at) | kinds | kind(runs, DIGITS) | kind(words, WORD) | kind(pairs, PAIRS));
        }
    }
}

/// The first positions of 13 ones in a row.
fn in_a_row_of_13(mask: u64) -> u64 {
    let mask = mask & mask >> 1;
    let mask = mask & mask >> 2;
    let mask = mask & mask >> 4;
    mask & mask >> 5
}

/// The same of 16; `two` has the first of two.
fn in_a_row_of_16(two: u64) -> u64 {
    let mask = two & two >> 2;
    let mask = mask & mask >> 4;
    mask & mask >> 8
}

/// Whether one of the four bytes is 0xff.
#[inline]
fn has_full_byte(mask: u32) -> u32 {
    mask & (!mask).wrapping_sub(0x0101_0101) & 0x8080_8080
}

/// A candidate's position, and what it is.
pub(super) fn unpack(candidate: u32) -> (usize, u32) {
    ((candidate & POSITION) as usize, candidate & !POSITION)
}

/// The whole run around `at`, from its first digit on.
pub(super) fn digit_run(text: &[u8], at: usize) -> Range<usize> {
    let in_run = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b' ' | b'-' | b'.' | 0xc2 | 0xa0);
    let start = text[..at].iter().rposition(|b| !in_run(b)).map_or(0, |p| p + 1);
    let end = text[at..].iter().position(|b| !in_run(b)).map_or(text.len(), |p| at + p);
    let skip = text[start..end].iter().position(u8::is_ascii_digit).unwrap_or(end - start);
    start + skip..end
}

pub(super) fn count_digits(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| byte.is_ascii_digit()).count()
}

const _: () =
    assert!(RUN == 1 + 1 + 2 + 4 + 5, "the shifts in `in_a_row_of_13` add up to a run of that many");
