//! A sink that writes tables of its own, in a transaction of its own that also moves the checkpoint.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use freehold::backend::postgres::PostgresStore;
use freehold::backend::postgres::sqlx::{self, AssertSqlSafe, Executor, PgPool, Row};
use freehold::subscription::{
    Applied, Batch, Running, Sink, SinkError, Subscription, SubscriptionOptions,
};
use freehold::testkit::async_trait;
use freehold::{Filter, LeaseName, Store};

use crate::server::{Schemas, one, pool};

/// Notes each event in a table, joined with another; every third time it rolls back in the end.
struct Notes {
    store: PostgresStore,
    pool: PgPool,
    schema: String,
    name: LeaseName,
    filter: Filter,
    calls: Arc<AtomicU64>,
}

impl Notes {
    async fn write(&self, batch: &Batch<'_>, fails: bool) -> Result<(), SinkError> {
        let mut tx = self.pool.begin().await.map_err(SinkError::transient)?;
        for event in batch.events() {
            let insert = format!(
                "INSERT INTO {0}.notes SELECT $1, label FROM {0}.labels WHERE id = $2",
                self.schema
            );
            let insert = sqlx::query(AssertSqlSafe(insert))
                .bind(i64::try_from(event.position().get()).unwrap())
                .bind(event.stream().id());
            insert.execute(&mut *tx).await.map_err(SinkError::transient)?;
        }
        let staged = self.store.commit_in(&mut tx, batch.checkpoint()).await?;
        if fails {
            tx.rollback().await.map_err(SinkError::transient)?;
            return Err(SinkError::transient("rolled back"));
        }
        tx.commit().await.map_err(SinkError::transient)?;
        drop(staged.committed());
        Ok(())
    }
}

#[async_trait]
impl Sink for Notes {
    fn name(&self) -> &LeaseName {
        &self.name
    }

    fn filter(&self) -> &Filter {
        &self.filter
    }

    async fn apply(&self, batch: Batch<'_>) -> Result<Applied, SinkError> {
        let fails = self.calls.fetch_add(1, Ordering::SeqCst).is_multiple_of(3);
        self.write(&batch, fails).await?;
        Ok(Applied::WithCheckpoint)
    }
}

async fn start(store: &PostgresStore, schema: &str, calls: &Arc<AtomicU64>) -> Running {
    let notes = Notes {
        store: store.clone(),
        pool: pool(2).await,
        schema: schema.to_owned(),
        name: LeaseName::new("notes").unwrap(),
        filter: Filter::all(),
        calls: Arc::clone(calls),
    };
    let options = SubscriptionOptions { batch_events_max: 4, ..SubscriptionOptions::default() };
    Subscription::new(notes, store.clone()).follow(store.clone()).options(options).start()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sink_with_tables_of_its_own_takes_each_event_in_once() {
    let schemas = Schemas::new();
    let store = schemas.store("log").await;
    let schema = schemas.name("log").as_str().to_owned();
    let admin = pool(1).await;
    let tables = format!(
        "CREATE TABLE {schema}.labels (id text PRIMARY KEY, label text NOT NULL);
         CREATE TABLE {schema}.notes (position bigint NOT NULL, label text NOT NULL);
         INSERT INTO {schema}.labels VALUES ('a', 'Ada'), ('b', 'Bob')"
    );
    admin.execute(sqlx::raw_sql(AssertSqlSafe(tables))).await.unwrap();
    let calls = Arc::default();
    let mut n = 0;
    for _ in 0..4 {
        // Stopped and started anew, it goes on where it was.
        let running = start(&store, &schema, &calls).await;
        let mut token = None;
        for _ in 0..10 {
            n += 1;
            let stream = if n % 2 == 0 { "a" } else { "b" };
            token = Some(store.commit(one(n, stream)).await.unwrap().token());
        }
        let reached = running.progress().wait_for(token.unwrap());
        let reached = tokio::time::timeout(Duration::from_mins(1), reached).await;
        reached.expect("the sink does not get there").unwrap();
        running.stop().await;
    }
    let failed = calls.load(Ordering::SeqCst) / 3;
    assert!(failed > 4, "only {failed} batches failed");
    let found = format!("SELECT position, label FROM {schema}.notes ORDER BY ctid");
    let found = admin.fetch_all(AssertSqlSafe(found)).await.unwrap();
    let found: Vec<(i64, String)> = found.iter().map(|row| (row.get(0), row.get(1))).collect();
    let label = |n| if n % 2 == 0 { "Ada" } else { "Bob" };
    let wanted: Vec<_> = (1..=40).map(|n| (n, label(n).to_owned())).collect();
    assert_eq!(found, wanted);
}
