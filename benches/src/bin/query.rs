//! What a query costs: how fast cold shards are searched for a rare value, in bytes of uncompressed lines per second of
//! one core, beside the bare search for the same text and the bare parsing of the same lines.
//!
//! `cargo run -p dihya-benches --release --bin query -- [--mib N] [--rounds N] [--dir DIR]`. The log is made in memory
//! (`/dev/shm`) unless a folder is named, so that the disk is not what is measured. Every kind is asked in each round, one
//! after the other; the table shows medians. One thread reads.
//!
//! Exit code 2: wrong arguments, or the log could not be made.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "its output is its purpose")]

use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use dihya::Clock;
use dihya::archive::Identities;
use dihya::catalog::{Catalog, Places};
use dihya::query::{Query, time};
use dihya::storage::{Local, Storage};
use dihya_benches::harness::Scratch;

/// 2026-11-20T00:00:00Z
const DAY: i64 = 1_795_132_800_000_000;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}\nusage: query [--mib N] [--rounds N] [--dir DIR]");
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let (mut mib, mut rounds, mut dir) = (512_usize, 5_usize, None);
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let value = arguments.next().ok_or("a value is missing")?;
        match name.as_str() {
            "--mib" => mib = value.parse()?,
            "--rounds" => rounds = value.parse()?,
            "--dir" => dir = Some(value),
            _ => return Err(format!("what is {name}?").into()),
        }
    }
    let memory = Path::new("/dev/shm");
    let dir =
        dir.map_or_else(|| if memory.is_dir() { memory.into() } else { std::env::temp_dir() }, PathBuf::from);
    let scratch = Scratch::new(&dir)?;
    let bytes = make(scratch.path(), mib << 20)?;
    let ask = |text: &[&str]| -> Result<Query, Box<dyn Error>> {
        let conditions = text.iter().map(|text| text.parse()).collect::<Result<_, _>>()?;
        Ok(Query { conditions, threads: Some(1), every_shard: true, ..Query::default() })
    };
    let range = |from: &str, to: &str| -> Result<Query, Box<dyn Error>> {
        Ok(Query { since: Some(time(from, DAY)?), until: Some(time(to, DAY)?), ..ask(&[])? })
    };
    let kinds: Vec<(&str, Query)> = vec![
        ("rare value of a field", ask(&["user_id=user_rare"])?),
        ("rare event", Query { events: vec!["authn_login_fail_max".into()], ..ask(&[])? }),
        ("rare part of a text", ask(&["message~quarantined"])?),
        ("rare among frequent", ask(&["status=200", "user_id=user_rare"])?),
        ("value in each 100th line", ask(&["status=500"])?),
        ("value in each line", ask(&["status=200", "route=/nowhere"])?),
        ("a second of the day", range("2026-11-20T00:00:01", "2026-11-20T00:00:02")?),
        ("negation: everything parsed", ask(&["status!=200", "status!=500"])?),
    ];
    let storage: Arc<dyn Storage> = Arc::new(Local);
    let catalog = Catalog::read(&Local, &Places::root(scratch.path()), &Clock::manual(DAY))?;
    let mut figures: Vec<Vec<f64>> = vec![Vec::new(); kinds.len() + 2];
    let mut found = vec![0; kinds.len()];
    for _ in 0..rounds {
        for (index, (_, query)) in kinds.iter().enumerate() {
            let began = Instant::now();
            let summary = query.run(&storage, &catalog, &Identities::none(), |_| ControlFlow::Continue(()));
            figures[index].push(bytes as f64 / began.elapsed().as_secs_f64() / 1e9);
            found[index] = summary.records;
            if summary.bytes != bytes || !summary.unread.is_empty() {
                return Err("the query has not read the whole log".into());
            }
        }
        let (search, parse) = bare(&catalog, bytes)?;
        figures[kinds.len()].push(search);
        figures[kinds.len() + 1].push(parse);
    }
    println!(
        "{} MB in {} shards, one thread, {rounds} rounds, medians",
        bytes / 1_000_000,
        catalog.shards.len()
    );
    println!("{:<36} {:>8} {:>10}", "asked for", "GB/s", "records");
    for (index, (name, _)) in kinds.iter().enumerate() {
        println!("{name:<36} {:>8.2} {:>10}", median(&mut figures[index]), found[index]);
    }
    println!("{:<36} {:>8.2}", "reading and `memmem` alone", median(&mut figures[kinds.len()]));
    println!("{:<36} {:>8.2}", "reading and `serde_json` alone", median(&mut figures[kinds.len() + 1]));
    Ok(())
}

/// Shards of 64 MiB of records like the standard event, one of each 100,000 rare. The bytes written.
fn make(root: &Path, bytes: usize) -> Result<u64, Box<dyn Error>> {
    let folder = root.join("api");
    fs::create_dir_all(&folder)?;
    let (mut all, mut shard, mut n) = (0_u64, 0, 0_u64);
    while (all as usize) < bytes {
        let mut text = String::with_capacity(SHARD + 1024);
        while text.len() < SHARD && all as usize + text.len() < bytes {
            let micros = n * 10;
            let (second, micro) = (micros / 1_000_000, micros % 1_000_000);
            let rare = n % 100_000 == 77_777;
            let user = if rare { "user_rare".to_owned() } else { format!("user_{}", n % 997) };
            let event = if rare { "authn_login_fail_max" } else { "authn_login_success" };
            let message = if rare { "request quarantined" } else { "request served" };
            let status = if n % 100 == 0 { 500 } else { 200 };
            let noise = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            writeln!(
                text,
                "{{\"v\":1,\"id\":\"019ca8ab-bc63-774b-8000-{:012x}\",\"timestamp\":\"2026-11-20T{:02}:{:02}:{:02}.{micro:06}Z\",\"channel\":\"api\",\"level\":\"INFO\",\"event_name\":\"{event}\",\"tenant_id\":\"clinic-7\",\"user_id\":\"{user}\",\"message\":\"{message}\",\"target\":\"api\",\"trace_id\":\"{noise:032x}\",\"spans\":[{{\"name\":\"request\",\"attributes\":{{\"version\":\"1.4.2\"}}}}],\"attributes\":{{\"method\":\"GET\",\"route\":\"/v1/patients/{{id}}\",\"status\":{status},\"latency_us\":{}}},\"service\":{{\"name\":\"clinic\",\"version\":\"1.4.2\"}}}}",
                n & 0xffff_ffff_ffff,
                second / 3600,
                second / 60 % 60,
                second % 60,
                noise % 5_000,
            )?;
            n += 1;
        }
        let name =
            if shard == 0 { "2026-11-20.jsonl".to_owned() } else { format!("2026-11-20.{shard}.jsonl") };
        fs::write(folder.join(name), &text)?;
        all += text.len() as u64;
        shard += 1;
    }
    Ok(all)
}

/// The same bytes read in the same pieces, and searched or parsed with nothing around it. GB/s each.
fn bare(catalog: &Catalog, bytes: u64) -> Result<(f64, f64), Box<dyn Error>> {
    let finder = memchr::memmem::Finder::new(b"user_id\":\"user_rare\"");
    let mut hits = 0;
    let search = pass(catalog, bytes, |piece| hits += finder.find_iter(piece).count())?;
    let mut records = 0;
    let parse = pass(catalog, bytes, |piece| {
        for line in piece.split(|byte| *byte == b'\n') {
            records += usize::from(serde_json::from_slice::<serde_json::Value>(line).is_ok());
        }
    })?;
    if hits == 0 || records == 0 {
        return Err("the made log lacks what is searched for".into());
    }
    Ok((search, parse))
}

fn pass(catalog: &Catalog, bytes: u64, mut with: impl FnMut(&[u8])) -> Result<f64, Box<dyn Error>> {
    let began = Instant::now();
    let mut buffer = vec![0; 256 * 1024];
    for shard in &catalog.shards {
        let mut file = fs::File::open(&shard.path)?;
        loop {
            match std::io::Read::read(&mut file, &mut buffer)? {
                0 => break,
                n => with(&buffer[..n]),
            }
        }
    }
    Ok(bytes as f64 / began.elapsed().as_secs_f64() / 1e9)
}

fn median(figures: &mut [f64]) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

const SHARD: usize = 64 << 20;
