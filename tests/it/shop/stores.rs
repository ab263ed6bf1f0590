//! Looks into the databases of a shop from outside.

use std::path::Path;
use std::time::Duration;

use freehold::backend::sqlite::{SqliteOptions, SqliteStore};
use freehold::{EventStore, Filter, Position, RecordedEvent};

/// The services.
pub(super) const SERVICES: [&str; 3] = ["order", "inventory", "payment"];
/// With these an invoice ends. A shipped order had ended before.
const LAST: [&str; 4] = ["OrderConfirmed", "OrderCancelled", "ReturnCompleted", "InvoiceRejected"];

/// Opens a service's database, with an eye on what other processes write.
pub(super) async fn open(folder: &Path, service: &str) -> SqliteStore {
    let options =
        SqliteOptions { poll_interval: Duration::from_millis(1), ..SqliteOptions::default() };
    SqliteStore::open_with(folder.join(format!("{service}.db")), options).await.unwrap()
}

/// Every event of a store.
pub(super) async fn events(store: &SqliteStore) -> Vec<RecordedEvent> {
    let mut all = Vec::new();
    let mut after = Position::START;
    loop {
        let page = store.read_all(after, &Filter::all(), usize::MAX).await.unwrap();
        all.extend(page.events);
        if !page.has_more {
            return all;
        }
        after = page.upto;
    }
}

/// How many invoices have ended.
pub(super) async fn finished(orders: &SqliteStore) -> usize {
    events(orders).await.iter().filter(|event| LAST.contains(&event.name().as_str())).count()
}

/// How many events each service has.
pub(super) async fn heads(folder: &Path) -> [u64; 3] {
    let mut heads = [0; 3];
    for (head, service) in heads.iter_mut().zip(SERVICES) {
        *head = open(folder, service).await.head().await.unwrap().get();
    }
    heads
}

/// The payload of an event, as JSON.
pub(super) fn payload(event: &RecordedEvent) -> serde_json::Value {
    serde_json::from_slice(event.data()).unwrap()
}
