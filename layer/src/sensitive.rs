//! A value that every formatting hides.

use std::error::Error;
use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::redact::label::Label;
use crate::thread;

/// A value that no formatting shows: whatever the name of the field, the channel or the policy, and in every other layer
/// and `println!` too, it is `[redacted:sensitive]`. A record counts it under `sensitive`.
///
/// What content cannot show, a short password without a key beside it, a type can: the value is marked where it
/// enters the program, and stays marked in every struct that derives `Debug`.
///
/// ```
/// use dihya::Sensitive;
///
/// #[derive(Debug)]
/// struct Login {
///     user: u32,
///     code: Sensitive<String>,
/// }
///
/// let login = Login { user: 7, code: Sensitive::new("4711".to_owned()) };
/// assert_eq!(format!("{login:?}"), "Login { user: 7, code: [redacted:sensitive] }");
/// assert_eq!(login.code.expose(), "4711");
/// ```
///
/// As a field it is written `?code` or `%code`. There is no way to the value but [`expose`](Sensitive::expose) and
/// its like, which a review can search for: it does not dereference, and it is not compared, since a comparison that
/// ends early tells how far it came. For memory that is wiped when it is dropped, put `zeroize::Zeroizing` inside.
///
/// It deserialises as its content does, and serialises as the marker: a configuration can be read, and not dumped.
#[derive(Clone, Default)]
pub struct Sensitive<T>(T);

impl<T> Sensitive<T> {
    /// Marks a value.
    pub const fn new(value: T) -> Sensitive<T> {
        Sensitive(value)
    }

    /// The value itself: from here on it is in nobody's care.
    pub const fn expose(&self) -> &T {
        &self.0
    }

    /// The value itself, to change it.
    pub const fn expose_mut(&mut self) -> &mut T {
        &mut self.0
    }

    /// The value itself, without its mark.
    pub fn into_exposed(self) -> T {
        self.0
    }
}

impl<T> From<T> for Sensitive<T> {
    fn from(value: T) -> Sensitive<T> {
        Sensitive(value)
    }
}

impl From<&str> for Sensitive<String> {
    fn from(value: &str) -> Sensitive<String> {
        Sensitive(value.to_owned())
    }
}

/// Neither width nor precision is followed: cut or padded, it would be no marker.
fn write_marker(f: &mut fmt::Formatter<'_>) -> fmt::Result {
    thread::wrote_sensitive();
    write!(f, "[redacted:{}]", Label::SENSITIVE.name())
}

macro_rules! hidden_as {
    ($($formatting:ident)*) => {$(
        impl<T> fmt::$formatting for Sensitive<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_marker(f)
            }
        }
    )*};
}

hidden_as!(Debug Display LowerHex UpperHex Octal Binary LowerExp UpperExp Pointer);

/// An error that says nothing of itself, nor of what caused it.
impl<T> Error for Sensitive<T> {}

impl<T> Serialize for Sensitive<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Sensitive<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Sensitive<T>, D::Error> {
        // A message such as `invalid type: string "…"` quotes the value.
        let value = T::deserialize(deserializer);
        value
            .map(Sensitive)
            .map_err(|_| D::Error::custom("a sensitive value does not have the form expected"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_formatting_writes_the_marker_and_nothing_else() {
        let code = Sensitive::new(4711);
        let marker = "[redacted:sensitive]";
        for text in [
            format!("{code}"),
            format!("{code:?}"),
            format!("{code:#?}"),
            format!("{code:x}{code:X}{code:o}{code:b}{code:e}{code:E}{code:p}")
                .replace(&marker.repeat(7), marker),
            format!("{code:>60}"),
            format!("{code:.3}"),
            code.to_string(),
        ] {
            assert_eq!(text, marker);
        }
        assert_eq!(format!("{:?}", Some(&code)), format!("Some({marker})"));
        assert!(Sensitive::new(fmt::Error).source().is_none());
    }

    #[test]
    fn a_configuration_is_read_and_not_dumped() {
        #[derive(Serialize, Deserialize, Debug)]
        struct Config {
            pin: Sensitive<u32>,
        }
        let config: Config = serde_json::from_str("{\"pin\":4711}").unwrap();
        assert_eq!(config.pin.expose(), &4711);
        assert_eq!(serde_json::to_string(&config).unwrap(), "{\"pin\":\"[redacted:sensitive]\"}");
        let error = serde_json::from_str::<Config>("{\"pin\":\"4711x\"}").unwrap_err().to_string();
        assert!(!error.contains("4711"), "the error quotes the value");
        assert!(error.contains("sensitive value"));
    }
}
