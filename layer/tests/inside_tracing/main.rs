//! The layer among other layers, filters, threads and careless values: what breaks logging, through the public API.
//!
//! One binary, since each links the whole workspace anew. What needs a process of its own (a global subscriber, the
//! panic hook, the exit) runs as a child, see `processes`.

#![allow(clippy::unwrap_used, reason = "a test that meets an error has failed")]

mod allowances;
mod detectors;
mod direct;
mod encodings;
mod filters;
mod format;
mod generations;
mod injection;
mod limits;
mod log_records;
mod macros;
#[cfg(feature = "otel")]
mod opentelemetry;
mod panics;
mod policies;
mod processes;
mod reentrancy;
mod sensitive;
mod siblings;
mod snapshots;
mod spans;
mod support;
mod threads;
mod values;
