//! `[[redact.allow]]`: from the file to allowances, and the rules they keep.

use super::error::{Problem, quote};
use super::read::Values;
use super::{Policy, rules, suggest};
use crate::redact::allow::{Allowance, Text};
use crate::redact::detect::{DETECTORS, Kind};
use crate::redact::keys::{KeyAction, KeyRules};

/// The allowances that could be read; the others are reported.
pub(super) fn read(values: &mut Values) -> Vec<Allowance> {
    values.each("redact.allow", one)
}

fn one(values: &mut Values, index: usize) -> Option<Allowance> {
    let key = |name: &str| format!("redact.allow[{index}].{name}");
    for (name, expected, example) in [
        ("detector", "the detector whose finds may be written", "detector = \"email\""),
        ("reason", "why it may be written, for whoever asks", "reason = \"public support address\""),
    ] {
        if !values.has(&key(name)) {
            values.report(Problem::new(key(name), expected, "none").help(format!("add `{example}`")));
        }
    }
    let text = |name: &str| values.text(&key(name)).map(str::to_owned);
    let (value, prefix) = (text("value"), text("prefix"));
    let allowance = Allowance {
        detector: text("detector").unwrap_or_default(),
        field: text("field"),
        channel: text("channel"),
        target: text("target"),
        text: match (&value, &prefix) {
            (Some(value), _) => Some(Text::Is(value.clone())),
            (None, Some(prefix)) => Some(Text::Begins(prefix.clone())),
            (None, None) => None,
        },
        reason: text("reason").unwrap_or_default(),
    };
    if value.is_some() && prefix.is_some() {
        let problem = Problem::new(key("prefix"), "no prefix beside a value", "both");
        values.report(problem.help("make two allowances of them"));
    }
    let complete = !allowance.detector.is_empty() && !allowance.reason.is_empty();
    complete.then_some(allowance)
}

impl Policy {
    pub(super) fn allow_problems(&self, problems: &mut Vec<Problem>) {
        let keys = KeyRules::new(&self.redact);
        for (index, allowance) in self.redact.allow.iter().enumerate() {
            let key = |name: &str| format!("redact.allow[{index}].{name}");
            let name = allowance.detector.as_str();
            let built_in = DETECTORS.iter().find(|row| row.name == name);
            let own = self.redact.detectors.iter().any(|own| own.name == name);
            if built_in.is_none() && !own {
                let known = DETECTORS.iter().map(|row| row.name);
                let known = known.chain(self.redact.detectors.iter().map(|own| own.name.as_str()));
                let problem = Problem::new(key("detector"), "the name of a detector", quote(name));
                problems.push(match suggest::nearest(name, known) {
                    Some(near) => problem.help(format!("did you mean \"{near}\"?")),
                    None => problem.help("a marker names the detector: [redacted:email] is that of `email`"),
                });
                continue;
            }
            if let Some(field) = &allowance.field
                && keys.action(field) != KeyAction::Keep
            {
                let expected = "a field whose name alone does not hide its value";
                let problem = Problem::new(key("field"), expected, quote(field));
                problems.push(problem.help(format!(
                    "add \"{field}\" to `redact.keep_keys`: its values are still scanned, and what another detector \
                     finds stays hidden"
                )));
            }
            // What a policy's own detector finds is for the policy to say, and a doubt is a secret.
            let secret = built_in.is_none_or(|row| row.kind == Kind::Credential || row.name == "card");
            let open = ["message", "error"];
            match &allowance.field {
                None if secret => {
                    let expected =
                        "the exact field: secrets and card numbers are never allowed by detector alone";
                    problems.push(Problem::new(key("field"), expected, "none"));
                }
                Some(field) if secret && open.contains(&rules::fold(field).as_str()) => {
                    let expected = "a field that holds nothing else: any text may stand in this one";
                    problems.push(Problem::new(key("field"), expected, quote(field)));
                }
                None if allowance.text.is_none() => {
                    let expected = "a field, a value or a prefix that the allowance is confined to";
                    let problem = Problem::new(key("field"), expected, "none");
                    problems
                        .push(problem.help("`redact.off` switches a personal-data detector off everywhere"));
                }
                _ => {}
            }
            if let Some(channel) = &allowance.channel
                && self.channel(channel).is_none()
            {
                let known: Vec<&str> = self.channels.iter().map(|c| c.name.as_str()).collect();
                let expected = format!("one of the channels {}", known.join(", "));
                let problem = Problem::new(key("channel"), expected, quote(channel));
                problems.push(match suggest::nearest(channel, known) {
                    Some(near) => problem.help(format!("did you mean \"{near}\"?")),
                    None => problem,
                });
            }
            if self.redact.off.iter().any(|off| off == name) {
                let problem = Problem::new(key("detector"), "a detector that is on", quote(name));
                problems.push(problem.help("`redact.off` has it: remove one of the two"));
            }
        }
    }
}
