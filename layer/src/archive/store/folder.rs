//! A folder as a store: on this disk, on another, or mounted from elsewhere.
//!
//! It does through the [`Storage`] seam what `object_store`'s local file system would do, for three reasons: folders and
//! files are the owner's alone (0700, 0600), links in their place are refused, and every step can be made to fail in a
//! test.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::storage::{Kind, Storage};

use super::Store;

#[derive(Debug)]
pub(in crate::archive) struct Folder {
    name: String,
    prefix: String,
    folder: PathBuf,
    storage: Arc<dyn Storage>,
}

impl Folder {
    pub(in crate::archive) fn new(
        name: &str,
        folder: PathBuf,
        instance: Option<&str>,
        storage: Arc<dyn Storage>,
    ) -> Folder {
        Folder { name: name.to_owned(), prefix: super::prefix(instance), folder, storage }
    }

    fn file(&self, path: &str) -> PathBuf {
        self.folder.join(path)
    }
}

impl Store for Folder {
    fn name(&self) -> &str {
        &self.name
    }

    fn prefix(&self) -> &str {
        &self.prefix
    }

    fn look(&self, path: &str) -> io::Result<Option<u64>> {
        match self.storage.stat(&self.file(path))? {
            Some(stat) if stat.kind == Kind::File => Ok(Some(stat.len)),
            Some(_) => Err(io::Error::new(io::ErrorKind::AlreadyExists, "not a regular file")),
            None => Ok(None),
        }
    }

    fn put(&self, path: &str, _: u64, from: &mut dyn Read) -> io::Result<()> {
        let file = self.file(path);
        let folder = file.parent().unwrap_or(&self.folder);
        make_durable(&*self.storage, folder)?;
        let unfinished = beside(&file);
        remove_if_there(&*self.storage, &unfinished)?;
        let copied = copy(&*self.storage, &unfinished, from).and_then(|()| {
            // Only one archiver runs, so that nothing of ours comes between this look and the rename.
            match self.storage.stat(&file)? {
                Some(_) => Err(io::ErrorKind::AlreadyExists.into()),
                None => self.storage.rename(&unfinished, &file),
            }
        });
        if let Err(error) = copied {
            // On a full disk this is what makes room again. It is made anew each time, so that nothing is lost with it.
            let _ = self.storage.remove(&unfinished);
            return Err(error);
        }
        self.storage.sync_dir(folder)
    }

    fn settle(&self, path: &str) -> io::Result<()> {
        let file = self.file(path);
        // It was synced before it got its name; the names may not have been, up to the store's own.
        for folder in file.ancestors().skip(1) {
            self.storage.sync_dir(folder)?;
            if folder == self.folder {
                return self.folder.parent().map_or(Ok(()), |parent| sync_parent(&*self.storage, parent));
            }
        }
        Ok(())
    }

    fn get(&self, path: &str) -> io::Result<Box<dyn Read + '_>> {
        Ok(self.storage.read(&self.file(path), 0)? as Box<dyn Read>)
    }

    fn place(&self, path: &str) -> String {
        self.file(path).display().to_string()
    }
}

fn copy(storage: &dyn Storage, to: &Path, from: &mut dyn Read) -> io::Result<()> {
    let mut file = storage.create(to)?;
    let mut buffer = vec![0; 256 << 10];
    loop {
        match from.read(&mut buffer)? {
            0 => return file.sync(),
            n => file.append(&buffer[..n])?,
        }
    }
}

/// Makes a folder and every name on the way to it durable.
pub(in crate::archive) fn make_durable(storage: &dyn Storage, folder: &Path) -> io::Result<()> {
    match storage.stat(folder)? {
        Some(stat) if stat.kind == Kind::Dir => return Ok(()),
        Some(_) => return Err(io::Error::new(io::ErrorKind::NotADirectory, "not a folder")),
        None => {}
    }
    let is_new = |path: &&Path| !path.as_os_str().is_empty() && matches!(storage.stat(path), Ok(None));
    let new: Vec<&Path> = folder.ancestors().take_while(is_new).collect();
    storage.create_dir(folder)?;
    new.iter().filter_map(|path| path.parent()).try_for_each(|parent| sync_parent(storage, parent))
}

/// A folder above ours may be one that we may not open.
fn sync_parent(storage: &dyn Storage, parent: &Path) -> io::Result<()> {
    let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
    match storage.sync_dir(parent) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        other => other,
    }
}

/// The hidden name of a file that is not finished.
pub(in crate::archive) fn beside(file: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(file.file_name().unwrap_or_default());
    name.push(".tmp");
    file.with_file_name(name)
}

pub(in crate::archive) fn remove_if_there(storage: &dyn Storage, path: &Path) -> io::Result<()> {
    match storage.remove(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
