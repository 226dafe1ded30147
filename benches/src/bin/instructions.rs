//! Instructions per event on the calling thread, counted by callgrind: the one figure that a busy machine cannot touch.
//!
//! `cargo run -p dihya-benches --release --bin instructions [-- PEER [--scoped]]` runs itself twice under valgrind, with N and with
//! 2 N events. The difference is N events and nothing else: start, warm-up and end cancel out. Each thread is counted
//! apart and the first thread's count is read, so the writer's work does not show.
//!
//! Prints one line of JSON. Exit code 1: above the limit. 2: could not be measured.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "its output is its purpose")]

use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use dihya_benches::events::{Frontend, Ids, Slog, Tracing};
use dihya_benches::harness::Scratch;
use dihya_benches::peers::{self, Peer};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments[..] {
        [EMIT, peer, count, scoped, dir] => {
            emit(peer, count, scoped == SCOPED, Path::new(dir)).map(|()| ExitCode::SUCCESS)
        }
        [] => gate(Peer::Ours, GLOBAL),
        [peer, ref flags @ ..] if flags.is_empty() || flags == [SCOPED] => match Peer::named(peer) {
            Some(peer) => gate(peer, flags.first().unwrap_or(&GLOBAL)),
            None => Err(format!("no peer is called {peer}").into()),
        },
        _ => Err("usage: instructions [PEER [--scoped]]".into()),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("error: {error}");
        ExitCode::from(2)
    })
}

/// Only ours has a limit; a peer's figure is for comparison.
fn gate(peer: Peer, dispatcher: &str) -> Result<ExitCode, Box<dyn Error>> {
    let scratch = Scratch::new(&std::env::temp_dir())?;
    let (fewer, avx2) = count(peer, EVENTS, dispatcher, scratch.path())?;
    let (more, _) = count(peer, 2 * EVENTS, dispatcher, scratch.path())?;
    let per_event =
        more.checked_sub(fewer).ok_or("more events took fewer instructions: not a measurement")? / EVENTS;
    let limit = (peer == Peer::Ours).then_some(LIMIT);
    println!(
        "{}",
        serde_json::json!({ "peer": peer.name(), "instructions_per_event": per_event, "limit": limit, "avx2": avx2 })
    );
    if !avx2 {
        // Counting another code path than the one that runs in production must not look like a result.
        eprintln!("note: this valgrind shows the program no AVX2, so the portable scan was counted");
    }
    Ok(if limit.is_some_and(|limit| per_event > limit) { ExitCode::from(1) } else { ExitCode::SUCCESS })
}

/// Instructions of the first thread of a run with that many events, and whether AVX2 was visible to it.
fn count(peer: Peer, events: u64, dispatcher: &str, scratch: &Path) -> Result<(u64, bool), Box<dyn Error>> {
    let dir = scratch.join(format!("run-{events}"));
    fs::DirBuilder::new().create(&dir)?;
    fs::set_permissions(&dir, std::os::unix::fs::PermissionsExt::from_mode(0o700))?;
    let profile = scratch.join(format!("callgrind-{events}"));
    let output = Command::new("valgrind")
        .args(["--quiet", "--tool=callgrind", "--separate-threads=yes"])
        .arg(format!("--callgrind-out-file={}", profile.display()))
        .arg(std::env::current_exe()?)
        .args([EMIT, peer.name(), &events.to_string(), dispatcher])
        .arg(&dir)
        .stderr(Stdio::piped())
        .output()
        .map_err(|error| format!("valgrind: {error} (install the package `valgrind`)"))?;
    if !output.status.success() {
        return Err(format!(
            "under valgrind: {}\n{}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        )
        .into());
    }
    let avx2 = String::from_utf8_lossy(&output.stdout).contains(SEES_AVX2);
    let path = format!("{}-01", profile.display());
    let text = fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
    Ok((total(&text).ok_or("callgrind's file has no totals line")?, avx2))
}

/// Of a callgrind file with one event type, `Ir`.
fn total(profile: &str) -> Option<u64> {
    let numbers = profile.lines().rev().find_map(|line| line.strip_prefix("totals:"))?;
    numbers.split_whitespace().next()?.parse().ok()
}

/// What runs under valgrind.
fn emit(peer: &str, events: &str, scoped: bool, dir: &Path) -> Result<(), Box<dyn Error>> {
    let peer = Peer::named(peer).ok_or("unknown peer")?;
    let events: u64 = events.parse()?;
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") {
        println!("{SEES_AVX2}");
    }
    if peer == Peer::Slog {
        let root = peers::open_slog(dir)?;
        standard(&Slog::new(&root), events);
        return Ok(());
    }
    let (dispatch, mut pipe) = peers::open(peer, dir)?;
    if scoped {
        tracing::dispatcher::with_default(&dispatch, || standard(&Tracing::new(), events));
    } else {
        tracing::dispatcher::set_global_default(dispatch)?;
        standard(&Tracing::new(), events);
    }
    pipe.drain(events)
}

fn standard<F: Frontend>(frontend: &F, events: u64) {
    let mut ids = Ids::new(0);
    frontend.inside(|| {
        for _ in 0..events {
            frontend.standard(ids.next_id());
        }
    });
}

/// The goal is 5,000: serialising by hand, one scan and an append took a prototype 4,100. The gate leaves a fifth for
/// what the prototype did not do (ids, routing, redaction by key), and still catches an allocation or a lock that
/// slipped in; `fmt().json()` takes about 29,000.
const LIMIT: u64 = 6_000;

/// Small enough for any queue to hold 2 N events, so that no producer waits; large enough that one lazy table built
/// in the longer run alone would not show.
const EVENTS: u64 = 2_000;

const EMIT: &str = "--emit-in-this-process";
const GLOBAL: &str = "--global";
const SCOPED: &str = "--scoped";
const SEES_AVX2: &str = "avx2";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_of_a_profile_is_its_first_number() {
        assert_eq!(total("version: 1\nevents: Ir\nfn=(1)\n0 7\n\ntotals: 4200\n"), Some(4_200));
        assert_eq!(total("version: 1\nevents: Ir\n"), None);
    }
}
