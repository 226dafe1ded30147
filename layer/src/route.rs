//! Which channel an event belongs to: by the macro that logged it, by the policy's rules, or `app`.

use tracing_core::{Level, LevelFilter};

use crate::channel::Channel;
use crate::policy::Policy;

/// How the layer's macros mark a callsite: the metadata's name is `dihya.<channel>:<event name>`. A name is static and
/// costs nothing at run time. The target is `dihya::<channel>`, so that one directive of a filter covers them all;
/// the record tells the module instead.
const MARK: &str = "dihya.";

/// The channel and event name that a macro fixed.
pub(crate) fn macro_name(name: &str) -> Option<(Channel, &str)> {
    let (channel, event) = name.strip_prefix(MARK)?.split_once(':')?;
    Some((Channel::built_in(channel)?, event))
}

/// The first rule that matches, or `app`.
pub(crate) fn by_rules(policy: &Policy, target: &str, level: &Level) -> Channel {
    let matches = |rule: &&crate::policy::Route| {
        rule.target.as_deref().is_none_or(|prefix| is_under(target, prefix))
            && rule.level.is_none_or(|least| LevelFilter::from_level(*level) <= least)
    };
    policy.routes.iter().find(matches).map_or(Channel::APP, |rule| rule.channel)
}

/// `a::b` and all below it, but not `a::bc`: matching bare prefixes would send one module's events with another's.
fn is_under(target: &str, prefix: &str) -> bool {
    target.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_covers_its_module_and_those_below_it_only() {
        assert!(is_under("clinic::api", "clinic::api"));
        assert!(is_under("clinic::api::v1", "clinic::api"));
        assert!(!is_under("clinic::apiary", "clinic::api"));
        assert!(!is_under("clinic", "clinic::api"));
    }

    #[test]
    fn only_the_macros_names_fix_a_channel() {
        assert_eq!(macro_name("dihya.audit:sensitive_read"), Some((Channel::AUDIT, "sensitive_read")));
        assert_eq!(macro_name("event src/main.rs:4"), None);
        assert_eq!(macro_name("dihya.nowhere:x"), None);
    }
}
