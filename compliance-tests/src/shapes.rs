//! How code logs a secret: for each class the ways in which real services did it.

mod covered;
mod later;
mod values;

use crate::seed::Seed;
use crate::world::Scene;

pub(crate) use covered::COVERED;
pub(crate) use later::LATER;

/// One way to log a secret.
pub(crate) struct Shape {
    pub(crate) class: u8,
    /// The code, with `…` for the secret: what a failure message shows.
    pub(crate) code: &'static str,
    pub(crate) needs: Needs,
    pub(crate) emit: fn(&Scene, &str, &mut Seed),
}

/// Which secrets a shape can carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Needs {
    /// One that a detector knows by its form.
    Form,
    /// One that only the name beside it gives away.
    Key,
    /// Those of some detectors.
    Only(&'static [&'static str]),
}

const fn shape(class: u8, code: &'static str, needs: Needs, emit: fn(&Scene, &str, &mut Seed)) -> Shape {
    Shape { class, code, needs, emit }
}

/// Text for the inside of a JSON string.
fn json(text: &str) -> String {
    let escape = |c: char| match c {
        '"' => "\\\"".to_owned(),
        '\\' => "\\\\".to_owned(),
        '\n' => "\\n".to_owned(),
        '\r' => "\\r".to_owned(),
        c => c.to_string(),
    };
    text.chars().map(escape).collect()
}
