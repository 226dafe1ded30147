//! What a marker and a metric call the reason for a redaction.

use std::sync::LazyLock;

use super::detect::DETECTORS;
use super::keys::KeyClass;

/// One reason, as an index into [`labels`].
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

    pub(crate) fn key(class: KeyClass) -> Label {
        Label((FIXED.len() + class as usize) as u16)
    }

    /// `index` into [`DETECTORS`]; rows of one name share a label.
    pub(crate) fn detector(index: usize) -> Label {
        let name = DETECTORS[index].name;
        Label(LABELS.iter().position(|label| *label == name).unwrap_or_default() as u16)
    }

    pub(crate) fn index(self) -> usize {
        usize::from(self.0)
    }

    pub(crate) fn name(self) -> &'static str {
        labels()[self.index()]
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

/// Every reason there is.
pub(crate) fn labels() -> &'static [&'static str] {
    &LABELS
}

const FIXED: [&str; 4] = ["strict", "panic", "overrun", "unformattable"];

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
