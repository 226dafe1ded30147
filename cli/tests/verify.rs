//! `dihya verify`, `prove` and `tiles` on a log that the layer wrote.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use dihya::{Channel, Options, Policy, Record, Sector};
use serde_json::Value;

/// A folder of this test's own, with a log in it, and the id of its fifth record in the audit channel.
fn log(name: &str) -> (PathBuf, String) {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("verify-{name}"));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    let policy = Policy::sector(Sector::Generic).root(folder.join("log")).service("clinic", "1");
    let (_layer, guard) = Options::new(policy).open().unwrap();
    let mut ids = Vec::new();
    for _ in 0..3 {
        for n in 0..4 {
            let receipt = guard.handle().record(Record::new(Channel::AUDIT, "e").number("n", n)).unwrap();
            ids.push(receipt.id().to_owned());
        }
        guard.handle().commit(Channel::AUDIT).unwrap();
    }
    assert!(guard.shutdown(Duration::from_secs(20)).is_complete());
    (folder, ids.swap_remove(4))
}

fn dihya(folder: &Path, args: &[&str]) -> (Option<i32>, String, String) {
    let ran = Command::new(env!("CARGO_BIN_EXE_dihya")).args(args).current_dir(folder).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (ran.status.code(), text(ran.stdout), text(ran.stderr))
}

fn json(folder: &Path, args: &[&str]) -> (Option<i32>, Value) {
    let (code, out, err) = dihya(folder, args);
    (code, serde_json::from_str(&out).unwrap_or_else(|_| panic!("{out}{err}")))
}

fn audit(folder: &Path) -> (PathBuf, String) {
    let mut files = fs::read_dir(folder.join("log/audit")).unwrap().map(|entry| entry.unwrap().path());
    let file = files.find(|path| path.extension().is_some_and(|end| end == "jsonl")).unwrap();
    let id = format!("audit/{}", file.file_stem().unwrap().to_str().unwrap());
    (file, id)
}

#[test]
fn a_log_is_whole_until_a_byte_of_it_is_another() {
    let (folder, _) = log("whole");
    let (code, out, err) = dihya(&folder, &["verify", "--root", "log"]);
    assert_eq!(code, Some(0), "{out}{err}");
    assert!(out.contains("whole: ") && out.contains("clinic/-/ledger+"), "{out}");
    let (file, id) = audit(&folder);
    let copy = folder.join("copy.jsonl");
    fs::copy(&file, &copy).unwrap();
    let mut bytes = fs::read(&file).unwrap();
    let second = bytes.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    bytes[second + 60] ^= 1;
    fs::write(&file, &bytes).unwrap();
    let (code, report) = json(&folder, &["verify", "--root", "log", "--json"]);
    assert_eq!((code, &report["whole"]), (Some(1), &Value::Bool(false)));
    let finding = &report["findings"][0];
    assert_eq!(finding["defect"], "lines_changed");
    assert!(finding["file"].as_str().unwrap().ends_with(".jsonl"));
    assert!(!finding["advice"].as_str().unwrap().is_empty());
    let args = ["verify", "--root", "log", "--shard", &id, "--against", "copy.jsonl"];
    let (code, out, _) = dihya(&folder, &args);
    assert!(
        code == Some(1) && out.contains(&format!(":2 (byte {second}): the first line that differs")),
        "{out}"
    );
}

#[test]
fn a_key_and_a_checkpoint_that_were_kept_are_compared() {
    let (folder, _) = log("pinned");
    let (_, report) = json(&folder, &["verify", "--root", "log", "--json"]);
    fs::write(folder.join("clinic.vkey"), report["bases"][0]["vkey"].as_str().unwrap()).unwrap();
    let (file, _) = audit(&folder);
    fs::copy(file.with_extension("checkpoint"), folder.join("old.checkpoint")).unwrap();
    let args = ["verify", "--root", "log", "--vkey", "clinic.vkey", "--since", "old.checkpoint"];
    let (code, out, err) = dihya(&folder, &args);
    assert!(code == Some(0) && out.contains("the one that was given"), "{out}{err}");
    let other = log("pinned-other").0;
    for file in ["clinic.vkey", "old.checkpoint"] {
        fs::copy(folder.join(file), other.join(file)).unwrap();
    }
    let (code, out, _) = dihya(&other, &args);
    assert!(code == Some(1) && out.contains("the log's key is not the pinned one"), "{out}");
}

#[test]
fn a_record_is_proved_with_its_log_and_without() {
    let (folder, record) = log("record");
    let (code, out, err) = dihya(&folder, &["verify", "--root", "log", "--record", &record]);
    assert!(code == Some(0) && out.contains(&format!("record {record} is line ")), "{out}{err}");
    let (code, out, err) =
        dihya(&folder, &["prove", "--root", "log", "--record", &record, "--out", "r.tlog-proof"]);
    assert_eq!(code, Some(0), "{out}{err}");
    let (_, report) = json(&folder, &["verify", "--root", "log", "--json"]);
    let vkey = report["bases"][0]["vkey"].as_str().unwrap();
    fs::remove_dir_all(folder.join("log")).unwrap();
    let check = ["verify", "--bundle", "r.tlog-proof", "--vkey", vkey];
    let (code, out, err) = dihya(&folder, &check);
    assert!(code == Some(0) && out.contains(&record) && out.contains("whole: line "), "{out}{err}");
    let text = fs::read_to_string(folder.join("r.tlog-proof")).unwrap();
    let index = text.lines().find(|line| line.starts_with("index ")).unwrap();
    fs::write(folder.join("r.tlog-proof"), text.replace(index, "index 0")).unwrap();
    let (code, out, _) = dihya(&folder, &check);
    assert!(code == Some(1) && out.contains("NOT PROVED"), "{out}");
}

#[test]
fn tiles_are_written_with_the_key_that_others_need() {
    let (folder, _) = log("tiles");
    let (_, id) = audit(&folder);
    let (code, out, err) = dihya(&folder, &["tiles", "--root", "log", "--shard", &id, "--out", "tiles"]);
    assert_eq!(code, Some(0), "{out}{err}");
    assert!(out.contains(&format!("\tclinic/-/{id}+")), "{out}");
    for file in ["checkpoint", "tile/0", "tile/entries"] {
        assert!(folder.join("tiles").join(file).exists(), "{file}");
    }
}

#[test]
fn what_is_not_there_or_not_understood_has_codes_of_its_own() {
    let (folder, _) = log("codes");
    for (args, expected) in [
        (&["verify", "--root", "nowhere"][..], 3),
        (&["verify", "--root", "log", "--checkpoint", "nowhere"], 3),
        (&["verify", "--root", "log", "--vkey", "no key"], 2),
        (&["verify", "--root", "log", "--shard", "audit"], 2),
        (&["verify", "--root", "log", "--record", "7"], 2),
        (&["verify", "--bundle", "nowhere", "--vkey", "no key"], 2),
        (&["verify", "--root", "log", "--record", "nobody"], 1),
        (&["prove", "--root", "log", "--record", "nobody", "--out", "-"], 1),
        (&["tiles", "--root", "log", "--shard", "audit/1999-01-01", "--out", "tiles"], 3),
    ] {
        let (code, _, err) = dihya(&folder, args);
        assert_eq!(code, Some(expected), "{args:?}: {err}");
        assert!(err.contains("error: "), "{args:?}: {err}");
    }
}
