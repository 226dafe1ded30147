//! Which stems share a bucket of the nibble tables: together they let through every mixture of their bytes, so those
//! are put together whose mixtures are rare in logs.

use crate::redact::scan::stems::{Stem, swap_case};

/// Four positions of a stem, each by low and by high nibble, twice for the two halves of a vector; bits are buckets.
pub(super) type StemTables = [[[u8; 32]; 2]; 4];

/// Of eight buckets each. With one set, a quarter of ordinary prose would need the second look.
pub(super) const SETS: usize = 2;

/// Which nibbles each bucket takes at each position.
#[derive(Debug)]
pub(super) struct Buckets([Nibbles; 8 * SETS]);

/// Bit `n` of `[low, high]`: the nibble `n` may stand there.
type Nibbles = [[u16; 2]; 4];

impl Buckets {
    pub(super) fn new(stems: &[Stem]) -> Buckets {
        let mut buckets = Buckets([[[0; 2]; 4]; 8 * SETS]);
        let mut heads: Vec<Nibbles> = stems.iter().map(nibbles).collect();
        heads.sort_unstable();
        heads.dedup();
        // The frequent ones first: they choose while there is room to choose.
        heads.sort_by(|a, b| frequency(b).total_cmp(&frequency(a)));
        let mut frequencies = [0.0; 8 * SETS];
        for head in &heads {
            let with_it = buckets.0.map(|bucket| union(&bucket, head));
            let added = |bucket: usize| frequency(&with_it[bucket]) - frequencies[bucket];
            let added: [f64; 8 * SETS] = std::array::from_fn(added);
            let best = (0..added.len()).min_by(|a, b| added[*a].total_cmp(&added[*b])).unwrap_or_default();
            buckets.0[best] = with_it[best];
            frequencies[best] += added[best];
        }
        buckets
    }

    pub(super) fn tables(&self) -> [StemTables; SETS] {
        let mut tables = [[[[0; 32]; 2]; 4]; SETS];
        for (bucket, nibbles) in self.0.iter().enumerate() {
            for (position, halves) in nibbles.iter().enumerate() {
                for (half, taken) in halves.iter().enumerate() {
                    for nibble in (0..16).filter(|nibble| taken >> nibble & 1 == 1) {
                        let table = &mut tables[bucket / 8][position][half];
                        table[nibble] |= 1 << (bucket % 8);
                        table[nibble + 16] |= 1 << (bucket % 8);
                    }
                }
            }
        }
        tables
    }
}

fn nibbles(stem: &Stem) -> Nibbles {
    std::array::from_fn(|position| match stem.text.get(position) {
        Some(byte) => {
            let other = if stem.ignore_case { swap_case(*byte) } else { *byte };
            [1 << (byte & 15) | 1 << (other & 15), 1 << (byte >> 4) | 1 << (other >> 4)]
        }
        None => [u16::MAX; 2],
    })
}

fn union(a: &Nibbles, b: &Nibbles) -> Nibbles {
    std::array::from_fn(|position| [a[position][0] | b[position][0], a[position][1] | b[position][1]])
}

/// How often four bytes of a log get through.
fn frequency(bucket: &Nibbles) -> f64 {
    let of = |[low, high]: &[u16; 2]| -> f64 {
        let rows = (0..8).filter(|row| high >> row & 1 == 1);
        let weights = rows.map(|row: usize| {
            WEIGHTS[row][0][usize::from(low & 0xff)] + WEIGHTS[row][1][usize::from(low >> 8)]
        });
        f64::from(weights.sum::<u16>()) / TOTAL
    };
    bucket.iter().map(of).product()
}

/// By high nibble: the sum of the weights of a set of lower, and of a set of upper low nibbles. A policy is opened
/// with some thousand questions of this kind.
static WEIGHTS: [[[u16; 256]; 2]; 8] = {
    let mut weights = [[[0; 256]; 2]; 8];
    let mut i = 0;
    while i < 8 * 2 * 256 {
        let (row, half, set) = (i >> 9, i >> 8 & 1, i & 0xff);
        let mut bit = 0;
        while bit < 8 {
            if set >> bit & 1 == 1 {
                weights[row][half][set] += weight((row << 4 | half << 3 | bit) as u8);
            }
            bit += 1;
        }
        i += 1;
    }
    weights
};

/// How often a byte stands in a thousand of a log, roughly: letters as in English, and more digits.
const fn weight(byte: u8) -> u16 {
    const LETTERS: [u16; 26] =
        [56, 11, 25, 28, 85, 15, 13, 27, 51, 2, 6, 27, 18, 49, 49, 17, 2, 46, 46, 62, 20, 8, 11, 4, 12, 2];
    match byte {
        b'a'..=b'z' => LETTERS[(byte - b'a') as usize],
        b'A'..=b'Z' => 2 + LETTERS[(byte - b'A') as usize] / 10,
        b'0'..=b'9' => 18,
        b' ' => 80,
        b'-' | b'.' | b'/' | b'_' | b':' | b'|' => 14,
        b'=' | b',' | b'"' => 8,
        b'!'..=b'~' => 2,
        _ => 1,
    }
}

const TOTAL: f64 = 1_000.0;
