//! Text with `{{placeholders}}`: what a plan says is planted, before the canaries are made.

use std::fmt;

use dihya::inspect::{self, DetectorInfo};
use serde::{Deserialize, Deserializer};

/// A text of the plan. It is shown as it was written: what fills its placeholders never is.
#[derive(Clone)]
pub(crate) struct Template {
    source: String,
    parts: Vec<Part>,
}

#[derive(Clone)]
enum Part {
    Text(String),
    Hole(Hole),
}

/// What stands between the braces.
#[derive(Clone)]
pub(crate) enum Hole {
    /// The free port of this run.
    Port,
    /// The folder made for this run.
    Folder,
    /// Two opening braces.
    Braces,
    /// What an earlier answer brought.
    Taken(String),
    /// A secret made to be looked for. The same label names the same one again.
    Canary { kind: Kind, label: Option<String> },
}

/// What sort of secret.
#[derive(Clone)]
pub(crate) struct Kind {
    /// As it is written in the plan and in the report.
    pub(crate) name: &'static str,
    /// Whose form it has; `None`: letters that only the name of their field gives away.
    pub(crate) detector: Option<DetectorInfo>,
}

impl Kind {
    /// Every kind there is, the plain ones first.
    pub(crate) fn all() -> Vec<Kind> {
        let mut kinds: Vec<Kind> = PLAIN.iter().map(|(name, _)| Kind { name, detector: None }).collect();
        for detector in inspect::detectors() {
            if !kinds.iter().any(|kind| kind.name == detector.name) {
                kinds.push(Kind { name: detector.name, detector: Some(detector) });
            }
        }
        kinds
    }
}

impl Template {
    /// Understands a text.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub(crate) fn parse(source: &str) -> Result<Template, String> {
        let mut parts = Vec::new();
        let mut rest = source;
        while let Some(start) = rest.find("{{") {
            let (before, from) = rest.split_at(start);
            let end =
                from.find("}}").ok_or("`{{` is not closed by `}}`; `{{open}}` stands for two braces")?;
            if !before.is_empty() {
                parts.push(Part::Text(before.to_owned()));
            }
            parts.push(Part::Hole(hole(&from[2..end])?));
            rest = &from[end + 2..];
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        Ok(Template { source: source.to_owned(), parts })
    }

    /// As it was written.
    pub(crate) fn source(&self) -> &str {
        &self.source
    }

    /// The text, each placeholder replaced by what `value` says of it.
    pub(crate) fn fill(&self, mut value: impl FnMut(&Hole) -> String) -> String {
        let part = |part: &Part| match part {
            Part::Text(text) => text.clone(),
            Part::Hole(hole) => value(hole),
        };
        self.parts.iter().map(part).collect()
    }

    /// Whether the port of the run is told by it.
    pub(crate) fn names_port(&self) -> bool {
        self.parts.iter().any(|part| matches!(part, Part::Hole(Hole::Port)))
    }
}

/// As it was written, in which nothing is secret.
impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Template({:?})", self.source)
    }
}

impl<'de> Deserialize<'de> for Template {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Template, D::Error> {
        let text = String::deserialize(deserializer)?;
        Template::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// The candidate nearest to `word`, if it is near enough to be a slip of the pen.
pub(crate) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // A third of the word may differ, as in the policy's own suggestions.
    let limit = (word.chars().count() / 3).max(1);
    let distance = |candidate: &&str| strsim::damerau_levenshtein(word, candidate);
    candidates.into_iter().min_by_key(distance).filter(|candidate| distance(candidate) <= limit)
}

fn hole(inside: &str) -> Result<Hole, String> {
    let (name, label) = match inside.split_once(':') {
        Some((name, label)) => (name.trim(), Some(label.trim().to_owned())),
        None => (inside.trim(), None),
    };
    let known = match name {
        "port" => Some(Hole::Port),
        "folder" => Some(Hole::Folder),
        "open" => Some(Hole::Braces),
        _ => None,
    };
    match (known, label) {
        (_, Some(label)) if name == "taken" && !label.is_empty() => Ok(Hole::Taken(label)),
        (_, None) if name == "taken" => {
            Err("which? Write `{{taken:session}}` for what `take` calls session".to_owned())
        }
        (Some(hole), None) => Ok(hole),
        (Some(_), Some(_)) => Err(format!("`{{{{{name}}}}}` takes no label")),
        (None, Some(label)) if label.is_empty() => Err(format!("the label of `{{{{{name}:}}}}` is empty")),
        (None, label) => {
            let kinds = Kind::all();
            if let Some(kind) = kinds.iter().find(|kind| kind.name == name) {
                return Ok(Hole::Canary { kind: kind.clone(), label });
            }
            let names = kinds.iter().map(|kind| kind.name).chain(["port", "folder", "open", "taken"]);
            let help = match nearest(name, names) {
                Some(near) => format!("did you mean `{{{{{near}}}}}`?"),
                None => "`dihya check --kinds` lists what there is".to_owned(),
            };
            Err(format!("unknown placeholder `{{{{{name}}}}}`: {help}"))
        }
    }
}

/// Kinds without a form of their own, and what they stand for.
pub(crate) const PLAIN: &[(&str, &str)] = &[
    ("password", "letters that only the name of their field gives away"),
    ("secret", "the same under another name: keys, pepper, answers"),
    ("name", "the same: a person's name"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(text: &str) -> Result<String, String> {
        let value = |hole: &Hole| match hole {
            Hole::Port => "8080".to_owned(),
            Hole::Folder => "/here".to_owned(),
            Hole::Braces => "{{".to_owned(),
            Hole::Taken(name) => format!("<taken {name}>"),
            Hole::Canary { kind, label } => format!("<{} {label:?}>", kind.name),
        };
        Ok(Template::parse(text)?.fill(value))
    }

    #[test]
    fn placeholders_are_filled_and_the_rest_is_left() {
        assert_eq!(filled("http://127.0.0.1:{{port}}/a").unwrap(), "http://127.0.0.1:8080/a");
        assert_eq!(filled("{{ card }}{{email:jane}}").unwrap(), "<card None><email Some(\"jane\")>");
        assert_eq!(filled("{{open}}x}} {y}").unwrap(), "{{x}} {y}");
        assert_eq!(filled("Bearer {{taken:session}}").unwrap(), "Bearer <taken session>");
        assert_eq!(filled("").unwrap(), "");
    }

    #[test]
    fn a_wrong_placeholder_is_told_with_the_nearest_right_one() {
        assert!(filled("{{pasword}}").unwrap_err().contains("did you mean `{{password}}`?"));
        assert!(filled("{{quetzalcoatl}}").unwrap_err().contains("--kinds"));
        assert!(filled("{{card").unwrap_err().contains("not closed"));
        assert!(filled("{{taken}}").unwrap_err().contains("which?"));
        assert!(filled("{{port:a}}").unwrap_err().contains("takes no label"));
        assert!(filled("{{card:}}").unwrap_err().contains("is empty"));
    }

    #[test]
    fn every_detector_has_a_kind() {
        let kinds = Kind::all();
        for detector in inspect::detectors() {
            assert!(kinds.iter().any(|kind| kind.name == detector.name), "{}", detector.name);
        }
        assert!(kinds.iter().any(|kind| kind.name == "password"));
    }
}
