//! Real folders: who may use them, what is in them, what is refused.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use super::support::*;
use crate::journal::OpenError;
use crate::policy::Policy;
use crate::storage::Local;

fn mode(path: impl AsRef<Path>) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
}

/// The error's text; and a second try, on a good root, must not find anything left behind by the first.
fn refused(policy: &Policy) -> (OpenError, String) {
    let error = open(policy, &Local).expect_err("it opened");
    let text = error.to_string();
    (error, text)
}

#[test]
fn files_are_0600_in_folders_0700_and_the_link_leads_to_the_live_one() {
    let folder = Folder::new("modes");
    let root = folder.0.join("var/logs");
    let mut policy = policy(&root);
    policy.service.instance = Some("i1".into());
    let journal = open(&policy, &Local).unwrap();
    journal.append(ONE, &record(1, 60));
    journal.commit(ONE).unwrap();
    for dir in ["", "i1", "i1/app", "i1/ledger", "i1/state"] {
        assert_eq!(mode(root.join(dir)), 0o700, "{dir}");
    }
    assert_eq!(mode(folder.0.join("var")), 0o700);
    until("the checkpoint is there", || root.join("i1/app/2026-11-20.checkpoint").exists());
    for file in [
        "i1/.lock",
        "i1/app/2026-11-20.jsonl",
        "i1/app/2026-11-20.checkpoint",
        "i1/app/.reserve",
        "i1/ledger/ledger.jsonl",
        "i1/state/signing.key",
        "i1/state/heads",
    ] {
        assert_eq!(mode(root.join(file)), 0o600, "{file}");
    }
    let reserve = fs::metadata(root.join("i1/app/.reserve")).unwrap();
    assert!(reserve.blocks() * 512 >= 16 * 1024, "the reserve is a hole");
    assert_eq!(fs::read_link(root.join("i1/app.log")).unwrap(), Path::new("app/2026-11-20.jsonl"));
    assert!(fs::read(root.join("i1/app.log")).unwrap().starts_with(&record(1, 60)));
}

#[test]
fn a_root_that_everybody_may_write_is_refused() {
    let folder = Folder::new("open");
    let root = folder.0.join("logs");
    fs::create_dir(&root).unwrap();
    fs::set_permissions(&root, fs::Permissions::from_mode(0o1777)).unwrap();
    let (error, text) = refused(&policy(&root));
    assert!(matches!(error, OpenError::WorldWritable { mode: 0o1777, .. }), "{error:?}");
    assert!(text.contains("chmod o-w") && text.contains(&*root.to_string_lossy()), "{text}");
    fs::set_permissions(&root, fs::Permissions::from_mode(0o700)).unwrap();
    open(&policy(&root), &Local).unwrap();
}

#[test]
fn a_parent_that_everybody_may_write_is_refused_unless_sticky() {
    let folder = Folder::new("parent");
    let parent = folder.0.join("shared");
    fs::create_dir(&parent).unwrap();
    fs::set_permissions(&parent, fs::Permissions::from_mode(0o777)).unwrap();
    let (error, _) = refused(&policy(parent.join("logs")));
    assert!(matches!(error, OpenError::WorldWritable { mode: 0o777, .. }), "{error:?}");
    fs::set_permissions(&parent, fs::Permissions::from_mode(0o1777)).unwrap();
    open(&policy(parent.join("logs")), &Local).unwrap();
}

#[test]
fn a_channel_folder_that_everybody_may_write_is_refused() {
    let folder = Folder::new("channel");
    fs::create_dir(folder.0.join("app")).unwrap();
    fs::set_permissions(folder.0.join("app"), fs::Permissions::from_mode(0o707)).unwrap();
    assert!(matches!(refused(&policy(&folder.0)).0, OpenError::WorldWritable { .. }));
}

#[test]
fn links_and_files_in_place_of_folders_are_refused() {
    let folder = Folder::new("links");
    fs::create_dir(folder.0.join("real")).unwrap();
    symlink("real", folder.0.join("link")).unwrap();
    fs::write(folder.0.join("file"), "").unwrap();
    assert!(matches!(refused(&policy(folder.0.join("link"))).0, OpenError::Link { .. }));
    assert!(matches!(refused(&policy(folder.0.join("link/"))).0, OpenError::Link { .. }));
    assert!(matches!(refused(&policy(folder.0.join("file"))).0, OpenError::NotAFolder { .. }));
    // Below a link is the administrator's own choice.
    open(&policy(folder.0.join("link/logs")), &Local).unwrap();
    // A link in place of a shard must not lead our bytes elsewhere.
    fs::write(folder.0.join("victim"), "{}\n").unwrap();
    symlink(folder.0.join("victim"), folder.0.join("real/logs/app/2026-11-20.jsonl")).unwrap();
    assert!(open(&policy(folder.0.join("real/logs")), &Local).is_err());
    assert_eq!(fs::read(folder.0.join("victim")).unwrap(), b"{}\n");
}

#[test]
fn a_second_journal_on_the_same_root_is_refused_and_told_who_holds_it() {
    let folder = Folder::new("twice");
    let first = open(&policy(&folder.0), &Local).unwrap();
    let (error, text) = refused(&policy(&folder.0));
    let me = std::process::id();
    assert!(matches!(error, OpenError::Busy { pid: Some(pid), .. } if pid == me), "{error:?}");
    assert!(text.contains(&format!("process {me} ")) && text.contains("instance"), "{text}");
    let mut other = policy(&folder.0);
    other.service.instance = Some("other".into());
    open(&other, &Local).unwrap();
    drop(first);
    open(&policy(&folder.0), &Local).unwrap();
}

/// A child of the test below.
#[test]
fn child_opens_a_held_root() {
    let Some(root) = child_root() else { return };
    println!("child {} is refused: {}", std::process::id(), refused(&policy(root)).1);
}

#[test]
fn a_second_process_on_the_same_root_is_refused_and_told_which_one_holds_it() {
    let folder = Folder::new("processes");
    let root = folder.0.join("logs");
    let journal = open(&policy(&root), &Local).unwrap();
    let refusal = child("local::child_opens_a_held_root", &[], &root).unwrap();
    let text = String::from_utf8_lossy(&refusal.stdout);
    let me = std::process::id();
    assert!(refusal.status.success() && text.contains("is refused"), "the child did not run: {text}");
    assert!(
        text.contains(&format!("process {me} already writes here")) && text.contains("instance"),
        "{text}"
    );
    // The refused one has changed nothing: the first goes on, and its lock file still names it.
    journal.append(ONE, &record(1, 60));
    journal.commit(ONE).unwrap();
    assert!(fs::read(root.join("app.log")).unwrap().starts_with(&record(1, 60)));
    assert_eq!(fs::read_to_string(root.join(".lock")).unwrap().trim(), me.to_string());
    drop(journal);
    let opened = child("local::child_opens_a_held_root", &[], &root).unwrap();
    assert!(!opened.status.success(), "the root is still held: it could not be opened");
}

#[test]
fn a_root_that_its_group_may_write_is_used_and_what_is_made_in_it_is_ours_alone() {
    let folder = Folder::new("group");
    let root = folder.0.join("logs");
    fs::create_dir(&root).unwrap();
    fs::set_permissions(&root, fs::Permissions::from_mode(0o2770)).unwrap();
    let journal = open(&policy(&root), &Local).unwrap();
    journal.append(ONE, &record(1, 60));
    journal.commit(ONE).unwrap();
    assert_eq!(mode(&root) & 0o777, 0o770, "the administrator's own mode stays");
    assert_eq!(mode(root.join("app")) & 0o777, 0o700);
    assert_eq!(mode(root.join("app/2026-11-20.jsonl")), 0o600);
}

#[test]
fn a_fallback_root_that_cannot_work_is_told_at_start_and_nothing_stays_locked() {
    let folder = Folder::new("fallback");
    fs::write(folder.0.join("file"), "").unwrap();
    let mut both = policy(folder.0.join("logs"));
    both.roots.push(folder.0.join("file/spare"));
    refused(&both);
    open(&policy(folder.0.join("logs")), &Local).expect("the lock of the failed start is free");
}

#[test]
fn a_removed_folder_is_made_again() {
    let folder = Folder::new("removed");
    let journal = open(&policy(&folder.0), &Local).unwrap();
    journal.append(ONE, &record(1, 60));
    journal.commit(ONE).unwrap();
    fs::remove_dir_all(folder.0.join("app")).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(1050));
    journal.append(ONE, &record(2, 60));
    journal.commit(ONE).unwrap();
    let path = folder.0.join("app/2026-11-20.jsonl");
    assert_eq!(numbers_in(&path, &fs::read(&path).unwrap()), [2]);
}

/// Runs one child test of this binary under a command, as in `strace … <test>`. `None`: the command is missing, which
/// is a failure where everything must be there.
pub(super) fn child(test: &str, under: &[&str], root: &Path) -> Option<std::process::Output> {
    let me = std::env::current_exe().unwrap();
    let test = format!("journal::tests::{test}");
    let mut command = match under {
        [] => Command::new(&me),
        [program, arguments @ ..] => {
            let mut command = Command::new(program);
            command.args(arguments).arg(&me);
            command
        }
    };
    command.args(["--exact", &test, "--nocapture", "--test-threads=1"]).env(CHILD_ROOT, root);
    match command.output() {
        Ok(output) => Some(output),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            not_run(&format!("{} is missing", under[0]));
            None
        }
        Err(error) => panic!("{error}"),
    }
}

pub(super) fn not_run(why: &str) {
    assert!(std::env::var_os("CI").is_none_or(|v| v != "true"), "not run: {why}");
    println!("not run: {why}");
}

pub(super) const CHILD_ROOT: &str = "DIHYA_TEST_ROOT";

/// The folder a child works in. `None`: this is no child but the ordinary run of all tests, where a child's body has
/// nothing to do and returns at once; its parent, which proves by its output that it ran, is the test.
pub(super) fn child_root() -> Option<std::path::PathBuf> {
    std::env::var_os(CHILD_ROOT).map(Into::into)
}

#[test]
fn child_opens_a_forbidden_root() {
    let Some(root) = child_root() else { return };
    println!("refused: {}", refused(&policy(root.join("logs"))).1);
    println!("refused: {}", refused(&policy(root.join("ready"))).1);
}

#[test]
fn an_unwritable_root_is_refused_with_its_mode_and_owner() {
    if rustix::process::geteuid().as_raw() != 0 {
        return not_run("only root can become somebody else");
    }
    let folder = Folder::new("forbidden");
    fs::set_permissions(&folder.0, fs::Permissions::from_mode(0o755)).unwrap();
    fs::create_dir(folder.0.join("ready")).unwrap();
    fs::set_permissions(folder.0.join("ready"), fs::Permissions::from_mode(0o755)).unwrap();
    // Other users may not reach the folder of the build: the child's binary goes where they can.
    let binary = folder.0.join("child");
    fs::copy(std::env::current_exe().unwrap(), &binary).unwrap();
    fs::set_permissions(&binary, fs::Permissions::from_mode(0o755)).unwrap();
    let output = Command::new("setpriv")
        .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
        .arg(&binary)
        .args(["--exact", "journal::tests::local::child_opens_a_forbidden_root", "--nocapture"])
        .env(CHILD_ROOT, &folder.0)
        .current_dir("/")
        .output();
    let Ok(output) = output else { return not_run("setpriv is missing") };
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}");
    let wanted = "(mode 0755, owner uid 0) as uid 65534: Permission denied";
    assert_eq!(text.matches(wanted).count(), 2, "{text}");
    assert!(text.contains("chown 65534"), "{text}");
}

#[test]
fn child_fills_a_small_disk() {
    let Some(root) = child_root() else { return };
    let journal = open(&policy(root.join("logs")), &Local).unwrap();
    journal.append(ONE, &record(0, 300));
    journal.commit(ONE).unwrap();
    until("the reserve is there", || root.join("logs/app/.reserve").exists());
    let ballast = root.join("ballast");
    let free = crate::storage::Storage::free_bytes(&Local, &root).unwrap();
    fs::write(&ballast, vec![b'x'; free as usize - 64 * 1024]).unwrap();
    let mut n = 0;
    let error = loop {
        n += 1;
        journal.append(ONE, &record(n, 300));
        match journal.commit(ONE) {
            Ok(()) => assert!(n < 2000),
            Err(error) => break error,
        }
    };
    assert!(error.to_string().contains("No space left"), "{error}");
    let text = fs::read_to_string(root.join("logs/app.log")).unwrap();
    assert!(text.trim_end().ends_with("}") && text.ends_with('\n'), "ends within a record");
    assert!(text.lines().rev().nth(1).unwrap().contains("disk_full"), "the stop is not told");
    (0..100).for_each(|_| {
        n += 1;
        assert!(journal.append(ONE, &record(n, 300)));
    });
    fs::remove_file(ballast).unwrap();
    until("the disk works again", || journal.commit(ONE).is_ok());
    assert!(journal.shutdown(std::time::Duration::from_secs(5)).is_complete());
    let bytes = fs::read(root.join("logs/app.log")).unwrap();
    assert_eq!(numbers_in(&root, &bytes), (0..=n).collect::<Vec<_>>());
    println!("survived {n}");
}

#[test]
fn a_really_full_disk_is_told_and_survived() {
    let folder = Folder::new("full");
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=1m,mode=755", "tmpfs"])
        .arg(&folder.0)
        .status();
    if !mounted.is_ok_and(|status| status.success()) {
        return not_run("a small tmpfs cannot be mounted here");
    }
    let output = child("local::child_fills_a_small_disk", &[], &folder.0);
    let unmounted = Command::new("umount").arg(&folder.0).status();
    let output = output.unwrap();
    assert!(unmounted.is_ok_and(|status| status.success()));
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("survived"), "{text}");
}

#[test]
fn child_meets_failing_syncs() {
    let Some(root) = child_root() else { return };
    let journal = open(&policy(root.join("logs")), &Local).unwrap();
    for n in 0..40 {
        journal.append(ONE, &record(n, 100));
        journal.commit(ONE).unwrap();
        println!("acknowledged {n}");
    }
}

#[test]
fn a_really_failing_fdatasync_moves_to_another_file_and_is_not_repeated() {
    let folder = Folder::new("sync");
    let trace = folder.0.join("trace");
    let inject = "inject=fdatasync:error=EIO:when=10+7";
    let strace =
        ["strace", "-f", "-y", "-o", trace.to_str().unwrap(), "-e", "trace=fdatasync,openat", "-e", inject];
    let Some(output) = child("local::child_meets_failing_syncs", &strace, &folder.0) else { return };
    let text = String::from_utf8_lossy(&output.stdout);
    if text.is_empty() || !output.status.success() && !trace.exists() {
        return not_run("strace cannot trace here");
    }
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(text.matches("acknowledged").count(), 40);
    let trace = fs::read_to_string(trace).unwrap();
    let (mut poisoned, mut failed): (Vec<&str>, usize) = (Vec::new(), 0);
    for line in trace.lines() {
        if line.contains("openat(") && line.contains("O_EXCL") && line.ends_with('>') {
            // Made anew under the same name, as a side file is: it holds nothing of what failed.
            let file = line.rsplit(['<', '>']).nth(1).unwrap();
            poisoned.retain(|known| *known != file);
        } else if line.contains("fdatasync(") {
            let file = line.split(['<', '>']).nth(1).unwrap();
            assert!(!poisoned.contains(&file), "synced again after it failed: {file}");
            if line.contains("EIO") {
                poisoned.push(file);
                failed += 1;
            }
        }
    }
    assert!(failed >= 3, "positive control: {failed} syncs failed");
    let mut found = std::collections::BTreeSet::new();
    for entry in fs::read_dir(folder.0.join("logs/app")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "jsonl") {
            found.extend(numbers_in(&path, &fs::read(&path).unwrap()));
        }
    }
    assert_eq!(found.into_iter().collect::<Vec<_>>(), (0..40).collect::<Vec<_>>());
}
