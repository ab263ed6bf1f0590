//! The store in a SQLite file: what the contract of every store does not say.
//!
//! Every test has a file of its own. Nothing sleeps: where a test needs commits to wait for each other,
//! another connection holds the file.

mod archive;
mod commit_in;
mod conformance;
mod errors;
mod group;
mod leases;
mod looks;
mod outbox;
mod own_tables;
mod parity;
mod processes;
mod rows;
mod schema;
mod streams;
mod transact;

use std::path::PathBuf;
use std::pin::Pin;
use std::time::Duration;

use freehold::backend::sqlite::rusqlite::Connection;
use freehold::backend::sqlite::{SqliteOptions, SqliteStore};
use freehold::{
    Advance, BackendError, Claim, Commit, EventId, EventName, EventStore, ExpectedVersion,
    InboxKey, Lease, LeaseName, Leases, NewEvent, Owner, Position, RowKey, RowSet, RowValue,
    RowWrite, Store, StreamId, StreamVersion,
};
use tempfile::TempDir;
use uuid::Uuid;

/// A folder with one file, which goes away.
struct File(TempDir);

impl File {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("log.db")
    }

    async fn store(&self) -> SqliteStore {
        SqliteStore::open(self.path()).await.unwrap()
    }

    async fn store_with(&self, options: SqliteOptions) -> SqliteStore {
        SqliteStore::open_with(self.path(), options).await.unwrap()
    }

    /// A store that hears of commits only if it is told, and reads one thing after the other.
    async fn store_that_does_not_poll(&self) -> SqliteStore {
        let poll_interval = Duration::from_hours(1);
        let options = SqliteOptions { poll_interval, readers_max: 1, ..SqliteOptions::default() };
        self.store_with(options).await
    }

    /// A connection of the user's own.
    fn connection(&self) -> Connection {
        Connection::open(self.path()).unwrap()
    }

    /// Keeps every writer out until it is dropped.
    fn lock(&self) -> Lock {
        let connection = self.connection();
        connection.execute_batch("BEGIN IMMEDIATE").unwrap();
        Lock(connection)
    }
}

struct Lock(Connection);

impl Drop for Lock {
    fn drop(&mut self) {
        self.0.execute_batch("ROLLBACK").unwrap();
    }
}

type Waiting<'s> = Pin<Box<dyn Future<Output = Result<(), BackendError>> + Send + 's>>;

/// Somebody who waits for the first event and has seen that the log is empty.
async fn waiting(store: &SqliteStore) -> Waiting<'_> {
    let mut waiting = store.changed(Position::START);
    assert!(futures::poll!(waiting.as_mut()).is_pending());
    // The store reads one thing after the other: the look of the one who waits came before this one.
    assert_eq!(store.head().await.unwrap(), Position::START);
    waiting
}

/// Ends when the one who waits does; a wake-up that is lost fails the test instead of hanging it.
async fn woken(waiting: Waiting<'_>) {
    let time_limit = Duration::from_mins(1);
    tokio::time::timeout(time_limit, waiting).await.expect("nobody has told").unwrap();
}

fn stream(id: &str) -> StreamId {
    StreamId::new("account", id).unwrap()
}

fn id(n: u128) -> EventId {
    EventId::new(Uuid::from_u128(n))
}

fn event(n: u128) -> NewEvent {
    NewEvent::new(id(n), EventName::from_static("Opened").unwrap(), format!(r#"{{"n":{n}}}"#))
}

/// One event for one stream, whatever its version.
fn one(n: u128, to: &str) -> Commit {
    Commit::new().append(&stream(to), ExpectedVersion::Any, [event(n)])
}

/// One event for a stream that must not exist.
fn opening(n: u128, to: &str) -> Commit {
    Commit::new().append(&stream(to), ExpectedVersion::NoStream, [event(n)])
}

fn inbox(message: &str) -> Commit {
    Commit::new().inbox(InboxKey::new("tests", message).unwrap())
}

fn name(name: &str) -> LeaseName {
    LeaseName::new(name).unwrap()
}

const fn owner(n: u128) -> Owner {
    Owner::new(Uuid::from_u128(n))
}

/// A lease that is granted to the first owner, for longer than any test takes.
async fn granted(store: &SqliteStore, of: &str) -> Lease {
    let claim = store.claim(&name(of), owner(1), Duration::from_hours(1)).await.unwrap();
    let Claim::Granted(lease) = claim else { panic!("{claim:?}") };
    lease
}

/// The checkpoint of a lease in the store's own log moves on.
fn advance(lease: &Lease, store: &SqliteStore, from: u64, to: u64) -> Advance {
    Advance::new(lease.clone(), store.identity(), Position::new(from), Position::new(to))
}

fn set(name: &str) -> RowSet {
    RowSet::new(name).unwrap()
}

fn key(key: &str) -> RowKey {
    RowKey::new(key).unwrap()
}

/// A row of a set.
fn put(set: &RowSet, at: &str, json: &'static str) -> RowWrite {
    RowWrite::put(set, &key(at), RowValue::from_json(json).unwrap())
}

const fn version(n: u64) -> StreamVersion {
    StreamVersion::new(n)
}

/// How many transactions the write-ahead log holds: a frame that ends one names the size of the file.
fn transactions(file: &File) -> usize {
    let wal = std::fs::read(file.path().with_extension("db-wal")).unwrap_or_default();
    if wal.len() < 32 {
        return 0;
    }
    let salt = &wal[16..24];
    let page = u32::from_be_bytes(wal[8..12].try_into().unwrap()) as usize;
    let frames = wal[32..].chunks_exact(24 + page);
    frames.filter(|frame| frame[8..16] == *salt && frame[4..8] != [0; 4]).count()
}
