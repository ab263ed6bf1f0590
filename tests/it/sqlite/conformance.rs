//! Every clause of the ports' contracts, on files; and again with batches of one commit, so that nothing
//! holds only because commits meet in a transaction, or only because they do not.

use std::sync::Arc;

use freehold::EventStore;
use freehold::backend::sqlite::{SqliteOptions, SqliteStore};
use freehold::event_store_conformance;
use freehold::testkit::async_trait;
use freehold::testkit::conformance::Harness;
use tempfile::TempDir;

struct Files {
    folder: TempDir,
    options: SqliteOptions,
}

impl Files {
    fn new(options: SqliteOptions) -> Self {
        Self { folder: tempfile::tempdir().unwrap(), options }
    }
}

#[async_trait]
impl Harness for Files {
    async fn open(&self, log: &str) -> Arc<dyn EventStore> {
        let path = self.folder.path().join(log).with_extension("db");
        Arc::new(SqliteStore::open_with(path, self.options.clone()).await.unwrap())
    }
}

event_store_conformance!(files, Files::new(SqliteOptions::default()));
event_store_conformance!(
    files_without_batches,
    Files::new(SqliteOptions {
        batch_commits_max: 1,
        queue_commits_max: 2,
        readers_max: 1,
        ..SqliteOptions::default()
    })
);
