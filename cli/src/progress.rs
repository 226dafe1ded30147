//! A bar on a terminal; nothing where standard error is a file or a pipe.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How far a long piece of work is, in bytes, over several things one after another.
pub(crate) struct Bar {
    bar: ProgressBar,
    /// Bytes of the things before the current one.
    before: u64,
    current: (String, u64),
}

impl Bar {
    /// For so many bytes; 0 if nobody knows.
    pub(crate) fn new(bytes: u64) -> Bar {
        // It hides itself where there is no terminal.
        let bar = if bytes > 0 { ProgressBar::new(bytes) } else { ProgressBar::no_length() };
        bar.set_draw_target(ProgressDrawTarget::stderr());
        let template = match bytes {
            0 => "{msg} {bytes} {bytes_per_sec}",
            _ => "{msg} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta}",
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        Bar { bar, before: 0, current: (String::new(), 0) }
    }

    /// So many bytes of this thing are done.
    pub(crate) fn at(&mut self, thing: &str, bytes: u64) {
        if self.current.0 != thing {
            self.before += self.current.1;
            self.current.0 = thing.to_owned();
            self.bar.set_message(thing.to_owned());
        }
        self.current.1 = bytes;
        self.bar.set_position(self.before + bytes);
    }

    /// So much of all is done, wherever: for work on several things at once.
    pub(crate) fn reach(&self, bytes: u64, of: u64, what: String) {
        self.bar.set_length(of.max(bytes));
        self.bar.set_position(bytes);
        self.bar.set_message(what);
    }

    /// Takes it away.
    pub(crate) fn end(&self) {
        self.bar.finish_and_clear();
    }
}
