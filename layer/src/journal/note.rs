//! Checkpoints: a tree's size and root, signed so that verifiers that are not ours read them.
//!
//! The text is C2SP's [tlog-checkpoint](https://c2sp.org/tlog-checkpoint) in a
//! [signed note](https://c2sp.org/signed-note):
//!
//! ```text
//! clinic/-/audit/2026-11-20
//! 4711
//! nND/nri/U0xuHUrYSy0HtMeal2vzD9V4k/BO79C+QeI=
//!
//! — clinic/-/audit/2026-11-20 <base64 of key id and signature>
//! ```

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::key::{Public, Signer};
use super::merkle::{Hash, Tree};

/// A signed tree head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log it is of.
    pub origin: String,
    /// Leaves.
    pub size: u64,
    /// The hash over them.
    pub root: Hash,
}

impl Checkpoint {
    /// Of a tree as it is now.
    pub fn of(origin: &str, tree: &Tree) -> Checkpoint {
        Checkpoint { origin: origin.into(), size: tree.size(), root: tree.root() }
    }

    /// The note with our signature.
    pub fn sign(&self, signer: &Signer) -> String {
        let text = self.text();
        let name = &self.origin;
        let signature = [&signer.public().id(name)[..], &signer.sign(text.as_bytes())].concat();
        format!("{text}\n— {name} {}\n", STANDARD.encode(signature))
    }

    /// Reads a note and checks our signature under it. Those of others (witnesses) may stand beside it.
    ///
    /// # Errors
    /// What is wrong, for a person.
    pub fn open(note: &str, key: &Public) -> Result<Checkpoint, &'static str> {
        let (text, signatures) = note.split_once("\n\n").ok_or("it is no signed note")?;
        let checkpoint = Checkpoint::parse(text).ok_or("its text is no checkpoint")?;
        let text = format!("{text}\n");
        let id = key.id(&checkpoint.origin);
        let mut named = false;
        for line in signatures.lines() {
            let (name, base64) = line
                .strip_prefix("— ")
                .and_then(|rest| rest.split_once(' '))
                .ok_or("a line of signatures is malformed")?;
            let signature = STANDARD.decode(base64).map_err(|_| "a signature is no base64")?;
            if name != checkpoint.origin || signature.get(..4) != Some(&id) {
                continue;
            }
            named = true;
            let signature: &[u8; 64] =
                signature[4..].try_into().map_err(|_| "the signature has a wrong length")?;
            if !key.verifies(text.as_bytes(), signature) {
                return Err("the signature is not this key's");
            }
        }
        if named { Ok(checkpoint) } else { Err("this key has not signed it") }
    }

    /// Reads what a note says, and checks no signature: for whoever only carries it.
    pub fn read(note: &str) -> Option<Checkpoint> {
        Checkpoint::parse(note.split_once("\n\n")?.0)
    }

    /// The signed text: origin, size, root, each on a line.
    pub fn text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, self.root)
    }

    fn parse(text: &str) -> Option<Checkpoint> {
        let mut lines = text.split('\n');
        let origin = lines.next().filter(|origin| !origin.is_empty())?.to_owned();
        let digits = lines.next()?;
        let size: u64 = digits.parse().ok()?;
        let root = Hash::from_text(lines.next()?)?;
        // "+7" and "007" are numbers to `parse`, and not sizes of a checkpoint. We add no extension lines.
        (digits == size.to_string() && lines.next().is_none()).then_some(Checkpoint { origin, size, root })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checkpoint() -> Checkpoint {
        let mut tree = Tree::new();
        tree.push_lines(b"one\ntwo\nthree\n");
        Checkpoint::of("clinic/-/audit/2026-11-20", &tree)
    }

    fn signer() -> Signer {
        Signer::from_seed(&[7; 32])
    }

    #[test]
    fn what_was_signed_is_read_back() {
        let note = checkpoint().sign(&signer());
        assert_eq!(Checkpoint::open(&note, &signer().public()), Ok(checkpoint()));
    }

    #[test]
    fn signatures_of_others_may_stand_beside_ours() {
        let note = checkpoint().sign(&signer());
        let witnessed = format!("{note}— witness.example/w AAAAAAAA\n");
        assert_eq!(Checkpoint::open(&witnessed, &signer().public()), Ok(checkpoint()));
    }

    #[test]
    fn no_bit_can_be_flipped() {
        let note = checkpoint().sign(&signer()).into_bytes();
        for bit in 0..note.len() * 8 {
            let mut flipped = note.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let opened =
                String::from_utf8(flipped).ok().map(|note| Checkpoint::open(&note, &signer().public()));
            assert!(!matches!(opened, Some(Ok(_))), "bit {bit} is not covered");
        }
    }

    #[test]
    fn another_key_has_signed_nothing() {
        let note = checkpoint().sign(&signer());
        let other = Signer::from_seed(&[8; 32]).public();
        assert_eq!(Checkpoint::open(&note, &other), Err("this key has not signed it"));
    }
}
