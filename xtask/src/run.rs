//! Running steps: the output of each command is shown as it comes, and its test counts are read on the way.

use std::io::{BufRead, BufReader, IsTerminal, Read, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::Context;
use crate::steps::Step;

/// Tests that a runner reported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Tests that passed.
    pub(crate) passed: u64,
    /// Tests that failed.
    pub(crate) failed: u64,
    /// Tests marked as ignored.
    pub(crate) ignored: u64,
}

impl Counts {
    /// The sum of two reports.
    pub(crate) fn plus(self, other: Self) -> Self {
        Self {
            passed: self.passed + other.passed,
            failed: self.failed + other.failed,
            ignored: self.ignored + other.ignored,
        }
    }
}

/// How a step ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It succeeded; the counts are zero where no tests were run.
    Passed(Counts),
    /// It failed, and why.
    Failed(Counts, String),
    /// It could not run, and why. `excused` where that is no failure even with `CI=true`.
    NotRun {
        /// What is missing.
        why: String,
        /// Nothing can be done about it here.
        excused: bool,
    },
}

/// A step with its end.
pub(crate) struct Finished {
    /// The step's name.
    pub(crate) name: &'static str,
    /// How it ended.
    pub(crate) outcome: Outcome,
    /// How long it took.
    pub(crate) took: Duration,
}

/// Run every step, whatever becomes of those before it: one run shows everything that is wrong.
pub(crate) fn all(steps: &[Step], context: &Context) -> Vec<Finished> {
    let one = |(index, step): (usize, &Step)| {
        println!("==> [{}/{}] {}", index + 1, steps.len(), step.name);
        let start = Instant::now();
        let outcome = (step.work)(context);
        let took = start.elapsed();
        match &outcome {
            Outcome::Passed(_) => println!("==> {} passed in {:.1} s", step.name, took.as_secs_f64()),
            Outcome::Failed(_, why) => println!("==> {} FAILED: {why}", step.name),
            Outcome::NotRun { why, .. } => println!("==> {} not run: {why}", step.name),
        }
        Finished { name: step.name, outcome, took }
    };
    steps.iter().enumerate().map(one).collect()
}

/// `cargo ARGS` in the workspace root.
pub(crate) fn cargo(context: &Context, args: &[&str]) -> Outcome {
    let mut command = Command::new("cargo");
    command.args(args);
    run(context, command)
}

/// Run a command in the workspace root, with the variables that tests read.
pub(crate) fn run(context: &Context, mut command: Command) -> Outcome {
    command
        .current_dir(&context.root)
        .envs(context.tools.variables())
        .env("DIHYA_NOT_RUN", &context.not_run)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    if std::io::stderr().is_terminal() {
        // Cargo sees a pipe, not the terminal behind it.
        command.env("CARGO_TERM_COLOR", "always");
    }
    println!("    {}", shown(&command));
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => return Outcome::Failed(Counts::default(), format!("it did not start: {error}")),
    };
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let counts = std::thread::scope(|scope| {
        let out = scope.spawn(move || out.map_or_else(Counts::default, |pipe| copy(pipe, std::io::stdout())));
        let err = scope.spawn(move || err.map_or_else(Counts::default, |pipe| copy(pipe, std::io::stderr())));
        out.join().unwrap_or_default().plus(err.join().unwrap_or_default())
    });
    match child.wait() {
        Ok(status) if status.success() => Outcome::Passed(counts),
        Ok(status) => Outcome::Failed(counts, status.to_string()),
        Err(error) => Outcome::Failed(counts, error.to_string()),
    }
}

fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

/// Copy bytes as they are, line by line, and add up the summaries of test runners.
fn copy(pipe: impl Read, mut terminal: impl Write) -> Counts {
    let mut reader = BufReader::new(pipe);
    let mut counts = Counts::default();
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
        // A closed terminal must not stop the tests.
        let _ = terminal.write_all(&line).and_then(|()| terminal.flush());
        counts = counts.plus(summary(&String::from_utf8_lossy(&line)));
        line.clear();
    }
    counts
}

/// Read `test result: ok. 3 passed; 0 failed; 1 ignored; …` (libtest) and
/// `Summary [0.1s] 3 tests run: 2 passed (1 slow), 1 failed, 1 skipped` (nextest). Any other line counts nothing.
fn summary(line: &str) -> Counts {
    let plain = without_colours(line);
    let trimmed = plain.trim_start();
    // nextest shows the output of a failed test, with libtest's summary, indented: those tests it counts itself.
    if !plain.starts_with("test result: ") && !trimmed.starts_with("Summary [") {
        return Counts::default();
    }
    let words: Vec<&str> = trimmed.split_whitespace().collect();
    let before = |names: &[&str]| -> u64 {
        let amount = |pair: &[&str]| {
            let name = pair[1].trim_end_matches([',', ';']);
            if names.contains(&name) { pair[0].parse().unwrap_or(0) } else { 0 }
        };
        words.windows(2).map(amount).sum()
    };
    Counts {
        passed: before(&["passed"]),
        failed: before(&["failed"]) + if trimmed.starts_with("Summary") { before(&["timed"]) } else { 0 },
        ignored: before(&["ignored", "skipped"]),
    }
}

fn without_colours(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    let mut rest = line.chars();
    while let Some(char) = rest.next() {
        if char == '\u{1b}' {
            // CSI sequences end with a letter.
            rest.by_ref().find(|char| char.is_ascii_alphabetic());
        } else {
            plain.push(char);
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summaries_of_both_runners_are_counted() {
        let libtest =
            summary("test result: FAILED. 3 passed; 2 failed; 1 ignored; 0 measured; 4 filtered out\n");
        assert_eq!(libtest, Counts { passed: 3, failed: 2, ignored: 1 });
        let nextest = summary(
            "     Summary [   1.2s] 9 tests run: 6 passed (2 slow), 2 failed, 1 timed out, 5 skipped\n",
        );
        assert_eq!(nextest, Counts { passed: 6, failed: 3, ignored: 5 });
        let coloured = summary(
            "\u{1b}[32;1m     Summary\u{1b}[0m [   0.1s] \u{1b}[1m2\u{1b}[0m tests run: \u{1b}[1m2\u{1b}[0m \u{1b}[32mpassed\u{1b}[0m, \u{1b}[1m0\u{1b}[0m skipped\n",
        );
        assert_eq!(coloured, Counts { passed: 2, failed: 0, ignored: 0 });
    }

    #[test]
    fn what_a_test_prints_is_not_counted() {
        assert_eq!(summary("the service says: 7 passed, 3 failed\n"), Counts::default());
        assert_eq!(summary("    test result: FAILED. 0 passed; 1 failed; 0 ignored\n"), Counts::default());
    }

    #[test]
    fn output_is_copied_byte_for_byte() {
        let bytes = b"one\nnot utf-8: \xff\ntest result: ok. 1 passed; 0 failed\nno newline".to_vec();
        let mut copied = Vec::new();
        let counts = copy(bytes.as_slice(), &mut copied);
        assert_eq!(copied, bytes);
        assert_eq!(counts.passed, 1);
    }
}
