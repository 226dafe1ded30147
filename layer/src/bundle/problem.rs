//! Why a bundle was not written or not taken in.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::check::Problem;
use crate::catalog::CatalogError;
use crate::verify::Finding;

/// Why a bundle was not written or not taken in. Nothing of the log was changed.
#[derive(Debug)]
#[non_exhaustive]
pub enum BundleError {
    /// The log's folders cannot be listed.
    Catalog(CatalogError),
    /// No shard fits, or none has a record that does.
    Nothing,
    /// What was to be exported is not what was sealed.
    NotWhole {
        /// What is wrong.
        findings: Vec<Finding>,
    },
    /// A shard has no checkpoint that can be read, or one that its lines do not lead to.
    NoCheckpoint {
        /// The shard or the ledger.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// Something is where the bundle is to be written.
    Occupied {
        /// The folder.
        path: PathBuf,
    },
    /// The bundle is not whole.
    Refused {
        /// What is wrong.
        problems: Vec<Problem>,
    },
    /// It was taken in before.
    Twin {
        /// What was.
        what: String,
        /// Where it lies.
        path: PathBuf,
    },
    /// It comes from the log that it was to be taken into.
    Own {
        /// The log's origin.
        origin: String,
    },
    /// Another import is under way.
    Busy {
        /// The lock.
        path: PathBuf,
    },
    /// The ledger could not be told, and so it is not done.
    Ledger {
        /// What the system said.
        source: io::Error,
    },
    /// A file cannot be read or written.
    Io {
        /// `read`, `write`, …
        what: &'static str,
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl BundleError {
    pub(super) fn io(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> BundleError {
        let path = path.to_owned();
        move |source| BundleError::Io { what, path, source }
    }
}

impl fmt::Display for BundleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BundleError::Catalog(error) => error.fmt(f),
            BundleError::Nothing => f.write_str(
                "no record fits, so that there is nothing to export; `dihya query` shows what does",
            ),
            BundleError::NotWhole { findings } => {
                write!(f, "this is not exported, since it is not what was sealed")?;
                findings.iter().try_for_each(|finding| write!(f, "\n  {finding}"))?;
                f.write_str("\n`dihya verify` says what to do")
            }
            BundleError::NoCheckpoint { path, why } => {
                write!(
                    f,
                    "{} cannot be proved: {why}; try again in a moment if the service writes, and look into it \
                     with `dihya verify` otherwise",
                    path.display()
                )
            }
            BundleError::Occupied { path } => write!(
                f,
                "{} is there already; name a folder that is not, or remove what an interrupted export left",
                path.display()
            ),
            BundleError::Refused { problems } => {
                write!(f, "the bundle is not whole, and nothing of it was taken in")?;
                problems.iter().try_for_each(|problem| write!(f, "\n  {problem}"))?;
                f.write_str("\nAsk whoever made it for another copy")
            }
            BundleError::Twin { what, path } => write!(
                f,
                "{what} was imported before, into {}; remove that folder first if this is to take its place",
                path.display()
            ),
            BundleError::Own { origin } => write!(
                f,
                "the bundle comes from {origin}, which is the log in this root; import it into another root"
            ),
            BundleError::Busy { path } => {
                write!(f, "another import is under way ({}); try again when it is done", path.display())
            }
            BundleError::Ledger { source } => {
                write!(f, "this cannot be entered in the ledger, and so is not done: {source}")
            }
            BundleError::Io { what, path, source } => {
                write!(f, "cannot {what} {}: {source}", path.display())
            }
        }
    }
}

impl std::error::Error for BundleError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            BundleError::Catalog(error) => Some(error),
            BundleError::Ledger { source } | BundleError::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}
