//! The filter with AVX2: 32 positions at a time, two times. The only unsafe code of the layer.
#![allow(unsafe_code, reason = "vector loads and the call into code compiled for AVX2; both argued in place")]

use std::arch::x86_64::*;

use super::{BLOCK, DIGIT, GAP, LETTER, Marks, Masks, SIGN, SIGN_AT, SIGN_CODE, Seen, Tables, WIDE_GAP};

/// As `Tables::padded_plainly`. Call only where `Tables::avx2` says so.
pub(super) fn padded(tables: &Tables, bytes: &[u8], blocks: usize, to: &mut Vec<u32>) -> Seen {
    // SAFETY: `Tables::new` has asked the processor for AVX2, and this is reached only if it has it.
    unsafe { each_block(tables, bytes, blocks, to) }
}

#[target_feature(enable = "avx2")]
fn each_block(tables: &Tables, bytes: &[u8], blocks: usize, to: &mut Vec<u32>) -> Seen {
    let twice = |table: &[u8; 16]| _mm256_broadcastsi128_si256(load16(table));
    let sets = tables.stem.each_ref().map(|set| set.each_ref().map(|[low, high]| [twice(low), twice(high)]));
    let class = [twice(&tables.class[0]), twice(&tables.class[1])];
    let nibble = _mm256_set1_epi8(0x0f);
    let nibbles = |bytes: __m256i| {
        [_mm256_and_si256(bytes, nibble), _mm256_and_si256(_mm256_srli_epi16(bytes, 4), nibble)]
    };
    let look = |table: [__m256i; 2], nibbles: [__m256i; 2]| {
        _mm256_and_si256(_mm256_shuffle_epi8(table[0], nibbles[0]), _mm256_shuffle_epi8(table[1], nibbles[1]))
    };
    let zero = _mm256_setzero_si256();
    let bits = |mask: __m256i| u64::from(_mm256_movemask_epi8(mask) as u32);
    // Of classes below the uppermost bit, since it compares with signs.
    let of = |class: __m256i, wanted: u8| {
        bits(_mm256_cmpgt_epi8(_mm256_and_si256(class, _mm256_set1_epi8(wanted as i8)), zero))
    };
    const _: () = assert!(DIGIT == 1 << 7, "the class of digits is the bit that `movemask` takes");

    let mut marks = Marks::default();
    let (mut odd, mut quoted) = (zero, zero);
    for block in 0..blocks {
        let mut masks = Masks::default();
        for half in [0, BLOCK / 2] {
            let at = block * BLOCK + half;
            let now = load32(bytes, at);
            let first = nibbles(now);
            let second = nibbles(load32(bytes, at + 1));
            let third = nibbles(load32(bytes, at + 2));
            let fourth = nibbles(load32(bytes, at + 3));
            let classes = look(class, first);
            let begins = |set: [[__m256i; 2]; 4]| {
                _mm256_and_si256(
                    _mm256_and_si256(look(set[0], first), look(set[1], second)),
                    _mm256_and_si256(look(set[2], third), look(set[3], fourth)),
                )
            };
            let none = _mm256_cmpeq_epi8(_mm256_or_si256(begins(sets[0]), begins(sets[1])), zero);
            // Signed: bytes from 0x80 on are below 0x20 too.
            let control = _mm256_cmpgt_epi8(_mm256_set1_epi8(0x20), now);
            let quote = _mm256_cmpeq_epi8(now, _mm256_set1_epi8(b'"' as i8));
            let backslash = _mm256_cmpeq_epi8(now, _mm256_set1_epi8(b'\\' as i8));
            let delete = _mm256_cmpeq_epi8(now, _mm256_set1_epi8(0x7f));
            odd = _mm256_or_si256(odd, _mm256_or_si256(control, _mm256_or_si256(backslash, delete)));
            quoted = _mm256_or_si256(quoted, quote);
            masks.stem |= (bits(none) ^ u64::from(u32::MAX)) << half;
            masks.sign |= of(classes, SIGN | SIGN_AT | SIGN_CODE) << half;
            masks.digit |= bits(classes) << half;
            masks.gap |= of(classes, GAP | WIDE_GAP) << half;
            masks.letter |= of(classes, LETTER) << half;
        }
        masks.stem = tables.begin_a_stem(masks.stem, &bytes[block * BLOCK..]);
        marks.push(masks, block, to);
    }
    let odd = _mm256_testz_si256(odd, odd) == 0;
    Seen { plain: !odd && _mm256_testz_si256(quoted, quoted) == 1, odd }
}

#[target_feature(enable = "avx2")]
fn load32(bytes: &[u8], at: usize) -> __m256i {
    let block = &bytes[at..at + BLOCK / 2];
    // SAFETY: the slice has 32 bytes, and the load asks for no alignment.
    unsafe { _mm256_loadu_si256(block.as_ptr().cast()) }
}

#[target_feature(enable = "avx2")]
fn load16(table: &[u8; 16]) -> __m128i {
    // SAFETY: the array has 16 bytes, and the load asks for no alignment.
    unsafe { _mm_loadu_si128(table.as_ptr().cast()) }
}
