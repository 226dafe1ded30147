//! Randomness that a failure message can name.

/// A generator that a number repeats: splitmix64 (Steele, Lea and Flood, 2014). For tests only.
#[derive(Clone, Debug)]
pub struct Seed(u64);

impl Seed {
    /// The same values for the same number.
    pub fn new(seed: u64) -> Seed {
        Seed(seed)
    }

    /// 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Less than `end`, which is not 0.
    pub fn below(&mut self, end: usize) -> usize {
        (self.bits() % end as u64) as usize
    }

    /// One of several, which are not none.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    /// So many characters of an alphabet in ASCII.
    pub fn text(&mut self, alphabet: &[u8], len: usize) -> String {
        (0..len).map(|_| char::from(*self.pick(alphabet))).collect()
    }

    /// So many decimal digits.
    pub fn digits(&mut self, len: usize) -> String {
        self.text(b"0123456789", len)
    }
}
