//! How a report stands to a clause: what it supports, and what it leaves open.

use super::{Line, Outcome, Report};
use crate::rules::clauses::Clause;

/// Where a clause stands after a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Standing {
    /// Every rule for it holds, and they cover what it asks as it is put here.
    Supported,
    /// Every rule for it that is claimed holds; something is open or not claimed.
    InPart,
    /// A rule for it does not hold.
    Failed,
    /// A rule for it was not run.
    Incomplete,
    /// No rule for it is claimed.
    NotClaimed,
    /// No rule of this suite is for it.
    NotCovered,
}

impl Standing {
    /// In a word or two.
    pub fn words(self) -> &'static str {
        match self {
            Standing::Supported => "supported",
            Standing::InPart => "supported in part",
            Standing::Failed => "failed",
            Standing::Incomplete => "incomplete",
            Standing::NotClaimed => "not claimed",
            Standing::NotCovered => "not covered",
        }
    }
}

/// Where a clause stands in a report.
pub fn standing(report: &Report, clause: &Clause) -> Standing {
    let mut passed = 0;
    let mut not_claimed = 0;
    let mut not_run = 0;
    for line in lines(report, clause) {
        match line.outcome {
            Outcome::Failed(_) => return Standing::Failed,
            Outcome::Passed => passed += 1,
            Outcome::NotClaimed(_) => not_claimed += 1,
            Outcome::NotRun(_) => not_run += 1,
        }
    }
    match (passed, not_claimed, not_run) {
        (0, 0, 0) => Standing::NotCovered,
        (_, _, 1..) => Standing::Incomplete,
        (0, _, _) => Standing::NotClaimed,
        (_, 0, _) if clause.open.is_empty() => Standing::Supported,
        _ => Standing::InPart,
    }
}

/// The lines of the rules that support a clause.
pub(super) fn lines<'a>(report: &'a Report, clause: &Clause) -> impl Iterator<Item = &'a Line> {
    let id = clause.id;
    report.lines.iter().filter(move |line| line.rule.clauses.contains(&id))
}
