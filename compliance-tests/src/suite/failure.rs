//! What a failing test says: enough to find and repeat the fault, and nothing that redaction should have removed.

use std::fmt;

/// Why a rule does not hold.
///
/// It is returned rather than panicked with: the layer's own panic hook would print it beside the test runner, redacted.
#[derive(Clone, PartialEq, Eq)]
pub struct Failure {
    text: String,
}

impl Failure {
    pub(crate) fn new(text: impl Into<String>) -> Failure {
        Failure { text: text.into() }
    }

    /// What it says.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// With one more line.
    pub(crate) fn and(mut self, line: &str) -> Failure {
        self.text.push('\n');
        self.text.push_str(line);
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// As `Display`: it is what the test runner prints.
impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Failure {}

/// Ends a check with a failure unless the condition holds.
macro_rules! ensure {
    ($condition:expr, $($text:tt)+) => {
        if !$condition {
            return Err($crate::suite::Failure::new(format!($($text)+)));
        }
    };
}

pub(crate) use ensure;
