//! Files that were there before, are made by many at once, or come from the future.

use std::error::Error;
use std::sync::{Arc, Barrier};

use freehold::backend::sqlite::rusqlite::Connection;
use freehold::backend::sqlite::{NewerSchema, SqliteOptions, SqliteStore};
use freehold::{Fault, Store};

use super::{File, one};

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
        assert_eq!(file.connection().query_row(count, [], counts).unwrap(), (1, 1));
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
    assert_eq!((why.found, why.known), (99, 1));
    let count = "SELECT count(*) FROM freehold_schema";
    assert_eq!(file.connection().query_row(count, [], |row| row.get::<_, i64>(0)).unwrap(), 2);
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
        "freehold_events freehold_inbox freehold_log freehold_marks freehold_schema freehold_streams orders"
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
