//! A store and a broker that fail when a seed, a count or a script says so.

mod broker;
mod plan;
mod ports;
mod store;

pub use broker::{BrokerFault, FaultyBroker};
pub use plan::{Faults, Injected, Loss};
pub use store::FaultyStore;
