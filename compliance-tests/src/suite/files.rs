//! Files on a real disk: where they are, and who may read them.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use dihya::{Options, Record};
use tracing_subscriber::layer::SubscriberExt;

use super::context::Context;
use super::derive::{derived, set};
use super::failure::ensure;
use super::{Done, Failure};

/// What the layer makes is its owner's alone, and lies under its root.
pub(crate) fn modes(context: &mut Context) -> Result<Done, Failure> {
    if !cfg!(unix) {
        return Ok(Done::NotClaimed("This system has no permission bits.".into()));
    }
    let folder =
        Folder::new().map_err(|error| Failure::new(format!("no folder to work in: {}", error.kind())))?;
    let root = folder.0.join("logs");
    let policy = derived(&context.policy, |table| {
        set(table, "storage.fallback_roots", toml::Value::Array(Vec::new()));
        table.remove("console");
    })?
    .root(&root);
    let (layer, guard) = Options::new(policy.clone())
        .open()
        .map_err(|error| Failure::new(format!("the layer does not open on a real disk: {error}")))?;
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
        tracing::error!("an ordinary line");
        for name in context.facts.channels() {
            if let Some(channel) = policy.channel(&name) {
                drop(guard.handle().record(Record::new(channel, "e").number("n", 1)));
            }
        }
    });
    let report = guard.shutdown(Duration::from_secs(20));
    ensure!(report.is_complete(), "records were lost: {report}");
    let made = tree(&folder.0)
        .map_err(|error| Failure::new(format!("the folder cannot be read: {}", error.kind())))?;
    let shards = made.iter().filter(|entry| is_shard(&entry.path)).count();
    ensure!(
        shards >= context.facts.channels().len(),
        "{shards} shards were made for {} channels: the look at the files does not work",
        context.facts.channels().len()
    );
    for entry in &made {
        let name = entry.path.strip_prefix(&folder.0).unwrap_or(&entry.path).display();
        ensure!(entry.path.starts_with(&root), "{name} lies outside of the root");
        ensure!(entry.is_private(), "{name} has the mode {:o}: others than its owner may use it", entry.mode);
        context.count(1);
    }
    context.note("on this machine's temporary folder, with local files");
    control(&folder.0)?;
    Ok(Done::Proved)
}

fn is_shard(path: &Path) -> bool {
    path.extension().is_some_and(|end| end == "jsonl") && !path.ends_with("ledger/ledger.jsonl")
}

/// A file that all may read is told from one that only its owner may.
fn control(folder: &Path) -> Result<(), Failure> {
    let path = folder.join("open.txt");
    let made = std::fs::write(&path, "x").and_then(|()| open_to_all(&path)).and_then(|()| tree(folder));
    let seen = made.is_ok_and(|made| made.iter().any(|entry| entry.path == path && !entry.is_private()));
    ensure!(seen, "a file that all may read is not noticed: the look at the files does not work");
    Ok(())
}

struct Entry {
    path: PathBuf,
    is_link: bool,
    mode: u32,
}

impl Entry {
    /// A link has no bits of its own.
    fn is_private(&self) -> bool {
        self.is_link || self.mode & 0o077 == 0
    }
}

fn tree(folder: &Path) -> std::io::Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let (path, facts) = (entry.path(), entry.metadata()?);
        if facts.is_dir() {
            entries.extend(tree(&path)?);
        }
        entries.push(Entry { path, is_link: facts.is_symlink(), mode: mode(&facts) });
    }
    Ok(entries)
}

#[cfg(unix)]
fn mode(facts: &std::fs::Metadata) -> u32 {
    std::os::unix::fs::PermissionsExt::mode(&facts.permissions()) & 0o7777
}

#[cfg(not(unix))]
fn mode(_: &std::fs::Metadata) -> u32 {
    0
}

#[cfg(unix)]
fn open_to_all(path: &Path) -> std::io::Result<()> {
    std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o644))
}

#[cfg(not(unix))]
fn open_to_all(_: &Path) -> std::io::Result<()> {
    Ok(())
}

/// A folder of this test's own, gone with it.
struct Folder(PathBuf);

impl Folder {
    fn new() -> std::io::Result<Folder> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("dihya-suite-{}-{number}", std::process::id()));
        let mut builder = std::fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&path)?;
        Ok(Folder(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // A folder left behind is no fault of what is tested.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
