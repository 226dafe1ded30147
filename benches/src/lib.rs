//! What an event costs the thread that logs it, ours and others', measured in one run.
//!
//! - [`events`]: the events, the same for everybody
//! - [`peers`]: the pipelines they go through; [`ours`] is the layer, [`handwritten`] what people write instead
//! - [`clock`]: ticks, CPU time, resident memory
//! - [`scenario`]: one measurement of one pipeline, in a process of its own
//! - [`harness`]: interleaves those processes in rounds and takes medians
//! - [`report`]: the tables, and the goals beside the ratios
//!
//! A pipeline gets a process of its own, with the global dispatcher, as it has in a service: one dispatcher alive, so
//! that no callsite has to ask several; one pipeline's threads, allocator and resident memory, and nobody else's. The
//! scoped lookup itself would cost 19 instructions per event: little, but half of what our budget gives to the plan.

pub mod adversary;
pub mod clock;
pub mod events;
pub mod handwritten;
pub mod harness;
pub mod ordinary;
pub mod ours;
pub mod peers;
pub mod report;
pub mod scenario;
