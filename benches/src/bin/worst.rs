//! The worst that a value can do: what redaction costs for 64 KiB values made to be slow, as a ratio to what it costs
//! for an ordinary log text of the same length in which nothing is to be hidden (`ordinary::log`).
//!
//! `cargo run -p dihya-benches --release --bin worst -- [--values N] [--seconds S] [--seed S] [--threads T]
//! [--recipe R]`. Half of the values are made anew, the others from the slowest so far, a little changed. `--recipe` measures one alone, as a run
//! printed it. A value that looks slow is measured again, and the least of the repeats counts. What the search kept is
//! measured once more at its end, in turns with the clean text, and that is what counts: the search may last for an hour
//! in which the machine does other things. Values over the budget, which would be replaced as a whole, count too.
//!
//! `--kinds` measures the ordinary kinds of text instead. Prints lines of JSON; what goes on meanwhile goes to stderr.
//! Exit code 1: some value costs more than the limit. 2: wrong arguments.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "its output is its purpose")]

use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use dihya::inspect::Examiner;
use dihya_benches::adversary::{Pieces, Random, Recipe};
use dihya_benches::clock::thread_cpu;
use dihya_benches::ordinary::{self, LENGTH};

fn main() -> ExitCode {
    let Some(asked) = Asked::from(std::env::args().skip(1)) else {
        eprintln!("usage: worst [--values N] [--seconds S] [--seed S] [--threads T] [--recipe R] [--kinds]");
        return ExitCode::from(2);
    };
    let clean = Clean::measured(if asked.recipe.is_some() { 10 } else { 200 });
    if asked.kinds {
        print_kinds(&clean);
        return ExitCode::SUCCESS;
    }
    let search = Search {
        pieces: Pieces::default(),
        slowest: Mutex::default(),
        given_up: 0.into(),
        done: 0.into(),
        clean,
    };
    match &asked.recipe {
        Some(recipe) => search.measure(&mut Examiner::default(), recipe.clone()),
        None => std::thread::scope(|scope| {
            let each = asked.values.div_ceil(asked.threads);
            for thread in 0..asked.threads {
                let (search, asked) = (&search, &asked);
                scope.spawn(move || search.run(asked, thread, each));
            }
        }),
    }
    let ratio = search.print(&asked);
    ExitCode::from(u8::from(ratio > LIMIT))
}

struct Asked {
    values: u64,
    seconds: Option<u64>,
    seed: u64,
    threads: u64,
    recipe: Option<Recipe>,
    kinds: bool,
}

impl Asked {
    fn from(mut arguments: impl Iterator<Item = String>) -> Option<Asked> {
        let mut asked =
            Asked { values: 100_000, seconds: None, seed: 1, threads: 1, recipe: None, kinds: false };
        while let Some(name) = arguments.next() {
            match name.as_str() {
                "--kinds" => asked.kinds = true,
                "--values" => asked.values = arguments.next()?.parse().ok()?,
                "--seconds" => asked.seconds = Some(arguments.next()?.parse().ok()?),
                "--seed" => asked.seed = arguments.next()?.parse().ok()?,
                "--threads" => {
                    asked.threads = arguments.next()?.parse().ok().filter(|threads| *threads > 0)?
                }
                "--recipe" => asked.recipe = Some(arguments.next()?.parse().ok()?),
                _ => return None,
            }
        }
        Some(asked)
    }
}

/// The cost of an ordinary text, the least so far: measured now and then, since the machine's speed changes.
struct Clean {
    text: String,
    ns: AtomicU64,
}

impl Clean {
    fn measured(repeats: usize) -> Clean {
        let clean = Clean { text: ordinary::log(), ns: u64::MAX.into() };
        clean.again(&mut Examiner::default(), repeats);
        clean
    }

    fn again(&self, examiner: &mut Examiner, repeats: usize) {
        for _ in 0..repeats {
            self.ns.fetch_min(timed(examiner, &self.text).0 as u64, Relaxed);
        }
    }

    fn ns(&self) -> f64 {
        self.ns.load(Relaxed) as f64
    }
}

/// In nanoseconds of this thread, whatever else the machine does; and what was found.
fn timed(examiner: &mut Examiner, text: &str) -> (f64, Option<usize>) {
    let before = thread_cpu();
    let examined = std::hint::black_box(examiner.examine(std::hint::black_box(text)));
    ((thread_cpu() - before).as_nanos() as f64, examined)
}

/// One value that was slow.
#[derive(Clone)]
struct Slow {
    ns: f64,
    work: usize,
    given_up: bool,
    recipe: Recipe,
}

struct Search {
    pieces: Pieces,
    /// The slowest first.
    slowest: Mutex<Vec<Slow>>,
    given_up: AtomicU64,
    done: AtomicU64,
    clean: Clean,
}

impl Search {
    fn run(&self, asked: &Asked, thread: u64, values: u64) {
        let mut random = Random(asked.seed.wrapping_mul(0xa076_1d64_78bd_642f) ^ thread << 32);
        let started = Instant::now();
        let mut told = started;
        let mut examiner = Examiner::default();
        if thread == 0 {
            Recipe::singles(&self.pieces).for_each(|recipe| self.measure(&mut examiner, recipe));
        }
        for _ in 0..values {
            let parent = match random.below(2) {
                0 => None,
                _ => self.parent(&mut random),
            };
            let recipe = match parent {
                None => Recipe::random(&self.pieces, &mut random),
                Some(parent) => parent.mutated(&self.pieces, &mut random),
            };
            self.measure(&mut examiner, recipe);
            if told.elapsed() >= PROGRESS {
                told = Instant::now();
                self.clean.again(&mut examiner, 20);
                let worst = self.slowest().first().map_or(0.0, |slow| slow.ns / self.clean.ns());
                eprintln!("{} values, {} times at worst", self.done.load(Relaxed), round(worst));
            }
            if asked.seconds.is_some_and(|seconds| started.elapsed().as_secs() >= seconds) {
                break;
            }
        }
    }

    fn parent(&self, random: &mut Random) -> Option<Recipe> {
        let slowest = self.slowest();
        let chosen = random.below(KEPT);
        slowest.get(chosen).map(|slow| slow.recipe.clone())
    }

    fn measure(&self, examiner: &mut Examiner, recipe: Recipe) {
        let text = recipe.text(&self.pieces);
        let (mut ns, examined) = timed(examiner, &text);
        let work = examiner.work();
        self.done.fetch_add(1, Relaxed);
        self.given_up.fetch_add(u64::from(examined.is_none()), Relaxed);
        let least = |slowest: &[Slow]| if slowest.len() < KEPT { 0.0 } else { slowest[KEPT - 1].ns };
        let floor = least(&self.slowest());
        for _ in 0..REPEATS {
            if ns <= floor {
                return;
            }
            ns = ns.min(timed(examiner, &text).0);
        }
        let mut slowest = self.slowest();
        if ns > least(&slowest) {
            // Of those made of the same pieces one is enough, or the search would stay where it is.
            match slowest.iter_mut().find(|slow| slow.recipe.is_like(&recipe)) {
                Some(like) if like.ns >= ns => return,
                Some(like) => *like = Slow { ns, work, given_up: examined.is_none(), recipe },
                None => slowest.push(Slow { ns, work, given_up: examined.is_none(), recipe }),
            }
            slowest.sort_by(|a, b| b.ns.total_cmp(&a.ns));
            slowest.truncate(KEPT);
        }
    }

    fn slowest(&self) -> std::sync::MutexGuard<'_, Vec<Slow>> {
        self.slowest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The result and the slowest; how many times the clean cost the slowest has.
    fn print(&self, asked: &Asked) -> f64 {
        let mut examiner = Examiner::default();
        let mut slowest: Vec<(f64, Slow)> =
            self.slowest().iter().map(|slow| self.in_turns(&mut examiner, slow)).collect();
        slowest.sort_by(|a, b| b.0.total_cmp(&a.0));
        for (ratio, slow) in slowest.iter().take(SHOWN) {
            println!(
                "{}",
                serde_json::json!({
                    "ratio": round(*ratio), "work_per_byte": round(slow.work as f64 / LENGTH as f64),
                    "ns_per_work": round(slow.ns / slow.work as f64), "replaced": slow.given_up,
                    "recipe": slow.recipe.to_string(), "made_of": slow.recipe.told(&self.pieces),
                })
            );
        }
        let (ratio, worst) = slowest.first().map_or((0.0, 0.0), |(ratio, slow)| (*ratio, slow.ns));
        println!(
            "{}",
            serde_json::json!({
                "values": self.done.load(Relaxed), "seed": asked.seed, "replaced_whole": self.given_up.load(Relaxed),
                "clean_ns_per_byte": round(worst / ratio / LENGTH as f64), "worst_ns_per_byte": round(worst / LENGTH as f64),
                "ratio": round(ratio), "limit": LIMIT,
            })
        );
        ratio
    }

    /// How many times the clean cost one value takes, both measured in turns.
    fn in_turns(&self, examiner: &mut Examiner, slow: &Slow) -> (f64, Slow) {
        let text = slow.recipe.text(&self.pieces);
        let (mut clean, mut ns) = (f64::INFINITY, f64::INFINITY);
        for _ in 0..TURNS {
            clean = clean.min(timed(examiner, &self.clean.text).0);
            ns = ns.min(timed(examiner, &text).0);
        }
        (ns / clean, Slow { ns, ..slow.clone() })
    }
}

fn print_kinds(clean: &Clean) {
    let mut examiner = Examiner::default();
    for kind in ordinary::kinds().into_iter().chain(ordinary::telling_kinds()) {
        let examined = examiner.examine(&kind.text);
        let times = (0..20).map(|_| timed(&mut examiner, &kind.text).0);
        let ns = times.fold(f64::INFINITY, f64::min);
        println!(
            "{}",
            serde_json::json!({
                "kind": kind.name, "ns_per_byte": round(ns / LENGTH as f64), "ratio": round(ns / clean.ns()),
                "work_per_byte": round(examiner.work() as f64 / LENGTH as f64),
                "ns_per_work": round(ns / examiner.work() as f64), "found": examined,
            })
        );
    }
}

fn round(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}

/// Times what an ordinary value of that length costs.
const LIMIT: f64 = 20.0;

/// How many of the slowest are changed into others, and how many are shown.
const KEPT: usize = 48;
const SHOWN: usize = 12;

const REPEATS: usize = 6;
const TURNS: usize = 12;

/// A line on stderr each.
const PROGRESS: Duration = Duration::from_secs(10);
