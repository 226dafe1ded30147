//! Lines of a file, in large reads and without a copy per line.

use std::io::{self, Read};

use crate::journal::merkle;

/// One line, without its newline.
pub(crate) enum Line<'a> {
    /// With an end.
    Whole(&'a [u8]),
    /// The end of the file came before the end of the line.
    Torn,
    /// Longer than any line of ours.
    TooLong,
}

/// A part of a file.
pub(crate) enum Piece<'a> {
    /// Whole lines, each with its newline.
    Lines(&'a [u8]),
    /// The last line, which has no end.
    Torn(&'a [u8]),
    /// Longer than any line of ours: its first bytes, and how many there are. What follows of it is not kept.
    TooLong(&'a [u8], u64),
}

/// Hands on every line of a file.
pub(crate) fn each(from: impl Read, mut to: impl FnMut(Line<'_>)) -> io::Result<()> {
    pieces(from, |piece| match piece {
        Piece::Lines(lines) => merkle::lines(lines).for_each(|line| to(Line::Whole(line))),
        Piece::Torn(_) => to(Line::Torn),
        Piece::TooLong(..) => to(Line::TooLong),
    })
}

/// Hands on all of a file, many lines at a time.
pub(crate) fn pieces(mut from: impl Read, mut to: impl FnMut(Piece<'_>)) -> io::Result<()> {
    let mut buffer = vec![0; CHUNK];
    let mut filled = 0;
    loop {
        if filled == buffer.len() {
            if filled >= LONGEST {
                let more = skip_line(&mut from)?;
                to(Piece::TooLong(&buffer[..filled], filled as u64 + more));
                filled = 0;
                continue;
            }
            buffer.resize(filled * 2, 0);
        }
        let room = buffer.len().min(filled + CHUNK);
        let n = match from.read(&mut buffer[filled..room]) {
            Ok(0) => break,
            Ok(n) => n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let searched = filled;
        filled += n;
        if let Some(at) = memchr::memrchr(b'\n', &buffer[searched..filled]) {
            let end = searched + at + 1;
            to(Piece::Lines(&buffer[..end]));
            buffer.copy_within(end..filled, 0);
            filled -= end;
        }
    }
    if filled > 0 {
        to(Piece::Torn(&buffer[..filled]));
    }
    Ok(())
}

/// The rest of a line, its newline included.
fn skip_line(from: &mut impl Read) -> io::Result<u64> {
    let mut skipped = 0;
    let mut byte = [0];
    // A buffer of its own would swallow what follows the newline. Slow, and never needed for a log of ours.
    while from.read(&mut byte)? == 1 {
        skipped += 1;
        if byte[0] == b'\n' {
            break;
        }
    }
    Ok(skipped)
}

/// What was read is still in a near cache when it is hashed; twice as fast to copy as larger pieces, where it was measured.
const CHUNK: usize = 64 * 1024;
/// Far beyond the longest record.
const LONGEST: usize = 4 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives `n` bytes at a time.
    struct Slow<'a>(&'a [u8], usize);

    impl Read for Slow<'_> {
        fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
            let n = self.1.min(self.0.len()).min(to.len());
            to[..n].copy_from_slice(&self.0[..n]);
            self.0 = &self.0[n..];
            Ok(n)
        }
    }

    fn read(text: &[u8], step: usize) -> Vec<(char, usize)> {
        let mut lines = Vec::new();
        pieces(Slow(text, step), |piece| match piece {
            Piece::Lines(some) => lines.extend(merkle::lines(some).map(|line| ('w', line.len()))),
            Piece::Torn(line) => lines.push(('t', line.len())),
            Piece::TooLong(_, bytes) => lines.push(('l', bytes as usize)),
        })
        .unwrap();
        lines
    }

    #[test]
    fn lines_do_not_depend_on_how_they_are_read() {
        for step in [1, 2, 3, 7, 100] {
            assert_eq!(read(b"one\n\nthree\nfo", step), [('w', 3), ('w', 0), ('w', 5), ('t', 2)]);
            assert_eq!(read(b"one\n", step), [('w', 3)]);
            assert_eq!(read(b"", step), []);
        }
    }

    #[test]
    fn a_line_longer_than_the_buffer_is_one_line_and_an_endless_one_is_not_held() {
        let mut text = vec![b'x'; CHUNK * 3];
        text.extend_from_slice(b"\nshort\n");
        assert_eq!(read(&text, 10_000), [('w', CHUNK * 3), ('w', 5)]);
        let mut text = vec![b'x'; LONGEST + 5];
        text.extend_from_slice(b"\nshort\n");
        assert_eq!(read(&text, 10_000), [('l', LONGEST + 6), ('w', 5)]);
    }
}
