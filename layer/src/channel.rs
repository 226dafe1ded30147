//! The streams a record can go to.

use std::fmt;

/// A stream of records with its own queue, files, retention and rules.
///
/// Six are built in; a policy may declare more, which are looked up by name with
/// [`Policy::channel`](crate::Policy::channel). A channel is its place in the list of one policy: ask that policy again
/// after a change, since in another one the same value can mean another channel, or none.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Channel(u8);

impl Channel {
    /// Everything that no rule sends elsewhere.
    pub const APP: Channel = Channel(0);
    /// Who did what to which data: lossless by default.
    pub const AUDIT: Channel = Channel(1);
    /// Authentication, authorisation, attacks: lossless by default.
    pub const SECURITY: Channel = Channel(2);
    /// Requests served.
    pub const API: Channel = Channel(3);
    /// Jobs run.
    pub const SCHEDULER: Channel = Channel(4);
    /// Projects generated, see [`Generation`](crate::Generation).
    pub const GENERATION: Channel = Channel(5);

    /// Names of the built-in channels, in the order of their indices.
    pub const BUILT_IN: [&'static str; 6] = ["app", "audit", "security", "api", "scheduler", "generation"];

    /// No policy may have more channels: counters are arrays of this size.
    pub(crate) const MAX: usize = 32;

    pub(crate) const fn from_index(index: usize) -> Channel {
        assert!(index < Channel::MAX);
        Channel(index as u8)
    }

    pub(crate) const fn index(self) -> usize {
        self.0 as usize
    }

    /// A built-in channel by its name.
    pub fn built_in(name: &str) -> Option<Channel> {
        Channel::BUILT_IN.iter().position(|n| *n == name).map(Channel::from_index)
    }
}

/// For errors about a channel of another policy.
pub(crate) const UNKNOWN: &str =
    "the open policy has no such channel; look it up with `Policy::channel` in the policy that was opened";

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Channel::BUILT_IN.get(self.index()) {
            Some(name) => write!(f, "Channel({name})"),
            None => write!(f, "Channel(#{})", self.0),
        }
    }
}
