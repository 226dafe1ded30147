//! Standard output and error, with a copy of all that was written: it is searched for secrets as well.

use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Mutex, PoisonError};

/// Prints, and remembers.
#[derive(Clone, Default)]
pub(crate) struct Printed(Arc<Mutex<Vec<u8>>>);

impl Printed {
    /// To standard output. A reader that went away (`| head`) is no reason to fail.
    pub(crate) fn out(&self, text: &str) {
        self.remember(text);
        let mut out = io::stdout().lock();
        let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    }

    /// To standard error.
    pub(crate) fn err(&self, text: &str) {
        self.remember(text);
        let _ = io::stderr().lock().write_all(text.as_bytes());
    }

    /// One line on standard error that the next one replaces; nothing unless somebody watches.
    pub(crate) fn progress(&self, text: &str) {
        if io::stderr().is_terminal() {
            self.err(&format!("\r\x1b[2K{text}"));
        }
    }

    /// All of it so far.
    pub(crate) fn all(&self) -> Vec<u8> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn remember(&self, text: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(text.as_bytes());
    }
}
