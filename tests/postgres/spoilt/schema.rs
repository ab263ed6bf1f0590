//! All of it on a schema.

use freehold::backend::postgres::PostgresStore;
use freehold::backend::postgres::sqlx::{AssertSqlSafe, query};

use super::place::{Tables, on_tables};
use super::{follows, reads, saga, trail};
use crate::server::{Schemas, pool};

/// The schema of one log.
struct Schema(Schemas);

impl Schema {
    fn of(&self, statement: &str) -> AssertSqlSafe<String> {
        AssertSqlSafe(statement.replace("{schema}", self.0.name("log").as_str()))
    }
}

impl Tables for Schema {
    type Store = PostgresStore;

    async fn store(&self) -> PostgresStore {
        self.0.store("log").await
    }

    async fn put(&self, position: u64, name: &str, data: &[u8]) {
        let put = self.of("UPDATE {schema}.events SET name = $2, data = $3 WHERE position = $1");
        let put = query(put).bind(position.cast_signed()).bind(name.to_owned()).bind(data.to_vec());
        assert_eq!(put.execute(&pool(1).await).await.unwrap().rows_affected(), 1);
    }

    async fn put_metadata(&self, position: u64, json: &str) {
        let put = self.of("UPDATE {schema}.events SET metadata = $2::json WHERE position = $1");
        let put = query(put).bind(position.cast_signed()).bind(json.to_owned());
        assert_eq!(put.execute(&pool(1).await).await.unwrap().rows_affected(), 1);
    }

    async fn put_message(&self, position: u64, json: &str) {
        let put = self.of("UPDATE {schema}.outbox SET envelope = $2::json WHERE position = $1");
        let put = query(put).bind(position.cast_signed()).bind(json.to_owned());
        assert_eq!(put.execute(&pool(1).await).await.unwrap().rows_affected(), 1);
    }

    async fn put_rows(&self, set: &str, json: &str) {
        let put = self.of(&format!("UPDATE {{schema}}.view_{set} SET value = $1::json"));
        let put = query(put).bind(json.to_owned());
        assert!(put.execute(&pool(1).await).await.unwrap().rows_affected() > 0);
    }
}

fn schema() -> Schema {
    Schema(Schemas::new())
}

on_tables!(schema());
