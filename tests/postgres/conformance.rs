//! Every clause of the ports' contracts, and the model; and again with groups of one commit, one at a time.

use std::sync::Arc;

use freehold::backend::postgres::{PostgresOptions, PostgresStore};
use freehold::testkit::async_trait;
use freehold::testkit::conformance::Harness;
use freehold::{EventStore, event_store_conformance};

use crate::server::{Schemas, pool};

struct Database {
    schemas: Schemas,
    options: PostgresOptions,
}

impl Database {
    fn new(options: PostgresOptions) -> Self {
        Self { schemas: Schemas::new(), options }
    }
}

#[async_trait]
impl Harness for Database {
    async fn open(&self, log: &str) -> Arc<dyn EventStore> {
        let options = PostgresOptions { schema: self.schemas.name(log), ..self.options.clone() };
        Arc::new(PostgresStore::open_with(pool(5).await, options).await.unwrap())
    }
}

event_store_conformance!(database, Database::new(PostgresOptions::default()));
event_store_conformance!(
    database_without_groups,
    Database::new(PostgresOptions {
        groups_max: 1,
        group_commits_max: 1,
        queue_commits_max: 2,
        ..PostgresOptions::default()
    })
);
