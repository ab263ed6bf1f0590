//! What the log says of instances to others.

use super::contract::ProcessManager;
use super::entry::{CATEGORY, Entry};
use super::processes::Processes;
use crate::event::{self, EventError};
use crate::ports::{EventStore, RowStore};
use crate::types::RecordedEvent;

/// What an event in the log of a process says of an instance, for those who wait for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum News {
    /// Something has happened, and more may.
    GoesOn,
    /// A message could not be heard: nothing more comes of it by itself.
    Parked,
    /// It is complete, or was ended.
    Over,
}

impl<P: ProcessManager, S: EventStore + RowStore> Processes<P, S> {
    /// Of which instance of this process an event of the store says what, if it is of one. Who follows the log hears of the end
    /// of each instance without looking for it.
    ///
    /// # Errors
    /// [`EventError`] if the event is of one, and cannot be read.
    pub fn news(&self, event: &RecordedEvent) -> Result<Option<(String, News)>, EventError> {
        if event.stream().category() != CATEGORY {
            return Ok(None);
        }
        let id = event.stream().id().strip_prefix(P::NAME);
        let Some(instance) = id.and_then(|id| id.strip_prefix('/')) else { return Ok(None) };
        // What was closed was over before.
        if event.closes() {
            return Ok(Some((instance.to_owned(), News::GoesOn)));
        }
        let news = match event::decode(event)? {
            Entry::Heard(heard) if heard.completes => News::Over,
            Entry::Ended { .. } => News::Over,
            Entry::Parked { .. } => News::Parked,
            Entry::Heard(_)
            | Entry::Waits(_)
            | Entry::Overdue
            | Entry::Passed { .. }
            | Entry::Dropped { .. } => News::GoesOn,
        };
        Ok(Some((instance.to_owned(), news)))
    }
}
