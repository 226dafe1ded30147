//! A copy of the tree: what git knows or would add, as it stands.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Makes `to` a copy. Files that are the same already are left alone, so that nothing is compiled without need; those
/// that are no longer there are removed.
pub(super) fn copy(from: &Path, to: &Path) -> io::Result<PathBuf> {
    let listed = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard", "-z"])
        .current_dir(from)
        .output()?;
    if !listed.status.success() {
        return Err(io::Error::other("git cannot list the files"));
    }
    let names: HashSet<PathBuf> = String::from_utf8_lossy(&listed.stdout)
        .split('\0')
        .filter(|name| !name.is_empty())
        .map(Into::into)
        .collect();
    for name in &names {
        let (source, target) = (from.join(name), to.join(name));
        // Deleted, and not yet committed; or a link, which no source file is.
        if !source.is_file() {
            continue;
        }
        let bytes = std::fs::read(&source)?;
        if std::fs::read(&target).is_ok_and(|there| there == bytes) {
            continue;
        }
        if let Some(folder) = target.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(&target, bytes)?;
    }
    remove_others(to, to, &names, from)?;
    Ok(to.to_owned())
}

fn remove_others(folder: &Path, to: &Path, names: &HashSet<PathBuf>, from: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            remove_others(&path, to, names, from)?;
            continue;
        }
        let name = path.strip_prefix(to).unwrap_or(&path);
        if !names.contains(name) || !from.join(name).is_file() {
            std::fs::remove_file(&path)?;
        }
    }
    Ok(())
}
