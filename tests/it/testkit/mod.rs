//! The test tools, tested: each must notice what it is for.

mod conformance;
mod contracts;
mod faults;
pub(crate) mod harness;
mod laws;
mod scenario;
mod schema;
mod strategies;
mod upkeep_laws;
