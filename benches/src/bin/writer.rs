//! What the writer's thread costs per record: leaf, tree, seal, copy and write. `--records 400000`
//!
//! Records of about 350 bytes go to a channel on `/dev/shm` as fast as one thread makes them; the CPU time of the writer's
//! own thread, from the first record to the last one durable, is divided by their number. Each is measured with the
//! detectors of anomalies and without, in turns; the median of three rounds counts. `named` records have an event's name,
//! which detectors go by; the others have none.

use std::error::Error;
use std::path::Path;
use std::time::Duration;

use dihya::{Options, Policy, Record};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let records: u64 = match (arguments.next().as_deref(), arguments.next()) {
        (Some("--records"), Some(number)) => number.parse()?,
        _ => 400_000,
    };
    println!("channel    event      bytes  ns CPU a record, without and with detectors");
    for (channel, sync) in [("app", "1s"), ("audit", "batch")] {
        for event in ["", "request_served"] {
            let mut rounds = [Vec::new(), Vec::new()];
            let mut bytes = 0;
            for round in 0..6 {
                let (each, of) = one(channel, sync, event, round % 2 == 1, records)?;
                rounds[round % 2].push(each);
                bytes = of;
            }
            let [without, with] = rounds.map(|mut round| {
                round.sort_unstable();
                round[1]
            });
            let named = if event.is_empty() { "none" } else { "named" };
            let ratio = with as f64 / without as f64;
            println!("{channel:<10} {named:<8} {bytes:>7} {without:>8} {with:>8}   {ratio:.2}");
        }
    }
    Ok(())
}

/// Nanoseconds and bytes a record.
fn one(
    channel: &str,
    sync: &str,
    event: &'static str,
    detectors: bool,
    records: u64,
) -> Result<(u64, u64), Box<dyn Error>> {
    let memory = Path::new("/dev/shm");
    let parent = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
    let root = parent.join(format!("dihya-writer-{}", std::process::id()));
    let text = format!(
        "[service]\nname = \"bench\"\n[storage]\nroot = {root:?}\n[channels.{channel}]\nsync = \"{sync}\"\nqueue = \"16 MiB\"\n\
         on_full = \"block\"\nblock_limit = \"60s\"\n[alerts]\nenabled = {detectors}\n"
    );
    let policy = Policy::parse(&text, "bench")?;
    let to = policy.channel(channel).ok_or("no such channel")?;
    let (_layer, guard) = Options::new(policy).open()?;
    let handle = guard.handle();
    let record = |n: u64| {
        let number = i64::try_from(n).unwrap_or(i64::MAX);
        Record::new(to, event)
            .message("a request was served, as every other one in this run")
            .number("n", number)
            .field("route", "/patients/{id}/records")
            .field("tenant", "t_42")
    };
    for n in 0..2000 {
        handle.record(record(n))?;
    }
    handle.commit(to)?;
    let before = cpu(channel)?;
    for n in 0..records {
        handle.record(record(n))?;
    }
    handle.commit(to)?;
    let spent = cpu(channel)? - before;
    let report = guard.shutdown(Duration::from_secs(30));
    let of = report.channels.iter().find(|c| c.name == channel).ok_or("no report")?;
    std::fs::remove_dir_all(&root)?;
    Ok((spent / records, of.bytes / of.records))
}

/// Nanoseconds of CPU time that a channel's writer has used.
fn cpu(channel: &str) -> Result<u64, Box<dyn Error>> {
    for task in std::fs::read_dir("/proc/self/task")? {
        let task = task?.path();
        if std::fs::read_to_string(task.join("comm"))?.trim() == format!("dihya-{channel}") {
            let stat = std::fs::read_to_string(task.join("schedstat"))?;
            return Ok(stat.split_whitespace().next().ok_or("an empty schedstat")?.parse()?);
        }
    }
    Err("the writer's thread was not found".into())
}
