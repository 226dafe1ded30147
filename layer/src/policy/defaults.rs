//! What holds where a policy is silent, and why.

use std::time::Duration;

use tracing_core::LevelFilter;

use crate::channel::Channel;
use crate::profile::Sector;

use super::{Backup, ChannelPolicy, OnFull, Route, Service, Sync, rules};

pub(super) const LEVEL: LevelFilter = LevelFilter::INFO;
pub(super) const BLOCK_LIMIT: Duration = Duration::from_secs(5);
/// Shown where a file sets periods and no source.
pub(super) const OWN_SOURCE: &str = "the operator's own decision; no source is named";

/// A channel's rules in a sector.
pub(super) fn channel(sector: Sector, name: &str) -> ChannelPolicy {
    let lossless = rules::LOSSLESS.contains(&name);
    let waits = lossless || name == "generation";
    ChannelPolicy {
        name: name.to_owned(),
        level: LEVEL,
        queue_bytes: if lossless || name == "api" { 4 << 20 } else { 2 << 20 },
        on_full: if waits { OnFull::Block(BLOCK_LIMIT) } else { OnFull::Drop },
        sync: if lossless { Sync::Batch } else { Sync::Every(Duration::from_secs(1)) },
        shard_bytes: 256 << 20,
        strict: None,
        retention: sector.retention(name),
        max_bytes: None,
        backup: if lossless { Backup::Archive } else { Backup::None },
    }
}

/// The routes after those of a policy: a target that is a channel's name was meant for it, and two well-known
/// crates speak of requests.
pub(super) fn routes(channels: &[ChannelPolicy]) -> Vec<Route> {
    let named = channels.iter().enumerate().map(|(i, c)| (c.name.clone(), Channel::from_index(i)));
    let crates = REQUESTS.iter().map(|target| ((*target).to_owned(), Channel::API));
    // `app` takes what no route matches, so it needs none.
    named
        .skip(1)
        .chain(crates)
        .map(|(target, channel)| Route { target: Some(target), level: None, channel })
        .collect()
}

/// The running program, since a name that has to be chosen first would be one more line for a newcomer.
pub(super) fn service() -> Service {
    let program = std::env::current_exe().ok();
    let stem = program.as_deref().and_then(|p| p.file_stem()).and_then(|s| s.to_str()).unwrap_or_default();
    let mut name: String = stem
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '-' })
        .take(64)
        .collect();
    if !(rules::SERVICE.fits)(&name) {
        name = "service".to_owned();
    }
    Service { name, version: None, instance: None }
}

/// What a generation's record may carry besides its fixed fields.
pub(super) fn generation_extra() -> Vec<String> {
    ["duration_ms", "model", "language", "version", "tokens_used"].map(str::to_owned).to_vec()
}

/// One sentence for a value nobody set, by its key with `*` for the channel.
pub(super) fn why(pattern: &str, channel: &str) -> &'static str {
    let lossless = rules::LOSSLESS.contains(&channel);
    match pattern {
        "sector" => "nothing is assumed about the service",
        "level" => "debug and trace cost the most and are read the least",
        "version" => "the hash of the file tells it from others all the same",
        "panic_hook" => "the records before a panic are the ones that explain it",
        "service.name" => "the program's name",
        "service.version" => "unknown unless it is set",
        "service.instance" => "one process per root",
        "storage.root" => "none: the one value that has to be set",
        "storage.fallback_roots" => "a second disk is not assumed",
        "integrity.state" => "a second file system is not assumed; the folder `state` beside the records",
        "storage.min_free" => "nothing goes before its time unless somebody decides so",
        "channels.*.level" if lossless => "evidence starts at info, whatever the default level",
        "channels.*.level" => "the default level",
        "channels.*.queue" if lossless || channel == "api" => {
            "about 11,000 events of 350 bytes: a tenth of a second of a slow disk at 100,000 events a second"
        }
        "channels.*.queue" => {
            "about 6,000 events of 350 bytes, less than a burst of diagnostics is worth in memory"
        }
        "channels.*.on_full" if lossless => "evidence is worth a wait",
        "channels.*.on_full" if channel == "generation" => "one record stands for a whole project",
        "channels.*.on_full" => "a slow disk must not stop the service; what is lost is counted and told",
        "channels.*.block_limit" => "longer than a disk's worst stall, shorter than a client's patience",
        "channels.*.sync" if lossless => "what happened just before a crash is what will be asked about",
        "channels.*.sync" => {
            "at most a second of diagnostics is lost with the power; a commit still syncs at once"
        }
        "channels.*.shard_size" => "a file that compresses, copies and verifies in seconds",
        "channels.*.max_bytes" => "nothing goes before its time unless somebody decides so",
        "channels.*.backup" if lossless => "the only copy of evidence is not destroyed",
        "channels.*.backup" => "diagnostics are not worth a second place",
        "channels.*.strict" => "a list of fields has to be chosen by somebody who knows them",
        "redact.mask_keys" | "redact.drop_keys" => "the built-in keys only",
        "redact.keep_keys" => "no exemption is assumed",
        "redact.off" => "every detector is on",
        "lifecycle.run" => "that something is deleted is for somebody to decide",
        "roles" => "whoever can reach the files may do what the files allow",
        "generation.extra" => "measures of the work; none can hold a specification",
        "archive.stores" => {
            "the folder `archive` beside the channels: a second disk or a bucket is not assumed"
        }
        "archive.level" => {
            "a fifth less room than level 1 on a web service's records; levels above cost much more time for little"
        }
        "archive.recipients" => "nobody else's key is known",
        "otlp" => "where records go is for somebody to decide",
        "otlp.endpoint" => "the variable that `endpoint_env` names",
        "otlp.endpoint_env" => "where evidence is sent stands in the policy, and not in the environment",
        "otlp.protocol" => "what OpenTelemetry recommends, and every proxy lets pass",
        "otlp.channels" => "all channels",
        "otlp.headers_env" | "otlp.headers_file" => "a receiver on the same network asks for none",
        "otlp.timeout" => "as OpenTelemetry's own exporters wait",
        "otlp.batch" => "a quarter of what a gRPC server takes unless it is told otherwise",
        "otlp.compression" => {
            "records compress to a tenth; it costs the exporter's thread, which nobody waits for"
        }
        "otlp.plaintext" => "records are not for everybody on the way",
        "otlp.ca_file" => "the certificates that the system trusts",
        "otlp.resource" => "a record says itself which service it is of",
        "alerts.spool" => "the folder `spool` in the state folder",
        "alerts.spool_bytes" => "some ten thousand alerts: more than anybody reads, less than a disk notices",
        "alerts.sinks" => "whom to tell is for somebody to decide",
        "alerts.sinks.*.min_severity" => "every alert: a receiver can choose for itself",
        "alerts.sinks.*.tls" => "no answer of the server can make it send in the clear",
        "alerts.sinks.*.port" => "the usual one of this `tls`",
        "hooks" => "nobody is told unless somebody decides so",
        "hooks.*.method" => "what most services take",
        "hooks.*.timeout" => "long enough for a service that wakes up, short enough for somebody who waits",
        "console" => "standard output and error belong to the service",
        "console.format" => "a console is read by people",
        "console.stream" => "standard output may be the service's own result",
        "channels.*.retention.source" => "the file sets periods and names no source",
        pattern if pattern.starts_with("alerts.") => super::alerts::why(pattern),
        _ => "the default",
    }
}

/// The same for a built-in route.
pub(super) fn why_route(route: &Route) -> &'static str {
    match &route.target {
        Some(target) if REQUESTS.contains(&target.as_str()) => "it speaks of requests",
        _ => "a target that is a channel's name was meant for it",
    }
}

/// tower-http's `TraceLayer` reports each request and response; axum reports what its extractors refused.
const REQUESTS: [&str; 2] = ["tower_http::trace", "axum::rejection"];
