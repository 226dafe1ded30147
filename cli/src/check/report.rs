//! What a check found, and what it saw: the one source of every form in which it is told.
//!
//! No canary's text is in it: kinds, places and positions alone.

use serde::Serialize;

/// The whole result; its JSON is the machine's form of it.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// The version of this form.
    pub(crate) v: u32,
    /// The program that wrote it.
    pub(crate) dihya: &'static str,
    pub(crate) verdict: Verdict,
    pub(crate) exit_code: u8,
    /// The seed of the canaries: with it, the same plan plants the same.
    pub(crate) seed: u64,
    pub(crate) service: ServiceReport,
    /// Why the check is not complete, in words; with any of them it is no pass.
    pub(crate) problems: Vec<String>,
    pub(crate) leaks: Vec<LeakReport>,
    pub(crate) coverage: Coverage,
}

/// How it ended, from the best to the worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verdict {
    /// Nothing leaked, and there was something to see.
    Clean,
    /// Canaries came out.
    Leaked,
    /// The service wrote nothing that could be searched.
    NothingObserved,
    /// The service failed, or a request did: it is not known.
    NotChecked,
}

impl Verdict {
    /// What a script sees.
    pub(crate) fn exit_code(self) -> u8 {
        match self {
            Verdict::Clean => 0,
            Verdict::Leaked => 1,
            // 2 is a command or a plan that was not understood.
            Verdict::NothingObserved => 3,
            Verdict::NotChecked => 4,
        }
    }
}

#[derive(Debug, Default, Serialize)]
pub(crate) struct ServiceReport {
    /// As the plan or the command line has it, with its placeholders.
    pub(crate) command: Vec<String>,
    /// "exit code 0", "signal 15".
    pub(crate) end: String,
    /// Before it was told to.
    pub(crate) ended_by_itself: bool,
    /// SIGTERM was not enough.
    pub(crate) killed: bool,
    /// The last lines of its standard error, if it failed: those without a canary, redacted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) last_words: Vec<String>,
}

/// A canary in an output.
#[derive(Debug, Serialize)]
pub(crate) struct LeakReport {
    /// Its number among the planted, from 1.
    pub(crate) canary: usize,
    pub(crate) kind: &'static str,
    /// Where it was planted.
    pub(crate) planted: Vec<String>,
    pub(crate) output: String,
    /// The first line that holds it, from 1; none in a file's name.
    pub(crate) line: Option<u64>,
    /// Where it begins, in bytes from the output's start.
    pub(crate) offset: Option<u64>,
    /// How many lines hold it in this form.
    pub(crate) lines: u64,
    /// How it was written: plain, reversed, base64, hex, ...
    pub(crate) form: &'static str,
    /// How the output has to be read: raw, unescaped, decoded, without separators.
    pub(crate) view: &'static str,
}

/// What was looked at, and what was not.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Coverage {
    pub(crate) canaries: Vec<CanaryReport>,
    pub(crate) requests: Vec<RequestReport>,
    pub(crate) outputs: Vec<OutputReport>,
    /// Folders in which every change was noticed.
    pub(crate) folders: Vec<String>,
    /// Whether every file the service opened is known, by strace.
    pub(crate) strace: bool,
    /// What else the service opened for writing or reached, by strace.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) reached: Vec<String>,
    /// What could not be watched or was not searched, in words.
    pub(crate) not_covered: Vec<String>,
}

#[derive(Debug, Serialize)]
pub(crate) struct CanaryReport {
    pub(crate) canary: usize,
    pub(crate) kind: &'static str,
    pub(crate) places: Vec<PlaceReport>,
}

#[derive(Debug, Serialize)]
pub(crate) struct PlaceReport {
    pub(crate) place: String,
    /// "offered": whether the service read it cannot be seen. "answered 200". "not answered".
    pub(crate) proof: String,
}

#[derive(Debug, Serialize)]
pub(crate) struct RequestReport {
    /// "request 2, login".
    pub(crate) request: String,
    /// Method and path, as the plan has them.
    pub(crate) line: String,
    /// One for each time it was sent, until one was not answered.
    pub(crate) statuses: Vec<u16>,
}

#[derive(Debug, Serialize)]
pub(crate) struct OutputReport {
    pub(crate) output: String,
    pub(crate) bytes: u64,
    pub(crate) lines: u64,
    /// Fewer bytes than there are, if it was too long; none, if it is compressed.
    pub(crate) searched_bytes: u64,
}

impl Report {
    /// For programs.
    pub(crate) fn json(&self) -> String {
        // Nothing in it can fail to be written as JSON: no map has keys other than strings.
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }

    /// For CI systems: a test per planted canary, and one for the check itself.
    pub(crate) fn junit(&self) -> String {
        let canaries = &self.coverage.canaries;
        let incomplete = matches!(self.verdict, Verdict::NothingObserved | Verdict::NotChecked);
        let leaked = canaries.iter().filter(|canary| self.leaks_of(canary.canary).next().is_some()).count();
        let mut xml = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n<testsuite name=\"dihya check\" tests=\"{}\" failures=\"{leaked}\" errors=\"{}\">\n",
            canaries.len() + 1,
            usize::from(incomplete)
        );
        xml.push_str("<testcase classname=\"dihya.check\" name=\"the check is complete\"");
        if incomplete {
            let why = if self.problems.is_empty() {
                "nothing was observed".to_owned()
            } else {
                self.problems.join("; ")
            };
            xml.push_str(&format!("><error message=\"{}\"/></testcase>\n", escape(&why)));
        } else {
            xml.push_str("/>\n");
        }
        for canary in canaries {
            let places: Vec<&str> = canary.places.iter().map(|place| place.place.as_str()).collect();
            let name = format!(
                "canary {} ({}) planted in {} stays inside",
                canary.canary,
                canary.kind,
                places.join("; ")
            );
            xml.push_str(&format!("<testcase classname=\"dihya.check\" name=\"{}\"", escape(&name)));
            let told: Vec<String> = self.leaks_of(canary.canary).map(LeakReport::told).collect();
            if told.is_empty() {
                xml.push_str("/>\n");
            } else {
                xml.push_str(&format!(
                    "><failure message=\"it came out\">{}</failure></testcase>\n",
                    escape(&told.join("\n"))
                ));
            }
        }
        xml.push_str("</testsuite>\n</testsuites>\n");
        xml
    }

    pub(crate) fn leaks_of(&self, canary: usize) -> impl Iterator<Item = &LeakReport> {
        self.leaks.iter().filter(move |leak| leak.canary == canary)
    }
}

impl LeakReport {
    /// "stdout line 3, byte 120, as base64, on 4 lines".
    pub(crate) fn told(&self) -> String {
        let mut told = self.output.clone();
        if let (Some(line), Some(offset)) = (self.line, self.offset) {
            told.push_str(&format!(" line {line}, byte {offset}"));
        }
        if self.form != "plain" {
            told.push_str(&format!(", as {}", self.form));
        }
        if self.view != "raw" {
            told.push_str(&format!(", {}", self.view));
        }
        if self.lines > 1 {
            told.push_str(&format!(", on {} lines", self.lines));
        }
        told
    }
}

/// For an attribute or a text of XML 1.0, which has no control characters but tab and line ends.
fn escape(text: &str) -> String {
    let mut out = String::new();
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' => out.push(character),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_verdicts_share_an_exit_code() {
        let all = [Verdict::Clean, Verdict::Leaked, Verdict::NothingObserved, Verdict::NotChecked];
        assert_eq!(all.map(Verdict::exit_code), [0, 1, 3, 4]);
    }

    #[test]
    fn xml_is_escaped() {
        assert_eq!(escape("a<b>&\"\u{1b}[0m\n"), "a&lt;b&gt;&amp;&quot;\u{fffd}[0m\n");
    }
}
