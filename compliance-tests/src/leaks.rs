//! Plants canaries in every way a service might log them, and looks for them in everything that comes out.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use dihya::Policy;
use dihya::inspect;

use crate::canary::Canary;
use crate::classes::{CLASSES, State};
use crate::seed::Seed;
use crate::shapes::{COVERED, LATER, Needs, Shape};
use crate::world::{Captured, World};

/// Checks that under this policy no secret comes out: every detector in every covered way, from `DIHYA_CASES` seeds each
/// (8 if it is not set).
///
/// # Errors
/// If one does. The error names detector, way and seed, and never shows the secret.
pub fn check(policy: Policy) -> Result<Checked, Leaked> {
    let cases = cases(8);
    let mut checked = Checked { classes: 0, planted: 0 };
    for class in CLASSES.iter().filter(|class| class.state == State::Covered) {
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
    let shapes: Vec<&Shape> = COVERED.iter().filter(|shape| shape.class == class).collect();
    if shapes.is_empty() {
        return Ok(0);
    }
    let shape = random.pick(&shapes);
    plant(policy.clone(), shape, seed, &mut random).map(|(planted, _)| planted)
}

/// Every shape of the class with each detector, from one seed.
///
/// # Errors
/// As [`check`].
pub fn check_every_shape(policy: &Policy, class: u8, seed: u64) -> Result<usize, Leaked> {
    let mut planted = 0;
    for shape in COVERED.iter().filter(|shape| shape.class == class) {
        planted += plant(policy.clone(), shape, seed, &mut Seed::new(seed))?.0;
    }
    Ok(planted)
}

/// The shapes of the classes that are not covered, under a policy that should stop them all the same: one with strict
/// channels.
///
/// # Errors
/// As [`check`].
pub fn check_uncovered(policy: &Policy, class: u8, seed: u64) -> Result<usize, Leaked> {
    let mut planted = 0;
    for shape in LATER.iter().filter(|shape| shape.class == class) {
        planted += plant(policy.clone(), shape, seed, &mut Seed::new(seed))?.0;
    }
    Ok(planted)
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
    class: u8,
    shape: &'static str,
    seed: u64,
    found: Vec<String>,
}

impl Leaked {
    /// The number of the class, see [`CLASSES`].
    pub fn class(&self) -> u8 {
        self.class
    }
}

impl fmt::Display for Leaked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = CLASSES.iter().find(|class| class.number == self.class).map_or("", |class| class.name);
        write!(
            f,
            "a secret came out: class {} ({name}), logged as `{}`, seed {}",
            self.class, self.shape, self.seed
        )?;
        self.found.iter().take(SHOWN).try_for_each(|found| write!(f, "\n  {found}"))?;
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

/// Runs a world in which each fitting canary is logged in this shape.
fn plant(policy: Policy, shape: &Shape, seed: u64, random: &mut Seed) -> Result<(usize, Captured), Leaked> {
    let canaries = canaries(shape, random);
    let captured = World::new(policy).seed(seed).run(|scene| {
        for canary in &canaries {
            (shape.emit)(scene, canary.text(), random);
        }
        tracing::error!(safe = SAFE, "{SAFE}");
    });
    captured.assert_shows(SAFE);
    let leaks = captured.leaks(&canaries);
    if leaks.is_empty() {
        return Ok((canaries.len(), captured));
    }
    // One line per detector: where and how its canaries came out.
    let mut by_detector: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for leak in &leaks {
        let detector = canaries.get(leak.canary).map_or("?", Canary::detector);
        let how = format!("{} ({}) in {}", leak.form, leak.view, leak.output);
        by_detector.entry(detector).or_default().insert(how);
    }
    // Without a colon: beside a word like `key` the layer's own panic hook would hide what follows.
    let line = |(detector, how): (&str, BTreeSet<String>)| {
        format!("{detector} as {}", how.into_iter().collect::<Vec<_>>().join(", "))
    };
    let found = by_detector.into_iter().map(line).collect();
    Err(Leaked { class: shape.class, shape: shape.code, seed, found })
}

fn canaries(shape: &Shape, random: &mut Seed) -> Vec<Canary> {
    match shape.needs {
        Needs::Key => (0..24).map(|_| Canary::plain(random)).collect(),
        Needs::Form => inspect::detectors().map(|detector| Canary::of(&detector, random)).collect(),
        Needs::Only(names) => {
            let fitting: Vec<_> =
                inspect::detectors().filter(|detector| names.contains(&detector.name)).collect();
            (0..24).map(|i| Canary::of(&fitting[i % fitting.len()], random)).collect()
        }
    }
}

/// An ordinary sentence that no rule may touch.
const SAFE: &str = "served the list of rooms";

/// Lines of a failure message.
const SHOWN: usize = 12;
