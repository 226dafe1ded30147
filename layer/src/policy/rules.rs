//! What names, paths and texts in a policy must look like.

use std::path::{Component, Path};

use crate::archive::Address;

/// The shape of a text.
pub(super) struct Shape {
    /// Completes "expected ..".
    pub(super) expected: &'static str,
    /// The same rule as an ECMA 262 pattern, for the schema; it may allow more than `fits`, never less.
    #[cfg_attr(not(feature = "schema"), expect(dead_code, reason = "read by the schema alone"))]
    pub(super) pattern: &'static str,
    /// Characters at most; apart from the pattern, where a repetition of this length is slow to compile.
    #[cfg_attr(not(feature = "schema"), expect(dead_code, reason = "read by the schema alone"))]
    pub(super) max: usize,
    pub(super) fits: fn(&str) -> bool,
}

/// Part of a path and of a log's origin line, so it has no separators.
pub(super) const SERVICE: Shape = Shape {
    expected: "a name of 1 to 64 letters, digits, `.`, `-` and `_`, not beginning with a dot",
    pattern: "^[A-Za-z0-9_-][A-Za-z0-9._-]*$",
    max: 64,
    fits: is_name,
};

pub(super) const INSTANCE: Shape = Shape { ..SERVICE };

pub(super) const VERSION: Shape = Shape {
    expected: "a version of 1 to 64 visible ASCII characters",
    pattern: "^[!-~]+$",
    max: 64,
    fits: |text| in_length(text, 64) && text.bytes().all(|b| b.is_ascii_graphic()),
};

/// Names a folder, a link and a metric's label.
pub(super) const CHANNEL: Shape = Shape {
    expected: "a channel's name: 1 to 32 lower-case letters, digits, `-` and `_`, beginning with a letter",
    pattern: "^[a-z][a-z0-9_-]{0,31}$",
    max: 32,
    fits: |text| {
        in_length(text, 32)
            && text.starts_with(|c: char| c.is_ascii_lowercase())
            && text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_'))
    },
};

/// `..` is refused because what it means changes with a link, so that two roots could be one.
pub(super) const ROOT: Shape = Shape {
    expected: "a folder, relative or absolute, without `..`, and not `/` itself",
    pattern: "^.+$",
    max: 4096,
    fits: |text| {
        in_length(text, 4096)
            && !text.contains('\0')
            && Path::new(text).components().all(|c| c != Component::ParentDir)
            && Path::new(text).components().any(|c| matches!(c, Component::Normal(_)))
    },
};

pub(super) const TARGET: Shape = Shape {
    expected: "a target such as \"clinic::api\", without spaces or empty parts",
    pattern: "^\\S+$",
    max: 256,
    fits: |text| {
        in_length(text, 256)
            && !text.contains(|c: char| c.is_whitespace() || c.is_control())
            && text.split("::").all(|part| !part.is_empty())
    },
};

pub(super) const FIELD: Shape = Shape {
    expected: "a name of 1 to 128 characters without spaces",
    pattern: "^\\S+$",
    max: 128,
    fits: |text| in_length(text, 128) && !text.contains(|c: char| c.is_whitespace() || c.is_control()),
};

pub(super) const PROSE: Shape = Shape {
    expected: "one line of 1 to 500 characters",
    pattern: "^.+$",
    max: 500,
    fits: |text| {
        !text.trim().is_empty() && text.chars().count() <= 500 && !text.contains(|c: char| c.is_control())
    },
};

/// A user or group of the operating system.
pub(super) const PRINCIPAL: Shape = Shape {
    expected: "a user or group of this system, such as \"user:alice\" or \"group:ops\"",
    pattern: "^(user|group):[A-Za-z0-9_][A-Za-z0-9_.@-]*\\$?$",
    max: 71,
    fits: |text| {
        let name = text.strip_prefix("user:").or_else(|| text.strip_prefix("group:"));
        name.is_some_and(|name| {
            let plain = name.strip_suffix('$').unwrap_or(name);
            in_length(plain, 64)
                && plain.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
                && plain.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.@-".contains(&b))
        })
    },
};

/// Names a marker, a key of the record's `redactions` and a metric's label.
pub(super) const DETECTOR: Shape = Shape {
    expected: "a detector's name: 3 to 32 lower-case letters, digits and `_`, beginning with a letter",
    pattern: "^[a-z][a-z0-9_]{2,31}$",
    max: 32,
    fits: |text| {
        (3..=32).contains(&text.len())
            && text.starts_with(|c: char| c.is_ascii_lowercase())
            && text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_'))
    },
};

/// Three bytes are what the engine's filter looks at.
pub(super) const PREFIX: Shape = Shape {
    expected: "a literal of 3 to 64 bytes without control characters, such as \"cb_\"",
    pattern: "^.+$",
    max: 64,
    fits: |text| (3..=64).contains(&text.len()) && !text.contains(|c: char| c.is_control()),
};

/// Of one or two letters, it would allow nearly everything.
pub(super) const LITERAL: Shape = Shape {
    expected: "a text of 3 to 256 bytes without control characters",
    pattern: "^.+$",
    max: 256,
    fits: |text| (3..=256).contains(&text.len()) && !text.contains(|c: char| c.is_control()),
};

pub(super) const REGEX: Shape = Shape {
    expected: "a regular expression of 1 to 1000 characters on one line",
    pattern: "^.+$",
    max: 1000,
    fits: |text| !text.is_empty() && text.chars().count() <= 1000 && !text.contains(|c: char| c.is_control()),
};

/// A store of archives.
pub(super) const STORE: Shape = Shape {
    expected: "a folder without `..`, or an address such as \"s3://bucket/prefix?region=eu-west-3\"; an endpoint is \
               https, or http on this machine",
    pattern: "^.+$",
    max: 4096,
    fits: |text| text.len() <= 4096 && Address::parse(text).is_some(),
};

/// A receiver of alerts or a hook: a metric's label and a folder.
pub(super) const SINK: Shape = Shape {
    expected: "a name of 1 to 32 lower-case letters, digits, `-` and `_`, beginning with a letter",
    ..CHANNEL
};

/// Each has a thread.
pub(super) const SINKS_MOST: usize = 16;

pub(super) const ADDRESS: Shape = Shape {
    expected: "an address such as \"https://hooks.example.org/dihya\"",
    pattern: "^https?://\\S+$",
    max: 2048,
    fits: |text| in_length(text, 2048) && !text.contains(|c: char| c.is_whitespace() || c.is_control()),
};

pub(super) const VARIABLE: Shape = Shape {
    expected: "an environment variable's name: letters, digits and `_`, not beginning with a digit",
    pattern: "^[A-Za-z_][A-Za-z0-9_]*$",
    max: 128,
    fits: is_variable,
};

pub(super) const FILE: Shape = Shape {
    expected: "a file's name, relative or absolute",
    pattern: "^.+$",
    max: 4096,
    fits: |text| in_length(text, 4096) && !text.contains(|c: char| c.is_control()),
};

pub(super) const HOST: Shape = Shape {
    expected: "a host's name or address, without a port",
    pattern: "^[A-Za-z0-9.:-]+$",
    max: 253,
    fits: |text| {
        in_length(text, 253) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b".:-".contains(&b))
    },
};

/// What lettre takes is decided where it is built.
pub(super) const MAIL: Shape = Shape {
    expected: "a mail address such as \"ops@example.org\"",
    pattern: "^[!-~]+@[A-Za-z0-9.-]+$",
    max: 254,
    fits: |text| {
        let parts = text.rsplit_once('@');
        text.len() <= 254
            && parts.is_some_and(|(local, host)| {
                !local.is_empty()
                    && local
                        .bytes()
                        .all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.".contains(&b))
                    && !host.is_empty()
                    && host.bytes().all(|b| b.is_ascii_alphanumeric() || b".-".contains(&b))
            })
    },
};

pub(super) const USER: Shape = Shape {
    expected: "a user's name of 1 to 254 characters on one line",
    pattern: "^.+$",
    max: 254,
    fits: |text| in_length(text, 254) && !text.contains(|c: char| c.is_control()),
};

pub(super) const HEADER: Shape = Shape {
    expected: "a header such as \"Notion-Version: 2022-06-28\", with a blank behind the colon",
    pattern: "^[A-Za-z0-9-]+: [ -~]*[!-~]$",
    max: 500,
    fits: |text| {
        text.len() <= 500
            && text.split_once(": ").is_some_and(|(name, value)| {
                let fits = |b: u8| b.is_ascii_graphic() || b == b' ';
                !name.is_empty()
                    && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
                    && !value.trim().is_empty()
                    && value.bytes().all(fits)
                    && value.trim_end() == value
            })
    },
};

pub(super) const TEMPLATE: Shape = Shape {
    expected: "a text of 1 to 8,000 characters",
    pattern: "^[\\s\\S]+$",
    max: 8000,
    fits: |text| !text.trim().is_empty() && text.chars().count() <= 8000,
};

/// Tables of which people expect that a secret may stand in them.
pub(super) const HOLDS_NO_SECRET: [&str; 2] = ["alerts.sinks.*", "hooks.*"];
/// By these names.
pub(super) const SECRET: [&str; 9] =
    ["secret", "password", "token", "key", "api_key", "bearer", "authorization", "webhook_url", "auth"];

/// An address without user, query and fragment: what is secret comes from elsewhere.
pub(super) const ENDPOINT: Shape = Shape {
    expected: "an address such as \"https://collector.example.org:4318\", without user, `?` and `#`",
    pattern: "^https?://[A-Za-z0-9.:\\[\\]-]+(/[!-~]*)?$",
    max: 1024,
    fits: |text| {
        let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
        text.len() <= 1024
            && rest.is_some_and(|rest| {
                let host = rest.split('/').next().unwrap_or_default();
                !host.is_empty()
                    && host.bytes().all(|b| b.is_ascii_alphanumeric() || b".:[]-".contains(&b))
                    && rest.bytes().all(|b| b.is_ascii_graphic() && !b"?#@".contains(&b))
            })
    },
};

/// An attribute and its value.
pub(super) const ATTRIBUTE: Shape = Shape {
    expected: "an attribute such as \"deployment.environment.name=production\"",
    pattern: "^[^=\\s]+=.+$",
    max: 512,
    fits: |text| {
        text.len() <= 512
            && text.split_once('=').is_some_and(|(key, value)| {
                (FIELD.fits)(key) && !value.is_empty() && !value.contains(|c: char| c.is_control())
            })
    },
};

/// What is found in a stored record as it stands: nothing that JSON escapes, and too long to stand there by chance.
pub(super) const CANARY: Shape = Shape {
    expected: "12 to 200 letters, digits, spaces or signs of ASCII, without quotes and backslashes",
    pattern: r#"^[ !#-\[\]-~]{12,200}$"#,
    max: 200,
    fits: |text| {
        text.len() >= 12
            && in_length(text, 200)
            && text.bytes().all(|byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\'))
    },
};

pub(super) const CANARIES_MOST: usize = 16;

pub(super) const STORES_MOST: usize = 2;

/// A public key of age. The whole text is checked where archives are made.
pub(super) const RECIPIENT: Shape = Shape {
    expected: "the public key of an age identity: `age1` and 58 lower-case letters and digits",
    pattern: "^age1[a-z0-9]{58}$",
    max: 62,
    fits: |text| {
        text.len() == 62
            && text.starts_with("age1")
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    },
};

/// Detectors of one policy: each may stand in a record's summary, for which there is room.
pub(super) const DETECTORS_MOST: usize = 32;

/// Names that the folder of the records uses otherwise.
pub(super) const RESERVED: [&str; 8] =
    ["archive", "dihya", "imported", "ledger", "lock", "quarantine", "state", "tiles"];

/// Detectors that may be switched off: what they find is personal, not a credential.
pub(super) const PERSONAL_DETECTORS: [&str; 3] = ["email", "iban", "nir"];

/// Channels that no policy can keep from recording what is sent to them.
pub(super) const LOSSLESS: [&str; 2] = ["audit", "security"];

/// Two names that mean one to a reader.
pub(super) fn fold(name: &str) -> String {
    name.to_ascii_lowercase().replace('-', "_")
}

fn is_name(text: &str) -> bool {
    in_length(text, 64)
        && !text.starts_with('.')
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'))
}

fn is_variable(text: &str) -> bool {
    in_length(text, 128)
        && !text.starts_with(|c: char| c.is_ascii_digit())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

fn in_length(text: &str, max: usize) -> bool {
    !text.is_empty() && text.len() <= max
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redact::detect::{DETECTORS, Kind};

    #[test]
    fn the_detectors_that_may_be_switched_off_are_the_personal_ones_but_cards() {
        let mut personal: Vec<&str> = DETECTORS
            .iter()
            .filter(|d| d.kind == Kind::Personal && d.name != "card")
            .map(|d| d.name)
            .collect();
        personal.sort_unstable();
        personal.dedup();
        assert_eq!(personal, PERSONAL_DETECTORS);
    }
}
