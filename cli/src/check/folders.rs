//! Folders in which every change is noticed at once, by inotify, with all that lies below them.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
use rustix::io::Errno;

/// Watched folders.
pub(crate) struct Folders {
    inotify: OwnedFd,
    watched: HashMap<i32, PathBuf>,
    roots: Vec<PathBuf>,
    /// What could not be watched, in words.
    pub(crate) trouble: HashSet<String>,
    /// Halves of renames: the old name, until the new one is told.
    leaving: HashMap<u32, PathBuf>,
    /// Names that a file here had before it got another one here.
    pub(crate) renamed: HashSet<PathBuf>,
}

impl Folders {
    /// Watches these and everything below them.
    ///
    /// # Errors
    /// If the kernel gives no inotify, or a folder is not there.
    pub(crate) fn watch(roots: Vec<PathBuf>) -> io::Result<Folders> {
        let inotify = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC)?;
        let mut folders = Folders {
            inotify,
            watched: HashMap::new(),
            roots: Vec::new(),
            trouble: HashSet::new(),
            leaving: HashMap::new(),
            renamed: HashSet::new(),
        };
        for root in roots {
            let named =
                |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", root.display()));
            let root = root.canonicalize().map_err(named)?;
            if !folders.roots.iter().any(|known| root.starts_with(known)) {
                folders.add(&root, &mut |_| {});
                folders.roots.push(root);
            }
        }
        Ok(folders)
    }

    /// Calls `changed` with every file that was made, written or moved here since the last call.
    pub(crate) fn changes(&mut self, mut changed: impl FnMut(&Path)) {
        let mut made: Vec<PathBuf> = Vec::new();
        let mut buffer = [MaybeUninit::uninit(); 16 * 1024];
        let mut reader = inotify::Reader::new(&self.inotify, &mut buffer);
        loop {
            let event = match reader.next() {
                Ok(event) => event,
                Err(Errno::INTR) => continue,
                Err(_) => break,
            };
            if event.events().contains(ReadFlags::QUEUE_OVERFLOW) {
                self.trouble.insert(
                    "changes came faster than they could be followed: some files may have been missed"
                        .to_owned(),
                );
                continue;
            }
            let (Some(folder), Some(name)) = (self.watched.get(&event.wd()), event.file_name()) else {
                continue;
            };
            let path = folder.join(std::ffi::OsStr::from_bytes(name.to_bytes()));
            if event.events().contains(ReadFlags::MOVED_FROM) {
                self.leaving.insert(event.cookie(), path);
                continue;
            }
            if event.events().contains(ReadFlags::MOVED_TO) {
                self.renamed.extend(self.leaving.remove(&event.cookie()));
            }
            if event.events().contains(ReadFlags::ISDIR) {
                made.push(path);
            } else {
                changed(&path);
            }
        }
        for folder in made {
            self.add(&folder, &mut changed);
        }
    }

    /// Calls `each` with every file below the folders.
    pub(crate) fn walk(&self, mut each: impl FnMut(&Path)) {
        let mut waiting = self.roots.clone();
        while let Some(folder) = waiting.pop() {
            for (path, is_folder) in entries(&folder) {
                if !is_folder {
                    each(&path);
                } else if !is_passed_over(&path) {
                    waiting.push(path);
                }
            }
        }
    }

    /// As they are named in the report.
    pub(crate) fn roots(&self) -> &[PathBuf] {
        &self.roots
    }

    /// The watch comes before the look at what is there already, so that nothing falls between them.
    fn add(&mut self, folder: &Path, present: &mut impl FnMut(&Path)) {
        let mut waiting = vec![folder.to_owned()];
        while let Some(folder) = waiting.pop() {
            if self.watched.len() == MOST {
                self.trouble.insert(format!(
                    "below {} are more than {MOST} folders: in the rest, files are seen only while they are held open, and at the end",
                    folder.display()
                ));
                return;
            }
            let events = WatchFlags::CREATE | WatchFlags::MODIFY | WatchFlags::CLOSE_WRITE | WatchFlags::MOVE;
            match inotify::add_watch(
                &self.inotify,
                &folder,
                events | WatchFlags::ONLYDIR | WatchFlags::DONT_FOLLOW,
            ) {
                Ok(watch) => self.watched.insert(watch, folder.clone()),
                // A folder that is gone again held nothing that lasted.
                Err(Errno::NOENT | Errno::NOTDIR) => continue,
                Err(error) => {
                    self.trouble.insert(format!("{} cannot be watched: {error}", folder.display()));
                    continue;
                }
            };
            for (path, is_folder) in entries(&folder) {
                if !is_folder {
                    present(&path);
                } else if !is_passed_over(&path) {
                    waiting.push(path);
                }
            }
        }
    }
}

/// Paths in a folder, and which of them are folders; links are neither followed nor folders.
fn entries(folder: &Path) -> impl Iterator<Item = (PathBuf, bool)> {
    let entries = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    entries.filter_map(|entry| {
        let kind = entry.file_type().ok()?;
        (kind.is_dir() || kind.is_file()).then(|| (entry.path(), kind.is_dir()))
    })
}

/// What builds and version control fill, and no service writes to. A file that it holds open there is found all the same.
fn is_passed_over(folder: &Path) -> bool {
    folder.file_name().is_some_and(|name| PASSED_OVER.iter().any(|passed| name == *passed))
}

/// Named in the report too.
pub(crate) const PASSED_OVER: [&str; 3] = [".git", "node_modules", "target"];

/// A fraction of the kernel's usual bound per user, which other programs need too.
const MOST: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_in_a_new_folder_and_a_new_name_are_noticed_and_what_was_there_is_not() {
        let root = std::env::temp_dir().join(format!("dihya-folders-{}", std::process::id()));
        fs::create_dir(&root).unwrap();
        fs::write(root.join("old"), "").unwrap();
        let mut folders = Folders::watch(vec![root.clone(), root.clone()]).unwrap();
        assert_eq!(folders.roots().len(), 1);
        fs::create_dir_all(root.join("a/b")).unwrap();
        fs::write(root.join("a/b/new"), "x").unwrap();
        let mut seen = Vec::new();
        for _ in 0..3 {
            folders.changes(|path| seen.push(path.file_name().unwrap().to_owned()));
        }
        let mut walked = 0;
        folders.walk(|_| walked += 1);
        fs::rename(root.join("old"), root.join("a/older")).unwrap();
        folders.changes(|path| seen.push(path.file_name().unwrap().to_owned()));
        let root = root.canonicalize().unwrap();
        fs::remove_dir_all(&root).unwrap();
        assert!(seen.iter().any(|name| name == "new"));
        assert!(!seen.iter().any(|name| name == "old"));
        assert!(seen.iter().any(|name| name == "older"));
        assert!(folders.renamed.contains(&root.join("old")));
        assert_eq!(walked, 2);
        assert!(Folders::watch(vec![root]).is_err());
    }
}
