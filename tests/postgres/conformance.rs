//! Every clause of the ports' contracts, and the model; and again with groups of one commit, one at a time.

use std::sync::Arc;

use freehold::backend::postgres::{PostgresOptions, PostgresStore};
use freehold::testkit::async_trait;
use freehold::testkit::conformance::{
    ArchiveHarness, Harness, InlineHarness, OutboxHarness, RowHarness, SubjectKeysHarness,
};
use freehold::{
    Archive, EventStore, InlineStore, Outbox, RowStore, SubjectKeys, archive_conformance,
    inline_store_conformance, outbox_conformance, saga_store_conformance, subject_keys_conformance,
};

use crate::server::{Schemas, pool};

struct Database {
    schemas: Schemas,
    options: PostgresOptions,
}

impl Database {
    fn new(options: PostgresOptions) -> Self {
        Self { schemas: Schemas::new(), options }
    }

    /// Groups of one commit, one at a time.
    fn without_groups() -> Self {
        Self::new(PostgresOptions {
            groups_max: 1,
            group_commits_max: 1,
            queue_commits_max: 2,
            ..PostgresOptions::default()
        })
    }

    async fn store(&self, log: &str) -> Arc<PostgresStore> {
        let options = PostgresOptions { schema: self.schemas.name(log), ..self.options.clone() };
        Arc::new(PostgresStore::open_with(pool(5).await, options).await.unwrap())
    }
}

#[async_trait]
impl Harness for Database {
    async fn open(&self, log: &str) -> Arc<dyn EventStore> {
        self.store(log).await
    }
}

#[async_trait]
impl RowHarness for Database {
    async fn open(&self, log: &str) -> Arc<dyn RowStore> {
        self.store(log).await
    }
}

#[async_trait]
impl InlineHarness for Database {
    async fn open(&self, log: &str) -> Arc<dyn InlineStore> {
        self.store(log).await
    }
}

#[async_trait]
impl ArchiveHarness for Database {
    async fn open(&self, log: &str) -> Arc<dyn Archive> {
        self.store(log).await
    }
}

saga_store_conformance!(database, Database::new(PostgresOptions::default()));
saga_store_conformance!(database_without_groups, Database::without_groups());
#[async_trait]
impl OutboxHarness for Database {
    async fn open(&self, log: &str) -> Arc<dyn Outbox> {
        self.store(log).await
    }
}

#[async_trait]
impl SubjectKeysHarness for Database {
    async fn open(&self, log: &str) -> Arc<dyn SubjectKeys> {
        self.store(log).await
    }

    async fn events(&self, log: &str) -> Option<Arc<dyn EventStore>> {
        Some(self.store(log).await)
    }
}

inline_store_conformance!(database_folds, Database::new(PostgresOptions::default()));
inline_store_conformance!(database_folds_without_groups, Database::without_groups());
outbox_conformance!(database_outbox, Database::new(PostgresOptions::default()));
outbox_conformance!(database_outbox_without_groups, Database::without_groups());
archive_conformance!(database_archive, Database::new(PostgresOptions::default()));
archive_conformance!(database_archive_without_groups, Database::without_groups());
subject_keys_conformance!(database_keys, Database::new(PostgresOptions::default()));
