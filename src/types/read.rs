//! What a reader asks for, and the pages it gets.

use std::sync::Arc;

use super::{InvalidStreamId, Position, RecordedEvent, StreamVersion, category_is_valid};

/// Where a page of a stream begins, and so in which direction it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadFrom {
    /// Forward, from the event after this version. `After(StreamVersion::NONE)` is the whole stream.
    After(StreamVersion),
    /// Backward, newest first, from the event before this version.
    Before(StreamVersion),
    /// Backward, newest first, from the newest event.
    End,
}

/// A page of one stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StreamPage {
    /// The events, in the direction that was asked for.
    pub events: Vec<RecordedEvent>,
    /// Whether more follow in that direction.
    pub has_more: bool,
}

impl StreamPage {
    /// For backends: a page of `events`.
    #[must_use]
    pub const fn new(events: Vec<RecordedEvent>, has_more: bool) -> Self {
        Self { events, has_more }
    }
}

/// A page of the feed of all streams.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct FeedPage {
    /// The events, in feed order.
    pub events: Vec<RecordedEvent>,
    /// Up to where the reader has now seen the feed, events that the filter left out included: the place
    /// to read on from, and what a checkpoint may move to.
    pub upto: Position,
    /// Whether more of the feed lay beyond `upto` when the page was read.
    pub has_more: bool,
}

impl FeedPage {
    /// For backends: a page of `events` that reaches `upto`.
    #[must_use]
    pub const fn new(events: Vec<RecordedEvent>, upto: Position, has_more: bool) -> Self {
        Self { events, upto, has_more }
    }
}

/// Which events of the feed a reader wants.
///
/// A filter names categories and not event names: a reader that asked for `Placed` would skip tomorrow's
/// `Placed.v2` in silence.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter(Option<Arc<[Arc<str>]>>);

impl Filter {
    /// Every event.
    #[must_use]
    pub const fn all() -> Self {
        Self(None)
    }

    /// The events of these categories of streams.
    ///
    /// # Errors
    /// [`InvalidStreamId::Category`] if one is malformed.
    pub fn categories<'a>(
        categories: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, InvalidStreamId> {
        let mut wanted: Vec<Arc<str>> = Vec::new();
        for category in categories {
            if !category_is_valid(category) {
                return Err(InvalidStreamId::Category);
            }
            wanted.push(category.into());
        }
        wanted.sort_unstable();
        wanted.dedup();
        Ok(Self(Some(wanted.into())))
    }

    /// For backends: the categories that are wanted, sorted and distinct; `None` for every event.
    #[must_use]
    pub fn wanted(&self) -> Option<&[Arc<str>]> {
        self.0.as_deref()
    }

    /// Whether events of `category` are wanted.
    #[must_use]
    pub fn admits(&self, category: &str) -> bool {
        self.wanted().is_none_or(|wanted| wanted.iter().any(|w| &**w == category))
    }
}
