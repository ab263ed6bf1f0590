//! The keys of data subjects: a row for each, which is never moved, and overwritten when its subject is forgotten.

use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use rusqlite::{Connection, OpenFlags, params};
use tokio::task::spawn_blocking;

use super::error::{BACKEND, backend, closed};
use super::handle::SqliteStore;
use super::row::corrupt;
use super::transact::TransactError;
use crate::ports::{BackendError, CommitError, Fault, SubjectKeys};
use crate::types::{Commit, Committed, DataSubject, KeyRing, NewKey, SubjectKey};

const FORGET: &str = "forget a data subject";

#[async_trait]
impl SubjectKeys for SqliteStore {
    async fn rings(&self, subjects: &[DataSubject]) -> Result<Vec<KeyRing>, BackendError> {
        let subjects = subjects.to_vec();
        let read = move |conn: &Connection| rings(conn, &subjects);
        self.shared.readers.read_at_once("read keys", read).await
    }

    async fn add(&self, keys: Vec<NewKey>) -> Result<Vec<KeyRing>, BackendError> {
        self.ask("add keys", move |conn| {
            conn.execute_batch("SAVEPOINT freehold_keys")?;
            let added = add_all(conn, &keys);
            if let Err(error) = added {
                conn.execute_batch("ROLLBACK TO freehold_keys; RELEASE freehold_keys")?;
                return Err(error);
            }
            conn.execute_batch("RELEASE freehold_keys")?;
            let subjects: Vec<DataSubject> = keys.iter().map(|new| new.subject.clone()).collect();
            rings(conn, &subjects)
        })
        .await
    }

    async fn forget(&self, subject: &DataSubject, with: Commit) -> Result<Committed, CommitError> {
        let of = subject.clone();
        let done = self.transact(move |tx| forget(tx, &of).map(|()| ((), with))).await;
        let ((), committed) = done.map_err(commit_error)?;
        if committed.is_duplicate() {
            // What was written beside a repetition is undone.
            let of = subject.clone();
            self.ask(FORGET, move |conn| forget(conn, &of)).await?;
        }
        self.erase().await?;
        Ok(committed)
    }
}

impl SqliteStore {
    /// Copies the write-ahead log into the file and empties it: the keys that were overwritten stood there, too.
    async fn erase(&self) -> Result<(), CommitError> {
        let (path, options) = self.shared.readers.place();
        let busy_timeout = options.busy_timeout;
        let erasing = spawn_blocking(move || checkpoint(&path, busy_timeout)).await;
        let erased = erasing.map_err(|_| closed(FORGET)).and_then(|erased| erased);
        // It is forgotten, and not yet erased; who forgets again erases it.
        erased.map_err(CommitError::Unknown)
    }
}

fn checkpoint(path: &Path, busy_timeout: Duration) -> Result<(), BackendError> {
    let failed = |error| backend(FORGET, error);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags).map_err(failed)?;
    conn.busy_timeout(busy_timeout).map_err(failed)?;
    let is_busy = |row: &rusqlite::Row<'_>| row.get::<_, bool>(0);
    let is_busy = conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], is_busy).map_err(failed)?;
    if is_busy {
        let why = "somebody reads in the write-ahead log for too long";
        return Err(BackendError::new(BACKEND, FORGET, Fault::Busy, why));
    }
    Ok(())
}

fn rings(conn: &Connection, subjects: &[DataSubject]) -> rusqlite::Result<Vec<KeyRing>> {
    let mut select = conn.prepare_cached(
        "SELECT number, key FROM freehold_subject_keys WHERE subject = ?1 ORDER BY number",
    )?;
    let ring = |subject: &DataSubject| {
        let mut found = select.query([subject.as_str()])?;
        let mut keys = Vec::new();
        while let Some(row) = found.next()? {
            if row.get::<_, i64>(0)? == 0 {
                return Ok(KeyRing::Forgotten);
            }
            let key = SubjectKey::stored(row.get_ref(1)?.as_blob()?);
            keys.push(key.ok_or_else(|| corrupt(1, "a key of another length"))?);
        }
        Ok(KeyRing::Keys(keys))
    };
    subjects.iter().map(ring).collect()
}

/// Adds keys. When the first page of the table is full, it is copied to another: what is left of it is overwritten.
fn add_all(conn: &Connection, keys: &[NewKey]) -> rusqlite::Result<()> {
    let overwrite = |how| conn.query_row(how, [], |_| Ok(()));
    overwrite("PRAGMA secure_delete = FAST")?;
    let added = keys.iter().try_for_each(|new| add(conn, new));
    overwrite("PRAGMA secure_delete = OFF")?;
    added
}

/// Adds a key, if it is the next one. A number 0 that is there is the smallest, and says that there is none.
fn add(conn: &Connection, new: &NewKey) -> rusqlite::Result<()> {
    let mut insert = conn.prepare_cached(
        "INSERT INTO freehold_subject_keys (subject, number, key)
         SELECT ?1, ?2, ?3 FROM (
             SELECT coalesce(min(number), 1) AS first, coalesce(max(number), 0) AS last
             FROM freehold_subject_keys WHERE subject = ?1
         ) WHERE first > 0 AND last + 1 = ?2",
    )?;
    let (subject, key) = (new.subject.as_str(), new.key.bytes().as_slice());
    insert.execute(params![subject, new.id.get(), key]).map(drop)
}

/// Overwrites the keys where they stand, and says that there will be none.
fn forget(conn: &Connection, subject: &DataSubject) -> rusqlite::Result<()> {
    const NOTHING: [u8; SubjectKey::BYTES] = [0; SubjectKey::BYTES];
    let subject = subject.as_str();
    conn.prepare_cached("UPDATE freehold_subject_keys SET key = ?2 WHERE subject = ?1")?
        .execute(params![subject, NOTHING])?;
    conn.prepare_cached(
        "INSERT INTO freehold_subject_keys (subject, number, key) VALUES (?1, 0, ?2)
         ON CONFLICT DO NOTHING",
    )?
    .execute(params![subject, NOTHING])
    .map(drop)
}

fn commit_error(error: TransactError<rusqlite::Error>) -> CommitError {
    let failed = |fault, why: &'static str| BackendError::new(BACKEND, FORGET, fault, why).into();
    match error {
        TransactError::Commit(error) => error,
        TransactError::Rejected(error) => backend(FORGET, error).into(),
        TransactError::Interrupted => failed(Fault::Busy, "a neighbour broke the transaction"),
        TransactError::Panicked | TransactError::Ended => failed(Fault::Other, "it went wrong"),
    }
}
