//! What a program has to be built with, so that it takes a policy.

use crate::redact::custom::Form;

use super::Policy;

impl Policy {
    /// The features of `dihya` that this policy takes, in the order of the alphabet. A program built without one of them
    /// refuses it.
    pub fn features(&self) -> Vec<&'static str> {
        let archives = self.lifecycle && !self.archive.stores.is_empty();
        let in_buckets = self.archive.stores.iter().any(|store| store.starts_with("s3://"));
        let delivers = !self.delivery.sinks.is_empty() || !self.hooks.is_empty();
        let by_regex = self.redact.detectors.iter().any(|detector| is_regex(&detector.form));
        let needed = [
            (delivers, "alerts"),
            (archives, "archive"),
            (self.otlp.is_some(), self.otlp.as_ref().map_or("", |otlp| otlp.protocol.feature())),
            (by_regex, "regex"),
            (archives && in_buckets, "s3"),
        ];
        needed.into_iter().filter(|(is_needed, _)| *is_needed).map(|(_, feature)| feature).collect()
    }
}

#[cfg(feature = "regex")]
fn is_regex(form: &Form) -> bool {
    matches!(form, Form::Pattern(_))
}

#[cfg(not(feature = "regex"))]
fn is_regex(_: &Form) -> bool {
    false
}
