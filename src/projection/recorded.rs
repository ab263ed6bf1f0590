//! An event as a projection sees it.

use std::ops::Deref;

use crate::types::RecordedEvent;

/// A decoded event, with all that the log says about it.
#[derive(Debug)]
pub struct Recorded<'a, E> {
    event: &'a E,
    record: &'a RecordedEvent,
}

impl<'a, E> Recorded<'a, E> {
    pub(super) const fn new(event: &'a E, record: &'a RecordedEvent) -> Self {
        Self { event, record }
    }

    /// The event.
    #[must_use]
    pub const fn event(&self) -> &'a E {
        self.event
    }

    /// What the log says about it: when it was recorded, by whom, and why.
    #[must_use]
    pub const fn record(&self) -> &'a RecordedEvent {
        self.record
    }

    /// The id of its stream within the category: `1234` of `order-1234`, the usual key.
    #[must_use]
    pub fn id(&self) -> &'a str {
        self.record.stream().id()
    }
}

impl<E> Deref for Recorded<'_, E> {
    type Target = E;

    fn deref(&self) -> &E {
        self.event
    }
}
