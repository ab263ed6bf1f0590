//! What the services of a shop have written, whatever store it is in.

use freehold::{EventStore, Filter, Position, RecordedEvent};

/// The services that write events.
pub(super) const SERVICES: [&str; 6] =
    ["order", "inventory", "payment", "users", "products", "notification"];
/// All databases: those of the services, and that of the views.
#[allow(dead_code, reason = "only a server has rights to look at")]
pub(super) const DATABASES: [&str; 7] =
    ["order", "inventory", "payment", "users", "products", "notification", "reads"];
/// With these an invoice ends. A shipped order had ended before.
const LAST: [&str; 4] = ["OrderConfirmed", "OrderCancelled", "ReturnCompleted", "InvoiceRejected"];

/// Every event of a store.
pub(super) async fn events(store: &impl EventStore) -> Vec<RecordedEvent> {
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

/// The events of the services, without what sagas write to know how far they are: after a kill that is more.
pub(super) async fn business(store: &impl EventStore) -> Vec<RecordedEvent> {
    let is_business = |event: &RecordedEvent| !event.stream().category().starts_with("saga");
    events(store).await.into_iter().filter(is_business).collect()
}

/// How many invoices have ended.
pub(super) async fn finished(orders: &impl EventStore) -> usize {
    events(orders).await.iter().filter(|event| LAST.contains(&event.name().as_str())).count()
}
