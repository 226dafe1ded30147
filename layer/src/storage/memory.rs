//! A disk in memory that loses, tears and lies on demand.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{File, FileId, Kind, Lock, Stat, Storage};

/// A storage for tests. It knows which bytes and which names are durable, so that [`Memory::power_cut`] can show what a
/// real disk may leave, and it numbers every step that changes anything, so that a test can make each of them fail.
///
/// Clones are the same disk.
#[derive(Clone, Debug, Default)]
pub struct Memory(Arc<Mutex<World>>);

/// What goes wrong in a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// It is not done, and the error says so. After a sync that failed like this the bytes never become durable, and a
    /// second sync claims that they did.
    Lost(io::ErrorKind),
    /// It is done, and reported as failed.
    Kept(io::ErrorKind),
    /// An append leaves half of its bytes; any other step is `Lost`.
    Torn(io::ErrorKind),
    /// A sync claims success and makes nothing durable; any other step is done.
    Lie,
    /// The process dies before this step: it and every later one fail, and nothing changes any more.
    Halt,
}

/// The kinds of steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Step {
    /// [`Storage::create_dir`]
    CreateDir,
    /// [`Storage::create`]
    Create,
    /// [`File::append`]
    Append,
    /// [`File::sync`]
    Sync,
    /// [`File::truncate`]
    Truncate,
    /// [`Storage::link`]
    Link,
    /// [`Storage::rename`]
    Rename,
    /// [`Storage::remove`]
    Remove,
    /// [`Storage::sync_dir`]
    SyncDir,
}

impl Memory {
    /// An empty disk without limits.
    pub fn new() -> Memory {
        let memory = Memory::default();
        memory.world().names.insert("/".into(), Entry::Dir(0o755));
        memory.world().durable_names.insert("/".into(), Entry::Dir(0o755));
        memory
    }

    /// Makes step number `n` go wrong; the first step after [`Memory::new`] is number 1.
    pub fn fault_at(&self, n: u64, fault: Fault) {
        self.world().faults.insert(n, fault);
    }

    /// Makes every step of a kind below `folder` go wrong until [`Memory::heal`].
    pub fn fault_on(&self, step: Step, folder: impl Into<PathBuf>, fault: Fault) {
        self.world().standing.push((step, folder.into(), fault));
    }

    /// Ends what [`Memory::fault_on`] began, and lifts the capacity.
    pub fn heal(&self) {
        let mut world = self.world();
        world.standing.clear();
        world.capacity = None;
    }

    /// Appends beyond so many bytes on the whole disk fail with `StorageFull`, after writing what fits.
    pub fn set_capacity(&self, bytes: u64) {
        self.world().capacity = Some(bytes);
    }

    /// Changes the permission bits of a folder.
    pub fn set_mode(&self, path: impl AsRef<Path>, mode: u32) {
        if let Some(Entry::Dir(old)) = self.world().names.get_mut(path.as_ref()) {
            *old = mode;
        }
    }

    /// Steps taken so far.
    pub fn steps(&self) -> u64 {
        self.world().steps
    }

    /// Steps of one kind taken so far.
    pub fn count(&self, step: Step) -> u64 {
        self.world().counts.get(&step).copied().unwrap_or(0)
    }

    /// The disk as the process's death leaves it: all that was written, locks free.
    pub fn kill(&self) -> Memory {
        let world = self.world();
        Memory::from_parts(world.names.clone(), world.nodes.clone())
    }

    /// The disk as a power cut leaves it: what is durable, and of the rest of each file its first `torn` bytes, since a
    /// disk may have written more than it was asked to.
    pub fn power_cut(&self, torn: usize) -> Memory {
        let world = self.world();
        let alive = |path: &Path| path.ancestors().all(|p| world.durable_names.contains_key(p));
        let names = world.durable_names.iter().filter(|(path, _)| alive(path));
        let nodes = world.nodes.iter().map(|(id, node)| {
            let mut bytes = node.durable.clone();
            let rest = node.bytes.get(bytes.len()..).unwrap_or_default();
            bytes.extend_from_slice(&rest[..torn.min(rest.len())]);
            (*id, Node { durable: bytes.clone(), bytes, poisoned: false })
        });
        Memory::from_parts(names.map(|(p, e)| (p.clone(), e.clone())).collect(), nodes.collect())
    }

    /// Every regular file and its bytes, by path.
    pub fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let world = self.world();
        let bytes = |id: &u64| world.nodes.get(id).map(|n| n.bytes.clone()).unwrap_or_default();
        world
            .names
            .iter()
            .filter_map(|(path, entry)| match entry {
                Entry::File(id) => Some((path.clone(), bytes(id))),
                _ => None,
            })
            .collect()
    }

    /// Where the symbolic link at `path` points to.
    pub fn link_at(&self, path: impl AsRef<Path>) -> Option<PathBuf> {
        match self.world().names.get(path.as_ref()) {
            Some(Entry::Link(target)) => Some(target.clone()),
            _ => None,
        }
    }

    /// Puts a file there as if it had always been.
    pub fn put(&self, path: impl Into<PathBuf>, bytes: &[u8]) {
        let path = path.into();
        let mut world = self.world();
        for folder in path.ancestors().skip(1) {
            world.names.entry(folder.into()).or_insert(Entry::Dir(0o700));
            world.durable_names.entry(folder.into()).or_insert(Entry::Dir(0o700));
        }
        let id = world.add_node(Node { bytes: bytes.into(), durable: bytes.into(), poisoned: false });
        world.names.insert(path.clone(), Entry::File(id));
        world.durable_names.insert(path, Entry::File(id));
    }

    /// Takes a file away behind everybody's back; whoever has it open keeps writing to nowhere.
    pub fn discard(&self, path: impl AsRef<Path>) {
        let mut world = self.world();
        world.names.remove(path.as_ref());
        world.durable_names.remove(path.as_ref());
    }

    fn from_parts(names: BTreeMap<PathBuf, Entry>, nodes: HashMap<u64, Node>) -> Memory {
        let next = nodes.keys().max().map_or(0, |n| n + 1);
        Memory(Arc::new(Mutex::new(World {
            durable_names: names.clone(),
            names,
            nodes,
            next,
            ..World::default()
        })))
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a step and does `act` as its fault, if it has one, allows.
    fn step<T>(
        &self,
        step: Step,
        path: &Path,
        act: impl FnOnce(&mut World) -> io::Result<T>,
    ) -> io::Result<T> {
        let mut world = self.world();
        match world.begin(step, path) {
            None | Some(Fault::Lie) => act(&mut world),
            Some(Fault::Kept(kind)) => act(&mut world).and_then(|_| Err(kind.into())),
            Some(Fault::Lost(kind) | Fault::Torn(kind)) => Err(kind.into()),
            Some(Fault::Halt) => Err(io::ErrorKind::Other.into()),
        }
    }
}

#[derive(Debug, Default)]
struct World {
    names: BTreeMap<PathBuf, Entry>,
    durable_names: BTreeMap<PathBuf, Entry>,
    nodes: HashMap<u64, Node>,
    next: u64,
    steps: u64,
    counts: HashMap<Step, u64>,
    faults: HashMap<u64, Fault>,
    standing: Vec<(Step, PathBuf, Fault)>,
    halted: bool,
    capacity: Option<u64>,
    locks: HashSet<PathBuf>,
}

#[derive(Clone, Debug)]
enum Entry {
    Dir(u32),
    File(u64),
    Link(PathBuf),
}

#[derive(Clone, Debug, Default)]
struct Node {
    bytes: Vec<u8>,
    durable: Vec<u8>,
    /// A sync has failed: later ones claim success and do nothing, as on Linux.
    poisoned: bool,
}

impl World {
    fn begin(&mut self, step: Step, path: &Path) -> Option<Fault> {
        self.steps += 1;
        *self.counts.entry(step).or_default() += 1;
        let standing = self.standing.iter().find(|(s, p, _)| *s == step && path.starts_with(p));
        let fault = self.faults.get(&self.steps).copied().or(standing.map(|(_, _, f)| *f));
        self.halted |= fault == Some(Fault::Halt);
        if self.halted { Some(Fault::Halt) } else { fault }
    }

    fn add_node(&mut self, node: Node) -> u64 {
        let id = self.next;
        self.next += 1;
        self.nodes.insert(id, node);
        id
    }

    fn parent_is_dir(&self, path: &Path) -> io::Result<()> {
        match path.parent().map(|p| self.names.get(p)) {
            Some(Some(Entry::Dir(_))) => Ok(()),
            _ => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn file(&self, path: &Path) -> io::Result<u64> {
        match self.names.get(path) {
            Some(Entry::File(id)) => Ok(*id),
            Some(_) => Err(io::ErrorKind::InvalidInput.into()),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn used(&self) -> u64 {
        let of = |e: &Entry| match e {
            Entry::File(id) => self.nodes.get(id).map_or(0, |n| n.bytes.len() as u64),
            _ => 0,
        };
        self.names.values().map(of).sum()
    }
}

impl Storage for Memory {
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.step(Step::CreateDir, path, |world| {
            for folder in path.ancestors() {
                match world.names.get(folder) {
                    None => drop(world.names.insert(folder.into(), Entry::Dir(0o700))),
                    Some(Entry::Dir(_)) => break,
                    Some(_) => return Err(io::ErrorKind::NotADirectory.into()),
                }
            }
            Ok(())
        })
    }

    fn resolve(&self, path: &Path) -> io::Result<PathBuf> {
        self.world().names.get(path).map(|_| path.into()).ok_or(io::ErrorKind::NotFound.into())
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn File>> {
        self.step(Step::Create, path, |world| {
            world.parent_is_dir(path)?;
            if world.names.contains_key(path) {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            let id = world.add_node(Node::default());
            world.names.insert(path.into(), Entry::File(id));
            Ok(Box::new(Handle { disk: self.clone(), path: path.into(), id }) as Box<dyn File>)
        })
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn File>> {
        let id = self.world().file(path)?;
        Ok(Box::new(Handle { disk: self.clone(), path: path.into(), id }))
    }

    fn read(&self, path: &Path, from: u64) -> io::Result<Box<dyn Read + Send>> {
        let world = self.world();
        let id = world.file(path)?;
        let bytes = world.nodes.get(&id).map(|n| n.bytes.as_slice()).unwrap_or_default();
        let from = usize::try_from(from).unwrap_or(usize::MAX).min(bytes.len());
        Ok(Box::new(io::Cursor::new(bytes[from..].to_vec())))
    }

    fn stat(&self, path: &Path) -> io::Result<Option<Stat>> {
        let world = self.world();
        let stat = |kind, mode, len, id| Stat { kind, mode, uid: 0, len, id: FileId(u64::MAX, id) };
        Ok(world.names.get(path).map(|entry| match entry {
            Entry::Dir(mode) => stat(Kind::Dir, *mode, 0, u64::MAX),
            Entry::Link(_) => stat(Kind::Link, 0o777, 0, u64::MAX),
            Entry::File(id) => {
                stat(Kind::File, 0o600, world.nodes.get(id).map_or(0, |n| n.bytes.len() as u64), *id)
            }
        }))
    }

    fn list(&self, path: &Path) -> io::Result<Vec<PathBuf>> {
        let world = self.world();
        if !world.names.contains_key(path) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let inside = world.names.keys().filter(|name| name.parent() == Some(path));
        Ok(inside.filter_map(|name| name.file_name().map(PathBuf::from)).collect())
    }

    fn link(&self, target: &Path, link: &Path) -> io::Result<()> {
        self.step(Step::Link, link, |world| {
            world.parent_is_dir(link)?;
            world.names.insert(link.into(), Entry::Link(target.into()));
            Ok(())
        })
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.step(Step::Rename, from, |world| {
            world.parent_is_dir(to)?;
            let entry = world.names.remove(from).ok_or(io::ErrorKind::NotFound)?;
            world.names.insert(to.into(), entry);
            Ok(())
        })
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.step(Step::Remove, path, |world| {
            world.names.remove(path).map(drop).ok_or(io::ErrorKind::NotFound.into())
        })
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.step(Step::SyncDir, path, |world| {
            let World { names, durable_names, .. } = world;
            durable_names.retain(|name, _| name.parent() != Some(path) || names.contains_key(name));
            for (name, entry) in names.iter().filter(|(name, _)| name.parent() == Some(path)) {
                durable_names.insert(name.clone(), entry.clone());
            }
            Ok(())
        })
    }

    fn lock(&self, path: &Path, note: &str) -> io::Result<Box<dyn Lock>> {
        let mut world = self.world();
        if !world.locks.insert(path.into()) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        drop(world);
        self.put(path, note.as_bytes());
        Ok(Box::new(Held { disk: self.clone(), path: path.into() }))
    }

    fn free_bytes(&self, _path: &Path) -> io::Result<u64> {
        let world = self.world();
        Ok(world.capacity.map_or(u64::MAX, |all| all.saturating_sub(world.used())))
    }
}

#[derive(Debug)]
struct Handle {
    disk: Memory,
    path: PathBuf,
    id: u64,
}

impl Handle {
    fn with<T>(&self, act: impl FnOnce(&mut Node) -> T) -> T {
        act(self.disk.world().nodes.entry(self.id).or_default())
    }
}

impl File for Handle {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut world = self.disk.world();
        let (kept, answer) = match world.begin(Step::Append, &self.path) {
            None | Some(Fault::Lie) => (bytes.len(), Ok(())),
            Some(Fault::Kept(kind)) => (bytes.len(), Err(kind)),
            Some(Fault::Torn(kind)) => (bytes.len() / 2, Err(kind)),
            Some(Fault::Lost(kind)) => (0, Err(kind)),
            Some(Fault::Halt) => (0, Err(io::ErrorKind::Other)),
        };
        let room = world.capacity.map_or(u64::MAX, |all| all.saturating_sub(world.used()));
        let fits = kept.min(usize::try_from(room).unwrap_or(usize::MAX));
        world.nodes.entry(self.id).or_default().bytes.extend_from_slice(&bytes[..fits]);
        if fits < kept { Err(io::ErrorKind::StorageFull.into()) } else { answer.map_err(io::Error::from) }
    }

    fn sync(&mut self) -> io::Result<()> {
        let fault = self.disk.world().begin(Step::Sync, &self.path);
        self.with(|node| match fault {
            None | Some(Fault::Kept(_)) => {
                if !node.poisoned {
                    node.durable.clone_from(&node.bytes);
                }
                match fault {
                    Some(Fault::Kept(kind)) => Err(kind.into()),
                    _ => Ok(()),
                }
            }
            Some(Fault::Lie) => Ok(()),
            Some(Fault::Lost(kind) | Fault::Torn(kind)) => {
                node.poisoned = true;
                Err(kind.into())
            }
            Some(Fault::Halt) => Err(io::ErrorKind::Other.into()),
        })
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.with(|node| node.bytes.len() as u64))
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        self.disk.step(Step::Truncate, &self.path, |world| {
            let node = world.nodes.entry(self.id).or_default();
            node.bytes.truncate(len);
            Ok(())
        })
    }

    fn id(&self) -> io::Result<FileId> {
        Ok(FileId(u64::MAX, self.id))
    }
}

#[derive(Debug)]
struct Held {
    disk: Memory,
    path: PathBuf,
}

impl Lock for Held {}

impl Drop for Held {
    fn drop(&mut self) {
        self.disk.world().locks.remove(&self.path);
    }
}
