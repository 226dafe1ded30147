//! Why an export does not begin.

use std::fmt;
use std::io;
use std::path::PathBuf;

use super::cursor;

/// Why a shipper did not start.
#[derive(Debug)]
#[non_exhaustive]
pub enum ShipError {
    /// The policy names no receiver.
    NoReceiver,
    /// Another one is at it.
    Busy {
        /// The lock file.
        path: PathBuf,
    },
    /// Nothing was ever exported from this log, and nobody said from where to begin.
    NoCursor {
        /// The folder in which the cursor would be.
        state: PathBuf,
    },
    /// The receiver cannot be asked as the policy says.
    Config(String),
    /// A channel, shard or time that is none.
    From(String),
    /// The disk.
    Io(io::Error),
}

impl fmt::Display for ShipError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ShipError::NoReceiver => {
                f.write_str("the policy has no table [otlp]: name the receiver there, with `endpoint`")
            }
            ShipError::Busy { path } => write!(
                f,
                "the service exports this log itself, or another `dihya ship` does: {} is locked",
                path.display()
            ),
            ShipError::NoCursor { state } => write!(
                f,
                "nothing was ever exported from here ({} has no {}): say from where to begin, with --from oldest, --from now \
                 or a date",
                state.display(),
                cursor::FILE
            ),
            ShipError::Config(why) | ShipError::From(why) => f.write_str(why),
            ShipError::Io(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ShipError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        if let ShipError::Io(error) = self { Some(error) } else { None }
    }
}
