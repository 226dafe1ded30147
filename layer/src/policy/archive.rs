//! How closed shards are archived.

use super::error::Problem;
use super::read::Values;
use super::{Policy, rules};

/// The table `[archive]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ArchivePolicy {
    /// Folders and `s3://` addresses; none: the folder `archive` of the base.
    pub(crate) stores: Vec<String>,
    /// Of zstd.
    pub(crate) level: i32,
    /// Whom archives are encrypted to; none: they are not.
    pub(crate) recipients: Vec<String>,
}

impl Default for ArchivePolicy {
    fn default() -> ArchivePolicy {
        ArchivePolicy { stores: Vec::new(), level: LEVEL, recipients: Vec::new() }
    }
}

pub(super) fn read(values: &Values) -> ArchivePolicy {
    let texts = |key| values.texts(key).unwrap_or_default().to_vec();
    ArchivePolicy {
        stores: texts("archive.stores"),
        level: values.number("archive.level").and_then(|n| i32::try_from(n).ok()).unwrap_or(LEVEL),
        recipients: texts("archive.recipients"),
    }
}

impl Policy {
    pub(super) fn archive_problems(&self, problems: &mut Vec<Problem>) {
        let archive = &self.archive;
        if archive.stores.len() > rules::STORES_MOST {
            let expected = format!("at most {} stores", rules::STORES_MOST);
            problems.push(Problem::new("archive.stores", expected, archive.stores.len().to_string()));
        }
        #[cfg(not(feature = "archive"))]
        if self.lifecycle && !archive.stores.is_empty() {
            let expected = "a program built with the feature `archive` of dihya, since `lifecycle.run` archives to \
                            `archive.stores`; or `lifecycle.run = false`, and `dihya archive` from a timer";
            problems.push(Problem::new("archive.stores", expected.to_owned(), "one built without it"));
        }
        #[cfg(feature = "archive")]
        for (i, text) in archive.recipients.iter().enumerate() {
            if let Err(wrong) = crate::archive::Recipients::parse([text]) {
                // The text is not repeated: it may be the wrong key of the pair.
                let key = format!("archive.recipients[{i}]");
                problems.push(Problem::new(key, wrong.expected, "a text that is none"));
            }
        }
    }
}

/// An archive is written once and kept for years: level 9 takes a fifth less room than the fastest on records of a web
/// service, and what is above takes much longer for little more (docs/archive.md has the measurement).
const LEVEL: i32 = 9;

#[cfg(all(test, not(feature = "archive")))]
mod tests {
    use crate::policy::Policy;

    #[test]
    fn a_program_that_cannot_archive_refuses_to_run_a_lifecycle_that_does() {
        let text = |run: bool, stores: &str| {
            format!("[storage]\nroot = \"logs\"\n[lifecycle]\nrun = {run}\n[archive]\nstores = [{stores}]\n")
        };
        for fine in [text(false, "\"/srv/archive\""), text(true, "")] {
            assert!(Policy::parse(&fine, "p").is_ok());
        }
        let error = Policy::parse(&text(true, "\"/srv/archive\""), "p").unwrap_err().to_string();
        assert!(error.contains("feature `archive`"), "{error}");
    }
}
