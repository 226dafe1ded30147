//! The folder of a run.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

/// A folder of this run, removed with it: what leaked is not to lie about.
pub(crate) struct Own(PathBuf);

impl Own {
    pub(super) fn new(seed: u64) -> io::Result<Own> {
        let name = format!("dihya-check-{}-{:08x}", std::process::id(), seed as u32);
        let path = std::env::temp_dir().join(name);
        DirBuilder::new().mode(0o700).create(&path)?;
        let own = Own(path.canonicalize()?);
        for part in ["tmp", "folder", "private"] {
            fs::create_dir(own.path(part))?;
        }
        Ok(own)
    }

    pub(super) fn path(&self, part: &str) -> PathBuf {
        self.0.join(part)
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The folder of a run, as it is named in the report.
pub(crate) fn shown(path: &Path, own: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    match (path.strip_prefix(own), path.strip_prefix(&here)) {
        (Ok(rest), _) => format!("{{{{run}}}}/{}", rest.display()),
        (_, Ok(rest)) if rest.as_os_str().is_empty() => ".".to_owned(),
        (_, Ok(rest)) => rest.display().to_string(),
        _ => path.display().to_string(),
    }
}
