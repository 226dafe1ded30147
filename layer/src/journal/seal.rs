//! The seal: the line that ends a group commit, and signs everything before it in its file.
//!
//! ```text
//! {"seal":{"size":4711,"root":"<base64>","sig":"<base64>"}}
//! ```
//!
//! `size` is the number of lines before it, `root` the root of the tree over them. The seal is a line like any other:
//! a leaf of the tree that the next seal signs, so that no seal can be taken out either.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::key::{Public, Signer};
use super::merkle::{Hash, Tree};

/// A seal as it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seal {
    /// Lines before it.
    pub size: u64,
    /// The root over them.
    pub root: Hash,
    signature: [u8; 64],
}

impl Seal {
    /// Seals a tree as it is now.
    pub fn new(signer: &Signer, origin: &str, tree: &Tree) -> Seal {
        let (size, root) = (tree.size(), tree.root());
        Seal { size, root, signature: signer.sign(&message(origin, size, root)) }
    }

    /// The line with its newline.
    pub fn line(&self) -> String {
        format!(
            "{PREFIX}{},\"root\":\"{}\",\"sig\":\"{}\"}}}}\n",
            self.size,
            self.root,
            STANDARD.encode(self.signature)
        )
    }

    /// Whether a line is, or means to be, a seal. No record can begin like this: a record's first key is `v`.
    pub fn is(line: &[u8]) -> bool {
        line.starts_with(b"{\"seal\":")
    }

    /// Reads a line, with or without its newline. A seal has one form; nothing else is read as one.
    pub fn parse(line: &[u8]) -> Option<Seal> {
        let text = std::str::from_utf8(line).ok()?;
        let text = text.strip_suffix('\n').unwrap_or(text);
        let (size, rest) = text.strip_prefix(PREFIX)?.split_once(",\"root\":\"")?;
        let (root, rest) = rest.split_once("\",\"sig\":\"")?;
        let signature = STANDARD.decode(rest.strip_suffix("\"}}")?).ok()?.try_into().ok()?;
        let seal = Seal { size: size.parse().ok()?, root: Hash::from_text(root)?, signature };
        (seal.line().trim_end() == text).then_some(seal)
    }

    /// Whether this key signed it for the log of this origin.
    pub fn is_signed(&self, key: &Public, origin: &str) -> bool {
        key.verifies(&message(origin, self.size, self.root), &self.signature)
    }

    /// Whether it is about this tree.
    pub fn covers(&self, tree: &Tree) -> bool {
        self.size == tree.size() && self.root == tree.root()
    }
}

/// What is signed. The zero byte keeps it apart from every note: those are text.
fn message(origin: &str, size: u64, root: Hash) -> Vec<u8> {
    format!("dihya seal v1\0{origin}\n{size}\n{root}\n").into_bytes()
}

const PREFIX: &str = "{\"seal\":{\"size\":";

/// Bytes of a seal's line at most, with its newline.
pub const SEAL_MAX: usize =
    PREFIX.len() + 20 + ",\"root\":\"".len() + 44 + "\",\"sig\":\"".len() + 88 + "\"}}\n".len();

#[cfg(test)]
mod tests {
    use super::*;

    const ORIGIN: &str = "clinic/-/audit/2026-11-20";

    fn tree() -> Tree {
        let mut tree = Tree::new();
        tree.push_lines(b"one\ntwo\nthree\n");
        tree
    }

    fn signer() -> Signer {
        Signer::from_seed(&[7; 32])
    }

    #[test]
    fn a_seal_is_read_back_as_it_was_written() {
        let seal = Seal::new(&signer(), ORIGIN, &tree());
        assert_eq!(Seal::parse(seal.line().as_bytes()), Some(seal));
        assert!(Seal::is(seal.line().as_bytes()) && seal.covers(&tree()));
        assert!(seal.is_signed(&signer().public(), ORIGIN));
        assert!(Seal { size: u64::MAX, ..seal }.line().len() == SEAL_MAX);
    }

    #[test]
    fn a_seal_is_of_one_log_one_key_and_one_tree() {
        let seal = Seal::new(&signer(), ORIGIN, &tree());
        assert!(!seal.is_signed(&signer().public(), "clinic/-/audit/2026-11-21"));
        assert!(!seal.is_signed(&Signer::from_seed(&[8; 32]).public(), ORIGIN));
        let mut longer = tree();
        longer.push_lines(b"four\n");
        assert!(!seal.covers(&longer));
    }

    #[test]
    fn no_bit_of_a_seal_can_be_flipped() {
        let line = Seal::new(&signer(), ORIGIN, &tree()).line().into_bytes();
        for bit in 0..(line.len() - 1) * 8 {
            let mut flipped = line.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let holds = Seal::parse(&flipped)
                .is_some_and(|seal| seal.covers(&tree()) && seal.is_signed(&signer().public(), ORIGIN));
            assert!(!holds, "bit {bit} is not covered");
        }
    }

    #[test]
    fn a_record_is_no_seal() {
        assert!(!Seal::is(b"{\"v\":1,\"message\":\"{\\\"seal\\\":{\"}"));
        assert_eq!(Seal::parse(b"{\"v\":1}"), None);
    }
}
