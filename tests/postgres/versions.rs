//! Versions: of the server that the tests run on, and of a schema that older programs have made.

use std::io::Write;

use freehold::backend::postgres::PostgresStore;
use freehold::backend::postgres::sqlx::{self, AssertSqlSafe, Executor, PgPool, Row};
use freehold::{
    Archive, Archived, Closing, Commit, EventStore, EventStoreExt, Store, StreamVersion,
};
use uuid::Uuid;

use crate::server::{Schemas, event, one, pool, stream};

/// The oldest version that the crate promises to work with.
const OLDEST: i32 = 15;

/// It is told also if all goes well: a run says by it what it has shown.
#[tokio::test]
async fn the_server_is_of_a_version_that_is_supported() {
    let pool = pool(1).await;
    let version = "SELECT current_setting('server_version'), current_setting('server_version_num')::int / 10000";
    let row = pool.fetch_one(version).await.unwrap();
    let (version, major): (String, i32) = (row.get(0), row.get(1));
    // Written past the macros, whose output a test that passes does not show.
    writeln!(std::io::stderr(), "on PostgreSQL {version}").unwrap();
    assert!(major >= OLDEST, "{version}");
}

/// All that a schema holds but its rows, in words that do not depend on its name.
async fn content(pool: &PgPool, schema: &str) -> Vec<String> {
    let select = "
        SELECT pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = '{s}'::regnamespace
        UNION ALL SELECT concat_ws(' ', 'column', table_name, column_name, data_type, is_nullable, column_default)
            FROM information_schema.columns WHERE table_schema = '{s}'
        UNION ALL SELECT concat_ws(' ', 'view', viewname, definition) FROM pg_views WHERE schemaname = '{s}'
        UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = '{s}'
        UNION ALL SELECT pg_get_triggerdef(t.oid) FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid
            WHERE c.relnamespace = '{s}'::regnamespace AND NOT t.tgisinternal";
    let rows = sqlx::query(AssertSqlSafe(select.replace("{s}", schema))).fetch_all(pool).await;
    let rows = rows.unwrap();
    let locks = format!("SELECT {schema}.events_lock()::text, {schema}.outbox_lock()::text");
    let locks = pool.fetch_one(AssertSqlSafe(locks)).await.unwrap();
    let [of_events, of_messages] = [0, 1].map(|n| locks.get::<String, _>(n));
    let texts = rows.iter().map(|row| {
        let text = row.get::<String, _>(0).replace(schema, "{s}");
        text.replace(&of_events, "{events}").replace(&of_messages, "{messages}")
    });
    let mut texts: Vec<String> = texts.collect();
    texts.sort_unstable();
    texts
}

/// Makes a schema as the first version of the crate did, with an event in it. Returns its log.
async fn first_version(pool: &PgPool, schema: &str) -> Uuid {
    let log = Uuid::now_v7();
    let step = include_str!("../../src/backend/postgres/schema/001_events.sql");
    let sql = format!(
        "BEGIN;
         CREATE SCHEMA {{schema}};
         CREATE TABLE {{schema}}.migrations (version bigint PRIMARY KEY, migrated_at timestamptz NOT NULL);
         {step};
         INSERT INTO {{schema}}.migrations VALUES (1, now());
         INSERT INTO {{schema}}.log (id) VALUES ('{log}');
         INSERT INTO {{schema}}.events (event_id, category, stream, version, name, data)
         VALUES (gen_random_uuid(), 'account', 'a', 1, 'Opened', '{{}}');
         COMMIT"
    );
    let sql = sql.replace("{schema}", schema).replace("{class}", "1718773092");
    pool.execute(sqlx::raw_sql(AssertSqlSafe(sql))).await.unwrap();
    log
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stores_that_open_a_schema_of_the_first_version_at_once_all_have_todays() {
    let schemas = Schemas::new();
    let (pool, old) = (pool(2).await, schemas.name("old").as_str().to_owned());
    let log = first_version(&pool, &old).await;
    let opening: Vec<_> = (0..8)
        .map(|_| {
            let options = schemas.options("old");
            tokio::spawn(async move {
                PostgresStore::open_with(crate::server::pool(1).await, options).await
            })
        })
        .collect();
    let mut stores = Vec::new();
    for one in opening {
        stores.push(one.await.unwrap().unwrap());
    }
    for (n, store) in (1..).zip(&stores) {
        assert_eq!(store.identity().as_uuid(), log);
        let _ = store.commit(one(n, "a")).await.unwrap();
    }
    let version = stores[0].version(&stream("a")).await.unwrap();
    assert_eq!(version, StreamVersion::new(9), "what was there is there");
    assert_eq!(stores[0].head().await.unwrap().get(), 9);

    let new = schemas.store("new").await;
    drop(new);
    let wanted = content(&pool, schemas.name("new").as_str()).await;
    assert!(wanted.len() > 50, "this sees little: {wanted:#?}");
    let found = content(&pool, &old).await;
    let differences: Vec<_> = found
        .iter()
        .filter(|one| !wanted.contains(one))
        .chain(wanted.iter().filter(|one| !found.contains(one)))
        .collect();
    assert!(differences.is_empty(), "{differences:#?}");
    let steps = format!("SELECT version FROM {old}.migrations ORDER BY 1");
    let steps = sqlx::query(AssertSqlSafe(steps)).fetch_all(&pool).await.unwrap();
    let steps: Vec<i64> = steps.iter().map(|row| row.get(0)).collect();
    assert_eq!(steps, (1..).take(steps.len()).collect::<Vec<i64>>(), "each step was taken once");

    // A stream from before there was an archive is closed, and moved into it.
    let last = Closing::new().event(event(50).id());
    let close = Commit::new().append(&stream("a"), version, [last]);
    let _ = stores[1].commit(close).await.unwrap();
    assert_eq!(stores[2].archive(99).await.unwrap(), Archived::new(10, 1, false));
    assert_eq!(stores[3].version(&stream("a")).await.unwrap(), StreamVersion::new(10));
}
