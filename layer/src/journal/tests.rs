//! Behaviour of the journal on disks that work and disks that do not.

mod basics;
mod faults;
mod full;
mod kill;
mod local;
mod power;
mod recovery;
mod reload;
mod rollback;
mod schedules;
mod support;
