//! Following the feed: one runner for everything that consumes it.
//!
//! A [`Sink`] takes events in, batch by batch. A [`Subscription`] feeds it: from one or several logs, in order, from where
//! the checkpoint is, filtered, in batches bounded by count and bytes. One owner at a time does so, by a lease on the
//! store's clock; every checkpoint is written under the lease's epoch, so an owner that was frozen and comes back cannot
//! write any more, and stops at once.
//!
//! A sink says with its answer who keeps the checkpoint ([`Applied`]): one that commits to the same store puts
//! [`Batch::checkpoint`] into its own commit, and so takes each event in exactly once; any other answers how far it came,
//! and takes each event in at least once.
//!
//! # What happens to errors
//!
//! Trouble with the store or the destination ([`SinkError::Transient`]) is waited out, however long it takes; the batch is
//! repeated. An event that cannot be taken in ([`SinkError::Event`]) is tried again as
//! [`SubscriptionOptions::retry`] says. Then, as [`AfterRetries`] says, either the subscription stops until somebody
//! resumes it, or the event is *parked*: written down with its error in the same commit as the checkpoint, and so is
//! every later event with the same key, so that the order of a key holds. Parked keys are listed, replayed and discarded
//! through [`Running`]. No event is ever passed over in silence.
//!
//! ```
//! use std::sync::Arc;
//!
//! use freehold::backend::memory::MemoryStore;
//! use freehold::subscription::{Applied, Batch, Sink, SinkError, Subscription};
//! use async_trait::async_trait;
//! use freehold::{EventStore, Filter, LeaseName};
//! # use freehold::{Commit, EventId, EventName, ExpectedVersion, NewEvent, Store, StreamId};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!
//! /// Tells the world of every event.
//! struct Printer(LeaseName, Filter);
//!
//! #[async_trait]
//! impl Sink for Printer {
//!     fn name(&self) -> &LeaseName {
//!         &self.0
//!     }
//!
//!     fn filter(&self) -> &Filter {
//!         &self.1
//!     }
//!
//!     async fn apply(&self, batch: Batch<'_>) -> Result<Applied, SinkError> {
//!         for event in batch.events() {
//!             println!("{} of {}", event.name(), event.stream());
//!         }
//!         Ok(Applied::UpTo(batch.upto()))
//!     }
//! }
//!
//! let store = MemoryStore::new();
//! # let event = NewEvent::new(EventId::new(uuid::Uuid::now_v7()), EventName::from_static("Placed")?, "{}");
//! # let order = StreamId::new("order", "1234")?;
//! # let done = store.commit(Commit::new().append(&order, ExpectedVersion::Any, [event])).await?;
//! let printer = Printer(LeaseName::new("printer")?, Filter::all());
//! let running = Subscription::new(printer, store.clone()).follow(store.clone()).start();
//! running.progress().wait_for(done.token()).await?;
//! running.stop().await;
//! # Ok(())
//! # }
//! ```

mod batch;
mod deliver;
mod error;
mod health;
mod inbox;
mod mark;
mod members;
mod options;
mod parked;
mod partition;
mod pause;
mod pieces;
mod place;
mod replay;
mod running;
mod share;
mod sink;
mod status;
mod subscribe;
mod tenure;
mod worker;

pub use batch::{Applied, Batch};
pub(crate) use error::BoxError;
pub use error::SinkError;
pub use health::Health;
pub use options::{AfterRetries, SubscriptionOptions};
pub use parked::Parked;
pub use partition::Partition;
pub(crate) use pause::is_paused;
pub use running::{ReplayError, Running};
pub use sink::Sink;
pub use subscribe::Subscription;
