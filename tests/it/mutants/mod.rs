//! For each clause of the conformance suite, a store that breaks just that promise: the suite must see
//! it.
//!
//! [`flaw`] wraps a store in memory; [`store`], [`closed`], [`repeats`], [`reading`] and [`feed`] hold the mutants by what they
//! break; [`roll`] says which clause kills which; [`killed`] sees that it does. [`row_flaw`], [`row_roll`] and
//! [`leases`], [`fence`], [`rows`] and [`found`] are the same for leases and rows, and [`fold_flaw`], [`fold_roll`] and
//! [`folds`] for folds within the append; [`outbox_flaw`], [`outbox_roll`] and [`outboxes`] for messages,
//! [`archive_flaw`], [`archive_roll`] and [`archives`] for archives, and [`keys_flaw`], [`keys_roll`] and [`keys`] for the keys of data
//! subjects. [`broker_flaw`], [`broker_roll`] and [`brokers`] are the same for brokers.

mod archive_flaw;
mod archive_roll;
mod archives;
mod broker_flaw;
mod broker_roll;
mod brokers;
mod closed;
mod feed;
mod fence;
mod flaw;
mod fold_flaw;
mod fold_roll;
mod folds;
mod found;
mod keys;
mod keys_flaw;
mod keys_roll;
mod killed;
mod leases;
mod outbox_flaw;
mod outbox_roll;
mod outboxes;
mod reading;
mod repeats;
mod roll;
mod row_flaw;
mod row_roll;
mod rows;
mod store;
