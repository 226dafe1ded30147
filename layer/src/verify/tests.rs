//! Logs that are whole, and logs that were tampered with.

#[cfg(feature = "archive")]
mod archived;
mod flips;
mod keys;
mod proofs;
pub(crate) mod support;
mod tamper;
