//! The bare driver on our own schema: what every SQLite floor is made of.

use std::path::Path;

use freehold::backend::sqlite::SqliteStore;
use freehold::{NewEvent, StreamId};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OptionalExtension, Row, params};

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

/// The newest event of a stream: its version, and its position.
pub(crate) type Newest = (i64, Option<i64>);

/// The newest event of a stream.
pub(crate) fn newest(conn: &Connection, stream: &StreamId) -> Newest {
    let mut select = conn
        .prepare_cached(
            "SELECT version, position FROM freehold_streams WHERE category = ?1 AND stream = ?2",
        )
        .unwrap();
    let key = [stream.category(), stream.id()];
    let found = select.query_row(key, |row| Ok((row.get(0)?, row.get(1)?)));
    found.optional().unwrap().unwrap_or((0, None))
}

/// Inserts events after the newest one of their stream, which they become.
pub(crate) fn insert<'a>(
    conn: &Connection,
    stream: &StreamId,
    newest: Newest,
    events: impl IntoIterator<Item = (&'a NewEvent, Option<&'a str>)>,
) {
    let (category, id) = (stream.category(), stream.id());
    let mut insert = conn
        .prepare_cached(
            "INSERT INTO freehold_events
                 (event_id, category, stream, version, previous, name, data, metadata, recorded_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )
        .unwrap();
    let mut upsert = conn
        .prepare_cached(
            "INSERT INTO freehold_streams (category, stream, version, position) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (category, stream) DO UPDATE SET version = ?3, position = ?4",
        )
        .unwrap();
    let mut mark = conn
        .prepare_cached(
            "INSERT INTO freehold_marks (category, stream, version, position) VALUES (?1, ?2, ?3, ?4)",
        )
        .unwrap();
    let now = chrono::Utc::now().timestamp_micros();
    let (mut version, mut position) = newest;
    for (event, metadata) in events {
        version += 1;
        let event_id = event.id().as_uuid();
        let (event_id, name) = (event_id.as_bytes().as_slice(), event.name().as_str());
        let row = params![
            event_id,
            category,
            id,
            version,
            position,
            name,
            &**event.data(),
            metadata,
            now
        ];
        insert.execute(row).unwrap();
        position = Some(conn.last_insert_rowid());
        if version % 64 == 0 {
            mark.execute(params![category, id, version, position]).unwrap();
        }
    }
    upsert.execute(params![category, id, version, position]).unwrap();
}

/// One transaction for one event, guarded by the version that is expected.
pub(crate) fn append_alone(conn: &Connection, stream: &StreamId, expected: i64, event: &NewEvent) {
    let batch = |sql| conn.prepare_cached(sql).unwrap().execute([]).unwrap();
    batch("BEGIN IMMEDIATE");
    let newest = newest(conn, stream);
    assert_eq!(newest.0, expected);
    insert(conn, stream, newest, [(event, None)]);
    batch("COMMIT");
}

/// The events of a stream of at most 1,000, the newest first, by the way that their rows know.
pub(crate) fn read_back(
    conn: &Connection,
    stream: &StreamId,
    mut each: impl FnMut(&Row<'_>) -> rusqlite::Result<()>,
) {
    let mut select = conn
        .prepare_cached(
            "SELECT event_id, version, position, name, data, metadata, recorded_at, previous
             FROM freehold_events WHERE position = ?1",
        )
        .unwrap();
    let run = |sql| conn.prepare_cached(sql).unwrap().execute([]).unwrap();
    run("BEGIN");
    let (_, mut at) = newest(conn, stream);
    while let Some(position) = at {
        at = select
            .query_row([position], |row| {
                each(row)?;
                row.get(7)
            })
            .unwrap();
    }
    run("COMMIT");
}
