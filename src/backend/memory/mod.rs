//! The log in memory: the reference for every other backend, and a store for tests and prototypes.
//!
//! It keeps every promise of the ports but one: what it holds is gone with its last handle.
//!
//! ```
//! use freehold::{Commit, EventId, EventName, EventStore, ExpectedVersion, NewEvent, Store, StreamId};
//! use freehold::backend::memory::MemoryStore;
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!
//! let store = MemoryStore::new();
//! let order = StreamId::new("order", "1234")?;
//! let placed = NewEvent::new(EventId::new(uuid::Uuid::now_v7()), EventName::new("Placed")?, "{}");
//! let done = store.commit(Commit::new().append(&order, ExpectedVersion::NoStream, [placed])).await?;
//! assert_eq!(store.head().await?, done.token().position());
//! # Ok(())
//! # }
//! ```

mod archive;
mod broker;
mod event_store;
mod inline;
mod leases;
mod log;
mod outbox;
mod row_store;
mod rows;
mod store;
mod subject_keys;

pub use broker::{MemoryBroker, MemoryDeliveries};
pub use store::{MemoryStore, MemoryStoreBuilder};
