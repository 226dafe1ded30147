//! What never reaches a record: by field name (decided once per callsite) and by content (one scan per event).
//!
//! A doubt is a redaction. Two things content cannot show, a short password without a key and a secret split
//! over two fields; a `strict` channel closes both.

pub(crate) mod allow;
pub(crate) mod custom;
mod decode;
pub(crate) mod detect;
pub mod inspect;
pub(crate) mod keys;
pub(crate) mod label;
pub(crate) mod scan;
mod work;

pub(crate) use label::labels;
