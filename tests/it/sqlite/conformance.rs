//! Every clause of the ports' contracts, on files; and again with batches of one commit, so that nothing
//! holds only because commits meet in a transaction, or only because they do not.

use std::sync::Arc;

use freehold::backend::sqlite::{SqliteOptions, SqliteStore};
use freehold::testkit::async_trait;
use freehold::testkit::conformance::{
    ArchiveHarness, Harness, InlineHarness, OutboxHarness, RowHarness, SubjectKeysHarness,
};
use freehold::{
    Archive, EventStore, InlineStore, Outbox, RowStore, SubjectKeys, archive_conformance,
    inline_store_conformance, outbox_conformance, saga_store_conformance, subject_keys_conformance,
};
use tempfile::TempDir;

struct Files {
    folder: TempDir,
    options: SqliteOptions,
}

impl Files {
    fn new(options: SqliteOptions) -> Self {
        Self { folder: tempfile::tempdir().unwrap(), options }
    }

    async fn store(&self, log: &str) -> SqliteStore {
        let path = self.folder.path().join(log).with_extension("db");
        SqliteStore::open_with(path, self.options.clone()).await.unwrap()
    }
}

#[async_trait]
impl Harness for Files {
    async fn open(&self, log: &str) -> Arc<dyn EventStore> {
        Arc::new(self.store(log).await)
    }
}

#[async_trait]
impl RowHarness for Files {
    async fn open(&self, log: &str) -> Arc<dyn RowStore> {
        Arc::new(self.store(log).await)
    }
}

#[async_trait]
impl InlineHarness for Files {
    async fn open(&self, log: &str) -> Arc<dyn InlineStore> {
        Arc::new(self.store(log).await)
    }
}

#[async_trait]
impl OutboxHarness for Files {
    async fn open(&self, log: &str) -> Arc<dyn Outbox> {
        Arc::new(self.store(log).await)
    }
}

#[async_trait]
impl ArchiveHarness for Files {
    async fn open(&self, log: &str) -> Arc<dyn Archive> {
        Arc::new(self.store(log).await)
    }
}

#[async_trait]
impl SubjectKeysHarness for Files {
    async fn open(&self, log: &str) -> Arc<dyn SubjectKeys> {
        Arc::new(self.store(log).await)
    }

    async fn events(&self, log: &str) -> Option<Arc<dyn EventStore>> {
        Some(Arc::new(self.store(log).await))
    }
}

fn without_batches() -> Files {
    Files::new(SqliteOptions {
        batch_commits_max: 1,
        queue_commits_max: 2,
        readers_max: 1,
        ..SqliteOptions::default()
    })
}

saga_store_conformance!(files, Files::new(SqliteOptions::default()));
saga_store_conformance!(files_without_batches, without_batches());
inline_store_conformance!(folds_in_files, Files::new(SqliteOptions::default()));
inline_store_conformance!(folds_in_files_without_batches, without_batches());
outbox_conformance!(outboxes_in_files, Files::new(SqliteOptions::default()));
outbox_conformance!(outboxes_in_files_without_batches, without_batches());
archive_conformance!(archives_in_files, Files::new(SqliteOptions::default()));
archive_conformance!(archives_in_files_without_batches, without_batches());
subject_keys_conformance!(keys_in_files, Files::new(SqliteOptions::default()));
subject_keys_conformance!(keys_in_files_without_batches, without_batches());
