//! Bundles: whole shards, or records that were asked for, with the proofs that they are from the log.
//!
//! A bundle is a folder that is checked without the log ([`Checker`]), and taken into another root ([`Importer`]):
//!
//! ```text
//! <service>/<instance or ->/ledger/ledger.jsonl        entries that matter: keys, these shards, this export
//!                           ledger/ledger.proof        hashes in the place of the others
//!                           ledger/ledger.checkpoint   the ledger's checkpoint
//!                           audit/2026-11-20.jsonl     lines as they stand in the log
//!                           audit/2026-11-20.proof     hashes in the place of the others, if any were left out
//!                           audit/2026-11-20.checkpoint
//! SHA256SUMS                                           every file; written last
//! ```
//!
//! Lines and hashes lead to the root that the checkpoint signs, with a key that the ledger's entries name; their own root
//! is the ledger's checkpoint's. The entry that the export made in the ledger is among them: who took out what, why,
//! and how many records that were.
//!
//! What a bundle does not tell: whether more records fitted the question than it has. A whole shard has no such gap.

mod check;
mod import;
mod part;
mod problem;
mod select;
mod sums;
#[cfg(test)]
mod tests;
mod write;

pub use check::{Checker, Contents, LogContents, Problem, ShardContents};
pub use import::{Importer, Taken};
pub use problem::BundleError;
pub use select::{Request, Selected, select};
pub use write::{Exported, write};

pub(crate) use check::check_imported;
pub(crate) use sums::SUMS;

/// The folder of other logs' shards in a root.
pub(crate) const IMPORTED: &str = "imported";

/// Whether a name can be a folder of a bundle: that of a service, an instance or a channel.
pub(crate) fn is_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && !name.starts_with('.')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'))
}
