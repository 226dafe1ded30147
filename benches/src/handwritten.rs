//! Redaction as services write it by hand: a `MakeWriter` that searches the formatted line with a [`RegexSet`].

use std::borrow::Cow;
use std::io::{self, Write};
use std::sync::Arc;

use regex::{Regex, RegexSet};
use tracing_subscriber::fmt::MakeWriter;

/// Hands lines on to `inner`, with every match of [`PATTERNS`] replaced.
#[derive(Clone, Debug)]
pub struct Redacting<M> {
    inner: M,
    patterns: Arc<Patterns>,
}

impl<M> Redacting<M> {
    /// Compiles the patterns.
    pub fn new(inner: M) -> Result<Redacting<M>, regex::Error> {
        let set = RegexSet::new(PATTERNS)?;
        let each = PATTERNS.iter().map(|p| Regex::new(p)).collect::<Result<_, _>>()?;
        Ok(Redacting { inner, patterns: Arc::new(Patterns { set, each }) })
    }
}

impl<'a, M: MakeWriter<'a>> MakeWriter<'a> for Redacting<M> {
    type Writer = RedactingWriter<'a, M::Writer>;

    fn make_writer(&'a self) -> Self::Writer {
        RedactingWriter { inner: self.inner.make_writer(), patterns: &self.patterns }
    }
}

/// One line's writer: `fmt` gives it the whole line in one call.
#[derive(Debug)]
pub struct RedactingWriter<'a, W> {
    inner: W,
    patterns: &'a Patterns,
}

impl<W: Write> Write for RedactingWriter<'_, W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(line);
        if self.patterns.set.is_match(&text) {
            self.inner.write_all(self.patterns.replace(text).as_bytes())?;
        } else {
            self.inner.write_all(line)?;
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[derive(Debug)]
struct Patterns {
    set: RegexSet,
    each: Vec<Regex>,
}

impl Patterns {
    fn replace(&self, mut text: Cow<'_, str>) -> String {
        for index in self.set.matches(&text) {
            text = Cow::Owned(self.each[index].replace_all(&text, "[REDACTED]").into_owned());
        }
        text.into_owned()
    }
}

/// Twenty shapes that such lists usually hold. None matches the standard or the heavy event.
pub const PATTERNS: [&str; 20] = [
    r"\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}\b",
    r"\bgh[pousr]_[A-Za-z0-9]{36,}",
    r"\bgithub_pat_[A-Za-z0-9_]{82}",
    r"\bglpat-[A-Za-z0-9_-]{20,}",
    r"\bnpm_[A-Za-z0-9]{36}",
    r"\bxox[abceprs]-[A-Za-z0-9-]{10,}",
    r"hooks\.slack\.com/(?:services|workflows)/[A-Za-z0-9/]+",
    r"\b[sr]k_(?:live|test)_[A-Za-z0-9]{10,99}",
    r"\bAIza[A-Za-z0-9_-]{35}",
    r"\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*",
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----",
    r"://[^/\s:@]+:[^/\s@]+@",
    r"(?i)\b(?:bearer|basic) [A-Za-z0-9+/_.=-]{8,}",
    r"(?i)\b(?:password|passwd|pwd|secret)\s*[=:]\s*\S+",
    r"\bsk-(?:proj|ant|svcacct)-[A-Za-z0-9_-]{20,}",
    r"\bSG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}",
    r"\bhf_[A-Za-z0-9]{34}",
    r"\b\d{13,19}\b",
    r"\b[A-Z]{2}\d{2}[A-Z0-9]{11,30}\b",
    r"\b[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}\b",
];
