//! The ten lines of the README, word for word.
#![expect(clippy::print_stdout, reason = "a program may print its report")]

use std::time::Duration;

use dihya::{Channel, Policy, Sector};
use tracing_subscriber::prelude::*;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (layer, guard) = dihya::open(Policy::sector(Sector::Generic).root("logs"))?;
    tracing_subscriber::registry().with(layer).init();
    guard.probe()?; // refuses to start behind a filter that would swallow the audit channel

    dihya::audit!("sensitive_read", user_id = "u-42", subject_id = "p-7", outcome = "success", "opened");
    tracing::info!(password = "never written", "so are mail addresses: {}@{}", "jane", "example.org");

    guard.handle().commit(Channel::AUDIT)?; // on disk, or an error that says why not
    println!("{}", guard.shutdown(Duration::from_secs(5)));
    Ok(())
}
