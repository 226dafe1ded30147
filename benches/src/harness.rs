//! Runs every (scenario, peer) pair in a process of its own, interleaved in rounds: A B C, B C A, ...

use std::collections::BTreeMap;
use std::error::Error;
use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::peers::Peer;
use crate::scenario::{self, Figures, Scenario, Size};

/// What to run and how long.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Which size each process measures.
    pub size: SizeName,
    /// How often each pair runs.
    pub rounds: usize,
    /// Who takes part.
    pub peers: Vec<Peer>,
    /// Which scenarios.
    pub scenarios: Vec<Scenario>,
    /// Under `set_default` instead of the global default.
    pub scoped: bool,
    /// Files go below this folder.
    pub dir: PathBuf,
}

/// A [`Size`] that can cross a command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SizeName {
    /// [`Size::FULL`]
    Full,
    /// [`Size::QUICK`]
    Quick,
    /// [`Size::SMOKE`]
    Smoke,
}

impl SizeName {
    fn name(self) -> &'static str {
        match self {
            SizeName::Full => "full",
            SizeName::Quick => "quick",
            SizeName::Smoke => "smoke",
        }
    }

    fn size(name: &str) -> Option<Size> {
        match name {
            "full" => Some(Size::FULL),
            "quick" => Some(Size::QUICK),
            "smoke" => Some(Size::SMOKE),
            _ => None,
        }
    }
}

/// Figures of all rounds, by peer name and figure name.
#[derive(Clone, Debug, Default)]
pub struct Results {
    rounds: BTreeMap<&'static str, BTreeMap<String, Vec<f64>>>,
}

impl Results {
    /// Each round's value, or nothing if it was not measured.
    pub fn rounds(&self, peer: Peer, figure: &str) -> &[f64] {
        self.rounds.get(peer.name()).and_then(|figures| figures.get(figure)).map_or(&[], Vec::as_slice)
    }

    /// The median over the rounds.
    pub fn median(&self, peer: Peer, figure: &str) -> Option<f64> {
        median(self.rounds(peer, figure))
    }

    /// The median of `above / below`, formed round by round, so that a machine that slows down for one round
    /// slows both sides of the quotient.
    pub fn ratio(&self, above: (Peer, &str), below: (Peer, &str)) -> Option<f64> {
        let (above, below) = (self.rounds(above.0, above.1), self.rounds(below.0, below.1));
        let ratios: Vec<f64> = above.iter().zip(below).map(|(a, b)| a / b).collect();
        median(&ratios)
    }

    /// Everything, for `--json`.
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::json!(self.rounds)
    }

    fn add(&mut self, peer: Peer, figures: Figures) {
        let known = self.rounds.entry(peer.name()).or_default();
        for (name, value) in figures {
            known.entry(name).or_default().push(value);
        }
    }
}

/// Runs the plan; `progress` hears of each round.
pub fn run(plan: &Plan, mut progress: impl FnMut(usize)) -> Result<Results, Box<dyn Error>> {
    let scratch = Scratch::new(&plan.dir)?;
    let mut results = Results::default();
    for round in 0..plan.rounds {
        progress(round);
        for scenario in &plan.scenarios {
            let suited: Vec<Peer> = plan.peers.iter().copied().filter(|peer| scenario.suits(*peer)).collect();
            for index in 0..suited.len() {
                // Another one begins each time: what runs first in a round finds a machine that has just rested.
                let peer = suited[(index + round) % suited.len()];
                results.add(peer, child(plan, *scenario, peer, scratch.path())?);
            }
        }
    }
    Ok(results)
}

/// The other side: what the process started by [`run`] does. `None` when the arguments are not a child's.
pub fn child_main(arguments: &[String]) -> Option<Result<String, Box<dyn Error>>> {
    let [marker, scenario, peer, size, scoped, dir] = arguments else { return None };
    if marker != CHILD {
        return None;
    }
    let (Some(scenario), Some(peer), Some(size)) =
        (Scenario::named(scenario), Peer::named(peer), SizeName::size(size))
    else {
        return Some(Err("unknown scenario, peer or size".into()));
    };
    let figures = scenario::run(scenario, peer, size, Path::new(dir), scoped == "true");
    Some(figures.map(|figures| serde_json::json!(figures).to_string()))
}

/// Where files go unless told: memory, so that no disk is measured by accident.
pub fn default_dir() -> PathBuf {
    let shm = PathBuf::from("/dev/shm");
    if shm.is_dir() { shm } else { std::env::temp_dir() }
}

/// A folder of our own, removed with all that is in it.
#[derive(Debug)]
pub struct Scratch(PathBuf);

impl Scratch {
    /// Below `parent`, for this process alone.
    pub fn new(parent: &Path) -> std::io::Result<Scratch> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = parent.join(format!("dihya-bench-{}-{count}", std::process::id()));
        private_dir(&path)?;
        Ok(Scratch(path))
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn child(plan: &Plan, scenario: Scenario, peer: Peer, scratch: &Path) -> Result<Figures, Box<dyn Error>> {
    let dir = scratch.join("run");
    private_dir(&dir)?;
    let output = Command::new(std::env::current_exe()?)
        .args([CHILD, scenario.name(), peer.name(), plan.size.name(), &plan.scoped.to_string()])
        .arg(&dir)
        .stderr(Stdio::inherit())
        .output()?;
    fs::remove_dir_all(&dir)?;
    if !output.status.success() {
        return Err(format!("{} / {} ended with {}", scenario.name(), peer.name(), output.status).into());
    }
    let text = String::from_utf8(output.stdout)?;
    let line = text.lines().last().unwrap_or_default();
    Ok(serde_json::from_str(line)?)
}

fn private_dir(path: &Path) -> std::io::Result<()> {
    DirBuilder::new().mode(0o700).create(path)
}

fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let (low, high) = (sorted.get(sorted.len().checked_sub(1)? / 2)?, sorted.get(sorted.len() / 2)?);
    Some((low + high) / 2.0)
}

/// First argument of a child; nobody types it.
const CHILD: &str = "--measure-in-this-process";

#[cfg(test)]
mod tests {
    use super::*;

    fn results(ours: &[f64], theirs: &[f64]) -> Results {
        let mut results = Results::default();
        for (ours, theirs) in ours.iter().zip(theirs) {
            results.add(Peer::Ours, Figures::from([("burst_p50".into(), *ours)]));
            results.add(Peer::Lossless, Figures::from([("burst_p50".into(), *theirs)]));
        }
        results
    }

    #[test]
    fn the_median_of_an_even_number_of_rounds_lies_between_the_two_in_the_middle() {
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median(&[]), None);
    }

    #[test]
    fn a_slow_round_does_not_change_a_ratio() {
        let results = results(&[100.0, 900.0, 100.0], &[800.0, 7_200.0, 800.0]);
        assert_eq!(results.ratio((Peer::Lossless, "burst_p50"), (Peer::Ours, "burst_p50")), Some(8.0));
    }

    #[test]
    fn what_was_not_measured_has_no_ratio() {
        let results = results(&[1.0], &[1.0]);
        assert_eq!(results.ratio((Peer::Slog, "burst_p50"), (Peer::Ours, "burst_p50")), None);
    }
}
