//! Any flipped bit is found, wherever it is.

use std::path::PathBuf;

use super::support::*;
use crate::storage::Memory;

/// Files whose content says something of the log. A lock (`.lock`) holds a process id for people, a reserve (`.reserve`)
/// nothing but room.
fn of_the_log(disk: &Memory) -> Vec<(PathBuf, Vec<u8>)> {
    let files = disk.files().into_iter();
    files
        .filter(|(path, bytes)| !path.ends_with(".lock") && !path.ends_with(".reserve") && !bytes.is_empty())
        .collect()
}

/// `DIHYA_FLIPS=10000 cargo test --release -p dihya --lib any_flipped_bit` does as many as the figure in
/// docs/verify.md.
#[test]
fn any_flipped_bit_is_found() {
    let flips: u64 = std::env::var("DIHYA_FLIPS").ok().and_then(|n| n.parse().ok()).unwrap_or(400);
    let disk = written_by_the_layer();
    assert_eq!(wrong(&verified(&disk)), [], "the log is whole before anything is flipped");
    let files = of_the_log(&disk);
    let total: usize = files.iter().map(|(_, bytes)| bytes.len()).sum();
    let random = crate::clock::Rng::seeded(flips);
    let mut thread = crate::clock::ThreadRng::new();
    let mut touched = std::collections::BTreeSet::new();
    let mut missed = Vec::new();
    for _ in 0..flips {
        let at = (random.next(&mut thread) % (total as u64 * 8)) as usize;
        let (mut byte, bit) = (at / 8, at % 8);
        let Some((path, bytes)) = files.iter().find(|(_, bytes)| {
            let here = byte < bytes.len();
            byte -= if here { 0 } else { bytes.len() };
            here
        }) else {
            continue;
        };
        let mut flipped = bytes.clone();
        flipped[byte] ^= 1 << bit;
        write(&disk, path, &flipped);
        if verified(&disk).is_whole() {
            missed.push((path.clone(), byte, bit));
        }
        write(&disk, path, bytes);
        touched.insert(path.clone());
    }
    assert_eq!(missed, [], "of {flips} flipped bits");
    assert!(touched.len() * 2 > files.len(), "only {} of {} files were tried", touched.len(), files.len());
    assert_eq!(wrong(&verified(&disk)), [], "and whole again");
}

/// Small files are rarely hit by chance: every bit of them.
#[test]
fn no_bit_of_a_side_file_can_be_flipped() {
    let disk = log();
    for (path, bytes) in of_the_log(&disk) {
        let side =
            ["checkpoint", "key", "toml"].iter().any(|end| path.extension().is_some_and(|e| e == *end))
                || path.ends_with("heads");
        // One checkpoint of a shard stands for all.
        if !side || path.starts_with("/log/app") || path.ends_with("2026-11-18.checkpoint") {
            continue;
        }
        for bit in (0..bytes.len() * 8).step_by(if cfg!(debug_assertions) { 5 } else { 1 }) {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            write(&disk, &path, &flipped);
            assert!(!verified(&disk).is_whole(), "bit {} of byte {} of {}", bit % 8, bit / 8, path.display());
        }
        write(&disk, &path, &bytes);
    }
    assert_eq!(wrong(&verified(&disk)), []);
}
