//! The lines of one shard, wherever it is kept: live, compressed, encrypted.

use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

#[cfg(feature = "archive")]
use zstd::bulk::Decompressor;

use crate::storage::Storage;

use super::error::ReadError;
use super::source::Input;
use super::source::Source;

#[cfg(feature = "archive")]
use super::crypt::Identities;
#[cfg(feature = "archive")]
use super::frames::read_seek_table;

/// Reads a shard's lines, one by one or in blocks.
///
/// What the file is follows from the end of its name: `.jsonl`, `.jsonl.zst` or `.jsonl.zst.age`. Offsets count the
/// bytes of the uncompressed shard, so that they mean the same before and after it was archived.
///
/// ```no_run
/// use std::path::Path;
/// use std::sync::Arc;
/// use dihya::archive::{Identities, Reader};
/// use dihya::storage::Local;
///
/// let mut shard = Reader::open(Arc::new(Local), Path::new("2026-11-20.jsonl"), &Identities::none())?;
/// while let Some(line) = shard.line()? {
///     println!("{} bytes", line.len());
/// }
/// # Ok::<(), dihya::archive::ReadError>(())
/// ```
pub struct Reader {
    path: PathBuf,
    body: Body,
    /// What was read and not yet given out, from `given` on.
    held: Vec<u8>,
    given: usize,
    /// Where `held` begins in the uncompressed shard.
    start: u64,
    len: u64,
}

enum Body {
    Plain(Source),
    #[cfg(feature = "archive")]
    Frames {
        input: Box<dyn Input>,
        frames: Vec<Frame>,
        /// The one to be read next.
        next: usize,
        decoder: Decompressor<'static>,
        stored: Vec<u8>,
    },
}

/// A part of an archive that is compressed by itself; ours begin and end with whole lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Where it begins in the uncompressed shard.
    pub offset: u64,
    /// Its uncompressed bytes.
    pub len: u32,
    /// Where it begins in the compressed file.
    pub(super) at: u64,
    /// Its compressed bytes.
    pub(super) stored: u32,
}

/// A part of a shard, decoded or not.
#[cfg(feature = "archive")]
#[derive(Default)]
pub(super) struct Part {
    /// The frame that is to be decoded, if it is one.
    frame: Option<Frame>,
    stored: Vec<u8>,
    /// Its bytes, once it is decoded.
    pub(super) text: Vec<u8>,
}

#[cfg(feature = "archive")]
impl Part {
    /// Makes the text of what is kept in the file at `path`.
    pub(super) fn decode(&mut self, decoder: &mut Decompressor<'_>, path: &Path) -> Result<(), ReadError> {
        self.frame.map_or(Ok(()), |frame| frame.decode(&self.stored, decoder, &mut self.text, path))
    }
}

/// Keys that read encrypted archives: none without the feature `archive`.
#[cfg(not(feature = "archive"))]
#[derive(Debug, Default)]
pub struct Identities(());

#[cfg(not(feature = "archive"))]
impl Identities {
    /// None.
    pub fn none() -> Identities {
        Identities::default()
    }
}

impl Reader {
    /// Opens a shard. Nothing of its lines is read yet.
    ///
    /// # Errors
    /// If the file is not there, is no shard, was copied in part, or is encrypted to other keys.
    pub fn open(
        storage: Arc<dyn Storage>,
        path: &Path,
        identities: &Identities,
    ) -> Result<Reader, ReadError> {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let source = Source::new(storage, path.into());
        let len = source.len().map_err(|source| ReadError::Io { path: path.into(), source })?;
        let (body, len) = if name.ends_with(".jsonl") {
            (Body::Plain(source), len)
        } else if name.ends_with(".jsonl.zst") {
            archived(Box::new(source), path)?
        } else if name.ends_with(".jsonl.zst.age") {
            archived(decrypted(source, path, identities)?, path)?
        } else {
            return Err(ReadError::NotAShard { path: path.into() });
        };
        Ok(Reader { path: path.into(), body, held: Vec::new(), given: 0, start: 0, len })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes of the uncompressed shard, of a live one those that it had when it was opened.
    #[expect(clippy::len_without_is_empty, reason = "a size in bytes, not a number of items")]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// The parts that can be read each by itself, so that several readers can share an archive; none if it is plain.
    pub fn frames(&self) -> &[Frame] {
        match &self.body {
            Body::Plain(_) => &[],
            #[cfg(feature = "archive")]
            Body::Frames { frames, .. } => frames,
        }
    }

    /// Where the next line begins in the uncompressed shard.
    pub fn offset(&self) -> u64 {
        self.start + self.given as u64
    }

    /// Goes to the first line that begins at `offset` or later, and says where it begins. Of an archive only the frame
    /// around it is read.
    ///
    /// # Errors
    /// As [`line`](Reader::line).
    pub fn seek(&mut self, offset: u64) -> Result<u64, ReadError> {
        // A line begins where one ends: the byte before is looked at too.
        let from = offset.saturating_sub(1).min(self.len);
        let start = match &mut self.body {
            Body::Plain(source) => {
                let sought = source.seek(SeekFrom::Start(from));
                sought.map_err(|source| ReadError::Io { path: self.path.clone(), source })?
            }
            #[cfg(feature = "archive")]
            Body::Frames { frames, next, .. } => {
                *next = frames.partition_point(|frame| frame.offset + u64::from(frame.len) <= from);
                frames.get(*next).map_or(self.len, |frame| frame.offset)
            }
        };
        self.held.clear();
        self.given = 0;
        self.start = start;
        if offset == 0 {
            return Ok(0);
        }
        let skip = usize::try_from(from - start).unwrap_or(usize::MAX);
        loop {
            let found = self.held.get(skip..).and_then(|rest| rest.iter().position(|b| *b == b'\n'));
            if let Some(newline) = found {
                self.given = skip + newline + 1;
                return Ok(self.offset());
            }
            if !self.fill()? {
                self.given = self.held.len();
                return Ok(self.offset());
            }
        }
    }

    /// The next line, without its newline; `None` at the end. Bytes after the last newline are no line: see
    /// [`rest`](Reader::rest). A file that has grown since gives its new lines.
    ///
    /// # Errors
    /// If the file cannot be read, or its bytes are not those that were written.
    pub fn line(&mut self) -> Result<Option<&[u8]>, ReadError> {
        let end = match self.held[self.given..].iter().position(|b| *b == b'\n') {
            Some(at) => self.given + at,
            None => {
                let mut searched = self.held.len() - self.given;
                loop {
                    if !self.fill()? {
                        return Ok(None);
                    }
                    let from = self.given + searched;
                    match self.held[from..].iter().position(|b| *b == b'\n') {
                        Some(at) => break from + at,
                        None => searched = self.held.len() - self.given,
                    }
                }
            }
        };
        let begin = std::mem::replace(&mut self.given, end + 1);
        Ok(Some(&self.held[begin..end]))
    }

    /// The next lines at once, each with its newline: a frame of an archive, about a MiB of a live shard. `None` at the
    /// end.
    ///
    /// # Errors
    /// As [`line`](Reader::line).
    pub fn block(&mut self) -> Result<Option<&[u8]>, ReadError> {
        loop {
            if let Some(last) = self.held[self.given..].iter().rposition(|b| *b == b'\n') {
                let begin = self.given;
                self.given += last + 1;
                return Ok(Some(&self.held[begin..self.given]));
            }
            if !self.fill()? {
                return Ok(None);
            }
        }
    }

    /// Once [`line`](Reader::line) or [`block`](Reader::block) has answered `None`: the bytes after the last newline, a
    /// torn end. Empty if the shard is whole.
    pub fn rest(&self) -> &[u8] {
        &self.held[self.given..]
    }

    /// The next part as it is kept, for a thread that decodes it: a frame of an archive, about a MiB of a live shard.
    /// `false` at the end. For a reader of which nothing else is asked.
    #[cfg(feature = "archive")]
    pub(super) fn part(&mut self, part: &mut Part) -> Result<bool, ReadError> {
        part.text.clear();
        match &mut self.body {
            Body::Plain(source) => {
                part.frame = None;
                let read = source.take(BLOCK as u64).read_to_end(&mut part.text);
                Ok(read.map_err(|source| ReadError::Io { path: self.path.clone(), source })? > 0)
            }
            Body::Frames { input, frames, next, .. } => {
                part.frame = frames.get(*next).copied();
                let Some(frame) = part.frame else { return Ok(false) };
                frame.fetch(&mut **input, &mut part.stored, &self.path)?;
                *next += 1;
                Ok(true)
            }
        }
    }

    /// Reads on, after what is held; what was given out goes. `false` at the end.
    fn fill(&mut self) -> Result<bool, ReadError> {
        self.held.drain(..self.given);
        self.start += self.given as u64;
        self.given = 0;
        if self.held.len() > LINE_MOST {
            return Err(self.damaged("a line longer than any record"));
        }
        let before = self.held.len();
        match &mut self.body {
            Body::Plain(source) => {
                let read = source.take(BLOCK as u64).read_to_end(&mut self.held);
                read.map_err(|source| ReadError::Io { path: self.path.clone(), source })?;
            }
            #[cfg(feature = "archive")]
            Body::Frames { input, frames, next, decoder, stored } => {
                let Some(frame) = frames.get(*next) else { return Ok(false) };
                frame.fetch(&mut **input, stored, &self.path)?;
                frame.decode(stored, decoder, &mut self.held, &self.path)?;
                *next += 1;
                // An empty frame is not the end.
                return Ok(true);
            }
        }
        Ok(self.held.len() > before)
    }

    fn damaged(&self, why: &'static str) -> ReadError {
        ReadError::Damaged { path: self.path.clone(), offset: self.offset(), why }
    }
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Reader({}, at {} of {})", self.path.display(), self.offset(), self.len)
    }
}

#[cfg(feature = "archive")]
fn decrypted(source: Source, path: &Path, identities: &Identities) -> Result<Box<dyn Input>, ReadError> {
    identities.decrypt(source, path)
}

#[cfg(not(feature = "archive"))]
fn decrypted(_: Source, path: &Path, _: &Identities) -> Result<Box<dyn Input>, ReadError> {
    Err(ReadError::Unsupported { path: path.into() })
}

#[cfg(feature = "archive")]
fn archived(mut input: Box<dyn Input>, path: &Path) -> Result<(Body, u64), ReadError> {
    let frames = read_seek_table(&mut *input).map_err(|source| match source.kind() {
        // An encrypted file that was cut ends with a chunk that does not decrypt.
        std::io::ErrorKind::InvalidData | std::io::ErrorKind::UnexpectedEof => {
            ReadError::Incomplete { path: path.into() }
        }
        _ => ReadError::Io { path: path.into(), source },
    })?;
    let frames = frames.ok_or_else(|| ReadError::Incomplete { path: path.into() })?;
    let len = frames.last().map_or(0, |frame| frame.offset + u64::from(frame.len));
    let decoder = Decompressor::new().map_err(|source| ReadError::Io { path: path.into(), source })?;
    Ok((Body::Frames { input, frames, next: 0, decoder, stored: Vec::new() }, len))
}

#[cfg(not(feature = "archive"))]
fn archived(_: Box<dyn Input>, path: &Path) -> Result<(Body, u64), ReadError> {
    Err(ReadError::Unsupported { path: path.into() })
}

/// Read at once from a live shard.
const BLOCK: usize = 1 << 20;
/// Records have 65,535 bytes at most; whatever is a thousand times as long is not waited for.
pub(super) const LINE_MOST: usize = 64 << 20;
