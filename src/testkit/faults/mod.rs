//! A store that fails when a seed or a count says so.

mod plan;
mod ports;
mod store;

pub use plan::{Faults, Injected, Loss};
pub use store::FaultyStore;
