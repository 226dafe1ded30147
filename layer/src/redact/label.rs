//! What a marker and a metric call the reason for a redaction.

use std::sync::{LazyLock, Mutex, OnceLock, PoisonError};

use super::detect::DETECTORS;
use super::keys::KeyClass;

/// One reason: an index into [`labels`], or behind them one of the names that policies add.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Label(u16);

impl Label {
    /// A field that a strict channel does not declare.
    pub(crate) const STRICT: Label = Label(0);
    /// The value's own formatting panicked.
    pub(crate) const PANIC: Label = Label(1);
    /// The value was longer than may be formatted or examined.
    pub(crate) const OVERRUN: Label = Label(2);
    /// The value's own formatting returned an error.
    pub(crate) const UNFORMATTABLE: Label = Label(3);
    /// Its type is [`Sensitive`](crate::Sensitive).
    pub(crate) const SENSITIVE: Label = Label(4);
    /// A policy's own detector, where too many have names of their own.
    const CUSTOM: Label = Label(5);

    pub(crate) fn key(class: KeyClass) -> Label {
        Label((FIXED.len() + class as usize) as u16)
    }

    /// `index` into [`DETECTORS`]; rows of one name share a label.
    pub(crate) fn detector(index: usize) -> Label {
        let name = DETECTORS[index].name;
        Label(LABELS.iter().position(|label| *label == name).unwrap_or_default() as u16)
    }

    /// The label of a policy's own detector. A name keeps its label as long as the process lives, so that a label
    /// needs no policy to be read by; the number of names is bounded, and those beyond share one.
    pub(crate) fn own(name: &str) -> Label {
        static CLAIM: Mutex<()> = Mutex::new(());
        let _claim = CLAIM.lock().unwrap_or_else(PoisonError::into_inner);
        let place = OWN.iter().position(|slot| &**slot.get_or_init(|| name.into()) == name);
        place.map_or(Label::CUSTOM, |place| Label((LABELS.len() + place) as u16))
    }

    /// The label of the detector of this name, built in or a policy's own.
    pub(crate) fn named(name: &str) -> Label {
        match LABELS.iter().position(|label| *label == name) {
            Some(index) => Label(index as u16),
            None => Label::own(name),
        }
    }

    /// Whether something is counted by this name.
    pub(crate) fn is_known(name: &str) -> bool {
        LABELS.contains(&name) || OWN.iter().map_while(OnceLock::get).any(|own| **own == *name)
    }

    /// Where it is counted; less than [`slots`].
    pub(crate) fn index(self) -> usize {
        usize::from(self.0)
    }

    /// The name of what is counted at `index`; `None` if that is not taken yet.
    pub(crate) fn name_at(index: usize) -> Option<&'static str> {
        match LABELS.get(index) {
            Some(name) => Some(name),
            None => OWN.get(index - LABELS.len())?.get().map(|name| &**name),
        }
    }

    pub(crate) fn name(self) -> &'static str {
        // A label is made of a name.
        Label::name_at(self.index()).unwrap_or_default()
    }

    /// Found by the name beside it in a text, and by nothing else.
    pub(crate) fn is_keyed(self) -> bool {
        self.name() == "keyed_secret"
    }

    /// `[redacted:email]`: names the reason, never the length. Needs no escaping in JSON.
    pub(crate) fn write_marker(self, to: &mut Vec<u8>) {
        to.extend_from_slice(b"[redacted:");
        to.extend_from_slice(self.name().as_bytes());
        to.push(b']');
    }
}

/// Every reason there is without a policy's own detectors.
pub(crate) fn labels() -> &'static [&'static str] {
    &LABELS
}

/// How many reasons there may ever be.
pub(crate) fn slots() -> usize {
    LABELS.len() + OWN.len()
}

const FIXED: [&str; 6] = ["strict", "panic", "overrun", "unformattable", "sensitive", "custom"];

static LABELS: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
    let keys = KeyClass::ALL.iter().map(|class| class.label());
    let mut labels: Vec<_> = FIXED.into_iter().chain(keys).collect();
    for detector in DETECTORS {
        if !labels.contains(&detector.name) {
            labels.push(detector.name);
        }
    }
    labels
});

/// Filled from the front, never emptied. Enough for some policies of one process, as tests and reloads have them.
static OWN: [OnceLock<Box<str>>; 256] = [const { OnceLock::new() }; 256];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_s_summary_has_room_for_every_reason() {
        // `"name":12345,` each, and as many of the policy's own as it may have.
        let built_in: usize = labels().iter().map(|name| name.len() + 9).sum();
        assert!(built_in + 32 * (32 + 9) < crate::record::SUMMARY_MAX, "{built_in}");
        assert!(built_in > 1000);
    }

    #[test]
    fn a_name_of_a_policy_has_one_label_beside_the_built_in_ones() {
        let badge = Label::own("clinic_badge");
        assert_eq!(badge, Label::own("clinic_badge"));
        assert_ne!(badge, Label::own("ward_key"));
        assert_eq!(badge.name(), "clinic_badge");
        assert!(badge.index() >= labels().len() && badge.index() < slots());
        assert_eq!(Label::name_at(slots()), None);
        assert!(labels().iter().enumerate().all(|(index, name)| Label::name_at(index) == Some(name)));
    }
}
