//! Sagas on PostgreSQL: the logs in one schema, and the books of the participant in another.

use std::sync::Arc;

use freehold::backend::postgres::sqlx::{AssertSqlSafe, Executor, PgPool, query_scalar, raw_sql};
use freehold::backend::postgres::{PostgresOptions, PostgresStore, SchemaName};
use freehold::testkit::async_trait;

use super::errand::{Books, Trouble};
use super::errands::{Place, is_frozen, is_killed, kills, rounds, work};
use super::projector::Projector;
use crate::server::{Schemas, pool};

const SCHEMA: &str = "FREEHOLD_ERRANDS_SCHEMA";

/// The books of the participant, in a schema of its own.
struct Tables {
    pool: PgPool,
    schema: SchemaName,
}

impl Tables {
    /// All statements in one message: whoever is frozen or killed holds no lock.
    async fn write(&self, statements: &str) -> Result<(), Trouble> {
        let path = format!("SET LOCAL search_path = {}", self.schema.as_str());
        let sql = format!("BEGIN; {path}; {statements}; COMMIT");
        self.pool.execute(raw_sql(AssertSqlSafe(sql))).await?;
        Ok(())
    }

    async fn create(&self) -> Result<(), Trouble> {
        let schema = self.schema.as_str();
        self.write(&format!(
            "SELECT pg_advisory_xact_lock(hashtext('{schema}'));
             CREATE SCHEMA IF NOT EXISTS {schema};
             CREATE TABLE IF NOT EXISTS barrier (key text PRIMARY KEY, done boolean NOT NULL);
             CREATE TABLE IF NOT EXISTS effect (key text NOT NULL)",
        ))
        .await
    }
}

#[async_trait]
impl Books for Tables {
    async fn act(&self, key: &str) -> Result<bool, Trouble> {
        self.write(&format!(
            "WITH new AS (
                INSERT INTO barrier VALUES ('{key}', true) ON CONFLICT DO NOTHING RETURNING key
            ) INSERT INTO effect SELECT key FROM new",
        ))
        .await?;
        let sql = format!("SELECT done FROM {}.barrier WHERE key = $1", self.schema.as_str());
        Ok(query_scalar(AssertSqlSafe(sql)).bind(key).fetch_one(&self.pool).await?)
    }

    async fn bar(&self, key: &str) -> Result<(), Trouble> {
        // Two statements: the second sees what the first has waited for.
        self.write(&format!(
            "INSERT INTO barrier VALUES ('{key}', false)
                ON CONFLICT (key) DO UPDATE SET done = false;
             DELETE FROM effect WHERE key = '{key}'",
        ))
        .await
    }

    async fn effects(&self) -> Vec<String> {
        let sql = format!("SELECT key FROM {}.effect", self.schema.as_str());
        query_scalar(AssertSqlSafe(sql)).fetch_all(&self.pool).await.unwrap()
    }
}

/// The schema of the logs, and beside it the one of the books.
async fn open(schema: &SchemaName) -> Place {
    let options = PostgresOptions { schema: schema.clone(), ..PostgresOptions::default() };
    let store = PostgresStore::open_with(pool(6).await, options).await.unwrap();
    let schema = SchemaName::new(&format!("{}_books", schema.as_str())).unwrap();
    let books = Tables { pool: pool(6).await, schema };
    books.create().await.unwrap();
    Place { store: Arc::new(store), books: Arc::new(books) }
}

/// Whether this process is the one that the test has started; if so, it ran errands until the test ended.
async fn is_worker() -> bool {
    let Ok(schema) = std::env::var(SCHEMA) else { return false };
    work(open(&SchemaName::new(&schema).unwrap()).await).await;
    true
}

fn starts<'s>(test: &'s str, schema: &'s SchemaName) -> impl Fn() -> Projector + 's {
    move || Projector::start(test, SCHEMA, schema.as_str())
}

#[tokio::test(flavor = "multi_thread")]
async fn sagas_of_processes_that_are_killed_all_end_with_each_effect_once_or_not_at_all() {
    const TEST: &str = "processes::sagas::sagas_of_processes_that_are_killed_all_end_with_each_effect_once_or_not_at_all";
    if is_worker().await {
        return;
    }
    let schemas = Schemas::new();
    // It goes away, too.
    schemas.name("killed_books");
    let schema = schemas.name("killed");
    is_killed(&open(&schema).await, starts(TEST, &schema), kills()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sagas_of_a_process_that_is_frozen_beyond_its_lease_are_taken_over_and_end_once() {
    const TEST: &str = "processes::sagas::sagas_of_a_process_that_is_frozen_beyond_its_lease_are_taken_over_and_end_once";
    if is_worker().await {
        return;
    }
    let schemas = Schemas::new();
    schemas.name("frozen_books");
    let schema = schemas.name("frozen");
    is_frozen(&open(&schema).await, starts(TEST, &schema), rounds()).await;
}
