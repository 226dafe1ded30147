//! One base: its ledger and keys, what lies in its state folder, and which shards there should be.

use std::collections::BTreeSet;
use std::io::Read as _;
use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::finding::{Defect, Finding, Witness};
use super::history::History;
use super::keys::Keys;
use super::scan::{Claim, Plan, Scan, Signatures, scan};
use super::{Trust, Verifier, source};
use crate::catalog::{Base, Shard, ShardId};
use crate::journal::heads::{self, Head};
use crate::journal::key::Signer;
use crate::journal::note::Checkpoint;
use crate::journal::seal::Seal;
use crate::ledger::{Entry, FILE, FOLDER};
use crate::storage::Storage;

/// What is known of a base before its shards are read.
pub(crate) struct Known {
    pub(crate) keys: Option<Keys>,
    pub(crate) trust: Trust,
    pub(crate) history: History,
    pub(crate) has_ledger: bool,
    pub(crate) ledger: Scan,
    /// What the lock file and the pinned checkpoints say, by log: a shard's id, or `ledger`.
    claims: Vec<(String, Claim)>,
}

impl Known {
    pub(crate) fn claims_of(&self, log: &str) -> impl Iterator<Item = Claim> {
        self.claims.iter().filter(move |(name, _)| name == log).map(|(_, claim)| claim.clone())
    }
}

/// Looks at everything of a base but its shards.
pub(crate) fn look(verifier: &Verifier, base: &Base, found: &mut Vec<Finding>) -> Known {
    let storage = &*verifier.storage;
    let folder = base.path.join(FOLDER);
    let path = folder.join(FILE);
    // In this order: what is read later was written later or not at all, so that a log which grows meanwhile never
    // looks shorter than what is known of it.
    let state = verifier.state.clone().unwrap_or_else(|| base.state.clone());
    let known_heads = lock_file(storage, &state, found);
    let note = read_text(storage, &folder.join(CHECKPOINT), found);
    let has_ledger = !matches!(storage.stat(&path), Ok(None));
    let (entries, lines) = if has_ledger { entries(storage, &path, found) } else { Default::default() };
    let history = History::of(&entries, &path, found);
    let (keys, trust) = keys(verifier, &path, &entries, lines, &state, found);

    let mut known = Known { keys, trust, history, has_ledger, ledger: Scan::default(), claims: Vec::new() };
    if has_ledger {
        match known_heads {
            Some(heads) => known.claims.extend(heads),
            // It is written with the first shard.
            None if known.history.shards.is_empty() => {}
            None => {
                let folder = matches!(storage.stat(&state), Ok(Some(_)));
                found.push(Finding::new(state.join(heads::FILE), Defect::MissingLockFile { folder }));
            }
        }
    }
    pinned(verifier, &mut known, found);
    if has_ledger {
        ledger(verifier, &mut known, &path, &folder.join(CHECKPOINT), note, found);
    }
    policies(storage, &folder, found);
    known
}

/// The entries of the ledger that stand before a seal, and its number of lines. Whether the seals hold is looked at later,
/// when the keys are known; what no seal covers was said by nobody.
fn entries(storage: &dyn Storage, path: &Path, found: &mut Vec<Finding>) -> (Vec<(u64, Entry)>, u64) {
    let mut entries = Vec::new();
    let mut sealed = 0;
    let mut strange = Vec::new();
    let plan =
        Plan { origin: "", keys: None, claims: Vec::new(), signatures: Signatures::Last(&[]), live: true };
    let mut offset = 0;
    let read = storage.read(path, 0).and_then(|from| {
        let line = |number, line: &[u8], _| {
            if Seal::is(line) {
                sealed = number;
            } else {
                match serde_json::from_slice(line) {
                    Ok(entry) => entries.push((number, entry)),
                    Err(_) => strange.push((number, offset)),
                }
            }
            offset += line.len() as u64 + 1;
        };
        scan(from, &plan, line, |_| {})
    });
    match read {
        Ok(_) => {
            found.extend(strange.into_iter().map(|(n, at)| Finding::new(path, Defect::NoEntry).at(n, at)))
        }
        Err(error) => found.push(Finding::new(path, Defect::Unread(error.to_string()))),
    }
    entries.retain(|(number, _)| *number < sealed);
    (entries, sealed + 1)
}

/// Which keys the log has, and why they are believed.
fn keys(
    verifier: &Verifier,
    ledger: &Path,
    entries: &[(u64, Entry)],
    lines: u64,
    state: &Path,
    found: &mut Vec<Finding>,
) -> (Option<Keys>, Trust) {
    let file = key_file(&*verifier.storage, &state.join(KEY), found);
    if let Some((mut keys, strangers)) = Keys::of(entries) {
        for line in strangers {
            found.push(Finding { line: Some(line + 1), ..Finding::new(ledger, Defect::KeyNotRotated) });
        }
        if let Some(key) = file
            && key != keys.current()
        {
            let why = "it is not the key that the ledger names".to_owned();
            found.push(Finding::new(state.join(KEY), Defect::BadKeyFile(why)));
        }
        return match &verifier.key {
            None => (Some(keys), Trust::Log),
            Some(pinned) if keys.has_signed(pinned.key, lines) => (Some(keys), Trust::Pinned),
            Some(pinned) => {
                let vkey = keys.current().vkey(&keys.ledger());
                found.push(Finding::new(ledger, Defect::ForeignKey { found: vkey }));
                // Whatever the log says of itself, it is held against the key that was asked for.
                keys = Keys::one(&keys.prefix, pinned.key);
                (Some(keys), Trust::Pinned)
            }
        };
    }
    if let Some(pinned) = &verifier.key {
        let prefix = pinned.name.strip_suffix("/ledger").unwrap_or(&pinned.name);
        return (Some(Keys::one(prefix, pinned.key)), Trust::Pinned);
    }
    found.push(Finding::new(ledger, Defect::NoKey));
    (None, Trust::Log)
}

/// The public half of the key in the state folder, if there is one that we may read.
fn key_file(
    storage: &dyn Storage,
    path: &Path,
    found: &mut Vec<Finding>,
) -> Option<crate::journal::key::Public> {
    if !matches!(storage.stat(path), Ok(Some(_))) {
        return None;
    }
    let signer = match Signer::load(storage, path) {
        Ok(signer) => signer,
        // An auditor has no business with the private key.
        Err(error) if error.raw_os_error().is_some() => return None,
        Err(error) => {
            found.push(Finding::new(path, Defect::BadKeyFile(error.to_string())));
            return None;
        }
    };
    let mut text = zeroize::Zeroizing::new(Vec::new());
    let read = storage.read(path, 0).and_then(|from| from.take(8192).read_to_end(&mut text));
    if read.is_ok() && *text != signer.to_pem().as_bytes() {
        let why = "it holds the key, and more, or in another form than it is written in".to_owned();
        found.push(Finding::new(path, Defect::BadKeyFile(why)));
    }
    Some(signer.public())
}

/// The lines of the lock file as claims. `None`: there is no such file.
fn lock_file(storage: &dyn Storage, state: &Path, found: &mut Vec<Finding>) -> Option<Vec<(String, Claim)>> {
    let path = state.join(heads::FILE);
    let text = read_text(storage, &path, found)?;
    let mut claims = Vec::new();
    for (number, line) in text.split_inclusive('\n').enumerate() {
        let head: Option<Head> = serde_json::from_str(line).ok();
        // One form only, so that no byte of it can be another.
        let head = head.filter(|head| serde_json::to_string(head).is_ok_and(|text| text + "\n" == line));
        match head {
            Some(Head { log, size, root }) => claims.push((log, Claim { size, root, by: Witness::LockFile })),
            None => {
                let defect = Defect::BadLockFile("this line is none of its own".into());
                found.push(Finding { line: Some(number as u64 + 1), ..Finding::new(&path, defect) });
            }
        }
    }
    if !claims.iter().any(|(log, _)| log == FOLDER) {
        let defect = Defect::BadLockFile("it does not know the ledger".into());
        found.push(Finding::new(&path, defect));
    }
    Some(claims)
}

/// The checkpoints that the verifier was given, those of this base.
fn pinned(verifier: &Verifier, known: &mut Known, found: &mut Vec<Finding>) {
    let Some(keys) = &known.keys else { return };
    for (path, note) in &verifier.pinned {
        let origin = note.lines().next().unwrap_or_default();
        let Some(log) = origin.strip_prefix(&format!("{}/", keys.prefix)) else { continue };
        match open(note, keys) {
            Ok(checkpoint) => {
                let claim = Claim { size: checkpoint.size, root: checkpoint.root, by: Witness::Pinned };
                known.claims.push((log.to_owned(), claim));
                if known.history.shards.get(log).is_some_and(super::history::Life::is_purged) {
                    found.push(Finding::new(path, Defect::PurgedSince { shard: log.to_owned() }));
                }
            }
            Err(why) => found.push(Finding::new(path, Defect::BadCheckpoint(why.into()))),
        }
    }
}

/// Opens a note under whichever of the keys signed it.
pub(crate) fn open(note: &str, keys: &Keys) -> Result<Checkpoint, &'static str> {
    let mut last = Err("there is no key");
    for key in keys.all() {
        last = Checkpoint::open(note, &key);
        if last.is_ok() {
            break;
        }
    }
    last
}

fn ledger(
    verifier: &Verifier,
    known: &mut Known,
    path: &Path,
    beside: &Path,
    note: Option<String>,
    found: &mut Vec<Finding>,
) {
    let storage = &*verifier.storage;
    let origin = known.keys.as_ref().map(Keys::ledger).unwrap_or_default();
    let mut claims: Vec<Claim> = known.claims_of(FOLDER).collect();
    claims.extend(checkpoint(known.keys.as_ref(), &origin, beside, note, found));
    let rotations: Vec<u64> = known.keys.iter().flat_map(Keys::rotations).collect();
    let signatures = if verifier.every_signature { Signatures::Every } else { Signatures::Last(&rotations) };
    let mut plan = Plan { origin: &origin, keys: known.keys.as_ref(), claims, signatures, live: true };
    let read = |plan: &Plan<'_>| scan(storage.read(path, 0)?, plan, |_, _, _| {}, |_| {});
    let mut scanned = read(&plan);
    if scanned.as_ref().is_ok_and(|scan| scan.suspicious) {
        plan.signatures = Signatures::Every;
        scanned = read(&plan);
    }
    match scanned {
        Ok(scan) => {
            tell(path, &scan, found);
            known.ledger = scan;
        }
        Err(error) => found.push(Finding::new(path, Defect::Unread(error.to_string()))),
    }
}

/// The claim of the checkpoint beside a log, or what is wrong with it.
pub(crate) fn checkpoint(
    keys: Option<&Keys>,
    origin: &str,
    path: &Path,
    note: Option<String>,
    found: &mut Vec<Finding>,
) -> Option<Claim> {
    let Some(note) = note else {
        found.push(Finding::new(path, Defect::MissingCheckpoint));
        return None;
    };
    let defect = match open(&note, keys?) {
        Ok(checkpoint) if checkpoint.origin == origin => {
            return Some(Claim { size: checkpoint.size, root: checkpoint.root, by: Witness::Checkpoint });
        }
        Ok(checkpoint) => Defect::ForeignCheckpoint { origin: checkpoint.origin },
        Err(why) => Defect::BadCheckpoint(why.into()),
    };
    found.push(Finding::new(path, defect));
    None
}

pub(crate) fn tell(path: &Path, scan: &Scan, found: &mut Vec<Finding>) {
    for (defect, at) in &scan.defects {
        let finding = Finding::new(path, defect.clone());
        found.push(match at {
            Some((number, offset)) => finding.at(*number, *offset),
            None => finding,
        });
    }
}

/// Shards that should be here: `here` holds the ids of those that are, in whatever form.
pub(crate) fn missing(
    verifier: &Verifier,
    base: &Base,
    known: &Known,
    shards: &[&Shard],
    found: &mut Vec<Finding>,
) {
    let ids = |plain: bool| -> BTreeSet<String> {
        shards.iter().filter(|shard| shard.is_plain() == plain).map(|shard| shard.id.to_string()).collect()
    };
    let (plain, archived) = (ids(true), ids(false));
    for (id, life) in &known.history.shards {
        let Ok(shard) = id.parse::<ShardId>() else { continue };
        if !verifier.wants(&shard) || life.is_purged() || archived.contains(id) {
            continue;
        }
        let path = base.path.join(shard.channel()).join(shard.file_name());
        // It may have been opened after the folder was listed.
        if plain.contains(id) || matches!(verifier.storage.stat(&path), Ok(Some(_))) {
            continue;
        }
        let stores = life.stores();
        // A folder that was listed and does not have it has lost it; of a bucket, and of folders of the machine that a
        // copy of the log was taken from, nothing is known here.
        let was_listed = |store: &String| {
            let store = Path::new(store);
            store == base.path.join("archive")
                || verifier.places.archives.iter().any(|folder| folder == store)
        };
        let elsewhere = !stores.is_empty() && !stores.iter().any(was_listed);
        let defect = if life.live_is_gone() && elsewhere {
            Defect::Elsewhere { shard: id.clone(), stores }
        } else {
            Defect::MissingShard { shard: id.clone() }
        };
        found.push(Finding::new(path, defect));
    }
    for (log, claim) in &known.claims {
        let there = log == FOLDER || plain.contains(log) || archived.contains(log);
        let told = known.history.shards.contains_key(log);
        let wanted = log.parse::<ShardId>().is_ok_and(|shard| verifier.wants(&shard));
        if !there && !told && (wanted || log.parse::<ShardId>().is_err()) {
            let by = claim.by.clone();
            let path = base.path.join(format!("{log}.jsonl"));
            found.push(Finding::new(path, Defect::RolledBack { by, known: claim.size, found: 0 }));
        }
    }
}

/// Copies of policies bear the hash of their text as their name.
fn policies(storage: &dyn Storage, ledger: &Path, found: &mut Vec<Finding>) {
    let folder = ledger.join(POLICIES);
    let Ok(Some(_)) = storage.stat(&folder) else { return };
    let names = match storage.list(&folder) {
        Ok(names) => names,
        Err(error) => return found.push(Finding::new(folder, Defect::Unread(error.to_string()))),
    };
    for name in names {
        let path = folder.join(&name);
        let Some(hash) = name.to_str().filter(|name| !name.starts_with('.')) else { continue };
        let mut text = Vec::new();
        match storage.read(&path, 0).and_then(|mut from| from.read_to_end(&mut text)) {
            Ok(_) if hash.strip_suffix(".toml") == Some(&hexadecimal(&Sha256::digest(&text))) => {}
            Ok(_) => found.push(Finding::new(path, Defect::PolicyChanged)),
            Err(error) => found.push(Finding::new(path, Defect::Unread(error.to_string()))),
        }
    }
}

pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A small file, if it is there; that it cannot be read is found.
pub(crate) fn read_text(storage: &dyn Storage, path: &Path, found: &mut Vec<Finding>) -> Option<String> {
    source::text(storage, path).unwrap_or_else(|error| {
        found.push(Finding::new(path, Defect::Unread(error.to_string())));
        None
    })
}

const KEY: &str = "signing.key";
const CHECKPOINT: &str = "ledger.checkpoint";
const POLICIES: &str = "policies";
