//! How far each channel is exported: a small file in the state folder, written anew after each acknowledgement.
//!
//! ```text
//! {"channel":"audit","shard":"audit/2026-11-20","offset":48213,"records":132,"line":351,"mark":"5c1f…","time":"2026-…Z"}
//! ```

use std::collections::BTreeMap;
use std::io::{self, Read as _};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::storage::Storage;

#[cfg(any(feature = "otlp-http", feature = "otlp-grpc"))]
use crate::ledger::replace;

/// Up to where a channel's records were taken by the receiver.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// The shard's id; none: before the first shard.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<String>,
    /// Bytes of it, as it was written: whole lines.
    pub offset: u64,
    /// Records among them.
    pub records: u64,
    /// Length of the last line before `offset`, with its newline.
    #[serde(default)]
    pub line: u64,
    /// A checksum of how that line begins: whether the shard is still the one that was read.
    #[serde(default)]
    pub mark: String,
    /// Time of the newest record that was exported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
}

#[cfg(any(feature = "otlp-http", feature = "otlp-grpc"))]
impl Position {
    /// The beginning of a shard.
    pub(super) fn start(&self, shard: &str) -> Position {
        Position { shard: Some(shard.to_owned()), time: self.time.clone(), ..Position::default() }
    }
}

/// Where a line of a shard ends, and what tells that line from others.
#[cfg(any(feature = "otlp-http", feature = "otlp-grpc"))]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) offset: u64,
    /// The line's length, with its newline.
    pub(super) line: u64,
    /// Records up to here.
    pub(super) records: u64,
    sum: u64,
}

#[cfg(any(feature = "otlp-http", feature = "otlp-grpc"))]
impl Step {
    /// The end of a line of which nothing is known but where it ends.
    pub(super) fn at(offset: u64, records: u64) -> Step {
        Step { offset, records, ..Step::default() }
    }

    /// Behind a line, given without its newline.
    pub(super) fn over(self, line: &[u8]) -> Step {
        // FNV-1a over its beginning: there stand a record's id, and a seal's size and root. It tells a shard from another
        // that took its name, and is no defence against anybody.
        let beginning = &line[..line.len().min(96)];
        let sum = beginning.iter().fold(0xcbf2_9ce4_8422_2325_u64, |sum, byte| {
            (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        });
        let line = line.len() as u64 + 1;
        Step { offset: self.offset + line, line, sum, records: self.records }
    }

    pub(super) fn mark(self) -> String {
        format!("{:016x}", self.sum)
    }
}

/// Every channel's position; `None` if nothing was ever exported from here.
///
/// # Errors
/// If the file is there and cannot be read: to begin anew then would skip what lies between.
pub fn read(storage: &dyn Storage, state: &Path) -> io::Result<Option<BTreeMap<String, Position>>> {
    #[derive(Deserialize)]
    struct Line {
        channel: String,
        #[serde(flatten)]
        position: Position,
    }
    let path = state.join(FILE);
    if storage.stat(&path)?.is_none() {
        return Ok(None);
    }
    let mut text = String::new();
    storage.read(&path, 0)?.take(LONGEST).read_to_string(&mut text)?;
    let lines =
        text.lines().map(|line| serde_json::from_str::<Line>(line).map(|line| (line.channel, line.position)));
    let positions = lines.collect::<Result<_, _>>().map_err(|error| {
        io::Error::new(
            io::ErrorKind::InvalidData,
            format!(
                "{} is not what was written there ({error}); `dihya ship --from` says from where to go on",
                path.display()
            ),
        )
    })?;
    Ok(Some(positions))
}

/// Writes the positions anew: whoever reads finds the old ones or the new ones, after a power cut too.
#[cfg(any(feature = "otlp-http", feature = "otlp-grpc"))]
pub(super) fn write(
    storage: &dyn Storage,
    state: &Path,
    positions: &BTreeMap<String, Position>,
) -> io::Result<()> {
    #[derive(Serialize)]
    struct Line<'a> {
        channel: &'a str,
        #[serde(flatten)]
        position: &'a Position,
    }
    let mut text = Vec::new();
    for (channel, position) in positions {
        serde_json::to_writer(&mut text, &Line { channel, position })?;
        text.push(b'\n');
    }
    replace(storage, &state.join(FILE), &text)
}

/// In the state folder.
pub const FILE: &str = "otlp.cursor";
/// Far beyond what a line for each channel takes.
const LONGEST: u64 = 1024 * 1024;
