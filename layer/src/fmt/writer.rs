//! Any output that is written in lines, redacted on its way.

use std::fmt;
use std::io::{self, Write};

use tracing_core::Metadata;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::writer::BoxMakeWriter;

use super::redactor::Redactor;
use super::text::{self, MOST};
use crate::policy::Policy;
use crate::redact::label::Label;
use crate::siblings;

/// Makes writers that redact what goes through them.
///
/// ```
/// use dihya::{Policy, Sector};
/// use dihya::fmt::RedactedWriter;
///
/// let policy = Policy::sector(Sector::Generic);
/// let writer = RedactedWriter::new(std::io::stdout, &policy);
/// let hidden = writer.redactions();
/// let layer = tracing_subscriber::fmt::layer::<tracing_subscriber::Registry>().with_writer(writer);
/// println!("{} hidden so far", hidden.get());
/// # drop(layer);
/// ```
///
/// What is written through one [`Held`] is one record, and reaches the inner writer with one call when it is dropped, so
/// that records of several threads do not mix. A flush passes on the lines that are complete; with more than 64 KiB they
/// are passed on by themselves. A line longer than that is replaced by `[redacted:overrun]`. Bytes that are no UTF-8 are
/// replaced by U+FFFD.
///
/// It sees text alone. A personal name in `first_name=Jane` is prose to it, and stays; in a line of JSON it is a field,
/// and is hidden. [`RedactedFields`](super::RedactedFields) knows fields in every format.
#[derive(Debug)]
pub struct RedactedWriter {
    /// Of no type of its own: the layer beside has to find out whether a `fmt` layer has a writer like this.
    inner: BoxMakeWriter,
    redactor: Redactor,
}

impl RedactedWriter {
    /// Redacts what goes to the writers that `inner` makes.
    pub fn new<M>(inner: M, policy: &Policy) -> RedactedWriter
    where
        M: for<'a> MakeWriter<'a> + Send + Sync + 'static,
    {
        RedactedWriter::sharing(inner, Redactor::new(policy))
    }

    pub(super) fn sharing<M>(inner: M, redactor: Redactor) -> RedactedWriter
    where
        M: for<'a> MakeWriter<'a> + Send + Sync + 'static,
    {
        RedactedWriter { inner: BoxMakeWriter::new(inner), redactor }
    }

    /// A counter of what was hidden, to keep: the writer itself goes into the layer.
    pub fn redactions(&self) -> Redactions {
        Redactions(self.redactor.clone())
    }
}

impl<'a> MakeWriter<'a> for RedactedWriter {
    type Writer = Held<'a>;

    fn make_writer(&'a self) -> Self::Writer {
        siblings::saw_a_writer();
        Held::new(self.inner.make_writer(), self.redactor.clone())
    }

    fn make_writer_for(&'a self, metadata: &Metadata<'_>) -> Self::Writer {
        siblings::saw_a_writer();
        Held::new(self.inner.make_writer_for(metadata), self.redactor.clone())
    }
}

/// How many values and parts of texts were hidden so far.
#[derive(Clone)]
pub struct Redactions(Redactor);

impl Redactions {
    /// Since the start.
    pub fn get(&self) -> u64 {
        self.0.masked()
    }
}

impl fmt::Debug for Redactions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Redactions").field(&self.get()).finish()
    }
}

/// One record, held until it is whole.
///
/// Errors of the inner writer are answered by `write` and `flush`; on drop there is nobody to answer to.
pub struct Held<'a> {
    to: Box<dyn Write + 'a>,
    held: Vec<u8>,
    passing_over: Option<PassingOver>,
    redactor: Redactor,
}

/// What was replaced by a marker, and has not ended yet.
#[derive(Clone, Copy, PartialEq, Eq)]
enum PassingOver {
    Line,
    /// It ends with a line that says so.
    Key,
}

impl<'a> Held<'a> {
    fn new(to: Box<dyn Write + 'a>, redactor: Redactor) -> Held<'a> {
        Held { to, held: Vec::new(), passing_over: None, redactor }
    }

    /// Takes one line, or the part of one that there is yet.
    fn take(&mut self, piece: &[u8]) -> io::Result<()> {
        self.held.extend_from_slice(piece);
        let is_whole = piece.ends_with(b"\n");
        if let Some(what) = self.passing_over {
            let ends = match what {
                PassingOver::Line => is_whole,
                PassingOver::Key => is_whole && contains(&self.held, KEY_END),
            };
            if ends {
                self.passing_over = None;
            }
            if is_whole || ends || self.held.len() > MOST {
                self.held.clear();
            }
            return Ok(());
        }
        if self.held.len() <= MOST {
            return Ok(());
        }
        // The lines before the last may go. What remains begins a line, or a key, and may be too long by itself.
        self.pass_on_lines()?;
        if self.held.len() <= MOST {
            return Ok(());
        }
        let is_key = contains(&self.held, KEY);
        self.passing_over = match (is_key, is_whole) {
            (true, _) if !contains(&self.held, KEY_END) => Some(PassingOver::Key),
            (_, true) => None,
            (_, false) => Some(PassingOver::Line),
        };
        self.held.clear();
        self.redactor.count(1);
        self.to.write_all(format!("{}\n", text::marker(Label::OVERRUN)).as_bytes())
    }

    /// Writes what is certain to need nothing of what follows: whole lines, except those of a key that has not ended.
    fn pass_on_lines(&mut self) -> io::Result<()> {
        let mut end = self.held.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        if self.held.len() > MOST && end == self.held.len() {
            // The line that made it too much.
            end = self.held[..end - 1].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        }
        if let Some(key) = last(&self.held[..end], KEY)
            && !contains(&self.held[key..end], KEY_END)
        {
            end = self.held[..key].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        }
        let rest = self.held.split_off(end);
        let lines = std::mem::replace(&mut self.held, rest);
        self.pass_on(&lines)
    }

    fn pass_on(&mut self, bytes: &[u8]) -> io::Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        self.to.write_all(text::redacted(&self.redactor, &String::from_utf8_lossy(bytes)).as_bytes())
    }
}

impl Write for Held<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.take(piece)?;
        }
        Ok(bytes.len())
    }

    /// Passes on whole lines alone: what is redacted in two halves is not redacted.
    fn flush(&mut self) -> io::Result<()> {
        if self.passing_over.is_none() {
            self.pass_on_lines()?;
        }
        self.to.flush()
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        if self.passing_over.is_none() {
            let bytes = std::mem::take(&mut self.held);
            // Nobody is left to be told.
            let _ = self.pass_on(&bytes);
        }
    }
}

/// What it holds is not redacted yet.
impl fmt::Debug for Held<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Held").field("bytes", &self.held.len()).finish_non_exhaustive()
    }
}

fn contains(bytes: &[u8], text: &[u8]) -> bool {
    last(bytes, text).is_some()
}

fn last(bytes: &[u8], text: &[u8]) -> Option<usize> {
    bytes.windows(text.len()).rposition(|window| window == text)
}

/// RFC 7468: a key in many lines.
const KEY: &[u8] = b"-----BEGIN ";
const KEY_END: &[u8] = b"-----END ";

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::{Sector, inspect};

    #[derive(Clone, Default)]
    struct Calls(Arc<Mutex<Vec<Vec<u8>>>>);

    impl Calls {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().concat()).unwrap()
        }
    }

    impl Write for Calls {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().push(bytes.to_vec());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn held(calls: &Calls) -> Held<'static> {
        Held::new(Box::new(calls.clone()), Redactor::new(&Policy::sector(Sector::Generic)))
    }

    fn example(name: &str) -> String {
        inspect::detectors().find(|detector| detector.name == name).unwrap().example()
    }

    #[test]
    fn a_secret_written_byte_by_byte_is_found() {
        let calls = Calls::default();
        let mut held = held(&calls);
        for byte in format!("a {} b\nand {}", example("github_token"), example("jwt")).bytes() {
            assert_eq!(held.write(&[byte]).unwrap(), 1);
        }
        assert!(calls.text().is_empty());
        drop(held);
        assert_eq!(calls.text(), "a [redacted:github_token] b\nand [redacted:jwt]");
        assert_eq!(calls.0.lock().unwrap().len(), 1);
    }

    #[test]
    fn a_flush_passes_on_whole_lines_alone() {
        let calls = Calls::default();
        let mut held = held(&calls);
        let token = example("github_token");
        held.write_all(b"first\nsecond ").unwrap();
        held.write_all(&token.as_bytes()[..10]).unwrap();
        held.flush().unwrap();
        assert_eq!(calls.text(), "first\n");
        held.write_all(&token.as_bytes()[10..]).unwrap();
        held.write_all(b"\n").unwrap();
        held.flush().unwrap();
        assert_eq!(calls.text(), "first\nsecond [redacted:github_token]\n");
    }

    #[test]
    fn a_private_key_is_not_passed_on_in_parts() {
        let calls = Calls::default();
        let mut held = held(&calls);
        for line in format!("before\n{}\nafter\n", example("private_key")).split_inclusive('\n') {
            held.write_all(line.as_bytes()).unwrap();
            held.flush().unwrap();
        }
        assert_eq!(calls.text(), "before\n[redacted:private_key]\nafter\n");
    }

    #[test]
    fn a_line_that_is_too_long_is_replaced_and_the_next_is_not() {
        let calls = Calls::default();
        let mut held = held(&calls);
        held.write_all(b"before\n").unwrap();
        for _ in 0..5 {
            held.write_all(&vec![b'x'; MOST / 2]).unwrap();
        }
        held.write_all(b"\nafter\n").unwrap();
        held.write_all(&[vec![b'y'; MOST + 1], b"\nlast\n".to_vec()].concat()).unwrap();
        drop(held);
        assert_eq!(calls.text(), "before\n[redacted:overrun]\nafter\n[redacted:overrun]\nlast\n");
    }

    #[test]
    fn a_key_that_is_too_long_is_replaced_up_to_its_end() {
        let calls = Calls::default();
        let mut held = held(&calls);
        let (begin, end) =
            (["-----BEGIN ", "RSA PRIVATE KEY-----\n"].concat(), "-----END RSA PRIVATE KEY-----\n");
        held.write_all(begin.as_bytes()).unwrap();
        (0..2000).for_each(|_| held.write_all(&[[b'M'; 64].as_slice(), b"\n"].concat()).unwrap());
        held.write_all(end.as_bytes()).unwrap();
        held.write_all(b"after\n").unwrap();
        drop(held);
        assert_eq!(calls.text(), "[redacted:overrun]\nafter\n");
    }

    #[test]
    fn many_lines_are_passed_on_before_the_end_and_none_is_lost() {
        let calls = Calls::default();
        let mut held = held(&calls);
        let lines: String = (0..20_000).map(|n| format!("line {n}\n")).collect();
        held.write_all(lines.as_bytes()).unwrap();
        assert!(calls.0.lock().unwrap().len() > 1);
        drop(held);
        assert!(calls.text() == lines);
    }

    #[test]
    fn bytes_that_are_no_text_are_shown_as_such() {
        let calls = Calls::default();
        let mut held = held(&calls);
        held.write_all(b"\xff\xfe password=hunter-two \xc3").unwrap();
        drop(held);
        assert_eq!(calls.text(), "\u{fffd}\u{fffd} password=[redacted:keyed_secret] \u{fffd}");
    }

    #[test]
    fn a_writer_that_fails_is_told_of_and_shows_nothing_raw() {
        struct Full;
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::StorageFull.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut held = Held::new(Box::new(Full), Redactor::new(&Policy::sector(Sector::Generic)));
        held.write_all(b"a line\n").unwrap();
        assert_eq!(held.flush().unwrap_err().kind(), io::ErrorKind::StorageFull);
    }

    #[test]
    fn records_of_several_threads_do_not_mix() {
        let calls = Calls::default();
        let to = calls.clone();
        let writer = RedactedWriter::new(move || to.clone(), &Policy::sector(Sector::Generic));
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let writer = &writer;
                scope.spawn(move || {
                    for record in 0..50 {
                        let mut held = writer.make_writer();
                        write!(held, "{thread} begins {record}\n  ").unwrap();
                        std::thread::yield_now();
                        writeln!(held, "{thread} ends {record}").unwrap();
                    }
                });
            }
        });
        let text = calls.text();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 400);
        for pair in lines.chunks(2) {
            assert_eq!(pair[0].replace("begins", "ends"), pair[1].trim_start());
        }
    }
}
