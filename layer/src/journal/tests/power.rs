//! A real file system that is cut off at random moments, and one whose disk has no room for what it promised.
//!
//! The file system is an ext4 in a file. `EXT4_IOC_SHUTDOWN` without flushing its journal stops it as a power cut does:
//! what was not synced is gone when it is mounted again. See `man 2 ioctl` and Linux' `fs/ext4/ioctl.c`.
#![cfg(target_os = "linux")]

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use super::kill::{Logging, all};
use super::local::{child, child_root, not_run};
use super::support::*;
use crate::catalog::Places;
use crate::clock::Clock;
use crate::storage::Local;
use crate::verify::Verifier;

/// An ext4 of so many MiB in a sparse file, mounted; unmounted when dropped.
struct Disk {
    image: PathBuf,
    at: PathBuf,
}

impl Disk {
    /// `None`: this machine lets nobody mount, and the run says so.
    fn new(folder: &Path, mib: u64) -> Option<Disk> {
        let disk = Disk { image: folder.join("image"), at: folder.join("mounted") };
        fs::create_dir(&disk.at).unwrap();
        File::create(&disk.image).unwrap().set_len(mib << 20).unwrap();
        let made = Command::new("mkfs.ext4").args(["-q", "-m", "0"]).arg(&disk.image).status();
        if !made.is_ok_and(|status| status.success()) || !disk.mount() {
            not_run("an ext4 in a file cannot be made and mounted here");
            return None;
        }
        Some(disk)
    }

    fn mount(&self) -> bool {
        let mounted = Command::new("mount").args(["-o", "loop"]).args([&self.image, &self.at]).status();
        mounted.is_ok_and(|status| status.success())
    }

    /// Cuts it off: nothing that is not on the disk will ever be. `file` is any on it.
    fn cut(file: &Path) -> Result<(), String> {
        // Perl belongs to every Debian, and its ioctl needs no unsafe code of ours.
        let code =
            "open(F, '<', $ARGV[0]) or die $!; my $how = pack('I', 2); ioctl(F, 0x8004587d, $how) or die $!";
        let cut = Command::new("perl").args(["-e", code]).arg(file).output().map_err(|e| e.to_string())?;
        if cut.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&cut.stderr).into_owned()) }
    }

    fn unmount(&self) -> bool {
        Command::new("umount").arg(&self.at).status().is_ok_and(|status| status.success())
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        self.unmount();
    }
}

#[test]
fn twenty_power_cuts_lose_no_acknowledged_record_and_leave_a_log_that_verifies() {
    const ROUNDS: u64 = 20;
    let folder = Folder::new("power");
    let Some(disk) = Disk::new(&folder.0, 64) else { return };
    let root = disk.at.join("logs");
    let mut dice = Dice(0xb1ac_0007);
    let mut acknowledged = BTreeSet::new();
    let (mut busy, mut lost) = (0, 0);
    for round in 0..ROUNDS {
        let mut logging = Logging::begin(&root, round);
        // A slow disk too comes as far as that in three rounds of four, and in the fourth is met while the log opens.
        if round % 4 > 0 {
            logging.until_acknowledged();
        }
        std::thread::sleep(Duration::from_millis(30 + dice.roll(400)));
        // Not synced: its absence shows that the cut was one.
        let unsynced = disk.at.join(format!("unsynced-{round}"));
        fs::write(&unsynced, "x").unwrap();
        // Only what was told before: the kernel reports a sync as done that is under way at the moment of the cut, which no
        // program lives to see when it is the power that goes.
        let numbers = logging.acknowledged();
        let cut = Disk::cut(&unsynced);
        // It may have seen the disk's error and ended by itself.
        logging.kill();
        logging.end();
        assert_eq!(cut, Ok(()), "round {round}");
        busy += u64::from(!numbers.is_empty());
        acknowledged.extend(numbers);
        assert!(disk.unmount() && disk.mount(), "round {round}: it cannot be mounted again");
        lost += u64::from(fs::read(&unsynced).unwrap_or_default() != b"x");
        if !root.exists() {
            assert!(acknowledged.is_empty(), "round {round}: the whole log is gone");
            continue;
        }
        let policy = policy(&root);
        drop(open_at(&policy, &Local, Clock::system()).unwrap_or_else(|e| panic!("round {round}: {e}")));
        let missing = acknowledged.difference(&all(&root)).count();
        assert_eq!(missing, 0, "round {round}: of {} acknowledged", acknowledged.len());
        let report = Verifier::new(Arc::new(Local), Places::of(&policy)).run(&|_| ()).unwrap();
        assert!(report.is_whole(), "round {round}: {report:#?}");
    }
    assert!(busy > ROUNDS / 2, "positive control: only {busy} rounds acknowledged anything");
    assert!(lost > ROUNDS / 2, "positive control: only {lost} cuts lost what was not synced");
}

/// Logs to a disk that fails while it writes back, with another root beside it.
#[test]
fn child_logs_to_a_disk_with_less_room_than_it_says() {
    let Some(root) = child_root() else { return };
    let mut policy = policy(root.join("small/mounted/logs"));
    policy.roots.push(root.join("spare"));
    let journal = open_at(&policy, &Local, Clock::system()).unwrap();
    for n in 0..RECORDS {
        assert!(journal.append(ONE, &record(n, 20_000)));
        journal.commit(ONE).unwrap();
        std::io::stdout().write_all(format!("ack {n}\n").as_bytes()).unwrap();
    }
    assert!(journal.shutdown(Duration::from_secs(10)).is_complete());
}

#[test]
fn a_disk_that_fails_while_it_writes_back_is_left_for_the_next_root_and_nothing_acknowledged_is_lost() {
    let folder = Folder::new("writeback");
    let small = folder.0.join("small");
    fs::create_dir(&small).unwrap();
    let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=5m", "tmpfs"]).arg(&small).status();
    if !mounted.is_ok_and(|status| status.success()) {
        return not_run("a small tmpfs cannot be mounted here");
    }
    // Sparse: it says that it has 64 MiB, and the tmpfs below it has 5.
    let disk = Disk::new(&small, 64);
    let ran = disk.as_ref().map(|disk| {
        let test = "power::child_logs_to_a_disk_with_less_room_than_it_says";
        let output = child(test, &[], &folder.0).unwrap();
        // What the page cache still shows was perhaps never written.
        assert!(disk.unmount() && disk.mount(), "it cannot be mounted again");
        (output, all(&disk.at.join("logs")))
    });
    drop(disk);
    assert!(Command::new("umount").arg(&small).status().is_ok_and(|status| status.success()));
    let Some((output, first)) = ran else { return };
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(text.matches("ack ").count() as u64, RECORDS);
    let second = all(&folder.0.join("spare"));
    assert!(
        !first.is_empty() && !second.is_empty(),
        "positive control: {} and {}",
        first.len(),
        second.len()
    );
    assert_eq!(first.union(&second).count() as u64, RECORDS);
}

/// 8 MB, more than the disk has.
const RECORDS: u64 = 400;
