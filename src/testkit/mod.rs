//! Tools for tests of services and of backends.
//!
//! - [`given`] some events, *when* a command runs, *then* these events follow, or that refusal: a test of
//!   an aggregate, without a store.
//! - [`project`] events *given*, *then* these views are there: a test of a projection, without a store; [`laws`] sees whether
//!   it gives the same however its events are batched, and [`laws_of_upkeep`] whether duplicates and a rebuild change nothing.
//! - [`strategies`] generate commits, metadata and the histories that a user's own aggregate can reach,
//!   for property tests with [`proptest`].
//! - [`FaultyStore`] makes any store fail before a commit, after it, or late, by a seed; or at its n-th call.
//! - [`conformance`] with [`event_store_conformance!`](crate::event_store_conformance) and
//!   [`row_store_conformance!`](crate::row_store_conformance) shows what a store of one's own still lacks; [`model`]
//!   compares it with a simple model, over random calls. [`broker_conformance!`](crate::broker_conformance) is for brokers.
//! - [`Contracts`] keeps samples of the messages that a service publishes, and fails its test when a change would break who reads
//!   them.
//! - [`saga`] runs a saga with the user's own steps in every way in which it can go wrong, and draws the shortest way to a broken
//!   promise.
//! - [`ManualClock`], [`PausedClock`], [`SeededIds`] and [`SeededEntropy`] decide what time it is and what is drawn.
//!
//! The feature `testkit` switches them on. They are for dev-dependencies: they panic, as tests do.
//! `docs/testing.md` shows each of them at work.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "to panic with what was seen is how a test tool says that something is wrong"
)]

pub mod conformance;
mod faults;
mod golden;
mod laws;
pub mod model;
mod projecting;
pub mod saga;
mod scenario;
pub mod strategies;
mod upkeep_laws;
mod world;

pub use async_trait::async_trait;
pub use faults::{BrokerFault, Faults, FaultyBroker, FaultyStore, Injected, Loss};
pub use golden::{BrokenContracts, Contracts, SchemaGuard};
pub use laws::{Broken, laws};
pub use projecting::{Projected, project};
pub use proptest;
pub use scenario::{Given, When, given};
pub use upkeep_laws::laws_of_upkeep;
pub use world::{ManualClock, PausedClock, SeededEntropy, SeededIds};

/// What the macros need and nobody else should call.
#[doc(hidden)]
pub mod __private {
    pub use super::conformance::run;
}

/// The code of the guide compiles and runs with the other documentation tests.
#[cfg(doctest)]
#[doc = include_str!("../../docs/testing.md")]
struct Guide;
