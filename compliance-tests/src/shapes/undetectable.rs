//! What content cannot show: shapes in which some secrets come out of an ordinary channel, each with the reason. A strict
//! channel stops them in any field that it does not declare.

use crate::classes::State;

/// A shape, the secrets that come out of it, and why no detector can help.
pub(crate) struct Undetectable {
    pub(crate) class: u8,
    pub(crate) code: &'static str,
    pub(crate) secrets: Secrets,
    pub(crate) why: &'static str,
}

/// Which secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Secrets {
    All,
    /// Those of lower-case letters alone.
    Words,
    /// Those that have no form of their own.
    ByName,
}

impl Secrets {
    /// Whether the secret of this number is among them, see [`Cell::secret`](crate::grid::Cell::secret).
    fn hold(self, secret: usize) -> bool {
        match self {
            Secrets::All => true,
            Secrets::Words => secret == 0,
            Secrets::ByName => secret < super::BY_KEY,
        }
    }

    pub(crate) fn words(self) -> &'static str {
        match self {
            Secrets::All => "any",
            Secrets::Words => "lower-case letters alone",
            Secrets::ByName => "those without a form of their own",
        }
    }
}

/// How far a shape is covered for the secret of this number.
pub(super) fn state(class: u8, code: &str, secret: usize) -> State {
    let is_it =
        |known: &&Undetectable| known.class == class && known.code == code && known.secrets.hold(secret);
    match UNDETECTABLE.iter().find(is_it) {
        Some(_) => State::StrictOnly,
        None => State::Covered,
    }
}

pub(crate) static UNDETECTABLE: &[Undetectable] = &[
    Undetectable {
        class: 4,
        code: "KEY is …",
        secrets: Secrets::ByName,
        why: "\"the password is wrong\" is a sentence: only what no word looks like is hidden",
    },
    Undetectable {
        class: 4,
        code: "KEY(…)",
        secrets: Secrets::Words,
        why: "`password(s)` is prose and `token(input)` is code: only what no word looks like is hidden",
    },
    Undetectable {
        class: 5,
        code: "[\"KEY\",\"…\"]",
        secrets: Secrets::Words,
        why: "a list of names, `[\"user\", \"password\", \"email\"]`, looks the same",
    },
    Undetectable {
        class: 27,
        code: "error!(a = <first half>, b = <second half>)",
        secrets: Secrets::All,
        why: "neither half has a form or a name",
    },
    Undetectable {
        class: 27,
        code: "error_span!(a = <first half>, b = <second half>)",
        secrets: Secrets::All,
        why: "neither half has a form or a name",
    },
    Undetectable {
        class: 28,
        code: "error!(\"password=…\") split by a line's break",
        secrets: Secrets::All,
        why: "nothing tells a break within a secret from the next line of a text",
    },
    Undetectable {
        class: 28,
        code: "error!(note = … split by a line's break)",
        secrets: Secrets::All,
        why: "nothing tells a break within a secret from the next line of a text",
    },
];
