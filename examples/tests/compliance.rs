//! The clinic's own evidence: one named test per rule, for the policy that it starts with.

use dihya::{Policy, PolicyError};

/// As the clinic loads it.
fn policy() -> Result<Policy, PolicyError> {
    Policy::load(concat!(env!("CARGO_MANIFEST_DIR"), "/clinic/dihya.toml"))
}

dihya_compliance::suite!(policy);
