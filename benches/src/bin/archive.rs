//! What the archiver costs beside the compression itself: CPU time of one thread over whole runs (read, compress, encrypt,
//! write, read again, decompress, Merkle tree, copy, read back, receipts), against zstd alone over the same bytes in
//! frames of the same size. Interleaved in one process; the ratio of the medians is the figure.

#![allow(clippy::print_stdout, reason = "a report")]

use std::error::Error;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use dihya::archive::Archiver;
use dihya::key::Signer;
use dihya::ledger::{Fact, Ledger, ShardRef};
use dihya::merkle::Tree;
use dihya::storage::Local;
use dihya::{Clock, Policy};
use rustix::time::{ClockId, clock_gettime};

const ROUNDS: usize = 5;
const MIB: usize = 24;

fn main() -> Result<(), Box<dyn Error>> {
    let shard = match std::env::args().nth(1) {
        Some(file) => std::fs::read(file)?,
        None => records(MIB << 20),
    };
    let recipient = age::x25519::Identity::generate().to_public();
    println!("{:.1} MB of records; CPU time of one thread, medians of {ROUNDS}", shard.len() as f64 / 1e6);
    println!("level  stored   zstd alone   archiver     of zstd   encrypted");
    for level in [1, 3, 6, 9, 12] {
        let (mut bare, mut whole, mut sealed, mut stored) = (vec![], vec![], vec![], 0);
        for _ in 0..ROUNDS {
            let from = cpu();
            stored = compressed(&shard, level)?;
            bare.push(cpu() - from);
            whole.push(archived(&shard, level, "")?);
            sealed.push(archived(&shard, level, &format!("recipients = [\"{recipient}\"]\n"))?);
        }
        let (bare, whole, sealed) = (median(bare), median(whole), median(sealed));
        let speed = |seconds: f64| shard.len() as f64 / 1e6 / seconds;
        println!(
            "{level:>5}  {:>5.1} x  {:>6.0} MB/s  {:>6.0} MB/s   {:>5.0} %    {:>5.0} %",
            shard.len() as f64 / stored as f64,
            speed(bare),
            speed(whole),
            100.0 * bare / whole,
            100.0 * bare / sealed,
        );
    }
    Ok(())
}

fn compressed(shard: &[u8], level: i32) -> std::io::Result<usize> {
    let mut zstd = zstd::bulk::Compressor::new(level)?;
    let mut stored = 0;
    for frame in shard.chunks(1 << 20) {
        stored += zstd.compress(frame)?.len();
    }
    Ok(stored)
}

/// CPU seconds of archiving one shard, with a ledger and a folder of its own.
fn archived(shard: &[u8], level: i32, more: &str) -> Result<f64, Box<dyn Error>> {
    let root = std::env::temp_dir().join(format!("dihya-archive-bench-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&root);
    let live = root.join("api/2026-11-20.jsonl");
    std::fs::create_dir_all(root.join("api"))?;
    std::fs::write(&live, shard)?;
    let text =
        format!("[storage]\nroot = {:?}\n[archive]\nlevel = {level}\n{more}", root.display().to_string());
    let policy = Policy::parse(&text, "bench")?;
    let clock = Clock::system();
    let signer = Arc::new(Signer::generate()?);
    let ledger = Ledger::open(Arc::new(Local), &root, "bench/-/ledger".into(), signer, clock.clone())?;
    let mut tree = Tree::new();
    tree.push_lines(shard);
    let (size, root_hash, bytes) = (tree.size(), tree.root(), shard.len() as u64);
    let id = "api/2026-11-20".to_owned();
    let end =
        ShardRef { shard: id.clone(), size, root: root_hash, bytes, records: size, first: None, last: None };
    ledger.append(Fact::ShardClosed { shard: end }.into())?;
    let clock = Clock::manual(clock.now() + 30 * 86_400_000_000);
    let from = cpu();
    let archiver = Archiver::open(&policy, Arc::new(Local), Path::new(&root), &ledger, clock)?;
    let record = |fact: Fact| ledger.append(fact.into()).map(drop);
    let report = archiver.run(&[(id.parse()?, live)], &record, &mut |_| {})?;
    let took = cpu() - from;
    assert_eq!(report.archived.len(), 1, "{:?}", report.failed);
    std::fs::remove_dir_all(&root)?;
    Ok(took)
}

/// Records as a service writes them, with ids that differ and fields that repeat.
fn records(bytes: usize) -> Vec<u8> {
    let mut out = String::with_capacity(bytes + 1000);
    let mut noise = 0x9E37_79B9_7F4A_7C15_u64;
    while out.len() < bytes {
        noise ^= noise << 13;
        noise ^= noise >> 7;
        noise ^= noise << 17;
        let (n, micros) = (out.len(), out.len() % 1_000_000);
        let _ = writeln!(
            out,
            r#"{{"v":1,"id":"0197a1c2-{:04x}-7{:03x}-b{:03x}-{:012x}","timestamp":"2026-11-20T09:{:02}:{:02}.{micros:06}Z","channel":"api","level":"INFO","message":"request served","target":"clinic::api","trace_id":"{noise:016x}{:016x}","span_id":"{:016x}","attributes":{{"method":"GET","route":"/patients/{{id}}","status":200,"latency_us":{},"tenant":"t_{}"}},"service":{{"name":"clinic","version":"1.4.2"}}}}"#,
            n & 0xFFFF,
            noise & 0xFFF,
            (noise >> 12) & 0xFFF,
            noise & 0xFFFF_FFFF_FFFF,
            n / 60_000_000 % 60,
            n / 1_000_000 % 60,
            noise.rotate_left(17),
            noise.rotate_left(40),
            noise % 5000,
            noise % 40,
        );
    }
    out.into_bytes()
}

fn cpu() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

fn median(mut of: Vec<f64>) -> f64 {
    of.sort_by(f64::total_cmp);
    of[of.len() / 2]
}
