//! Bundles of logs that the layer wrote: whole, chosen, tampered with, taken in elsewhere.

mod checked;
mod exported;
mod imported;
mod support;
