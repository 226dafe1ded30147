//! Another signing key for a log: announced in its ledger under the old one, and only then put in its place.
//!
//! ```text
//! signing.key.next   the new key, durable
//! ledger             key_rotated, sealed by the old key
//! signing.key        the new key takes the old one's place
//! ```
//!
//! Whoever dies before the entry is sealed leaves a key that nobody uses; whoever dies after it leaves a log whose next
//! opening puts the key in its place.

use std::io;
use std::sync::Arc;

use crate::clock::Clock;
use crate::ledger::{Fact, KEY, Ledger, NEXT_KEY};
use crate::operation::{Caller, Kind, Operation, Outcome};
use crate::policy::Policy;
use crate::storage::Storage;

use super::error::OpenError;
use super::key::Signer;
use super::place::{self, Place, io_error};
use super::rollback::as_the_log_is_named;

/// A log that has another key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rotated {
    /// Its folder.
    pub base: std::path::PathBuf,
    /// The key so far, as its vkey.
    pub old: String,
    /// The key from now on.
    pub new: String,
}

/// Gives each of the policy's logs another key. No service may have them open.
///
/// # Errors
/// If the caller may not, which is then in the ledger; and as when a log is opened.
pub fn rotate_key(
    policy: &Policy,
    storage: &Arc<dyn Storage>,
    clock: &Clock,
    (caller, operator): (&Caller, Option<&str>),
    reason: &str,
) -> Result<Vec<Rotated>, OpenError> {
    let policy = &as_the_log_is_named(policy, &**storage);
    let places = place::prepare(policy, storage, clock)?;
    let mut rotated = Vec::new();
    for place in &places {
        // A fallback root that was never used has a key that has signed nothing.
        if place.books.read(&place.base, &place.state)?.entries.is_empty() {
            continue;
        }
        let ledger = place.books.ledger();
        let operation =
            Operation::begin(Kind::RotateKey, policy, ledger, clock, caller, operator, Some(reason))
                .map_err(|source| OpenError::Refused { source })?;
        rotated.push(
            rotate(place, storage, clock, operation).map_err(io_error("change the key in", &place.state))?,
        );
    }
    Ok(rotated)
}

fn rotate(
    place: &Place,
    storage: &Arc<dyn Storage>,
    clock: &Clock,
    operation: Operation<'_>,
) -> io::Result<Rotated> {
    let origin = place.books.origin.ledger();
    let signer = Signer::generate()?;
    let (old, new) = (place.books.signer.public().vkey(&origin), signer.public().vkey(&origin));
    let (path, next) = (place.state.join(KEY), place.state.join(NEXT_KEY));
    match storage.remove(&next) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    signer.save(&**storage, &next)?;
    operation.record(Fact::KeyRotated { old: old.clone(), new: new.clone() })?;
    storage.rename(&next, &path)?;
    storage.sync_dir(&place.state)?;
    let ledger = Ledger::open(Arc::clone(storage), &place.base, origin, Arc::new(signer), clock.clone())?;
    operation.under(&ledger).end(Outcome::Success)?;
    place.books.lock_in_with(&ledger)?;
    Ok(Rotated { base: place.base.clone(), old, new })
}
