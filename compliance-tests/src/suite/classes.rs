//! The evasion classes: every shape of a class with every detector, from one seed per case.

use std::collections::{BTreeMap, BTreeSet};

use dihya::inspect::DetectorInfo;
use dihya::{Channel, Policy};

use super::context::Context;
use super::derive::{derived, route_all};
use super::failure::ensure;
use super::shrink;
use super::{Done, Failure};
use crate::canary::Canary;
use crate::classes::{CLASSES, Class, State};
use crate::search::{Leak, Search};
use crate::seed::Seed;
use crate::shapes::{self, Needs, Shape};
use crate::world::{Captured, Scene, World};

/// One class, by its number.
pub(crate) fn check<const CLASS: u8>(context: &mut Context) -> Result<Done, Failure> {
    let Some(class) = CLASSES.iter().find(|class| class.number == CLASS) else {
        return Err(Failure::new(format!("there is no class {CLASS}")));
    };
    let (covered, open): (Vec<&Shape>, Vec<&Shape>) = shapes::all()
        .iter()
        .filter(|shape| shape.class == CLASS)
        .partition(|shape| shape.state() == State::Covered);
    ensure!(!(covered.is_empty() && open.is_empty()), "class {CLASS} ({}) has no shape", class.name);
    if !covered.is_empty() {
        run(context, class, &covered, &context.policy.clone())?;
    }
    if open.is_empty() {
        return Ok(Done::Proved);
    }
    if !covered.is_empty() {
        let all = covered.len() + open.len();
        context.note(format!("{} of {all} ways are claimed; the others are not covered yet", covered.len()));
        return Ok(Done::Proved);
    }
    // What content cannot show, a strict channel stops all the same.
    let strict = context.facts.strict();
    if strict.is_empty() {
        return Ok(Done::NotClaimed(format!(
            "{} Only a strict channel stops it, and none of this policy is strict.",
            class.note
        )));
    }
    for channel in &strict {
        let policy = derived(&context.policy, |table| route_all(table, channel))?;
        run(context, class, &open, &policy)?;
        context
            .note(format!("claimed for the strict channel {channel} alone, with every event routed there"));
    }
    Ok(Done::Proved)
}

fn run(context: &mut Context, class: &Class, shapes: &[&Shape], policy: &Policy) -> Result<(), Failure> {
    let detectors = context.detectors();
    for seed in context.seeds() {
        for (at, shape) in shapes.iter().enumerate() {
            let mut canaries = canaries(shape, &detectors, &mut Seed::new(seed ^ (at as u64) << 32));
            // Each canary in some of the shapes per case rather than in all: else the class with the most shapes, or
            // with the largest events, would take as long as all others.
            let heavy = if is_heavy(shape, &canaries) { HEAVY } else { 1 };
            let share = heavy * shapes.len().div_ceil(SHAPES_PER_CANARY);
            if canaries.len() >= 2 * share {
                let case = context.tally.cases as usize;
                let mut index = 0;
                canaries.retain(|_| {
                    index += 1;
                    (index + case + at).is_multiple_of(share)
                });
            }
            if canaries.is_empty() {
                context.note(format!("`{}` carries only what the policy switches off", shape.code));
                continue;
            }
            let planted = Planted { policy, shape, canaries, seed };
            planted.check(context, &format!("class {} ({})", class.number, class.name))?;
        }
        context.tally.cases += 1;
    }
    Ok(())
}

/// Canaries logged in one shape under one policy.
pub(crate) struct Planted<'a> {
    pub(crate) policy: &'a Policy,
    pub(crate) shape: &'a Shape,
    pub(crate) canaries: Vec<Canary>,
    pub(crate) seed: u64,
}

impl Planted<'_> {
    /// Logs them all, first without redaction; fails unless they were seen there, and only there.
    pub(crate) fn check(&self, context: &mut Context, what: &str) -> Result<(), Failure> {
        let search = Search::new(&self.canaries);
        let all: Vec<usize> = (0..self.canaries.len()).collect();
        let captured = World::new(self.policy.clone()).seed(self.seed).with_control().run(|scene| {
            for at in &all {
                self.emit(scene, *at);
                // Large values fill a queue, and a world in which records are lost proves nothing.
                if at % 8 == 7 {
                    scene.say_error(&scene.handle.commit(Channel::APP).err());
                }
            }
            tracing::error!("{SAFE}");
        });
        let controls = self.controls(&search, captured.unredacted())?;
        ensure!(
            shows(&captured, SAFE),
            "{what}: an ordinary sentence did not come out, so that the absence of secrets proves nothing"
        );
        context.tally.checks += self.canaries.len() as u64;
        context.tally.controls += controls as u64;
        let leaks = self.unless_allowed(context, search.leaks(captured.outputs()))?;
        if leaks.is_empty() {
            return Ok(());
        }
        let event = shrink::smallest(self, leaks[0].canary);
        let text = format!(
            "{what}: a secret came out\n{}\n  event      {event}\n  logged as  {}\n  seed       {}",
            told(&leaks, &self.canaries),
            self.shape.code,
            self.seed,
        );
        Err(guarded(text, &self.canaries))
    }

    /// How many canaries the layer that hides nothing shows.
    fn controls(&self, search: &Search, bare: &[u8]) -> Result<usize, Failure> {
        let seen: BTreeSet<usize> =
            search.leaks([("control", bare)]).into_iter().map(|leak| leak.canary).collect();
        let detectors = |at: &mut dyn Iterator<Item = usize>| -> BTreeSet<&'static str> {
            at.filter_map(|at| self.canaries.get(at)).map(Canary::detector).collect()
        };
        let missing: Vec<&str> = detectors(&mut (0..self.canaries.len()))
            .difference(&detectors(&mut seen.iter().copied()))
            .copied()
            .collect();
        // Of a secret in pieces only those are found whose pieces are long enough.
        let in_pieces = CLASSES.iter().any(|c| c.number == self.shape.class && c.state == State::StrictOnly);
        ensure!(
            missing.is_empty() || (in_pieces && !seen.is_empty()),
            "`{}`: without redaction the canaries of {missing:?} are not found either, so that their absence proves \
             nothing (seed {})",
            self.shape.code,
            self.seed
        );
        Ok(seen.len())
    }

    /// The leaks that are not the policy's own wish: those that remain without its exceptions.
    fn unless_allowed(&self, context: &mut Context, leaks: Vec<Leak>) -> Result<Vec<Leak>, Failure> {
        if leaks.is_empty() || !context.facts.has_exceptions() {
            return Ok(leaks);
        }
        let without = derived(self.policy, |table| {
            if let Some(toml::Value::Table(redact)) = table.get_mut("redact") {
                redact.remove("keep_keys");
                redact.remove("allow");
            }
        })?;
        let strict = Planted { policy: &without, canaries: self.canaries.clone(), ..*self };
        let (stay, allowed): (Vec<Leak>, Vec<Leak>) =
            leaks.into_iter().partition(|leak| strict.leaks_alone(leak.canary));
        if !allowed.is_empty() {
            context.note("some values come out by the policy's own exceptions (`keep_keys`, `allow`)");
        }
        Ok(stay)
    }

    /// Whether this canary comes out when it alone is logged.
    fn leaks_alone(&self, at: usize) -> bool {
        self.leaks_by(at, |scene| self.emit(scene, at))
    }

    /// Whether a canary comes out of what is done here.
    pub(crate) fn leaks_by(&self, at: usize, act: impl FnOnce(&Scene)) -> bool {
        let captured = World::new(self.policy.clone()).seed(self.seed).run(|scene| panicless(|| act(scene)));
        !captured.leaks([&self.canaries[at]]).is_empty()
    }

    /// Logs one canary; the same way each time, whatever is logged before it.
    pub(crate) fn emit(&self, scene: &Scene, at: usize) {
        let mut seed = Seed::new(self.seed.wrapping_mul(1009).wrapping_add(at as u64));
        self.shape.emit(scene, self.canaries[at].text(), &mut seed);
    }
}

/// Whether an event of this shape is many times an ordinary one.
fn is_heavy(shape: &Shape, canaries: &[Canary]) -> bool {
    HEAVY_CLASSES.contains(&shape.class) && canaries.len() > 2 * HEAVY
}

/// The layer's own hook would print what panics here.
fn panicless(act: impl FnOnce()) {
    super::panics::quietly(act);
}

fn canaries(shape: &Shape, detectors: &[DetectorInfo], seed: &mut Seed) -> Vec<Canary> {
    match shape.needs {
        Needs::Key => {
            let kinds = [Canary::plain, Canary::mixed, Canary::signs];
            // Of a shape that is claimed for some secrets, those; of one that is claimed for none, all.
            let is_claimed = |kind: &usize| shape.state_with(*kind) == shape.state();
            let kinds_claimed = (0..24).map(|i| i % kinds.len()).filter(is_claimed);
            let by_key: Vec<Canary> = kinds_claimed.map(|kind| kinds[kind](seed)).collect();
            // A password is one word: a form with blanks or quotes in it is for shapes that need no name.
            let formed = detectors.iter().map(|detector| Canary::of(detector, seed));
            let formed = formed.filter(|canary| {
                // Nor does one hold the name of another.
                canary.detector() != "keyed_secret" && !canary.text().contains([' ', '\t', '\n', '"', '\''])
            });
            by_key.into_iter().chain(formed).collect()
        }
        Needs::DigitsByKey => (0..12).map(|_| Canary::digits(seed)).collect(),
        Needs::Form => detectors.iter().map(|detector| Canary::of(detector, seed)).collect(),
        Needs::Only(names) => {
            let fitting: Vec<_> =
                detectors.iter().filter(|detector| names.contains(&detector.name)).collect();
            let count = if fitting.is_empty() { 0 } else { 12 };
            (0..count).map(|i| Canary::of(fitting[i % fitting.len()], seed)).collect()
        }
    }
}

/// One line per detector: how its canaries came out, and where.
pub(crate) fn told(leaks: &[Leak], canaries: &[Canary]) -> String {
    let mut found: BTreeMap<&str, (BTreeSet<&str>, BTreeSet<&str>)> = BTreeMap::new();
    for leak in leaks {
        let detector = canaries.get(leak.canary).map_or("?", Canary::detector);
        let (forms, outputs) = found.entry(detector).or_default();
        forms.insert(leak.form);
        outputs.insert(&leak.output);
    }
    let joined = |texts: BTreeSet<&str>| texts.into_iter().collect::<Vec<_>>().join(", ");
    let more = found.len().saturating_sub(SHOWN);
    let lines = found.into_iter().take(SHOWN).map(|(detector, (forms, outputs))| {
        format!("  detector   {detector}, {}, in {}", joined(forms), joined(outputs))
    });
    let mut text = lines.collect::<Vec<_>>().join("\n");
    if more > 0 {
        text.push_str(&format!("\n             and {more} more"));
    }
    text
}

/// A failure that is sure to show none of these.
pub(crate) fn guarded<'a>(text: String, canaries: impl IntoIterator<Item = &'a Canary>) -> Failure {
    match Search::new(canaries).leaks([("failure", text.as_bytes())]).is_empty() {
        true => Failure::new(text),
        false => Failure::new("a secret came out, and the description of how would show it: it is left out"),
    }
}

/// Whether the text is both in a file and in the mirror.
pub(crate) fn shows(captured: &Captured, text: &str) -> bool {
    let has = |start: &str| {
        let mut outputs = captured.outputs().filter(|(name, _)| name.starts_with(start));
        outputs.any(|(_, bytes)| String::from_utf8_lossy(bytes).contains(text))
    };
    has("file ") && has("mirror")
}

/// An ordinary sentence that no rule may touch.
pub(crate) const SAFE: &str = "served the list of rooms";

/// Classes whose events are up to 200 KiB.
const HEAVY_CLASSES: [u8; 2] = [29, 38];

/// In how many shapes of a class each canary is logged per case.
const SHAPES_PER_CANARY: usize = 8;

/// How many cases share the canaries of such a shape: as many as a suite has.
const HEAVY: usize = 4;

/// Lines of a failure message.
const SHOWN: usize = 8;
