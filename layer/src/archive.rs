//! Closed shards at rest: compressed, encrypted where asked, copied, read back; and read again, wherever they are.
//!
//! [`Reader`] reads the lines of a shard, live (`.jsonl`) or archived (`.jsonl.zst`, `.jsonl.zst.age`).

mod error;
mod read;
mod source;

#[cfg(feature = "archive")]
mod crypt;
#[cfg(feature = "archive")]
mod frames;
#[cfg(feature = "archive")]
mod pack;
#[cfg(all(test, feature = "archive"))]
mod tests;

#[cfg(feature = "archive")]
pub use crypt::{Identities, Recipients, UnusableKey};
pub use error::ReadError;
#[cfg(not(feature = "archive"))]
pub use read::Identities;
pub use read::{Frame, Reader};
