//! The bare driver on our own schema: what every SQLite floor is made of.

use std::path::Path;

use freehold::backend::sqlite::SqliteStore;
use freehold::{NewEvent, StreamId};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OptionalExtension, params};

use crate::harness;

/// A connection to a fresh file with our schema and our durability.
pub(crate) fn connect(path: &Path) -> Connection {
    let runtime = harness::runtime();
    drop(runtime.block_on(SqliteStore::open(path)).unwrap());
    drop(runtime);
    let conn = Connection::open(path).unwrap();
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).unwrap();
    conn.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -8192; PRAGMA wal_autocheckpoint = 4000",
    )
    .unwrap();
    conn.set_prepared_statement_cache_capacity(64);
    conn
}

/// The version a stream is at.
pub(crate) fn version(conn: &Connection, stream: &StreamId) -> i64 {
    let mut select = conn
        .prepare_cached(
            "SELECT version FROM freehold_events WHERE category = ?1 AND stream = ?2
             ORDER BY version DESC LIMIT 1",
        )
        .unwrap();
    let found = select.query_row([stream.category(), stream.id()], |row| row.get(0));
    found.optional().unwrap().unwrap_or(0)
}

/// Inserts one event at a version.
pub(crate) fn insert(
    conn: &Connection,
    stream: &StreamId,
    version: i64,
    event: &NewEvent,
    metadata: Option<&str>,
) {
    let mut insert = conn
        .prepare_cached(
            "INSERT INTO freehold_events
                 (event_id, category, stream, version, name, data, metadata, recorded_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )
        .unwrap();
    insert
        .execute(params![
            event.id().as_uuid().as_bytes().as_slice(),
            stream.category(),
            stream.id(),
            version,
            event.name().as_str(),
            &**event.data(),
            metadata,
            chrono::Utc::now().timestamp_micros(),
        ])
        .unwrap();
}

/// One transaction for one event, guarded by the version that is expected.
pub(crate) fn append_alone(conn: &Connection, stream: &StreamId, expected: i64, event: &NewEvent) {
    let batch = |sql| conn.prepare_cached(sql).unwrap().execute([]).unwrap();
    batch("BEGIN IMMEDIATE");
    assert_eq!(version(conn, stream), expected);
    insert(conn, stream, expected + 1, event, None);
    batch("COMMIT");
}
