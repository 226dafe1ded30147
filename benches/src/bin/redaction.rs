//! What the redaction of one standard event takes of the calling thread: all detectors, decoders and names over its nine
//! values, which stand in memory already. `--rounds 200`
//!
//! The values differ in the request's id from event to event. One round looks at a thousand events; the median of the
//! rounds counts. `clean` has nothing to hide, `hit` one credential in its route; a `hit` is only its search, not the
//! marker.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "its output is its purpose")]

use std::hint::black_box;
use std::process::ExitCode;

use dihya::inspect::Examiner;
use dihya_benches::clock::Ticks;
use dihya_benches::events::{Ids, hit_route};

fn main() -> ExitCode {
    let rounds = match (std::env::args().nth(1).as_deref(), std::env::args().nth(2)) {
        (None, _) => Some(200),
        (Some("--rounds"), Some(number)) => number.parse().ok().filter(|number: &usize| *number > 0),
        _ => None,
    };
    let Some(rounds) = rounds else {
        eprintln!("usage: redaction [--rounds N]");
        return ExitCode::from(2);
    };
    let ticks = Ticks::calibrate();
    let hit = hit_route();
    let clean = measured(&ticks, rounds, "/v1/patients/{id}", 0);
    let found = measured(&ticks, rounds, &hit, 1);
    println!("clean {clean:.0} ns, hit {found:.0} ns");
    ExitCode::SUCCESS
}

/// Nanoseconds an event.
fn measured(ticks: &Ticks, rounds: usize, route: &str, finds: usize) -> f64 {
    let mut ids = Ids::new(1);
    let mut events: Vec<Examiner> = (0..EVENTS)
        .map(|_| {
            let id = ids.next_id().to_string();
            let mut event = Examiner::default();
            event.take(&["GET", route, "user_123", "clinic-7", &id, "request served"], &["200", "1834"]);
            assert_eq!(event.look(), Some(finds), "it is not the event that is to be measured");
            event
        })
        .collect();
    let mut all: Vec<u64> = (0..rounds)
        .map(|_| {
            ticks.of(|| {
                for event in &mut events {
                    black_box(event.look());
                }
            })
        })
        .collect();
    all.sort_unstable();
    ticks.to_ns(all[rounds / 2]) / EVENTS as f64
}

/// In one round: their values fit into the cache of a core.
const EVENTS: usize = 1000;
