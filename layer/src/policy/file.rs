//! From a file's values to a policy: each value laid over the default of its sector.

use std::path::PathBuf;

use tracing_core::LevelFilter;

use crate::channel::Channel;
use crate::profile::Sector;

use super::error::{Place, PolicyError, Problem, quote};
use super::read::{self, Values};
use super::{
    Backup, ChannelPolicy, Console, ConsoleFormat, ConsoleStream, OnFull, Origin, Policy, Route, alerts,
    allow, archive, defaults, detectors, hooks, otlp, roles, rules, sinks, suggest,
};

/// Parses a whole file.
pub(super) fn parse(text: &str, file: &str) -> Result<Policy, PolicyError> {
    let mut values = read::read(text.strip_prefix('\u{feff}').unwrap_or(text));
    let unreadable = values.problems.iter().any(|p| p.key().is_empty());
    let policy = build(&mut values, text, file);
    if !unreadable {
        let read = values.problems.len();
        for problem in policy.problems() {
            let problem = values.renumbered(problem);
            // What follows from a problem already told would only hide it. A route that could not be read moves
            // the others, so that their numbers mean nothing; and the detector that an allowance names may be one that
            // could not be read.
            let follows = |p: &Problem, part: &str, from: &str| {
                p.key().starts_with(from) && problem.key().starts_with(part)
            };
            let told = |p: &Problem| {
                p.key().starts_with(problem.key())
                    || problem.key().starts_with(p.key())
                    || follows(p, "routes", "routes")
                    || follows(p, "redact.allow", "redact.detectors")
            };
            if !values.problems[..read].iter().any(told) {
                values.report(problem);
            }
        }
    }
    let mut problems = values.problems;
    if problems.is_empty() {
        return Ok(policy);
    }
    problems.sort_by_key(|p| (p.line(), p.column()));
    Err(PolicyError::Invalid { file: file.to_owned(), problems })
}

fn build(values: &mut Values, text: &str, file: &str) -> Policy {
    let sector = values.text("sector").and_then(|s| s.parse::<Sector>().ok()).unwrap_or_default();
    let mut policy = Policy::sector(sector);
    policy.file = Some(file.to_owned());
    policy.text = Some(text.into());
    policy.version = values.text("version").map(str::to_owned);
    policy.min_free = values.bytes("storage.min_free");
    if let Some(name) = values.text("service.name") {
        policy.service.name = name.to_owned();
    }
    policy.service.version = values.text("service.version").map(str::to_owned);
    policy.service.instance = values.text("service.instance").map(str::to_owned);
    if let Some(root) = values.text("storage.root") {
        policy.roots.push(PathBuf::from(root));
        let fallbacks = values.texts("storage.fallback_roots").unwrap_or_default();
        policy.roots.extend(fallbacks.iter().map(PathBuf::from));
    }
    policy.state = values.text("integrity.state").map(PathBuf::from);
    if let Some(flag) = values.flag("panic_hook") {
        policy.panic_hook = flag;
    }
    channels(values, &mut policy);
    routes(values, &mut policy);
    for (key, list) in [
        ("redact.mask_keys", &mut policy.redact.mask_keys),
        ("redact.drop_keys", &mut policy.redact.drop_keys),
        ("redact.keep_keys", &mut policy.redact.keep_keys),
        ("redact.off", &mut policy.redact.off),
    ] {
        list.extend_from_slice(values.texts(key).unwrap_or_default());
    }
    policy.redact.detectors = detectors::read(values);
    policy.redact.allow = allow::read(values);
    if let Some(extra) = values.texts("generation.extra") {
        policy.generation_extra = extra.to_vec();
    }
    policy.roles = roles::read(values);
    policy.lifecycle = values.flag("lifecycle.run").unwrap_or(false);
    policy.archive = archive::read(values);
    policy.otlp = otlp::read(values);
    policy.alerts = alerts::read(values);
    policy.delivery = sinks::read(values);
    policy.hooks = hooks::read(values);
    if values.has("console") {
        policy.console = Some(Console {
            format: match values.text("console.format") {
                Some("json") => ConsoleFormat::Json,
                _ => ConsoleFormat::Text,
            },
            stream: match values.text("console.stream") {
                Some("stdout") => ConsoleStream::Stdout,
                _ => ConsoleStream::Stderr,
            },
        });
    }
    policy.origins.extend(values.lines().map(|(key, line)| (key.clone(), Origin::File { line })));
    policy
}

fn channels(values: &mut Values, policy: &mut Policy) {
    let level = values.level("level");
    for name in values.channels.clone() {
        let key = format!("channels.{name}");
        if Channel::built_in(&name).is_some() {
            continue;
        }
        if let Some(near) =
            Channel::BUILT_IN.into_iter().find(|b| suggest::distance(&chars(b), &chars(&name)) == 1)
        {
            // A typing error here would leave the channel that was meant with its defaults, unnoticed.
            let expected = format!("a name that is not one letter away from the built-in `{near}`");
            values.report(Problem::new(key, expected, quote(&name)).help(format!("did you mean `{near}`?")));
        }
        if policy.channels.len() == Channel::MAX {
            let expected = format!("at most {} channels, the built-in six included", Channel::MAX);
            values.report(Problem::new(format!("channels.{name}"), expected, "one more"));
            continue;
        }
        policy.channels.push(defaults::channel(policy.sector, &name));
    }
    policy.level = level.unwrap_or(policy.level);
    for index in 0..policy.channels.len() {
        let mut channel = policy.channels[index].clone();
        if let Some(level) = level {
            // The default level never makes audit or security coarser: it is meant for the noise.
            channel.level = if rules::LOSSLESS.contains(&channel.name.as_str()) {
                level.max(LevelFilter::INFO)
            } else {
                level
            };
        }
        one_channel(values, &mut channel);
        policy.channels[index] = channel;
    }
    policy.routes = defaults::routes(&policy.channels);
}

fn one_channel(values: &mut Values, channel: &mut ChannelPolicy) {
    let key = |name: &str| format!("channels.{}.{name}", channel.name);
    if let Some(level) = values.level(&key("level")) {
        channel.level = level;
    }
    if let Some(bytes) = values.bytes(&key("queue")) {
        channel.queue_bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
    }
    let limit = values.time(&key("block_limit"));
    channel.on_full = match (values.text(&key("on_full")), channel.on_full) {
        (Some("drop"), _) | (None, OnFull::Drop) => {
            if limit.is_some() {
                values.report(Problem::new(
                    key("block_limit"),
                    "on_full = \"block\" beside a block_limit",
                    "on_full = \"drop\", with which nobody waits",
                ));
            }
            OnFull::Drop
        }
        (_, OnFull::Block(default)) => OnFull::Block(limit.unwrap_or(default)),
        (_, OnFull::Drop) => OnFull::Block(limit.unwrap_or(defaults::BLOCK_LIMIT)),
    };
    if let Some(sync) = values.sync(&key("sync")) {
        channel.sync = sync;
    }
    if let Some(bytes) = values.bytes(&key("shard_size")) {
        channel.shard_bytes = bytes;
    }
    channel.max_bytes = values.bytes(&key("max_bytes"));
    match values.text(&key("backup")) {
        Some("archive") => channel.backup = Backup::Archive,
        Some("none") => channel.backup = Backup::None,
        _ => {}
    }
    let fields = values.texts(&key("fields")).map(<[String]>::to_vec);
    match (values.flag(&key("strict")), fields) {
        (Some(true), Some(fields)) if !fields.is_empty() => channel.strict = Some(fields),
        (Some(true), _) => values.report(
            Problem::new(key("fields"), "the fields a strict channel records", "none")
                .help("list at least one name, or remove `strict`"),
        ),
        // A `strict` that is neither true nor false has been told of already.
        (None, Some(_)) if values.has(&key("strict")) => {}
        (_, Some(_)) => values.report(
            Problem::new(key("strict"), "strict = true beside `fields`", "a list that would have no effect")
                .help("add `strict = true`, or remove `fields`"),
        ),
        (_, None) => {}
    }
    retention(values, channel);
}

fn retention(values: &Values, channel: &mut ChannelPolicy) {
    let key = |name: &str| format!("channels.{}.retention.{name}", channel.name);
    let kept = &mut channel.retention;
    for (name, period) in
        [("floor", &mut kept.floor), ("default", &mut kept.default), ("ceiling", &mut kept.ceiling)]
    {
        *period = values.period(&key(name)).unwrap_or(*period);
    }
    kept.hot = values.period(&key("hot")).or(kept.hot);
    // Periods of one's own do not come from the sector's source any more.
    let own = ["floor", "default", "ceiling"].iter().any(|name| values.has(&key(name)));
    if own {
        (kept.case, kept.document) = (None, None);
        kept.source = defaults::OWN_SOURCE.to_owned();
    }
    if let Some(source) = values.text(&key("source")) {
        kept.source = source.to_owned();
    }
    for (name, text) in
        [("legal_basis", &mut kept.legal_basis), ("case", &mut kept.case), ("document", &mut kept.document)]
    {
        if let Some(value) = values.text(&key(name)) {
            *text = Some(value.to_owned());
        }
    }
}

fn routes(values: &mut Values, policy: &mut Policy) {
    let mut routes = Vec::with_capacity(values.tables("routes"));
    for i in 0..values.tables("routes") {
        let key = |name: &str| format!("routes[{i}].{name}");
        let Some(name) = values.text(&key("channel")).map(str::to_owned) else {
            if !values.has(&key("channel")) {
                values.report(Problem::new(key("channel"), "the channel this route leads to", "none"));
            }
            continue;
        };
        let Some(channel) = policy.channel(&name) else {
            // A channel that is declared, but wrongly, has been told of already.
            if !values.has(&format!("channels.{name}")) {
                let known: Vec<&str> = policy.channels.iter().map(|c| c.name.as_str()).collect();
                let mut problem = Problem::new(
                    key("channel"),
                    format!("one of the channels {}", known.join(", ")),
                    quote(&name),
                );
                problem = match suggest::nearest(&name, known) {
                    Some(near) => problem.help(format!("did you mean \"{near}\"?")),
                    None => problem.help(format!("declare it with a table [channels.{name}]")),
                };
                values.report(problem);
            }
            continue;
        };
        let level = values.text(&key("level")).and_then(read::level);
        routes.push(Route { target: values.text(&key("target")).map(str::to_owned), level, channel });
    }
    policy.own_routes = routes.len();
    routes.append(&mut policy.routes);
    policy.routes = routes;
}

fn chars(text: &str) -> Vec<char> {
    text.chars().collect()
}

/// The error for a file that is not text.
pub(super) fn not_utf8(bytes: &[u8], valid: usize, file: &str) -> PolicyError {
    let (before, rest) = bytes.split_at(valid.min(bytes.len()));
    let before = String::from_utf8_lossy(before);
    let found = rest.first().map_or_else(|| "its end".to_owned(), |byte| format!("the byte 0x{byte:02X}"));
    let mut problem = Problem::new("", "text in UTF-8", found).help("save the file as UTF-8");
    problem.place = Some(Place::of(&before, before.len()..before.len()));
    PolicyError::Invalid { file: file.to_owned(), problems: vec![problem] }
}
