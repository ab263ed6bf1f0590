//! What a page costs, by the rows that the server says it has found for it.

use std::time::Duration;

use freehold::backend::postgres::sqlx::{self, AssertSqlSafe, Executor, PgPool, Row};
use freehold::backend::postgres::{PostgresOptions, PostgresStore};
use freehold::{
    Archive, Closing, Commit, EventStore, ExpectedVersion, Filter, Position, ReadFrom, Store,
    StreamId,
};

use crate::server::{Schemas, event, pool};

const EVENTS: u128 = 10_000;
const PAGE: usize = 100;
/// More than it takes until the server keeps its plans.
const PAGES: usize = 12;
/// What the pages hold, and some for what is looked up beside them.
const ROWS_MAX: i64 = 2 * (PAGE * PAGES) as i64;

/// The rows that were found in the log's tables so far, by all sessions that have ended.
async fn found(schemas: &Schemas) -> i64 {
    let sql =
        "SELECT coalesce(sum(seq_tup_read + idx_tup_fetch), 0)::bigint FROM pg_stat_user_tables
               WHERE schemaname = '{s}' AND relname IN ('events', 'archive')";
    let sql = sql.replace("{s}", schemas.name("log").as_str());
    pool(1).await.fetch_one(AssertSqlSafe(sql)).await.unwrap().get(0)
}

async fn open(schemas: &Schemas, pool: &PgPool) -> PostgresStore {
    let options = PostgresOptions { notify_interval: None, ..schemas.options("log") };
    PostgresStore::open_with(pool.clone(), options).await.unwrap()
}

/// Nearly all is of one category. Then the server thinks that little is behind a place in it.
async fn seed(schemas: &Schemas) {
    let pool = pool(2).await;
    let store = open(schemas, &pool).await;
    for n in (0..EVENTS).step_by(500) {
        let stream = StreamId::new("account", "1").unwrap();
        let events = (n..n + 500).map(event);
        let commit = Commit::new().append(&stream, ExpectedVersion::Any, events);
        let _ = store.commit(commit).await.unwrap();
    }
    let user = StreamId::new("user", "1").unwrap();
    let commit = Commit::new().append(&user, ExpectedVersion::Any, [event(8 * EVENTS)]);
    let _ = store.commit(commit).await.unwrap();
    analyze(schemas, &pool).await;
    pool.close().await;
}

/// As the server does by itself after a while.
async fn analyze(schemas: &Schemas, pool: &PgPool) {
    let sql = "ANALYZE {s}.events; ANALYZE {s}.archive";
    let sql = sql.replace("{s}", schemas.name("log").as_str());
    pool.execute(sqlx::raw_sql(AssertSqlSafe(sql))).await.unwrap();
}

/// A stream that is closed and moved into the archive.
async fn archive(schemas: &Schemas) {
    let pool = pool(2).await;
    let store = open(schemas, &pool).await;
    let over = StreamId::new("account", "over").unwrap();
    let closing = Closing::because("over").event(event(9 * EVENTS).id());
    let last = (2 * EVENTS..2 * EVENTS + 900).map(event).chain([closing]);
    let _ = store.commit(Commit::new().append(&over, ExpectedVersion::Any, last)).await.unwrap();
    while store.archive(1_000).await.unwrap().has_more {}
    analyze(schemas, &pool).await;
    pool.close().await;
}

/// Has `read` read, and counts what the server has found for it.
async fn cost(schemas: &Schemas, read: impl AsyncFn(&PostgresStore)) -> i64 {
    let pool = pool(1).await;
    let store = open(schemas, &pool).await;
    let before = found(schemas).await;
    read(&store).await;
    drop(store);
    // A session tells what it has found when it ends.
    pool.close().await;
    let told = async {
        loop {
            let now = found(schemas).await;
            if now > before {
                return now - before;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), told)
        .await
        .expect("the server tells what it found")
}

/// Pages of the feed, one after the other from the beginning.
async fn pages(store: &PostgresStore, filter: Filter) {
    let mut after = Position::START;
    for _ in 0..PAGES {
        let page = store.read_all(after, &filter, PAGE).await.unwrap();
        assert!(page.events.len() == PAGE && page.has_more);
        after = page.upto;
    }
}

async fn costs_what_it_holds(schemas: &Schemas) {
    let filters = [
        ("all", Filter::all()),
        ("a category", Filter::categories(["account"]).unwrap()),
        ("two categories", Filter::categories(["account", "user"]).unwrap()),
    ];
    for (of, filter) in filters {
        let rows = cost(schemas, async |store| pages(store, filter.clone()).await).await;
        // Each of two categories has a page of its own, which are merged.
        assert!(rows <= 2 * ROWS_MAX, "{PAGES} pages of {PAGE} of {of} have cost {rows} rows");
    }
    let stream = StreamId::new("account", "1").unwrap();
    let rows = cost(schemas, async |store| {
        for _ in 0..PAGES {
            let page = store.read_stream(&stream, ReadFrom::End, PAGE).await.unwrap();
            assert_eq!(page.events.len(), PAGE);
        }
    });
    let rows = rows.await;
    assert!(rows <= ROWS_MAX, "{PAGES} pages of {PAGE} of a stream have cost {rows} rows");
}

#[tokio::test]
async fn a_page_costs_what_it_holds_however_much_is_behind_it() {
    let schemas = Schemas::new();
    seed(&schemas).await;
    costs_what_it_holds(&schemas).await;
    archive(&schemas).await;
    costs_what_it_holds(&schemas).await;
}
