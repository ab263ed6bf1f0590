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

mod announce;
mod archive;
mod cluster;
mod commit_in;
mod conformance;
mod dropped;
mod errors;
mod feed;
mod group;
mod holders;
mod inline;
mod killed;
mod leases;
mod lost;
mod outbox;
mod outbox_log;
mod own_server;
mod own_tables;
mod pages;
mod past;
mod personal;
mod process;
mod processes;
mod proxy;
mod restored;
mod rows;
mod rows_rights;
mod saga;
mod serialization;
mod server;
mod shapes;
mod shop;
mod snapshots;
mod spoilt;
mod statements;
mod sum;
mod trail;
mod versions;
mod waiting;
mod wake;
