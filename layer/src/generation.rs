//! Traceability of generated projects: who had what generated from which stack, and how it ended.
//!
//! The specification a project was generated from is never taken, and neither are contents: files are relative names,
//! an error is redacted and short, extras are allow-listed.

mod check;
mod read;

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::Path;

use serde_json::{Map, Value};

use crate::callsite::{Action, Plan};
use crate::channel::Channel;
use crate::direct::Receipt;
use crate::handle::{Handle, RecordError};
use crate::hook::{Happened, Moment};
use crate::journal::CommitError;
use crate::metrics::Lost;
use crate::redact::label::Label;
use crate::values::{Kind, Values};

pub(crate) use check::Ids;

/// One generation of a project.
///
/// ```
/// use dihya::{Generation, GenerationStatus};
///
/// let generation = Generation {
///     user_id: "u_17".into(),
///     project_name: "shop".into(),
///     stack: vec!["axum".into(), "sqlite".into()],
///     files: vec!["README.md".into(), "backend/app.py".into()],
///     status: GenerationStatus::Success,
///     ..Generation::default()
/// };
/// # let _ = generation;
/// // generation.record()?;
/// ```
#[derive(Clone, Default, PartialEq)]
pub struct Generation {
    /// Who asked for it.
    pub user_id: String,
    /// What it is called.
    pub project_name: String,
    /// Technologies it is made of.
    pub stack: Vec<String>,
    /// Names relative to the project, with `/` between folders. Absolute paths, `..` and anything that looks like
    /// content is refused.
    pub files: Vec<String>,
    /// Plugins that took part.
    pub plugins: Vec<String>,
    /// The template it started from.
    pub template: Option<String>,
    /// How it ended.
    pub status: GenerationStatus,
    /// Why it failed: redacted, and cut to 512 bytes.
    pub error: Option<String>,
    /// Further facts, under the names that the policy's `generation.extra` lists: text, numbers or booleans, at most
    /// 4 KiB in all.
    pub extra: BTreeMap<String, Value>,
}

/// How a generation ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GenerationStatus {
    /// The project was made.
    #[default]
    Success,
    /// It was not; [`Generation::error`] says why.
    Failure,
}

impl GenerationStatus {
    fn as_str(self) -> &'static str {
        match self {
            GenerationStatus::Success => "success",
            GenerationStatus::Failure => "failure",
        }
    }
}

/// What became of a recorded generation.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a record can be inconsistent, see `failed_checks`"]
pub struct Recorded {
    /// The record's receipt.
    pub receipt: Receipt,
    /// Consistency checks that the record as written did not pass: `required_field`, `status_error`, `duplicate_id`.
    /// It stands in the log all the same; each is counted in `dihya_generation_check_failures_total` and told by a
    /// record of its own.
    pub failed_checks: Vec<&'static str>,
}

impl Generation {
    /// Records it through the layer that this process opened first.
    pub fn record(&self) -> Result<Recorded, GenerationError> {
        Handle::current().ok_or(GenerationError::NoLayer)?.record_generation(self)
    }

    /// The newest generations, newest first, with the keys of [`Generation::export`].
    pub fn recent(limit: usize) -> Result<Vec<Map<String, Value>>, GenerationError> {
        Handle::current().ok_or(GenerationError::NoLayer)?.recent_generations(limit)
    }

    /// Writes every generation to a new file (mode 0600), one JSON object per line, oldest first, with exactly the keys
    /// `timestamp, user_id, project_name, stack, files, status, error, plugins, template` and the extras. Answers how
    /// many there are.
    pub fn export(path: impl AsRef<Path>) -> Result<u64, GenerationError> {
        Handle::current().ok_or(GenerationError::NoLayer)?.export_generations(path)
    }
}

impl Handle {
    /// Records a generation, see [`Generation::record`].
    pub fn record_generation(&self, generation: &Generation) -> Result<Recorded, GenerationError> {
        let core = self.core();
        let rules = core.rules();
        check::files(&generation.files)?;
        check::extra(&generation.extra, &rules.policy.generation_extra)?;

        let mut fields = Fields::default();
        fields.add("outcome", Kind::Text, generation.status.as_str());
        fields.add("user_id", Kind::Text, &generation.user_id);
        fields.add("project_name", Kind::Text, &generation.project_name);
        fields.add("stack", Kind::Items, &items(&generation.stack));
        let (files, omitted) = check::fitting(&generation.files);
        fields.add("files", Kind::Items, &items(files));
        if omitted > 0 {
            fields.add("files_omitted", Kind::Bare, &omitted.to_string());
        }
        fields.add("status", Kind::Text, generation.status.as_str());
        if let Some(error) = &generation.error {
            let masked = rules.scanner.masked(&rules.keys, error, &mut fields.noted);
            fields.add("error", Kind::Text, check::cut(&masked, ERROR_MAX));
        }
        fields.add("plugins", Kind::Items, &items(&generation.plugins));
        if let Some(template) = &generation.template {
            fields.add("template", Kind::Text, template);
        }
        for (name, value) in &generation.extra {
            match value {
                Value::String(text) => fields.add(name, Kind::Text, text),
                other => fields.add(name, Kind::Bare, &other.to_string()),
            }
        }
        let plan = rules.compile(
            Channel::GENERATION,
            tracing_core::Level::INFO,
            Some(EVENT),
            "generation",
            fields.list.iter().map(|(name, ..)| name.as_str()),
        );
        let built = core.direct(&plan, |values| fields.fill(&plan, values), |line| check::record(core, line));
        let Some((id, accepted, failed_checks)) = built else {
            core.metrics.lost(Channel::GENERATION, Lost::Reentrant, 1);
            return Err(GenerationError::Record(RecordError::TooDeep));
        };
        check::report(core, &id, &failed_checks);
        if !accepted {
            return Err(GenerationError::Record(RecordError::NotAccepted));
        }
        core.hooks.tell(Moment::Generation, || {
            let happened =
                Happened::new(Moment::Generation, String::from_utf8_lossy(&id), &rules.policy, &core.clock);
            happened.ending(generation.status.as_str())
        });
        Ok(Recorded { receipt: Receipt::new(Channel::GENERATION, id), failed_checks })
    }

    /// See [`Generation::recent`].
    pub fn recent_generations(&self, limit: usize) -> Result<Vec<Map<String, Value>>, GenerationError> {
        // Generations are recorded directly: a filter that silences events does not touch them.
        self.core().journal.commit(Channel::GENERATION).map_err(GenerationError::Commit)?;
        read::recent(self.core(), limit).map_err(GenerationError::Read)
    }

    /// See [`Generation::export`].
    pub fn export_generations(&self, path: impl AsRef<Path>) -> Result<u64, GenerationError> {
        self.core().journal.commit(Channel::GENERATION).map_err(GenerationError::Commit)?;
        let core = self.core();
        let count = read::export(core, path.as_ref()).map_err(GenerationError::Write)?;
        core.hooks.tell(Moment::Export, || {
            // No record and no session tells of it: its time is its name.
            let at = core.clock.now();
            Happened::new(Moment::Export, format!("export-{at}"), &core.rules().policy, &core.clock)
                .counting(count, 0)
        });
        Ok(count)
    }
}

/// Not derived: a name or an error is not redacted yet.
impl fmt::Debug for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Generation")
            .field("status", &self.status)
            .field("files", &self.files.len())
            .finish_non_exhaustive()
    }
}

/// Why a generation was not recorded, read or exported.
#[non_exhaustive]
pub enum GenerationError {
    /// No layer is open in this process.
    NoLayer,
    /// An entry of `files` is not the relative name of a file.
    File {
        /// Its place in the list. The entry itself may be content, and is not repeated.
        index: usize,
        /// What is wrong with it.
        why: &'static str,
    },
    /// `extra` holds something that the policy does not list, is too large, or nested.
    Extra {
        /// What is wrong with it.
        why: String,
    },
    /// The record was not accepted.
    Record(RecordError),
    /// What was recorded before is not certain to be on disk.
    Commit(CommitError),
    /// The log could not be read.
    Read(io::Error),
    /// The export could not be written.
    Write(io::Error),
}

impl fmt::Display for GenerationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            GenerationError::NoLayer => {
                f.write_str("no layer is open in this process; call `dihya::open` first")
            }
            GenerationError::File { index, why } => write!(f, "files[{index}] {why}"),
            GenerationError::Extra { why } => write!(f, "extra: {why}"),
            GenerationError::Record(error) => error.fmt(f),
            GenerationError::Commit(error) => error.fmt(f),
            GenerationError::Read(error) => write!(f, "the generation log could not be read: {error}"),
            GenerationError::Write(error) => write!(f, "the export could not be written: {error}"),
        }
    }
}

/// The same text: a `main` that returns the error prints this form, and its reader needs the sentence.
impl fmt::Debug for GenerationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for GenerationError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            GenerationError::Read(error) | GenerationError::Write(error) => Some(error),
            _ => None,
        }
    }
}

#[derive(Default)]
struct Fields {
    /// Name, kind, text.
    list: Vec<(String, Kind, String)>,
    /// Redactions that the error's text went through before it was cut.
    noted: Vec<Label>,
}

impl Fields {
    fn add(&mut self, name: &str, kind: Kind, text: &str) {
        self.list.push((name.to_owned(), kind, text.to_owned()));
    }

    fn fill(&self, plan: &Plan, values: &mut Values) {
        values.noted.extend_from_slice(&self.noted);
        for (index, (_, kind, text)) in self.list.iter().enumerate() {
            match plan.fields[index].action {
                Action::Scan => values.of_kind(index, *kind, text),
                Action::Mask(label) => values.marker(index, label),
                Action::Drop => {}
            }
        }
    }
}

/// One text with an item per line, as [`Kind::Items`] is kept. An item's own line breaks become spaces.
fn items(list: &[String]) -> String {
    list.iter().map(|item| item.replace(['\n', '\r'], " ")).collect::<Vec<_>>().join("\n")
}

/// The `event_name` of a generation's record.
const EVENT: &str = "project_generated";

/// Bytes of an error, after redaction.
const ERROR_MAX: usize = 512;
