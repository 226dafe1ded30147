//! The folders a journal writes to: checked, locked, and only then used.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::clock::Clock;
use crate::policy::Policy;
use crate::storage::{Kind, Lock, Storage};

use super::books::Books;
use super::error::OpenError;

/// A root (or an instance's folder under it) that passed every check, its books and its lock.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) base: PathBuf,
    pub(crate) state: PathBuf,
    pub(crate) books: Books,
    _lock: Box<dyn Lock>,
}

impl Place {
    pub(crate) fn folder(&self, channel: &str) -> PathBuf {
        self.base.join(channel)
    }
}

/// Every root of the policy is made ready at once: a fallback that turns out unusable on the day it is needed is
/// worse than a service that says so when it starts.
pub(crate) fn prepare(
    policy: &Policy,
    storage: &Arc<dyn Storage>,
    clock: &Clock,
) -> Result<Vec<Place>, OpenError> {
    prepare_with(policy, storage, clock, true)
}

/// As [`prepare`], also where a ledger was rolled back, if that is not to be checked.
pub(crate) fn prepare_with(
    policy: &Policy,
    storage: &Arc<dyn Storage>,
    clock: &Clock,
    check: bool,
) -> Result<Vec<Place>, OpenError> {
    let mut places = Vec::new();
    for (at, root) in policy.roots.iter().enumerate() {
        places.push(prepare_root(policy, (at, root), storage, clock, check)?);
    }
    Ok(places)
}

fn prepare_root(
    policy: &Policy,
    (at, root): (usize, &Path),
    shared: &Arc<dyn Storage>,
    clock: &Clock,
    check: bool,
) -> Result<Place, OpenError> {
    let storage = &**shared;
    // A link may lead anywhere tomorrow: the root itself must be a folder. Links among its parents are the
    // administrator's own layout (/var/run, a mounted volume); they are resolved, and what they lead to is checked.
    // A trailing slash would make the system follow the link before we see it.
    let root: &Path = &root.components().collect::<PathBuf>();
    make_folder(storage, root)?;
    let root = storage.resolve(root).map_err(io_error("resolve", root))?;
    for parent in root.ancestors().skip(1) {
        let Some(stat) = storage.stat(parent).map_err(io_error("look at", parent))? else { continue };
        if stat.mode & OTHERS_WRITE != 0 && stat.mode & STICKY == 0 {
            return Err(OpenError::WorldWritable { path: parent.into(), mode: stat.mode });
        }
    }
    let mut base = root.clone();
    if let Some(instance) = &policy.service.instance {
        base.push(instance);
        make_folder(storage, &base)?;
        storage.sync_dir(&root).map_err(io_error("sync", &root))?;
    }
    let needed = ROOM_PER_CHANNEL * policy.channels.len() as u64;
    let free = storage.free_bytes(&base).map_err(io_error("measure", &base))?;
    if free < needed {
        return Err(OpenError::NoSpace { path: base, free, needed });
    }
    let path = base.join(LOCK);
    let lock = match storage.lock(&path, &format!("{}\n", std::process::id())) {
        Ok(lock) => lock,
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
            let pid = holder(storage, &path);
            return Err(OpenError::Busy { path, pid });
        }
        Err(error) => return Err(explain(storage, &base, "lock", &path, error)),
    };
    for channel in &policy.channels {
        make_folder(storage, &base.join(&channel.name))?;
    }
    let state = policy.state_folder(at, &base);
    let books = Books::open(policy, shared, &base, &state, clock, check)?;
    storage.sync_dir(&base).map_err(io_error("sync", &base))?;
    Ok(Place { base, state, books, _lock: lock })
}

/// Makes a folder unless it is there, and refuses what others could tamper with.
pub(crate) fn make_folder(storage: &dyn Storage, path: &Path) -> Result<(), OpenError> {
    let look = || storage.stat(path).map_err(io_error("look at", path));
    let mut found = look()?;
    if found.is_none() {
        let missing = |p: &&Path| !p.as_os_str().is_empty() && matches!(storage.stat(p), Ok(None));
        let made: Vec<&Path> = path.ancestors().take_while(missing).collect();
        storage.create_dir(path).map_err(|error| {
            let above = path.ancestors().skip(1).find(|p| matches!(storage.stat(p), Ok(Some(_))));
            explain(storage, above.unwrap_or(Path::new(".")), "make the folder", path, error)
        })?;
        for new in made {
            sync_parent(storage, new).map_err(io_error("sync the folder of", new))?;
        }
        found = look()?;
    }
    match found {
        Some(stat) if stat.kind == Kind::Link => Err(OpenError::Link { path: path.into() }),
        Some(stat) if stat.kind != Kind::Dir => Err(OpenError::NotAFolder { path: path.into() }),
        Some(stat) if stat.mode & OTHERS_WRITE != 0 => {
            Err(OpenError::WorldWritable { path: path.into(), mode: stat.mode })
        }
        _ => Ok(()),
    }
}

fn sync_parent(storage: &dyn Storage, path: &Path) -> io::Result<()> {
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    match storage.sync_dir(parent) {
        // A folder may be writable and not readable, and then cannot be opened to be synced: the new name becomes
        // durable a little later, and the journal of before a power cut is looked for under it or not at all.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        other => other,
    }
}

pub(crate) fn io_error(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> OpenError {
    move |source| OpenError::Io { what, path: path.into(), source }
}

/// "Permission denied" alone sends people searching; the folder's mode and owner do not.
fn explain(
    storage: &dyn Storage,
    folder: &Path,
    what: &'static str,
    path: &Path,
    source: io::Error,
) -> OpenError {
    let denied = matches!(source.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem);
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    match storage.stat(folder) {
        Ok(Some(stat)) if denied => OpenError::Unwritable {
            path: folder.into(),
            mode: stat.mode,
            owner: stat.uid,
            user: rustix::process::geteuid().as_raw(),
            source,
        },
        _ => OpenError::Io { what, path: path.into(), source },
    }
}

fn holder(storage: &dyn Storage, path: &Path) -> Option<u32> {
    let mut text = String::new();
    storage.read(path, 0).ok()?.take(32).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

const LOCK: &str = ".lock";
/// Not the group's bit: see [`OpenError::WorldWritable`].
const OTHERS_WRITE: u32 = 0o002;
const STICKY: u32 = 0o1000;
/// The reserve of a channel and as much again for its first records.
const ROOM_PER_CHANNEL: u64 = 2 * super::store::RESERVE as u64;
