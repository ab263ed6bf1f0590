//! A log that can be spoilt.

use freehold::backend::memory::MemoryBroker;
use freehold::{EventStore, InlineStore, Outbound, Outbox, RowStore};

/// The tables of one log, whoever keeps them.
pub(crate) trait Tables: Sync {
    type Store: EventStore + RowStore + Outbox + InlineStore + Clone;

    /// The log, by a handle that remembers nothing.
    async fn store(&self) -> Self::Store;

    /// Puts a name and a payload in the place of those at a position.
    async fn put(&self, position: u64, name: &str, data: &[u8]);

    /// Puts metadata that no program writes in the place of those at a position.
    async fn put_metadata(&self, position: u64, json: &str);

    /// Puts other JSON in the place of a message of the outbox.
    async fn put_message(&self, position: u64, json: &str);

    /// Puts other JSON in the place of all rows of a set.
    async fn put_rows(&self, set: &str, json: &str);
}

/// Whatever was published, in order, by key.
pub(crate) fn published(broker: &MemoryBroker) -> Vec<String> {
    let key = |sent: Outbound| sent.message.envelope.key().to_string();
    broker.messages().into_iter().map(key).collect()
}
