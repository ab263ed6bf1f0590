//! The moving of closed streams.

use std::sync::Arc;

use async_trait::async_trait;

use super::{BackendError, EventStore};
use crate::types::Archived;

/// Moves the events of closed streams out of the way of those that still grow. Whoever reads does not notice.
///
/// What is hot stays small: tables, indexes and caches hold the streams that are at work, and the archive, beside them in the same
/// database, holds the others. Nothing is archived unless somebody asks for it.
///
/// ```
/// use freehold::Archive;
/// use freehold::backend::memory::MemoryStore;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let store = MemoryStore::new();
///
/// let mut events = 0;
/// loop {
///     let step = store.archive(500).await?;
///     events += step.events;
///     if !step.has_more {
///         break;
///     }
/// }
/// println!("{events} events were moved");
/// # Ok(())
/// # }
/// ```
///
/// # Contract
/// - **A1 unseen** – streams, the feed with its positions, the head and outcomes read the same before, while and after
///   events are moved, whoever reads and writes meanwhile.
/// - **A2 of closed streams** – no event of a stream that is not [closed](crate::Closing) is moved.
/// - **A3 in steps** – a call moves at most as many events as were asked for, where 0 counts as 1, and no more than a page may
///   have by [`Store::limits`](crate::Store::limits); it says how many it has moved, of how many streams the last ones, and
///   whether more is left.
/// - **A4 once** – every event of a closed stream is moved once, by however many calls at a time, and none is lost or there twice;
///   when no more is left, all have been.
/// - **A5 remembered** – a commit whose events were moved is known as before: its repetition is answered as the first was, its
///   ids are not free for others, and its streams stay closed.
/// - **A6 durable** – what was moved is there when the log is opened again, and is not moved again.
#[async_trait]
pub trait Archive: EventStore {
    /// Moves at most so many events of closed streams into the archive, all or none of them, and says what it has done.
    ///
    /// # Errors
    /// [`BackendError`] if the store cannot write.
    ///
    /// # Cancel safety
    /// It has happened, will happen or never happens, but whole; ask again.
    async fn archive(&self, events_max: usize) -> Result<Archived, BackendError>;
}

const _: fn(Arc<dyn Archive>) -> Arc<dyn EventStore> = |store| store;
