//! The commands of the README are run as they stand there, so that they cannot grow old.

use std::process::Command;

use crate::Context;
use crate::run::{Counts, Outcome, run};

/// Run each command of a fenced `sh` block of README.md. The test command itself is not run again: it is running.
pub(crate) fn run_commands(context: &Context) -> Outcome {
    let Ok(text) = std::fs::read_to_string(context.root.join("README.md")) else {
        return Outcome::Failed(Counts::default(), "README.md is missing".to_owned());
    };
    let commands = commands(&text);
    for promised in [MAIN_JOB, TEST_COMMAND] {
        if !commands.contains(&promised) {
            return Outcome::Failed(
                Counts::default(),
                format!("README.md has no `sh` block with `{promised}`"),
            );
        }
    }
    for line in commands.into_iter().filter(|line| *line != TEST_COMMAND) {
        let mut command = Command::new("sh");
        command.args(["-euc", line]);
        let outcome = run(context, command);
        if !matches!(outcome, Outcome::Passed(_)) {
            return outcome;
        }
    }
    Outcome::Passed(Counts::default())
}

/// One command per line; comments and empty lines are not commands.
fn commands(text: &str) -> Vec<&str> {
    let mut commands = Vec::new();
    let mut fence: Option<&str> = None;
    for line in text.lines() {
        match (line.trim_start().strip_prefix("```"), fence) {
            (Some(language), None) => fence = Some(language.trim()),
            (Some(_), Some(_)) => fence = None,
            (None, Some("sh")) => commands.push(line.trim()),
            (None, _) => {}
        }
    }
    commands.retain(|line| !line.is_empty() && !line.starts_with('#'));
    commands
}

const MAIN_JOB: &str = "cargo run --release --example clinic";
const TEST_COMMAND: &str = "cargo xtask test";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_readme_is_a_failure() {
        let root = std::env::temp_dir().join(format!("dihya-xtask-no-readme-{}", std::process::id()));
        let context = Context {
            root,
            ci: false,
            tools: crate::tools::Tools::without_servers(),
            not_run: "/dev/null".into(),
            seconds: 1,
        };
        assert!(matches!(run_commands(&context), Outcome::Failed(_, why) if why.contains("README.md")));
    }

    #[test]
    fn only_sh_blocks_hold_commands() {
        let text = "a\n```sh\n# why\ncargo one\n\n  cargo two\n```\ncargo prose\n```rust\nlet a = 1;\n```\n```text\ncargo shown\n```\n```sh\ncargo three\n```\n";
        assert_eq!(commands(text), ["cargo one", "cargo two", "cargo three"]);
    }
}
