//! The schema accepts the policies that the reader accepts, and refuses what an editor can know to be wrong.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use dihya::{Policy, Sector};
use jsonschema::Validator;
use serde_json::Value;

fn valid(text: &str) -> bool {
    static SCHEMA: OnceLock<Validator> = OnceLock::new();
    let schema = SCHEMA.get_or_init(|| {
        let schema: Value = serde_json::from_str(&Policy::json_schema()).unwrap();
        jsonschema::draft202012::new(&schema).unwrap()
    });
    let policy: Value = toml::from_str(text).unwrap();
    schema.is_valid(&policy)
}

fn files(name: &str) -> Vec<(PathBuf, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../layer/tests/policies").join(name);
    let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    paths.map(|path| (path.clone(), std::fs::read_to_string(path).unwrap())).collect()
}

#[test]
fn the_schema_is_a_schema() {
    let schema: Value = serde_json::from_str(&Policy::json_schema()).unwrap();
    assert!(jsonschema::meta::is_valid(&schema));
}

#[test]
fn right_policies_satisfy_the_schema() {
    let right = files("right");
    assert!(!right.is_empty());
    for (path, text) in right {
        assert!(valid(&text), "{}", path.display());
        assert!(valid(&Policy::parse(&text, "f").unwrap().to_toml(false)), "{} as shown", path.display());
    }
    for sector in Sector::ALL {
        assert!(valid(&Policy::starter(sector)));
        assert!(valid(&Policy::sector(sector).root("logs").to_toml(false)));
    }
}

#[test]
fn wrong_policies_that_a_schema_can_tell_do_not() {
    // The others are wrong in ways a schema has no words for: sizes, order, names that refer to one another.
    let told = [
        "allowances",
        "allowances-that-cannot-be-read",
        "control-characters",
        "detectors",
        "empty",
        "no-root",
        "redact",
        "silenced-evidence",
        "strict-without-fields",
        "unknown-keys",
        "wrong-names",
        "wrong-types",
        "wrong-units",
        "wrong-words",
    ];
    for (path, text) in files("wrong") {
        let name = path.file_stem().unwrap().to_str().unwrap();
        if told.contains(&name) {
            assert!(!valid(&text), "{name}");
        }
    }
}

#[test]
fn one_wrong_key_among_right_ones_is_enough() {
    let right =
        "[storage]\nroot = \"logs\"\n[channels.audit]\nqueue = \"4 MiB\"\n[channels.own]\nsync = \"1s\"\n";
    assert!(valid(right));
    for (old, new) in [
        ("queue", "quue"),
        ("4 MiB", "4 MB"),
        ("\"4 MiB\"", "4"),
        ("root", "rot"),
        ("channels.own", "channels.Own"),
        ("\"1s\"", "\"often\""),
        ("storage", "stores"),
    ] {
        assert!(!valid(&right.replace(old, new)), "{new}");
    }
}
