//! Types as services have them, with the mistakes they make.

use std::cell::Cell;
use std::error::Error;
use std::fmt;

/// Its derived `Debug` shows everything.
#[derive(Debug)]
#[expect(dead_code, reason = "read by Debug alone")]
pub(super) struct Login<'a> {
    pub(super) user: &'static str,
    pub(super) password: &'a str,
    pub(super) attempts: u32,
}

/// With nothing in its names.
#[derive(Debug)]
#[expect(dead_code, reason = "read by Debug alone")]
pub(super) struct Note<'a> {
    pub(super) id: u32,
    pub(super) text: &'a str,
}

#[derive(Debug)]
#[expect(dead_code, reason = "read by Debug alone")]
pub(super) struct Session<'a> {
    pub(super) api_key: Option<&'a str>,
    pub(super) note: Note<'a>,
}

#[derive(Debug)]
#[expect(dead_code, reason = "read by Debug alone")]
pub(super) enum Outcome<'a> {
    Failed(&'a str, u16),
}

/// An error that says what it was given, and hides it behind causes.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) text: String,
    pub(super) cause: Option<Box<Failure>>,
}

impl Failure {
    /// `depth` harmless errors above one with this text.
    pub(super) fn nested(text: String, depth: usize) -> Failure {
        (0..depth).fold(Failure { text, cause: None }, |cause, _| Failure {
            text: "request failed".to_owned(),
            cause: Some(Box::new(cause)),
        })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.as_deref().map(|cause| cause as &(dyn Error + 'static))
    }
}

/// Logs what it holds while it is being formatted.
pub(super) struct Talkative<'a>(pub(super) &'a str);

impl fmt::Debug for Talkative<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !CONTROL.get() {
            tracing::error!(inner = self.0, "formatting {}", self.0);
        }
        f.write_str(self.0)
    }
}

/// Panics with what it holds, having written it.
pub(super) struct Explosive<'a>(pub(super) &'a str);

impl fmt::Debug for Explosive<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)?;
        if CONTROL.get() {
            return Ok(());
        }
        panic!("cannot format {}", self.0);
    }
}

/// Writes what it holds, then gives up.
pub(super) struct Broken<'a>(pub(super) &'a str);

impl fmt::Display for Broken<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)?;
        if CONTROL.get() { Ok(()) } else { Err(fmt::Error) }
    }
}

/// In small pieces, as `write!` with many arguments does.
pub(super) struct Pieces<'a>(pub(super) &'a str);

impl fmt::Display for Pieces<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| write!(f, "{c}"))
    }
}

/// Shows its pairs as a map of headers does.
pub(super) struct Headers<'a>(pub(super) Vec<(&'static str, &'a str)>);

impl fmt::Debug for Headers<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.0.iter().map(|(name, value)| (name, value))).finish()
    }
}

/// Names that say what it holds.
#[derive(Debug)]
#[expect(dead_code, reason = "read by Debug alone")]
pub(super) enum Secret<'a> {
    Password(&'a str),
    ApiKey { value: &'a str },
    Token(String),
}

thread_local! {
    static CONTROL: Cell<bool> = const { Cell::new(false) };
}

/// Formats for the harness itself: what would log or panic only shows what it holds.
pub(crate) fn as_control<R>(format: impl FnOnce() -> R) -> R {
    CONTROL.set(true);
    let result = format();
    CONTROL.set(false);
    result
}
