//! The contract of the ports, clause by clause, as tests for any backend.
//!
//! Implement [`Harness`] for your store and call
//! [`event_store_conformance!`](crate::event_store_conformance): it makes one test of each function here
//! that is named after a clause of [`Store`](crate::Store) (`s01_…` to `s12_…`) or
//! [`EventStore`](crate::EventStore) (`e01_…` to `e10_…`), and one that compares the store with the
//! [model](crate::testkit::model). A function returns if the store keeps the promise, and panics with
//! what it saw if not. A store that refuses checks or inbox keys as unsupported passes the clauses about
//! them.
//!
//! Set `FREEHOLD_HEAVY=1` for many more rounds and writers where tasks race.
//!
//! [`Clock`](crate::Clock) and [`Ids`](crate::Ids) have one clause each; their functions
//! ([`k01_a_store_records_the_times_it_was_told`], [`i01_no_id_is_drawn_twice`]) take what they test.

mod event_store_changes;
mod event_store_feed;
mod event_store_follow;
mod event_store_outcomes;
mod event_store_pages;
mod event_store_streams;
mod harness;
mod kit;
mod others;
mod store_answers;
mod store_atomic;
mod store_durable;
mod store_form;
mod store_guards;
mod store_inbox;
mod store_order;
mod store_repeats;
mod suite;

pub use event_store_changes::*;
pub use event_store_feed::*;
pub use event_store_follow::*;
pub use event_store_outcomes::*;
pub use event_store_pages::*;
pub use event_store_streams::*;
pub use harness::Harness;
pub(super) use kit::within;
pub use others::*;
pub use store_answers::*;
pub use store_atomic::*;
pub use store_durable::*;
pub use store_form::*;
pub use store_guards::*;
pub use store_inbox::*;
pub use store_order::*;
pub use store_repeats::*;
#[doc(hidden)]
pub use suite::run;
