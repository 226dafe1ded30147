//! Why an operation was not begun.

use std::fmt;
use std::io;

use super::{Denied, Kind};

/// Why an operation was not begun.
#[derive(Debug)]
#[non_exhaustive]
pub enum OperationError {
    /// The roles do not allow it; the ledger has it.
    Denied(Denied),
    /// The roles do not allow it, and the ledger could not be told.
    Unrecorded {
        /// Why not.
        denied: Denied,
        /// What the ledger said.
        error: io::Error,
    },
    /// It needs a reason.
    NoReason {
        /// What does.
        kind: Kind,
    },
}

impl fmt::Display for OperationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OperationError::Denied(denied) => write!(f, "{denied}. The refusal is in the ledger"),
            OperationError::Unrecorded { denied, error } => {
                write!(f, "{denied}. The refusal could not be written to the ledger: {error}")
            }
            OperationError::NoReason { kind } => {
                write!(f, "`{kind}` needs a reason that can be read years later: --reason \"…\"")
            }
        }
    }
}

impl std::error::Error for OperationError {}
