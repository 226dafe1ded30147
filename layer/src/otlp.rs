//! Records exported to a receiver that speaks OTLP, the protocol of OpenTelemetry: docs/otlp.md.
//!
//! An exporter follows the journal's files. It reads what seals cover, sends it, and once the receiver has it writes down
//! how far it came ([`cursor`]). There is no queue beside the log that could fill: the log is the queue. A receiver that is
//! gone for days costs nothing but its own delay, and whoever goes on, the layer's thread or `dihya ship`, goes on exactly
//! where the last one stopped.
//!
//! At least once: what was sent and not acknowledged, or acknowledged and not written down when the process died, is sent
//! again under the same `log.record.uid`.

mod behind;
pub mod cursor;
mod order;

#[cfg(any(feature = "otlp-http", feature = "otlp-grpc"))]
mod batch;
#[cfg(any(feature = "otlp-http", feature = "otlp-grpc"))]
mod config;
#[cfg(any(feature = "otlp-http", feature = "otlp-grpc"))]
mod error;
#[cfg(any(feature = "otlp-http", feature = "otlp-grpc"))]
pub(crate) mod exporter;
#[cfg(any(feature = "otlp-http", feature = "otlp-grpc"))]
mod from;
#[cfg(any(feature = "otlp-http", feature = "otlp-grpc"))]
mod map;
#[cfg(any(feature = "otlp-http", feature = "otlp-grpc"))]
mod message;
#[cfg(any(feature = "otlp-http", feature = "otlp-grpc"))]
mod pace;
#[cfg(any(feature = "otlp-http", feature = "otlp-grpc"))]
mod seen;
#[cfg(any(feature = "otlp-http", feature = "otlp-grpc"))]
mod send;
#[cfg(any(feature = "otlp-http", feature = "otlp-grpc"))]
mod ship;
#[cfg(any(feature = "otlp-http", feature = "otlp-grpc"))]
mod tail;
#[cfg(all(test, any(feature = "otlp-http", feature = "otlp-grpc")))]
mod tests;

pub use behind::{Behind, behind};
#[cfg(any(feature = "otlp-http", feature = "otlp-grpc"))]
pub use error::ShipError;
#[cfg(any(feature = "otlp-http", feature = "otlp-grpc"))]
pub use from::From;
#[cfg(any(feature = "otlp-http", feature = "otlp-grpc"))]
pub use seen::Seen;
#[cfg(any(feature = "otlp-http", feature = "otlp-grpc"))]
pub use ship::{Parts, Pass, Shipper};
