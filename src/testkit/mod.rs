//! Tools for tests of services and of backends.
//!
//! - [`given`] some events, *when* a command runs, *then* these events follow, or that refusal: a test of
//!   an aggregate, without a store.
//! - [`strategies`] generate commits, metadata and the histories that a user's own aggregate can reach,
//!   for property tests with [`proptest`].
//! - [`FaultyStore`] makes any store fail before a commit, after it, or late, by a seed; or at its n-th call.
//! - [`conformance`] and [`event_store_conformance!`](crate::event_store_conformance) show what a store
//!   of one's own still lacks; [`model`] compares it with a simple model, over random calls.
//! - [`ManualClock`] and [`SeededIds`] decide what time it is and which ids are drawn.
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
pub mod model;
mod scenario;
pub mod strategies;
mod world;

pub use async_trait::async_trait;
pub use faults::{Faults, FaultyStore, Injected, Loss};
pub use proptest;
pub use scenario::{Given, When, given};
pub use world::{ManualClock, SeededIds};

/// What the macros need and nobody else should call.
#[doc(hidden)]
pub mod __private {
    pub use super::conformance::run;
}

/// The code of the guide compiles and runs with the other documentation tests.
#[cfg(doctest)]
#[doc = include_str!("../../docs/testing.md")]
struct Guide;
