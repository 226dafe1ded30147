//! Files on a local disk.

use std::fs;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use super::{File, FileId, Kind, Lock, Stat, Storage};

/// The operating system's files.
#[derive(Clone, Copy, Debug, Default)]
pub struct Local;

impl Storage for Local {
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
    }

    fn resolve(&self, path: &Path) -> io::Result<PathBuf> {
        fs::canonicalize(path)
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn File>> {
        let file = fs::OpenOptions::new()
            .append(true)
            .create_new(true)
            .mode(0o600)
            .custom_flags(NO_FOLLOW)
            .open(path)?;
        Ok(Box::new(LocalFile(file)))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn File>> {
        // NONBLOCK: opening a pipe that somebody put here must not hang.
        let file = fs::OpenOptions::new().append(true).custom_flags(NO_FOLLOW | NON_BLOCK).open(path)?;
        regular(&file)?;
        Ok(Box::new(LocalFile(file)))
    }

    fn read(&self, path: &Path, from: u64) -> io::Result<Box<dyn Read + Send>> {
        let mut file = fs::OpenOptions::new().read(true).custom_flags(NO_FOLLOW | NON_BLOCK).open(path)?;
        regular(&file)?;
        file.seek(SeekFrom::Start(from))?;
        Ok(Box::new(file))
    }

    fn stat(&self, path: &Path) -> io::Result<Option<Stat>> {
        match fs::symlink_metadata(path) {
            Ok(meta) => Ok(Some(Stat {
                kind: kind(meta.file_type()),
                mode: meta.permissions().mode() & 0o7777,
                uid: meta.uid(),
                len: meta.len(),
                id: FileId(meta.dev(), meta.ino()),
            })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn list(&self, path: &Path) -> io::Result<Vec<PathBuf>> {
        fs::read_dir(path)?.map(|entry| entry.map(|e| PathBuf::from(e.file_name()))).collect()
    }

    fn link(&self, target: &Path, link: &Path) -> io::Result<()> {
        // A link cannot be overwritten in one step, a name can: make it beside, then rename.
        let mut name = std::ffi::OsString::from(".");
        name.push(link.file_name().unwrap_or_default());
        name.push(".new");
        let beside = link.with_file_name(name);
        match fs::remove_file(&beside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        symlink(target, &beside)?;
        fs::rename(&beside, link)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        fs::File::open(path)?.sync_all()
    }

    fn lock(&self, path: &Path, note: &str) -> io::Result<Box<dyn Lock>> {
        let mut file = fs::OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .custom_flags(NO_FOLLOW | NON_BLOCK)
            .open(path)?;
        regular(&file)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => return Err(io::ErrorKind::WouldBlock.into()),
            Err(fs::TryLockError::Error(error)) => return Err(error),
        }
        // The note is for people; the lock itself does not depend on it, and a full disk must not hide the real
        // error that follows.
        let _ = file.set_len(0).and_then(|()| file.write_all(note.as_bytes()));
        Ok(Box::new(LocalLock(file)))
    }

    fn free_bytes(&self, path: &Path) -> io::Result<u64> {
        let stat = rustix::fs::statvfs(path)?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }
}

#[derive(Debug)]
struct LocalFile(fs::File);

impl File for LocalFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn id(&self) -> io::Result<FileId> {
        let meta = self.0.metadata()?;
        Ok(FileId(meta.dev(), meta.ino()))
    }
}

/// Never removed from the disk: whoever unlinked it could lock a second file of the same name.
#[derive(Debug)]
struct LocalLock(#[expect(dead_code, reason = "held for its lock")] fs::File);

impl Lock for LocalLock {}

fn regular(file: &fs::File) -> io::Result<()> {
    if file.metadata()?.is_file() {
        Ok(())
    } else {
        Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"))
    }
}

fn kind(of: fs::FileType) -> Kind {
    if of.is_file() {
        Kind::File
    } else if of.is_dir() {
        Kind::Dir
    } else if of.is_symlink() {
        Kind::Link
    } else {
        debug_assert!(of.is_block_device() || of.is_char_device() || of.is_fifo() || of.is_socket());
        Kind::Other
    }
}

const NO_FOLLOW: i32 = OFlags::NOFOLLOW.bits() as i32;
const NON_BLOCK: i32 = OFlags::NONBLOCK.bits() as i32;
