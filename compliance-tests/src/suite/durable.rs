//! That what was recorded is there: after a commit, a crash, a full queue, a filter, a value that misbehaves.

use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use dihya::storage::{Fault, Memory, Step};
use dihya::{Clock, DihyaLayer, Guard, Handle, Options, Policy, Record, Rng};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;

use super::context::Context;
use super::derive::{derived, set};
use super::failure::ensure;
use super::{Done, Failure};
use crate::seed::Seed;
use crate::world::World;

/// After `commit` has answered, a power cut takes nothing.
pub(crate) fn commit(context: &mut Context) -> Result<Done, Failure> {
    let channels = context.facts.lossless();
    if channels.is_empty() {
        return Ok(Done::NotClaimed("No channel of this policy is lossless.".into()));
    }
    for seed in context.seeds() {
        let honest = Memory::new();
        let ids = committed(&context.policy, &honest, &channels, seed)?.1;
        ensure!(
            ids.len() == channels.len() * PER_CHANNEL,
            "{} records were committed (seed {seed})",
            ids.len()
        );
        let torn = Seed::new(seed).below(200);
        let missing = missing(&honest.power_cut(torn), &ids);
        ensure!(
            missing == 0,
            "{missing} of {} committed records are gone after a power cut (seed {seed})",
            ids.len()
        );
        // A disk that lies about its syncs does lose them: the look after the power cut sees.
        let lying = Memory::new();
        lying.fault_on(Step::Sync, "/", Fault::Lie);
        let ids = committed(&context.policy, &lying, &channels, seed)?.1;
        ensure!(
            !ids.is_empty() && self::missing(&lying.power_cut(0), &ids) > 0,
            "a disk that lies loses nothing: the check does not work"
        );
        context.count(ids.len());
        context.tally.cases += 1;
    }
    Ok(Done::Proved)
}

/// Whatever the step at which a process dies or a disk fails, what was committed before stays.
pub(crate) fn crash(context: &mut Context) -> Result<Done, Failure> {
    let channels = context.facts.lossless();
    if channels.is_empty() {
        return Ok(Done::NotClaimed("No channel of this policy is lossless.".into()));
    }
    let calm = Memory::new();
    committed(&context.policy, &calm, &channels, context.seed)?;
    let steps = calm.steps();
    ensure!(steps > 20, "only {steps} steps were taken: the disk does not count");
    let mut kept = 0;
    let mut interrupted = 0;
    for step in 1..=steps {
        let mut random = Seed::new(context.seed.wrapping_add(step));
        let other = *random.pick(&[
            Fault::Lost(io::ErrorKind::Other),
            Fault::Kept(io::ErrorKind::Other),
            Fault::Torn(io::ErrorKind::StorageFull),
        ]);
        for fault in [Fault::Halt, other] {
            let disk = Memory::new();
            disk.fault_at(step, fault);
            let Ok((asked, ids)) = committed(&context.policy, &disk, &channels, context.seed) else {
                interrupted += 1;
                continue;
            };
            interrupted += usize::from(ids.len() < asked);
            let missing = missing(&disk.power_cut(random.below(100)), &ids);
            ensure!(
                missing == 0,
                "with {fault:?} at step {step} of {steps}, {missing} of {} committed records are gone",
                ids.len()
            );
            kept += ids.len();
        }
        context.tally.cases += 2;
    }
    ensure!(interrupted > 0 && kept > 0, "no fault had an effect: the check does not work");
    context.count(kept);
    Ok(Done::Proved)
}

/// A channel whose queue is full says how much it lost: in its report, in the metrics, and in the channel itself.
pub(crate) fn full_queue(context: &mut Context) -> Result<Done, Failure> {
    for name in context.facts.channels() {
        let policy = derived(&context.policy, |table| {
            set(table, &format!("channels.{name}.queue"), "64 KiB");
            if context.facts.text(&format!("channels.{name}.on_full")).as_deref() == Some("block") {
                set(table, &format!("channels.{name}.block_limit"), "1ms");
            }
        })?;
        let Some(channel) = policy.channel(&name) else { continue };
        let disk = Memory::new();
        let (_layer, guard) = open(&policy, &disk, context.seed)?;
        let handle = guard.handle();
        let record = || Record::new(channel, "e").message("word ".repeat(400)).number("n", 1);
        let told = |handle: &Handle| {
            handle.metrics().lines().any(|line| {
                line.starts_with("dihya_dropped_total")
                    && line.contains(&format!("\"{name}\""))
                    && !line.ends_with(" 0")
            })
        };
        ensure!(handle.record(record()).is_ok() && handle.commit(channel).is_ok(), "{name} takes no record");
        ensure!(!told(&handle), "{name} tells of a loss before there is one: the check does not work");
        disk.fault_on(Step::Append, "/", Fault::Lost(io::ErrorKind::StorageFull));
        let refused = (0..80).filter(|_| handle.record(record()).is_err()).count();
        ensure!(refused > 0, "{name} took 160 KiB into a queue of 64: the queue does not get full");
        ensure!(told(&handle), "{name} refused {refused} records, and `dihya_dropped_total` does not tell");
        disk.heal();
        let report = guard.shutdown(Duration::from_secs(20));
        ensure!(!report.is_complete(), "{name} lost {refused} records, and the report calls itself complete");
        let told = disk.files().iter().any(|(path, bytes)| {
            let text = String::from_utf8_lossy(bytes);
            path.extension().is_some_and(|end| end == "jsonl") && text.contains("\"sys_records_lost\"")
        });
        ensure!(told, "{name} refused {refused} records, and no record `sys_records_lost` tells");
        context.count(1);
        context.note("with a queue of 64 KiB and a wait of 1 ms, else as the policy says");
    }
    Ok(Done::Proved)
}

/// A filter that would swallow the audit channel is found by the probe.
pub(crate) fn silenced(context: &mut Context) -> Result<Done, Failure> {
    let channels = context.facts.lossless();
    if !["audit", "security"].iter().any(|name| channels.iter().any(|channel| channel == name)) {
        return Ok(Done::NotClaimed("Neither `audit` nor `security` is lossless.".into()));
    }
    let (layer, guard) = open(&context.policy, &Memory::new(), context.seed)?;
    let free = tracing_subscriber::registry().with(layer);
    let heard = tracing::subscriber::with_default(free, || guard.probe());
    ensure!(
        heard.is_ok(),
        "without any filter the probe fails: {}",
        heard.err().map_or_else(String::new, |e| e.to_string())
    );
    drop(guard);
    let (layer, guard) = open(&context.policy, &Memory::new(), context.seed)?;
    let filtered = tracing_subscriber::registry().with(layer).with(LevelFilter::OFF);
    let silenced = tracing::subscriber::with_default(filtered, || guard.probe());
    ensure!(silenced.is_err(), "a filter drops every event, and the probe does not tell");
    let Some(channel) = channels.iter().find_map(|name| context.policy.channel(name)) else {
        return Ok(Done::Proved);
    };
    let direct = guard.handle().record(Record::new(channel, "e").number("n", 1));
    ensure!(direct.is_ok(), "the direct path does not pass the filter by");
    context.count(1);
    Ok(Done::Proved)
}

/// A value that panics while it is formatted costs itself alone.
pub(crate) fn panicking(context: &mut Context) -> Result<Done, Failure> {
    struct Bad;
    impl fmt::Debug for Bad {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("half of it")?;
            panic!("it cannot be formatted");
        }
    }
    each_event_is_a_record(
        context,
        "[redacted:panic]",
        || tracing::error!(target: "dihya_suite", bad = ?Bad, n = 1, "told"),
    )
}

/// A value that logs while it is formatted loses neither record.
pub(crate) fn logging(context: &mut Context) -> Result<Done, Failure> {
    struct Talks;
    impl fmt::Debug for Talks {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            tracing::error!(target: "dihya_suite_inner", "from within");
            f.write_str("said")
        }
    }
    let done = each_event_is_a_record(context, "\"n\":1", || {
        tracing::error!(target: "dihya_suite", value = ?Talks, n = 1, "told");
    })?;
    Ok(done)
}

fn each_event_is_a_record(context: &mut Context, holds: &str, log: impl Fn()) -> Result<Done, Failure> {
    let expected = 50;
    let captured =
        World::new(context.policy.clone()).seed(context.seed).run(|_| (0..expected).for_each(|_| log()));
    let records = captured.records();
    let of = |target: &str| records.iter().filter(|record| record.contains(target)).count();
    let outer = of("\"target\":\"dihya_suite\"");
    ensure!(outer == expected, "{outer} records came of {expected} events");
    let inner = of("\"target\":\"dihya_suite_inner\"");
    ensure!(inner == 0 || inner >= expected, "{inner} records came of {expected} events within a value");
    let strict = !context.facts.strict().is_empty();
    ensure!(
        strict || of(holds) >= expected,
        "the records do not hold what they must: the check does not work"
    );
    context.count(expected + inner);
    Ok(Done::Proved)
}

fn open(policy: &Policy, disk: &Memory, seed: u64) -> Result<(DihyaLayer, Guard), Failure> {
    Options::new(policy.clone().root("/logs"))
        .storage(Arc::new(disk.clone()))
        .clock(Clock::manual(START))
        .rng(Rng::seeded(seed))
        // Nothing to the terminal, whatever the policy's console is.
        .mirror(io::sink)
        .open()
        .map_err(|error| Failure::new(format!("the layer does not open: {error}")))
}

/// Records and commits on each channel. How many records were tried, and the ids of those that a commit vouched for.
fn committed(
    policy: &Policy,
    disk: &Memory,
    channels: &[String],
    seed: u64,
) -> Result<(usize, BTreeSet<String>), Failure> {
    let (_layer, guard) = open(policy, disk, seed)?;
    let handle = guard.handle();
    let mut ids = BTreeSet::new();
    let mut asked = 0;
    for channel in channels.iter().filter_map(|name| policy.channel(name)) {
        for _ in 0..2 {
            let records =
                (0..PER_CHANNEL / 2).map(|n| handle.record(Record::new(channel, "e").number("n", n as i64)));
            let receipts: Vec<_> = records.filter_map(Result::ok).collect();
            asked += PER_CHANNEL / 2;
            if handle.commit(channel).is_ok() {
                ids.extend(receipts.iter().map(|receipt| receipt.id().to_owned()));
            }
        }
    }
    // Whatever the end brings, it is not what a commit promised.
    drop(guard.shutdown(Duration::from_millis(20)));
    Ok((asked, ids))
}

/// How many of these records are on the disk no more.
fn missing(disk: &Memory, ids: &BTreeSet<String>) -> usize {
    let text: String =
        disk.files().values().map(|bytes| String::from_utf8_lossy(bytes).into_owned()).collect();
    ids.iter().filter(|id| !text.contains(&format!("\"id\":\"{id}\""))).count()
}

const PER_CHANNEL: usize = 10;

/// 2026-03-01T09:12:33.123456Z
const START: i64 = 1_772_356_353_123_456;
