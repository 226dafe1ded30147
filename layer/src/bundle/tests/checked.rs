//! What a bundle is checked for, by whoever has nothing else.

use std::path::Path;
use std::sync::Arc;

use super::support::*;
use crate::bundle::{Contents, Request};
use crate::clock::{Rng, ThreadRng};
use crate::journal::key::{Public, Signer};
use crate::storage::Memory;

fn records_and_a_shard() -> Memory {
    bundle(&asked("audit", &["n=12"]))
}

fn rotate(disk: &Memory) {
    let state = Path::new("/log/state");
    let ledger = ledger(disk);
    let (old, new) = (Signer::load(disk, &state.join("signing.key")).unwrap(), Signer::from_seed(&[9; 32]));
    let vkey = |signer: &Signer| signer.public().vkey("clinic/-/ledger");
    let fact = crate::ledger::Fact::KeyRotated { old: vkey(&old), new: vkey(&new) };
    ledger.append(fact.into()).unwrap();
    disk.discard(state.join("signing.key"));
    new.save(disk, &state.join("signing.key")).unwrap();
}

fn pinned(disk: &Memory, vkey: &str) -> Contents {
    checker(disk).vkey(vkey).unwrap().run().unwrap()
}

fn flip(disk: &Memory, seed: u64, count: u64, and_then: impl Fn(&Memory)) {
    assert!(checked(disk).is_whole(), "{}", what(&checked(disk)));
    let files = files(disk);
    let total: usize = files.iter().map(|(_, bytes)| bytes.len()).sum();
    let (random, mut thread) = (Rng::seeded(seed), ThreadRng::new());
    let sums = files.iter().find(|(path, _)| path.ends_with("SHA256SUMS")).unwrap();
    for _ in 0..count {
        let mut at = (random.next(&mut thread) % (total as u64 * 8)) as usize;
        let (path, bytes) = files
            .iter()
            .find(|(_, bytes)| {
                let here = at < bytes.len() * 8;
                at -= if here { 0 } else { bytes.len() * 8 };
                here
            })
            .unwrap();
        let mut flipped = bytes.clone();
        flipped[at / 8] ^= 1 << (at % 8);
        disk.put(path, &flipped);
        and_then(disk);
        let healed = path == &sums.0 && read(disk, path) == *bytes;
        assert!(healed || !checked(disk).is_whole(), "bit {at} of {}", path.display());
        disk.put(path, bytes);
        disk.put(&sums.0, &sums.1);
    }
    assert!(checked(disk).is_whole(), "and whole again");
}

#[test]
fn any_flipped_bit_of_a_bundle_is_found() {
    flip(&records_and_a_shard(), 1, 500, |_| {});
}

/// Whoever changes a bundle on purpose makes its list of sums fit.
#[test]
fn any_flipped_bit_is_found_by_the_proofs_alone() {
    flip(&records_and_a_shard(), 2, 500, redo_sums);
    flip(&bundle(&asked("audit", &[])), 3, 300, redo_sums);
}

#[test]
fn what_was_taken_from_a_bundle_is_missed() {
    let told = |change: &dyn Fn(&Memory)| {
        let disk = records_and_a_shard();
        change(&disk);
        redo_sums(&disk);
        what(&checked(&disk))
    };
    assert_eq!(told(&|_| {}), "");
    let shard = |disk: &Memory, endings: &[&str]| {
        endings.iter().for_each(|end| disk.discard(format!("/bundle/clinic/-/audit/2026-11-19.{end}")));
    };
    let all = told(&|disk| shard(disk, &["jsonl", "proof", "checkpoint"]));
    assert!(all.contains("an export of 2 records, and here are 1"), "{all}");
    assert!(told(&|disk| shard(disk, &["jsonl"])).contains("half a copy"));
    assert!(told(&|disk| shard(disk, &["proof"])).contains("not those that its checkpoint signs"));
    assert!(told(&|disk| shard(disk, &["checkpoint"])).contains("no checkpoint stands beside it"));
    let more = told(&|disk| disk.put("/bundle/clinic/-/audit/readme.txt", b"x"));
    assert!(more.contains("no such file"), "{more}");
}

#[test]
fn half_a_copy_is_no_bundle() {
    let files = files(&records_and_a_shard());
    for left_out in 0..files.len() {
        let half = Memory::new();
        for (_, (path, bytes)) in files.iter().enumerate().filter(|(n, _)| *n != left_out) {
            half.put(path, bytes);
        }
        let told = what(&checked(&half));
        assert!(told.contains("half a copy"), "without {}: {told}", files[left_out].0.display());
    }
}

/// A shard under another's name, or another service's: whole in itself, and not what it says.
#[test]
fn a_shard_that_bears_another_name_is_told() {
    let disk = bundle(&Request { shards: vec!["audit/2026-11-19".parse().unwrap()], ..asked("audit", &[]) });
    for (path, bytes) in
        files(&disk).into_iter().filter(|(path, _)| path.starts_with("/bundle/clinic/-/audit"))
    {
        disk.put(path.to_str().unwrap().replace("2026-11-19", "2026-11-18"), &bytes);
        disk.discard(path);
    }
    redo_sums(&disk);
    assert!(what(&checked(&disk)).contains("no entry of the ledger opened it"));
    let disk = records_and_a_shard();
    for (path, bytes) in files(&disk).into_iter().filter(|(path, _)| path.starts_with("/bundle/clinic")) {
        disk.put(path.to_str().unwrap().replace("/clinic/", "/hospital/"), &bytes);
        disk.discard(path);
    }
    redo_sums(&disk);
    assert!(what(&checked(&disk)).contains("it is of the log clinic/-"));
}

#[test]
fn a_bundle_is_of_the_key_that_was_noted_or_it_is_told() {
    let disk = records_and_a_shard();
    let vkey = checked(&disk).logs[0].vkey.clone().unwrap();
    let contents = pinned(&disk, &vkey);
    assert!(contents.is_whole() && contents.logs[0].pinned);
    let (_, key) = Public::from_vkey(&vkey).unwrap();
    let other = Signer::from_seed(&[8; 32]).public();
    for wrong in [other.vkey("clinic/-/ledger"), key.vkey("hospital/-/ledger")] {
        assert!(what(&pinned(&disk, &wrong)).contains("not the one that was given"), "{wrong}");
    }
}

#[test]
fn keys_are_followed_from_the_first_to_the_newest() {
    let disk = written_by_the_layer();
    let first = Signer::load(&disk, Path::new("/log/state/signing.key")).unwrap().public();
    rotate(&disk);
    export(&disk, &asked("audit", &["n=12"])).unwrap();
    let alone = alone(&disk);
    let newest = Signer::from_seed(&[9; 32]).public();
    for key in [first, newest] {
        let contents = pinned(&alone, &key.vkey("clinic/-/ledger"));
        assert!(contents.is_whole(), "{}", what(&contents));
    }
    // Without the old key's last seal nothing says that it introduced the new one.
    let name = "/bundle/clinic/-/ledger/ledger.jsonl";
    let text = String::from_utf8(read(&alone, name)).unwrap();
    let at = text.find("{\"seal\"").expect("the seal of the rotation is in it");
    let seal = &text[at..at + text[at..].find('\n').unwrap() + 1];
    let leaf = crate::journal::merkle::Hash::leaf(seal.trim_end().as_bytes());
    let proof = String::from_utf8(read(&alone, "/bundle/clinic/-/ledger/ledger.proof")).unwrap();
    let hidden = proof.replacen("lines 3\n", &format!("lines 1\nhash 0 {leaf}\nlines 1\n"), 1);
    assert_ne!(hidden, proof);
    alone.put(name, text.replace(seal, "").as_bytes());
    alone.put("/bundle/clinic/-/ledger/ledger.proof", hidden.as_bytes());
    redo_sums(&alone);
    let told = what(&checked(&alone));
    assert!(told.contains("did not introduce"), "{told}");
}

#[test]
fn a_copy_without_a_key_exports_and_says_what_it_cannot_tell() {
    let disk = written_by_the_layer();
    let chosen = selected(&disk, &asked("audit", &["n=12"])).unwrap();
    let (storage, none) = (Arc::new(disk.clone()) as _, crate::archive::Identities::none());
    crate::bundle::write(&storage, &chosen, &none, Path::new(OUT), &|_| None).unwrap();
    let contents = checked(&alone(&disk));
    assert!(contents.is_whole(), "{}", what(&contents));
    assert!(contents.notes.iter().any(|note| note.what.contains("no entry of this export")));
}
