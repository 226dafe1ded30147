//! A first look at names that cannot hide anything, without folding them.

/// The first three letters of everything the tables know, as a set: 4 KiB.
#[derive(Clone, Debug)]
pub(super) struct Quick {
    firsts: Box<[u64; SLOTS / 64]>,
}

impl Quick {
    /// `texts` are folded: ASCII letters alone, or not worth a bit, since names that are not ASCII are never quick.
    pub(super) fn new<'a>(texts: impl Iterator<Item = Vec<&'a str>>) -> Quick {
        let mut firsts = Box::new([0u64; SLOTS / 64]);
        let mut add = |slot: usize| firsts[slot / 64] |= 1 << (slot % 64);
        for words in texts {
            let letters = words.iter().flat_map(|word| word.bytes());
            let first: Vec<usize> = letters.take(3).map(|letter| usize::from(letter & 31)).collect();
            match first[..] {
                [a, b, c] => add(a << 10 | b << 5 | c),
                // Whatever follows it, or nothing.
                [a, b] => (0..32).for_each(|c| add(a << 10 | b << 5 | c)),
                _ => {}
            }
        }
        Quick { firsts }
    }

    /// Whether no table can match `name`. Never true of a name that one matches.
    pub(super) fn is_harmless(&self, name: &str) -> bool {
        let mut three = 0;
        for &byte in name.as_bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' => {
                    three = (three << 5 | usize::from(byte & 31)) & (SLOTS - 1);
                    if self.firsts[three / 64] >> (three % 64) & 1 == 1 {
                        return false;
                    }
                }
                0x80.. => return false,
                _ => {}
            }
        }
        // Two letters may end the name.
        let last = three << 5 & (SLOTS - 1);
        self.firsts[last / 64] >> (last % 64) & 1 == 0
    }
}

/// Three letters of five bits.
const SLOTS: usize = 1 << 15;

/// How texts in any script begin, as a set of their first three bytes: nearly all that is looked at begins otherwise.
#[derive(Clone, Debug)]
pub(super) struct Starts([u64; STARTS / 64]);

impl Starts {
    pub(super) fn new<'a>(texts: impl Iterator<Item = &'a [u8]>) -> Starts {
        let mut starts = Starts([0; STARTS / 64]);
        for text in texts {
            match Starts::slot(text) {
                Some(slot) => starts.0[slot / 64] |= 1 << (slot % 64),
                // Too short to be told by three.
                None => starts.0 = [u64::MAX; STARTS / 64],
            }
        }
        starts
    }

    /// False if none of the texts stands at the start of `rest`.
    pub(super) fn may_be(&self, rest: &[u8]) -> bool {
        Starts::slot(rest).is_some_and(|slot| self.0[slot / 64] >> (slot % 64) & 1 == 1)
    }

    /// Of what is shorter none.
    fn slot(text: &[u8]) -> Option<usize> {
        let [a, b, c] = *text.first_chunk()?;
        let three = u32::from_le_bytes([a, b, c, 0]);
        Some((three.wrapping_mul(0x9e37_79b1) >> 20) as usize)
    }
}

/// As many as a slot of twelve bits tells apart.
const STARTS: usize = 1 << 12;
