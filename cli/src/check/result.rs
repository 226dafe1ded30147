//! From what was observed to what is reported: the search, the verdict, the gaps.

use std::path::Path;

use dihya::inspect;
use dihya_compliance::Search;

use super::find::{Finding, count_lines, find};
use super::folders::PASSED_OVER;
use super::own::shown;
use super::plan::Plan;
use super::planting::{Planting, Proof, TAKEN};
use super::report::{
    CanaryReport, Coverage, LeakReport, OutputReport, PlaceReport, Report, RequestReport, ServiceReport,
    Verdict,
};
use super::run::Options;
use super::service::{End, Heard};
use super::strace::Traced;
use super::watch::Seen;

/// Everything that came of a run, before it is searched.
#[derive(Default)]
pub(crate) struct Observed {
    pub(crate) problems: Vec<String>,
    pub(crate) requests: Vec<RequestReport>,
    /// Bytes printed and changes of files when the first request was sent.
    pub(crate) before_requests: Option<(u64, u64)>,
    pub(crate) end: Option<End>,
    pub(crate) printed: u64,
    pub(crate) streams: Vec<(&'static str, Heard)>,
    /// Metrics and answers.
    pub(crate) texts: Vec<Text>,
    pub(crate) seen: Option<Seen>,
    pub(crate) strace: Option<Result<Traced, String>>,
}

/// An output, named.
pub(crate) struct Text {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
    /// Whether there was more of it.
    pub(crate) is_cut: bool,
}

impl Text {
    pub(crate) fn new(name: String, bytes: Vec<u8>, is_cut: bool) -> Text {
        Text { name, bytes, is_cut }
    }
}

impl Observed {
    /// Searches everything, and judges.
    pub(crate) fn report(
        mut self,
        plan: &Plan,
        planting: &Planting,
        options: &Options,
        own: &Path,
    ) -> Report {
        let mut searcher = Searcher {
            is_answer: false,
            search: planting.search(),
            planting,
            leaks: Vec::new(),
            coverage: Coverage::default(),
        };
        for (name, heard) in &self.streams {
            searcher.text(name, &heard.bytes, heard.total);
        }
        let has_changed = self.has_changed();
        if let Some(seen) = self.seen.take() {
            searcher.files(&seen, own);
            searcher.gaps(&seen, own);
        }
        for text in &self.texts {
            searcher.is_answer = text.name != METRICS;
            searcher.text(&text.name, &text.bytes, text.bytes.len() as u64 + u64::from(text.is_cut));
        }
        searcher.is_answer = false;
        match self.strace.take() {
            Some(Ok(traced)) => searcher.traced(&traced, own),
            Some(Err(why)) => self.problems.push(why),
            None => searcher.gap("files that were opened and closed between two looks (10 ms apart) and lie in no watched folder: `--strace` names them"),
        }
        if self.end.as_ref().is_some_and(|end| end.killed) {
            searcher.gap("what it would have written at its end: SIGTERM did not end it in time ([limits] `stop`), and it was killed");
        }
        planting.short.iter().for_each(|short| searcher.gap(short));
        if !plan.http.responses && !plan.requests.is_empty() {
            searcher.gap("the answers to the requests: [http] `responses` = true has them searched");
        }
        let Searcher { leaks, mut coverage, .. } = searcher;
        coverage.requests = std::mem::take(&mut self.requests);
        coverage.canaries = canaries(planting);
        let searched: u64 = coverage.outputs.iter().map(|output| output.searched_bytes).sum();
        let verdict = if !leaks.is_empty() {
            Verdict::Leaked
        } else if !self.problems.is_empty() {
            Verdict::NotChecked
        } else if !has_changed || searched == 0 {
            let since = if self.before_requests.is_some() { " after the first request was sent" } else { "" };
            self.problems.push(format!(
                "the service wrote nothing that could be searched{since}: silence proves nothing"
            ));
            Verdict::NothingObserved
        } else {
            Verdict::Clean
        };
        let service = self.service(plan, planting, verdict);
        Report {
            v: 1,
            dihya: env!("CARGO_PKG_VERSION"),
            verdict,
            exit_code: verdict.exit_code(),
            seed: options.seed,
            service,
            problems: self.problems,
            leaks,
            coverage,
        }
    }

    /// Whether it wrote anything; with requests, anything since the first of them. Metrics and answers do not count:
    /// they are there because they were asked for.
    fn has_changed(&self) -> bool {
        let changes = self.seen.as_ref().map_or(0, |seen| seen.changes);
        let (printed_before, changes_before) = self.before_requests.unwrap_or_default();
        let files = self.seen.as_ref().is_some_and(|seen| seen.files.iter().any(|file| file.len > 0));
        self.printed > printed_before || (files && changes > changes_before)
    }

    fn service(&self, plan: &Plan, planting: &Planting, verdict: Verdict) -> ServiceReport {
        let has_failed = !self.problems.is_empty() && verdict != Verdict::NothingObserved;
        let stderr = self.streams.iter().find(|(name, _)| *name == "stderr");
        let last_words = stderr.filter(|_| has_failed).map(|(_, heard)| last_words(&heard.bytes, planting));
        ServiceReport {
            command: plan.service.command.iter().map(|part| part.source().to_owned()).collect(),
            end: self.end.as_ref().map_or(String::new(), End::told),
            ended_by_itself: self.end.as_ref().is_some_and(|end| end.by_itself),
            killed: self.end.as_ref().is_some_and(|end| end.killed),
            last_words: last_words.unwrap_or_default(),
        }
    }
}

struct Searcher<'a> {
    /// Whether what is searched is what the service answered, where its own tokens belong.
    is_answer: bool,
    search: Search,
    planting: &'a Planting,
    leaks: Vec<LeakReport>,
    coverage: Coverage,
}

impl Searcher<'_> {
    /// Searches what there is of an output of this length.
    fn text(&mut self, name: &str, bytes: &[u8], len: u64) {
        let searched_bytes = bytes.len() as u64;
        let output =
            OutputReport { output: name.to_owned(), bytes: len, lines: count_lines(bytes), searched_bytes };
        self.coverage.outputs.push(output);
        if searched_bytes < len {
            self.gap(&format!("the rest of {name}, which is longer than [limits] `bytes`"));
        }
        for finding in find(&self.search, bytes) {
            if !self.is_answer || self.planting.planted()[finding.canary].kind != TAKEN {
                self.leak(finding, name, true);
            }
        }
    }

    fn files(&mut self, seen: &Seen, own: &Path) {
        for (number, file) in seen.files.iter().enumerate() {
            let name = self.file_name(&file.path, number, own);
            let compressed = file.texts.last().and_then(|text| compression(text));
            if let Some(kind) = compressed {
                self.coverage.outputs.push(OutputReport {
                    output: name.clone(),
                    bytes: file.len,
                    lines: 0,
                    searched_bytes: 0,
                });
                self.gap(&format!("{name} is {kind}, and was not searched"));
                continue;
            }
            let (last, earlier) = match file.texts.split_last() {
                Some((last, earlier)) => (last.as_slice(), earlier),
                None => (&[][..], &[][..]),
            };
            for text in earlier {
                self.text(&format!("{name} (before it was emptied or rewritten)"), text, text.len() as u64);
            }
            self.text(&name, last, last.len() as u64 + file.unread);
        }
    }

    /// How a file is called in the report; its name can leak too.
    fn file_name(&mut self, path: &Path, number: usize, own: &Path) -> String {
        let shown = shown(path, own);
        let findings = find(&self.search, path.as_os_str().as_encoded_bytes());
        if findings.is_empty() {
            return shown;
        }
        let name = format!("file {} (its name is withheld)", number + 1);
        for finding in findings {
            self.leak(finding, &format!("the name of {name}"), false);
        }
        name
    }

    fn leak(&mut self, finding: Finding, output: &str, has_lines: bool) {
        let planted = &self.planting.planted()[finding.canary];
        self.leaks.push(LeakReport {
            canary: finding.canary + 1,
            kind: planted.kind,
            planted: planted.places.iter().map(|place| place.way.clone()).collect(),
            output: output.to_owned(),
            line: has_lines.then_some(finding.line),
            offset: has_lines.then_some(finding.offset),
            lines: finding.lines,
            form: finding.form,
            view: finding.view,
        });
    }

    fn gaps(&mut self, seen: &Seen, own: &Path) {
        self.coverage.folders = seen.folders.iter().map(|folder| self.shown(folder, own)).collect();
        for (path, why) in &seen.missed {
            let name = self.shown(path, own);
            self.gap(&format!("{name}: {why}"));
        }
        seen.trouble.iter().for_each(|trouble| self.gap(trouble));
        if !seen.others.is_empty() {
            let others: Vec<&str> = seen.others.iter().copied().collect();
            self.gap(&format!("what was written to {} that the service held open", others.join(", ")));
        }
        let passed = PASSED_OVER.join(", ");
        self.gap(&format!("changes in folders named {passed}, unless a file there was held open"));
    }

    fn traced(&mut self, traced: &Traced, own: &Path) {
        self.coverage.strace = true;
        let mut names: Vec<String> =
            self.coverage.outputs.iter().map(|output| output.output.clone()).collect();
        for (path, bytes) in &traced.written {
            let name = self.shown(path, own);
            // What was followed has been searched as a file.
            if !names.contains(&name) {
                self.text(&format!("{name} (as strace saw it written)"), bytes, bytes.len() as u64);
                names.push(name);
            }
        }
        for path in &traced.opened {
            let name = self.shown(path, own);
            if !names.contains(&name) {
                self.gap(&format!("{name} was opened for writing, and nothing of it was seen"));
            }
        }
        self.coverage.reached = traced.reached.iter().map(|target| self.clean(target)).collect();
    }

    fn shown(&self, path: &Path, own: &Path) -> String {
        self.clean(&shown(path, own))
    }

    /// A text from outside, withheld if it holds a canary.
    fn clean(&self, text: &str) -> String {
        if self.search.leaks([("", text.as_bytes())]).is_empty() {
            text.to_owned()
        } else {
            "(withheld: its name holds a canary)".to_owned()
        }
    }

    fn gap(&mut self, told: &str) {
        if !self.coverage.not_covered.iter().any(|known| known == told) {
            self.coverage.not_covered.push(told.to_owned());
        }
    }
}

fn canaries(planting: &Planting) -> Vec<CanaryReport> {
    let place = |place: &super::planting::Place| PlaceReport {
        place: place.way.clone(),
        proof: match place.proof {
            Proof::Offered => "offered".to_owned(),
            Proof::Answered(status) => format!("answered {status}"),
            Proof::Unanswered => "not answered".to_owned(),
        },
    };
    let planted = planting.planted().iter().enumerate();
    let report = planted.map(|(i, planted)| CanaryReport {
        canary: i + 1,
        kind: planted.kind,
        places: planted.places.iter().map(place).collect(),
    });
    report.collect()
}

/// The last lines of a failed service's stderr. Those with a canary are withheld; real secrets are masked, as far as
/// their form gives them away.
fn last_words(bytes: &[u8], planting: &Planting) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let search = planting.search();
    let last = &lines[lines.len().saturating_sub(WORDS)..];
    let told = last.iter().map(|line| {
        if !search.leaks([("", line.as_bytes())]).is_empty() {
            return "(a line with a canary)".to_owned();
        }
        let mut masked = String::new();
        let mut from = 0;
        for found in inspect::detect(line) {
            masked.push_str(line.get(from..found.range.start).unwrap_or_default());
            masked.push_str(&format!("[redacted:{}]", found.label));
            from = found.range.end;
        }
        masked.push_str(line.get(from..).unwrap_or_default());
        masked.chars().take(300).collect()
    });
    told.collect()
}

/// By the first bytes of its form.
fn compression(bytes: &[u8]) -> Option<&'static str> {
    let forms: [(&[u8], &str); 6] = [
        (&[0x1f, 0x8b], "compressed (gzip)"),
        (&[0x28, 0xb5, 0x2f, 0xfd], "compressed (zstd)"),
        (&[0xfd, b'7', b'z', b'X', b'Z', 0], "compressed (xz)"),
        (b"BZh", "compressed (bzip2)"),
        (b"PK\x03\x04", "an archive (zip)"),
        (&[0x04, 0x22, 0x4d, 0x18], "compressed (lz4)"),
    ];
    forms.into_iter().find(|(start, _)| bytes.starts_with(start)).map(|(_, name)| name)
}

const WORDS: usize = 5;

/// The output's name.
pub(crate) const METRICS: &str = "metrics";

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    #[test]
    fn compressed_files_are_known_by_their_first_bytes() {
        assert_eq!(compression(&[0x1f, 0x8b, 8, 0]), Some("compressed (gzip)"));
        assert_eq!(compression(b"{\"v\":1}"), None);
        assert_eq!(compression(b""), None);
    }

    #[test]
    fn last_words_are_redacted_and_lines_with_canaries_withheld() {
        let mut planting = Planting::new(1, 1, PathBuf::new());
        let template = super::super::template::Template::parse("{{password}}").unwrap();
        let secret = planting.fill(&template, "here", str::to_owned);
        let key = inspect::detectors().find(|d| d.name == "aws_key_id").unwrap().example();
        let words = last_words(format!("fine\nwith {secret}\nkey {key} here\n").as_bytes(), &planting);
        assert_eq!(words, ["fine", "(a line with a canary)", "key [redacted:aws_key_id] here"]);
    }
}
