//! What takes events in.

use async_trait::async_trait;

use super::batch::{Applied, Batch};
use super::error::SinkError;
use super::partition::Partition;
use crate::types::{Filter, LeaseName, LogId, Position, RecordedEvent};

/// Takes events in, batch by batch: a projection, a relay, a process manager, an index.
///
/// One batch at a time is under way for each part of the job. A batch may come again: after an error, after a crash, and
/// after the lease was lost, also while the one before is still under way in a process that was frozen. A sink that
/// commits [`Batch::checkpoint`] with its own work need not care; any other must stand repetitions.
#[async_trait]
pub trait Sink: Send + Sync + 'static {
    /// The name of the job, and so of its lease and its checkpoints. It must never change, or the job begins anew.
    fn name(&self) -> &LeaseName;

    /// Which events it wants. If a job wants more categories than it did, it gets those after its checkpoint only.
    fn filter(&self) -> &Filter;

    /// The key of an event: of one key, events are taken in in order, and if one is parked, those behind it wait for it.
    /// By default the stream.
    fn key<'e>(&self, event: &'e RecordedEvent) -> &'e str {
        event.stream().as_str()
    }

    /// Whether a batch of one part holds only events whose [key](Sink::key) belongs to that part, as it does by default. If
    /// not, every part gets all events, and the sink itself sees to what is whose.
    fn is_partitioned_by_key(&self) -> bool {
        true
    }

    /// Called before the first batch of a part of the job, whenever its lease was granted.
    ///
    /// # Errors
    /// [`SinkError`], as [`Sink::apply`].
    async fn prepare(&self, partition: Partition) -> Result<(), SinkError> {
        let _ = partition;
        Ok(())
    }

    /// Where to go on in `log` with this part of the job, for a sink that keeps its own checkpoint beside what it keeps;
    /// `None`, as by default, for one whose checkpoint is in the subscription's store.
    ///
    /// # Errors
    /// [`SinkError`], as [`Sink::apply`].
    async fn resume(
        &self,
        log: LogId,
        partition: Partition,
    ) -> Result<Option<Position>, SinkError> {
        let _ = (log, partition);
        Ok(None)
    }

    /// Takes a batch in.
    ///
    /// # Errors
    /// [`SinkError`] decides what happens next. Nothing of the batch may count as taken in.
    ///
    /// # Cancel safety
    /// The future is dropped when the lease is lost.
    async fn apply(&self, batch: Batch<'_>) -> Result<Applied, SinkError>;

    /// Called behind the last batch of a part of the job under its lease, before it is given back or when it is lost: the time to let go of what
    /// only one process can hold. What was under way when the lease was lost may not have ended.
    async fn leave(&self, partition: Partition) {
        let _ = partition;
    }
}
