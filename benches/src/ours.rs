//! The layer as a service opens it; nothing else in this crate knows its interface.

use std::error::Error;
use std::path::Path;

use dihya::{Channel, Guard, Policy};
use tracing::Dispatch;
use tracing_subscriber::layer::SubscriberExt;

use crate::peers::Pipe;

/// Opens all built-in channels below `dir`, as the defaults have them but for one line: callers wait when the queue of
/// `api` is full, since a dropped event costs nothing and would make a fine figure. `more` is added to the policy.
pub fn open(dir: &Path, more: &str) -> Result<(Dispatch, Box<dyn Pipe>), Box<dyn Error>> {
    let policy = Policy::parse(&(POLICY.replace("ROOT", &dir.display().to_string()) + more), "bench.toml")?;
    let (layer, guard) = dihya::open(policy)?;
    Ok((Dispatch::new(tracing_subscriber::registry().with(layer)), Box::new(OurPipe(guard))))
}

struct OurPipe(Guard);

impl Pipe for OurPipe {
    /// `commit` answers when everything is on the disk and fails if anything was lost. That every line took part is
    /// asked of the metrics: an event that a wrong route or level left out would be the cheapest of all.
    fn drain(&mut self, lines: u64) -> Result<(), Box<dyn Error>> {
        let handle = self.0.handle();
        handle.commit(Channel::API)?;
        let metrics = handle.metrics();
        let recorded =
            metrics.lines().find_map(|line| line.strip_prefix(RECORDED)?.trim().parse::<u64>().ok());
        if recorded != Some(lines) {
            return Err(format!("{lines} events were logged, {recorded:?} recorded").into());
        }
        Ok(())
    }
}

/// Where the standard event ends up.
pub const LIVE_FILE: &str = "api.log";

const RECORDED: &str = r#"dihya_events_total{channel="api",level="INFO"}"#;

const POLICY: &str = r#"
sector = "generic"
[service]
name = "clinic"
version = "1.4.2"
[storage]
root = "ROOT"
[channels.api]
on_full = "block"
"#;
