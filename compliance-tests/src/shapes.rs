//! How code logs a secret: for each class the ways in which real services did it.

mod carry;
mod debug;
mod encode;
mod encoded;
mod fields;
mod hostile;
mod limits;
mod numbers;
mod text;
mod undetectable;
mod urls;
pub(crate) mod values;
mod words;

use std::borrow::Cow;
use std::sync::LazyLock;

use crate::classes::State;
use crate::seed::Seed;
use crate::world::Scene;

use carry::{carry, json, log_record};
pub(crate) use undetectable::Undetectable;
use words::{IN_TEXT, NAMES, STRONG};

/// One way to log a secret.
pub(crate) struct Shape {
    pub(crate) class: u8,
    /// The code, with `…` for the secret: what a failure message shows. No two are the same.
    pub(crate) code: Cow<'static, str>,
    pub(crate) needs: Needs,
    emit: Box<Emit>,
}

type Emit = dyn Fn(&Scene, &str, &mut Seed) + Send + Sync;

impl Shape {
    /// How far it is covered for the secret of this number, see [`Cell::secret`](crate::grid::Cell::secret).
    pub(crate) fn state_with(&self, secret: usize) -> State {
        undetectable::state(self.class, &self.code, secret)
    }

    /// How far it is covered for secrets with a form, and for some others.
    pub(crate) fn state(&self) -> State {
        self.state_with(BY_KEY)
    }

    /// Logs it. The same seed logs the same.
    pub(crate) fn emit(&self, scene: &Scene, secret: &str, seed: &mut Seed) {
        (self.emit)(scene, secret, seed);
    }
}

/// Which secrets a shape can carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Needs {
    /// One that a detector knows by its form.
    Form,
    /// Any: the name beside it gives it away. Those with a form are carried too.
    Key,
    /// Any that is digits alone, beside a name.
    DigitsByKey,
    /// Those of some detectors.
    Only(&'static [&'static str]),
}

/// All of them, by class.
pub(crate) fn all() -> &'static [Shape] {
    static ALL: LazyLock<Vec<Shape>> = LazyLock::new(|| {
        let subjects = [
            fields::shapes(),
            text::shapes(),
            urls::shapes(),
            debug::shapes(),
            encoded::shapes(),
            limits::shapes(),
            numbers::shapes(),
            hostile::shapes(),
        ];
        let mut all: Vec<Shape> = subjects.into_iter().flatten().collect();
        all.sort_by_key(|shape| shape.class);
        all
    });
    &ALL
}

/// What content cannot show.
pub(crate) fn undetectable() -> &'static [Undetectable] {
    undetectable::UNDETECTABLE
}

/// The number of kinds of secrets that only a name gives away: letters, letters with capitals and digits, and signs too.
pub(crate) const BY_KEY: usize = 3;

fn shape(
    class: u8,
    code: impl Into<Cow<'static, str>>,
    needs: Needs,
    emit: impl Fn(&Scene, &str, &mut Seed) + Send + Sync + 'static,
) -> Shape {
    Shape { class, code: code.into(), needs, emit: Box::new(emit) }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_two_shapes_of_a_class_have_the_same_code() {
        let mut seen = HashSet::new();
        for shape in all() {
            assert!(seen.insert((shape.class, &shape.code)), "class {}: {}", shape.class, shape.code);
        }
    }

    #[test]
    fn what_is_undetectable_is_a_shape() {
        for Undetectable { class, code, why, .. } in undetectable() {
            assert!(!why.is_empty());
            assert!(all().iter().any(|s| s.class == *class && s.code == *code), "class {class}: {code}");
        }
    }
}
