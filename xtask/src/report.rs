//! What a run comes to: a table of steps, what was not run and why, and one last line of counts.

use std::fmt;
use std::time::Duration;

use crate::Context;
use crate::run::{Counts, Finished, Outcome};

/// The end of a run.
pub(crate) struct Report<'a> {
    steps: &'a [Finished],
    not_run: Vec<NotRun>,
    ci: bool,
}

struct NotRun {
    why: String,
    excused: bool,
}

impl<'a> Report<'a> {
    /// Gather what the steps, the missing servers and the tests themselves have to say.
    pub(crate) fn new(steps: &'a [Finished], context: &Context) -> Self {
        let mut not_run = Vec::new();
        for step in steps {
            if let Outcome::NotRun { why, excused } = &step.outcome {
                not_run.push(NotRun { why: format!("step {}: {why}", step.name), excused: *excused });
            }
        }
        for (server, why) in context.tools.missing() {
            let excused = server.linux_only && !cfg!(target_os = "linux");
            not_run.push(NotRun {
                why: format!("{}: {why}; untested: {}", server.program, server.used_for),
                excused,
            });
        }
        let reported = std::fs::read_to_string(&context.not_run).unwrap_or_default();
        for line in reported.lines().filter(|line| !line.trim().is_empty()) {
            not_run.push(NotRun { why: format!("test {line}"), excused: false });
        }
        Self { steps, not_run, ci: context.ci }
    }

    /// Nothing failed and, with `CI=true`, nothing is missing that could be there.
    pub(crate) fn succeeded(&self) -> bool {
        self.counts().failed == 0
    }

    /// Tests as their runners counted them; a step that is no test runner counts as one.
    fn counts(&self) -> Counts {
        let mut total = Counts::default();
        for step in self.steps {
            let counts = match &step.outcome {
                Outcome::Passed(counts) if *counts == Counts::default() => {
                    Counts { passed: 1, ..Counts::default() }
                }
                Outcome::Passed(counts) => *counts,
                // A runner that died, or did not compile, has counted no failure: the step itself is one.
                Outcome::Failed(counts, _) => Counts { failed: counts.failed.max(1), ..*counts },
                Outcome::NotRun { .. } => Counts::default(),
            };
            total = total.plus(counts);
        }
        if self.ci {
            total.failed += self.not_run.iter().filter(|missing| !missing.excused).count() as u64;
        }
        total
    }
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n{:<14} {:<9} {:>8}  tests", "step", "result", "seconds")?;
        for step in self.steps {
            let (result, counts) = match &step.outcome {
                Outcome::Passed(counts) => ("passed", *counts),
                Outcome::Failed(counts, _) => ("FAILED", *counts),
                Outcome::NotRun { .. } => ("not run", Counts::default()),
            };
            write!(f, "{:<14} {result:<9} {:>8.1}", step.name, step.took.as_secs_f64())?;
            if counts != Counts::default() {
                write!(
                    f,
                    "  {} passed, {} failed, {} ignored",
                    counts.passed, counts.failed, counts.ignored
                )?;
            }
            writeln!(f)?;
        }
        let took: Duration = self.steps.iter().map(|step| step.took).sum();
        writeln!(f, "{:<14} {:<9} {:>8.1}", "all", "", took.as_secs_f64())?;
        if !self.not_run.is_empty() {
            writeln!(f, "\nNot run:")?;
        }
        for missing in &self.not_run {
            let failure = if self.ci && !missing.excused { " [a failure, as CI is set]" } else { "" };
            writeln!(f, "- {}{failure}", missing.why)?;
        }
        let total = self.counts();
        writeln!(f, "\n{} passed, {} failed", total.passed, total.failed)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use crate::tools::{SERVERS, Tools};

    fn report<'a>(steps: &'a [Finished], ci: bool, tools: Tools, reported: &str) -> Report<'a> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("dihya-xtask-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let not_run = std::env::temp_dir().join(name);
        std::fs::write(&not_run, reported).unwrap();
        let context = Context { root: ".".into(), ci, tools, not_run, seconds: 1 };
        let report = Report::new(steps, &context);
        std::fs::remove_file(&context.not_run).unwrap();
        report
    }

    fn finished(outcome: Outcome) -> Finished {
        Finished { name: "tests", outcome, took: Duration::from_secs(1) }
    }

    #[test]
    fn a_missing_server_is_listed_and_fails_only_in_ci() {
        for ci in [false, true] {
            let steps = [finished(Outcome::Passed(Counts { passed: 5, ..Counts::default() }))];
            let report = report(&steps, ci, Tools::lacking(&SERVERS[0], "no such thing"), "");
            assert_eq!(report.succeeded(), !ci);
            assert!(report.to_string().contains("prometheus: no such thing"));
            assert!(report.to_string().ends_with(if ci {
                "\n5 passed, 1 failed\n"
            } else {
                "\n5 passed, 0 failed\n"
            }));
        }
    }

    #[test]
    fn a_test_that_says_it_did_not_run_is_listed_and_fails_only_in_ci() {
        for ci in [false, true] {
            let steps = [finished(Outcome::Passed(Counts::default()))];
            let report = report(&steps, ci, Tools::without_servers(), "scrape: why\n\n");
            assert_eq!(report.succeeded(), !ci);
            assert!(report.to_string().contains("- test scrape: why"));
        }
    }

    #[test]
    fn a_runner_that_dies_without_a_summary_is_one_failure() {
        let steps = [finished(Outcome::Failed(Counts::default(), "exit status: 101".to_owned()))];
        let report = report(&steps, false, Tools::without_servers(), "");
        assert!(!report.succeeded());
        assert!(report.to_string().ends_with("\n0 passed, 1 failed\n"));
    }

    #[test]
    fn an_excused_step_fails_nowhere_but_is_listed() {
        let steps = [finished(Outcome::NotRun { why: "not here".to_owned(), excused: true })];
        let report = report(&steps, true, Tools::without_servers(), "");
        assert!(report.succeeded());
        assert!(report.to_string().contains("- step tests: not here\n"));
    }
}
