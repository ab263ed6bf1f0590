//! The tables, and how a file gets them.

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior};
use uuid::Uuid;

use super::error::{BACKEND, NewerSchema, backend};
use super::options::SqliteOptions;
use super::row;
use crate::ports::{BackendError, Fault};
use crate::types::LogId;

/// The steps from an empty file to today's schema. They are only ever added to.
const MIGRATIONS: &[&str] = &[
    include_str!("schema/001_events.sql"),
    include_str!("schema/002_rows.sql"),
    include_str!("schema/003_inline.sql"),
    include_str!("schema/004_outbox.sql"),
    include_str!("schema/005_archive.sql"),
    include_str!("schema/006_personal.sql"),
];

/// Brings the file to today's schema, and says which log it holds.
///
/// Any number of processes may do so at once. A file that is up to date is only read, so it opens while
/// somebody writes.
pub(super) fn migrate(
    conn: &mut Connection,
    options: &SqliteOptions,
) -> Result<LogId, BackendError> {
    let failed = |error| backend("migrate", error);
    if newest_known() != check(version(conn).map_err(failed)?)? {
        let tx = Transaction::new(conn, TransactionBehavior::Immediate).map_err(failed)?;
        // Another process may have migrated before this one got the lock.
        let found = check(version(&tx).map_err(failed)?)?;
        upgrade(&tx, found, options).map_err(failed)?;
        tx.commit().map_err(failed)?;
    }
    let log = log_id(conn).map_err(failed)?;
    log.ok_or_else(|| backend("migrate", rusqlite::Error::QueryReturnedNoRows))
}

/// The log in the file of this connection; `None` if it has none.
pub(super) fn log_id(conn: &Connection) -> rusqlite::Result<Option<LogId>> {
    if !has_table(conn, "freehold_log")? {
        return Ok(None);
    }
    let mut select = conn.prepare_cached("SELECT id FROM freehold_log")?;
    select.query_row([], |found| Ok(LogId::new(row::uuid(found, 0)?))).optional()
}

fn upgrade(tx: &Connection, found: i64, options: &SqliteOptions) -> rusqlite::Result<()> {
    if found == 0 {
        tx.execute_batch(
            "CREATE TABLE freehold_schema (
                 version     INTEGER PRIMARY KEY,
                 migrated_at INTEGER NOT NULL    -- microseconds since 1970
             ) STRICT",
        )?;
    }
    for (version, step) in (1..).zip(MIGRATIONS) {
        if version > found {
            tx.execute_batch(step)?;
            tx.execute(
                "INSERT INTO freehold_schema (version, migrated_at) VALUES (?1, ?2)",
                [version, options.clock.now().timestamp_micros()],
            )?;
        }
    }
    if found == 0 {
        let id: Uuid = options.ids.draw();
        tx.execute("INSERT INTO freehold_log (id) VALUES (?1)", [id.as_bytes().as_slice()])?;
    }
    Ok(())
}

fn check(found: i64) -> Result<i64, BackendError> {
    let known = newest_known();
    if found > known {
        let why = NewerSchema { found, known };
        return Err(BackendError::new(BACKEND, "migrate", Fault::NewerSchema, why));
    }
    Ok(found)
}

fn newest_known() -> i64 {
    i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX)
}

fn version(conn: &Connection) -> rusqlite::Result<i64> {
    if !has_table(conn, "freehold_schema")? {
        return Ok(0);
    }
    conn.query_row("SELECT coalesce(max(version), 0) FROM freehold_schema", [], |row| row.get(0))
}

pub(super) fn has_table(conn: &Connection, name: &str) -> rusqlite::Result<bool> {
    let mut select =
        conn.prepare_cached("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?1")?;
    select.exists([name])
}
