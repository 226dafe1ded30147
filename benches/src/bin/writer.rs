//! What the writer's thread costs per record: leaf, tree, seal, copy and write. `--records 400000`
//!
//! Records of about 350 bytes go to a channel on `/dev/shm` as fast as one thread makes them; the CPU time of the writer's
//! own thread, from the first record to the last one durable, is divided by their number.

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
    println!(
        "{:<10} {:>9} {:>14} {:>16} {:>10}",
        "channel", "records", "bytes a record", "ns CPU a record", "seals"
    );
    for (channel, sync) in [("app", "1s"), ("audit", "batch")] {
        one(channel, sync, records)?;
    }
    Ok(())
}

fn one(channel: &str, sync: &str, records: u64) -> Result<(), Box<dyn Error>> {
    let memory = Path::new("/dev/shm");
    let parent = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
    let root = parent.join(format!("dihya-writer-{}", std::process::id()));
    let text = format!(
        "[service]\nname = \"bench\"\n[storage]\nroot = {root:?}\n[channels.{channel}]\nsync = \"{sync}\"\nqueue = \"16 MiB\"\n\
         on_full = \"block\"\nblock_limit = \"60s\"\n"
    );
    let policy = Policy::parse(&text, "bench")?;
    let to = policy.channel(channel).ok_or("no such channel")?;
    let (_layer, guard) = Options::new(policy).open()?;
    let handle = guard.handle();
    let record = |n: u64| {
        let number = i64::try_from(n).unwrap_or(i64::MAX);
        Record::new(to, "request_served")
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
    let mut seals = 0;
    for shard in std::fs::read_dir(root.join(channel))? {
        let bytes = std::fs::read(shard?.path()).unwrap_or_default();
        seals += bytes.split(|b| *b == b'\n').filter(|line| dihya::seal::Seal::is(line)).count();
    }
    std::fs::remove_dir_all(&root)?;
    let each = spent / records;
    println!("{channel:<10} {records:>9} {:>14} {each:>16} {seals:>10}", of.bytes / of.records);
    Ok(())
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
