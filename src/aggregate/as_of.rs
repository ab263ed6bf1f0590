//! States as they were.

use std::convert::Infallible;

use chrono::{DateTime, Utc};

use super::repository::{LoadError, Repository};
use super::{Aggregate, Changes, ExecuteError, Loaded};
use crate::types::{Position, ReadFrom, RecordedEvent, StreamId, StreamVersion};

/// Up to where a stream is folded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AsOf {
    /// The events up to this version of the stream.
    Version(StreamVersion),
    /// The events up to this position of the log: all streams as of one position are of one moment.
    Position(Position),
    /// The events before the first that was recorded later. Clocks may go back: an event that was recorded behind one that is
    /// later is not there yet.
    Moment(DateTime<Utc>),
}

impl AsOf {
    fn holds(self, event: &RecordedEvent) -> bool {
        match self {
            Self::Version(version) => event.version() <= version,
            Self::Position(position) => event.position() <= position,
            Self::Moment(moment) => event.recorded_at() <= moment,
        }
    }
}

/// An event of a stream, decoded, and what the log says of it. Events into which an old one was split share its record.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Past<E> {
    /// What has happened.
    pub event: E,
    /// Who, when, why, and where in the log.
    pub record: RecordedEvent,
}

impl<A: Aggregate> Repository<A> {
    /// The state of `id` as it was; the newest one, if it ends before. The default state if it had no events then.
    ///
    /// Every event up to there is read: neither the cache nor snapshots are asked.
    ///
    /// # Errors
    /// [`ExecuteError::Id`], [`ExecuteError::Event`] or [`ExecuteError::Read`].
    ///
    /// # Cancel safety
    /// Loading changes nothing; the future may be dropped.
    pub async fn load_as_of(
        &self,
        id: impl AsRef<str>,
        as_of: AsOf,
    ) -> Result<Loaded<A>, ExecuteError<Infallible>> {
        let (stream, mut state) = (Self::stream(id)?, Loaded::nothing());
        self.fold_as_of(&stream, &mut state, as_of, |_, _| {}).await?;
        Ok(state)
    }

    /// What became of `id` between two moments: the states, and the events that made one of the other. Nothing, if the second is
    /// not after the first.
    ///
    /// # Errors
    /// [`ExecuteError::Id`], [`ExecuteError::Event`] or [`ExecuteError::Read`].
    ///
    /// # Cancel safety
    /// Loading changes nothing; the future may be dropped.
    pub async fn changes(
        &self,
        id: impl AsRef<str>,
        from: AsOf,
        to: AsOf,
    ) -> Result<Changes<A>, ExecuteError<Infallible>> {
        let (stream, mut state, mut events) = (Self::stream(id)?, Loaded::nothing(), Vec::new());
        self.fold_as_of(&stream, &mut state, from, |_, _| {}).await?;
        let before = state.clone();
        let past = |event, record: &RecordedEvent| {
            events.push(Past { event, record: record.clone() });
        };
        self.fold_as_of(&stream, &mut state, to, past).await?;
        Ok(Changes::new(before, state, events))
    }

    /// Folds the events behind `state`, up to where it shall be.
    async fn fold_as_of(
        &self,
        stream: &StreamId,
        state: &mut Loaded<A>,
        as_of: AsOf,
        mut each: impl FnMut(A::Event, &RecordedEvent),
    ) -> Result<(), LoadError> {
        loop {
            let from = ReadFrom::After(state.version());
            let page = self.shared().desk.store.read_stream(stream, from, usize::MAX).await?;
            for recorded in &page.events {
                if !as_of.holds(recorded) {
                    return Ok(());
                }
                for event in state.fold(recorded)? {
                    each(event, recorded);
                }
            }
            if !page.has_more {
                return Ok(());
            }
        }
    }
}
