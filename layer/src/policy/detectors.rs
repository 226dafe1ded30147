//! `[[redact.detectors]]`: from the file to detectors that can be used, and the rules they keep.

use super::error::{Problem, quote};
use super::read::Values;
use super::{Policy, rules};
use crate::redact::custom::{Custom, Form, ORDINARY};
use crate::redact::detect::Alphabet;
use crate::redact::label;

/// The detectors that could be read; the others are reported.
pub(super) fn read(values: &mut Values) -> Vec<Custom> {
    values.each("redact.detectors", one)
}

fn one(values: &mut Values, index: usize) -> Option<Custom> {
    let key = |name: &str| format!("redact.detectors[{index}].{name}");
    if !values.has(&key("name")) {
        values.report(Problem::new(key("name"), "the detector's name, for markers and metrics", "none"));
    }
    let form = match (values.has(&key("prefix")), values.has(&key("regex"))) {
        (true, true) => {
            let expected = "no regex beside a prefix: a detector has one or the other";
            values.report(Problem::new(key("regex"), expected, "both").help("make two detectors of them"));
            None
        }
        (true, false) => prefix(values, &key),
        (false, true) => {
            for name in ["alphabet", "min_length", "max_length"] {
                if values.has(&key(name)) {
                    let expected = "a prefix beside it: a regex tells characters and lengths itself";
                    values.report(Problem::new(key(name), expected, "a regex"));
                }
            }
            let source = values.text(&key("regex")).map(str::to_owned);
            source.and_then(|source| pattern(values, key("regex"), &source))
        }
        (false, false) => {
            let problem = Problem::new(key("prefix"), "a prefix or a regex", "neither");
            values.report(
                problem.help(
                    "add `prefix = \"cb_\"` with `alphabet` and `min_length`, or `regex = 'CB-[0-9]{8}'`",
                ),
            );
            None
        }
    };
    Some(Custom { name: values.text(&key("name"))?.to_owned(), form: form? })
}

fn prefix(values: &mut Values, key: &impl Fn(&str) -> String) -> Option<Form> {
    for (name, expected, example) in [
        ("alphabet", "the characters behind the prefix", "alphabet = \"alnum\""),
        ("min_length", "how many characters at least are behind the prefix", "min_length = 16"),
    ] {
        if !values.has(&key(name)) {
            values.report(Problem::new(key(name), expected, "none").help(format!("add `{example}`")));
        }
    }
    let min = values.number(&key("min_length"));
    let max = values.number(&key("max_length"));
    if let (Some(min), Some(max)) = (min, max)
        && max < min
    {
        let expected = format!("a number no smaller than min_length, {min}");
        values.report(Problem::new(key("max_length"), expected, max.to_string()));
    }
    let prefixes = values.texts(&key("prefix"))?.to_vec();
    let alphabet = values.text(&key("alphabet"))?;
    let (_, alphabet) = Alphabet::NAMED.into_iter().find(|(name, _)| *name == alphabet)?;
    let length = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
    if prefixes.is_empty() {
        values.report(Problem::new(key("prefix"), "at least one prefix", "an empty list"));
        return None;
    }
    Some(Form::Prefix { prefixes, alphabet, min: length(min?), max: max.map(length) })
}

#[cfg(feature = "regex")]
fn pattern(values: &mut Values, key: String, source: &str) -> Option<Form> {
    match crate::redact::custom::pattern::Pattern::new(source) {
        Ok(pattern) => Some(Form::Pattern(pattern)),
        Err(error) => {
            let problem = Problem::new(key, "a regular expression", error.found).help(error.help);
            values.report_within(problem, source, error.range);
            None
        }
    }
}

#[cfg(not(feature = "regex"))]
fn pattern(values: &mut Values, key: String, source: &str) -> Option<Form> {
    let problem = Problem::new(key, "a prefix: this program is built without patterns", quote(source));
    values.report(problem.help("build it with the feature `regex` of dihya"));
    None
}

impl Policy {
    pub(super) fn detector_problems(&self, problems: &mut Vec<Problem>) {
        let detectors = &self.redact.detectors;
        for (index, detector) in detectors.iter().enumerate() {
            let code = detector.is_code();
            let key = |name: &str| match code {
                true => format!("Policy::detector({:?})", detector.name),
                false => format!("redact.detectors[{index}].{name}"),
            };
            let name = &detector.name;
            if code && !(rules::DETECTOR.fits)(name) {
                problems.push(Problem::new(key("name"), rules::DETECTOR.expected, quote(name)));
            }
            let taken = detectors[..index].iter().any(|earlier| earlier.name == *name);
            if taken || label::labels().contains(&name.as_str()) || name.starts_with("key_") {
                let expected = "a name that nothing else has in markers and metrics";
                let problem = Problem::new(key("name"), expected, quote(name));
                problems
                    .push(problem.help("a name of your own, such as \"clinic_badge\", tells who found it"));
            }
            if code && detector.stems().iter().any(|stem| stem.len() < 3) {
                let expected = "literals of at least three bytes as triggers, or none";
                problems.push(Problem::new(key("prefix"), expected, "a shorter one"));
            }
            if index == rules::DETECTORS_MOST {
                let expected = format!("at most {} detectors", rules::DETECTORS_MOST);
                problems.push(Problem::new(key("name"), expected, format!("{}", detectors.len())));
            }
            let matched = ordinary(detector);
            if matched.len() >= TOO_MANY {
                let form = if matches!(detector.form, Form::Prefix { .. }) { "prefix" } else { "regex" };
                let expected = "a detector that leaves ordinary log lines alone";
                let found = format!("one that would redact {}", would_redact(&matched));
                problems.push(Problem::new(key(form), expected, found).help(
                    "begin it with something that only what you hide begins with, or mask the field by `mask_keys`",
                ));
            }
        }
    }

    /// What is allowed of the policy's own detectors, and yet worth a second look.
    pub(super) fn detector_remarks(&self, remarks: &mut Vec<String>) {
        for (index, detector) in self.redact.detectors.iter().enumerate() {
            let matched = ordinary(detector);
            if !matched.is_empty() {
                remarks.push(format!(
                    "redact.detectors[{index}]: {} would redact {}",
                    detector.name,
                    would_redact(&matched)
                ));
            }
        }
    }
}

/// What stands in the ordinary lines that a detector would change.
pub(crate) fn ordinary(detector: &Custom) -> Vec<&'static str> {
    let matched = ORDINARY.iter().filter(|(_, line)| !detector.find_all(line.as_bytes()).is_empty());
    matched.map(|(what, _)| *what).collect()
}

fn would_redact(matched: &[&str]) -> String {
    let mut kinds: Vec<&str> = matched.to_vec();
    kinds.dedup();
    let (count, of) = (matched.len(), ORDINARY.len());
    format!("{count} of {of} ordinary log lines, such as {}", kinds[..kinds.len().min(3)].join(", "))
}

/// Ordinary lines that a detector may match, with a remark: one kind of thing, such as UUIDs, can be meant.
const TOO_MANY: usize = 6;
