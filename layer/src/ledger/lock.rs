//! One change of a log's shards at a time.

use std::io;
use std::path::Path;

use super::FOLDER;
use crate::storage::{Lock, Storage};

/// Held by a purge, an archiver, and whoever sets or releases a hold, until the value is dropped: what one of them decides
/// must not change under another. `WouldBlock` if another process is at it.
pub(crate) fn lifecycle(storage: &dyn Storage, base: &Path) -> io::Result<Box<dyn Lock>> {
    let path = base.join(FOLDER).join(NAME);
    storage.lock(&path, &format!("{}\n", std::process::id())).map_err(|error| match error.kind() {
        io::ErrorKind::WouldBlock => io::Error::new(
            error.kind(),
            format!(
                "another purge, archiving or change of a hold is under way ({}); try again when it is done",
                path.display()
            ),
        ),
        _ => error,
    })
}

/// Beside the ledger, whose own lock is held for one append only.
const NAME: &str = ".lifecycle";
