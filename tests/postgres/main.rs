//! The store in PostgreSQL, against a real server: `scripts/test` starts one, or set `DATABASE_URL`.
//!
//! Every test has a schema, a shop or a server of its own, which goes away at its end.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::similar_names,
    clippy::unwrap_used,
    reason = "a test may panic: that is how it says no"
)]

mod cluster;
mod commit_in;
mod conformance;
mod errors;
mod feed;
mod inline;
mod killed;
mod leases;
mod lost;
mod outbox;
mod outbox_log;
mod own_server;
mod own_tables;
mod process;
mod processes;
mod proxy;
mod rows;
mod rows_rights;
mod saga;
mod server;
mod shop;
mod waiting;
mod wake;
