//! A shard's name within its base: `audit/2026-11-20`, `audit/2026-11-20.1`.

use std::fmt;
use std::str::FromStr;

use crate::journal::shard::Name;

/// A shard's id: in the ledger, in certificates and on the command line. Ids sort by channel, then as they were written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShardId {
    channel: String,
    /// The UTC day in which it was written, and its number among the shards of that day.
    pub(crate) name: Name,
}

impl ShardId {
    pub(crate) fn new(channel: impl Into<String>, name: Name) -> ShardId {
        ShardId { channel: channel.into(), name }
    }

    /// The channel's name.
    pub fn channel(&self) -> &str {
        &self.channel
    }

    /// The file's name as it was written: `2026-11-20.1.jsonl`.
    pub fn file_name(&self) -> String {
        self.name.to_string()
    }

    /// The name without the channel: `2026-11-20.1`.
    pub fn period(&self) -> String {
        let name = self.file_name();
        name.strip_suffix(".jsonl").unwrap_or(&name).to_owned()
    }
}

impl fmt::Display for ShardId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.channel, self.period())
    }
}

impl FromStr for ShardId {
    type Err = NotAShardId;

    fn from_str(text: &str) -> Result<ShardId, NotAShardId> {
        let read = || {
            let (channel, period) = text.split_once('/')?;
            let name = Name::parse(&format!("{period}.jsonl"), false)?;
            let id = ShardId::new(channel, name);
            // What reads back otherwise (`.01`) would be two names of one shard.
            (is_channel(channel) && id.to_string() == text).then_some(id)
        };
        read().ok_or_else(|| NotAShardId { text: text.to_owned() })
    }
}

/// The text is no shard's id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotAShardId {
    text: String,
}

impl fmt::Display for NotAShardId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} is no shard; one is named by its channel and day: audit/2026-11-20, or audit/2026-11-20.1",
            self.text
        )
    }
}

impl std::error::Error for NotAShardId {}

/// What the policy accepts as a channel's name: it is part of a path.
pub(crate) fn is_channel(name: &str) -> bool {
    name.len() <= 32
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_back_as_they_are_written() {
        for text in ["audit/2026-11-20", "audit/2026-11-20.1", "my_own-1/2024-02-29.107"] {
            assert_eq!(text.parse::<ShardId>().map(|id| id.to_string()).as_deref(), Ok(text));
        }
    }

    #[test]
    fn what_could_lead_out_of_the_root_is_no_id() {
        for text in [
            "",
            "audit",
            "audit/",
            "/2026-11-20",
            "../2026-11-20",
            "a/../2026-11-20",
            "audit/2026-11-20/",
            "A/2026-11-20",
        ] {
            assert!(text.parse::<ShardId>().is_err(), "{text}");
        }
        for text in
            ["audit/2026-11-20.0", "audit/2026-11-20.01", "audit/2026-02-30", "audit/2026-11-20.jsonl"]
        {
            assert!(text.parse::<ShardId>().is_err(), "{text}");
        }
    }

    #[test]
    fn ids_sort_as_they_were_written() {
        let id = |text: &str| text.parse::<ShardId>().unwrap();
        assert!(id("audit/2026-11-20.2") < id("audit/2026-11-20.10"));
        assert!(id("audit/2026-11-20.10") < id("audit/2026-11-21"));
        assert!(id("api/2026-11-22") < id("audit/2026-11-21"));
    }
}
