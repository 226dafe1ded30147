//! What of the grid comes out at present, by shape: `cargo run --release -p dihya-compliance --example survey -- [SEEDS [CLASS…]]`.
//!
//! For whoever changes a detector: `src/shapes/undetectable.rs` lists what leaks, and tests hold it to this.

#![allow(clippy::print_stdout, reason = "a command line program speaks on its terminal")]

use std::collections::{BTreeMap, BTreeSet};
use std::panic::AssertUnwindSafe;

use dihya::{Policy, Sector};
use dihya_compliance::Seed;
use dihya_compliance::grid::{self, Case};

fn main() {
    let seeds = std::env::args().nth(1).and_then(|seeds| seeds.parse().ok()).unwrap_or(2);
    let policy = Policy::sector(Sector::Health);
    let mut random = Seed::new(1);
    let mut by_shape: BTreeMap<(u8, &str), (usize, usize, BTreeSet<String>)> = BTreeMap::new();
    let classes: Vec<u8> = std::env::args().skip(2).filter_map(|class| class.parse().ok()).collect();
    let mut cells = grid::cells(|_| true);
    cells.retain(|cell| classes.is_empty() || classes.contains(&cell.class()));
    for _ in 0..seeds {
        let cases: Vec<Case> = cells.iter().map(|cell| Case { cell: *cell, seed: random.bits() }).collect();
        for batch in cases.chunks(250) {
            for case in batch {
                by_shape.entry((case.cell.class(), case.cell.code())).or_default().1 += 1;
            }
            // A shape that cannot be seen says so on stderr.
            let Ok(planted) = std::panic::catch_unwind(AssertUnwindSafe(|| grid::plant(&policy, batch)))
            else {
                continue;
            };
            for case in planted.err().iter().flat_map(|leaked| leaked.cases()) {
                let shape = by_shape.entry((case.cell.class(), case.cell.code())).or_default();
                shape.0 += 1;
                shape.2.insert(format!("{} ({})", case.cell.detector(), case.cell.secret()));
            }
        }
    }
    let leaking = by_shape.iter().filter(|(_, (leaks, ..))| *leaks > 0);
    println!("{} of {} shapes leak", leaking.clone().count(), by_shape.len());
    for ((class, code), (leaks, planted, detectors)) in leaking {
        let names: Vec<&str> = detectors.iter().take(6).map(String::as_str).collect();
        println!("{class:>2} {leaks:>5} of {planted:>5}  {code:?}  {}", names.join(" "));
    }
}
