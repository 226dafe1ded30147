//! What was imported of other logs: verified as a bundle is, and against the ledger of the log that took it in.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::base::Known;
use super::finding::{Defect, Finding};
use super::{Report, Verifier};
use crate::bundle::{self, IMPORTED};
use crate::catalog::Catalog;

/// One import.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct ImportReport {
    /// The log that it came from: `<service>/<instance or "-">`.
    pub origin: String,
    /// Its folder.
    pub path: PathBuf,
    /// The newest key that its ledger's entries name.
    pub vkey: Option<String>,
    /// How many shards there are something of.
    pub shards: u64,
    /// Their records here.
    pub records: u64,
}

pub(super) fn verify(verifier: &Verifier, catalog: &Catalog, known: &[Known], report: &mut Report) {
    for import in &catalog.imported {
        if !import.complete {
            report.findings.push(Finding::new(&import.path, Defect::UnfinishedImport));
            continue;
        }
        let contents = match bundle::check_imported(&verifier.storage, &import.path, &import.origin) {
            Ok(contents) => contents,
            Err(error) => {
                report.findings.push(Finding::new(&import.path, Defect::Unread(error.to_string())));
                continue;
            }
        };
        for problem in &contents.problems {
            report.findings.push(Finding::new(&problem.file, Defect::BadImport(problem.what.clone())));
        }
        let id = import.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let told = (import.origin.clone(), id);
        let mut ledgers = ledgers(catalog, known, &import.root).peekable();
        if ledgers.peek().is_some() && !ledgers.any(|known| known.history.imports.contains(&told)) {
            report.findings.push(Finding::new(&import.path, Defect::UnknownImport));
        }
        report.imports.push(ImportReport {
            origin: import.origin.clone(),
            path: import.path.clone(),
            vkey: contents.logs.first().and_then(|log| log.vkey.clone()),
            shards: contents.logs.iter().map(|log| log.shards.len() as u64).sum(),
            records: contents.records(),
        });
    }
    for (base, known) in catalog.bases.iter().zip(known) {
        for (origin, id) in &known.history.imports {
            let root = if base.instance.is_some() { base.path.parent() } else { Some(&*base.path) };
            let path = root.unwrap_or(&base.path).join(IMPORTED).join(origin).join(id);
            if !catalog.imported.iter().any(|import| import.path == path && import.complete) {
                let defect = Defect::MissingImport { origin: origin.clone() };
                report.findings.push(Finding::new(path, defect));
            }
        }
    }
}

/// What is known of the logs that write to a root and have a ledger.
fn ledgers<'a>(catalog: &'a Catalog, known: &'a [Known], root: &'a Path) -> impl Iterator<Item = &'a Known> {
    let here = move |path: &Path| path == root || path.parent() == Some(root);
    let bases = catalog.bases.iter().zip(known);
    bases.filter(move |(base, known)| known.has_ledger && here(&base.path)).map(|(_, known)| known)
}
