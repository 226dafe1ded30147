//! The command line as its user meets it: each snapshot is a command, its exit code, and what it wrote where.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A folder of its own for each test, removed at its end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("dihya-cli-{}-{name}", std::process::id()));
        std::fs::create_dir(&path).unwrap();
        Folder(path)
    }

    fn file(&self, name: &str, text: &str) {
        std::fs::write(self.0.join(name), text).unwrap();
    }

    fn run(&self, arguments: &[&str]) -> String {
        let output =
            Command::new(env!("CARGO_BIN_EXE_dihya")).args(arguments).current_dir(&self.0).output().unwrap();
        let mut text = format!("$ dihya {}\n[exit {}]\n", arguments.join(" "), output.status.code().unwrap());
        for (name, bytes) in [("stdout", &output.stdout), ("stderr", &output.stderr)] {
            if !bytes.is_empty() {
                let _ = write!(text, "[{name}]\n{}", std::str::from_utf8(bytes).unwrap());
            }
        }
        text
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

const RIGHT: &str = r#"sector = "health"

[service]
name = "clinic"
version = "1.4.2"

[storage]
root = "logs"

[channels.audit]
queue = "8 MiB"
"#;

const WRONG: &str = "[storage]\nroot = \"logs\"\n\n[channels.audit]\nquue = \"8 MiB\"\nlevel = 7\n";

#[test]
fn help_names_what_there_is() {
    let folder = Folder::new("help");
    insta::assert_snapshot!("help", folder.run(&["--help"]));
    insta::assert_snapshot!("help-policy", folder.run(&["policy", "--help"]));
    insta::assert_snapshot!("help-check", folder.run(&["check", "--help"]));
    insta::assert_snapshot!("help-policy-show", folder.run(&["policy", "show", "--help"]));
}

#[test]
fn a_right_policy_is_fine_and_a_wrong_one_is_shown_with_carets() {
    let folder = Folder::new("check");
    folder.file("right.toml", RIGHT);
    folder.file("wrong.toml", WRONG);
    insta::assert_snapshot!("check-right", folder.run(&["policy", "check", "right.toml"]));
    insta::assert_snapshot!("check-wrong", folder.run(&["policy", "check", "wrong.toml"]));
    insta::assert_snapshot!("check-missing", folder.run(&["policy", "check"]));
    insta::assert_snapshot!("check-folder", folder.run(&["policy", "check", "."]));
}

const OWN: &str = r#"[storage]
root = "logs"

[redact]
keep_keys = ["author_email"]

[[redact.detectors]]
name = "clinic_badge"
prefix = "cb_"
alphabet = "alnum"
min_length = 16

[[redact.detectors]]
name = "record_uuid"
regex = '\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b'

[[redact.allow]]
detector = "email"
field = "author_email"
reason = "authors of commits are public"
"#;

#[test]
fn what_a_policy_adds_is_told_with_its_cost() {
    let folder = Folder::new("own");
    folder.file("own.toml", OWN);
    let text = folder.run(&["policy", "check", "own.toml"]);
    // Measured figures, each unlike the last.
    let mut shown = String::new();
    for line in text.lines() {
        let words = line.split(' ').scan("", |before, word| {
            let measured = matches!(*before, "costs" | "makes");
            *before = word;
            let word = if measured && word.parse::<f64>().is_ok_and(|n| n.is_finite()) { "N" } else { word };
            Some(word)
        });
        let _ = writeln!(shown, "{}", words.collect::<Vec<_>>().join(" "));
    }
    insta::assert_snapshot!("check-own", shown);
}

#[test]
fn what_a_service_has_to_be_built_with_is_told() {
    let folder = Folder::new("features");
    folder.file("plain.toml", RIGHT);
    let more = "[lifecycle]\nrun = true\n[archive]\nstores = [\"s3://bucket/logs?region=eu-west-3\"]\n[otlp]\nendpoint = \"http://127.0.0.1:1\"\n\
                protocol = \"grpc\"\n[alerts.sinks.pager]\ntype = \"alertmanager\"\nurl = \"http://127.0.0.1:1\"\n\
                [[redact.detectors]]\nname = \"badge\"\nregex = \"CB-[0-9]{8}\"\n";
    folder.file("all.toml", &format!("{RIGHT}{more}"));
    let told = folder.run(&["policy", "check", "--policy", "all.toml"]);
    assert!(told.contains("built with the features: alerts, archive, otlp-grpc, regex, s3\n"), "{told}");
    assert!(!folder.run(&["policy", "check", "plain.toml"]).contains("features"), "it takes none");
}

#[test]
fn a_file_that_is_no_toml_is_not_said_to_be_right_otherwise() {
    let folder = Folder::new("torn");
    folder.file("torn.toml", "[storage]\nroot = \"logs\nlevel = 7\n");
    insta::assert_snapshot!("check-torn", folder.run(&["policy", "check", "torn.toml"]));
}

#[test]
fn show_explains_every_value() {
    let folder = Folder::new("show");
    folder.file("dihya.toml", RIGHT);
    folder.file("wrong.toml", WRONG);
    insta::assert_snapshot!("show", folder.run(&["policy", "show"]));
    insta::assert_snapshot!("show-json", folder.run(&["policy", "show", "--json"]));
    insta::assert_snapshot!("show-sector", folder.run(&["policy", "show", "--sector", "ecommerce"]));
    insta::assert_snapshot!("show-wrong", folder.run(&["policy", "show", "wrong.toml"]));
    insta::assert_snapshot!("show-usage", folder.run(&["policy", "show", "--sector", "school"]));
}

#[test]
fn what_show_prints_as_toml_is_fine_and_shows_the_same() {
    let folder = Folder::new("round");
    folder.file("dihya.toml", RIGHT);
    let first = stdout(&folder.run(&["policy", "show", "--toml"]));
    assert!(first.contains("queue = \"8 MiB\""));
    folder.file("again.toml", &first);
    assert!(folder.run(&["policy", "check", "again.toml"]).contains("[exit 0]"));
    assert_eq!(stdout(&folder.run(&["policy", "show", "--toml", "again.toml"])), first);
}

#[test]
fn init_writes_a_file_that_is_fine_and_never_over_another() {
    let folder = Folder::new("init");
    insta::assert_snapshot!("init", folder.run(&["policy", "init", "--sector", "health"]));
    insta::assert_snapshot!("init-again", folder.run(&["policy", "init"]));
    insta::assert_snapshot!("init-check", folder.run(&["policy", "check"]));
    let written = std::fs::read_to_string(folder.0.join("dihya.toml")).unwrap();
    assert_eq!(stdout(&folder.run(&["policy", "init", "-", "--sector", "health"])), written);
    assert!(folder.run(&["policy", "init", "absent/dihya.toml"]).contains("[exit 1]"));
}

#[test]
fn completions_know_the_commands() {
    let folder = Folder::new("completions");
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = folder.run(&["completions", shell]);
        assert!(script.contains("[exit 0]"));
        for word in ["policy", "check", "show", "schema", "init", "--strace", "--plan"] {
            assert!(script.contains(word.trim_start_matches('-')), "{shell} lacks {word}");
        }
    }
    assert!(folder.run(&["completions", "tcsh"]).contains("[exit 2]"));
}

#[test]
fn a_reader_that_leaves_early_is_no_error() {
    let folder = Folder::new("pipe");
    let dihya = env!("CARGO_BIN_EXE_dihya");
    let script = format!("set -o pipefail; '{dihya}' policy show --sector health | true");
    // Several times: the first write may still fit into the pipe.
    for _ in 0..5 {
        let status = Command::new("bash").args(["-c", &script]).current_dir(&folder.0).status().unwrap();
        assert!(status.success());
    }
}

#[test]
fn the_schema_in_the_documentation_is_the_one_printed() {
    let folder = Folder::new("schema");
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/policy.schema.json");
    let committed = std::fs::read_to_string(committed).unwrap_or_default();
    let printed = stdout(&folder.run(&["policy", "schema"]));
    assert!(printed.contains("\"$schema\""));
    assert!(committed == printed, "run `cargo run -p dihya-cli -- policy schema > docs/policy.schema.json`");
}

fn stdout(transcript: &str) -> String {
    let text = transcript.split_once("[stdout]\n").expect("the command wrote nothing to stdout").1;
    text.split("[stderr]\n").next().unwrap_or_default().to_owned()
}
