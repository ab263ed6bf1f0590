//! A durable store in one SQLite file, with no server.
//!
//! [`SqliteStore::open`] migrates the file (`schema`) and starts one thread that owns the only
//! connection that writes (`writer`). Commits wait in a bounded queue; the thread puts all that wait
//! into one transaction, so that they share one sync of the disk (`batch`), and answers each only
//! after that. What one commit does inside the transaction is in `append`, its events in `insert`, its rows and
//! its checkpoint in `rows`, and how a stream is found again in `streams`. A repetition is recognised in
//! `duplicate`, and only when something has failed, so that fresh commits pay nothing for it. What is no commit
//! and is written nevertheless, as a lease is (`leases`), takes its turn in the same queue (`ask`).
//! What waits to be published is in `outbox`, what was moved out of the way in `archive`, and what personal data is sealed with in
//! `subject_keys`.
//! Readers have connections of their own (`readers`) and never wait for the writer; pages of the feed are in `feed`.
//!
//! A service with tables of its own writes them in the same transaction: with [`SqliteStore::transact`],
//! on the writer's thread and within its group commit, or with [`SqliteStore::commit_in`], in a
//! transaction of a connection of its own. A projection into such tables moves its checkpoint with them.
//!
//! `docs/sqlite.md` says what is durable when, which errors there are, and what to do about them.

mod append;
mod archive;
mod ask;
mod batch;
mod duplicate;
mod error;
mod event_store;
mod feed;
mod handle;
mod inline;
mod insert;
mod job;
mod leases;
mod looks;
mod options;
mod outbox;
mod readers;
mod row;
mod row_store;
mod rows;
mod savepoint;
mod schema;
mod staged;
mod store;
mod streams;
mod subject_keys;
mod transact;
mod within;
mod writer;

pub use error::{NewerSchema, NotWal, OtherLog};
pub use handle::SqliteStore;
pub use options::SqliteOptions;
/// The driver, in the version that this crate was built with.
pub use rusqlite;
pub use staged::Staged;
pub use transact::TransactError;
