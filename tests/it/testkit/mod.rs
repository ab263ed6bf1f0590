//! The test tools, tested: each must notice what it is for.

mod conformance;
pub mod harness;
mod scenario;
mod strategies;
mod world;
mod faults;
mod model;
