//! How long a channel's records are kept, and why.

use super::error::Problem;
use super::period::Period;

/// The time limits of one channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Retention {
    /// No record is purged sooner.
    pub(crate) floor: Period,
    /// Records are purged after this.
    pub(crate) default: Period,
    /// No record may be kept longer.
    pub(crate) ceiling: Period,
    /// Records stay immediately readable at least this long.
    pub(crate) hot: Option<Period>,
    /// The text the periods come from.
    pub(crate) source: String,
    pub(crate) legal_basis: Option<String>,
    /// The internal-control purpose behind a ceiling over twelve months.
    pub(crate) case: Option<String>,
    /// The written justification of it.
    pub(crate) document: Option<String>,
}

impl Retention {
    /// What is wrong, under the given key.
    pub(crate) fn problems(&self, key: &str) -> Vec<Problem> {
        let mut problems = Vec::new();
        for ((low, a), (high, b)) in [
            (("floor", self.floor), ("default", self.default)),
            (("default", self.default), ("ceiling", self.ceiling)),
        ] {
            if !a.never_longer_than(b) {
                problems.push(Problem::new(
                    format!("{key}.{low}"),
                    format!("a period that is never longer than the {high}, {b}"),
                    a.to_string(),
                ).help("floor <= default <= ceiling must hold whatever the day; set the three together, in the same unit"));
            }
        }
        if let Some(hot) = self.hot
            && !hot.never_longer_than(self.default)
        {
            let expected = format!("a period that is never longer than the default, {}", self.default);
            problems.push(Problem::new(format!("{key}.hot"), expected, hot.to_string()));
        }
        let missing: Vec<&str> = [("`case`", &self.case), ("`document`", &self.document)]
            .into_iter()
            .filter(|(_, text)| text.is_none())
            .map(|(name, _)| name)
            .collect();
        if !missing.is_empty() && !self.ceiling.never_longer_than(Period::months(12)) {
            let expected = "P12M at most, or a written justification in `case` and `document`";
            let found = format!("{} without {}", self.ceiling, missing.join(" and "));
            problems.push(Problem::new(format!("{key}.ceiling"), expected, found).help(
                "CNIL 2021-122 [S] asks for 6 to 12 months, and up to 3 years for documented internal control: name the \
                 purpose in `case` and where it is justified in `document`, or lower the ceiling",
            ));
        }
        problems
    }
}
