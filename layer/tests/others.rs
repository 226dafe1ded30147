//! Our tree, proofs, notes and tiles against those of others: `ct-merkle`, `tlog_tiles`, `signed_note`.

use ct_merkle::RootHash;
use ct_merkle::mem_backed_tree::MemoryBackedTree;
use dihya::key::Signer;
use dihya::merkle::{Hash, Tree, proof};
use dihya::note::Checkpoint;
use sha2_of_others::Sha256;
use signed_note::{Note, StandardVerifier, VerifierList};
use tlog_tiles as tlog;

fn lines(n: u64) -> Vec<Vec<u8>> {
    (0..n)
        .map(|n| {
            format!("{{\"v\":1,\"n\":{n},\"pad\":\"{}\"}}", "x".repeat((n * 7 % 50) as usize)).into_bytes()
        })
        .collect()
}

fn leaves(lines: &[Vec<u8>]) -> Vec<Hash> {
    lines.iter().map(|line| Hash::leaf(line)).collect()
}

#[test]
fn ct_merkle_has_the_same_roots_and_proofs() {
    let mut theirs = MemoryBackedTree::<Sha256, Vec<u8>>::new();
    let all = lines(120);
    for (n, line) in all.iter().enumerate() {
        theirs.push(line.clone());
        let (size, ours) = (n + 1, leaves(&all[..=n]));
        assert_eq!(theirs.root().as_bytes().as_slice(), proof::root(&ours).0, "the root of {size}");
        for index in [0, n / 3, n / 2, n] {
            let made = proof::inclusion(&ours, index).unwrap();
            let bytes: Vec<u8> = made.iter().flat_map(|hash| hash.0).collect();
            assert_eq!(theirs.prove_inclusion(index).as_bytes(), bytes, "leaf {index} of {size}");
        }
        for old in [1, size / 2, size - 1].into_iter().filter(|old| (1..size).contains(old)) {
            let made = proof::consistency(&ours, old).unwrap();
            let bytes: Vec<u8> = made.iter().flat_map(|hash| hash.0).collect();
            assert_eq!(theirs.prove_consistency(size - old).as_bytes(), bytes, "{old} to {size}");
        }
    }
}

#[test]
fn ct_merkle_accepts_our_proofs_and_refuses_them_of_another_record() {
    let all = lines(77);
    let ours = leaves(&all);
    let root = proof::root(&ours);
    let theirs = RootHash::<Sha256>::new(root.0.into(), 77);
    for index in 0..all.len() {
        let made = proof::inclusion(&ours, index).unwrap();
        let bytes: Vec<u8> = made.iter().flat_map(|hash| hash.0).collect();
        let made = ct_merkle::InclusionProof::<Sha256>::try_from_bytes(bytes).unwrap();
        theirs.verify_inclusion(&all[index], index as u64, &made).unwrap();
        assert!(theirs.verify_inclusion(&all[(index + 1) % 77], index as u64, &made).is_err());
    }
}

/// Hashes as `tlog` stores them.
struct Stored(Vec<tlog::Hash>);

impl tlog::HashReader for Stored {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<tlog::Hash>, tlog::Error> {
        Ok(indexes.iter().map(|index| self.0[*index as usize]).collect())
    }
}

#[test]
fn tlog_tiles_has_the_same_roots_and_proofs_and_accepts_ours() {
    let all = lines(150);
    let ours = leaves(&all);
    let mut stored = Stored(Vec::new());
    for (n, line) in all.iter().enumerate() {
        let new = tlog::stored_hashes(n as u64, line, &stored).unwrap();
        stored.0.extend(new);
        let size = n as u64 + 1;
        let root = proof::root(&ours[..=n]);
        assert_eq!(tlog::tree_hash(size, &stored).unwrap().0, root.0, "the root of {size}");
        for index in [0, n / 3, n] {
            let made = proof::inclusion(&ours[..=n], index).unwrap();
            let same: Vec<[u8; 32]> =
                tlog::prove_record(size, index as u64, &stored).unwrap().iter().map(|hash| hash.0).collect();
            assert_eq!(same, made.iter().map(|hash| hash.0).collect::<Vec<_>>(), "leaf {index} of {size}");
            let made: Vec<_> = made.iter().map(|hash| tlog::Hash(hash.0)).collect();
            let leaf = tlog::record_hash(&all[index]);
            tlog::check_record(&made, size, tlog::Hash(root.0), index as u64, leaf).unwrap();
        }
        for old in [1, size / 2, size].into_iter().filter(|old| *old > 0) {
            let made = proof::consistency(&ours[..=n], old as usize).unwrap();
            let made: Vec<_> = made.iter().map(|hash| tlog::Hash(hash.0)).collect();
            let before = tlog::Hash(proof::root(&ours[..old as usize]).0);
            tlog::check_tree(&made, size, tlog::Hash(root.0), old, before).unwrap();
            if old < size {
                let wrong = tlog::Hash(Hash::empty().0);
                assert!(tlog::check_tree(&made, size, tlog::Hash(root.0), old, wrong).is_err());
            }
        }
    }
}

#[test]
fn signed_note_and_tlog_tiles_read_our_checkpoints() {
    let origin = "clinic/-/audit/2026-11-20";
    let signer = Signer::from_seed(&[7; 32]);
    let mut tree = Tree::new();
    lines(9).iter().for_each(|line| tree.push(Hash::leaf(line)));
    let ours = Checkpoint::of(origin, &tree);
    let note = Note::from_bytes(ours.sign(&signer).as_bytes()).unwrap();
    let known = |signer: &Signer| {
        VerifierList::new(vec![Box::new(StandardVerifier::new(&signer.public().vkey(origin)).unwrap())])
    };
    let (verified, _) = note.verify(&known(&signer)).unwrap();
    assert_eq!(verified.len(), 1);
    let theirs = tlog::Checkpoint::from_bytes(note.text()).unwrap();
    assert_eq!((theirs.origin(), theirs.size(), theirs.hash().0), (origin, 9, tree.root().0));
    let other = note.verify(&known(&Signer::from_seed(&[8; 32])));
    assert!(other.is_err() || other.is_ok_and(|(verified, _)| verified.is_empty()));
}
