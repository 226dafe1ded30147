//! The exact line that was changed: seals only bound it, an older copy or the hashes of its leaves tell.

use std::io::{self, Read};
use std::path::Path;

use super::lines::{Line, each};
use crate::journal::merkle::Hash;
use crate::storage::{Kind, Storage};

/// The first line, from 1, in which a shard differs from an older copy of it, and the byte at which that line begins.
/// `None`: it begins with all of the copy. The copy is a file of the same lines, or a folder of its tiles.
///
/// # Errors
/// If one of them cannot be read.
pub fn first_difference(storage: &dyn Storage, shard: &Path, copy: &Path) -> io::Result<Option<(u64, u64)>> {
    let known = match storage.stat(copy)? {
        Some(stat) if stat.kind == Kind::Dir => of_tiles(storage, copy)?,
        _ => hashes(storage, copy)?.0,
    };
    let (found, offsets) = hashes(storage, shard)?;
    let same = known.iter().zip(&found).take_while(|(known, found)| known == found).count();
    let at = offsets.get(same).copied().unwrap_or_default();
    Ok((same < known.len()).then_some((same as u64 + 1, at)))
}

/// The hash of every whole line, and where each begins; one more offset for the end.
fn hashes(storage: &dyn Storage, path: &Path) -> io::Result<(Vec<Hash>, Vec<u64>)> {
    let (mut hashes, mut offsets) = (Vec::new(), vec![0]);
    each(storage.read(path, 0)?, |line| {
        if let Line::Whole(line) = line {
            hashes.push(Hash::leaf(line));
            offsets.push(offsets.last().copied().unwrap_or_default() + line.len() as u64 + 1);
        }
    })?;
    Ok((hashes, offsets))
}

/// The hashes of the leaves in a folder of tiles.
fn of_tiles(storage: &dyn Storage, folder: &Path) -> io::Result<Vec<Hash>> {
    let mut hashes = Vec::new();
    for tile in 0.. {
        let full = folder.join(crate::tiles::path("0", tile, 256));
        let partial = full.with_extension("p");
        let path = if storage.stat(&full)?.is_some() {
            full
        } else if storage.stat(&partial)?.is_some() {
            // The widest of them is the newest.
            let width = |name: &Path| name.to_str().and_then(|name| name.parse::<u32>().ok());
            let Some(widest) = storage.list(&partial)?.iter().filter_map(|name| width(name)).max() else {
                break;
            };
            partial.join(widest.to_string())
        } else {
            break;
        };
        let mut bytes = Vec::new();
        storage.read(&path, 0)?.take(256 * 32).read_to_end(&mut bytes)?;
        let (whole, _) = bytes.as_chunks::<32>();
        hashes.extend(whole.iter().map(|hash| Hash(*hash)));
        if whole.len() < 256 {
            break;
        }
    }
    Ok(hashes)
}
