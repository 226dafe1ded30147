//! One file that the service writes: kept open, so that what it held is known even if it is removed or emptied.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

/// A regular file and what it has held so far.
pub(crate) struct Followed {
    /// Where it lay when it was found.
    pub(crate) path: PathBuf,
    file: File,
    /// File system and inode: one file may have several names.
    pub(crate) id: (u64, u64),
    stamp: (u64, i64, i64),
    /// What was read while it grew.
    tail: Vec<u8>,
    /// What it held before it was emptied or written anew.
    earlier: Vec<Vec<u8>>,
    limit: u64,
}

/// All that a file held.
pub(crate) struct Contents {
    pub(crate) path: PathBuf,
    /// One text, or several if the file was emptied or rewritten on the way.
    pub(crate) texts: Vec<Vec<u8>>,
    /// Its length at the end.
    pub(crate) len: u64,
    /// Bytes beyond the limit, which are not in `texts`.
    pub(crate) unread: u64,
}

impl Followed {
    /// Opens `link` for reading if it is a regular file; `path` is what it is called.
    ///
    /// # Errors
    /// If it is gone, or may not be read. `Ok(None)`: it is no regular file.
    pub(crate) fn open(link: &Path, path: &Path, limit: u64) -> io::Result<Option<Followed>> {
        // Asked first: opening a device or a pipe can have effects.
        if !std::fs::metadata(link)?.is_file() {
            return Ok(None);
        }
        let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
        let file = OpenOptions::new().read(true).custom_flags(flags.bits() as i32).open(link)?;
        let meta = file.metadata()?;
        if !meta.is_file() {
            return Ok(None);
        }
        let id = (meta.dev(), meta.ino());
        let stamp = (0, 0, 0);
        Ok(Some(Followed {
            path: path.to_owned(),
            file,
            id,
            stamp,
            tail: Vec::new(),
            earlier: Vec::new(),
            limit,
        }))
    }

    /// Reads what was added. Answers whether anything changed since the last call.
    pub(crate) fn look(&mut self) -> bool {
        let Ok(meta) = self.file.metadata() else { return false };
        let stamp = (meta.len(), meta.mtime(), meta.mtime_nsec());
        if stamp == self.stamp {
            return false;
        }
        let had = self.tail.len() as u64;
        if meta.len() < had {
            self.earlier.push(std::mem::take(&mut self.tail));
        }
        let had = self.tail.len() as u64;
        if had < self.limit {
            let mut new = vec![0; (meta.len().min(self.limit) - had) as usize];
            let read = read_at(&self.file, &mut new, had);
            self.tail.extend_from_slice(&new[..read]);
        }
        self.stamp = stamp;
        true
    }

    /// When it was written to, as its file system says.
    pub(crate) fn modified(&self) -> (i64, i64) {
        self.file.metadata().map(|meta| (meta.mtime(), meta.mtime_nsec())).unwrap_or_default()
    }

    /// Everything, the final state read anew: what was overwritten in place does not show as growth.
    pub(crate) fn finish(mut self) -> io::Result<Contents> {
        self.look();
        let mut last = Vec::new();
        self.file.seek(SeekFrom::Start(0))?;
        (&mut self.file).take(self.limit).read_to_end(&mut last)?;
        let len = self.file.metadata()?.len();
        let mut texts = self.earlier;
        if !last.starts_with(&self.tail) {
            texts.push(self.tail);
        }
        texts.push(last);
        Ok(Contents { path: self.path, texts, len, unread: len.saturating_sub(self.limit) })
    }
}

fn read_at(file: &File, buffer: &mut [u8], from: u64) -> usize {
    let mut read = 0;
    while read < buffer.len() {
        match file.read_at(&mut buffer[read..], from + read as u64) {
            Ok(0) | Err(_) => break,
            Ok(n) => read += n,
        }
    }
    read
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// A new file that is removed at the end.
    struct Temporary(PathBuf);

    impl Temporary {
        fn new(name: &str, text: &str) -> Temporary {
            let path = std::env::temp_dir().join(format!("dihya-follow-{}-{name}", std::process::id()));
            fs::write(&path, text).unwrap();
            Temporary(path)
        }

        fn follow(&self, limit: u64) -> Followed {
            Followed::open(&self.0, &self.0, limit).unwrap().unwrap()
        }
    }

    impl Drop for Temporary {
        fn drop(&mut self) {
            let _ = fs::remove_file(&self.0);
        }
    }

    #[test]
    fn what_a_file_held_is_known_though_it_was_emptied_and_removed() {
        let file = Temporary::new("emptied", "one\n");
        let mut followed = file.follow(1 << 20);
        assert!(followed.look() && !followed.look());
        fs::write(&file.0, "").unwrap();
        assert!(followed.look());
        fs::write(&file.0, "two\n").unwrap();
        fs::remove_file(&file.0).unwrap();
        let contents = followed.finish().unwrap();
        assert_eq!(contents.texts, [b"one\n".to_vec(), b"two\n".to_vec()]);
    }

    #[test]
    fn what_was_overwritten_in_place_is_known_before_and_after() {
        let file = Temporary::new("overwritten", "aaaa");
        let mut followed = file.follow(1 << 20);
        followed.look();
        OpenOptions::new().write(true).open(&file.0).unwrap().write_all_at(b"bbbb", 0).unwrap();
        assert_eq!(followed.finish().unwrap().texts, [b"aaaa".to_vec(), b"bbbb".to_vec()]);
    }

    #[test]
    fn bytes_beyond_the_limit_are_counted_and_not_read() {
        let file = Temporary::new("limit", "0123456789");
        let mut followed = file.follow(4);
        followed.look();
        let contents = followed.finish().unwrap();
        assert_eq!((contents.texts, contents.len, contents.unread), (vec![b"0123".to_vec()], 10, 6));
    }

    #[test]
    fn a_folder_is_not_followed() {
        let folder = std::env::temp_dir();
        assert!(Followed::open(&folder, &folder, 1).unwrap().is_none());
    }
}
