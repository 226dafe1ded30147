//! What the fuzz targets reach beyond the public API. Not part of it: anything here may change at any time.

use std::sync::LazyLock;

use tracing_core::Level;

use crate::callsite::{Action, Rules};
use crate::channel::Channel;
use crate::policy::Policy;
use crate::profile::Sector;
use crate::record::stamp::Stamp;
use crate::record::{self, Context, Outcome};
use crate::redact::scan::Found;
use crate::values::Values;

/// Whether the vectorised filter and its plain twin name the same candidates.
pub fn filters_agree(bytes: &[u8]) -> bool {
    RULES.scanner.filters_agree(bytes)
}

/// `text` with everything found in it masked.
pub fn masked(text: &str) -> String {
    RULES.scanner.masked(&RULES.keys, text, &mut Vec::new())
}

/// The record of an event with these fields, in the channel `app`.
pub fn record(fields: &[(String, String)]) -> Vec<u8> {
    let names = fields.iter().map(|(name, _)| name.as_str());
    let target = fields.first().map_or("fuzzed", |(name, _)| name.as_str());
    let plan = RULES.compile(Channel::APP, Level::INFO, None, target, names);
    let (mut values, mut found) = (Values::default(), Found::default());
    for (index, ((_, text), field)) in fields.iter().zip(&plan.fields).enumerate() {
        match field.action {
            Action::Scan => values.text(index, text),
            Action::Mask(label) => values.marker(index, label),
            Action::Drop => {}
        }
    }
    RULES.scanner.scan(&RULES.keys, &mut values, &mut found);
    let tail = record::tail(&RULES.policy.service);
    let context =
        Context { unix_micros: 1_795_254_330_000_000, random: 7, trace: None, spans: &[], tail: &tail };
    let mut line = Vec::new();
    record::write(
        &mut line,
        &mut Stamp::default(),
        &plan,
        &values,
        &found,
        &context,
        &mut Outcome::default(),
    );
    line
}

static RULES: LazyLock<Rules> =
    LazyLock::new(|| Rules::new(Policy::sector(Sector::Generic).service("fuzzed", "0")));
