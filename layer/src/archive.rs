//! Closed shards at rest: compressed, encrypted where asked, copied, read back; and read again, wherever they are.
//!
//! [`Reader`] reads the lines of a shard, live (`.jsonl`) or archived (`.jsonl.zst`, `.jsonl.zst.age`).

mod address;
mod error;
mod read;
mod source;

#[cfg(feature = "archive")]
mod check;
#[cfg(feature = "archive")]
mod crypt;
#[cfg(feature = "archive")]
mod due;
#[cfg(feature = "archive")]
mod frames;
#[cfg(feature = "archive")]
mod history;
#[cfg(feature = "archive")]
mod pack;
#[cfg(feature = "archive")]
mod parallel;
#[cfg(feature = "archive")]
mod problem;
#[cfg(feature = "archive")]
mod restore;
#[cfg(feature = "archive")]
mod run;
#[cfg(feature = "archive")]
mod steps;
#[cfg(feature = "archive")]
mod store;
#[cfg(all(test, feature = "archive"))]
mod tests;

pub(crate) use address::Address;
#[cfg(feature = "archive")]
pub use crypt::{Identities, Recipients, UnusableKey};
#[cfg(feature = "archive")]
pub use due::due;
pub use error::ReadError;
#[cfg(feature = "archive")]
pub use history::Receipt;
#[cfg(feature = "archive")]
pub use problem::ArchiveError;
#[cfg(not(feature = "archive"))]
pub use read::Identities;
pub use read::{Frame, Reader};
#[cfg(feature = "archive")]
pub use restore::{Restorer, Selection};
#[cfg(feature = "archive")]
pub use run::{Archiver, Progress, Report};
#[cfg(feature = "s3")]
pub(crate) use store::bucket;
