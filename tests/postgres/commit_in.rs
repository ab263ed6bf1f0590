//! Commits in the user's own transaction.

use freehold::backend::postgres::OtherLog;
use freehold::backend::postgres::sqlx::{self, AssertSqlSafe, Executor, PgPool, Row};
use freehold::{
    BackendError, Commit, CommitError, EventStore, EventStoreExt, ExpectedVersion, Filter,
    InboxKey, Outbox, Position, Store, StreamVersion,
};

use crate::outbox::sends;
use crate::server::{Schemas, event, one, pool, stream};

async fn orders(pool: &PgPool, schema: &str) -> i64 {
    let count = AssertSqlSafe(format!("SELECT count(*) FROM {schema}.orders"));
    sqlx::query(count).fetch_one(pool).await.unwrap().get(0)
}

fn insert(schema: &str) -> AssertSqlSafe<String> {
    AssertSqlSafe(format!("INSERT INTO {schema}.orders DEFAULT VALUES"))
}

async fn with_orders(schemas: &Schemas) -> (PgPool, String) {
    let (pool, schema) = (pool(5).await, schemas.name("log").as_str().to_owned());
    let create = format!("CREATE TABLE {schema}.orders (id serial)");
    pool.execute(AssertSqlSafe(create)).await.unwrap();
    (pool, schema)
}

#[tokio::test]
async fn events_and_own_rows_become_durable_together_or_not_at_all() {
    let schemas = Schemas::new();
    let store = schemas.store("log").await;
    let (pool, schema) = with_orders(&schemas).await;

    let mut tx = pool.begin().await.unwrap();
    tx.execute(insert(&schema)).await.unwrap();
    let _ = store.commit_in(&mut tx, one(1, "a")).await.unwrap();
    tx.rollback().await.unwrap();
    assert_eq!(orders(&pool, &schema).await, 0);
    assert_eq!(store.version(&stream("a")).await.unwrap(), StreamVersion::NONE);

    let waiting = store.changed(Position::START);
    let mut tx = pool.begin().await.unwrap();
    tx.execute(insert(&schema)).await.unwrap();
    let staged = store.commit_in(&mut tx, one(1, "a")).await.unwrap();
    assert_eq!(staged.versions(), [(stream("a"), StreamVersion::new(1))]);
    let page = store.read_all(Position::START, &Filter::all(), 9).await.unwrap();
    assert!(page.events.is_empty(), "it is not committed yet");
    tx.commit().await.unwrap();
    let committed = staged.committed();
    waiting.await.unwrap();
    assert_eq!(orders(&pool, &schema).await, 1);
    let page = store.read_all(Position::START, &Filter::all(), 9).await.unwrap();
    assert_eq!(page.upto, committed.token().position());
}

#[tokio::test]
async fn a_refused_commit_is_a_value_and_the_transaction_lives_on() {
    let schemas = Schemas::new();
    let store = schemas.store("log").await;
    let (pool, schema) = with_orders(&schemas).await;
    let first = store.commit(one(1, "a")).await.unwrap();

    let mut tx = pool.begin().await.unwrap();
    tx.execute(insert(&schema)).await.unwrap();
    let stale = Commit::new().append(&stream("a"), ExpectedVersion::NoStream, [event(2)]);
    let refused = store.commit_in(&mut tx, stale).await.unwrap_err();
    let CommitError::Conflict(conflict) = refused else { panic!("{refused:?}") };
    assert_eq!((conflict.stream(), conflict.actual()), (&stream("a"), StreamVersion::new(1)));
    let reused = Commit::new().append(&stream("b"), ExpectedVersion::Any, [event(1)]);
    let refused = store.commit_in(&mut tx, reused).await.unwrap_err();
    assert!(matches!(refused, CommitError::IdReused(id) if id == event(1).id()));
    let repeated = store.commit_in(&mut tx, one(1, "a")).await.unwrap();
    assert!(repeated.is_duplicate());
    let empty = store.commit_in(&mut tx, Commit::new()).await.unwrap_err();
    assert!(matches!(empty, CommitError::Invalid(_)));
    tx.execute(insert(&schema)).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(orders(&pool, &schema).await, 2);
    assert_eq!(repeated.committed().token(), first.token());
}

#[tokio::test]
async fn a_race_for_one_message_handles_it_once() {
    let schemas = Schemas::new();
    let store = schemas.store("log").await;
    let pool = pool(5).await;
    let key = InboxKey::new("tests", "m1").unwrap();
    let mut first = pool.begin().await.unwrap();
    let mut second = pool.begin().await.unwrap();
    let staged = store.commit_in(&mut first, one(1, "a").inbox(key.clone())).await.unwrap();
    // The second waits for the first to end, and then sees what it did.
    let racing = tokio::spawn({
        let store = store.clone();
        async move {
            let staged = store.commit_in(&mut second, one(2, "b").inbox(key)).await.unwrap();
            second.commit().await.unwrap();
            staged.is_duplicate()
        }
    });
    first.commit().await.unwrap();
    let _ = staged.committed();
    assert!(racing.await.unwrap());
    assert_eq!(store.version(&stream("b")).await.unwrap(), StreamVersion::NONE);
}

#[tokio::test]
async fn a_connection_to_another_log_or_without_a_transaction_is_refused() {
    for commit in [one(1, "a"), sends(1, "a")] {
        let schemas = Schemas::new();
        let store = schemas.store("log").await;
        let pool = pool(2).await;
        let mut conn = pool.acquire().await.unwrap();
        let refused = store.commit_in(&mut conn, commit.clone()).await.unwrap_err();
        assert!(matches!(refused, CommitError::Backend(_)), "{refused:?}");
        drop(conn);

        // The schema of the store, but with another log in it.
        let schema = schemas.name("log").as_str().to_owned();
        let mut tx = pool.begin().await.unwrap();
        let replace = format!("UPDATE {schema}.log SET id = gen_random_uuid()");
        tx.execute(AssertSqlSafe(replace)).await.unwrap();
        let refused = store.commit_in(&mut tx, commit).await.unwrap_err();
        let CommitError::Backend(error) = refused else { panic!("{refused:?}") };
        let source = std::error::Error::source(&error as &BackendError).unwrap();
        assert!(source.downcast_ref::<OtherLog>().is_some(), "{source}");
        tx.rollback().await.unwrap();
        assert_eq!(store.version(&stream("a")).await.unwrap(), StreamVersion::NONE);
        assert_eq!(store.outbox_head().await.unwrap(), Position::START);
    }
}

#[tokio::test]
async fn messages_alone_are_sent_if_the_transaction_happens_and_in_their_order() {
    let schemas = Schemas::new();
    let store = schemas.store("log").await;
    let pool = pool(1).await;
    let mut tx = pool.begin().await.unwrap();
    let _ = store.commit_in(&mut tx, sends(1, "a")).await.unwrap();
    let _ = store.commit_in(&mut tx, sends(2, "a")).await.unwrap();
    assert_eq!(store.outbox_head().await.unwrap(), Position::START, "nobody sees it yet");
    tx.commit().await.unwrap();
    let mut tx = pool.begin().await.unwrap();
    let _ = store.commit_in(&mut tx, sends(3, "a")).await.unwrap();
    tx.rollback().await.unwrap();
    let page = store.outbox_page(Position::START, 10).await.unwrap();
    let ids: Vec<_> = page.events.iter().map(|it| it.id().as_uuid().as_u128()).collect();
    assert_eq!(ids, [1, 2]);
}
