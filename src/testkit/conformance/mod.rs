//! The contract of the ports, clause by clause, as tests for any backend.
//!
//! Implement [`Harness`] for your store and call
//! [`event_store_conformance!`](crate::event_store_conformance): it makes one test of each function here
//! that is named after a clause of [`Store`](crate::Store) (`s01_…` to `s14_…`) or
//! [`EventStore`](crate::EventStore) (`e01_…` to `e10_…`), and one that compares the store with the
//! [model](crate::testkit::model). A function returns if the store keeps the promise, and panics with
//! what it saw if not. A store that refuses checks or inbox keys as unsupported passes the clauses about
//! them.
//!
//! For a store that keeps rows and leases, implement [`RowHarness`] and call
//! [`row_store_conformance!`](crate::row_store_conformance) as well: it does the same for the clauses of
//! [`Leases`](crate::Leases) (`l01_…` to `l08_…`) and [`RowStore`](crate::RowStore) (`r01_…` to `r06_…`). Where a clause
//! tells of events and inbox keys beside rows, a store that refuses them as unsupported passes without.
//!
//! A store that keeps both can be kept sagas in, as a [`SagaStore`](crate::saga::SagaStore):
//! [`saga_store_conformance!`](crate::saga_store_conformance) makes the tests of both.
//!
//! A store that folds within the append implements [`InlineHarness`] and calls
//! [`inline_store_conformance!`](crate::inline_store_conformance) for the clauses of [`InlineStore`](crate::InlineStore)
//! (`f01_…` to `f08_…`).
//!
//! A store that keeps messages until they are published implements [`OutboxHarness`] and calls
//! [`outbox_conformance!`](crate::outbox_conformance) for the clauses of [`Outbox`](crate::Outbox) (`o01_…` to `o09_…`).
//! It need keep nothing else.
//!
//! A store that moves closed streams out of the way implements [`ArchiveHarness`] and calls
//! [`archive_conformance!`](crate::archive_conformance) for the clauses of [`Archive`](crate::Archive) (`a01_…` to `a06_…`).
//!
//! Who keeps the keys of data subjects implements [`SubjectKeysHarness`] and calls
//! [`subject_keys_conformance!`](crate::subject_keys_conformance) for the clauses of [`SubjectKeys`](crate::SubjectKeys) (`n01_…` to
//! `n06_…`).
//!
//! A message broker implements [`BrokerHarness`] and calls [`broker_conformance!`](crate::broker_conformance) for the clauses
//! of [`Broker`](crate::Broker) (`b01_…` to `b07_…`) and [`Deliveries`](crate::Deliveries) (`d01_…` to `d03_…`). What it does
//! not say that it can do is not asked of it.
//!
//! Set `FREEHOLD_HEAVY=1` for many more rounds and writers where tasks race.
//!
//! [`Clock`](crate::Clock), [`Ids`](crate::Ids), [`Entropy`](crate::Entropy) and [`InlineFold`](crate::InlineFold) have one clause
//! each; their functions ([`k01_a_store_records_the_times_it_was_told`], [`i01_no_id_is_drawn_twice`],
//! [`q01_nothing_is_drawn_twice`], [`g01_a_fold_is_pure`]) take what they test.

mod archive_crowd;
mod archive_kit;
mod archive_steps;
mod broker_deliveries;
mod broker_kit;
mod broker_known;
mod broker_stored;
mod event_store_changes;
mod event_store_feed;
mod event_store_follow;
mod event_store_outcomes;
mod event_store_pages;
mod event_store_streams;
mod harness;
mod inline_guarded;
mod inline_kit;
mod inline_whole;
mod kit;
mod leases_checkpoints;
mod leases_fence;
mod leases_grants;
mod leases_time;
mod others;
mod outbox_crowd;
mod outbox_due;
mod outbox_kit;
mod outbox_pages;
mod outbox_sent;
mod outbox_trimmed;
mod outbox_wakes;
mod row_kit;
mod rows_faithful;
mod rows_found;
mod rows_sets;
mod rows_whole;
mod store_answers;
mod store_atomic;
mod store_closed;
mod store_durable;
mod store_form;
mod store_guards;
mod store_inbox;
mod store_order;
mod store_repeats;
mod subject_keys;
mod suite;

pub use archive_crowd::*;
pub use archive_steps::*;
pub use broker_deliveries::*;
pub use broker_known::*;
pub use broker_stored::*;
pub use event_store_changes::*;
pub use event_store_feed::*;
pub use event_store_follow::*;
pub use event_store_outcomes::*;
pub use event_store_pages::*;
pub use event_store_streams::*;
pub use harness::{
    ArchiveHarness, BrokerHarness, Harness, InlineHarness, OutboxHarness, RowHarness,
    SubjectKeysHarness,
};
pub use inline_guarded::*;
pub use inline_whole::*;
pub(super) use kit::within;
pub use leases_checkpoints::*;
pub use leases_fence::*;
pub use leases_grants::*;
pub use leases_time::*;
pub use others::*;
pub use outbox_crowd::*;
pub use outbox_due::*;
pub use outbox_pages::*;
pub use outbox_sent::*;
pub use outbox_trimmed::*;
pub use outbox_wakes::*;
pub use rows_faithful::*;
pub use rows_found::*;
pub use rows_sets::*;
pub use rows_whole::*;
pub use store_answers::*;
pub use store_atomic::*;
pub use store_closed::*;
pub use store_durable::*;
pub use store_form::*;
pub use store_guards::*;
pub use store_inbox::*;
pub use store_order::*;
pub use store_repeats::*;
pub use subject_keys::*;
#[doc(hidden)]
pub use suite::run;
