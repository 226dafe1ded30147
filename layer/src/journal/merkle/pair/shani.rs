//! SHA-256 with the processor's unit for it, over two messages at a time. With
//! `redact/scan/filter/avx2.rs` the only unsafe code of the layer.
#![allow(unsafe_code, reason = "the call into code compiled for the unit, argued in place")]

use std::arch::x86_64::*;

pub(super) type Block = [u8; 64];

/// This processor has the instructions: there is a value of this type nowhere else.
#[derive(Clone, Copy)]
pub(super) struct Unit(());

impl Unit {
    pub(super) fn of_this_processor() -> Option<Unit> {
        let has = is_x86_feature_detected!("sha")
            && is_x86_feature_detected!("sse4.1")
            && is_x86_feature_detected!("ssse3");
        has.then_some(Unit(()))
    }

    /// Adds `n` blocks to each of two messages.
    pub(super) fn compress<'b>(
        self,
        states: &mut [State; 2],
        n: usize,
        blocks: impl Fn(usize) -> [&'b Block; 2],
    ) {
        // SAFETY: `self` was made by `of_this_processor`, which has asked the processor for all that this is compiled for.
        unsafe { compress(states, n, blocks) }
    }
}

/// What SHA-256 has of a message so far, in the order that the instructions want: F, E, B, A and H, G, D, C.
pub(super) struct State {
    feba: [u32; 4],
    hgdc: [u32; 4],
}

impl State {
    pub(super) fn new() -> State {
        let [a, b, c, d, e, f, g, h] = START;
        State { feba: [f, e, b, a], hgdc: [h, g, d, c] }
    }

    pub(super) fn hash(&self) -> [u8; 32] {
        let State { feba: [f, e, b, a], hgdc: [h, g, d, c] } = *self;
        let mut hash = [0; 32];
        for (to, word) in hash.as_chunks_mut().0.iter_mut().zip([a, b, c, d, e, f, g, h]) {
            *to = word.to_be_bytes();
        }
        hash
    }
}

#[target_feature(enable = "sha,sse2,ssse3,sse4.1")]
fn compress<'b>(states: &mut [State; 2], n: usize, blocks: impl Fn(usize) -> [&'b Block; 2]) {
    let [mut a, mut b] = [Running::of(&states[0]), Running::of(&states[1])];
    for [block, block_of_other] in (0..n).map(blocks) {
        let (mut words, mut words_of_other) = (schedule(block), schedule(block_of_other));
        let (a_before, b_before) = (a, b);
        // One lane's instructions run while the other's wait.
        macro_rules! rounds {
            ($($at:literal)*) => {$(
                a.four_rounds::<$at>(&mut words);
                b.four_rounds::<$at>(&mut words_of_other);
            )*};
        }
        rounds!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15);
        a.add(a_before);
        b.add(b_before);
    }
    *states = [a.state(), b.state()];
}

/// A state in registers.
#[derive(Clone, Copy)]
struct Running {
    feba: __m128i,
    hgdc: __m128i,
}

impl Running {
    #[inline]
    #[target_feature(enable = "sha,sse2,ssse3,sse4.1")]
    fn of(state: &State) -> Running {
        Running { feba: vector(state.feba), hgdc: vector(state.hgdc) }
    }

    #[inline]
    #[target_feature(enable = "sha,sse2,ssse3,sse4.1")]
    fn state(self) -> State {
        State { feba: array(self.feba), hgdc: array(self.hgdc) }
    }

    /// Rounds `4 * AT` to `4 * AT + 3`. `words` holds the last sixteen words of the schedule, each four at their place.
    #[inline]
    #[target_feature(enable = "sha,sse2,ssse3,sse4.1")]
    fn four_rounds<const AT: usize>(&mut self, words: &mut [__m128i; 4]) {
        let [now, next, third, last] = [AT % 4, (AT + 1) % 4, (AT + 2) % 4, (AT + 3) % 4];
        if AT >= 4 {
            let early = _mm_sha256msg1_epu32(words[now], words[next]);
            let middle = _mm_alignr_epi8::<4>(words[last], words[third]);
            words[now] = _mm_sha256msg2_epu32(_mm_add_epi32(early, middle), words[last]);
        }
        let two = _mm_add_epi32(words[now], vector(K[AT]));
        self.hgdc = _mm_sha256rnds2_epu32(self.hgdc, self.feba, two);
        let two = _mm_shuffle_epi32::<0b_00_00_11_10>(two);
        self.feba = _mm_sha256rnds2_epu32(self.feba, self.hgdc, two);
    }

    #[inline]
    #[target_feature(enable = "sha,sse2,ssse3,sse4.1")]
    fn add(&mut self, before: Running) {
        self.feba = _mm_add_epi32(self.feba, before.feba);
        self.hgdc = _mm_add_epi32(self.hgdc, before.hgdc);
    }
}

/// The lowest word first.
#[inline]
#[target_feature(enable = "sha,sse2,ssse3,sse4.1")]
fn vector(words: [u32; 4]) -> __m128i {
    let [a, b, c, d] = words.map(u32::cast_signed);
    _mm_set_epi32(d, c, b, a)
}

#[inline]
#[target_feature(enable = "sha,sse2,ssse3,sse4.1")]
fn array(of: __m128i) -> [u32; 4] {
    let words = [
        _mm_extract_epi32::<0>(of),
        _mm_extract_epi32::<1>(of),
        _mm_extract_epi32::<2>(of),
        _mm_extract_epi32::<3>(of),
    ];
    words.map(i32::cast_unsigned)
}

/// The block's sixteen words, the first of each four lowest.
#[inline]
#[target_feature(enable = "sha,sse2,ssse3,sse4.1")]
fn schedule(block: &Block) -> [__m128i; 4] {
    let swap = _mm_set_epi64x(0x0c0d_0e0f_0809_0a0b, 0x0405_0607_0001_0203);
    let word = |at: usize| i64::from_le_bytes(*block[at..].first_chunk().expect("a block has 64 bytes"));
    [0, 16, 32, 48].map(|at| _mm_shuffle_epi8(_mm_set_epi64x(word(at + 8), word(at)), swap))
}

/// FIPS 180-4, section 5.3.3.
const START: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

/// FIPS 180-4, section 4.2.2, four rounds a row.
const K: [[u32; 4]; 16] = [
    [0x428a_2f98, 0x7137_4491, 0xb5c0_fbcf, 0xe9b5_dba5],
    [0x3956_c25b, 0x59f1_11f1, 0x923f_82a4, 0xab1c_5ed5],
    [0xd807_aa98, 0x1283_5b01, 0x2431_85be, 0x550c_7dc3],
    [0x72be_5d74, 0x80de_b1fe, 0x9bdc_06a7, 0xc19b_f174],
    [0xe49b_69c1, 0xefbe_4786, 0x0fc1_9dc6, 0x240c_a1cc],
    [0x2de9_2c6f, 0x4a74_84aa, 0x5cb0_a9dc, 0x76f9_88da],
    [0x983e_5152, 0xa831_c66d, 0xb003_27c8, 0xbf59_7fc7],
    [0xc6e0_0bf3, 0xd5a7_9147, 0x06ca_6351, 0x1429_2967],
    [0x27b7_0a85, 0x2e1b_2138, 0x4d2c_6dfc, 0x5338_0d13],
    [0x650a_7354, 0x766a_0abb, 0x81c2_c92e, 0x9272_2c85],
    [0xa2bf_e8a1, 0xa81a_664b, 0xc24b_8b70, 0xc76c_51a3],
    [0xd192_e819, 0xd699_0624, 0xf40e_3585, 0x106a_a070],
    [0x19a4_c116, 0x1e37_6c08, 0x2748_774c, 0x34b0_bcb5],
    [0x391c_0cb3, 0x4ed8_aa4a, 0x5b9c_ca4f, 0x682e_6ff3],
    [0x748f_82ee, 0x78a5_636f, 0x84c8_7814, 0x8cc7_0208],
    [0x90be_fffa, 0xa450_6ceb, 0xbef9_a3f7, 0xc671_78f2],
];
