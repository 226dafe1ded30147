//! What a generation may contain, and whether the record of one holds together.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use serde_json::Value;

use super::GenerationError;
use crate::channel::Channel;
use crate::core::Core;
use crate::direct::Record;

/// Refuses what is not the relative name of a file.
pub(super) fn files(files: &[String]) -> Result<(), GenerationError> {
    for (index, name) in files.iter().enumerate() {
        if let Some(why) = refusal(name) {
            return Err(GenerationError::File { index, why });
        }
    }
    Ok(())
}

fn refusal(name: &str) -> Option<&'static str> {
    if name.is_empty() {
        return Some("is empty");
    }
    if name.len() > NAME_MAX || name.chars().any(char::is_control) {
        return Some(
            "looks like content: give the file's name, at most 1,024 bytes without control characters",
        );
    }
    let drive = name.as_bytes().get(1) == Some(&b':') && name.as_bytes()[0].is_ascii_alphabetic();
    if name.starts_with(['/', '~']) || drive || name.contains('\\') {
        return Some("is not relative with `/` between folders: an absolute path tells about the machine");
    }
    if name.split('/').any(|part| part == "..") {
        return Some("holds `..`, which leads out of the project");
    }
    name.split('/').any(|part| part.is_empty() || part == ".").then_some("holds an empty or `.` folder")
}

/// As many names as fit into a record beside the rest, and how many do not.
pub(super) fn fitting(files: &[String]) -> (&[String], usize) {
    let mut room = FILES_MAX;
    let fits = |name: &&String| {
        let fits = name.len() < room;
        room = room.saturating_sub(name.len() + 3);
        fits
    };
    let count = files.iter().take_while(fits).count();
    (&files[..count], files.len() - count)
}

/// Refuses extras that the policy does not list, that are nested, or too large.
pub(super) fn extra(extra: &BTreeMap<String, Value>, allowed: &[String]) -> Result<(), GenerationError> {
    let refuse = |why: String| Err(GenerationError::Extra { why });
    let mut bytes = 0;
    for (name, value) in extra {
        if !allowed.contains(name) {
            return refuse(format!(
                "a key of {} bytes is not listed by the policy's `generation.extra` ({})",
                name.len(),
                allowed.join(", ")
            ));
        }
        if value.is_array() || value.is_object() || value.is_null() {
            return refuse(format!("`{name}` is neither text, number nor boolean"));
        }
        bytes += name.len() + value.to_string().len() + 2;
    }
    if bytes > EXTRA_MAX {
        return refuse(format!("{bytes} bytes are more than the {EXTRA_MAX} allowed"));
    }
    Ok(())
}

/// `text` cut to `most` bytes, between characters.
pub(super) fn cut(text: &str, most: usize) -> &str {
    let mut end = most.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// Reads back the record that was just built, and tells which checks it fails.
pub(super) fn record(core: &Core, line: &[u8]) -> Vec<&'static str> {
    let record: Value = serde_json::from_slice(line).unwrap_or_default();
    let text = |value: &Value| value.as_str().is_some_and(|text| !text.is_empty());
    let attributes = &record["attributes"];
    let mut failed = Vec::new();
    let required =
        text(&record["user_id"]) && text(&attributes["project_name"]) && text(&attributes["status"]);
    if !required || !attributes["files"].is_array() || !attributes["stack"].is_array() {
        failed.push("required_field");
    }
    if (attributes["status"] == "failure") != text(&attributes["error"]) {
        failed.push("status_error");
    }
    if !core.generations.is_new(record["id"].as_str().unwrap_or_default()) {
        failed.push("duplicate_id");
    }
    failed
}

/// Counts failed checks, and tells of them beside the record.
pub(super) fn report(core: &std::sync::Arc<Core>, id: &[u8; 36], failed: &[&'static str]) {
    if failed.is_empty() {
        return;
    }
    failed.iter().for_each(|check| core.metrics.generation_failure(check));
    let record = Record::new(Channel::GENERATION, "generation_inconsistent")
        .level(tracing_core::Level::WARN)
        .message("a generation's record does not hold together")
        .field("record_id", String::from_utf8_lossy(id))
        .field("checks", failed.join(" "));
    let plan = record.plan(&core.rules(), "generation");
    core.direct(&plan, |values| record.fill(&plan, values), |_| ());
}

/// Ids of the last generations of this process.
#[derive(Debug, Default)]
pub(crate) struct Ids(Mutex<VecDeque<String>>);

impl Ids {
    fn is_new(&self, id: &str) -> bool {
        let mut ids = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = !ids.iter().any(|known| known == id);
        if ids.len() == IDS_KEPT {
            ids.pop_front();
        }
        ids.push_back(id.to_owned());
        is_new
    }
}

/// Bytes of one file's name.
const NAME_MAX: usize = 1024;

/// Bytes of all names in one record: more than a thousand files, and half of a record.
const FILES_MAX: usize = 32 * 1024;

/// Bytes of all extras.
const EXTRA_MAX: usize = 4 * 1024;

/// An id repeats, if ever, because a clock or generator is stuck: soon.
const IDS_KEPT: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_new_once_among_the_last_thousand() {
        let ids = Ids::default();
        assert!(ids.is_new("a"));
        assert!(!ids.is_new("a"));
        (0..IDS_KEPT).for_each(|number| assert!(ids.is_new(&number.to_string())));
        assert!(ids.is_new("a"), "what is kept is bounded");
    }
}
