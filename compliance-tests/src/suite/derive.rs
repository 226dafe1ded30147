//! The service's policy with one thing changed: what a rule needs that the policy does not have, and says so.

use dihya::Policy;
use toml::{Table, Value};

use super::Failure;

/// The policy as its own file, changed, and read again.
pub(crate) fn derived(policy: &Policy, change: impl FnOnce(&mut Table)) -> Result<Policy, Failure> {
    let wrong = |what: String| Failure::new(format!("the policy cannot be varied for this rule: {what}"));
    let text = policy.clone().root("/logs").to_toml(false);
    let mut table: Table = text.parse().map_err(|error| wrong(format!("{error}")))?;
    change(&mut table);
    Policy::parse(&table.to_string(), "varied policy").map_err(|error| wrong(error.report()))
}

/// Sets a value by its dotted key, making the tables on the way.
pub(crate) fn set(table: &mut Table, key: &str, value: impl Into<Value>) {
    let (first, rest) = match key.split_once('.') {
        Some((first, rest)) => (first, Some(rest)),
        None => (key, None),
    };
    match rest {
        None => drop(table.insert(first.to_owned(), value.into())),
        Some(rest) => {
            let inner = table.entry(first.to_owned()).or_insert_with(|| Value::Table(Table::new()));
            if let Value::Table(inner) = inner {
                set(inner, rest, value);
            }
        }
    }
}

/// Sends every event to one channel, whatever its target.
pub(crate) fn route_all(table: &mut Table, channel: &str) {
    let mut route = Table::new();
    set(&mut route, "level", "trace");
    set(&mut route, "channel", channel);
    table.insert("routes".to_owned(), Value::Array(vec![Value::Table(route)]));
    set(table, &format!("channels.{channel}.level"), "trace");
}

#[cfg(test)]
mod tests {
    use dihya::Sector;

    use super::*;

    #[test]
    fn a_policy_unchanged_is_the_same() {
        for sector in Sector::ALL {
            let policy = Policy::sector(sector).service("clinic", "1").root("/logs");
            assert!(derived(&policy, |_| ()).unwrap() == policy);
        }
    }

    #[test]
    fn a_change_is_in_force() {
        let policy = Policy::sector(Sector::Generic);
        let varied = derived(&policy, |table| {
            route_all(table, "audit");
            set(table, "channels.app.queue", "64 KiB");
        });
        let shown = varied.unwrap().to_toml(false);
        assert!(shown.contains("queue = \"64 KiB\"") && shown.contains("channel = \"audit\""));
        assert!(derived(&policy, |table| set(table, "level", "loud")).is_err());
    }
}
