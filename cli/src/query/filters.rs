//! Which records: what `query` and `export` ask by.

use clap::ValueEnum;
use dihya::Clock;
use dihya::query::{Condition, Level, Query, time};

use crate::Answer;

/// Conditions on records; all of them hold.
#[derive(clap::Args)]
pub(crate) struct Filters {
    /// Only this channel; may be given more than once, or with commas
    #[arg(long, short, value_name = "NAME", value_delimiter = ',')]
    pub(crate) channel: Vec<String>,
    /// Nothing before this time
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<String>,
    /// Nothing at or after this time
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<String>,
    /// Only events of this name; of several, any
    #[arg(long, short, value_name = "NAME", value_delimiter = ',')]
    event: Vec<String>,
    /// At least this severe; audit and security count as info
    #[arg(long, short, value_enum)]
    level: Option<Severity>,
    /// Only records of this tenant (`tenant_id`)
    #[arg(long, value_name = "ID")]
    tenant: Option<String>,
    /// A condition on a field; of several, all
    #[arg(long = "where", short = 'w', value_name = "FIELD=VALUE")]
    conditions: Vec<Condition>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Severity {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
}

impl Filters {
    /// As the library takes them.
    pub(crate) fn query(&self) -> Result<Query, Answer> {
        let (since, until) = between(self.since.as_deref(), self.until.as_deref())?;
        Ok(Query {
            channels: self.channel.clone(),
            since,
            until,
            events: self.event.clone(),
            level: self.level.map(|level| match level {
                Severity::Trace => Level::Trace,
                Severity::Debug => Level::Debug,
                Severity::Info => Level::Info,
                Severity::Warn => Level::Warn,
                Severity::Error => Level::Error,
            }),
            tenant: self.tenant.clone(),
            conditions: self.conditions.clone(),
            ..Query::default()
        })
    }
}

/// A time from which on and one before which, as they were given.
pub(crate) fn between(
    since: Option<&str>,
    until: Option<&str>,
) -> Result<(Option<i64>, Option<i64>), Answer> {
    let now = Clock::system().now();
    let at = |text: Option<&str>| {
        let time = text.map(|text| time(text, now)).transpose();
        time.map_err(|error| Answer::unclear(format!("error: {error}\n")))
    };
    let (since, until) = (at(since)?, at(until)?);
    if since.zip(until).is_some_and(|(since, until)| since >= until) {
        let text = "error: --until is not after --since, so that nothing lies between them\n";
        return Err(Answer::unclear(text));
    }
    Ok((since, until))
}
