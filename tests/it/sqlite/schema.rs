//! Files that were there before, are made by many at once, or come from the future.

use std::error::Error;
use std::sync::{Arc, Barrier};

use freehold::backend::sqlite::rusqlite::Connection;
use freehold::backend::sqlite::{NewerSchema, SqliteOptions, SqliteStore};
use freehold::{
    Archive, Archived, Commit, EventStoreExt, Fault, LogId, RowKey, RowSet, RowStore, RowValue,
    RowWrite, Store,
};
use uuid::Uuid;

use super::{File, event, one, stream, version};

#[test]
fn a_new_file_opened_by_many_at_once_is_migrated_once() {
    for _ in 0..10 {
        let file = Arc::new(File::new());
        let start = Arc::new(Barrier::new(8));
        let threads = (0..8).map(|_| {
            let (file, start) = (Arc::clone(&file), Arc::clone(&start));
            std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                start.wait();
                runtime
                    .unwrap()
                    .block_on(SqliteStore::open(file.path()))
                    .map(|store| store.identity())
            })
        });
        let threads: Vec<_> = threads.collect();
        let mut logs: Vec<_> =
            threads.into_iter().map(|thread| thread.join().unwrap().unwrap()).collect();
        logs.dedup();
        assert_eq!(logs.len(), 1);
        let count =
            "SELECT (SELECT count(*) FROM freehold_log), (SELECT count(*) FROM freehold_schema)";
        let counts = |row: &freehold::backend::sqlite::rusqlite::Row<'_>| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?))
        };
        assert_eq!(file.connection().query_row(count, [], counts).unwrap(), (1, 6));
    }
}

#[tokio::test]
async fn a_file_of_a_newer_version_is_refused_and_left_alone() {
    let file = File::new();
    drop(file.store().await);
    let newer = "INSERT INTO freehold_schema (version, migrated_at) VALUES (99, 0)";
    file.connection().execute_batch(newer).unwrap();
    let error = SqliteStore::open(file.path()).await.unwrap_err();
    assert_eq!(error.fault(), Fault::NewerSchema);
    let why = error.source().unwrap().downcast_ref::<NewerSchema>().unwrap();
    assert_eq!((why.found, why.known), (99, 6));
    let count = "SELECT count(*) FROM freehold_schema";
    assert_eq!(file.connection().query_row(count, [], |row| row.get::<_, i64>(0)).unwrap(), 7);
}

/// The file of the first version, made by its own statements.
#[tokio::test]
async fn a_file_without_tables_for_rows_gets_them_and_keeps_its_log() {
    let file = File::new();
    let old = file.connection();
    old.execute_batch(
        "CREATE TABLE freehold_schema (version INTEGER PRIMARY KEY, migrated_at INTEGER NOT NULL) STRICT;
         INSERT INTO freehold_schema VALUES (1, 0)",
    )
    .unwrap();
    old.execute_batch(include_str!("../../../src/backend/sqlite/schema/001_events.sql")).unwrap();
    old.execute_batch(
        "INSERT INTO freehold_log VALUES (zeroblob(16));
         INSERT INTO freehold_streams VALUES ('account', 'a', 1, 1);
         INSERT INTO freehold_events
         VALUES (1, randomblob(16), 'account', 'a', 1, NULL, 'Opened', CAST('{}' AS BLOB), NULL, 0)",
    )
    .unwrap();
    drop(old);
    let store = file.store().await;
    assert_eq!(store.identity(), LogId::new(Uuid::nil()));
    let tail = store.read_tail(&stream("a"), version(0)).await.unwrap();
    assert_eq!((tail.len(), tail[0].name().as_str()), (1, "Opened"));
    let set = RowSet::new("orders").unwrap();
    store.prepare(&set).await.unwrap();
    let put = RowWrite::put(&set, &RowKey::new("a").unwrap(), RowValue::of(&1).unwrap());
    let commit = Commit::new()
        .append(&stream("a"), version(1), [event(2)])
        .rows([put])
        .advance(super::advance(&super::granted(&store, "orders").await, &store, 0, 1));
    let committed = store.commit(commit).await.unwrap();
    assert_eq!(committed.version_of(&stream("a")), Some(version(2)));
    let versions = "SELECT group_concat(version, ' ') FROM freehold_schema";
    let versions: String = file.connection().query_row(versions, [], |row| row.get(0)).unwrap();
    assert_eq!(versions, "1 2 3 4 5 6");
    assert_can_close(&store, &file).await;
}

/// A stream from before there was an archive is closed, and moved into it.
async fn assert_can_close(store: &SqliteStore, file: &File) {
    let _ = store.commit(super::archive::closing(50, "a")).await.unwrap();
    assert_eq!(store.archive(9).await.unwrap(), Archived::new(4, 1, false));
    let tail = store.read_tail(&stream("a"), version(0)).await.unwrap();
    assert_eq!((tail.len(), tail[0].name().as_str()), (4, "Opened"));
    let left = "SELECT count(*) FROM freehold_events";
    assert_eq!(file.connection().query_row(left, [], |row| row.get::<_, i64>(0)).unwrap(), 0);
}

#[tokio::test]
async fn a_file_that_is_up_to_date_opens_while_somebody_writes() {
    let file = File::new();
    drop(file.store().await);
    let lock = file.lock();
    let store = file.store().await;
    drop(lock);
    let _ = store.commit(one(1, "a")).await.unwrap();
}

#[tokio::test]
async fn the_log_moves_into_a_file_that_has_tables_already() {
    let file = File::new();
    let own = Connection::open(file.path()).unwrap();
    own.execute_batch("CREATE TABLE orders (id INTEGER); INSERT INTO orders VALUES (1)").unwrap();
    drop(own);
    let store = file.store().await;
    let _ = store.commit(one(1, "a")).await.unwrap();
    let names = "SELECT group_concat(name, ' ') FROM
                 (SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY 1)";
    let names: String = file.connection().query_row(names, [], |row| row.get(0)).unwrap();
    assert_eq!(
        names,
        "freehold_archive freehold_checkpoints freehold_events freehold_inbox freehold_inline freehold_leases \
         freehold_log freehold_marks freehold_outbox freehold_outbox_later freehold_schema freehold_streams \
         freehold_subject_keys freehold_to_archive orders"
    );
}

/// SQLite gives up this lock at once: it is the store that waits.
#[tokio::test]
async fn a_file_that_somebody_writes_in_another_journal_mode_is_busy_after_the_timeout() {
    let file = File::new();
    let own = file.connection();
    own.execute_batch("CREATE TABLE orders (id INTEGER); BEGIN IMMEDIATE").unwrap();
    let busy_timeout = std::time::Duration::from_millis(100);
    let options = SqliteOptions { busy_timeout, ..SqliteOptions::default() };
    let began = std::time::Instant::now();
    let error = SqliteStore::open_with(file.path(), options).await.unwrap_err();
    assert_eq!(error.fault(), Fault::Busy);
    assert!(began.elapsed() >= busy_timeout);
    own.execute_batch("ROLLBACK").unwrap();
    drop(file.store().await);
}

/// A person can look at the log with nothing but SQLite.
#[tokio::test]
async fn the_log_can_be_queried_by_hand() {
    let file = File::new();
    let _ = file.store().await.commit(one(7, "alice")).await.unwrap();
    let query = "SELECT category || '-' || stream || ' ' || version || ' ' || name || ' ' || (data ->> '$.n')
                 FROM (SELECT *, CAST(data AS TEXT) AS text FROM freehold_events)";
    let query = query.replace("(data ->>", "(text ->>");
    let found: String = file.connection().query_row(&query, [], |row| row.get(0)).unwrap();
    assert_eq!(found, "account-alice 1 Opened 7");
}

#[tokio::test]
async fn a_page_of_a_category_is_read_from_its_index_in_order() {
    let file = File::new();
    drop(file.store().await);
    let plan = |sql: &str| -> String {
        let connection = file.connection();
        let mut explain = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let steps = explain.query_map([], |row| row.get::<_, String>(3)).unwrap();
        steps.map(Result::unwrap).collect::<Vec<_>>().join("; ")
    };
    assert_eq!(
        plan(
            "SELECT name FROM freehold_events WHERE category = 'a' AND position > 5 ORDER BY position LIMIT 9"
        ),
        "SEARCH freehold_events USING INDEX freehold_events_category (category=? AND rowid>?)"
    );
    assert_eq!(
        plan(
            "SELECT version, position FROM freehold_marks WHERE category = 'a' AND stream = 'b' AND version >= 9 ORDER BY version LIMIT 1"
        ),
        "SEARCH freehold_marks USING PRIMARY KEY (category=? AND stream=? AND version>?)"
    );
}
