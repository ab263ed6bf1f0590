//! PostgreSQL: tasks that append one event each, again and again. Needs `DATABASE_URL`.

use std::sync::Arc;

use freehold::backend::postgres::sqlx::postgres::PgPoolOptions;
use freehold::backend::postgres::sqlx::{self, AssertSqlSafe, Executor, PgPool};
use freehold::backend::postgres::{PostgresOptions, PostgresStore, SchemaName};
use freehold::{Commit, Store, StreamVersion};
use uuid::Uuid;

use crate::entry;
use crate::harness::{Bar, interleave, runtime, timed};

pub(crate) fn run() -> bool {
    let Some(url) = std::env::var("DATABASE_URL").ok() else {
        println!("postgres_append: left out, since DATABASE_URL names no server");
        return false;
    };
    let mut holds = true;
    for (tasks, appends, at_least) in [(64, 100, 1.0), (16, 200, 1.0), (1, 500, 0.9)] {
        let mut ours = || ours(&url, tasks, appends);
        let mut alone = || alone(&url, tasks, appends);
        let rates = interleave(&mut [&mut ours, &mut alone]);
        let what = &format!("postgres_append: {tasks} tasks, one event each");
        let floor = "one bare transaction an append";
        holds &= Bar { what, floor, at_least, unit: "appends/s" }.judge(&rates[0], &rates[1]);
    }
    holds
}

/// A store on a fresh schema, and how to get rid of it.
async fn fresh(url: &str, connections: u32) -> (PgPool, PostgresStore, String) {
    let pool = PgPoolOptions::new().max_connections(connections).connect(url).await.unwrap();
    let name = format!("bench_{}", Uuid::now_v7().simple());
    let schema = SchemaName::new(&name).unwrap();
    let options = PostgresOptions { schema, notify_interval: None, ..PostgresOptions::default() };
    let store = PostgresStore::open_with(pool.clone(), options).await.unwrap();
    (pool, store, name)
}

async fn drop_schema(pool: &PgPool, name: &str) {
    pool.execute(AssertSqlSafe(format!("DROP SCHEMA {name} CASCADE"))).await.unwrap();
}

fn ours(url: &str, tasks: usize, appends: usize) -> f64 {
    let runtime = runtime();
    let (pool, store, name) = runtime.block_on(fresh(url, 8));
    let rate = timed(tasks * appends, || {
        runtime.block_on(async {
            let tasks = (0..tasks).map(|task| {
                let (store, stream) = (store.clone(), entry::account(task));
                tokio::spawn(async move {
                    for n in 0..appends {
                        let version = StreamVersion::new(n as u64);
                        let commit = Commit::new().append(&stream, version, [entry::new_event(n)]);
                        store.commit(commit).await.unwrap();
                    }
                })
            });
            for task in tasks.collect::<Vec<_>>() {
                task.await.unwrap();
            }
        });
    });
    runtime.block_on(drop_schema(&pool, &name));
    rate
}

/// On our tables, with their triggers: the feed's lock, the guard, the insert, the commit, each a statement of a
/// transaction, as one writes it by hand.
fn alone(url: &str, tasks: usize, appends: usize) -> f64 {
    let runtime = runtime();
    let (pool, _store, name) = runtime.block_on(fresh(url, u32::try_from(tasks).unwrap() + 2));
    let version = "SELECT version FROM {s}.streams WHERE category = $1 AND stream = $2 FOR UPDATE";
    let insert = "INSERT INTO {s}.events (event_id, category, stream, version, name, data)
                  VALUES ($1::text::uuid, $2, $3, $4, $5, $6)";
    let sql = |text: &str| Arc::<str>::from(text.replace("{s}", &name));
    let (version, insert) = (sql(version), sql(insert));
    let rate = timed(tasks * appends, || {
        runtime.block_on(async {
            let tasks = (0..tasks).map(|task| {
                let (pool, stream) = (pool.clone(), entry::account(task));
                let (version, insert) = (Arc::clone(&version), Arc::clone(&insert));
                tokio::spawn(async move {
                    for n in 0..appends {
                        let event = entry::new_event(n);
                        let mut tx = pool.begin().await.unwrap();
                        let select = sqlx::query(AssertSqlSafe(Arc::clone(&version)));
                        let select = select.bind(stream.category()).bind(stream.id());
                        let found = select.fetch_optional(&mut *tx).await.unwrap();
                        let found = found.map_or(0, |row| sqlx::Row::get::<i64, _>(&row, 0));
                        assert_eq!(found, n as i64);
                        let insert = sqlx::query(AssertSqlSafe(Arc::clone(&insert)));
                        insert
                            .bind(event.id().to_string())
                            .bind(stream.category())
                            .bind(stream.id())
                            .bind(found + 1)
                            .bind(event.name().as_str())
                            .bind(&**event.data())
                            .execute(&mut *tx)
                            .await
                            .unwrap();
                        tx.commit().await.unwrap();
                    }
                })
            });
            for task in tasks.collect::<Vec<_>>() {
                task.await.unwrap();
            }
        });
    });
    runtime.block_on(drop_schema(&pool, &name));
    rate
}
