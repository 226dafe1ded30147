//! That a log which somebody changed does not pass for whole.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use dihya::catalog::Places;
use dihya::storage::{Memory, Storage};
use dihya::verify::{Report, Severity, Verifier};
use dihya::{Clock, Options, Record, Rng};

use super::context::Context;
use super::derive::{derived, set};
use super::failure::ensure;
use super::{Done, Failure};
use crate::seed::Seed;

/// Whatever bit of a log, or of a file beside it, is flipped, whatever line or shard is removed: verifying finds it.
pub(crate) fn found(context: &mut Context) -> Result<Done, Failure> {
    let disk = written(context)?;
    let whole = verified(&disk)?;
    ensure!(
        whole.is_whole(),
        "a log that nobody touched does not verify: {}",
        whole
            .findings
            .iter()
            .filter(|finding| finding.severity() == Severity::Wrong)
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("; ")
    );
    let channels = context.facts.channels().len();
    ensure!(
        whole.shards.len() >= channels && whole.shards.iter().all(|shard| shard.seals > 0),
        "{} shards were verified for {channels} channels: the look at the log does not work",
        whole.shards.len()
    );
    // Names that begin with a dot hold locks and room, and nothing of the log.
    let files: Vec<(PathBuf, Vec<u8>)> = disk
        .files()
        .into_iter()
        .filter(|(path, bytes)| {
            let hidden = path.file_name().is_none_or(|name| name.to_string_lossy().starts_with('.'));
            !hidden && !bytes.is_empty()
        })
        .collect();
    for seed in context.seeds() {
        let mut random = Seed::new(seed);
        for _ in 0..FLIPS {
            // Each file as often as any other: the small ones hold the signatures.
            let (path, bytes) = random.pick(&files);
            let mut flipped = bytes.clone();
            let (at, bit) = (random.below(bytes.len()), random.below(8));
            flipped[at] ^= 1 << bit;
            put(&disk, path, &flipped)?;
            let found = !verified(&disk)?.is_whole();
            put(&disk, path, bytes)?;
            ensure!(found, "bit {bit} of byte {at} of {} was flipped, and nothing is found", path.display());
            context.count(1);
        }
    }
    for shard in whole.shards.iter().filter(|shard| shard.records > 0) {
        let Some((path, bytes)) = files.iter().find(|(path, _)| *path == shard.file) else { continue };
        let first = bytes.iter().position(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        put(&disk, path, &bytes[first..])?;
        ensure!(
            !verified(&disk)?.is_whole(),
            "the first line of {} is gone, and nothing is found",
            path.display()
        );
        disk.remove(path).map_err(|error| Failure::new(format!("the disk in memory: {error}")))?;
        ensure!(!verified(&disk)?.is_whole(), "{} is gone, and nothing is found", path.display());
        put(&disk, path, bytes)?;
        context.count(2);
    }
    ensure!(
        verified(&disk)?.is_whole(),
        "the log is as it was, and does not verify: the check does not work"
    );
    context
        .note("by `dihya verify`, on a disk in memory; whoever holds the signing key can seal another log");
    Ok(Done::Proved)
}

/// A log of all channels, several commits each.
fn written(context: &Context) -> Result<Memory, Failure> {
    let disk = Memory::new();
    let policy = derived(&context.policy, |table| {
        set(table, "storage.fallback_roots", toml::Value::Array(Vec::new()));
    })?
    .root(ROOT);
    let (_layer, guard) = Options::new(policy.clone())
        .storage(Arc::new(disk.clone()))
        .clock(Clock::manual(START))
        .rng(Rng::seeded(context.seed))
        .mirror(std::io::sink)
        .open()
        .map_err(|error| Failure::new(format!("the layer does not open: {error}")))?;
    for _ in 0..3 {
        for channel in context.facts.channels().iter().filter_map(|name| policy.channel(name)) {
            for n in 0..4 {
                drop(guard.handle().record(Record::new(channel, "e").number("n", n)));
            }
            drop(guard.handle().commit(channel));
        }
    }
    let report = guard.shutdown(Duration::from_secs(20));
    ensure!(report.is_complete(), "records were lost: {report}");
    Ok(disk)
}

fn verified(disk: &Memory) -> Result<Report, Failure> {
    Verifier::new(Arc::new(disk.clone()), Places::root(ROOT))
        .clock(Clock::manual(START))
        .run(&|_| {})
        .map_err(|error| Failure::new(format!("the log cannot be verified: {error}")))
}

fn put(disk: &Memory, path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let _ = disk.remove(path);
    disk.create(path)
        .and_then(|mut file| file.append(bytes))
        .map_err(|error| Failure::new(format!("the disk in memory: {error}")))
}

const ROOT: &str = "/logs";
const FLIPS: usize = 60;
/// 2026-03-01T09:12:33.123456Z
const START: i64 = 1_772_356_353_123_456;
