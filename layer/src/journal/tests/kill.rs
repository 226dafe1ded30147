//! `kill -9` at random moments: what was acknowledged is there, and every file can be read.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use super::local::{CHILD_ROOT, child_root};
use super::support::*;
use crate::clock::Clock;
use crate::storage::Local;

/// A child of the test below: logs from two threads for ever, and prints every number that a commit has acknowledged.
#[test]
fn child_logs_until_it_is_killed() {
    let Some(root) = child_root() else { return };
    let mut policy = policy(root);
    policy.channels[0].shard_bytes = 20_000;
    let journal = open_at(&policy, &Local, Clock::system()).unwrap();
    let first: u64 = std::env::var(FIRST).unwrap().parse().unwrap();
    std::thread::scope(|scope| {
        for thread in 0..2 {
            let journal = &journal;
            scope.spawn(move || {
                for n in (first + thread..).step_by(2) {
                    assert!(journal.append(ONE, &record(n, 40 + n as usize % 300)));
                    // Some are committed one by one, some several at once.
                    if n % 5 < 3 {
                        journal.commit(ONE).unwrap();
                        // One write for a line: the reader takes no half number for a whole one.
                        std::io::stdout().write_all(format!("ack {n}\n").as_bytes()).unwrap();
                    }
                }
            });
        }
    });
}

#[test]
fn two_hundred_kills_lose_no_acknowledged_record() {
    const ROUNDS: u64 = 200;
    let folder = Folder::new("kill");
    let root = folder.0.join("logs");
    let mut dice = Dice(0x5eed);
    let mut acknowledged = BTreeSet::new();
    let mut busy = 0;
    for round in 0..ROUNDS {
        let mut logging = Logging::begin(&root, round);
        // While it opens the log, or while it logs: on a slow disk too half of the rounds come as far as that.
        if round % 2 == 0 {
            logging.until_acknowledged();
        }
        std::thread::sleep(Duration::from_micros(dice.roll(250_000)));
        logging.kill();
        assert!(logging.end().code().is_none(), "round {round}: the child ended by itself");
        let numbers = logging.acknowledged();
        busy += u64::from(!numbers.is_empty());
        acknowledged.extend(numbers);
        // Reopening must work whatever the moment; the next round does it again in its child.
        if round % 4 == 0 || round == ROUNDS - 1 {
            drop(
                open_at(&policy(&root), &Local, Clock::system())
                    .unwrap_or_else(|e| panic!("round {round}: {e}")),
            );
            let found = all(&root);
            let missing = acknowledged.difference(&found).count();
            assert_eq!(missing, 0, "round {round}: of {} acknowledged", acknowledged.len());
        }
    }
    assert!(busy > ROUNDS / 4, "positive control: only {busy} rounds logged anything");
}

/// Every record of every shard; each line must be whole.
pub(super) fn all(root: &Path) -> BTreeSet<u64> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(root.join("app")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "jsonl") {
            found.extend(numbers_in(&path, &fs::read(&path).unwrap()));
        }
    }
    found
}

/// A child that logs until it is killed.
pub(super) struct Logging {
    child: Child,
    told: Receiver<String>,
    reader: Option<JoinHandle<()>>,
    lines: Vec<String>,
}

impl Logging {
    pub(super) fn begin(root: &Path, round: u64) -> Logging {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "journal::tests::kill::child_logs_until_it_is_killed"])
            .arg("--nocapture")
            .env(CHILD_ROOT, root)
            .env(FIRST, (round * 1_000_000).to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let (tell, told) = channel();
        let reader = std::thread::spawn(move || {
            let mut line = String::new();
            // Half a line may end with another number than the whole one.
            while out.read_line(&mut line).is_ok_and(|_| line.ends_with('\n')) {
                let _ = tell.send(std::mem::take(&mut line));
            }
        });
        Logging { child, told, reader: Some(reader), lines: Vec::new() }
    }

    /// Waits until a record is on the disk.
    pub(super) fn until_acknowledged(&mut self) {
        while self.acknowledged().is_empty() {
            match self.told.recv_timeout(Duration::from_secs(60)) {
                Ok(line) => self.lines.push(line),
                Err(error) => panic!("nothing was acknowledged: {error}"),
            }
        }
    }

    pub(super) fn kill(&mut self) {
        self.child.kill().unwrap();
    }

    /// Waits for the end, and for all that was told before it.
    pub(super) fn end(&mut self) -> ExitStatus {
        let status = self.child.wait().unwrap();
        self.reader.take().map(JoinHandle::join).transpose().unwrap();
        status
    }

    /// The records whose commit was told of so far.
    pub(super) fn acknowledged(&mut self) -> Vec<u64> {
        self.lines.extend(self.told.try_iter());
        self.lines.iter().filter_map(|line| line.split("ack ").nth(1)?.trim().parse().ok()).collect()
    }
}

impl Drop for Logging {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const FIRST: &str = "DIHYA_TEST_FIRST";
