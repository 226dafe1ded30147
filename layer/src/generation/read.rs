//! Reading generations back from their channel's shards.

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::EVENT;
use crate::core::Core;
use crate::journal::seal::Seal;
use crate::journal::shard_order;

/// The newest ones, newest first.
pub(super) fn recent(core: &Core, limit: usize) -> io::Result<Vec<Map<String, Value>>> {
    let mut found = Vec::new();
    for shard in shards(core)?.into_iter().rev() {
        let wanted = limit - found.len();
        let mut newest = VecDeque::new();
        each(core, &shard, |generation| {
            newest.push_back(generation);
            if newest.len() > wanted {
                newest.pop_front();
            }
            Ok(())
        })?;
        found.extend(newest.into_iter().rev());
        if found.len() >= limit {
            break;
        }
    }
    Ok(found)
}

/// All of them into a new file; how many there are.
pub(super) fn export(core: &Core, path: &Path) -> io::Result<u64> {
    let mut file = core.storage.create(path)?;
    let mut count = 0;
    let mut buffer = Vec::new();
    for shard in shards(core)? {
        each(core, &shard, |generation| {
            serde_json::to_writer(&mut buffer, &generation)?;
            buffer.push(b'\n');
            count += 1;
            if buffer.len() > BUFFER {
                file.append(&buffer)?;
                buffer.clear();
            }
            Ok(())
        })?;
    }
    file.append(&buffer)?;
    file.sync()?;
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        core.storage.sync_dir(folder)?;
    }
    Ok(count)
}

/// The channel's shards on every root, oldest first.
fn shards(core: &Core) -> io::Result<Vec<PathBuf>> {
    let mut shards = Vec::new();
    for base in core.journal.bases() {
        let folder = base.join("generation");
        if core.storage.stat(&folder)?.is_none() {
            continue;
        }
        for path in core.storage.list(&folder)? {
            if let Some(order) = shard_order(&path) {
                shards.push((order, folder.join(path.file_name().unwrap_or_default())));
            }
        }
    }
    shards.sort();
    Ok(shards.into_iter().map(|(_, path)| path).collect())
}

/// Calls `with` for each generation of a shard, as exported.
fn each(
    core: &Core,
    shard: &Path,
    mut with: impl FnMut(Map<String, Value>) -> io::Result<()>,
) -> io::Result<()> {
    for line in BufReader::new(core.storage.read(shard, 0)?).split(b'\n') {
        let line = line?;
        if Seal::is(&line) {
            continue;
        }
        let Ok(record) = serde_json::from_slice::<Value>(&line) else { continue };
        if record["event_name"] == EVENT {
            with(exported(record))?;
        }
    }
    Ok(())
}

fn exported(mut record: Value) -> Map<String, Value> {
    let mut attributes = match record["attributes"].take() {
        Value::Object(attributes) => attributes,
        _ => Map::new(),
    };
    let mut generation = Map::new();
    for key in ["timestamp", "user_id"] {
        generation.insert(key.into(), record[key].take());
    }
    for key in ["project_name", "stack", "files", "status", "error", "plugins", "template"] {
        generation.insert(key.into(), attributes.remove(key).unwrap_or_default());
    }
    attributes.remove("files_omitted");
    generation.extend(attributes);
    generation
}

const BUFFER: usize = 256 * 1024;
