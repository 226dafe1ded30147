//! Finds every file that the service writes, while it runs: those it and its children hold open, and those that change
//! in watched folders.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::folders::Folders;
use super::follow::{Contents, Followed};
use super::process;

/// A thread that looks, again and again, until it is told to end.
pub(crate) struct Watch {
    thread: JoinHandle<Seen>,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    is_over: AtomicBool,
    /// Changes of any followed file.
    changes: AtomicU64,
    rounds: AtomicU64,
}

/// What was seen, when all is over.
pub(crate) struct Seen {
    pub(crate) files: Vec<Contents>,
    /// Files that were gone before they could be opened, or may not be read, with why.
    pub(crate) missed: BTreeSet<(PathBuf, String)>,
    /// What else was open for writing: sockets, devices. By what it is, and how many.
    pub(crate) others: BTreeSet<&'static str>,
    pub(crate) trouble: Vec<String>,
    pub(crate) folders: Vec<PathBuf>,
    /// As [`Watch::changes`], at the end.
    pub(crate) changes: u64,
}

impl Watch {
    /// Watches these folders and all descendants of this process. `own` is a folder of this program, in which nothing is
    /// looked at.
    ///
    /// # Errors
    /// If a folder is not there.
    pub(crate) fn start(folders: Vec<PathBuf>, own: &Path, limit: u64) -> io::Result<Watch> {
        let folders = Folders::watch(folders)?;
        // The file systems' clock is not the system's: what is older than this file was written before the service ran.
        let stamp = own.join("start");
        let meta = File::create(&stamp)?.metadata()?;
        let shared = Arc::new(Shared::default());
        let mut eye = Eye {
            folders,
            start: (meta.mtime(), meta.mtime_nsec()),
            limit,
            own: own.to_owned(),
            known: HashMap::new(),
            followed: Vec::new(),
            held: HashSet::new(),
            missed: BTreeSet::new(),
            others: BTreeSet::new(),
        };
        let theirs = shared.clone();
        let thread = thread::spawn(move || {
            while !theirs.is_over.load(Ordering::Acquire) {
                theirs.changes.fetch_add(eye.round(), Ordering::AcqRel);
                theirs.rounds.fetch_add(1, Ordering::AcqRel);
                thread::sleep(ROUND);
            }
            eye.finish()
        });
        Ok(Watch { thread, shared })
    }

    /// Changes seen so far, after a whole further round.
    pub(crate) fn changes(&self) -> u64 {
        let target = self.shared.rounds.load(Ordering::Acquire) + 2;
        while self.shared.rounds.load(Ordering::Acquire) < target && !self.thread.is_finished() {
            thread::sleep(ROUND / 2);
        }
        self.shared.changes.load(Ordering::Acquire)
    }

    /// Ends, and tells what was seen.
    pub(crate) fn finish(self) -> Seen {
        self.shared.is_over.store(true, Ordering::Release);
        let before = self.shared;
        match self.thread.join() {
            Ok(seen) => Seen { changes: before.changes.load(Ordering::Acquire) + seen.changes, ..seen },
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
}

struct Eye {
    folders: Folders,
    start: (i64, i64),
    limit: u64,
    own: PathBuf,
    known: HashMap<(u64, u64), usize>,
    followed: Vec<Followed>,
    /// Descriptors that were looked at, with their files. Most are the same in every round.
    held: HashSet<(PathBuf, (u64, u64))>,
    missed: BTreeSet<(PathBuf, String)>,
    others: BTreeSet<&'static str>,
}

impl Eye {
    /// Answers how many files changed.
    fn round(&mut self) -> u64 {
        let mut changed: Vec<PathBuf> = Vec::new();
        self.folders.changes(|path| changed.push(path.to_owned()));
        for path in changed {
            self.find(&path, &path);
        }
        for pid in process::descendants() {
            for opened in process::opened(pid) {
                if self.held.insert((opened.link.clone(), opened.id)) {
                    self.find_held(&opened);
                }
            }
        }
        self.followed.iter_mut().map(|file| u64::from(file.look())).sum()
    }

    fn find_held(&mut self, opened: &process::Opened) {
        let name = opened.target.as_os_str().to_string_lossy();
        let other = match name.as_ref() {
            "/dev/null" => return,
            name if name.starts_with("socket:") => "sockets",
            // Pipes lead to another process, mostly to this one.
            name if name.starts_with("pipe:") || name.starts_with("anon_inode:") => return,
            name if name.starts_with("/memfd:") => "files in memory (memfd)",
            name if name.starts_with("/dev/") && !name.starts_with("/dev/shm/") => "devices",
            _ => {
                self.find(&opened.link, &opened.target);
                return;
            }
        };
        self.others.insert(other);
    }

    fn find(&mut self, link: &Path, path: &Path) {
        if path.starts_with(&self.own) {
            return;
        }
        match Followed::open(link, path, self.limit) {
            Ok(Some(file)) => {
                let next = self.followed.len();
                let index = *self.known.entry(file.id).or_insert(next);
                if index == next {
                    self.followed.push(file);
                }
            }
            Ok(None) => {}
            // A descriptor that is closed again is no file that is gone.
            Err(error) if error.kind() == io::ErrorKind::NotFound && link != path => {}
            Err(error) => {
                let why = match error.kind() {
                    io::ErrorKind::NotFound => "gone before it could be read".to_owned(),
                    kind => kind.to_string(),
                };
                self.missed.insert((path.to_owned(), why));
            }
        }
    }

    fn finish(mut self) -> Seen {
        let mut changes = self.round();
        // What neither was held open when looked at nor brought an event: written through a mapping, or too fast.
        let mut late: Vec<PathBuf> = Vec::new();
        self.folders.walk(|path| {
            let meta = fs::symlink_metadata(path);
            if meta.is_ok_and(|meta| (meta.mtime(), meta.mtime_nsec()) >= self.start) {
                late.push(path.to_owned());
            }
        });
        for path in late {
            self.find(&path, &path);
        }
        changes += self.followed.iter_mut().map(|file| u64::from(file.look())).sum::<u64>();
        let mut files = Vec::new();
        for file in self.followed {
            // Held open, and never written to: a lock, a database that was only read.
            if file.modified() < self.start {
                continue;
            }
            let path = file.path.clone();
            match file.finish() {
                Ok(contents) => files.push(contents),
                Err(error) => {
                    self.missed.insert((path, error.kind().to_string()));
                }
            }
        }
        files.sort_by(|a, b| a.path.cmp(&b.path));
        // What was renamed or written again under the same name was read after all.
        let names: HashSet<&PathBuf> = files.iter().map(|file| &file.path).collect();
        let renamed = &self.folders.renamed;
        self.missed.retain(|(path, _)| !names.contains(path) && !renamed.contains(path));
        let trouble = self.folders.trouble.iter().cloned().collect();
        let folders = self.folders.roots().to_vec();
        Seen { files, missed: self.missed, others: self.others, trouble, folders, changes }
    }
}

/// Shorter, and the check would disturb what it looks at.
const ROUND: Duration = Duration::from_millis(10);
