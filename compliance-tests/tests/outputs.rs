//! What comes out when things go wrong: quarantine, errors, reports, and the layer's own words on stderr.
//!
//! Stderr belongs to the process, hence a child. It prints every output there is; the parent searches them all.

#![allow(clippy::unwrap_used, reason = "a test fails by it; what is unwrapped shows no secret")]

use std::error::Error;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use dihya::storage::{Fault, Memory, Step, Storage};
use dihya::{Channel, Clock, DihyaLayer, Guard, Options, Policy, Record, Rng, Sector};
use dihya_compliance::{Canary, Search, Seed, child};
use tracing_subscriber::layer::SubscriberExt;

fn canaries(seed: u64) -> Vec<Canary> {
    let mut seed = Seed::new(seed);
    let formed: Vec<Canary> =
        dihya::inspect::detectors().map(|detector| Canary::of(&detector, &mut seed)).collect();
    formed.into_iter().chain((0..10).map(|_| Canary::plain(&mut seed))).collect()
}

fn open(disk: &Memory) -> (DihyaLayer, Guard) {
    Options::new(Policy::sector(Sector::Health).root("/logs"))
        .storage(Arc::new(disk.clone()))
        .clock(Clock::manual(1_772_356_353_123_456))
        .rng(Rng::seeded(1))
        .open()
        .unwrap()
}

/// Logs each canary, and answers what the layer says to it.
fn log_all(canaries: &[Canary], guard: &Guard) -> String {
    let mut said = String::new();
    let mut say = |error: Option<&dyn Error>| {
        let mut next = error;
        while let Some(error) = next {
            said.push_str(&format!("{error}\n{error:?}\n"));
            next = error.source();
        }
    };
    let handle = guard.handle();
    for canary in canaries {
        let secret = canary.text();
        match canary.detector() {
            "key" => tracing::error!(password = secret, "login password={secret}"),
            _ => tracing::error!(note = secret, "got {secret}"),
        }
        let record = Record::audit("sys_test").field("password", secret);
        say(handle.record(record).err().as_ref().map(|error| error as &dyn Error));
    }
    say(handle.commit(Channel::APP).err().as_ref().map(|error| error as &dyn Error));
    say(handle.commit(Channel::AUDIT).err().as_ref().map(|error| error as &dyn Error));
    said.push_str(&format!("{handle:?}\n{}", handle.metrics()));
    said
}

/// The child: a disk that fails in the middle, a start after it, and all that is left.
#[allow(clippy::print_stdout, reason = "what the parent reads")]
fn fail_and_start_again(seed: u64) {
    let canaries = canaries(seed);
    let disk = Memory::new();
    let (layer, guard) = open(&disk);
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
        println!("{}", log_all(&canaries, &guard));
        for folder in ["/logs/app", "/logs/audit"] {
            disk.fault_on(Step::Append, folder, Fault::Torn(io::ErrorKind::Other));
        }
        println!("{}", log_all(&canaries, &guard));
    });
    let after_death = disk.kill();
    let report = guard.shutdown(Duration::from_secs(1));
    println!("{report}\n{report:?}");
    // Half of a record, as a crash leaves it.
    for (path, bytes) in after_death.files() {
        if path.extension().is_some_and(|end| end == "jsonl") {
            let lines: Vec<&[u8]> =
                bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).collect();
            let longest = lines.iter().max_by_key(|line| line.len()).unwrap();
            after_death.open(&path).unwrap().append(&longest[..longest.len() - 1]).unwrap();
        }
    }
    let (layer, guard) = open(&after_death);
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
        println!("{}", log_all(&canaries, &guard));
    });
    println!("{}", guard.shutdown(Duration::from_secs(20)));
    for (path, bytes) in after_death.files() {
        // The reserve is random bytes, and the lock a process id.
        if !["/.reserve", "/.lock"].iter().any(|own| path.to_string_lossy().ends_with(own)) {
            println!("file {}\n{}", path.display(), String::from_utf8_lossy(&bytes));
        }
    }
}

#[test]
fn no_failure_shows_a_secret() {
    if let Some(seed) = child::told() {
        return fail_and_start_again(seed.parse().unwrap());
    }
    for seed in 1..3 {
        let output = child::run("no_failure_shows_a_secret", &seed.to_string()).unwrap();
        assert!(output.status.success(), "the child failed");
        // All of it is there to be searched.
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        for part in ["/quarantine/", "[redacted:jwt]", "# HELP", "on disk", "Handle {", "sys_test"] {
            assert!(out.contains(part), "no {part} in what came out");
        }
        assert!(err.contains("dihya: "), "the layer said nothing on stderr");
        let canaries = canaries(seed);
        let leaks = Search::new(&canaries)
            .leaks([("stderr", output.stderr.as_slice()), ("stdout", output.stdout.as_slice())]);
        let named: Vec<_> =
            leaks.iter().map(|leak| (canaries[leak.canary].detector(), &leak.output)).collect();
        assert!(named.is_empty(), "secrets of {named:?} came out, seed {seed}");
    }
}
