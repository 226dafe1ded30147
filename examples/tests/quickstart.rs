//! The README's code, run as a newcomer would: in an empty folder.

mod common;

use std::process::Command;

use common::{Folder, contains, example, files};

#[test]
fn every_event_of_the_quickstart_is_in_its_channel_and_its_secrets_are_nowhere() {
    let folder = Folder::new("quickstart");
    let output = Command::new(example("quickstart")).current_dir(folder.path(".")).output().expect("it runs");
    let files = files(&folder.path("logs"));
    let texts: Vec<_> = files.iter().filter_map(|(path, _, bytes)| Some((path, bytes.as_ref()?))).collect();
    for (channel, safe) in [("audit", "sensitive_read"), ("app", "so are mail addresses")] {
        let there = texts.iter().any(|(path, text)| {
            path.extension().is_some_and(|extension| extension == "jsonl")
                && path.to_string_lossy().contains(&format!("logs/{channel}/"))
                && contains(text, safe)
        });
        assert!(there, "channel {channel} lacks `{safe}`");
    }
    for secret in ["never written", "jane@example.org"] {
        let leaked = texts.iter().any(|(_, text)| contains(text, secret));
        assert!(!leaked && !contains(&output.stdout, secret) && !contains(&output.stderr, secret), "a leak");
    }
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(contains(&output.stdout, "audit: 1 records"), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn the_quickstart_is_the_code_of_the_readme() {
    let readme = include_str!("../../README.md");
    let (_, rest) = readme.split_once("```rust,no_run\n").expect("the README shows code");
    let (shown, _) = rest.split_once("```\n").expect("the code ends");
    let (_, run) = include_str!("../quickstart.rs").split_once("\n\n").expect("docs and a lint come first");
    assert_eq!(shown, run);
}
