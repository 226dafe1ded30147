//! A log of two days, and bundles of it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::archive::Identities;
use crate::bundle::sums::{SUMS, Sums};
use crate::bundle::{BundleError, Checker, Contents, Request, Selected, select, write};
use crate::catalog::Places;
use crate::clock::Clock;
use crate::ledger::{Fact, Ledger};
use crate::query::Query;
use crate::storage::Memory;
use crate::verify::hexadecimal;
pub(super) use crate::verify::tests::support::{NOON, read, written_by_the_layer};
use sha2::{Digest as _, Sha256};

pub(super) const OUT: &str = "/bundle";

/// What `channel` and conditions ask for.
pub(super) fn asked(channel: &str, conditions: &[&str]) -> Request {
    let conditions = conditions.iter().map(|text| text.parse().unwrap()).collect();
    Request {
        query: Query { channels: vec![channel.to_owned()], conditions, ..Query::default() },
        ..Request::default()
    }
}

pub(super) fn ledger(disk: &Memory) -> Ledger {
    let (base, state) = (Path::new("/log"), Path::new("/log/state"));
    Ledger::attach(Arc::new(disk.clone()), base, state, Clock::manual(NOON)).unwrap()
}

pub(super) fn selected(disk: &Memory, request: &Request) -> Result<Selected, BundleError> {
    let (clock, places) = (Clock::manual(NOON), Places::root("/log"));
    select(&(Arc::new(disk.clone()) as _), &places, &clock, &Identities::none(), request)
}

/// What was chosen, and the line of the ledger that tells of it.
pub(super) fn entered(disk: &Memory, request: &Request) -> Result<(Selected, u64), BundleError> {
    let selected = selected(disk, request)?;
    let records = selected.logs().map(|(_, records)| records).sum();
    let line = ledger(disk).append(Fact::Exported { query: request.to_string(), records }.into()).unwrap();
    Ok((selected, line))
}

pub(super) fn written(disk: &Memory, selected: &Selected, line: u64) -> Result<(), BundleError> {
    let storage = Arc::new(disk.clone()) as _;
    write(&storage, selected, &Identities::none(), Path::new(OUT), &|_| Some(line)).map(drop)
}

/// Exports as the command line does: chosen, entered in the ledger, written.
pub(super) fn export(disk: &Memory, request: &Request) -> Result<(), BundleError> {
    let (selected, line) = entered(disk, request)?;
    written(disk, &selected, line)
}

pub(super) fn checker(disk: &Memory) -> Checker {
    Checker::new(Arc::new(disk.clone()), OUT)
}

pub(super) fn checked(disk: &Memory) -> Contents {
    checker(disk).run().unwrap()
}

/// A disk with nothing on it but the bundle.
pub(super) fn alone(disk: &Memory) -> Memory {
    let alone = Memory::new();
    for (path, bytes) in disk.files().into_iter().filter(|(path, _)| path.starts_with(OUT)) {
        alone.put(path, &bytes);
    }
    alone
}

/// A log of two days in two channels, and on a disk of its own the bundle that was made of it.
pub(super) fn bundle(request: &Request) -> Memory {
    let disk = written_by_the_layer();
    export(&disk, request).unwrap();
    alone(&disk)
}

pub(super) fn files(disk: &Memory) -> Vec<(PathBuf, Vec<u8>)> {
    disk.files().into_iter().filter(|(path, _)| path.starts_with(OUT)).collect()
}

/// Makes the list of sums fit whatever the files are now, as somebody would who wants it to pass.
pub(super) fn redo_sums(disk: &Memory) {
    let mut sums = Sums::default();
    for (path, bytes) in files(disk) {
        let name = path.strip_prefix(OUT).unwrap().to_str().unwrap();
        if name != SUMS {
            sums.0.insert(name.to_owned(), hexadecimal(&Sha256::digest(bytes)));
        }
    }
    disk.put(Path::new(OUT).join(SUMS), sums.to_text().as_bytes());
}

pub(super) fn what(contents: &Contents) -> String {
    contents.problems.iter().map(|problem| format!("{problem}\n")).collect()
}
