//! The direct path: a record that goes to its channel without passing any subscriber or filter.

use std::fmt;
use std::sync::Arc;

use tracing_core::Level;

use crate::callsite::{Action, Direct, Plan, Rules};
use crate::channel::Channel;
use crate::redact::label::Label;
use crate::thread;
use crate::values::{self, Kind, Values};

/// A record built by hand, for [`Handle::record`](crate::Handle::record).
///
/// Its fields are redacted by the same rules as an event's.
#[derive(Clone)]
pub struct Record {
    channel: Channel,
    event_name: &'static str,
    level: Level,
    message: Option<Field>,
    fields: Vec<(&'static str, Field)>,
}

#[derive(Clone)]
enum Field {
    Text {
        text: String,
        /// How many values in it their type hid.
        sensitive: u32,
    },
    Bare(String),
    /// Its formatting failed, for this reason.
    Failed(Label),
}

impl Field {
    fn text(value: impl fmt::Display) -> Field {
        let mut text = Vec::new();
        let (formatted, sensitive) =
            thread::count_sensitive(|| values::format(&mut text, format_args!("{value}")));
        match formatted {
            Ok(()) => Field::Text { text: String::from_utf8_lossy(&text).into_owned(), sensitive },
            Err(failure) => Field::Failed(failure),
        }
    }
}

impl Record {
    /// A record for a channel. The name is static, so that no identifier ends up in it.
    pub fn new(channel: Channel, event_name: &'static str) -> Record {
        Record { channel, event_name, level: Level::INFO, message: None, fields: Vec::new() }
    }

    /// A record for the audit channel.
    pub fn audit(event_name: &'static str) -> Record {
        Record::new(Channel::AUDIT, event_name)
    }

    /// A record for the security channel.
    pub fn security(event_name: &'static str) -> Record {
        Record::new(Channel::SECURITY, event_name)
    }

    /// The record's level; audit and security records carry their channel's name instead.
    pub fn level(mut self, level: Level) -> Record {
        self.level = level;
        self
    }

    /// The sentence for a human reader.
    pub fn message(mut self, message: impl fmt::Display) -> Record {
        self.message = Some(Field::text(message));
        self
    }

    /// A field as text. `outcome`, `tenant_id`, `user_id` and `subject_id` go to their places in the record.
    pub fn field(mut self, name: &'static str, value: impl fmt::Display) -> Record {
        self.fields.push((name, Field::text(value)));
        self
    }

    /// A field as a number.
    pub fn number(mut self, name: &'static str, value: i64) -> Record {
        self.fields.push((name, Field::Bare(value.to_string())));
        self
    }

    /// A field as a boolean.
    pub fn flag(mut self, name: &'static str, value: bool) -> Record {
        self.fields.push((name, Field::Bare(value.to_string())));
        self
    }

    /// The channel it goes to.
    pub fn channel(&self) -> Channel {
        self.channel
    }

    pub(crate) fn plan(&self, rules: &Rules, target: &'static str) -> Arc<Plan> {
        let names = self.fields.iter().map(|(name, _)| *name).chain(self.message.as_ref().map(|_| "message"));
        rules.direct(Direct {
            channel: self.channel,
            level: self.level,
            event_name: self.event_name,
            target,
            names: names.collect(),
        })
    }

    pub(crate) fn fill(&self, plan: &Plan, values: &mut Values) {
        let fields = self.fields.iter().map(|(_, field)| field).chain(&self.message);
        for (index, (field, plan)) in fields.zip(&plan.fields).enumerate() {
            match (&plan.action, field) {
                (Action::Scan, Field::Text { text, sensitive }) => {
                    values.text(index, text);
                    values.noted.extend(std::iter::repeat_n(Label::SENSITIVE, *sensitive as usize));
                }
                (Action::Scan, Field::Bare(digits)) => values.display(index, Kind::Bare, digits),
                (Action::Scan, Field::Failed(label)) | (Action::Mask(label), _) => {
                    values.marker(index, *label)
                }
                (Action::Drop, _) => {}
            }
        }
    }
}

/// Not derived: the values are not redacted yet.
impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record")
            .field("channel", &self.channel)
            .field("event_name", &self.event_name)
            .field("fields", &self.fields.iter().map(|(name, _)| name).collect::<Vec<_>>())
            .finish()
    }
}

/// A record was accepted; [`Handle::commit`](crate::Handle::commit) tells when it is on disk.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    channel: Channel,
    id: [u8; 36],
}

impl Receipt {
    pub(crate) fn new(channel: Channel, id: [u8; 36]) -> Receipt {
        Receipt { channel, id }
    }

    /// The record's id, as in its `id`.
    pub fn id(&self) -> &str {
        std::str::from_utf8(&self.id).unwrap_or_default()
    }

    /// The channel it went to.
    pub fn channel(&self) -> Channel {
        self.channel
    }
}

impl fmt::Debug for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receipt").field("channel", &self.channel).field("id", &self.id()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Policy, Sector};

    #[test]
    fn records_alike_share_a_plan_and_others_do_not() {
        let rules = Rules::new(Policy::sector(Sector::Generic));
        let record = || Record::audit("e").field("a", 1);
        let plan = record().plan(&rules, "direct");
        assert!(Arc::ptr_eq(&plan, &record().plan(&rules, "direct")));
        let others = [
            (Record::security("e").field("a", 1), "direct"),
            (Record::audit("f").field("a", 1), "direct"),
            (record().level(Level::WARN), "direct"),
            (record().message("m"), "direct"),
            (Record::audit("e").field("password", 1), "direct"),
            (record(), "panic"),
        ];
        for (other, target) in others {
            assert!(!Arc::ptr_eq(&plan, &other.plan(&rules, target)), "{other:?}");
        }
    }
}
