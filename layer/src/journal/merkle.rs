//! The Merkle tree of a log (RFC 6962, section 2.1), over SHA-256.
//!
//! A leaf is a line as it stands in the file, without its newline. The tree is never held whole: to go on with it, the
//! roots of its perfect subtrees are enough, one for each bit that is set in its size.

mod pair;
pub mod proof;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

/// A leaf's or a node's hash.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// Of one line, without its newline.
    pub fn leaf(line: &[u8]) -> Hash {
        Hash(Sha256::new_with_prefix([LEAF]).chain_update(line).finalize().into())
    }

    /// Of two subtrees, the left one first.
    pub fn node(left: Hash, right: Hash) -> Hash {
        // One buffer, one block and a half: a third faster than three updates.
        let mut both = [NODE; 65];
        both[1..].copy_from_slice(&join(&left, &right));
        Hash(Sha256::digest(both).into())
    }

    /// Of no leaf at all.
    pub fn empty() -> Hash {
        Hash(Sha256::digest([]).into())
    }

    /// The hash as text: base64 with padding, 44 characters, as in C2SP checkpoints.
    pub fn to_text(self) -> String {
        STANDARD.encode(self.0)
    }

    /// Reads [`Hash::to_text`]. Only that one form of a hash is accepted.
    pub fn from_text(text: &str) -> Option<Hash> {
        STANDARD.decode(text).ok()?.try_into().ok().map(Hash)
    }
}

/// The first byte of what a leaf is the hash of.
const LEAF: u8 = 0;
/// And of what a node is.
const NODE: u8 = 1;

/// The other bytes of what a node is the hash of.
fn join(left: &Hash, right: &Hash) -> [u8; 64] {
    let mut both = [0; 64];
    both[..32].copy_from_slice(&left.0);
    both[32..].copy_from_slice(&right.0);
    both
}

/// The lines of some bytes, without their newlines.
pub(crate) fn lines(mut bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let end = memchr::memchr(b'\n', bytes).or((!bytes.is_empty()).then_some(bytes.len()))?;
        let (line, rest) = bytes.split_at(end);
        bytes = rest.get(1..).unwrap_or_default();
        Some(line)
    })
}

/// Appends the hash of each line of some bytes.
pub(crate) fn leaves(bytes: &[u8], to: &mut Vec<Hash>) {
    pair::leaves(lines(bytes), to);
}

impl std::fmt::Debug for Hash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.to_text())
    }
}

impl std::fmt::Display for Hash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.to_text())
    }
}

impl serde::Serialize for Hash {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.to_text())
    }
}

impl<'de> serde::Deserialize<'de> for Hash {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Hash, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(from)?;
        Hash::from_text(&text)
            .ok_or_else(|| serde::de::Error::custom("expected a SHA-256 hash in base64, 44 characters"))
    }
}

/// A tree that grows at its end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    size: u64,
    /// Roots of the perfect subtrees that the leaves divide into, the largest and oldest first.
    peaks: Vec<Hash>,
}

impl Tree {
    /// A tree without a leaf.
    pub fn new() -> Tree {
        Tree::default()
    }

    /// So many leaves.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Adds a leaf's hash.
    pub fn push(&mut self, leaf: Hash) {
        self.grow(0, leaf);
        self.size += 1;
    }

    /// Adds the hashes of leaves, in their order: as if each were pushed, and faster.
    pub(crate) fn extend(&mut self, leaves: &[Hash]) {
        // All that is new in the tree, level by level, the leaves first.
        let mut level = leaves.to_vec();
        let mut above = Vec::with_capacity(leaves.len() / 2 + 1);
        let mut left_of = self.peaks.len();
        let mut size = self.size;
        while !level.is_empty() {
            if size % 2 == 1 {
                left_of -= 1;
                level.insert(0, self.peaks.remove(left_of));
            }
            pair::nodes(&level, &mut above);
            if level.len() % 2 == 1
                && let Some(peak) = level.pop()
            {
                self.peaks.insert(left_of, peak);
            }
            std::mem::swap(&mut level, &mut above);
            above.clear();
            size /= 2;
        }
        self.size += leaves.len() as u64;
    }

    /// Adds the root of a perfect subtree of `2^height` leaves that are not at hand. Whether it is one is for the tree's own root
    /// to tell. `false`, and nothing added, if no such subtree can begin here.
    pub(crate) fn push_subtree(&mut self, height: u32, root: Hash) -> bool {
        let Some(leaves) = 1_u64.checked_shl(height) else { return false };
        let Some(size) = self.size.checked_add(leaves).filter(|_| self.size.is_multiple_of(leaves)) else {
            return false;
        };
        self.grow(height, root);
        self.size = size;
        true
    }

    /// Puts a peak of this height behind the others.
    fn grow(&mut self, height: u32, peak: Hash) {
        let mut hash = peak;
        // Each trailing one of what is left of the size is a peak as high as what stands before it.
        for _ in 0..(self.size >> height).trailing_ones() {
            if let Some(left) = self.peaks.pop() {
                hash = Hash::node(left, hash);
            }
        }
        self.peaks.push(hash);
    }

    /// Adds every line of some bytes, each of which ends with a newline.
    pub fn push_lines(&mut self, lines: &[u8]) {
        let mut lines = self::lines(lines);
        let mut leaves = Vec::new();
        loop {
            pair::leaves(lines.by_ref().take(TOGETHER), &mut leaves);
            if leaves.is_empty() {
                return;
            }
            self.extend(&leaves);
            leaves.clear();
        }
    }

    /// The hash of the whole tree.
    pub fn root(&self) -> Hash {
        let mut peaks = self.peaks.iter().rev().copied();
        let Some(last) = peaks.next() else { return Hash::empty() };
        peaks.fold(last, |right, left| Hash::node(left, right))
    }
}

/// Lines whose hashes are held at the same time: 32 KiB.
const TOGETHER: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition in RFC 6962, word for word: slow, and plainly right.
    fn by_definition(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => Hash::empty(),
            [leaf] => *leaf,
            _ => {
                let split = leaves.len().next_power_of_two() / 2;
                Hash::node(by_definition(&leaves[..split]), by_definition(&leaves[split..]))
            }
        }
    }

    #[test]
    fn every_size_has_the_root_of_the_definition() {
        let leaves: Vec<Hash> = (0..300_u32).map(|n| Hash::leaf(&n.to_be_bytes())).collect();
        let mut tree = Tree::new();
        assert_eq!(tree.root(), by_definition(&[]));
        for (index, leaf) in leaves.iter().enumerate() {
            tree.push(*leaf);
            assert_eq!(tree.root(), by_definition(&leaves[..=index]), "of {} leaves", index + 1);
            assert_eq!(tree.size(), index as u64 + 1);
        }
    }

    #[test]
    fn a_subtree_stands_for_its_leaves_where_one_can_begin() {
        let leaves: Vec<Hash> = (0..64_u32).map(|n| Hash::leaf(&n.to_be_bytes())).collect();
        for at in 0..40_usize {
            for height in 0..5_u32 {
                let n = 1_usize << height;
                let (mut plain, mut cut) = (Tree::new(), Tree::new());
                leaves[..at + n].iter().for_each(|leaf| plain.push(*leaf));
                leaves[..at].iter().for_each(|leaf| cut.push(*leaf));
                let fits = cut.push_subtree(height, by_definition(&leaves[at..at + n]));
                assert_eq!(fits, at % n == 0, "{n} leaves at {at}");
                if fits {
                    assert_eq!(cut, plain, "{n} leaves at {at}");
                }
            }
        }
        assert!(!Tree::new().push_subtree(64, Hash::empty()));
    }

    /// The figures that certificate-transparency-go tests with, as hexadecimal digits.
    #[test]
    fn the_roots_are_those_of_other_logs() {
        let inputs: [&[u8]; 8] = [
            b"",
            b"\x00",
            b"\x10",
            b"\x20\x21",
            b"\x30\x31",
            b"\x40\x41\x42\x43",
            b"\x50\x51\x52\x53\x54\x55\x56\x57",
            b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
        ];
        let mut tree = Tree::new();
        let hexadecimal = |hash: Hash| hash.0.iter().map(|b| format!("{b:02x}")).collect::<String>();
        assert_eq!(
            hexadecimal(tree.root()),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
        for input in inputs {
            tree.push(Hash::leaf(input));
        }
        assert_eq!(
            hexadecimal(tree.root()),
            "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"
        );
    }

    #[test]
    fn leaves_that_come_together_make_the_same_tree() {
        let leaves: Vec<Hash> = (0..40_u32).map(|n| Hash::leaf(&n.to_be_bytes())).collect();
        for first in 0..=leaves.len() {
            for second in first..=leaves.len() {
                let (mut plain, mut tree) = (Tree::new(), Tree::new());
                leaves[..second].iter().for_each(|leaf| plain.push(*leaf));
                tree.extend(&leaves[..first]);
                tree.extend(&leaves[first..second]);
                assert_eq!(tree, plain, "{first} leaves, then up to {second}");
            }
        }
    }

    #[test]
    fn more_lines_than_are_held_make_the_same_tree() {
        let text: String = (0..TOGETHER * 2 + 3).map(|n| format!("{{\"n\":{n}}}\n")).collect();
        let (mut together, mut alone) = (Tree::new(), Tree::new());
        together.push_lines(text.as_bytes());
        text.lines().for_each(|line| alone.push(Hash::leaf(line.as_bytes())));
        assert_eq!(together, alone);
    }

    #[test]
    fn lines_are_leaves_without_their_newline() {
        let (mut lines, mut leaves) = (Tree::new(), Tree::new());
        lines.push_lines(b"{}\n{\"a\":1}\n");
        leaves.push(Hash::leaf(b"{}"));
        leaves.push(Hash::leaf(b"{\"a\":1}"));
        assert_eq!(lines, leaves);
        lines.push_lines(b"\n\nno end");
        for line in ["", "", "no end"] {
            leaves.push(Hash::leaf(line.as_bytes()));
        }
        assert_eq!(lines, leaves);
    }

    #[test]
    fn a_hash_has_one_text() {
        let hash = Hash::leaf(b"x");
        assert_eq!(Hash::from_text(&hash.to_text()), Some(hash));
        // The last character before the padding holds two bits that say nothing; they must be zero.
        let mut other = hash.to_text().into_bytes();
        let last = other.len() - 2;
        other[last] += 1;
        assert_eq!(Hash::from_text(std::str::from_utf8(&other).unwrap()), None);
        assert_eq!(Hash::from_text(hash.to_text().trim_end_matches('=')), None);
    }
}
