//! What a rule's check works with: the policy, facts about it, seeds, and a tally of what was shown.

use std::collections::BTreeSet;

use dihya::inspect::{self, DetectorInfo};
use dihya::{Policy, Setting};

use super::{Failure, Sample};
use crate::canary::Canary;
use crate::seed::Seed;

/// One rule's run.
pub(crate) struct Context {
    /// As the service gives it.
    pub(crate) policy: Policy,
    pub(crate) facts: Facts,
    /// The first case's seed.
    pub(crate) seed: u64,
    pub(crate) cases: u32,
    pub(crate) keys: Vec<String>,
    pub(crate) samples: Vec<Sample>,
    /// What a child process of this test was told; `None` in the test itself.
    pub(crate) told: Option<String>,
    /// The test's name as the test runner has it, to run it as a child.
    pub(crate) test: String,
    pub(crate) tally: Tally,
}

/// What was shown, for the evidence.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Cases run.
    pub(crate) cases: u64,
    /// Single checks: secrets planted and looked for, lines compared, days counted.
    pub(crate) checks: u64,
    /// Of these, how many a positive control saw first.
    pub(crate) controls: u64,
    /// What a reader must know to judge the result.
    pub(crate) notes: BTreeSet<String>,
}

impl Context {
    /// The seeds of all cases.
    pub(crate) fn seeds(&self) -> impl Iterator<Item = u64> + use<> {
        let first = self.seed;
        (0..u64::from(self.cases)).map(move |case| first.wrapping_add(case))
    }

    /// Notes something for the reader of the evidence.
    pub(crate) fn note(&mut self, text: impl Into<String>) {
        self.tally.notes.insert(text.into());
    }

    /// Counts checks, each with its positive control.
    pub(crate) fn count(&mut self, checks: usize) {
        self.tally.checks += checks as u64;
        self.tally.controls += checks as u64;
    }

    /// Detectors that the policy leaves on; those it switches off are noted.
    pub(crate) fn detectors(&mut self) -> Vec<DetectorInfo> {
        for name in self.facts.off.clone() {
            self.note(format!("the policy switches the detector {name} off: nothing is claimed for it"));
        }
        inspect::detectors()
            .filter(|detector| !self.facts.off.iter().any(|off| off == detector.name))
            .collect()
    }

    /// A canary of every detector, and some that only a name gives away.
    pub(crate) fn canaries(&mut self, seed: u64) -> Vec<Canary> {
        let mut seed = Seed::new(seed);
        let formed: Vec<Canary> =
            self.detectors().iter().map(|detector| Canary::of(detector, &mut seed)).collect();
        formed.into_iter().chain((0..12).map(|_| Canary::plain(&mut seed))).collect()
    }
}

/// What a policy says, read from what it shows of itself.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    settings: Vec<Setting>,
    /// Detectors switched off.
    pub(crate) off: Vec<String>,
}

impl Facts {
    pub(crate) fn of(policy: &Policy) -> Facts {
        let mut facts = Facts { settings: policy.settings(), off: Vec::new() };
        facts.off = facts.list("redact.off");
        facts
    }

    /// The text of a setting, without quotes.
    pub(crate) fn text(&self, key: &str) -> Option<String> {
        match self.value(key)? {
            toml::Value::String(text) => Some(text),
            other => Some(other.to_string()),
        }
    }

    /// A list of texts; empty if there is none.
    pub(crate) fn list(&self, key: &str) -> Vec<String> {
        let items = match self.value(key) {
            Some(toml::Value::Array(items)) => items,
            _ => return Vec::new(),
        };
        items.into_iter().filter_map(|item| item.as_str().map(str::to_owned)).collect()
    }

    pub(crate) fn is(&self, key: &str) -> bool {
        self.text(key).as_deref() == Some("true")
    }

    /// All channels, in the policy's order.
    pub(crate) fn channels(&self) -> Vec<String> {
        let names = self.settings.iter().filter_map(|setting| {
            setting.key().strip_prefix("channels.")?.strip_suffix(".on_full").map(str::to_owned)
        });
        names.collect()
    }

    /// Channels that must not lose a record.
    pub(crate) fn lossless(&self) -> Vec<String> {
        let blocks =
            |name: &String| self.text(&format!("channels.{name}.on_full")).as_deref() == Some("block");
        self.channels().into_iter().filter(blocks).collect()
    }

    /// Channels that keep declared fields only.
    pub(crate) fn strict(&self) -> Vec<String> {
        self.channels().into_iter().filter(|name| self.is(&format!("channels.{name}.strict"))).collect()
    }

    /// Whether the policy lets something out that the built-in rules would hide.
    pub(crate) fn has_exceptions(&self) -> bool {
        let keeps = !self.list("redact.keep_keys").is_empty();
        keeps || self.settings.iter().any(|setting| setting.key().starts_with("redact.allow["))
    }

    /// Names of the detectors that the policy adds.
    pub(crate) fn own_detectors(&self) -> Vec<String> {
        let is_name = |key: &str| key.starts_with("redact.detectors[") && key.ends_with("].name");
        let keys = self.settings.iter().map(Setting::key).filter(|key| is_name(key));
        keys.filter_map(|key| self.text(key)).collect()
    }

    /// Whether a marker's word is not one of the built-in rules: the policy added it.
    pub(crate) fn is_own(&self, label: &str) -> bool {
        let built_in = [
            "key_authentication",
            "key_payment",
            "key_identity",
            "key_health",
            "overrun",
            "panic",
            "unformattable",
        ];
        !built_in.contains(&label) && inspect::detectors().all(|detector| detector.name != label)
    }

    fn value(&self, key: &str) -> Option<toml::Value> {
        let text = self.settings.iter().find(|setting| setting.key() == key)?.value()?;
        let table: toml::Table = format!("value = {text}").parse().ok()?;
        table.get("value").cloned()
    }
}

/// A number from the environment.
pub(crate) fn number(variable: &str) -> Result<Option<u64>, Failure> {
    match std::env::var(variable) {
        Err(std::env::VarError::NotPresent) => Ok(None),
        Ok(text) => text.parse().map(Some).map_err(|_| ()),
        Err(_) => Err(()),
    }
    .map_err(|()| Failure::new(format!("{variable} is set and is no whole number: unset it or give one")))
}

#[cfg(test)]
mod tests {
    use dihya::Sector;

    use super::*;

    #[test]
    fn facts_are_those_of_the_file() {
        let text = "[storage]\nroot = \"/l\"\n[redact]\noff = [\"email\"]\n[channels.app]\nstrict = true\nfields = [\"a\"]\n";
        let facts = Facts::of(&Policy::parse(text, "p").unwrap());
        assert_eq!(facts.off, ["email"]);
        assert_eq!(facts.strict(), ["app"]);
        assert_eq!(facts.list("channels.app.fields"), ["a"]);
        assert_eq!(facts.text("channels.audit.retention.floor").as_deref(), Some("P6M"));
        assert_eq!(facts.lossless(), ["audit", "security", "generation"]);
        assert!(Facts::of(&Policy::sector(Sector::Health)).strict().is_empty());
    }
}
