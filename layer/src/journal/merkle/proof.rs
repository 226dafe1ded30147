//! Proofs: that a line is in a log, and that a log only grew (RFC 6962 section 2.1, RFC 9162 sections 2.1.3 and 2.1.4).
//!
//! A proof is some thirty hashes however long the log is. Whoever holds it, the line and a signed root needs nothing
//! else: neither the log nor whoever keeps it. Proofs are made from the hashes of the leaves, and checked by rules that
//! share nothing with how they are made.

use super::{Hash, Tree};

/// The proof that the leaf at `index` is in the tree over all `leaves`: from its sibling up to the root's child. `None`
/// if there is no such leaf.
pub fn inclusion(leaves: &[Hash], index: usize) -> Option<Vec<Hash>> {
    (index < leaves.len()).then(|| {
        let mut path = Vec::new();
        let (mut leaves, mut index) = (leaves, index);
        while leaves.len() > 1 {
            let (left, right) = leaves.split_at(split(leaves.len()));
            if index < left.len() {
                path.push(root(right));
                leaves = left;
            } else {
                path.push(root(left));
                index -= left.len();
                leaves = right;
            }
        }
        path.reverse();
        path
    })
}

/// The proof that the tree over all `leaves` begins with that over the first `size` of them. `None` if there are not so
/// many. Nothing has to be proved of the empty tree and of the same tree: their proof is empty.
pub fn consistency(leaves: &[Hash], size: usize) -> Option<Vec<Hash>> {
    if size > leaves.len() {
        return None;
    }
    let mut path = Vec::new();
    let (mut leaves, mut size) = (leaves, size);
    // Whether the part that is left is all of the old tree: its root is known to whoever checks.
    let mut whole = true;
    while 0 < size && size < leaves.len() {
        let (left, right) = leaves.split_at(split(leaves.len()));
        if size <= left.len() {
            path.push(root(right));
            leaves = left;
        } else {
            path.push(root(left));
            size -= left.len();
            leaves = right;
            whole = false;
        }
    }
    if !whole {
        path.push(root(leaves));
    }
    path.reverse();
    Some(path)
}

/// Whether the proof shows that `leaf` is number `index` of the tree of this size and root.
pub fn is_included(leaf: Hash, index: u64, size: u64, root: Hash, proof: &[Hash]) -> bool {
    if index >= size {
        return false;
    }
    let (mut at, mut last) = (index, size - 1);
    let mut hash = leaf;
    for sibling in proof {
        if last == 0 {
            return false;
        }
        if at & 1 == 1 || at == last {
            hash = Hash::node(*sibling, hash);
            // A node at the right edge without a sibling rises until it has one.
            while at & 1 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            hash = Hash::node(hash, *sibling);
        }
        at >>= 1;
        last >>= 1;
    }
    last == 0 && hash == root
}

/// A tree's size and root.
pub type Head = (u64, Hash);

/// Whether the proof shows that the `new` tree begins with the `old` one.
pub fn is_consistent(old: Head, new: Head, proof: &[Hash]) -> bool {
    if old.0 > new.0 {
        return false;
    }
    if old.0 == new.0 {
        return proof.is_empty() && old.1 == new.1;
    }
    if old.0 == 0 {
        return proof.is_empty() && old.1 == Hash::empty();
    }
    let (mut at, mut last) = (old.0 - 1, new.0 - 1);
    let shift = at.trailing_ones();
    at >>= shift;
    last >>= shift;
    let mut proof = proof.iter();
    // An old tree that is one perfect subtree of the new one is where the way up begins; its root is no part of the proof.
    let first = if at == 0 { Some(old.1) } else { proof.next().copied() };
    let Some(first) = first else { return false };
    let (mut small, mut large) = (first, first);
    for sibling in proof {
        if last == 0 {
            return false;
        }
        if at & 1 == 1 || at == last {
            small = Hash::node(*sibling, small);
            large = Hash::node(*sibling, large);
            while at & 1 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            large = Hash::node(large, *sibling);
        }
        at >>= 1;
        last >>= 1;
    }
    last == 0 && small == old.1 && large == new.1
}

/// The root of the tree over these leaves.
pub fn root(leaves: &[Hash]) -> Hash {
    let mut tree = Tree::new();
    tree.extend(leaves);
    tree.root()
}

/// Leaves in the left subtree of a tree of `n`, more than one: the largest power of two below `n`.
fn split(n: usize) -> usize {
    n.next_power_of_two() / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaves(n: u32) -> Vec<Hash> {
        (0..n).map(|n| Hash::leaf(&n.to_be_bytes())).collect()
    }

    #[test]
    fn every_leaf_of_every_size_is_proved() {
        for size in 1..70 {
            let leaves = leaves(size);
            for index in 0..size as usize {
                let proof = inclusion(&leaves, index).unwrap();
                let holds =
                    |leaf, index, proof: &[Hash]| is_included(leaf, index, size.into(), root(&leaves), proof);
                assert!(holds(leaves[index], index as u64, &proof), "leaf {index} of {size}");
                assert!(
                    !holds(Hash::leaf(b"other"), index as u64, &proof),
                    "another leaf at {index} of {size}"
                );
                assert!(
                    !holds(leaves[index], (index as u64) ^ 1, &proof),
                    "{index} of {size}, told as another"
                );
                for at in 0..proof.len() {
                    let mut wrong = proof.clone();
                    wrong[at].0[7] ^= 1;
                    assert!(!holds(leaves[index], index as u64, &wrong), "{index} of {size}, hash {at}");
                }
                let longer = [&proof[..], &[Hash::empty()]].concat();
                assert!(!holds(leaves[index], index as u64, &longer), "{index} of {size}, a hash too many");
                if let Some((_, shorter)) = proof.split_last() {
                    assert!(
                        !holds(leaves[index], index as u64, shorter),
                        "{index} of {size}, a hash too few"
                    );
                }
            }
            assert_eq!(inclusion(&leaves, size as usize), None);
        }
    }

    #[test]
    fn every_size_is_proved_to_grow_into_every_larger_one() {
        let all = leaves(70);
        for new in 0..all.len() {
            let leaves = &all[..new];
            for old in 0..=new {
                let proof = consistency(leaves, old).unwrap();
                let heads = ((old as u64, root(&all[..old])), (new as u64, root(leaves)));
                assert!(is_consistent(heads.0, heads.1, &proof), "{old} to {new}");
                let other = (old as u64, Hash::leaf(b"other"));
                assert!(!is_consistent(other, heads.1, &proof), "another tree of {old} to {new}");
                let longer = [&proof[..], &[Hash::empty()]].concat();
                assert!(!is_consistent(heads.0, heads.1, &longer), "{old} to {new}, a hash too many");
                for at in 0..proof.len() {
                    let mut wrong = proof.clone();
                    wrong[at].0[7] ^= 1;
                    assert!(!is_consistent(heads.0, heads.1, &wrong), "{old} to {new}, hash {at}");
                }
                if old < new {
                    assert!(!is_consistent(heads.1, heads.0, &proof), "{new} back to {old}");
                }
            }
            assert_eq!(consistency(leaves, new + 1), None);
        }
    }
}
