//! Events and spans whose names are made at run time.
//!
//! `tracing` wants every name to be static. A test of names needs thousands: each is kept for the life of the process,
//! once.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, OnceLock, PoisonError};

use tracing::{Level, Span};
use tracing_core::callsite::{Callsite, Identifier};
use tracing_core::field::{FieldSet, Value};
use tracing_core::metadata::Kind;
use tracing_core::subscriber::Interest;
use tracing_core::{Event, Metadata};

/// Sends an event at level ERROR, which no policy leaves out, with fields of any names.
pub fn event(name: &str, target: &str, fields: &[(&str, &dyn Value)]) {
    let metadata = metadata(Kind::EVENT, name, target, fields);
    let values: Vec<_> = fields.iter().map(|(_, value)| Some(*value)).collect();
    Event::dispatch(metadata, &metadata.fields().value_set_all(&values));
}

/// Makes a span at level ERROR with fields of any names.
pub fn span(name: &str, target: &str, fields: &[(&str, &dyn Value)]) -> Span {
    let metadata = metadata(Kind::SPAN, name, target, fields);
    let values: Vec<_> = fields.iter().map(|(_, value)| Some(*value)).collect();
    Span::new(metadata, &metadata.fields().value_set_all(&values))
}

struct Site(OnceLock<Metadata<'static>>);

impl Callsite for Site {
    /// Interests are not kept: whoever is asked is asked anew.
    fn set_interest(&self, _: Interest) {}

    fn metadata(&self) -> &Metadata<'_> {
        // Set before anybody is given the callsite.
        self.0.get().expect("a callsite is made with its metadata")
    }
}

type Key = (bool, String, String, Vec<String>);

static SITES: LazyLock<Mutex<HashMap<Key, &'static Metadata<'static>>>> = LazyLock::new(Mutex::default);

fn metadata(
    kind: Kind,
    name: &str,
    target: &str,
    fields: &[(&str, &dyn Value)],
) -> &'static Metadata<'static> {
    let names: Vec<String> = fields.iter().map(|(name, _)| (*name).to_owned()).collect();
    let key = (kind.is_span(), name.to_owned(), target.to_owned(), names);
    let mut sites = SITES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = sites.get(&key) {
        return known;
    }
    let forever = |text: &str| -> &'static str { Box::leak(text.to_owned().into_boxed_str()) };
    let names: Vec<&'static str> = key.3.iter().map(|name| forever(name)).collect();
    let site: &'static Site = Box::leak(Box::new(Site(OnceLock::new())));
    let made = site.0.get_or_init(|| {
        let fields = FieldSet::new(Box::leak(names.into_boxed_slice()), Identifier(site));
        Metadata::new(forever(name), forever(target), Level::ERROR, None, None, None, fields, kind)
    });
    sites.insert(key, made);
    made
}
