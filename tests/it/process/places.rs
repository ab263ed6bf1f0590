//! The stores on which processes are tried here: in memory, and in a file.

use std::sync::Arc;

use freehold::backend::memory::MemoryStore;
use freehold::backend::sqlite::SqliteStore;

use super::fixture::Place;

/// Tries something on every store. What fails says on which.
pub(super) async fn everywhere(test: impl AsyncFn(Arc<dyn Place>)) {
    println!("in memory");
    test(Arc::new(MemoryStore::new())).await;
    println!("in a file");
    let folder = tempfile::tempdir().unwrap();
    test(Arc::new(SqliteStore::open(folder.path().join("log.db")).await.unwrap())).await;
}
