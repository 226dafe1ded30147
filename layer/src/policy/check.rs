//! The rules that tie values together: they hold for policies from files and from code alike.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use tracing_core::LevelFilter;

use super::error::{Problem, quote};
use super::{OnFull, Policy, RedactPolicy, Route, rules, show, suggest, units};
use crate::redact::keys::KeyRules;

impl Policy {
    /// What is wrong with this policy; empty if it can be used.
    pub(super) fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        self.service_problems(&mut problems);
        self.root_problems(&mut problems);
        self.channel_problems(&mut problems);
        self.route_problems(&mut problems);
        self.redact_problems(&mut problems);
        self.detector_problems(&mut problems);
        self.allow_problems(&mut problems);
        self.archive_problems(&mut problems);
        self.canary_problems(&mut problems);
        self.otlp_problems(&mut problems);
        self.delivery_problems(&mut problems);
        problems
    }

    /// What is allowed and yet worth a second look.
    pub(super) fn remarks(&self) -> Vec<String> {
        let mut remarks = Vec::new();
        for channel in &self.channels {
            let (name, kept) = (&channel.name, &channel.retention);
            if rules::LOSSLESS.contains(&name.as_str()) && channel.on_full == OnFull::Drop {
                remarks.push(format!("channels.{name}.on_full: evidence may be lost when the disk is slow"));
            }
            if let (Some(case), false) =
                (&kept.case, self.origins.contains_key(&format!("channels.{name}.retention.case")))
            {
                remarks.push(format!(
                    "channels.{name}.retention: {} rests on \"{case}\": keep a written justification of your own, \
                     and name it in `case` and `document`",
                    kept.ceiling
                ));
            }
        }
        self.state_remarks(&mut remarks);
        self.detector_remarks(&mut remarks);
        self.canary_remarks(&mut remarks);
        remarks
    }

    /// A lock file beside the records is rolled back with them.
    fn state_remarks(&self, remarks: &mut Vec<String>) {
        let inside = |state: &Path| self.roots.iter().any(|root| state.starts_with(root));
        if self.state.as_deref().is_none_or(inside) {
            remarks.push(
                "integrity.state: the signing key and the lock file lie beside the records, where whoever can put an old \
                 copy of the log back can put theirs back too: name a folder on another file system"
                    .to_owned(),
            );
        }
    }

    fn service_problems(&self, problems: &mut Vec<Problem>) {
        let service = &self.service;
        let texts = [
            ("service.name", Some(&service.name), &rules::SERVICE),
            ("service.version", service.version.as_ref(), &rules::VERSION),
            ("service.instance", service.instance.as_ref(), &rules::INSTANCE),
        ];
        for (key, text, shape) in texts {
            if let Some(text) = text
                && !(shape.fits)(text)
            {
                problems.push(Problem::new(key, shape.expected, quote(text)));
            }
        }
        if let Some(instance) = &service.instance {
            // In the root of a service without instances, `audit` is a channel's folder and `audit.log` its link.
            let stem = instance.strip_suffix(".log").unwrap_or(instance);
            let mut taken = self.channels.iter().map(|c| c.name.as_str()).chain(rules::RESERVED);
            if taken.any(|t| t.eq_ignore_ascii_case(stem)) {
                let expected = "a name that is neither a channel's nor reserved, since the root holds those";
                problems.push(Problem::new("service.instance", expected, quote(instance)));
            }
        }
    }

    fn root_problems(&self, problems: &mut Vec<Problem>) {
        if self.roots.is_empty() {
            problems.push(
                Problem::new("storage.root", "the folder of the records", "none")
                    .help("add a table [storage] with `root = \"logs\"`"),
            );
        }
        let mut seen: Vec<(PathBuf, String)> = Vec::new();
        for (i, root) in self.roots.iter().enumerate() {
            let key =
                if i == 0 { "storage.root".to_owned() } else { format!("storage.fallback_roots[{}]", i - 1) };
            if !root.to_str().is_some_and(rules::ROOT.fits) {
                problems.push(Problem::new(key, rules::ROOT.expected, quote(&root.to_string_lossy())));
                continue;
            }
            let whole = absolute(root);
            if let Some((_, other)) = seen.iter().find(|(s, _)| whole.starts_with(s) || s.starts_with(&whole))
            {
                let expected = format!("a folder neither inside nor around {other}");
                problems.push(
                    Problem::new(key, expected, quote(&root.to_string_lossy()))
                        .help("a fallback helps only on another disk"),
                );
                continue;
            }
            seen.push((whole, key));
        }
    }

    fn channel_problems(&self, problems: &mut Vec<Problem>) {
        for channel in &self.channels {
            let key = format!("channels.{}", channel.name);
            if rules::LOSSLESS.contains(&channel.name.as_str()) && channel.level < LevelFilter::INFO {
                problems.push(
                    Problem::new(
                        format!("{key}.level"),
                        "\"info\", \"debug\" or \"trace\"",
                        quote(show::level(channel.level)),
                    )
                    .help(format!(
                        "the {} channel records at info: a coarser level would silence it",
                        channel.name
                    )),
                );
            }
            if let Some(most) = channel.max_bytes
                && most < channel.shard_bytes
            {
                let expected =
                    format!("at least the channel's shard_size, {}", units::write_bytes(channel.shard_bytes));
                problems.push(
                    Problem::new(format!("{key}.max_bytes"), expected, quote(&units::write_bytes(most)))
                        .help(
                            "the shard being written never goes: set a smaller shard_size too, or more bytes",
                        ),
                );
            }
            problems.extend(channel.retention.problems(&format!("{key}.retention")));
        }
    }

    fn route_problems(&self, problems: &mut Vec<Problem>) {
        let own = &self.routes[..self.own_routes.min(self.routes.len())];
        for (i, route) in own.iter().enumerate() {
            if let Some(earlier) = own[..i].iter().position(|e| covers(e, route)) {
                problems.push(
                    Problem::new(
                        format!("routes[{i}]"),
                        "a route that can match something",
                        format!("one whose events all match the route at index {earlier} before it"),
                    )
                    .help("put the narrower route first, or remove one"),
                );
            }
        }
    }

    fn redact_problems(&self, problems: &mut Vec<Problem>) {
        let redact = &self.redact;
        let lists = [
            ("mask_keys", &redact.mask_keys),
            ("drop_keys", &redact.drop_keys),
            ("keep_keys", &redact.keep_keys),
        ];
        let mut listed: BTreeMap<String, &str> = BTreeMap::new();
        for (list, keys) in lists {
            for (i, key) in keys.iter().enumerate() {
                match listed.insert(rules::fold(key), list) {
                    Some(other) if other != list => problems.push(Problem::new(
                        format!("redact.{list}[{i}]"),
                        format!("a key in one list only; {other} has it too"),
                        quote(key),
                    )),
                    _ => {}
                }
            }
        }
        let built_in = KeyRules::new(&RedactPolicy::default());
        for (i, key) in redact.keep_keys.iter().enumerate() {
            if built_in.is_credential(key) {
                let expected = "no name of a password, secret or token: these are always masked";
                problems.push(Problem::new(format!("redact.keep_keys[{i}]"), expected, quote(key)).help(
                    "give a field that holds no credential a name that says so, such as \"token_count\" or \
                         \"password_policy\"",
                ));
            }
        }
        for (i, name) in redact.off.iter().enumerate() {
            if rules::PERSONAL_DETECTORS.contains(&name.as_str()) {
                continue;
            }
            let expected =
                format!("one of the personal-data detectors {}", rules::PERSONAL_DETECTORS.join(", "));
            let mut problem = Problem::new(format!("redact.off[{i}]"), expected, quote(name));
            problem = match suggest::nearest(name, rules::PERSONAL_DETECTORS) {
                Some(near) => problem.help(format!("did you mean \"{near}\"?")),
                None => problem.help("credentials and card numbers are always redacted"),
            };
            problems.push(problem);
        }
    }
}

/// Whether every event that `later` matches, `earlier` matches too.
fn covers(earlier: &Route, later: &Route) -> bool {
    let targets = match (&earlier.target, &later.target) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(e), Some(l)) => {
            l.strip_prefix(e.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
        }
    };
    let everything = LevelFilter::TRACE;
    targets && earlier.level.unwrap_or(everything) >= later.level.unwrap_or(everything)
}

/// The path from the root of the file system, without `.`; what links there may be is the storage's to find out.
fn absolute(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    path.components().collect()
}
