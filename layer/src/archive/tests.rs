//! Archives: made, read, interrupted, damaged.

mod crash;
mod read;
#[cfg(feature = "s3")]
mod s3;
mod stores;
mod support;
mod threads;

use std::ffi::OsString;
use std::io::Write as _;

/// A program that is not ours, if the test run was told where it is.
#[expect(clippy::print_stdout, reason = "it is a test's own report")]
fn program(test: &str, variable: &str) -> Option<OsString> {
    let found = std::env::var_os(variable).filter(|path| !path.is_empty());
    if found.is_none() {
        let why = format!("{test}: {variable} is not set");
        println!("{why}");
        if let Some(list) = std::env::var_os("DIHYA_NOT_RUN") {
            let list = std::fs::OpenOptions::new().append(true).create(true).open(list);
            let told = list.and_then(|mut list| writeln!(list, "{why}"));
            told.expect("the list of tests that were not run can be written");
        }
    }
    found
}
