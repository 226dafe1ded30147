//! `[hooks.NAME]`: what is told to other programs over HTTP.

use std::sync::Arc;
use std::time::Duration;

use super::error::{PolicyError, Problem, quote};
use super::given::{self, Given};
use super::keys::{Key, Kind, key};
use super::read::Values;
use super::{Policy, rules};
use crate::hook::{Hook, Moment, Template};

/// One receiver of what happens to a log.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct HookPolicy {
    pub(crate) name: String,
    pub(crate) url: Given,
    pub(crate) method: &'static str,
    /// Never empty.
    pub(crate) moments: Vec<Moment>,
    /// Name, text before the value, value.
    pub(crate) headers: Vec<(String, String, Given)>,
    /// `None`: the whole event as an object.
    pub(crate) body: Option<Template>,
    pub(crate) timeout: Duration,
}

/// The hooks that could be read; the others are reported.
pub(super) fn read(values: &mut Values) -> Vec<HookPolicy> {
    let names = values.named("hooks").to_vec();
    let mut hooks = Vec::new();
    for (index, name) in names.iter().enumerate() {
        if index == rules::SINKS_MOST {
            let expected = format!("at most {} hooks", rules::SINKS_MOST);
            values.report(Problem::new(format!("hooks.{name}"), expected, "one more"));
        }
        hooks.extend(one(values, name));
    }
    hooks
}

fn one(values: &mut Values, name: &str) -> Option<HookPolicy> {
    let table = format!("hooks.{name}");
    let key = |name: &str| format!("{table}.{name}");
    let headers = headers(values, &table);
    let is_secret = headers.iter().any(|(_, _, value)| !matches!(value, Given::Text(_)));
    let url = given::read_address(values, &table, true, !is_secret);
    if !values.has(&key("events")) {
        let expected = format!("what to tell of: {}", Moment::NAMES.join(", "));
        values.report(Problem::new(key("events"), expected, "none"));
    }
    let mut moments = Vec::new();
    for (index, text) in values.texts(&key("events")).unwrap_or_default().to_vec().iter().enumerate() {
        match Moment::ALL.into_iter().find(|moment| moment.name() == text) {
            Some(moment) => moments.push(moment),
            None => {
                let expected = format!("one of {}", Moment::NAMES.join(", "));
                values.report(Problem::new(format!("{}[{index}]", key("events")), expected, quote(text)));
            }
        }
    }
    let body = match values.text(&key("body")).map(str::to_owned) {
        None => None,
        Some(text) => match Template::parse(&text) {
            Ok(template) if template.texts().iter().any(|text| given::holds_secret(text)) => {
                let help = "a secret goes into a header, by `headers_env` or `headers_file`";
                let problem = Problem::new(key("body"), "nothing secret", "what looks like a secret");
                values.report_hidden(problem.help(help));
                return None;
            }
            Ok(template) => Some(template),
            Err(wrong) => {
                let expected = "JSON with placeholders such as \"{{event}}\"";
                values.report(Problem::new(key("body"), expected, wrong.found).help(wrong.help));
                return None;
            }
        },
    };
    let method = match values.text(&key("method")) {
        Some("PUT") => "PUT",
        Some("PATCH") => "PATCH",
        _ => "POST",
    };
    let timeout = values.time(&key("timeout")).unwrap_or(TIMEOUT);
    Some(HookPolicy { name: name.to_owned(), url: url?, method, moments, headers, body, timeout })
}

impl Policy {
    /// Whether hooks in code have names that can be a metric's label, each its own; and whether what the policy takes from
    /// elsewhere is there.
    pub(crate) fn check_hooks(&self, hooks: &[Arc<dyn Hook>]) -> Result<(), PolicyError> {
        let mut problems = Vec::new();
        let mut names: Vec<String> = self.hooks.iter().map(|hook| hook.name.clone()).collect();
        for hook in hooks {
            let name = crate::hook::name_of(&**hook);
            if !(rules::SINK.fits)(&name) {
                problems.push(Problem::new("Options::hook", rules::SINK.expected, quote(&name)));
            } else if names.contains(&name) {
                problems.push(Problem::new("Options::hook", "a name that no other hook has", quote(&name)));
            }
            names.push(name);
        }
        #[cfg(feature = "alerts")]
        problems.extend(crate::alert::deliver::missing(self));
        if problems.is_empty() {
            return Ok(());
        }
        let file = self.file.clone().unwrap_or_else(|| "policy built in code".to_owned());
        Err(PolicyError::Invalid { file, problems })
    }
}

fn headers(values: &mut Values, table: &str) -> Vec<(String, String, Given)> {
    let mut headers = Vec::new();
    for form in ["headers", "headers_env", "headers_file"] {
        let key = format!("{table}.{form}");
        for (index, text) in values.texts(&key).unwrap_or_default().to_vec().iter().enumerate() {
            let Some((name, value)) = text.split_once(": ") else { continue };
            let (before, last) = value.rsplit_once(' ').unwrap_or(("", value));
            let before = if before.is_empty() { String::new() } else { format!("{before} ") };
            let given = match form {
                "headers_env" => Given::Env(last.to_owned()),
                "headers_file" => Given::File(last.into()),
                _ => {
                    if given::holds_secret(text) || is_credential(name) {
                        let problem = Problem::new(
                            format!("{key}[{index}]"),
                            "nothing secret",
                            "what looks like a secret",
                        );
                        values.report_hidden(problem.help(
                            "write `headers_env = [\"Authorization: Bearer NAME_OF_VARIABLE\"]`, or `headers_file` with a file's name",
                        ));
                        continue;
                    }
                    headers.push((name.to_owned(), String::new(), Given::Text(value.to_owned())));
                    continue;
                }
            };
            headers.push((name.to_owned(), before, given));
        }
    }
    headers
}

/// Names that carry nothing else.
fn is_credential(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["auth", "cookie", "token", "secret", "key", "password"].iter().any(|part| name.contains(part))
}

/// Rows for the table of keys.
pub(super) const KEYS: &[Key] = &[
    key(
        "hooks",
        Kind::Named(&rules::SINK),
        "What is told to other programs over HTTP, each with a name of its own.",
    ),
    key("hooks.*", Kind::Table, "One hook."),
    key(
        "hooks.*.events",
        Kind::Texts(&rules::FIELD),
        "What it tells of: generation, archive, purge, export, erase, hold.",
    ),
    key(
        "hooks.*.url",
        Kind::Text(&rules::ADDRESS),
        "Its address, https or http, if nothing in it is secret.",
    ),
    key("hooks.*.url_env", Kind::Text(&rules::VARIABLE), "The environment variable with its address."),
    key("hooks.*.url_file", Kind::Text(&rules::FILE), "The file with its address, read each time."),
    key("hooks.*.method", Kind::Choice(&["POST", "PUT", "PATCH"]), "The method of its request."),
    key(
        "hooks.*.headers",
        Kind::Texts(&rules::HEADER),
        "Headers of its request, such as \"Notion-Version: 2022-06-28\"; nothing secret.",
    ),
    key(
        "hooks.*.headers_env",
        Kind::Texts(&rules::HEADER),
        "Headers whose last word is the environment variable with their value, such as \"Authorization: Bearer NOTION_TOKEN\".",
    ),
    key(
        "hooks.*.headers_file",
        Kind::Texts(&rules::HEADER),
        "Headers whose last word is the file with their value, read each time.",
    ),
    key(
        "hooks.*.body",
        Kind::Text(&rules::TEMPLATE),
        "The request's body: JSON with the placeholders {{event}}, {{id}}, {{time}}, {{service}}, {{instance}}, {{outcome}}, {{count}} and {{bytes}}.",
    ),
    key("hooks.*.timeout", Kind::Time { min: 100, max: 60_000 }, "How long it may take."),
];

/// Long enough for a service that wakes up for it, short enough for somebody who waits at a terminal.
const TIMEOUT: Duration = Duration::from_secs(10);
