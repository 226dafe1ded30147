//! The filter with AVX2: 32 positions at a time, two times. With `journal/merkle/pair/shani.rs` the only unsafe code of
//! the layer.
#![allow(unsafe_code, reason = "vector loads and the call into code compiled for AVX2; both argued in place")]

use std::arch::x86_64::*;
use std::hint::black_box;

use super::{
    BEHIND, BLOCK, DIGIT, GAP, JOINT, LETTER, Marks, Masks, SIGN, SIGN_CODE, Seen, Tables, WIDE_GAP,
};

/// As `Tables::padded_plainly`. Call only where `Tables::avx2` says so.
pub(super) fn padded(tables: &Tables, bytes: &[u8], blocks: usize, to: &mut Vec<u32>) -> Seen {
    // SAFETY: `Tables::new` has asked the processor for AVX2, and this is reached only if it has it.
    unsafe { each_block(tables, bytes, blocks, to) }
}

#[target_feature(enable = "avx2")]
fn each_block(tables: &Tables, bytes: &[u8], blocks: usize, to: &mut Vec<u32>) -> Seen {
    let mut marks = Marks::default();
    let mut oddities = Oddities { odd: _mm256_setzero_si256(), quoted: _mm256_setzero_si256() };
    for block in 0..blocks {
        // Tables that the compiler takes out of the loop do not fit into registers: two copies for a few blocks.
        let tables = black_box(tables);
        let bytes = bytes[block * BLOCK..].first_chunk().expect("the buffer is padded by more than that");
        let low = half::<0>(tables, bytes, &mut oddities);
        let high = half::<{ BLOCK / 2 }>(tables, bytes, &mut oddities);
        let join = |low: u32, high: u32| u64::from(low) | u64::from(high) << (BLOCK / 2);
        let masks = Masks {
            stem: tables.begin_a_stem(join(low.stem, high.stem), bytes),
            sign: join(low.sign, high.sign),
            digit: join(low.digit, high.digit),
            gap: join(low.gap, high.gap),
            letter: join(low.letter, high.letter),
            joint: join(low.joint, high.joint),
        };
        marks.push(masks, block, to);
    }
    let Oddities { odd, quoted } = oddities;
    let odd = _mm256_testz_si256(odd, odd) == 0;
    Seen { plain: !odd && _mm256_testz_si256(quoted, quoted) == 1, odd }
}

/// A block, and what its last positions reach into.
type Padded = [u8; BLOCK + BEHIND];

/// Where anything stands that cannot be written as it is.
struct Oddities {
    odd: __m256i,
    quoted: __m256i,
}

/// What 32 positions are.
struct Half {
    stem: u32,
    sign: u32,
    digit: u32,
    gap: u32,
    letter: u32,
    joint: u32,
}

#[inline]
#[target_feature(enable = "avx2")]
fn half<const AT: usize>(tables: &Tables, bytes: &Padded, oddities: &mut Oddities) -> Half {
    let now = load(bytes, AT);
    let first = nibbles(now);
    let second = nibbles(load(bytes, AT + 1));
    let third = nibbles(load(bytes, AT + 2));
    let fourth = nibbles(load(bytes, AT + 3));
    let mut stems = _mm256_setzero_si256();
    for set in &tables.stem {
        let start = _mm256_and_si256(look(&set[0], first), look(&set[1], second));
        let end = _mm256_and_si256(look(&set[2], third), look(&set[3], fourth));
        stems = _mm256_or_si256(stems, _mm256_and_si256(start, end));
    }
    let zero = _mm256_setzero_si256();
    let none = _mm256_cmpeq_epi8(stems, zero);
    // Signed: bytes from 0x80 on are below 0x20 too.
    let control = _mm256_cmpgt_epi8(_mm256_set1_epi8(0x20), now);
    let quote = _mm256_cmpeq_epi8(now, _mm256_set1_epi8(b'"' as i8));
    let backslash = _mm256_cmpeq_epi8(now, _mm256_set1_epi8(b'\\' as i8));
    let delete = _mm256_cmpeq_epi8(now, _mm256_set1_epi8(0x7f));
    oddities.odd =
        _mm256_or_si256(oddities.odd, _mm256_or_si256(control, _mm256_or_si256(backslash, delete)));
    oddities.quoted = _mm256_or_si256(oddities.quoted, quote);
    let at_sign = _mm256_cmpeq_epi8(now, _mm256_set1_epi8(b'@' as i8));
    let classes = look(&tables.class, first);
    // Of classes below the uppermost bit, since it compares with signs.
    let any_of =
        |wanted: u8| _mm256_cmpgt_epi8(_mm256_and_si256(classes, _mm256_set1_epi8(wanted as i8)), zero);
    let of = |wanted: u8| _mm256_movemask_epi8(any_of(wanted)) as u32;
    const _: () = assert!(DIGIT == 1 << 7, "the class of digits is the bit that `movemask` takes");
    Half {
        stem: !(_mm256_movemask_epi8(none) as u32),
        sign: _mm256_movemask_epi8(_mm256_or_si256(any_of(SIGN | SIGN_CODE), at_sign)) as u32,
        digit: _mm256_movemask_epi8(classes) as u32,
        gap: of(GAP | WIDE_GAP),
        letter: of(LETTER),
        joint: of(JOINT),
    }
}

#[inline]
#[target_feature(enable = "avx2")]
fn nibbles(bytes: __m256i) -> [__m256i; 2] {
    let nibble = _mm256_set1_epi8(0x0f);
    [_mm256_and_si256(bytes, nibble), _mm256_and_si256(_mm256_srli_epi16(bytes, 4), nibble)]
}

#[inline]
#[target_feature(enable = "avx2")]
fn look(table: &[[u8; 32]; 2], nibbles: [__m256i; 2]) -> __m256i {
    let [low, high] = [load(&table[0], 0), load(&table[1], 0)];
    _mm256_and_si256(_mm256_shuffle_epi8(low, nibbles[0]), _mm256_shuffle_epi8(high, nibbles[1]))
}

#[inline]
#[target_feature(enable = "avx2")]
fn load(bytes: &[u8], at: usize) -> __m256i {
    let bytes = &bytes[at..at + 32];
    // SAFETY: the slice has 32 bytes, and the load asks for no alignment.
    unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) }
}
