//! What verifying costs beside the hashing that it cannot do without.
//!
//! `cargo run -p dihya-benches --release --bin verify -- [--folder DIR] [--mib N] [--seal N] [--rounds N]` writes a log of
//! four shards, then takes turns: the bare work (SHA-256 over each leaf and each inner node, one after another, the lines
//! already in memory and cut), `Verifier` on one thread, `Verifier` on two. The least of all rounds counts: a busy machine
//! can only add. The first two are compared by the thread's CPU time, one thread and two by the clock on the wall.
//!
//! Prints one line of JSON. Exit code 1: one core does less than 80 % of the bare work's speed. 2: wrong arguments.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "its output is its purpose")]

use std::error::Error;
use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use dihya::catalog::Places;
use dihya::key::Signer;
use dihya::merkle::{Hash, Tree};
use dihya::note::Checkpoint;
use dihya::seal::Seal;
use dihya::storage::Local;
use dihya::verify::{Report, Verifier};
use rustix::time::{ClockId, clock_gettime};

fn main() -> ExitCode {
    let Some(asked) = Asked::from(std::env::args().skip(1)) else {
        eprintln!("usage: verify [--folder DIR] [--mib N] [--seal N] [--rounds N]");
        return ExitCode::from(2);
    };
    match measured(&asked) {
        Ok(fast) => ExitCode::from(u8::from(!fast)),
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

struct Asked {
    folder: PathBuf,
    /// Of each shard.
    mib: usize,
    /// Records between two seals.
    seal: u64,
    rounds: usize,
}

impl Asked {
    fn from(mut args: impl Iterator<Item = String>) -> Option<Asked> {
        let mut asked = Asked { folder: std::env::temp_dir(), mib: 32, seal: 64, rounds: 10 };
        while let Some(name) = args.next() {
            let value = args.next()?;
            match name.as_str() {
                "--folder" => asked.folder = value.into(),
                "--mib" => asked.mib = value.parse().ok().filter(|n| *n > 0)?,
                "--seal" => asked.seal = value.parse().ok().filter(|n| *n > 0)?,
                "--rounds" => asked.rounds = value.parse().ok().filter(|n| *n > 0)?,
                _ => return None,
            }
        }
        Some(asked)
    }
}

fn measured(asked: &Asked) -> Result<bool, Box<dyn Error>> {
    let root = asked.folder.join(format!("dihya-verify-{}", std::process::id()));
    let signer = Signer::from_seed(&[7; 32]);
    let mut texts = Vec::new();
    for shard in 0..SHARDS {
        texts.push(write(&root, shard, asked, &signer)?);
    }
    let (mut bare, mut one) = (f64::MAX, f64::MAX);
    let mut wall = [f64::MAX; 2];
    let mut report = Report::default();
    let mut lines = 0;
    for _ in 0..asked.rounds {
        let start = cpu();
        lines = texts.iter().map(bare_work).sum();
        bare = bare.min(cpu() - start);
        for threads in [1, 2] {
            let verifier = Verifier::new(Arc::new(Local), Places::root(&root))
                .vkey(&signer.public().vkey("bench/-/ledger"))
                .and_then(|verifier| Some(verifier.threads(NonZeroUsize::new(threads)?)))
                .ok_or("the key is no vkey")?;
            let (start, clock) = (cpu(), Instant::now());
            report = verifier.run(&|_| {})?;
            if threads == 1 {
                one = one.min(cpu() - start);
            }
            wall[threads - 1] = wall[threads - 1].min(clock.elapsed().as_secs_f64());
        }
    }
    fs::remove_dir_all(&root)?;
    // There is no ledger here, and nothing else may be found.
    if report.findings.iter().any(|finding| finding.defect.name() != "missing_ledger") {
        return Err(format!("the log does not verify: {:?}", report.findings).into());
    }
    let bytes = report.bytes() as f64;
    let seals: u64 = report.shards.iter().map(|shard| shard.seals).sum();
    println!(
        "{}",
        serde_json::json!({
            "bytes": report.bytes(), "lines": lines, "seals": seals,
            "bare_mb_per_s": (bytes / bare / 1e6).round(), "verify_mb_per_s": (bytes / one / 1e6).round(),
            "of_bare": (bare / one * 1000.0).round() / 1000.0, "goal": GOAL,
            "two_threads": (wall[0] / wall[1] * 100.0).round() / 100.0,
        })
    );
    Ok(bare / one >= GOAL)
}

/// Each leaf, then each inner node, of one shard; the lines' ends are known. The number of lines.
fn bare_work((text, ends): &(Vec<u8>, Vec<usize>)) -> usize {
    let mut start = 0;
    let mut hashes: Vec<Hash> = Vec::with_capacity(ends.len());
    for end in ends {
        hashes.push(Hash::leaf(&text[start..*end]));
        start = end + 1;
    }
    while hashes.len() > 1 {
        let pairs = hashes.chunks(2);
        hashes = pairs.map(|pair| if let [a, b] = pair { Hash::node(*a, *b) } else { pair[0] }).collect();
    }
    std::hint::black_box(&hashes);
    ends.len()
}

fn write(
    root: &Path,
    shard: usize,
    asked: &Asked,
    signer: &Signer,
) -> Result<(Vec<u8>, Vec<usize>), Box<dyn Error>> {
    let folder = root.join("audit");
    fs::create_dir_all(&folder)?;
    let id = format!("audit/2026-01-0{}", shard + 1);
    let (mut tree, mut text, mut ends, mut records) = (Tree::new(), Vec::new(), Vec::new(), 0);
    let mut push = |line: &str, tree: &mut Tree| {
        tree.push(Hash::leaf(line.as_bytes()));
        text.extend_from_slice(line.as_bytes());
        ends.push(text.len());
        text.push(b'\n');
        text.len()
    };
    let origin = format!("bench/-/{id}");
    let mut full = false;
    while !full {
        let head = format!("{{\"v\":1,\"id\":\"{shard}-{records:012}\",\"message\":\"");
        full = push(&format!("{head}{}\"}}", "word ".repeat(70).split_at(348 - head.len()).0), &mut tree)
            >= asked.mib << 20;
        records += 1;
        if full || records % asked.seal == 0 {
            push(Seal::new(signer, &origin, &tree).line().trim_end(), &mut tree);
        }
    }
    fs::write(root.join(format!("{id}.jsonl")), &text)?;
    fs::write(root.join(format!("{id}.checkpoint")), Checkpoint::of(&origin, &tree).sign(signer))?;
    Ok((text, ends))
}

/// Seconds that this thread has computed.
fn cpu() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

const SHARDS: usize = 4;
const GOAL: f64 = 0.8;
