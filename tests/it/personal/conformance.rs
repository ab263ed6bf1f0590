//! A sealed store keeps every promise of the store in it: with nothing to seal, and where all that is written is sealed.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use freehold::backend::memory::MemoryStore;
use freehold::backend::sqlite::{SqliteOptions, SqliteStore};
use freehold::personal::SealedStore;
use freehold::testkit::async_trait;
use freehold::testkit::conformance::{
    ArchiveHarness, Harness, InlineHarness, OutboxHarness, RowHarness,
};
use freehold::{
    Archive, EventStore, InlineStore, Outbox, RowStore, archive_conformance,
    inline_store_conformance, outbox_conformance, saga_store_conformance,
};
use tempfile::TempDir;

use super::marked::{Marked, roomy, sealed};
use crate::testkit::harness::InMemory;

#[derive(Default)]
struct SealedInMemory(Mutex<HashMap<String, MemoryStore>>);

impl SealedInMemory {
    fn store(&self, log: &str) -> Arc<Marked<SealedStore<MemoryStore>>> {
        let new = || MemoryStore::builder().limits(roomy()).build();
        sealed(self.0.lock().unwrap().entry(log.to_owned()).or_insert_with(new).clone())
    }
}

struct SealedInFiles(TempDir);

impl SealedInFiles {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    async fn store(&self, log: &str) -> Arc<Marked<SealedStore<SqliteStore>>> {
        let path = Path::new(self.0.path()).join(log).with_extension("db");
        let options = SqliteOptions { limits: roomy(), ..SqliteOptions::default() };
        sealed(SqliteStore::open_with(path, options).await.unwrap())
    }
}

/// With nothing to seal.
#[derive(Default)]
struct Unmarked(InMemory);

macro_rules! opens {
    ($harness:ty, $this:ident, $log:ident, $open:expr) => {
        #[async_trait]
        impl Harness for $harness {
            async fn open(&self, $log: &str) -> Arc<dyn EventStore> {
                let $this = self;
                $open
            }
        }

        #[async_trait]
        impl RowHarness for $harness {
            async fn open(&self, $log: &str) -> Arc<dyn RowStore> {
                let $this = self;
                $open
            }
        }

        #[async_trait]
        impl OutboxHarness for $harness {
            async fn open(&self, $log: &str) -> Arc<dyn Outbox> {
                let $this = self;
                $open
            }
        }
    };
}

opens!(SealedInMemory, this, log, this.store(log));
opens!(SealedInFiles, this, log, this.store(log).await);
opens!(Unmarked, this, log, Arc::new(SealedStore::new(this.0.log(log))));

#[async_trait]
impl InlineHarness for Unmarked {
    async fn open(&self, log: &str) -> Arc<dyn InlineStore> {
        Arc::new(SealedStore::new(self.0.log(log)))
    }
}

#[async_trait]
impl ArchiveHarness for Unmarked {
    async fn open(&self, log: &str) -> Arc<dyn Archive> {
        Arc::new(SealedStore::new(self.0.log(log)))
    }
}

saga_store_conformance!(memory, SealedInMemory::default());
outbox_conformance!(memory_outbox, SealedInMemory::default());
saga_store_conformance!(files, SealedInFiles::new());
outbox_conformance!(outboxes_in_files, SealedInFiles::new());
saga_store_conformance!(unmarked, Unmarked::default());
inline_store_conformance!(unmarked_folds, Unmarked::default());
outbox_conformance!(unmarked_outbox, Unmarked::default());
archive_conformance!(unmarked_archive, Unmarked::default());
