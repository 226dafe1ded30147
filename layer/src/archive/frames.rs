//! The seekable format of zstd: independent frames, then a seek table in a skippable frame that other decoders pass over.
//!
//! | bytes | of the seek table, little-endian |
//! |---|---|
//! | 4 | `0x184D2A5E`, a skippable frame |
//! | 4 | bytes that follow |
//! | 4 + 4, for each frame | its compressed bytes, its uncompressed bytes |
//! | 4 | how many frames |
//! | 1 | descriptor: bit 7 would say that each entry has a checksum too; ours has none, since each frame ends with one |
//! | 4 | `0x8F92EAB1` |

use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::path::Path;

use zstd::bulk::Decompressor;

use super::error::ReadError;
use super::read::Frame;
use super::source::Input;

/// The seek table for frames of these sizes, compressed and uncompressed.
pub(super) fn seek_table(sizes: &[(u32, u32)]) -> Vec<u8> {
    let body = sizes.len() * ENTRY + FOOTER;
    let mut out = Vec::with_capacity(HEADER + body);
    out.extend_from_slice(&SKIPPABLE.to_le_bytes());
    out.extend_from_slice(&(body as u32).to_le_bytes());
    for (compressed, plain) in sizes {
        out.extend_from_slice(&compressed.to_le_bytes());
        out.extend_from_slice(&plain.to_le_bytes());
    }
    out.extend_from_slice(&(sizes.len() as u32).to_le_bytes());
    out.push(0);
    out.extend_from_slice(&MAGIC.to_le_bytes());
    out
}

/// Reads the seek table at the end of `input`. `None`: there is none, or it does not describe this file.
pub(super) fn read_seek_table<R: Read + Seek + ?Sized>(input: &mut R) -> io::Result<Option<Vec<Frame>>> {
    let end = input.seek(SeekFrom::End(0))?;
    let Some(footer_at) = end.checked_sub(FOOTER as u64) else { return Ok(None) };
    let mut footer = [0; FOOTER];
    input.seek(SeekFrom::Start(footer_at))?;
    input.read_exact(&mut footer)?;
    let count = u64::from(u32_at(&footer, 0));
    let descriptor = footer[4];
    // Bits 2 to 6 must be zero, bits 0 and 1 may hold anything; another's table may have checksums, which we pass over.
    if u32_at(&footer, 5) != MAGIC || descriptor & 0b0111_1100 != 0 || count > FRAMES_MOST {
        return Ok(None);
    }
    let entry = if descriptor & 0x80 == 0 { ENTRY } else { ENTRY + 4 };
    let body = count * entry as u64 + FOOTER as u64;
    let Some(table_at) = end.checked_sub(body + HEADER as u64) else { return Ok(None) };
    let mut table = vec![0; (body as usize) + HEADER];
    input.seek(SeekFrom::Start(table_at))?;
    input.read_exact(&mut table)?;
    if u32_at(&table, 0) != SKIPPABLE || u64::from(u32_at(&table, 4)) != body {
        return Ok(None);
    }
    let mut frames = Vec::with_capacity(count as usize);
    let (mut at, mut offset) = (0, 0);
    for entry in table[HEADER..HEADER + count as usize * entry].chunks_exact(entry) {
        let frame = Frame { offset, len: u32_at(entry, 4), at, stored: u32_at(entry, 0) };
        at += u64::from(frame.stored);
        offset += u64::from(frame.len);
        frames.push(frame);
    }
    // A table that was moved to another file's end describes frames that are not there.
    Ok((at == table_at).then_some(frames))
}

impl Frame {
    /// Reads its compressed bytes into `stored`.
    pub(super) fn fetch(
        &self,
        input: &mut dyn Input,
        stored: &mut Vec<u8>,
        path: &Path,
    ) -> Result<(), ReadError> {
        // Sizes come from the file: nobody's frame makes us take more memory than a line may need.
        if self.len as usize > FRAME_MOST || self.stored as usize > FRAME_MOST {
            return Err(self.damaged("a frame larger than any that is written", path));
        }
        stored.resize(self.stored as usize, 0);
        let read = input.seek(SeekFrom::Start(self.at)).and_then(|_| input.read_exact(stored));
        read.map_err(|source| match source.kind() {
            io::ErrorKind::InvalidData => self.damaged("it does not decrypt", path),
            io::ErrorKind::UnexpectedEof => self.damaged("it ends too early", path),
            _ => ReadError::Io { path: path.into(), source },
        })
    }

    /// Appends its bytes to `out`: all, or none.
    pub(super) fn decode(
        &self,
        stored: &[u8],
        decoder: &mut Decompressor<'_>,
        out: &mut Vec<u8>,
        path: &Path,
    ) -> Result<(), ReadError> {
        let (before, len) = (out.len(), self.len as usize);
        out.reserve(len);
        let mut end = Cursor::new(&mut *out);
        end.set_position(before as u64);
        let why = match decoder.decompress_to_buffer(stored, &mut end) {
            Ok(n) if n == len => return Ok(()),
            Ok(_) => "a frame of another length than the seek table says",
            Err(_) => "it does not decompress to what was written",
        };
        out.truncate(before);
        Err(self.damaged(why, path))
    }

    fn damaged(&self, why: &'static str, path: &Path) -> ReadError {
        ReadError::Damaged { path: path.into(), offset: self.offset, why }
    }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).and_then(|b| b.try_into().ok()).map_or(0, u32::from_le_bytes)
}

const SKIPPABLE: u32 = 0x184D_2A5E;
const MAGIC: u32 = 0x8F92_EAB1;
const HEADER: usize = 8;
const ENTRY: usize = 8;
const FOOTER: usize = 9;
/// The format's own limit.
const FRAMES_MOST: u64 = 0x800_0000;
/// Ours are cut at the first line end after a MiB.
const FRAME_MOST: usize = 64 << 20;

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    #[test]
    fn a_table_is_read_as_it_is_written() {
        for sizes in [vec![], vec![(3, 10)], vec![(3, 10), (4, 1 << 20), (1, 0)]] {
            let stored: u32 = sizes.iter().map(|(stored, _)| stored).sum();
            let mut file = vec![7; stored as usize];
            file.extend(seek_table(&sizes));
            let frames = read_seek_table(&mut Cursor::new(&file)).expect("memory reads").expect("a table");
            let read: Vec<_> = frames.iter().map(|f| (f.stored, f.len)).collect();
            assert_eq!(read, sizes);
            if let Some(last) = frames.last() {
                assert_eq!(last.at + u64::from(last.stored), u64::from(stored));
            }
        }
    }

    #[test]
    fn the_bytes_of_a_table_are_those_of_the_format() {
        let hex: String = seek_table(&[(0x0102, 0x0A0B)]).iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(hex, "5e2a4d18110000000201000".to_owned() + "00b0a0000" + "0100000000b1ea928f");
    }

    #[test]
    fn a_table_cut_anywhere_or_moved_to_another_file_is_none() {
        let mut file = vec![7; 3];
        file.extend(seek_table(&[(3, 10)]));
        assert!(read_seek_table(&mut Cursor::new(&file)).expect("memory reads").is_some());
        for cut in 0..file.len() {
            assert!(
                read_seek_table(&mut Cursor::new(&file[..cut])).expect("memory reads").is_none(),
                "{cut}"
            );
        }
        file.insert(0, 7);
        assert!(read_seek_table(&mut Cursor::new(&file)).expect("memory reads").is_none());
    }
}
