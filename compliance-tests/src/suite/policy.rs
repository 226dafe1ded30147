//! The policy itself: that it can be used, and that what it shows is what is in force.

use dihya::Policy;

use super::context::Context;
use super::derive::{derived, set};
use super::failure::ensure;
use super::{Done, Failure};
use crate::world::World;

/// It is complete, a layer opens with it, and events arrive: what every other rule stands on.
pub(crate) fn valid(context: &mut Context) -> Result<Done, Failure> {
    if context.facts.text("storage.root").is_none() {
        context.note("the policy has no root yet: the service sets it later, and the suite one of its own");
    }
    let rooted = context.policy.clone().root("/logs");
    rooted.check().map_err(|error| Failure::new(error.report()))?;
    ensure!(
        context.facts.text("channels.app.level").as_deref() != Some("off"),
        "`channels.app.level` is \"off\": the suite logs there, and could not tell silence from secrecy. Give the \
         suite a policy that records errors on `app`, and is otherwise the service's own"
    );
    let captured = World::new(context.policy.clone()).run(|_| tracing::error!("hello"));
    ensure!(captured.records().iter().any(|record| record.contains("\"hello\"")), "an event did not arrive");
    for advice in context.policy.advice() {
        context.note(format!("`dihya policy check` remarks: {advice}"));
    }
    context.count(1);
    Ok(Done::Proved)
}

/// Written as a file and read again it is the same policy; every value has its reason.
pub(crate) fn shows_back(context: &mut Context) -> Result<Done, Failure> {
    let policy = context.policy.clone().root("/logs");
    let other = derived(&policy, |table| set(table, "channels.app.shard_size", "65 KiB"))?;
    ensure!(
        policy != other,
        "a policy with another shard size passes for the same: the comparison does not work"
    );
    for explained in [false, true] {
        let text = policy.to_toml(explained);
        let again = Policy::parse(&text, "shown policy").map_err(|error| {
            Failure::new(format!("the policy does not read what it shows: {}", error.report()))
        })?;
        ensure!(again == policy, "the policy shown and read again is another (explained: {explained})");
        context.count(1);
    }
    let settings = policy.settings();
    for setting in &settings {
        ensure!(!setting.why().is_empty(), "`{}` does not tell where its value comes from", setting.key());
    }
    context.tally.checks += settings.len() as u64;
    Ok(Done::Proved)
}
