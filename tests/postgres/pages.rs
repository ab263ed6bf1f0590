//! What a page costs, by the rows that the server says it has found for it.

use std::time::Duration;

use freehold::backend::postgres::sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use freehold::backend::postgres::sqlx::{self, AssertSqlSafe, Executor, PgPool, Row, query};
use freehold::backend::postgres::{PostgresOptions, PostgresStore};
use freehold::{
    Archive, Closing, Commit, EventStore, ExpectedVersion, Filter, Position, ReadFrom, Store,
    StreamId,
};

use crate::server::{self, Schemas, event, url};

const EVENTS: u128 = 10_000;
const PAGE: u16 = 100;
/// More than it takes until the server keeps its plans.
const PAGES: u16 = 12;
/// What the pages hold.
const ROWS_MIN: i64 = PAGE as i64 * PAGES as i64;
/// The same, and some for what is looked up beside them.
const ROWS_MAX: i64 = 2 * ROWS_MIN;

/// The rows that were found in the log's tables so far, by all sessions that have ended.
async fn found(schemas: &Schemas) -> i64 {
    let sql =
        "SELECT coalesce(sum(seq_tup_read + idx_tup_fetch), 0)::bigint FROM pg_stat_user_tables
               WHERE schemaname = '{s}' AND relname IN ('events', 'archive')";
    let sql = sql.replace("{s}", schemas.name("log").as_str());
    server::pool(1).await.fetch_one(AssertSqlSafe(sql)).await.unwrap().get(0)
}

/// Has `work` do something with a store of its own, whose sessions have ended afterwards: then the server knows what they have found.
async fn apart(schemas: &Schemas, work: impl AsyncFnOnce(&PostgresStore, &PgPool)) {
    let name = schemas.name("log");
    let sessions = url().parse::<PgConnectOptions>().unwrap().application_name(name.as_str());
    let pool = PgPoolOptions::new().max_connections(2).connect_with(sessions).await.unwrap();
    let options = PostgresOptions { notify_interval: None, ..schemas.options("log") };
    let store = PostgresStore::open_with(pool.clone(), options).await.unwrap();
    work(&store, &pool).await;
    drop(store);
    pool.close().await;
    let others = server::pool(1).await;
    let left = "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1";
    let gone = async {
        loop {
            let left = query(left).bind(name.as_str()).fetch_one(&others).await.unwrap();
            if left.get::<i64, _>(0) == 0 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), gone).await.expect("sessions end");
}

/// Nearly all is of one category. Then the server thinks that little is behind a place in it.
async fn seed(store: &PostgresStore) {
    for n in (0..EVENTS).step_by(500) {
        let stream = StreamId::new("account", "1").unwrap();
        let events = (n..n + 500).map(event);
        let commit = Commit::new().append(&stream, ExpectedVersion::Any, events);
        let _ = store.commit(commit).await.unwrap();
    }
    let user = StreamId::new("user", "1").unwrap();
    let commit = Commit::new().append(&user, ExpectedVersion::Any, [event(8 * EVENTS)]);
    let _ = store.commit(commit).await.unwrap();
}

/// As the server does by itself after a while.
async fn analyze(schemas: &Schemas, pool: &PgPool) {
    let sql = "ANALYZE {s}.events; ANALYZE {s}.archive";
    let sql = sql.replace("{s}", schemas.name("log").as_str());
    pool.execute(sqlx::raw_sql(AssertSqlSafe(sql))).await.unwrap();
}

/// A stream that is closed and moved into the archive.
async fn archive(store: &PostgresStore) {
    let over = StreamId::new("account", "over").unwrap();
    let closing = Closing::because("over").event(event(9 * EVENTS).id());
    let last = (2 * EVENTS..2 * EVENTS + 900).map(event).chain([closing]);
    let _ = store.commit(Commit::new().append(&over, ExpectedVersion::Any, last)).await.unwrap();
    while store.archive(1_000).await.unwrap().has_more {}
}

/// How many rows the server has found for what `read` reads.
async fn cost(schemas: &Schemas, read: impl AsyncFnOnce(&PostgresStore)) -> i64 {
    let before = found(schemas).await;
    apart(schemas, async |store, _| read(store).await).await;
    found(schemas).await - before
}

/// Pages of the feed, one after the other from the beginning.
async fn pages(store: &PostgresStore, filter: Filter) {
    let mut after = Position::START;
    for _ in 0..PAGES {
        let page = store.read_all(after, &filter, PAGE.into()).await.unwrap();
        assert!(page.events.len() == usize::from(PAGE) && page.has_more);
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
        let is_what_it_holds = (ROWS_MIN..=2 * ROWS_MAX).contains(&rows);
        assert!(is_what_it_holds, "{PAGES} pages of {PAGE} of {of} have cost {rows} rows");
    }
    let stream = StreamId::new("account", "1").unwrap();
    let rows = cost(schemas, async |store| {
        for _ in 0..PAGES {
            let page = store.read_stream(&stream, ReadFrom::End, PAGE.into()).await.unwrap();
            assert_eq!(page.events.len(), usize::from(PAGE));
        }
    });
    let rows = rows.await;
    let is_what_it_holds = (ROWS_MIN..=ROWS_MAX).contains(&rows);
    assert!(is_what_it_holds, "{PAGES} pages of {PAGE} of a stream have cost {rows} rows");
}

#[tokio::test]
async fn a_page_costs_what_it_holds_however_much_is_behind_it() {
    let schemas = Schemas::new();
    apart(&schemas, async |store, pool| {
        seed(store).await;
        analyze(&schemas, pool).await;
    })
    .await;
    costs_what_it_holds(&schemas).await;
    apart(&schemas, async |store, pool| {
        archive(store).await;
        analyze(&schemas, pool).await;
    })
    .await;
    costs_what_it_holds(&schemas).await;
}
