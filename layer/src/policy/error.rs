//! What is wrong with a policy, where, and what would be right.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// A policy that cannot be used.
#[non_exhaustive]
pub enum PolicyError {
    /// The file could not be read at all.
    Read {
        /// The file asked for.
        file: PathBuf,
        /// What the system answered.
        error: io::Error,
    },
    /// The policy was read and is wrong; everything found wrong is here, in the order of the file.
    Invalid {
        /// The file, or a phrase for a policy that was built in code.
        file: String,
        /// Never empty.
        problems: Vec<Problem>,
    },
}

impl PolicyError {
    /// What is wrong, one entry each; empty if the file could not be read.
    pub fn problems(&self) -> &[Problem] {
        match self {
            PolicyError::Read { .. } => &[],
            PolicyError::Invalid { problems, .. } => problems,
        }
    }

    /// The error as a person at a terminal wants it: each problem with its line of the file and a caret below it.
    pub fn report(&self) -> String {
        let PolicyError::Invalid { file, problems } = self else { return format!("error: {self}\n") };
        let mut out = String::new();
        for problem in problems {
            out.push_str(&problem.excerpt(file));
            out.push('\n');
        }
        out
    }
}

/// One line per problem: `file:line:column: key: expected .., found ..`.
impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PolicyError::Read { file, error } => {
                write!(f, "cannot read the policy {}: {error}", file.display())?;
                if error.kind() == io::ErrorKind::NotFound {
                    f.write_str("; `dihya policy init` writes a first one")?;
                }
                Ok(())
            }
            PolicyError::Invalid { file, problems } => {
                for (i, problem) in problems.iter().enumerate() {
                    if i > 0 {
                        f.write_str("\n")?;
                    }
                    write!(f, "{file}:{problem}")?;
                }
                Ok(())
            }
        }
    }
}

/// The report: a `main` that returns the error prints this form, and its reader needs each place with its caret.
impl fmt::Debug for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let report = self.report();
        // `main` has printed "Error: " already.
        f.write_str(report.trim_end().strip_prefix("error: ").unwrap_or(&report))
    }
}

impl std::error::Error for PolicyError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            PolicyError::Read { error, .. } => Some(error),
            PolicyError::Invalid { .. } => None,
        }
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub(super) key: String,
    pub(super) expected: String,
    pub(super) found: String,
    pub(super) help: Option<String>,
    /// `None` for what was set in code.
    pub(super) place: Option<Place>,
}

/// Where in a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    /// From 1.
    pub(super) line: usize,
    /// From 1, in characters.
    pub(super) column: usize,
    /// Characters to underline; at least one.
    pub(super) width: usize,
    /// The line itself.
    pub(super) text: String,
}

impl Problem {
    pub(super) fn new(
        key: impl Into<String>,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) -> Problem {
        Problem { key: key.into(), expected: expected.into(), found: found.into(), help: None, place: None }
    }

    /// One that was found when the policy was to be used.
    #[cfg(feature = "alerts")]
    pub(crate) fn of(key: String, expected: &str, found: &str) -> Problem {
        Problem::new(key, expected, found)
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> Problem {
        self.help = Some(help.into());
        self
    }

    /// The key's full path, such as `channels.audit.queue`; empty where the file as a whole is meant.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The line, counted from 1, if it came from a file.
    pub fn line(&self) -> Option<usize> {
        self.place.as_ref().map(|p| p.line)
    }

    /// The column in characters, counted from 1, if it came from a file.
    pub fn column(&self) -> Option<usize> {
        self.place.as_ref().map(|p| p.column)
    }

    /// What would have been right.
    pub fn expected(&self) -> &str {
        &self.expected
    }

    /// What is there.
    pub fn found(&self) -> &str {
        &self.found
    }

    /// What to do, where it is not obvious.
    pub fn hint(&self) -> Option<&str> {
        self.help.as_deref()
    }

    fn sentence(&self) -> String {
        let key = if self.key.is_empty() { String::new() } else { format!("{}: ", self.key) };
        format!("{key}expected {}, found {}", self.expected, self.found)
    }

    fn excerpt(&self, file: &str) -> String {
        let mut out = format!("error: {}\n", self.sentence());
        let Some(place) = &self.place else {
            out.push_str(&format!("  --> {file}\n"));
            if let Some(help) = &self.help {
                out.push_str(&format!("  = help: {help}\n"));
            }
            return out;
        };
        let number = place.line.to_string();
        let margin = " ".repeat(number.len());
        // Tabs would put the caret elsewhere, and control characters could write to the terminal.
        let (text, column, width) = window(place);
        out.push_str(&format!("{margin}--> {file}:{}:{}\n", place.line, place.column));
        out.push_str(&format!("{margin} |\n{number} | {text}\n"));
        out.push_str(&format!("{margin} | {}{}\n", " ".repeat(column), "^".repeat(width)));
        if let Some(help) = &self.help {
            out.push_str(&format!("{margin} = help: {help}\n"));
        }
        out
    }
}

/// `line:column: key: expected .., found ..; help`, for the line of an error log.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Some(place) => write!(f, "{}:{}: ", place.line, place.column)?,
            None => f.write_str(" ")?,
        }
        f.write_str(&self.sentence())?;
        if let Some(help) = &self.help {
            write!(f, "; {help}")?;
        }
        Ok(())
    }
}

impl Place {
    /// Leaves out of the line what stands behind its key.
    pub(super) fn hide(&mut self) {
        let Some(at) = self.text.find('=') else { return };
        self.text.truncate(at);
        self.text.push_str("= …");
        let long = self.text.chars().count();
        self.column = self.column.min(long);
        self.width = self.width.min(long + 1 - self.column);
    }

    /// The place of a byte range in a text.
    pub(super) fn of(text: &str, range: std::ops::Range<usize>) -> Place {
        let at = text.floor_char_boundary(range.start.min(text.len()));
        let start = text[..at].rfind('\n').map_or(0, |n| n + 1);
        let end = text[at..].find('\n').map_or(text.len(), |n| at + n);
        let stop = text.floor_char_boundary(range.end.clamp(at, end));
        Place {
            line: text[..at].matches('\n').count() + 1,
            column: text[start..at].chars().count() + 1,
            width: text[at..stop].chars().count().max(1),
            text: text[start..end].trim_end_matches('\r').to_owned(),
        }
    }
}

/// What was found, short enough for one line and unable to write to a terminal.
pub(super) fn quote(text: &str) -> String {
    let mut out: String = text.chars().take(FOUND_MAX).flat_map(char::escape_debug).collect();
    if text.chars().nth(FOUND_MAX).is_some() {
        out.push('…');
    }
    format!("\"{out}\"")
}

/// The part of a line that a terminal shows, the caret's offset in it and its width.
fn window(place: &Place) -> (String, usize, usize) {
    let from = (place.column - 1).saturating_sub(EXCERPT_MAX / 2);
    let shown: String = place
        .text
        .chars()
        .skip(from)
        .take(EXCERPT_MAX)
        .map(|c| if c.is_control() || is_bidi(c) { ' ' } else { c })
        .collect();
    let column = place.column - 1 - from;
    let width = place.width.min(shown.chars().count().saturating_sub(column)).max(1);
    (shown.trim_end().to_owned(), column, width)
}

fn is_bidi(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

const FOUND_MAX: usize = 60;
const EXCERPT_MAX: usize = 160;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_counts_lines_and_characters() {
        let text = "a = 1\r\né = \"ü\" # x\n";
        let at = text.find("\"ü\"").unwrap();
        let place = Place::of(text, at..at + 4);
        assert_eq!((place.line, place.column, place.width), (2, 5, 3));
        assert_eq!(place.text, "é = \"ü\" # x");
        assert_eq!(Place::of("", 0..0), Place { line: 1, column: 1, width: 1, text: String::new() });
        assert_eq!(Place::of("é", 1..900).width, 1);
    }

    #[test]
    fn what_is_quoted_cannot_write_to_the_terminal() {
        assert_eq!(quote("a\u{1b}[31m\u{202e}"), r#""a\u{1b}[31m\u{202e}""#);
        assert!(quote(&"x".repeat(500)).chars().count() < 70);
    }
}
