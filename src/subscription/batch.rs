//! What a sink is given, and what it answers.

use super::partition::Partition;
use crate::types::{Commit, Epoch, LogId, Position, RecordedEvent};

/// Events to take in, in order, and the checkpoint that goes with them.
#[derive(Debug)]
pub struct Batch<'a> {
    pub(super) log: LogId,
    pub(super) events: &'a [RecordedEvent],
    pub(super) upto: Position,
    pub(super) checkpoint: &'a Commit,
    pub(super) partition: Partition,
    pub(super) epoch: Epoch,
    pub(super) has_more: bool,
    /// Where those events are that the job which this one replaces had taken in, in order.
    pub(super) repeated: Vec<Position>,
}

impl<'a> Batch<'a> {
    /// The log that they are of.
    #[must_use]
    pub const fn log(&self) -> LogId {
        self.log
    }

    /// The events, in feed order; at least one. If the batch is repeated after an error, they may be others.
    #[must_use]
    pub const fn events(&self) -> &'a [RecordedEvent] {
        self.events
    }

    /// The events that the job has not had before, under the name that [`Subscription::replaces`] tells: all of them, unless
    /// it replaces another. A sink that has effects has them for these only.
    ///
    /// [`Subscription::replaces`]: super::Subscription::replaces
    pub fn fresh(&self) -> impl Iterator<Item = &'a RecordedEvent> {
        self.events.iter().filter(|event| !self.is_repeated(event))
    }

    /// Whether the job has had this event before, under the name that [`Subscription::replaces`] tells.
    ///
    /// [`Subscription::replaces`]: super::Subscription::replaces
    #[must_use]
    pub fn is_repeated(&self, event: &RecordedEvent) -> bool {
        self.repeated.binary_search(&event.position()).is_ok()
    }

    /// How far in the log the batch reaches: as far as the last event, or beyond it over events that are not wanted.
    #[must_use]
    pub const fn upto(&self) -> Position {
        self.upto
    }

    /// Whether more of the log was there when this was read. If not, who gathers may wait a moment for the next.
    #[must_use]
    pub const fn has_more(&self) -> bool {
        self.has_more
    }

    /// The checkpoint, as a part of the sink's own commit: `commit.and(batch.checkpoint())`. With it the commit happens
    /// once, and only while the lease is held. Whoever commits it answers [`Applied::WithCheckpoint`].
    pub fn checkpoint(&self) -> Commit {
        self.checkpoint.clone()
    }

    /// Under which grant of the lease it is given. [`Batch::checkpoint`] is refused once there is a newer one, so what only this
    /// job writes is what was committed last under the same epoch.
    #[must_use]
    pub const fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Which part of the job this is.
    #[must_use]
    pub const fn partition(&self) -> Partition {
        self.partition
    }
}

/// What a sink has done with a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Applied {
    /// It has taken in the whole batch, and has committed [`Batch::checkpoint`] with it.
    WithCheckpoint,
    /// It has taken in all events up to this position; the runner writes the checkpoint. After a crash in between, the
    /// events come again.
    UpTo(Position),
}
