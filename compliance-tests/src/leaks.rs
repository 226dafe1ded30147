//! Plants canaries in every way a service might log them, and looks for them in everything that comes out.

use std::collections::BTreeSet;
use std::fmt;

use dihya::Policy;

use crate::classes::{CLASSES, State};
use crate::grid::{self, Case, Cell};
use crate::seed::Seed;

/// Checks that under this policy no secret comes out: every cell of the [`grid`] that is covered, and then `DIHYA_CASES`
/// seeds (1 if it is not set) with a random shape for each class and detector.
///
/// # Errors
/// If one does. The error names detector, way and seed, and never shows the secret.
pub fn check(policy: Policy) -> Result<Checked, Leaked> {
    let cases = cases(1);
    let mut checked = Checked { classes: 0, planted: 0 };
    for class in CLASSES.iter().filter(|class| class.state == State::Covered) {
        checked.planted += check_every_shape(&policy, class.number, 0)?;
        for seed in 0..cases {
            checked.planted += check_class(&policy, class.number, u64::from(seed))?;
        }
        checked.classes += 1;
    }
    Ok(checked)
}

/// One class with one seed: each detector in one of the class's shapes. Answers how many secrets were planted.
///
/// # Errors
/// As [`check`].
pub fn check_class(policy: &Policy, class: u8, seed: u64) -> Result<usize, Leaked> {
    let mut random = Seed::new(seed.wrapping_mul(64) + u64::from(class));
    let cells = of_class(class, |state| state == State::Covered);
    let mut cases = Vec::new();
    for secret in 0..grid::secrets() {
        let fitting: Vec<Cell> = cells.iter().copied().filter(|cell| cell.secret() == secret).collect();
        if !fitting.is_empty() {
            cases.push(Case { cell: *random.pick(&fitting), seed: random.bits() });
        }
    }
    plant(policy, &cases)
}

/// Every covered shape of the class with each detector, from one seed.
///
/// # Errors
/// As [`check`].
pub fn check_every_shape(policy: &Policy, class: u8, seed: u64) -> Result<usize, Leaked> {
    check_cells(policy, &of_class(class, |state| state == State::Covered), seed)
}

/// These cells, from one seed.
///
/// # Errors
/// As [`check`].
pub fn check_cells(policy: &Policy, cells: &[Cell], seed: u64) -> Result<usize, Leaked> {
    let mut random = Seed::new(seed);
    let cases: Vec<Case> = cells.iter().map(|cell| Case { cell: *cell, seed: random.bits() }).collect();
    plant(policy, &cases)
}

/// The cells of the class that are not covered, logged in fields alone, under a policy that should stop them all the
/// same: one with strict channels.
///
/// # Errors
/// As [`check`].
pub fn check_uncovered(policy: &Policy, class: u8, seed: u64) -> Result<usize, Leaked> {
    let mut random = Seed::new(seed);
    let cells = of_class(class, |state| state != State::Covered);
    let cases: Vec<Case> = cells.iter().map(|cell| Case { cell: *cell, seed: random.bits() }).collect();
    in_batches(&cases, |batch| grid::plant_in_fields(policy, batch))
}

/// How many seeds to try: `DIHYA_CASES`, or a default.
pub fn cases(default: u32) -> u32 {
    std::env::var("DIHYA_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(default)
}

/// What [`check`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Checked {
    /// Ways in which secrets were planted.
    pub classes: usize,
    /// Secrets planted, and found nowhere.
    pub planted: usize,
}

/// Secrets came out. Neither `Display` nor `Debug` show them.
#[derive(Clone)]
pub struct Leaked {
    /// At least one.
    found: Vec<Found>,
}

/// One that came out.
#[derive(Clone)]
pub(crate) struct Found {
    pub(crate) case: Case,
    pub(crate) how: BTreeSet<String>,
}

impl Leaked {
    /// The number of the first class, see [`CLASSES`].
    pub fn class(&self) -> u8 {
        self.cases().next().map_or(0, |case| case.cell.class())
    }

    /// What came out: [`grid::plant`] with one of these alone shows whether it does so by itself.
    pub fn cases(&self) -> impl Iterator<Item = Case> {
        self.found.iter().map(|found| found.case)
    }

    pub(crate) fn unless_empty(found: Vec<Found>) -> Result<(), Leaked> {
        if found.is_empty() { Ok(()) } else { Err(Leaked { found }) }
    }

    fn join(self, more: Leaked) -> Leaked {
        Leaked { found: self.found.into_iter().chain(more.found).collect() }
    }
}

impl fmt::Display for Leaked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without a colon before a name: beside a word like `key` the layer's own panic hook would hide what follows.
        write!(f, "{} secrets came out", self.found.len())?;
        for Found { case, how } in self.found.iter().take(SHOWN) {
            let Case { cell, seed } = case;
            let class =
                CLASSES.iter().find(|class| class.number == cell.class()).map_or("", |class| class.name);
            write!(
                f,
                "\n  {} as {}; class {} ({class}), logged as `{}`, seed {seed}",
                cell.detector(),
                how.iter().take(3).cloned().collect::<Vec<_>>().join(", "),
                cell.class(),
                cell.code()
            )?;
        }
        match self.found.len().checked_sub(SHOWN) {
            None | Some(0) => Ok(()),
            Some(more) => write!(f, "\n  and {more} more"),
        }
    }
}

/// As `Display`: it is what `unwrap` prints.
impl fmt::Debug for Leaked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Leaked {}

fn of_class(class: u8, wanted: impl Fn(State) -> bool) -> Vec<Cell> {
    grid::cells(wanted).into_iter().filter(|cell| cell.class() == class).collect()
}

/// In worlds of a size that leaves no queue full, and tells of every leak in all of them.
fn plant(policy: &Policy, cases: &[Case]) -> Result<usize, Leaked> {
    in_batches(cases, |batch| grid::plant(policy, batch))
}

fn in_batches(cases: &[Case], plant: impl Fn(&[Case]) -> Result<(), Leaked>) -> Result<usize, Leaked> {
    let mut leaked: Option<Leaked> = None;
    for batch in cases.chunks(BATCH) {
        if let Err(found) = plant(batch) {
            leaked = Some(match leaked {
                Some(before) => before.join(found),
                None => found,
            });
        }
    }
    leaked.map_or(Ok(cases.len()), Err)
}

const BATCH: usize = 250;

/// Lines of a failure message.
const SHOWN: usize = 12;
