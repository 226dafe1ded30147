//! Tests that a log leaks nothing, to run in the CI of any service, against its own policy.
//!
//! ```no_run
//! use dihya::{Policy, Sector};
//! use dihya_compliance::{Canary, Seed, World, leaks};
//!
//! // No secret in any covered form comes out, whatever detector it is for:
//! leaks::check(Policy::sector(Sector::Health)).unwrap();
//!
//! // And none of what this service itself logs:
//! let canary = Canary::plain(&mut Seed::new(1));
//! let captured = World::new(Policy::sector(Sector::Health)).run(|_| {
//!     tracing::error!(password = canary.text(), route = "/login", "refused");
//! });
//! captured.assert_shows("/login");
//! assert!(captured.leaks([&canary]).is_empty());
//! ```
//!
//! A [`World`] captures every output of a layer and proves, before anything else, that it does. A [`Canary`] is looked for
//! as it is and encoded; no message shows it. [`CLASSES`] says which ways into a log are covered.

mod canary;
pub mod child;
mod classes;
pub mod emit;
pub mod evidence;
pub mod grid;
pub mod leaks;
#[doc(hidden)]
pub mod page;
mod raw;
pub mod rules;
mod search;
mod seed;
mod shapes;
pub mod suite;
mod world;

pub use canary::Canary;
pub use classes::{CLASSES, Class, State, document};
pub use search::{Leak, Search, base64};
pub use seed::Seed;
pub use world::{Captured, Scene, World};
