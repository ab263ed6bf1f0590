//! A durable store in a schema of a PostgreSQL database, over the user's own `sqlx` pool.
//!
//! [`PostgresStore::open`] migrates the schema (`schema`). Commits wait in a bounded queue; those that wait and touch
//! different streams become one statement, which is one transaction (`group`, `under_way`, `committer`, `arrays`,
//! `append`), and each is answered by itself. A commit with rows or an advance is a statement of its own (`rows`). What was refused is looked at again, to tell a repetition from a conflict (`duplicate`).
//!
//! The feed is exact (`feed`): a position below one that can be seen may still be on its way, so a reader goes only as
//! far as positions follow each other, and beyond a gap when those are gone who could fill it. It knows them by an
//! advisory lock that every writer holds, and by nothing else: no clock, no transaction id, nobody else's transaction.
//!
//! Events of closed streams can be moved into a table that inherits from that of events (`archive`), so that no reader knows.
//!
//! Readers of the same process are woken after a commit, those of others by a notification that they do not depend
//! on (`wake`).
//!
//! A service with tables of its own writes them and its events in one transaction with
//! [`PostgresStore::commit_in`].
//!
//! `docs/postgres.md` says what is durable when, which errors there are, and what to do about them.

mod append;
mod archive;
mod arrays;
mod committer;
mod connection;
mod duplicate;
mod error;
mod event_store;
mod feed;
mod group;
mod handle;
mod inline;
mod leases;
mod messages;
mod options;
mod outbox;
mod row;
mod row_store;
mod rows;
mod schema;
mod staged;
mod store;
mod subject_keys;
mod under_way;
mod value;
mod wake;

pub use error::{NewerSchema, OtherLog, Standby};
pub use handle::PostgresStore;
pub use options::{InvalidSchemaName, PostgresOptions, SchemaName};
/// The driver, in the version that this crate was built with.
pub use sqlx;
pub use staged::Staged;
