//! How far behind an export is, told from the files: for whoever looks from outside.

use std::io::{self, BufRead as _, BufReader, Read as _};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::cursor;
use super::order::Order;
use crate::journal::seal::Seal;
use crate::storage::Storage;

/// How far one channel is exported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Behind {
    /// The channel.
    pub channel: String,
    /// Time of the newest record that the receiver has from us.
    pub exported: Option<String>,
    /// Bytes of the log that it does not have yet.
    pub bytes: u64,
    /// Time of the oldest record among them.
    pub since: Option<String>,
}

/// How far each channel of a log is exported; `None` if nothing ever was.
///
/// # Errors
/// If the cursor or the ledger cannot be read.
pub fn behind(storage: &dyn Storage, base: &Path, state: &Path) -> io::Result<Option<Vec<Behind>>> {
    let Some(positions) = cursor::read(storage, state)? else { return Ok(None) };
    let mut order = Order::new(base);
    order.refresh(storage)?;
    let mut all = Vec::new();
    for (channel, position) in positions {
        let mut behind =
            Behind { channel: channel.clone(), exported: position.time.clone(), bytes: 0, since: None };
        let mut next = match &position.shard {
            Some(shard) => order.get(&channel, shard),
            None => order.next(&channel, None),
        };
        let mut offset = position.offset;
        while let Some(known) = next {
            let live = base.join(format!("{}.jsonl", known.shard));
            let len = storage.stat(&live)?.map(|stat| stat.len);
            let end = known.end.as_ref();
            let left = len.or(end.map(|end| end.bytes)).unwrap_or(0).saturating_sub(offset);
            if left > 0 && behind.since.is_none() {
                behind.since = match len {
                    Some(_) => first(storage, &live, offset)?,
                    None => end.and_then(|end| end.first.clone()),
                };
            }
            // Seals alone are nothing to send.
            if behind.since.is_some() {
                behind.bytes += left;
            }
            offset = 0;
            next = order.next(&channel, Some(&known.shard));
        }
        all.push(behind);
    }
    Ok(Some(all))
}

/// The time of the first record from here on.
fn first(storage: &dyn Storage, path: &Path, offset: u64) -> io::Result<Option<String>> {
    #[derive(Deserialize)]
    struct Line {
        timestamp: String,
    }
    for line in BufReader::new(storage.read(path, offset)?.take(PIECE)).split(b'\n') {
        let line = line?;
        if !Seal::is(&line)
            && let Ok(Line { timestamp }) = serde_json::from_slice(&line)
        {
            return Ok(Some(timestamp));
        }
    }
    Ok(None)
}

/// Two of the longest records.
const PIECE: u64 = 128 * 1024;
