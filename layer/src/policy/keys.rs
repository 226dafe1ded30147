//! Every key a policy file may have: one table, from which the reader, the schema and the starter file are made.

use super::rules;
use crate::redact::detect::Alphabet;

/// One key.
pub(super) struct Key {
    /// `*` stands for a name of the operator's own, `#` for an index.
    pub(super) path: &'static str,
    pub(super) kind: Kind,
    /// One sentence for editors and the documentation.
    #[cfg_attr(not(any(feature = "schema", test)), expect(dead_code, reason = "read by the schema alone"))]
    pub(super) doc: &'static str,
}

/// What a key takes.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    /// A table with keys of its own.
    Table,
    /// An array of tables, `[[name]]`.
    Tables,
    /// A table of tables, each under a name of the operator's own.
    Named(&'static rules::Shape),
    Flag,
    Level,
    Bytes {
        min: u64,
        max: u64,
    },
    /// Milliseconds.
    Time {
        min: u64,
        max: u64,
    },
    /// `batch` or a time.
    Sync {
        min: u64,
        max: u64,
    },
    Period,
    Choice(&'static [&'static str]),
    Text(&'static rules::Shape),
    Texts(&'static rules::Shape),
    /// A text, or a list of texts.
    OneOrMore(&'static rules::Shape),
    /// A whole number.
    Number {
        min: u64,
        max: u64,
    },
}

/// The row for a path in which channel names and indices have been replaced.
pub(super) fn find(pattern: &str) -> Option<&'static Key> {
    all().find(|k| k.path == pattern)
}

/// The last parts of the keys directly under a table; "" is the file itself.
pub(super) fn children(pattern: &str) -> impl Iterator<Item = &'static Key> {
    let pattern = pattern.to_owned();
    all().filter(move |k| k.parent() == pattern)
}

/// Every key; those of alerts and hooks stand where they are read.
pub(super) fn all() -> impl Iterator<Item = &'static Key> {
    KEYS.iter().chain(super::alerts::KEYS).chain(super::sinks::KEYS).chain(super::hooks::KEYS)
}

impl Key {
    pub(super) fn parent(&self) -> &'static str {
        self.path.rsplit_once('.').map_or("", |(parent, _)| parent)
    }

    pub(super) fn name(&self) -> &'static str {
        self.path.rsplit_once('.').map_or(self.path, |(_, name)| name)
    }
}

/// Names of [`Alphabet::NAMED`].
pub(super) const ALPHABETS: [&str; Alphabet::NAMED.len()] = {
    let mut names = [""; Alphabet::NAMED.len()];
    let mut index = 0;
    while index < names.len() {
        names[index] = Alphabet::NAMED[index].0;
        index += 1;
    }
    names
};

pub(super) const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// One record: a smaller queue could never take a large one.
pub(super) const RECORD: u64 = 64 << 10;

pub(super) const fn key(path: &'static str, kind: Kind, doc: &'static str) -> Key {
    Key { path, kind, doc }
}

const KEYS: &[Key] = &[
    key(
        "sector",
        Kind::Choice(&["generic", "health", "education", "ecommerce"]),
        "The sector whose defaults apply: how long each channel is kept, and why.",
    ),
    key(
        "level",
        Kind::Level,
        "The least severe level recorded, for channels without a level of their own. Audit and security stay at info or finer.",
    ),
    key(
        "version",
        Kind::Text(&rules::VERSION),
        "The operator's own number of this file, named beside its hash wherever something is purged under it.",
    ),
    key("panic_hook", Kind::Flag, "Whether a panic is recorded and drained to disk before the process ends."),
    key("service", Kind::Table, "Who writes the records."),
    key(
        "service.name",
        Kind::Text(&rules::SERVICE),
        "The service's name, in every record. The program's name if absent.",
    ),
    key("service.version", Kind::Text(&rules::VERSION), "The service's version, in every record."),
    key(
        "service.instance",
        Kind::Text(&rules::INSTANCE),
        "A name for this process among several of one service: it gets a folder of its own under the root.",
    ),
    key("storage", Kind::Table, "Where the records go."),
    key(
        "storage.root",
        Kind::Text(&rules::ROOT),
        "The folder of the records. A relative one is taken from the working directory of the service.",
    ),
    key(
        "storage.fallback_roots",
        Kind::Texts(&rules::ROOT),
        "Folders on other disks, used in this order when the disk of the root fails.",
    ),
    key(
        "storage.min_free",
        Kind::Bytes { min: 1 << 20, max: 1 << 60 },
        "Below so much free room on the disk of the root the oldest shards that may go do, before their time.",
    ),
    key("integrity", Kind::Table, "What seals the records."),
    key(
        "integrity.state",
        Kind::Text(&rules::ROOT),
        "The folder of the signing key and of the lock file that tells how long each log is; best on another file system than the records.",
    ),
    key("channels", Kind::Table, "The rules of each channel: the built-in ones, and channels of your own."),
    key("channels.*", Kind::Table, "One channel: its name is lower-case letters, digits, - and _."),
    key("channels.*.level", Kind::Level, "The least severe level recorded on this channel."),
    key(
        "channels.*.queue",
        Kind::Bytes { min: RECORD, max: 1 << 30 },
        "Bytes that may wait for the disk. Memory is taken as records wait, not in advance.",
    ),
    key(
        "channels.*.on_full",
        Kind::Choice(&["block", "drop"]),
        "What happens when the queue is full: the caller waits (block), or the record is lost and counted (drop).",
    ),
    key(
        "channels.*.block_limit",
        Kind::Time { min: 1, max: 60_000 },
        "With on_full = \"block\": how long a caller waits before the record is lost, counted, and reported by the next commit.",
    ),
    key(
        "channels.*.sync",
        Kind::Sync { min: 1, max: 60_000 },
        "When records are forced to disk without being asked: \"batch\" after every batch, or a time such as \"1s\".",
    ),
    key(
        "channels.*.shard_size",
        Kind::Bytes { min: RECORD, max: 64 << 30 },
        "A file that reaches this size is closed, and the next one of the day begins.",
    ),
    key(
        "channels.*.max_bytes",
        Kind::Bytes { min: RECORD, max: 1 << 60 },
        "Above so many bytes of shards in the root the channel's oldest that may go do, before their time.",
    ),
    key(
        "channels.*.backup",
        Kind::Choice(&["archive", "none"]),
        "What has to exist before a shard is purged: a verified copy in an archive (archive), or nothing (none).",
    ),
    key(
        "channels.*.strict",
        Kind::Flag,
        "Whether only the fields listed in `fields` are recorded, whatever they hold.",
    ),
    key("channels.*.fields", Kind::Texts(&rules::FIELD), "With strict = true: the fields that are recorded."),
    key(
        "channels.*.retention",
        Kind::Table,
        "How long the channel's records are kept, in ISO 8601 calendar periods.",
    ),
    key("channels.*.retention.floor", Kind::Period, "No record is purged sooner."),
    key("channels.*.retention.default", Kind::Period, "Records are purged after this."),
    key("channels.*.retention.ceiling", Kind::Period, "No record may be kept longer."),
    key("channels.*.retention.hot", Kind::Period, "Records stay immediately readable at least this long."),
    key(
        "channels.*.retention.source",
        Kind::Text(&rules::PROSE),
        "The text or decision the periods come from.",
    ),
    key("channels.*.retention.legal_basis", Kind::Text(&rules::PROSE), "The legal basis of the processing."),
    key(
        "channels.*.retention.case",
        Kind::Text(&rules::PROSE),
        "With a ceiling over P12M: the internal-control purpose that needs it.",
    ),
    key(
        "channels.*.retention.document",
        Kind::Text(&rules::PROSE),
        "With a ceiling over P12M: the written justification, as a title or a reference.",
    ),
    key("routes", Kind::Tables, "Sends events to channels; the first route that matches decides."),
    key(
        "routes.#.target",
        Kind::Text(&rules::TARGET),
        "Matches this target and everything below it: a::b matches a::b::c, not a::bc.",
    ),
    key(
        "routes.#.level",
        Kind::Choice(&["error", "warn", "info", "debug", "trace"]),
        "Matches events at least this severe.",
    ),
    key("routes.#.channel", Kind::Text(&rules::CHANNEL), "The channel the events go to."),
    key("redact", Kind::Table, "Redaction beyond the built-in rules."),
    key(
        "redact.mask_keys",
        Kind::Texts(&rules::FIELD),
        "Fields whose values are masked besides the built-in ones; matched as substrings of the folded name.",
    ),
    key(
        "redact.drop_keys",
        Kind::Texts(&rules::FIELD),
        "Fields that never reach a record, not even as a marker.",
    ),
    key(
        "redact.keep_keys",
        Kind::Texts(&rules::FIELD),
        "Exact field names that are not masked for their name; their values are still scanned. Names of credentials are refused.",
    ),
    key(
        "redact.off",
        Kind::Texts(&rules::FIELD),
        "Personal-data detectors switched off, by name. Credentials and card numbers cannot be.",
    ),
    key(
        "redact.detectors",
        Kind::Tables,
        "Detectors of your own: each has a name, and either a prefix with an alphabet and a length, or a regex.",
    ),
    key(
        "redact.detectors.#.name",
        Kind::Text(&rules::DETECTOR),
        "The detector's name, in markers ([redacted:name]) and in dihya_redactions_total.",
    ),
    key(
        "redact.detectors.#.prefix",
        Kind::OneOrMore(&rules::PREFIX),
        "What a secret begins with: a literal of at least three bytes, or a list of them.",
    ),
    key(
        "redact.detectors.#.alphabet",
        Kind::Choice(&ALPHABETS),
        "The characters behind the prefix: all that follow are hidden.",
    ),
    key(
        "redact.detectors.#.min_length",
        Kind::Number { min: 1, max: 4096 },
        "How many characters of the alphabet at least stand behind the prefix.",
    ),
    key(
        "redact.detectors.#.max_length",
        Kind::Number { min: 1, max: 4096 },
        "How many at most: a longer run is something else, and stays.",
    ),
    key(
        "redact.detectors.#.regex",
        Kind::Text(&rules::REGEX),
        "A regular expression in the syntax of the regex crate, with ASCII classes; its matches are hidden.",
    ),
    key(
        "redact.allow",
        Kind::Tables,
        "What may be written although a detector finds it: by field, or by a literal, each with its reason.",
    ),
    key(
        "redact.allow.#.detector",
        Kind::Text(&rules::DETECTOR),
        "The detector whose finds may be written; its name as in the marker.",
    ),
    key(
        "redact.allow.#.field",
        Kind::Text(&rules::FIELD),
        "Only in the field of exactly this name. Needed for credentials, card numbers and detectors of your own.",
    ),
    key(
        "redact.allow.#.channel",
        Kind::Text(&rules::CHANNEL),
        "Only in records of this channel, without its spans.",
    ),
    key(
        "redact.allow.#.target",
        Kind::Text(&rules::TARGET),
        "Only from this target and everything below it.",
    ),
    key("redact.allow.#.value", Kind::Text(&rules::LITERAL), "Only a find that is exactly this text."),
    key("redact.allow.#.prefix", Kind::Text(&rules::LITERAL), "Only a find that begins with this text."),
    key("redact.allow.#.reason", Kind::Text(&rules::PROSE), "Why it may be written, for whoever asks."),
    key(
        "roles",
        Kind::Table,
        "Who may do what with the command line. Without any role, whoever can reach the files may do all of it.",
    ),
    key(
        "roles.reader",
        Kind::Texts(&rules::PRINCIPAL),
        "Users and groups that may query channels other than audit and security, and see the status.",
    ),
    key(
        "roles.auditor",
        Kind::Texts(&rules::PRINCIPAL),
        "Users and groups that may read, verify and export everything, and change nothing.",
    ),
    key(
        "roles.operator",
        Kind::Texts(&rules::PRINCIPAL),
        "Users and groups that may archive, restore, purge and set holds, and not read audit and security.",
    ),
    key("roles.admin", Kind::Texts(&rules::PRINCIPAL), "Users and groups that may do everything."),
    key("lifecycle", Kind::Table, "Who carries retention out."),
    key(
        "lifecycle.run",
        Kind::Flag,
        "Whether the service itself archives and purges what is due, every hour. Otherwise a timer calls the command line.",
    ),
    key("generation", Kind::Table, "The records of generated projects."),
    key(
        "generation.extra",
        Kind::Texts(&rules::FIELD),
        "Names of the further facts a generation's record may carry, beside its fixed fields.",
    ),
    key("archive", Kind::Table, "How closed shards are archived."),
    key(
        "archive.stores",
        Kind::Texts(&rules::STORE),
        "One or two places that each get a copy: a folder, or s3://bucket/prefix?region=..&endpoint=.., with keys from the environment.",
    ),
    key(
        "archive.level",
        Kind::Number { min: 1, max: 19 },
        "The level of zstd: the higher, the smaller and the slower.",
    ),
    key(
        "archive.recipients",
        Kind::Texts(&rules::RECIPIENT),
        "Public keys of age (age1..) to whom archives are encrypted; whoever reads them needs one of the identities.",
    ),
    key("otlp", Kind::Table, "If present, redacted records are exported to a receiver that speaks OTLP."),
    key(
        "otlp.endpoint",
        Kind::Text(&rules::ENDPOINT),
        "The receiver's address, such as https://collector.example.org:4318; over HTTP, /v1/logs is added.",
    ),
    key(
        "otlp.endpoint_env",
        Kind::Text(&rules::VARIABLE),
        "The environment variable that holds the address instead; no variable is read that is not named here.",
    ),
    key("otlp.protocol", Kind::Choice(&["http/protobuf", "grpc"]), "How requests are sent."),
    key(
        "otlp.channels",
        Kind::Texts(&rules::CHANNEL),
        "The channels that are exported; all of them if absent.",
    ),
    key(
        "otlp.headers_env",
        Kind::Text(&rules::VARIABLE),
        "The environment variable that holds headers, as name=value,name=value: tokens, which no policy holds.",
    ),
    key(
        "otlp.headers_file",
        Kind::Text(&rules::ROOT),
        "A file of headers, a line each: `name: value`. It is read again when the receiver refuses.",
    ),
    key("otlp.timeout", Kind::Time { min: 100, max: 120_000 }, "How long a request may take."),
    key(
        "otlp.batch",
        Kind::Bytes { min: 64 << 10, max: 64 << 20 },
        "Bytes of records in one request, before it is compressed.",
    ),
    key("otlp.compression", Kind::Choice(&["gzip", "none"]), "How requests are compressed."),
    key(
        "otlp.plaintext",
        Kind::Flag,
        "Whether records may leave this machine over http, where everybody on the way can read them.",
    ),
    key(
        "otlp.ca_file",
        Kind::Text(&rules::ROOT),
        "Certificates in PEM that the receiver's is checked against, instead of the system's.",
    ),
    key(
        "otlp.resource",
        Kind::Texts(&rules::ATTRIBUTE),
        "Attributes of the resource besides service.name, .version and .instance.id, each as name=value.",
    ),
    key("console", Kind::Table, "If present, redacted records are mirrored to a standard stream."),
    key(
        "console.format",
        Kind::Choice(&["json", "text"]),
        "How a mirrored record looks: the record as stored, or one readable line.",
    ),
    key("console.stream", Kind::Choice(&["stdout", "stderr"]), "Where the mirror writes."),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_in_the_documentation() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/policy.md");
        let Ok(text) = std::fs::read_to_string(file) else { return }; // the packaged crate has no documentation beside it
        for key in all().filter(|k| !matches!(k.kind, Kind::Table | Kind::Tables | Kind::Named(_))) {
            assert!(text.contains(key.name()), "docs/policy.md lacks {}", key.path);
        }
    }

    #[test]
    fn every_key_stands_once_below_a_table_and_says_what_it_is() {
        for key in all() {
            assert_eq!(all().filter(|k| k.path == key.path).count(), 1, "{}", key.path);
            assert!(key.doc.ends_with('.'), "{}", key.path);
            if let Some(parent) = key.parent().strip_suffix(".#") {
                assert!(matches!(find(parent).map(|k| k.kind), Some(Kind::Tables)), "{}", key.path);
            } else if !key.parent().is_empty() {
                let kind = find(key.parent()).map(|k| k.kind);
                assert!(matches!(kind, Some(Kind::Table | Kind::Named(_))), "{}", key.path);
            }
        }
    }
}
