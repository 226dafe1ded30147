//! The policy in force: every value, and where it comes from.

use std::fmt::Write as _;
use std::path::PathBuf;

use serde_json::{Value, json};
use tracing_core::LevelFilter;

use crate::redact::allow::Text;
use crate::redact::custom::Form;

use super::{
    Backup, ChannelPolicy, ConsoleFormat, ConsoleStream, Given, OnFull, Policy, Sync, To, defaults, units,
};

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origin {
    /// The policy file.
    File {
        /// Counted from 1.
        line: usize,
    },
    /// The program, through a method of [`Policy`].
    Code,
    /// The defaults of the sector; [`Setting::why`] has the source and its mark.
    Sector,
    /// Built in; [`Setting::why`] has the reason.
    BuiltIn,
}

/// One value of the policy in force.
#[derive(Clone, Debug, PartialEq)]
pub struct Setting {
    pub(super) key: String,
    pub(super) value: Value,
    pub(super) origin: Origin,
    pub(super) why: String,
}

impl Setting {
    /// The full key, such as `channels.audit.queue`.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The value as a policy file would hold it; `None` where nothing is set.
    pub fn value(&self) -> Option<String> {
        (!self.value.is_null()).then(|| toml_value(&self.value))
    }

    /// Where it comes from.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// `file:line`, the source with its mark, or the reason of a built-in default.
    pub fn why(&self) -> &str {
        &self.why
    }
}

impl Policy {
    /// Every value in force, in the order of a policy file.
    pub fn settings(&self) -> Vec<Setting> {
        let mut list = Lister { policy: self, out: Vec::new() };
        list.add("sector", self.sector.name());
        list.add("version", self.version.as_deref());
        list.add("level", level(self.level));
        list.add("panic_hook", self.panic_hook);
        // Not the name itself where it is the program's: the one that shows a policy is not the one that opens it.
        let named = self.origins.contains_key("service.name");
        list.add("service.name", named.then_some(self.service.name.as_str()));
        list.add("service.version", self.service.version.as_deref());
        list.add("service.instance", self.service.instance.as_deref());
        let roots: Vec<_> = self.roots.iter().map(|r| r.to_string_lossy()).collect();
        list.add("storage.root", roots.first().map(AsRef::as_ref));
        list.add("storage.fallback_roots", json!(roots.get(1..).unwrap_or_default()));
        list.add("storage.min_free", self.min_free.map(units::write_bytes));
        list.add("integrity.state", self.state.as_ref().map(|state| state.to_string_lossy()).as_deref());
        for channel in &self.channels {
            list.channel(channel);
        }
        list.routes();
        list.add("redact.mask_keys", json!(self.redact.mask_keys));
        list.add("redact.drop_keys", json!(self.redact.drop_keys));
        list.add("redact.keep_keys", json!(self.redact.keep_keys));
        list.add("redact.off", json!(self.redact.off));
        list.detectors();
        list.allowances();
        list.roles();
        list.add("lifecycle.run", self.lifecycle);
        list.add("generation.extra", json!(self.generation_extra));
        list.add("archive.stores", json!(self.archive.stores));
        list.add("archive.level", self.archive.level);
        list.add("archive.recipients", json!(self.archive.recipients));
        list.otlp();
        list.alerts();
        list.sinks();
        list.hooks();
        match self.console {
            None => list.add("console", Value::Null),
            Some(console) => {
                let format = match console.format {
                    ConsoleFormat::Json => "json",
                    ConsoleFormat::Text => "text",
                };
                let stream = match console.stream {
                    ConsoleStream::Stdout => "stdout",
                    ConsoleStream::Stderr => "stderr",
                };
                list.add("console.format", format);
                list.add("console.stream", stream);
            }
        }
        list.out
    }

    /// The policy in force as a policy file: it parses back to the same policy. With `explained`, each value is
    /// followed by a comment that says where it comes from.
    pub fn to_toml(&self, explained: bool) -> String {
        let mut out = String::new();
        let mut table = "";
        let settings = self.settings();
        for setting in &settings {
            let (parent, name) = setting.key.rsplit_once('.').unwrap_or(("", &setting.key));
            // Built-in routes are added again when the file is read.
            let implied = (parent.starts_with("routes[") && setting.origin == Origin::BuiltIn)
                || (parent.starts_with("redact.detectors[") && setting.origin == Origin::Code);
            let null = setting.value.is_null();
            if (implied || null) && !explained {
                continue;
            }
            let mark = if implied || null { "# " } else { "" };
            if parent.is_empty() && !table.is_empty() {
                // A table that is not there.
                let _ = writeln!(out, "\n{:<32} # {}", format!("# [{name}]"), setting.told());
                continue;
            }
            if parent != table {
                table = parent;
                let header = match parent.split_once('[') {
                    Some((array, _)) => format!("[[{array}]]"),
                    None => format!("[{parent}]"),
                };
                let mark = if implied { "# " } else { "" };
                let _ = writeln!(out, "\n{mark}{header}");
            }
            let value = setting.value().unwrap_or_else(|| "(not set)".to_owned());
            let line = format!("{mark}{name} = {value}");
            let _ = if explained {
                writeln!(out, "{line:<32} # {}", setting.told())
            } else {
                writeln!(out, "{line}")
            };
        }
        out
    }
}

impl Policy {
    /// The policy in force as JSON: an object with `file`, `settings` (each `key`, `value`, `origin`, `line` if it
    /// has one, `why`) and `advice`.
    pub fn to_json(&self) -> String {
        let settings: Vec<Value> = self.settings().iter().map(Setting::to_json).collect();
        format!("{:#}\n", json!({ "file": self.file, "settings": settings, "advice": self.advice() }))
    }
}

impl Setting {
    fn to_json(&self) -> Value {
        let (origin, line) = match self.origin {
            Origin::File { line } => ("file", Some(line)),
            Origin::Code => ("code", None),
            Origin::Sector => ("sector", None),
            Origin::BuiltIn => ("built-in", None),
        };
        let mut out = json!({ "key": self.key, "value": self.value, "origin": origin, "why": self.why });
        if let (Value::Object(out), Some(line)) = (&mut out, line) {
            out.insert("line".to_owned(), line.into());
        }
        out
    }

    /// Origin and reason in a phrase of one line.
    fn told(&self) -> String {
        let label = match self.origin {
            Origin::File { .. } | Origin::Code => return self.why.clone(),
            Origin::Sector => "sector",
            Origin::BuiltIn => "default",
        };
        format!("{label}: {}", self.why)
    }
}

pub(super) struct Lister<'p> {
    pub(super) policy: &'p Policy,
    out: Vec<Setting>,
}

impl Lister<'_> {
    pub(super) fn add(&mut self, key: &str, value: impl Into<Value>) {
        let value = value.into();
        let (channel, pattern) = match key.strip_prefix("channels.").and_then(|k| k.split_once('.')) {
            Some((channel, rest)) => (channel, format!("channels.*.{rest}")),
            None => ("", unnamed(key)),
        };
        let set = self.policy.origins.get(key).or_else(|| {
            // A channel without a level of its own has the one set for all, unless it is evidence and that one is
            // too coarse.
            let all = pattern == "channels.*.level" && value == level(self.policy.level);
            all.then(|| self.policy.origins.get("level")).flatten()
        });
        let origin = match set {
            Some(origin) => origin.clone(),
            None if pattern.contains(".retention.") && value != defaults::OWN_SOURCE => Origin::Sector,
            None => Origin::BuiltIn,
        };
        let why = match &origin {
            Origin::File { line } => format!("{}:{line}", self.policy.file.as_deref().unwrap_or("policy")),
            Origin::Code => "set by the program".to_owned(),
            Origin::Sector => self.sector_source(&pattern, channel),
            Origin::BuiltIn => defaults::why(&pattern, channel).to_owned(),
        };
        self.out.push(Setting { key: key.to_owned(), value, origin, why });
    }

    fn sector_source(&self, pattern: &str, channel: &str) -> String {
        let sector = self.policy.sector;
        // The texts beside the periods carry their own source.
        match pattern.rsplit_once('.') {
            Some((_, "floor" | "default" | "ceiling" | "hot")) => {
                format!("{sector}, {}", sector.retention(channel).source)
            }
            _ => sector.to_string(),
        }
    }

    fn channel(&mut self, channel: &ChannelPolicy) {
        let key = |name: &str| format!("channels.{}.{name}", channel.name);
        self.add(&key("level"), level(channel.level));
        self.add(&key("queue"), units::write_bytes(channel.queue_bytes as u64));
        match channel.on_full {
            OnFull::Drop => self.add(&key("on_full"), "drop"),
            OnFull::Block(limit) => {
                self.add(&key("on_full"), "block");
                self.add(&key("block_limit"), units::write_duration(limit));
            }
        }
        let sync = match channel.sync {
            Sync::Batch => "batch".to_owned(),
            Sync::Every(time) => units::write_duration(time),
        };
        self.add(&key("sync"), sync);
        self.add(&key("shard_size"), units::write_bytes(channel.shard_bytes));
        self.add(&key("max_bytes"), channel.max_bytes.map(units::write_bytes));
        self.add(&key("backup"), backup(channel.backup));
        self.add(&key("strict"), channel.strict.is_some());
        if let Some(fields) = &channel.strict {
            self.add(&key("fields"), json!(fields));
        }
        let kept = &channel.retention;
        let key = |name: &str| format!("channels.{}.retention.{name}", channel.name);
        self.add(&key("floor"), kept.floor.to_string());
        self.add(&key("default"), kept.default.to_string());
        self.add(&key("ceiling"), kept.ceiling.to_string());
        if let Some(hot) = kept.hot {
            self.add(&key("hot"), hot.to_string());
        }
        self.add(&key("source"), kept.source.as_str());
        for (name, text) in
            [("legal_basis", &kept.legal_basis), ("case", &kept.case), ("document", &kept.document)]
        {
            if let Some(text) = text {
                self.add(&key(name), text.as_str());
            }
        }
    }

    fn detectors(&mut self) {
        for (i, detector) in self.policy.redact.detectors.iter().enumerate() {
            let key = |name: &str| format!("redact.detectors[{i}].{name}");
            match &detector.form {
                Form::Prefix { prefixes, alphabet, min, max } => {
                    self.add(&key("name"), detector.name.as_str());
                    match prefixes.as_slice() {
                        [one] => self.add(&key("prefix"), one.as_str()),
                        several => self.add(&key("prefix"), json!(several)),
                    }
                    self.add(&key("alphabet"), alphabet.name());
                    self.add(&key("min_length"), *min);
                    if let Some(max) = max {
                        self.add(&key("max_length"), *max);
                    }
                }
                #[cfg(feature = "regex")]
                Form::Pattern(pattern) => {
                    self.add(&key("name"), detector.name.as_str());
                    self.add(&key("regex"), pattern.source());
                }
                // As a comment: no file can say it.
                Form::Code(_) => self.out.push(Setting {
                    key: key("name"),
                    value: detector.name.as_str().into(),
                    origin: Origin::Code,
                    why: "the program's own code".to_owned(),
                }),
            }
        }
    }

    fn allowances(&mut self) {
        for (i, allowance) in self.policy.redact.allow.iter().enumerate() {
            let (value, prefix) = match &allowance.text {
                Some(Text::Is(value)) => (Some(value), None),
                Some(Text::Begins(prefix)) => (None, Some(prefix)),
                None => (None, None),
            };
            for (name, text) in [
                ("detector", Some(&allowance.detector)),
                ("field", allowance.field.as_ref()),
                ("channel", allowance.channel.as_ref()),
                ("target", allowance.target.as_ref()),
                ("value", value),
                ("prefix", prefix),
                ("reason", Some(&allowance.reason)),
            ] {
                if let Some(text) = text {
                    self.add(&format!("redact.allow[{i}].{name}"), text.as_str());
                }
            }
        }
    }

    fn otlp(&mut self) {
        let Some(otlp) = &self.policy.otlp else { return self.add("otlp", Value::Null) };
        self.add("otlp.endpoint", otlp.endpoint.as_deref());
        self.add("otlp.endpoint_env", otlp.endpoint_env.as_deref());
        self.add("otlp.protocol", otlp.protocol.name());
        self.add("otlp.channels", json!(otlp.channels));
        let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.to_string_lossy().into_owned());
        self.add("otlp.headers_env", otlp.headers_env.as_deref());
        self.add("otlp.headers_file", path(&otlp.headers_file));
        self.add("otlp.timeout", units::write_duration(otlp.timeout));
        self.add("otlp.batch", units::write_bytes(otlp.batch_bytes));
        self.add("otlp.compression", if otlp.gzip { "gzip" } else { "none" });
        self.add("otlp.plaintext", otlp.plaintext);
        self.add("otlp.ca_file", path(&otlp.ca_file));
        let resource: Vec<String> =
            otlp.resource.iter().map(|(key, value)| format!("{key}={value}")).collect();
        self.add("otlp.resource", json!(resource));
    }

    fn roles(&mut self) {
        let roles = &self.policy.roles;
        if roles.is_empty() {
            self.add("roles", Value::Null);
        }
        for (role, who) in roles.iter().filter(|(_, who)| !who.is_empty()) {
            let names: Vec<String> = who.iter().map(ToString::to_string).collect();
            self.add(&format!("roles.{}", role.name()), json!(names));
        }
    }

    /// Among the other values of `[alerts]`.
    pub(super) fn spool(&mut self) {
        let delivery = &self.policy.delivery;
        self.add("alerts.spool", delivery.spool.as_ref().map(|spool| spool.to_string_lossy()).as_deref());
        self.add("alerts.spool_bytes", units::write_bytes(delivery.spool_bytes));
    }

    fn sinks(&mut self) {
        for sink in &self.policy.delivery.sinks {
            let table = format!("alerts.sinks.{}", sink.name);
            self.add(&format!("{table}.type"), sink.to.name());
            for (name, given) in sink.to.given() {
                self.given(&table, name, given);
            }
            if let To::Smtp(smtp) = &sink.to {
                self.add(&format!("{table}.host"), smtp.host.as_str());
                self.add(&format!("{table}.port"), smtp.port);
                self.add(&format!("{table}.tls"), smtp.tls.name());
                self.add(&format!("{table}.from"), smtp.from.as_str());
                self.add(&format!("{table}.to"), json!(smtp.to));
                if let Some((user, _)) = &smtp.login {
                    self.add(&format!("{table}.user"), user.as_str());
                }
            }
            self.add(&format!("{table}.min_severity"), sink.min_severity.name());
        }
    }

    /// By its place: what is secret is never in the policy's text.
    fn given(&mut self, table: &str, name: &str, given: &Given) {
        match given {
            Given::Text(text) => self.add(&format!("{table}.{name}"), text.as_str()),
            Given::Env(variable) => self.add(&format!("{table}.{name}_env"), variable.as_str()),
            Given::File(path) => self.add(&format!("{table}.{name}_file"), &*path.to_string_lossy()),
        }
    }

    fn hooks(&mut self) {
        for hook in &self.policy.hooks {
            let table = format!("hooks.{}", hook.name);
            let moments: Vec<&str> = hook.moments.iter().map(|moment| moment.name()).collect();
            self.add(&format!("{table}.events"), json!(moments));
            self.given(&table, "url", &hook.url);
            self.add(&format!("{table}.method"), hook.method);
            let mut headers =
                [("headers", Vec::new()), ("headers_env", Vec::new()), ("headers_file", Vec::new())];
            for (name, before, value) in &hook.headers {
                let (at, value) = match value {
                    Given::Text(text) => (0, text.clone()),
                    Given::Env(variable) => (1, variable.clone()),
                    Given::File(path) => (2, path.to_string_lossy().into_owned()),
                };
                headers[at].1.push(format!("{name}: {before}{value}"));
            }
            for (name, list) in headers.into_iter().filter(|(_, list)| !list.is_empty()) {
                self.add(&format!("{table}.{name}"), json!(list));
            }
            if let Some(body) = &hook.body {
                self.add(&format!("{table}.body"), body.text());
            }
            self.add(&format!("{table}.timeout"), units::write_duration(hook.timeout));
        }
    }

    fn routes(&mut self) {
        for (i, route) in self.policy.routes.iter().enumerate() {
            let own = i < self.policy.own_routes;
            let channel = self.policy.channels.get(route.channel.index()).map(|c| c.name.as_str());
            let values = [
                ("target", route.target.as_deref()),
                ("level", route.level.map(level)),
                ("channel", channel),
            ];
            for (name, value) in values {
                let Some(value) = value else { continue };
                if own {
                    self.add(&format!("routes[{i}].{name}"), value);
                } else {
                    self.out.push(Setting {
                        key: format!("routes[{i}].{name}"),
                        value: value.into(),
                        origin: Origin::BuiltIn,
                        why: defaults::why_route(route).to_owned(),
                    });
                }
            }
        }
    }
}

/// A key with `*` for the name of a receiver or a hook.
fn unnamed(key: &str) -> String {
    for table in ["alerts.sinks.", "hooks."] {
        if let Some((_, rest)) = key.strip_prefix(table).and_then(|rest| rest.split_once('.')) {
            return format!("{table}*.{rest}");
        }
    }
    key.to_owned()
}

/// A level's name in a policy.
pub(super) fn level(level: LevelFilter) -> &'static str {
    match level {
        LevelFilter::OFF => "off",
        LevelFilter::ERROR => "error",
        LevelFilter::WARN => "warn",
        LevelFilter::INFO => "info",
        LevelFilter::DEBUG => "debug",
        _ => "trace",
    }
}

fn backup(backup: Backup) -> &'static str {
    match backup {
        Backup::Archive => "archive",
        Backup::None => "none",
    }
}

fn toml_value(value: &Value) -> String {
    match value {
        Value::String(text) => toml::Value::from(text.as_str()).to_string(),
        Value::Array(items) => {
            format!("[{}]", items.iter().map(toml_value).collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}
