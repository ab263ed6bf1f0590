//! Rows and checkpoints in PostgreSQL: the tables they are in, and commits beside those of events.

use std::time::Duration;

use freehold::backend::postgres::sqlx::{self, AssertSqlSafe, Executor, Row};
use freehold::backend::postgres::{PostgresOptions, PostgresStore};
use freehold::{
    Commit, CommitError, EventStoreExt, ExpectedVersion, Fault, InboxKey, Leases, Position,
    RowStore, RowWrite, RowsWanted, Store, StreamVersion,
};
use uuid::Uuid;

use crate::errors::backend_error;
use crate::proxy::{Cut, Proxy};
use crate::server::{
    Schemas, advance, all_rows, event, granted, job, key, one, owner, pool, put, shown, stream,
};

const LONG: Duration = Duration::from_mins(10);

/// A store with the set prepared.
async fn prepared(schemas: &Schemas) -> PostgresStore {
    let store = schemas.store("log").await;
    store.prepare(&shown()).await.unwrap();
    store
}

#[tokio::test]
async fn a_schema_of_the_first_step_is_migrated_and_keeps_its_events() {
    let schemas = Schemas::new();
    let (schema, id) = (schemas.name("log"), Uuid::now_v7());
    let first = include_str!("../../src/backend/postgres/schema/001_events.sql");
    let first = first.replace("{class}", "1718773092");
    let begin = "CREATE SCHEMA {schema};
        CREATE TABLE {schema}.migrations (version bigint PRIMARY KEY, migrated_at timestamptz NOT NULL);
        INSERT INTO {schema}.migrations VALUES (1, now());";
    let event = "INSERT INTO {schema}.events (event_id, category, stream, version, name, data)
        VALUES (gen_random_uuid(), 'account', 'a', 1, 'Opened', '{}');";
    let identity = format!("INSERT INTO {{schema}}.log (id) VALUES ('{id}');");
    let old = [begin, &first, &identity, event].concat().replace("{schema}", schema.as_str());
    pool(1).await.execute(sqlx::raw_sql(AssertSqlSafe(old))).await.unwrap();

    let store = prepared(&schemas).await;
    assert_eq!(store.identity().as_uuid(), id);
    let lease = granted(&store, owner(1), LONG).await;
    let commit = Commit::new().rows([put("a", "1")]).advance(advance(&store, &lease, 0, 1));
    let _ = store.commit(commit).await.unwrap();
    assert_eq!(store.version(&stream("a")).await.unwrap(), StreamVersion::new(1));
    let again = schemas.store("log").await;
    assert_eq!(all_rows(&again).await, [("a".to_owned(), "1".to_owned())]);
}

#[tokio::test]
async fn many_processes_prepare_one_set_at_once() {
    let schemas = Schemas::new();
    drop(schemas.store("log").await);
    for n in 0..10 {
        let set = freehold::RowSet::new(&format!("set{n}")).unwrap();
        let mut stores = Vec::new();
        for _ in 0..8 {
            let (pool, options) = (pool(1).await, schemas.options("log"));
            stores.push(PostgresStore::open_with(pool, options).await.unwrap());
        }
        let prepares = stores.iter().map(|store| {
            let (store, set) = (store.clone(), set.clone());
            tokio::spawn(async move { store.prepare(&set).await })
        });
        for done in futures::future::join_all(prepares).await {
            done.unwrap().unwrap();
        }
    }
}

#[tokio::test]
async fn a_person_can_query_the_table_of_a_set() {
    let schemas = Schemas::new();
    let store = prepared(&schemas).await;
    let rows = [put("o-1", r#"{"status":"paid"}"#), put("o-2", r#"{"status":"open"}"#)];
    let _ = store.commit(Commit::new().rows(rows)).await.unwrap();
    let select = format!(
        "SELECT value->>'status' FROM {}.view_shown WHERE key = 'o-1'",
        schemas.name("log").as_str()
    );
    let row = sqlx::query(AssertSqlSafe(select)).fetch_one(&pool(1).await).await.unwrap();
    assert_eq!(row.get::<String, _>(0), "paid");
}

/// What `jsonb` would refuse or tidy up.
#[tokio::test]
async fn json_is_kept_byte_for_byte() {
    let schemas = Schemas::new();
    let store = prepared(&schemas).await;
    let odd = [
        r#""\u0000""#,
        r#""\ud800""#,
        "\n{\"b\": 1,\t\"a\":1.50, \"a\":2 } ",
        "1e999",
        "-0",
        "123456789012345678901234567890.10",
        r#""\/ \u00e9 é 🦀""#,
    ];
    for (n, json) in (0..).zip(odd) {
        let _ = store.commit(Commit::new().rows([put(&format!("k{n}"), json)])).await.unwrap();
    }
    let found = all_rows(&store).await;
    assert_eq!(found.into_iter().map(|(_, json)| json).collect::<Vec<_>>(), odd);
}

#[tokio::test]
async fn a_prefix_that_no_key_can_have_finds_nothing() {
    let schemas = Schemas::new();
    let store = prepared(&schemas).await;
    let rows = ["a", "a\u{10ffff}", "a\u{10ffff}z", "b"].map(|key| put(key, "1"));
    let _ = store.commit(Commit::new().rows(rows)).await.unwrap();
    for (prefix, found) in [("\0", 0), ("a\0", 0), ("a", 3), ("a\u{10ffff}", 2), ("", 4)] {
        let wanted = RowsWanted::Page { prefix: prefix.into(), after: None, limit: 9 };
        let page = store.rows(&shown(), &wanted, Some(&job())).await.unwrap();
        assert_eq!(page.rows.len(), found, "{prefix:?}");
    }
}

/// Pipelined: each expects what the one before will leave, and none has been answered yet.
#[tokio::test]
async fn commits_of_one_process_happen_in_the_order_in_which_they_were_asked_for() {
    let schemas = Schemas::new();
    let store = prepared(&schemas).await;
    let lease = granted(&store, owner(1), LONG).await;
    let advances = (0..100).map(|n| {
        let commit = Commit::new().rows([put("row", &n.to_string())]);
        store.commit(commit.advance(advance(&store, &lease, n, n + 1)))
    });
    for answer in futures::future::join_all(advances).await {
        assert!(!answer.unwrap().is_duplicate());
    }
    let state = store.lease(&job()).await.unwrap();
    assert_eq!(state.checkpoint(store.identity()), Position::new(100));

    // The same for a row without an advance, and for a stream that is written by both kinds of commits.
    let rows = (0..100).map(|n| store.commit(Commit::new().rows([put("row", &n.to_string())])));
    let events = (0..100_u64).map(|n| {
        let to = StreamVersion::new(n);
        let commit = Commit::new().append(&stream("a"), to, [event(u128::from(n) + 1)]);
        store.commit(if n % 3 == 0 { commit.rows([put("of a", &n.to_string())]) } else { commit })
    });
    let (rows, events) =
        tokio::join!(futures::future::join_all(rows), futures::future::join_all(events));
    for answer in rows.into_iter().chain(events) {
        let _ = answer.unwrap();
    }
    let expected = [("of a", "99"), ("row", "99")].map(|(k, v)| (k.to_owned(), v.to_owned()));
    assert_eq!(all_rows(&store).await, expected);
}

/// Somebody holds a row, and who writes it waits. Events go on, though there is one group at a time.
#[tokio::test]
async fn commits_of_events_do_not_wait_for_those_of_rows() {
    let schemas = Schemas::new();
    let options = PostgresOptions { groups_max: 1, lock_timeout: LONG, ..schemas.options("log") };
    let store = PostgresStore::open_with(pool(5).await, options).await.unwrap();
    store.prepare(&shown()).await.unwrap();
    let pool = pool(1).await;
    let mut tx = pool.begin().await.unwrap();
    let staged = store.commit_in(&mut tx, Commit::new().rows([put("a", "1")])).await.unwrap();
    let held = tokio::spawn({
        let store = store.clone();
        async move { store.commit(Commit::new().rows([put("a", "2")])).await }
    });
    let lock = "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'
                AND transactionid = pg_current_xact_id()::xid";
    while sqlx::query(lock).fetch_one(&mut *tx).await.unwrap().get::<i64, _>(0) == 0 {
        tokio::task::yield_now().await;
    }
    let events = futures::future::join_all((1..=20).map(|n| store.commit(one(n, "a"))));
    let answers = tokio::time::timeout(Duration::from_secs(20), events).await;
    for answer in answers.expect("the events wait for the row") {
        let _ = answer.unwrap();
    }
    assert!(!held.is_finished(), "somebody has the row");
    tx.commit().await.unwrap();
    let _ = (staged.committed(), held.await.unwrap().unwrap());
    assert_eq!(all_rows(&store).await, [("a".to_owned(), "2".to_owned())]);
}

/// The connection is lost around each kind of commit, before the server heard of it or after it had replied.
#[tokio::test]
async fn a_commit_of_rows_whose_connection_is_lost_happens_once() {
    let schemas = Schemas::new();
    let proxy = Proxy::start().await;
    let options = PostgresOptions { notify_interval: None, ..schemas.options("log") };
    let lost = PostgresStore::open_with(proxy.pool().await, options).await.unwrap();
    let store = prepared(&schemas).await;
    let lease = granted(&store, owner(1), LONG).await;
    for n in 0..60_u64 {
        let cut = if n % 2 == 0 { Cut::Statement } else { Cut::Reply };
        let commit = Commit::new().rows([put("row", &n.to_string())]);
        let commit = commit.advance(advance(&store, &lease, n, n + 1));
        let id = u128::from(n) + 1;
        let commit = match n % 6 {
            0 | 1 => commit,
            2 | 3 => commit.append(&stream("a"), ExpectedVersion::Any, [event(id)]),
            _ => commit.inbox(InboxKey::new("tests", &n.to_string()).unwrap()),
        };
        proxy.cut(cut);
        let committed = lost.commit(commit).await.unwrap();
        assert!(!proxy.is_armed(), "nothing was cut");
        assert_eq!(committed.is_duplicate(), cut == Cut::Reply, "{n}");
        proxy.cut(cut);
        let _ = lost.commit(Commit::new().rows([put("bare", &n.to_string())])).await.unwrap();
    }
    let expected = [("bare", "59"), ("row", "59")].map(|(k, v)| (k.to_owned(), v.to_owned()));
    assert_eq!(all_rows(&store).await, expected);
    assert_eq!(store.version(&stream("a")).await.unwrap(), StreamVersion::new(20));
}

/// Nothing tells whether the first try has written: to say that it has not would be a lie.
#[tokio::test]
async fn a_repetition_that_is_refused_after_a_lost_reply_is_unknown() {
    let schemas = Schemas::new();
    let store = prepared(&schemas).await;
    let proxy = Proxy::start().await;
    let options = PostgresOptions { notify_interval: None, ..schemas.options("log") };
    let lost = PostgresStore::open_with(proxy.pool().await, options).await.unwrap();
    let lease = granted(&store, owner(1), LONG).await;
    // Whoever writes the row `fence` ends the lease for the writer, and moves the stream, as somebody else might.
    let trigger = "CREATE FUNCTION {s}.meanwhile() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            UPDATE {s}.leases SET epoch = epoch + 1;
            UPDATE {s}.streams SET version = version + 1;
            RETURN NULL;
        END $$;
        CREATE TRIGGER meanwhile AFTER INSERT ON {s}.view_shown FOR EACH ROW EXECUTE FUNCTION {s}.meanwhile()";
    let trigger = trigger.replace("{s}", schemas.name("log").as_str());
    pool(1).await.execute(sqlx::raw_sql(AssertSqlSafe(trigger))).await.unwrap();
    let fenced = Commit::new().rows([put("a", "1")]).advance(advance(&store, &lease, 0, 1));
    let checked = Commit::new().rows([put("b", "1")]).check(&stream("a"), StreamVersion::NONE);
    for commit in [fenced, checked] {
        proxy.cut(Cut::Reply);
        let answer = lost.commit(commit.clone()).await.unwrap_err();
        assert!(matches!(answer, CommitError::Unknown(_)), "{answer:?}");
        let answer = lost.commit(commit).await.unwrap_err();
        assert!(matches!(answer, CommitError::Fenced(_) | CommitError::Conflict(_)), "{answer:?}");
    }
    assert_eq!(all_rows(&store).await.len(), 2);
}

#[tokio::test]
async fn a_set_whose_table_is_dropped_is_missing() {
    let schemas = Schemas::new();
    let store = prepared(&schemas).await;
    let drop = format!("DROP TABLE {}.view_shown", schemas.name("log").as_str());
    pool(1).await.execute(AssertSqlSafe(drop)).await.unwrap();
    let both = one(1, "a").rows([RowWrite::delete(&shown(), &key("a"))]);
    assert_eq!(backend_error(store.commit(both).await).fault(), Fault::Missing);
    assert_eq!(store.version(&stream("a")).await.unwrap(), StreamVersion::NONE);
    let read = store.rows(&shown(), &RowsWanted::Keys(vec![key("a")]), None).await.unwrap_err();
    assert_eq!(read.fault(), Fault::Missing);
    store.prepare(&shown()).await.unwrap();
    assert!(all_rows(&store).await.is_empty());
}
