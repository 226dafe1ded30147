//! What the archiver costs beside the compression itself: whole runs (read, compress, encrypt, write, read again,
//! decompress, Merkle tree, copy, read back, receipts), against zstd alone over the same bytes in frames of the same size,
//! with the checksum that the archiver and the command `zstd` write. Interleaved in one process; the ratio of the medians
//! is the figure: of CPU time for one thread, of wall-clock time for two. What two threads can gain on this machine at this
//! hour is seen from zstd alone on two, which is in the last column. Files go to `/dev/shm` if it is there, so that the disk
//! is not what is measured.

#![allow(clippy::print_stdout, reason = "a report")]

use std::error::Error;
use std::fmt::Write as _;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Instant;

use dihya::archive::Archiver;
use dihya::key::Signer;
use dihya::ledger::{Fact, Ledger, ShardRef};
use dihya::merkle::Tree;
use dihya::storage::Local;
use dihya::{Clock, Policy};
use dihya_benches::harness::{Scratch, default_dir};
use rustix::time::{ClockId, clock_gettime};
use zstd::zstd_safe::CParameter;

const ROUNDS: usize = 5;
const MIB: usize = 24;
/// What the archiver compresses at once.
const FRAME: usize = 1 << 20;

fn main() -> Result<(), Box<dyn Error>> {
    let shard = match std::env::args().nth(1) {
        Some(file) => std::fs::read(file)?,
        None => records(MIB << 20),
    };
    let recipient = age::x25519::Identity::generate().to_public();
    println!(
        "{:.1} MB of records, medians of {ROUNDS}; archiver of one thread: CPU time, of two: wall clock",
        mb(&shard)
    );
    println!("level  stored  zstd alone   1 thread  of zstd  encrypted   2 threads  of zstd  of zstd on 2");
    for level in [1, 3, 6, 9, 12] {
        let (mut bare, mut bare_two, mut whole, mut sealed, mut two) =
            (vec![], vec![], vec![], vec![], vec![]);
        let mut stored = 0;
        let recipients = format!("recipients = [\"{recipient}\"]\n");
        for _ in 0..ROUNDS {
            let watch = Watch::start();
            stored = compressed(shard.chunks(FRAME), level)?;
            bare.push(watch.read());
            let watch = Watch::start();
            std::thread::scope(|scope| {
                scope.spawn(|| compressed(shard.chunks(FRAME).step_by(2), level));
                compressed(shard.chunks(FRAME).skip(1).step_by(2), level)
            })?;
            bare_two.push(watch.read());
            whole.push(archived(&shard, level, "", 1)?);
            sealed.push(archived(&shard, level, &recipients, 1)?);
            two.push(archived(&shard, level, "", 2)?);
        }
        let cpu = |of: &[Took]| median(of.iter().map(|took| took.cpu).collect());
        let wall = |of: &[Took]| median(of.iter().map(|took| took.wall).collect());
        let speed = |seconds: f64| mb(&shard) / seconds;
        println!(
            "{level:>5}  {:>4.1} x  {:>5.0} MB/s  {:>4.0} MB/s  {:>5.0} %  {:>7.0} %   {:>4.0} MB/s  {:>5.0} %  {:>9.0} %",
            shard.len() as f64 / stored as f64,
            speed(cpu(&bare)),
            speed(cpu(&whole)),
            100.0 * cpu(&bare) / cpu(&whole),
            100.0 * cpu(&bare) / cpu(&sealed),
            speed(wall(&two)),
            100.0 * wall(&bare) / wall(&two),
            100.0 * wall(&bare_two) / wall(&two),
        );
    }
    Ok(())
}

fn mb(shard: &[u8]) -> f64 {
    shard.len() as f64 / 1e6
}

fn compressed<'a>(frames: impl Iterator<Item = &'a [u8]>, level: i32) -> std::io::Result<usize> {
    let mut zstd = zstd::bulk::Compressor::new(level)?;
    zstd.set_parameter(CParameter::ChecksumFlag(true))?;
    let mut stored = 0;
    for frame in frames {
        stored += zstd.compress(frame)?.len();
    }
    Ok(stored)
}

/// What archiving one shard takes, with a ledger and a folder of its own.
fn archived(shard: &[u8], level: i32, more: &str, threads: usize) -> Result<Took, Box<dyn Error>> {
    let scratch = Scratch::new(&default_dir())?;
    let root = scratch.path();
    let live = root.join("api/2026-11-20.jsonl");
    std::fs::create_dir_all(root.join("api"))?;
    std::fs::write(&live, shard)?;
    let text =
        format!("[storage]\nroot = {:?}\n[archive]\nlevel = {level}\n{more}", root.display().to_string());
    let policy = Policy::parse(&text, "bench")?;
    let clock = Clock::system();
    let signer = Arc::new(Signer::generate()?);
    let ledger = Ledger::open(Arc::new(Local), root, "bench/-/ledger".into(), signer, clock.clone())?;
    let mut tree = Tree::new();
    tree.push_lines(shard);
    let (size, root_hash, bytes) = (tree.size(), tree.root(), shard.len() as u64);
    let id = "api/2026-11-20".to_owned();
    let end =
        ShardRef { shard: id.clone(), size, root: root_hash, bytes, records: size, first: None, last: None };
    ledger.append(Fact::ShardClosed { shard: end }.into())?;
    let clock = Clock::manual(clock.now() + 30 * 86_400_000_000);
    let threads = NonZeroUsize::new(threads).ok_or("no thread")?;
    let watch = Watch::start();
    let archiver = Archiver::open(&policy, Arc::new(Local), root, &ledger, clock)?.threads(threads);
    let record = |fact: Fact| ledger.append(fact.into()).map(drop);
    let report = archiver.run(&[(id.parse()?, live)], &record, &mut |_| {})?;
    let took = watch.read();
    assert_eq!(report.archived.len(), 1, "{:?}", report.failed);
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

/// Seconds of the thread that asks, and of the clock on the wall.
struct Took {
    cpu: f64,
    wall: f64,
}

struct Watch {
    cpu: f64,
    wall: Instant,
}

impl Watch {
    fn start() -> Watch {
        Watch { cpu: cpu(), wall: Instant::now() }
    }

    fn read(&self) -> Took {
        Took { cpu: cpu() - self.cpu, wall: self.wall.elapsed().as_secs_f64() }
    }
}

fn cpu() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

fn median(mut of: Vec<f64>) -> f64 {
    of.sort_by(f64::total_cmp);
    of[of.len() / 2]
}
