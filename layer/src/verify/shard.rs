//! One shard: its lines, its checkpoint, and what the ledger says of it.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha256};

use super::base::{self, Known, hexadecimal};
use super::finding::{Defect, Finding};
use super::scan::{Claim, Plan, Scan, Signatures, scan};
use super::{ShardReport, Verifier, source};
use crate::catalog::{Shard, State};
use crate::storage::Storage;

/// Verifies a shard, in whatever form it lies there.
pub(crate) fn verify(
    verifier: &Verifier,
    shard: &Shard,
    newest: bool,
    known: &Known,
    progress: &mut dyn FnMut(u64),
) -> ShardReport {
    let mut found = Vec::new();
    let id = shard.id.to_string();
    let life = known.history.shards.get(&id);
    if known.has_ledger && life.is_none_or(|life| life.opened.is_none()) {
        found.push(Finding::new(&shard.path, Defect::NeverOpened { shard: id.clone() }));
    }
    let mut report = ShardReport::new(shard);
    match shard.state {
        State::Archived { encrypted } => {
            archived(verifier, shard, encrypted, known, &mut report, &mut found, progress)
        }
        State::Live | State::Closed => {
            plain(verifier, shard, newest, known, &mut report, &mut found, progress)
        }
    }
    report.findings = found;
    report
}

fn plain(
    verifier: &Verifier,
    shard: &Shard,
    newest: bool,
    known: &Known,
    report: &mut ShardReport,
    found: &mut Vec<Finding>,
    progress: &mut dyn FnMut(u64),
) {
    let id = shard.id.to_string();
    let life = known.history.shards.get(&id);
    let live = shard.state == State::Live && life.is_none_or(|life| life.closed.is_none());
    if life.is_some_and(|life| life.was_purged_from("live")) {
        found.push(Finding::new(&shard.path, Defect::PurgedButPresent { shard: id.clone() }));
    }
    let Some(scan) = lines(verifier, shard, known, live, report, found, progress) else {
        return;
    };
    let Some(life) = life else { return };
    if let Some(closed) = &life.closed {
        let bytes = scan.bytes + scan.torn;
        if bytes > closed.bytes {
            let defect = Defect::GrownAfterClose { closed: closed.bytes, found: bytes };
            found.push(Finding::new(&shard.path, defect).at(closed.size, closed.bytes));
        }
    } else if life.abandoned.is_some() {
        found.push(Finding::new(&shard.path, Defect::Abandoned { shard: id }));
    } else if shard.state != State::Live {
        found.push(Finding::new(&shard.path, Defect::NeverClosed { shard: id, newest }));
    }
}

/// The stored bytes against the receipt, then the lines, if they can be had.
fn archived(
    verifier: &Verifier,
    shard: &Shard,
    encrypted: bool,
    known: &Known,
    report: &mut ShardReport,
    found: &mut Vec<Finding>,
    progress: &mut dyn FnMut(u64),
) {
    let id = shard.id.to_string();
    let receipts = known.history.shards.get(&id).map(|life| &life.receipts[..]).unwrap_or_default();
    match digest(&*verifier.storage, &shard.path, progress) {
        Ok(_) if receipts.is_empty() => {
            found.push(Finding::new(&shard.path, Defect::NoReceipt { shard: id.clone() }));
        }
        Ok(hash) if receipts.iter().any(|receipt| receipt.sha256 == hash) => {}
        Ok(_) => {
            found.push(Finding::new(&shard.path, Defect::ArchiveChanged { shard: id }));
            return;
        }
        Err(error) => {
            found.push(Finding::new(&shard.path, Defect::Unread(error.to_string())));
            return;
        }
    }
    if !encrypted {
        // The file's bytes were told already.
        lines(verifier, shard, known, false, report, found, &mut |_| {});
    } else {
        let origin = known.keys.as_ref().map(|keys| keys.origin(&id)).unwrap_or_default();
        let path = source::beside(&shard.path, &shard.id);
        let note = base::read_text(&*verifier.storage, &path, found);
        base::checkpoint(known.keys.as_ref(), &origin, &path, note, found);
        found.push(Finding::new(&shard.path, Defect::Encrypted { shard: id }));
    }
}

/// Reads the lines, twice if the last seal does not hold: then every seal is checked, to find the first bad one.
fn lines(
    verifier: &Verifier,
    shard: &Shard,
    known: &Known,
    live: bool,
    report: &mut ShardReport,
    found: &mut Vec<Finding>,
    progress: &mut dyn FnMut(u64),
) -> Option<Scan> {
    let id = shard.id.to_string();
    let life = known.history.shards.get(&id);
    let keys = known.keys.as_ref().map(|keys| match life.and_then(|life| life.opened) {
        Some(line) => keys.since(line),
        None => keys.clone(),
    });
    let origin = keys.as_ref().map(|keys| keys.origin(&id)).unwrap_or_default();
    let mut claims: Vec<Claim> = known.claims_of(&id).collect();
    claims.extend(life.iter().flat_map(|life| life.claims()));
    let (path, note) = note(verifier, shard, live, found);
    // A shard without a line has nothing to be signed.
    if note.is_some() || shard.bytes > 0 {
        claims.extend(base::checkpoint(keys.as_ref(), &origin, &path, note, found));
    }
    let signatures = if verifier.every_signature { Signatures::Every } else { Signatures::Last(&[]) };
    let mut plan = Plan { origin: &origin, keys: keys.as_ref(), claims, signatures, live };
    let read = || source::open(&verifier.storage, shard).map_err(|error| error.source);
    let mut scanned = read().and_then(|from| scan(from, &plan, |_, _, _| {}, &mut *progress));
    if scanned.as_ref().is_ok_and(|scan| scan.suspicious) {
        plan.signatures = Signatures::Every;
        scanned = read().and_then(|from| scan(from, &plan, |_, _, _| {}, |_| {}));
    }
    match scanned {
        Ok(scan) => {
            report.lines = scan.tree.size();
            report.records = scan.tree.size() - scan.seals;
            report.seals = scan.seals;
            report.sealed = scan.sealed;
            report.bytes = scan.bytes + scan.torn;
            report.root = Some(scan.tree.root());
            base::tell(&shard.path, &scan, found);
            Some(scan)
        }
        Err(error) => {
            found.push(Finding::new(&shard.path, Defect::Unread(error.to_string())));
            None
        }
    }
}

/// The checkpoint beside a shard. The first one of a shard that was just begun is published a moment after its first
/// seal: it is waited for.
fn note(
    verifier: &Verifier,
    shard: &Shard,
    live: bool,
    found: &mut Vec<Finding>,
) -> (PathBuf, Option<String>) {
    let path = source::beside(&shard.path, &shard.id);
    let until = (live && shard.bytes > 0).then(|| Instant::now() + PUBLISHED_WITHIN);
    loop {
        match source::text(&*verifier.storage, &path) {
            Ok(None) if until.is_some_and(|until| Instant::now() < until) => std::thread::sleep(LOOK_EVERY),
            Ok(note) => return (path, note),
            Err(error) => {
                found.push(Finding::new(&path, Defect::Unread(error.to_string())));
                return (path, None);
            }
        }
    }
}

fn digest(storage: &dyn Storage, path: &Path, progress: &mut dyn FnMut(u64)) -> io::Result<String> {
    let mut from = storage.read(path, 0)?;
    let mut hash = Sha256::new();
    let mut chunk = vec![0; 256 * 1024];
    loop {
        match from.read(&mut chunk) {
            Ok(0) => return Ok(hexadecimal(&hash.finalize())),
            Ok(n) => {
                hash.update(&chunk[..n]);
                progress(n as u64);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// A second, and what a slow disk may add.
const PUBLISHED_WITHIN: Duration = Duration::from_secs(3);
const LOOK_EVERY: Duration = Duration::from_millis(100);
