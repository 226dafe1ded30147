//! What an overview costs: all records of a root counted, over some days and channels, one of seven with something hidden.
//!
//! `cargo run -p dihya-benches --release --bin report -- [--records N] [--threads N] [--rounds N] [--dir DIR]`. The log is
//! made in a folder of its own below DIR (the temporary folder unless it is named) and removed. Time is the wall's and the
//! process's own CPU time: on a machine that others use, the second is the figure. The first round reads what the disk or
//! the page cache has.
//!
//! Exit code 2: wrong arguments, or the log could not be made.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "its output is its purpose")]

use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use dihya::archive::Identities;
use dihya::catalog::Places;
use dihya::overview::{Extent, Overview};
use dihya::storage::{Local, Storage};
use dihya::{Clock, Policy, Sector};
use dihya_benches::harness::Scratch;
use rustix::time::{ClockId, clock_gettime};

/// 2026-11-20T00:00:00Z
const LAST: i64 = 1_795_132_800_000_000;
const DAYS: i64 = 30;
const DAY: i64 = 86_400_000_000;
const CHANNELS: [(&str, &str); 4] =
    [("api", "INFO"), ("app", "INFO"), ("audit", "AUDIT"), ("security", "SECURITY")];

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}\nusage: report [--records N] [--threads N] [--rounds N] [--dir DIR]");
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let (mut records, mut threads, mut rounds, mut dir) =
        (10_000_000_u64, 2_usize, 3_u32, std::env::temp_dir());
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let value = arguments.next().ok_or("a value is missing")?;
        match name.as_str() {
            "--records" => records = value.parse()?,
            "--threads" => threads = value.parse()?,
            "--rounds" => rounds = value.parse()?,
            "--dir" => dir = PathBuf::from(value),
            _ => return Err(format!("what is {name}?").into()),
        }
    }
    let scratch = Scratch::new(&dir)?;
    let (made, bytes) = make(scratch.path(), records)?;
    println!(
        "{made} records, {} MB, {} shards, {threads} threads",
        bytes / 1_000_000,
        DAYS * CHANNELS.len() as i64
    );
    println!(
        "{:>8} {:>10} {:>14} {:>12} {:>14}",
        "wall s", "CPU s", "records/s", "MB/CPU s", "ns/record CPU"
    );
    let storage: Arc<dyn Storage> = Arc::new(Local);
    let policy = Policy::sector(Sector::Generic).root(scratch.path());
    for _ in 0..rounds {
        let (began, cpu) = (Instant::now(), process());
        let extent = Extent { threads: Some(threads), ..Extent::default() };
        let overview = Overview::read(
            &storage,
            &policy,
            &Places::root(scratch.path()),
            &Identities::none(),
            &extent,
            &Clock::manual(LAST + DAY - 1),
            &|_, _| {},
        )?;
        let (wall, cpu) = (began.elapsed().as_secs_f64(), process() - cpu);
        let hidden: u64 = overview.redactions.iter().map(|redaction| redaction.count).sum();
        if overview.read.records != made || hidden != made.div_ceil(7) {
            return Err(format!("{} records and {hidden} markers were counted", overview.read.records).into());
        }
        println!(
            "{wall:>8.2} {cpu:>10.2} {:>14.0} {:>12.0} {:>14.0}",
            made as f64 / wall,
            bytes as f64 / 1e6 / cpu,
            cpu * 1e9 / made as f64
        );
    }
    Ok(())
}

/// A shard per day and channel, of records like the standard event. How many, and their bytes.
fn make(root: &Path, records: u64) -> Result<(u64, u64), Box<dyn Error>> {
    let each = (records / (DAYS as u64 * CHANNELS.len() as u64)).max(1);
    let (mut made, mut bytes) = (0, 0);
    let mut text = String::new();
    for (channel, level) in CHANNELS {
        let folder = root.join(channel);
        fs::create_dir_all(&folder)?;
        for day in 0..DAYS {
            let midnight = LAST - day * DAY;
            let date = dihya::hold::date(midnight);
            let mut file = fs::File::create(folder.join(format!("{date}.jsonl")))?;
            for n in 0..each {
                let micros = n as i64 * (DAY / each as i64);
                let (second, micro) = (micros / 1_000_000, micros % 1_000_000);
                let noise = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
                let redactions = if (made + n) % 7 == 0 { ",\"redactions\":{\"email\":1}" } else { "" };
                writeln!(
                    text,
                    "{{\"v\":1,\"id\":\"019ca8ab-bc63-774b-8000-{n:012x}\",\"timestamp\":\"{date}T{:02}:{:02}:{:02}.{micro:06}Z\",\"channel\":\"{channel}\",\"level\":\"{level}\",\"event_name\":\"request_served\",\"tenant_id\":\"clinic-7\",\"user_id\":\"user_{}\",\"message\":\"request served\",\"target\":\"api\",\"trace_id\":\"{noise:032x}\",\"spans\":[{{\"name\":\"request\",\"attributes\":{{\"version\":\"1.4.2\"}}}}],\"attributes\":{{\"method\":\"GET\",\"route\":\"/v1/patients/{{id}}\",\"status\":200,\"latency_us\":{}}}{redactions},\"service\":{{\"name\":\"clinic\",\"version\":\"1.4.2\"}}}}",
                    second / 3600,
                    second / 60 % 60,
                    second % 60,
                    n % 997,
                    noise % 5_000,
                )?;
                // A batch's seal, so large that it counts.
                if n % 200 == 199 {
                    writeln!(
                        text,
                        "{{\"seal\":{{\"size\":{n},\"root\":\"{noise:044x}\",\"sig\":\"{noise:088x}\"}}}}"
                    )?;
                }
                if text.len() > 1 << 20 {
                    bytes += text.len() as u64;
                    file.write_all(text.as_bytes())?;
                    text.clear();
                }
            }
            bytes += text.len() as u64;
            file.write_all(text.as_bytes())?;
            text.clear();
            made += each;
        }
    }
    Ok((made, bytes))
}

/// CPU seconds of this process, all threads.
fn process() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}
