//! The long run: cells of the grid and seeds at random, as many as `DIHYA_CASES` says, on all processors.
//!
//! ```text
//! DIHYA_CASES=1000000 cargo test --release -p dihya-compliance --test grid -- --nocapture
//! ```
//!
//! The seed of the run is printed. `PROPTEST_RNG_SEED` repeats it, with as many cases on as many processors.

#![allow(clippy::unwrap_used, reason = "a test fails by it; what is unwrapped shows no secret")]

use std::collections::BTreeSet;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use dihya::{Policy, Sector};
use dihya_compliance::grid::{self, Case, Cell};
use dihya_compliance::{State, leaks};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

/// Cases in one world: opening a layer costs as much as hundreds of events.
const BATCH: usize = 250;

/// In the default run, in which each cell of the grid is tried once elsewhere.
const CASES: u32 = 10_000;

#[test]
fn random_cases_show_no_secret() {
    let wanted = leaks::cases(CASES) as usize;
    let seed = std::env::var("PROPTEST_RNG_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| RandomState::new().hash_one(0));
    let threads = thread::available_parallelism().map_or(1, usize::from);
    println!("{wanted} cases on {threads} threads, PROPTEST_RNG_SEED={seed}");

    let cells = grid::cells(|state| state == State::Covered);
    let hit: Mutex<BTreeSet<Cell>> = Mutex::default();
    let start = Instant::now();
    let planted: usize = thread::scope(|scope| {
        let of_thread = |index: usize| {
            let batches = wanted.div_ceil(BATCH * threads);
            let (cells, hit) = (&cells, &hit);
            scope.spawn(move || run(cells, batches, seed ^ index as u64, hit))
        };
        let running: Vec<_> = (0..threads).map(of_thread).collect();
        running
            .into_iter()
            .map(|thread| thread.join().unwrap().unwrap_or_else(|leaked| panic!("{leaked}")))
            .sum()
    });
    let hit = hit.into_inner().unwrap_or_else(PoisonError::into_inner);
    let seconds = start.elapsed().as_secs_f64();
    println!(
        "{planted} secrets in {} of {} cells, none came out; {seconds:.0} s, {:.0} a second",
        hit.len(),
        cells.len(),
        planted as f64 / seconds
    );
    assert!(planted >= wanted);
    // So many throws at random leave out e^-n of the cells.
    let expected = 1.0 - (-(planted as f64) / cells.len() as f64).exp();
    assert!(hit.len() as f64 >= 0.9 * expected * cells.len() as f64, "the cells are not chosen evenly");
}

fn run(cells: &[Cell], batches: usize, seed: u64, hit: &Mutex<BTreeSet<Cell>>) -> Result<usize, String> {
    let config = Config {
        cases: u32::try_from(batches).unwrap(),
        failure_persistence: None,
        // A failure names the cells that leak, and their seeds: there is nothing to search for.
        max_shrink_iters: 0,
        ..Config::default()
    };
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    let case = (0..cells.len(), any::<u64>()).prop_map(|(cell, seed)| Case { cell: cells[cell], seed });
    let policy = Policy::sector(Sector::Health).service("clinic", "1.4.2");
    let outcome = runner.run(&vec(case, BATCH), |cases| {
        grid::plant(&policy, &cases).map_err(|leaked| TestCaseError::fail(leaked.to_string()))?;
        let mut hit = hit.lock().unwrap_or_else(PoisonError::into_inner);
        hit.extend(cases.iter().map(|case| case.cell));
        Ok(())
    });
    // Not what failed: the debug form of the cases says nothing, and there are many of them.
    match outcome {
        Ok(()) => Ok(batches * BATCH),
        Err(proptest::test_runner::TestError::Fail(why, _)) => {
            Err(format!("{why}, seed of the thread {seed}"))
        }
        Err(other) => Err(other.to_string()),
    }
}
