//! Evidence: what the tests of a suite found, for somebody who was not there.

pub(crate) mod result;
