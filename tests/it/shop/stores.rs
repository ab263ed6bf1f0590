//! Looks into the databases of a shop in a folder from outside.

use std::path::Path;
use std::time::Duration;

use freehold::backend::sqlite::{SqliteOptions, SqliteStore};
use freehold::personal::SealedStore;
use freehold::{EventStore, RecordedEvent};

use super::log::{self, SERVICES};

/// Opens a service's database, with an eye on what other processes write.
pub(super) async fn open(folder: &Path, service: &str) -> SealedStore<SqliteStore> {
    let options =
        SqliteOptions { poll_interval: Duration::from_millis(1), ..SqliteOptions::default() };
    let path = folder.join(format!("{service}.db"));
    SealedStore::new(SqliteStore::open_with(path, options).await.unwrap())
}

/// How many events each service has.
pub(super) async fn heads(folder: &Path) -> [u64; SERVICES.len()] {
    let mut heads = [0; SERVICES.len()];
    for (head, service) in heads.iter_mut().zip(SERVICES) {
        *head = open(folder, service).await.head().await.unwrap().get();
    }
    heads
}

/// How many events each service has, without those of the sagas.
pub(super) async fn business(folder: &Path) -> [usize; SERVICES.len()] {
    let mut counts = [0; SERVICES.len()];
    for (count, service) in counts.iter_mut().zip(SERVICES) {
        *count = log::business(&open(folder, service).await).await.len();
    }
    counts
}

/// The payload of an event, as JSON.
pub(super) fn payload(event: &RecordedEvent) -> serde_json::Value {
    serde_json::from_slice(event.data()).unwrap()
}
