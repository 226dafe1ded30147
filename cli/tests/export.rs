//! `dihya export` and `import`, and what `verify`, `query` and `status` make of them; the manual pages.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use dihya::ledger::{Entry, Fact};
use dihya::{Channel, Options, Policy, Record, Sector};
use serde_json::Value;

/// A folder of this test's own, with a log of twelve audit records in it.
fn log(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("export-{name}"));
    let _ = fs::remove_dir_all(&folder);
    write_log(&folder.join("log"), "clinic");
    folder
}

fn write_log(root: &Path, service: &str) {
    fs::create_dir_all(root.parent().unwrap()).unwrap();
    let policy = Policy::sector(Sector::Generic).root(root).service(service, "1");
    let (_layer, guard) = Options::new(policy).open().unwrap();
    for n in 0..12 {
        guard.handle().record(Record::new(Channel::AUDIT, "e").number("n", n)).unwrap();
        if n % 4 == 0 {
            guard.handle().commit(Channel::AUDIT).unwrap();
        }
    }
    assert!(guard.shutdown(Duration::from_secs(20)).is_complete());
}

fn dihya(folder: &Path, args: &[&str]) -> (Option<i32>, String, String) {
    let ran = Command::new(env!("CARGO_BIN_EXE_dihya")).args(args).current_dir(folder).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (ran.status.code(), text(ran.stdout), text(ran.stderr))
}

fn ledger(root: &Path) -> Vec<Entry> {
    let text = fs::read_to_string(root.join("ledger/ledger.jsonl")).unwrap();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

fn export(folder: &Path, more: &[&str]) -> (Option<i32>, String, String) {
    let args = ["export", "--root", "log", "--reason", "case 12", "--out", "case-12"];
    dihya(folder, &[&args, more].concat())
}

fn vkey(folder: &Path) -> String {
    let (_, out, _) = dihya(folder, &["verify", "--root", "log", "--json"]);
    let report: Value = serde_json::from_str(&out).unwrap();
    report["bases"][0]["vkey"].as_str().unwrap().to_owned()
}

#[test]
fn an_export_is_checked_and_imported_where_its_log_is_not() {
    let folder = log("round");
    let vkey = vkey(&folder);
    let (code, out, err) = export(&folder, &["--channel", "audit", "--where", "n=7"]);
    assert_eq!(code, Some(0), "{out}{err}");
    assert!(out.contains("1 records of 1 shards"), "{out}");
    let entries = ledger(&folder.join("log"));
    let exported = entries.iter().find(|entry| matches!(entry.fact, Fact::Exported { .. })).unwrap();
    assert_eq!(exported.reason.as_deref(), Some("case 12"));
    let end = entries.iter().rfind(|entry| matches!(entry.fact, Fact::Operation { .. })).unwrap();
    assert_eq!(end.session, exported.session);
    let Fact::Operation { operation, volume, .. } = &end.fact else { unreachable!() };
    assert_eq!((operation.as_str(), volume["records"]), ("export", 1));

    fs::remove_dir_all(folder.join("log")).unwrap();
    let (code, out, err) = dihya(&folder, &["verify", "--bundle", "case-12", "--vkey", &vkey]);
    assert_eq!(code, Some(0), "{out}{err}");
    assert!(
        out.contains("the one that was given") && out.contains("case 12") && out.contains("whole: 1 records"),
        "{out}"
    );

    let import = ["import", "case-12", "--root", "new", "--vkey", &vkey, "--reason", "case 12"];
    let (code, out, err) = dihya(&folder, &import);
    assert!(
        code == Some(0) && out.contains("clinic/-: 1 records of 1 shards are in new/imported"),
        "{out}{err}"
    );
    let query = ["query", "--root", "new", "--channel", "audit", "--reason", "case 12", "--json"];
    let (code, out, err) = dihya(&folder, &[&query[..], &["--imported"]].concat());
    assert_eq!((code, out.lines().count()), (Some(0), 1), "{out}");
    assert!(err.contains("this reading is recorded nowhere"), "{err}");
    assert!(out.contains("\"n\":7"), "{out}");
    let (code, out, err) = dihya(&folder, &["verify", "--root", "new"]);
    assert!(code == Some(0) && out.contains("imported from clinic/-: 1 shards, 1 records"), "{out}{err}");
    let (_, out, _) = dihya(&folder, &["status", "--root", "new"]);
    assert!(out.contains("imported from clinic/-  1 shards"), "{out}");
    let (code, _, err) = dihya(&folder, &import);
    assert!(code == Some(1) && err.contains("was imported before"), "{err}");
}

#[test]
fn a_log_that_takes_another_in_says_so_in_its_ledger() {
    let folder = log("taken");
    write_log(&folder.join("own"), "lab");
    assert_eq!(export(&folder, &["--channel", "audit"]).0, Some(0));
    let (code, out, err) = dihya(&folder, &["import", "case-12", "--root", "own", "--reason", "case 12"]);
    assert_eq!(code, Some(0), "{out}{err}");
    let fact = |entry: &Entry| matches!(&entry.fact, Fact::Imported { origin, shards: 1, .. } if origin == "clinic/-");
    assert!(ledger(&folder.join("own")).iter().any(|entry| fact(entry) && entry.reason.is_some()));
    let (code, out, err) = dihya(&folder, &["verify", "--root", "own"]);
    assert!(code == Some(0) && out.contains("imported from clinic/-"), "{out}{err}");
    // The reading of what was imported is on record, too.
    let before = ledger(&folder.join("own")).len();
    let query = ["query", "--root", "own", "--imported", "--channel", "audit", "--reason", "case 12"];
    let (code, out, err) = dihya(&folder, &query);
    assert!(code == Some(0) && out.lines().count() == 24, "{out}{err}");
    assert!(ledger(&folder.join("own")).len() > before);
    let (code, _, err) = dihya(&folder, &["import", "case-12", "--root", "log", "--reason", "case 12"]);
    assert!(code == Some(1) && err.contains("which is the log in this root"), "{err}");
}

#[test]
fn what_was_changed_is_neither_exported_nor_imported_nor_called_whole() {
    let folder = log("changed");
    assert_eq!(export(&folder, &["--channel", "audit"]).0, Some(0));
    let shard = |root: &str| {
        let mut files = fs::read_dir(folder.join(root)).unwrap().map(|entry| entry.unwrap().path());
        files.find(|path| path.extension().is_some_and(|end| end == "jsonl")).unwrap()
    };
    for root in ["log/audit", "case-12/clinic/-/audit"] {
        let mut bytes = fs::read(shard(root)).unwrap();
        bytes[60] ^= 1;
        fs::write(shard(root), bytes).unwrap();
    }
    let (code, out, _) = dihya(&folder, &["verify", "--bundle", "case-12"]);
    assert!(code == Some(1) && out.contains("NOT WHOLE"), "{out}");
    let (code, _, err) = dihya(&folder, &["import", "case-12", "--root", "new", "--reason", "x"]);
    assert!(code == Some(1) && err.contains("nothing of it was taken in"), "{err}");
    assert!(!folder.join("new").exists());
    fs::remove_dir_all(folder.join("case-12")).unwrap();
    let (code, _, err) = export(&folder, &["--channel", "audit"]);
    assert!(code == Some(1) && err.contains("not what was sealed"), "{err}");
    assert!(!folder.join("case-12").exists());
}

#[test]
fn an_export_needs_a_reason_and_the_role() {
    let folder = log("role");
    let (code, _, err) = dihya(&folder, &["export", "--root", "log", "--out", "x"]);
    assert!(code == Some(2) && err.contains("--reason"), "{err}");
    let text = "[storage]\nroot = \"log\"\n[roles]\nadmin = [\"user:nobody-here\"]\n";
    fs::write(folder.join("dihya.toml"), text).unwrap();
    for args in [&["export", "--reason", "x", "--out", "x"][..], &["import", "x", "--reason", "x"][..]] {
        let before = ledger(&folder.join("log")).len();
        let (code, _, err) = dihya(&folder, args);
        assert!(code == Some(1) && err.contains("[roles]"), "{args:?}: {err}");
        let denied = ledger(&folder.join("log")).split_off(before);
        let denied: Vec<&Fact> = denied.iter().map(|entry| &entry.fact).collect();
        assert_eq!(denied, [&Fact::Denied { operation: args[0].to_owned() }]);
    }
    assert!(!folder.join("x").exists());
}

#[test]
fn every_command_has_a_manual_page() {
    let folder = log("man");
    let (code, out, err) = dihya(&folder, &["man", "--out", "man1"]);
    assert_eq!(code, Some(0), "{out}{err}");
    let (_, help, _) = dihya(&folder, &["--help"]);
    let listed = help.split("Commands:\n").nth(1).unwrap().split("\n\n").next().unwrap();
    let names: Vec<&str> = listed
        .lines()
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert!(names.len() > 15, "{names:?}");
    for name in names.into_iter().filter(|name| *name != "help") {
        let page = fs::read_to_string(folder.join(format!("man1/dihya-{name}.1"))).unwrap();
        assert!(page.contains(".SH NAME") && page.contains(".SH SYNOPSIS"), "{name}");
    }
    let page = fs::read_to_string(folder.join("man1/dihya-hold-add.1")).unwrap();
    assert!(page.contains("dihya hold add") || page.contains("dihya\\-hold\\-add"), "{page}");
}
