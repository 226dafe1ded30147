//! One measurement of one pipeline, run in a process of its own.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use tracing::Dispatch;
use uuid::Uuid;

use crate::clock::{self, Ticks};
use crate::events::{Frontend, Ids, Slog, Tracing};
use crate::peers::{self, Peer, Pipe};

/// What one process measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scenario {
    /// One event per 20 us; then bursts of 100 of each kind with pauses; then disabled events.
    Latency,
    /// One producer as fast as it can: CPU time per event, events per second to the file.
    Saturated,
    /// Two producers as fast as they can.
    SaturatedTwo,
    /// 100,000 events per second on a fixed schedule.
    Steady,
    /// Resident memory of five open, idle channels.
    Memory,
}

impl Scenario {
    /// All, in the order they run in.
    pub const ALL: [Scenario; 5] =
        [Scenario::Latency, Scenario::Saturated, Scenario::SaturatedTwo, Scenario::Steady, Scenario::Memory];

    /// The name used on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Scenario::Latency => "latency",
            Scenario::Saturated => "saturated",
            Scenario::SaturatedTwo => "saturated2",
            Scenario::Steady => "steady",
            Scenario::Memory => "memory",
        }
    }

    /// The scenario of this name.
    pub fn named(name: &str) -> Option<Scenario> {
        Scenario::ALL.into_iter().find(|scenario| scenario.name() == name)
    }

    /// Whether it says anything about this peer.
    pub fn suits(self, peer: Peer) -> bool {
        match self {
            Scenario::Latency => true,
            Scenario::Saturated | Scenario::SaturatedTwo | Scenario::Steady => peer.writes(),
            Scenario::Memory => matches!(peer, Peer::Ours | Peer::Lossless),
        }
    }
}

/// How much is measured per process.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Events of the paced loop.
    pub paced: usize,
    /// Bursts of 100 of each kind.
    pub bursts: usize,
    /// How long producers run saturated.
    pub saturated: Duration,
    /// Events of the steady loop.
    pub steady: usize,
}

impl Size {
    /// The whole run takes a little over a minute.
    pub const FULL: Size =
        Size { paced: 8_000, bursts: 30, saturated: Duration::from_millis(300), steady: 30_000 };
    /// Enough to see whether something broke.
    pub const QUICK: Size =
        Size { paced: 4_000, bursts: 15, saturated: Duration::from_millis(100), steady: 15_000 };
    /// Only proves that everything runs.
    pub const SMOKE: Size = Size { paced: 100, bursts: 1, saturated: Duration::from_millis(2), steady: 100 };
}

/// Figures by name: `*_p50`, `*_p99`, `*_p999` and `*_cpu` are ns per event.
pub type Figures = BTreeMap<String, f64>;

/// Measures `peer` in this process, whose global dispatcher it takes unless `scoped`.
pub fn run(
    scenario: Scenario,
    peer: Peer,
    size: Size,
    dir: &Path,
    scoped: bool,
) -> Result<Figures, Box<dyn Error>> {
    if scenario == Scenario::Memory {
        return memory(peer, dir);
    }
    let before = clock::resident()?;
    if peer == Peer::Slog {
        let root = peers::open_slog(dir)?;
        let frontend = Slog::new(&root);
        drop(root);
        let mut pipe = SlogPipe;
        return measure(scenario, size, frontend, &mut pipe, before);
    }
    let (dispatch, mut pipe) = peers::open(peer, dir)?;
    let _scope = install(dispatch, scoped)?;
    measure(scenario, size, Tracing::new(), pipe.as_mut(), before)
}

fn install(
    dispatch: Dispatch,
    scoped: bool,
) -> Result<Option<tracing::dispatcher::DefaultGuard>, Box<dyn Error>> {
    if scoped {
        return Ok(Some(tracing::dispatcher::set_default(&dispatch)));
    }
    tracing::dispatcher::set_global_default(dispatch)?;
    Ok(None)
}

fn measure<F: Frontend>(
    scenario: Scenario,
    size: Size,
    frontend: F,
    pipe: &mut dyn Pipe,
    resident_before: u64,
) -> Result<Figures, Box<dyn Error>> {
    let ticks = Ticks::calibrate();
    let mut session = Session { ticks, ids: Ids::new(0), emitted: 0, figures: Figures::new() };
    match scenario {
        Scenario::Latency => {
            session.warm_up(&frontend, pipe)?;
            session.paced(&frontend, "paced", size.paced, 20_000);
            pipe.drain(session.emitted)?;
            session.burst(&frontend, "burst", size.bursts, F::standard);
            pipe.drain(session.emitted)?;
            session.burst(&frontend, "heavy", size.bursts, F::heavy);
            pipe.drain(session.emitted)?;
            session.burst(&frontend, "hit", size.bursts, F::hit);
            pipe.drain(session.emitted)?;
            session.disabled(&frontend);
            session.figures.insert("clock_overhead".into(), ticks.overhead_ns());
        }
        Scenario::Saturated => {
            session.warm_up(&frontend, pipe)?;
            session.saturated(frontend, pipe, 1, size.saturated)?;
            let growth = clock::peak_resident()?.saturating_sub(resident_before);
            session.figures.insert("saturated_bytes".into(), growth as f64);
        }
        Scenario::SaturatedTwo => {
            session.warm_up(&frontend, pipe)?;
            session.saturated(frontend, pipe, 2, size.saturated)?;
        }
        Scenario::Steady => {
            session.warm_up(&frontend, pipe)?;
            session.paced(&frontend, "steady", size.steady, 10_000);
            pipe.drain(session.emitted)?;
        }
        Scenario::Memory => return Err("`run` measures memory without a front end".into()),
    }
    Ok(session.figures)
}

struct Session {
    ticks: Ticks,
    ids: Ids,
    emitted: u64,
    figures: Figures,
}

impl Session {
    /// Caches, buffers and branch predictors are warm in a service that has run for a minute.
    fn warm_up<F: Frontend>(&mut self, frontend: &F, pipe: &mut dyn Pipe) -> Result<(), Box<dyn Error>> {
        frontend.inside(|| {
            for _ in 0..2_000 {
                frontend.standard(self.ids.next_id());
            }
        });
        self.emitted += 2_000;
        pipe.drain(self.emitted)
    }

    /// `count` standard events on a fixed schedule; one that is late starts at once.
    fn paced<F: Frontend>(&mut self, frontend: &F, name: &str, count: usize, every_ns: u64) {
        let mut samples = Vec::with_capacity(count);
        let every = self.ticks.in_ns(every_ns);
        let start = clock::now();
        frontend.inside(|| {
            for index in 0..count as u64 {
                let id = self.ids.next_id();
                self.ticks.spin_until(start + index * every);
                samples.push(self.ticks.of(|| frontend.standard(id)));
            }
        });
        let elapsed = self.ticks.to_ns(clock::now() - start);
        self.emitted += count as u64;
        self.figures.insert(format!("{name}_rate"), count as f64 * 1e9 / elapsed);
        self.percentiles(name, samples);
    }

    /// `bursts` times 100 events in a row, each timed, then a pause of 2 ms.
    fn burst<F: Frontend>(&mut self, frontend: &F, name: &str, bursts: usize, event: impl Fn(&F, Uuid)) {
        let mut samples = Vec::with_capacity(bursts * 100);
        frontend.inside(|| {
            for _ in 0..bursts {
                for _ in 0..100 {
                    let id = self.ids.next_id();
                    samples.push(self.ticks.of(|| event(frontend, id)));
                }
                thread::sleep(Duration::from_millis(2));
            }
        });
        self.emitted += bursts as u64 * 100;
        self.percentiles(name, samples);
    }

    /// Too short to be timed one by one.
    fn disabled<F: Frontend>(&mut self, frontend: &F) {
        const ROUNDS: u64 = 1_000_000;
        let id = std::hint::black_box(self.ids.next_id());
        let mut compiled = true;
        let spent = frontend.inside(|| {
            self.ticks.of(|| {
                for _ in 0..ROUNDS {
                    compiled &= frontend.disabled(std::hint::black_box(id));
                }
            })
        });
        if std::hint::black_box(compiled) {
            self.figures.insert("disabled".into(), self.ticks.to_ns(spent) / ROUNDS as f64);
        }
    }

    /// Producers as fast as they can; the clock stops when the last line is in the file.
    fn saturated<F: Frontend>(
        &mut self,
        frontend: F,
        pipe: &mut dyn Pipe,
        producers: u64,
        time: Duration,
    ) -> Result<(), Box<dyn Error>> {
        let (start, cpu_before) = (Instant::now(), clock::process_cpu());
        let made: Vec<(u64, Duration)> = thread::scope(|scope| {
            let handles: Vec<_> = (0..producers)
                .map(|n| {
                    scope.spawn({
                        let frontend = &frontend;
                        move || produce(frontend, n, time)
                    })
                })
                .collect();
            handles
                .into_iter()
                .map(|handle| handle.join().map_err(|_| "a producer panicked"))
                .collect::<Result<_, _>>()
        })?;
        let count: u64 = made.iter().map(|(count, _)| count).sum();
        let call_cpu: Duration = made.iter().map(|(_, cpu)| *cpu).sum();
        self.emitted += count;
        // slog flushes its buffer when its logger goes.
        drop(frontend);
        pipe.drain(self.emitted)?;
        let (elapsed, total_cpu) = (start.elapsed(), clock::process_cpu() - cpu_before);
        let name = if producers == 1 { "saturated" } else { "saturated2" };
        let per_event = |time: Duration| time.as_nanos() as f64 / count as f64;
        self.figures.insert(format!("{name}_call_cpu"), per_event(call_cpu));
        self.figures.insert(format!("{name}_total_cpu"), per_event(total_cpu));
        self.figures.insert(format!("{name}_rate"), count as f64 / elapsed.as_secs_f64());
        Ok(())
    }

    fn percentiles(&mut self, name: &str, mut samples: Vec<u64>) {
        samples.sort_unstable();
        for (suffix, part) in [("p50", 0.5), ("p99", 0.99), ("p999", 0.999)] {
            let index = ((samples.len() as f64 * part) as usize).min(samples.len() - 1);
            self.figures.insert(format!("{name}_{suffix}"), self.ticks.to_ns(samples[index]));
        }
    }
}

/// Standard events for `time`; how many, and what they cost this thread.
fn produce<F: Frontend>(frontend: &F, producer: u64, time: Duration) -> (u64, Duration) {
    let mut ids = Ids::new(producer + 1);
    let (start, cpu_before, mut count) = (Instant::now(), clock::thread_cpu(), 0);
    frontend.inside(|| {
        while start.elapsed() < time {
            for _ in 0..256 {
                frontend.standard(ids.next_id());
            }
            count += 256;
        }
    });
    (count, clock::thread_cpu() - cpu_before)
}

/// The buffer reaches the file when the logger is dropped.
struct SlogPipe;

impl Pipe for SlogPipe {
    fn drain(&mut self, _lines: u64) -> Result<(), Box<dyn Error>> {
        Ok(())
    }
}

/// Resident memory before and after five channels were opened and each thread had time to settle.
fn memory(peer: Peer, dir: &Path) -> Result<Figures, Box<dyn Error>> {
    let before = clock::resident()?;
    let kept: Box<dyn std::any::Any> = if peer == Peer::Ours {
        Box::new(peers::open(peer, dir)?)
    } else {
        let channels = ["app", "audit", "security", "api", "scheduler"];
        let open: Result<Vec<_>, _> =
            channels.iter().map(|name| peers::lossless(&dir.join(format!("{name}.jsonl")))).collect();
        Box::new(open?)
    };
    thread::sleep(Duration::from_millis(100));
    let after = clock::resident()?;
    drop(kept);
    let mut figures = Figures::new();
    figures.insert("idle_bytes".into(), after.saturating_sub(before) as f64);
    Ok(figures)
}
