//! The grid: every shape of every class with every secret that it can carry.
//!
//! A [`Cell`] is one of them. A [`Case`] is a cell with a seed, from which its secret and all its details are made: one
//! event, or a few that belong together. Many cases are planted in one [`World`], since opening a layer costs more than
//! a thousand events.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use dihya::inspect::{self, DetectorInfo};
use dihya::{Channel, Policy};

use crate::canary::Canary;
use crate::classes::State;
use crate::leaks::{Found, Leaked};
use crate::search::Search;
use crate::seed::Seed;
use crate::shapes::{self, BY_KEY, Needs, Shape};
use crate::world::World;

/// One shape with one kind of secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cell {
    shape: u16,
    secret: u16,
}

/// A cell and a seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Case {
    /// What is logged, and how.
    pub cell: Cell,
    /// What chance decides.
    pub seed: u64,
}

impl Cell {
    /// The class of its shape.
    pub fn class(self) -> u8 {
        self.shape().class
    }

    /// The code of its shape, with `…` for the secret.
    pub fn code(self) -> &'static str {
        &self.shape().code
    }

    /// How far it is covered.
    pub fn state(self) -> State {
        self.shape().state_with(self.secret())
    }

    /// The detector that its secret is made for; `key` for one that only a name gives away.
    pub fn detector(self) -> &'static str {
        self.row().map_or("key", |row| row.name)
    }

    /// Which of the secrets that is: the three without a form come first, then each row of the table of detectors.
    pub fn secret(self) -> usize {
        usize::from(self.secret)
    }

    fn shape(self) -> &'static Shape {
        &shapes::all()[usize::from(self.shape)]
    }

    fn row(self) -> Option<&'static DetectorInfo> {
        ROWS.get(self.secret().checked_sub(BY_KEY)?)
    }

    fn canary(self, seed: &mut Seed) -> Canary {
        match (self.row(), self.shape().needs) {
            (Some(row), _) => Canary::of(row, seed),
            (None, Needs::DigitsByKey) => Canary::digits(seed),
            (None, _) => [Canary::plain, Canary::mixed, Canary::signs][self.secret()](seed),
        }
    }
}

/// All of these cells: covered ones or the others.
pub fn cells(wanted: impl Fn(State) -> bool) -> Vec<Cell> {
    let mut cells = Vec::new();
    for (shape, shape_is) in shapes::all().iter().enumerate() {
        let named = |names: &[&str]| {
            let fits = |(_, row): &(usize, &DetectorInfo)| names.contains(&row.name);
            ROWS.iter().enumerate().filter(fits).map(|(row, _)| row + BY_KEY).collect::<Vec<_>>()
        };
        let secrets = match shape_is.needs {
            Needs::Form => (BY_KEY..secrets()).collect(),
            Needs::Key => (0..secrets()).collect(),
            Needs::DigitsByKey => vec![0],
            Needs::Only(names) => named(names),
        };
        let of_shape = secrets.into_iter().map(|secret| Cell { shape: shape as u16, secret: secret as u16 });
        cells.extend(of_shape.filter(|cell| wanted(cell.state())));
    }
    cells
}

/// How many kinds of secrets there are: one for each row of the table of detectors, and three that only a name gives
/// away.
pub fn secrets() -> usize {
    BY_KEY + ROWS.len()
}

/// Logs all cases in one world, and looks for their secrets in every output.
///
/// Each secret must first be found in what a layer without redaction would have shown: what is planted where nobody can
/// see it proves nothing.
///
/// # Errors
/// If one comes out. The error names class, shape, detector and seed, and never the secret.
///
/// # Panics
/// If the harness itself does not work: a shape that does not log its secret, a search that does not see it.
pub fn plant(policy: &Policy, cases: &[Case]) -> Result<(), Leaked> {
    plant_in(policy, cases, false)
}

/// The same, with what any carrier may take to the log only in fields, and in none that has a place of its own: what a
/// strict channel has to stop.
///
/// # Errors
/// As [`plant`].
///
/// # Panics
/// As [`plant`].
pub fn plant_in_fields(policy: &Policy, cases: &[Case]) -> Result<(), Leaked> {
    plant_in(policy, cases, true)
}

fn plant_in(policy: &Policy, cases: &[Case], fields_alone: bool) -> Result<(), Leaked> {
    let mut seeds: Vec<Seed> = cases.iter().map(|case| Seed::new(case.seed)).collect();
    let canaries: Vec<Canary> =
        cases.iter().zip(&mut seeds).map(|(case, seed)| case.cell.canary(seed)).collect();
    let world = World::new(policy.clone()).seed(cases.first().map_or(0, |case| case.seed)).with_control();
    let captured = world.fields_alone(fields_alone).run(|scene| {
        for (index, ((case, canary), seed)) in cases.iter().zip(&canaries).zip(&mut seeds).enumerate() {
            case.cell.shape().emit(scene, canary.text(), seed);
            // Large values fill a queue, and a world in which records are lost proves nothing.
            if index % 8 == 7 {
                scene.say_error(&scene.handle.commit(Channel::APP).err());
            }
        }
        tracing::error!(safe = SAFE, "{SAFE}");
    });
    captured.assert_shows(SAFE);
    let search = Search::new(&canaries);
    let seen: BTreeSet<usize> =
        search.leaks([("", captured.unredacted())]).into_iter().map(|leak| leak.canary).collect();
    let unseen = cases.iter().enumerate().filter(|(index, _)| !seen.contains(index)).map(|(_, case)| {
        let (cell, seed) = (case.cell, case.seed);
        format!("\n  class {}, `{}`, a secret of {}, seed {seed}", cell.class(), cell.code(), cell.detector())
    });
    let unseen: String = unseen.collect();
    assert!(unseen.is_empty(), "the capture does not work, for these are not seen even unredacted{unseen}");
    let leaks = search.leaks(captured.outputs());
    let mut found: BTreeMap<usize, BTreeSet<String>> = BTreeMap::new();
    for leak in leaks {
        let how = format!("{} ({}) in {}", leak.form, leak.view, leak.output);
        found.entry(leak.canary).or_default().insert(how);
    }
    let found: Vec<Found> = found.into_iter().map(|(index, how)| Found { case: cases[index], how }).collect();
    Leaked::unless_empty(found)
}

/// An ordinary sentence that no rule may touch.
const SAFE: &str = "served the list of rooms";

static ROWS: LazyLock<Vec<DetectorInfo>> = LazyLock::new(|| inspect::detectors().collect());
