//! Logs that are whole, and logs that were tampered with.

mod flips;
mod keys;
mod proofs;
mod support;
mod tamper;
