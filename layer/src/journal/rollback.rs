//! What an operator does who knows why a log is shorter than it was: accept it, on record.

use std::sync::Arc;

use crate::clock::Clock;
use crate::ledger::{Entry, Fact};
use crate::policy::Policy;
use crate::storage::Storage;

use super::error::OpenError;
use super::past::Past;
use super::place::{self, io_error};
use super::recover::{self, Found};

/// A log that was accepted as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// A shard's id, or `ledger`.
    pub log: String,
    /// Lines it was known to have.
    pub known: u64,
    /// Lines it has now; 0 if it is gone.
    pub found: u64,
}

/// Accepts every log that [`OpenError::Rollback`] would be told of, and enters each in the ledger. The files stay as they
/// are, and nothing is added to them any more. No service may have the log open.
///
/// # Errors
/// As when a log is opened, but for the rollbacks themselves.
pub fn accept_rollback(
    policy: &Policy,
    storage: &Arc<dyn Storage>,
    clock: &Clock,
    operator: &str,
    reason: &str,
) -> Result<Vec<Accepted>, OpenError> {
    let mut accepted = Vec::new();
    let broken = place::prepare(policy, storage, clock).err();
    let places = place::prepare_with(policy, storage, clock, false)?;
    if let Some(OpenError::Rollback { log, id, known, found }) = broken
        && let Some(place) = places.iter().find(|place| log.starts_with(&place.base))
    {
        let found = found.unwrap_or(0);
        accept(place, Accepted { log: id, known, found }, operator, reason, &mut accepted)?;
    }
    for place in &places {
        for channel in &policy.channels {
            loop {
                let past = Past::new(&place.books.read(&place.base, &place.state)?);
                let looked =
                    recover::recover(&**storage, place, &past, &channel.name, None, &mut Found::default());
                let Err(OpenError::Rollback { id, known, found, .. }) = looked else {
                    looked?;
                    break;
                };
                let found = found.unwrap_or(0);
                accept(place, Accepted { log: id, known, found }, operator, reason, &mut accepted)?;
            }
        }
    }
    Ok(accepted)
}

fn accept(
    place: &place::Place,
    what: Accepted,
    operator: &str,
    reason: &str,
    accepted: &mut Vec<Accepted>,
) -> Result<(), OpenError> {
    let Accepted { log, known, found } = what.clone();
    let entry = Entry {
        operator: Some(operator.to_owned()),
        reason: Some(reason.to_owned()),
        ..Fact::RollbackAccepted { log, known, found }.into()
    };
    place.books.accept(entry, &what.log).map_err(io_error("enter in the ledger in", &place.base))?;
    accepted.push(what);
    Ok(())
}
