//! Processes as `/proc` shows them: who descends from whom, and what they hold open for writing.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};

/// Every living descendant of this process. Orphans are among them, since this process adopts its descendants' children.
pub(crate) fn descendants() -> Vec<u32> {
    let mut found: Vec<u32> = Vec::new();
    let mut waiting = vec![std::process::id()];
    while let Some(parent) = waiting.pop() {
        for child in children(parent) {
            if !found.contains(&child) {
                found.push(child);
                waiting.push(child);
            }
        }
    }
    found.retain(|pid| is_alive(*pid));
    found
}

/// From now on, a descendant whose parent ends becomes a child of this process: it can neither escape the search nor the
/// end.
pub(crate) fn adopt_orphans() {
    // It fails on kernels before 3.4 only.
    let _ = rustix::process::set_child_subreaper(Some(rustix::process::getpid()));
}

/// A file that a process holds open for writing.
pub(crate) struct Opened {
    /// Opening it opens that very file, whatever became of its name.
    pub(crate) link: PathBuf,
    /// Where it lay when it was opened.
    pub(crate) target: PathBuf,
    /// Which file it is: after a rotation the name is the same, and the file another.
    pub(crate) id: (u64, u64),
}

/// What the process holds open for writing now.
pub(crate) fn opened(pid: u32) -> Vec<Opened> {
    let entries = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().filter_map(Result::ok);
    let writable = entries.filter_map(|entry| {
        let link = entry.path();
        // The owner's bits of the link tell how the file was opened.
        let is_writable = fs::symlink_metadata(&link).is_ok_and(|meta| meta.mode() & 0o200 != 0);
        let target = fs::read_link(&link).ok().filter(|_| is_writable)?;
        let id = fs::metadata(&link).map(|meta| (meta.dev(), meta.ino())).ok()?;
        Some(Opened { link, target, id })
    });
    writable.collect()
}

/// Sends SIGKILL to every descendant until none is left, or it takes too long. Those adopted are waited for; `child` is
/// not: whoever started it does.
pub(crate) fn kill_descendants(child: u32, within: Duration) {
    let start = Instant::now();
    while start.elapsed() < within {
        let living = descendants();
        for orphan in children(std::process::id()) {
            if let Some(pid) = pid(orphan).filter(|_| orphan != child) {
                let _ = waitpid(Some(pid), WaitOptions::NOHANG);
            }
        }
        if living.is_empty() {
            return;
        }
        for pid in living {
            signal(pid, Signal::KILL);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Sends a signal to one process; that it is gone is no error.
pub(crate) fn signal(process: u32, signal: Signal) {
    if let Some(pid) = pid(process) {
        let _ = kill_process(pid, signal);
    }
}

/// As the system calls take it.
pub(crate) fn pid(number: u32) -> Option<Pid> {
    i32::try_from(number).ok().and_then(Pid::from_raw)
}

fn children(pid: u32) -> Vec<u32> {
    let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else { return Vec::new() };
    let lists = tasks
        .filter_map(Result::ok)
        .map(|task| fs::read_to_string(task.path().join("children")).unwrap_or_default());
    let pids: Vec<Vec<u32>> =
        lists.map(|list| list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect()).collect();
    pids.concat()
}

/// Not a zombie, which holds nothing open any more.
fn is_alive(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The name in brackets may hold anything, brackets too.
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    #[test]
    fn a_child_is_a_descendant_until_it_ends_and_shows_what_it_writes() {
        let path = std::env::temp_dir().join(format!("dihya-process-{}", std::process::id()));
        let file = fs::File::create(&path).unwrap();
        let mut child = Command::new("sleep").arg("60").stdout(file).stdin(Stdio::null()).spawn().unwrap();
        let start = Instant::now();
        while !descendants().contains(&child.id()) && start.elapsed() < Duration::from_secs(5) {}
        let held: Vec<PathBuf> = opened(child.id()).into_iter().map(|opened| opened.target).collect();
        child.kill().unwrap();
        child.wait().unwrap();
        fs::remove_file(&path).unwrap();
        assert!(held.contains(&path));
        assert!(!held.contains(&PathBuf::from("/dev/null")), "stdin is open for reading alone");
        assert!(!descendants().contains(&child.id()));
    }
}
