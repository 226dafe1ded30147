//! A test that runs itself again as a process of its own, to see its stderr and its exit.

use std::io;
use std::process::{Command, Output};

/// Whether this process is such a child, and what it was told.
pub fn told() -> Option<String> {
    std::env::var(TOLD).ok()
}

/// Runs the test of this name, of this test binary, in a child that is told `what`.
///
/// # Errors
/// If no process can be started.
pub fn run(test: &str, what: &str) -> io::Result<Output> {
    run_with(test, what, &[("RUST_BACKTRACE", "0")])
}

/// As [`run`], with further variables.
///
/// # Errors
/// If no process can be started.
pub fn run_with(test: &str, what: &str, variables: &[(&str, &str)]) -> io::Result<Output> {
    Command::new(std::env::current_exe()?)
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(TOLD, what)
        .envs(variables.iter().copied())
        .output()
}

const TOLD: &str = "DIHYA_COMPLIANCE_CHILD";
