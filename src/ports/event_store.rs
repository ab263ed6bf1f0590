//! The reading of streams and of the feed.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::{BackendError, Store};
use crate::types::{
    Committed, DedupKey, FeedPage, Filter, Position, ReadFrom, RecordedEvent, StreamId, StreamPage,
    StreamVersion,
};

/// Keeps events in streams, and hands them back in order: by stream, and all of them as one feed.
///
/// # Contract
/// - **E1 faithful** – an event comes back with the id, name, payload and metadata it was appended with,
///   byte for byte, in its stream, at versions 1, 2, 3 and so on.
/// - **E2 both ways** – a stream reads forward from after any version and backward from before any
///   version or from its end; a stream without events is an empty page.
/// - **E3 paged** – a page holds at most what was asked for, where 0 counts as 1, and what
///   [`Store::limits`] allows, and says whether more follows; the pages joined are the stream, or the feed.
/// - **E4 ordered** – in the feed, positions strictly grow, a commit's events stand in its order, and the
///   events of a stream in the order of their versions; every event is there once.
/// - **E5 exact** – a page of the feed never reaches beyond a position at which an event can still
///   appear: a reader that goes on from `upto` misses nothing, whoever writes meanwhile.
/// - **E6 filtered** – a filter leaves out the events of other categories and nothing else; `upto` passes
///   over what was left out.
/// - **E7 head** – the head is the position of the newest event that readers can see, and
///   [`Position::START`] in an empty log.
/// - **E8 wakes** – `changed(after)` returns at once if the head is beyond `after`, and otherwise after
///   the next commit of events, by any handle; dropping it loses nothing.
/// - **E9 remembered** – `outcome` finds every commit by each of its events and by its inbox key, and
///   nothing else.
/// - **E10 one log** – the identity is that of the log: the same after opening it again, different for
///   another log, and in every token.
#[async_trait]
pub trait EventStore: Store {
    /// A page of one stream: at most `limit` events, forward or backward as `from` says.
    ///
    /// # Errors
    /// [`BackendError`] if the store cannot read.
    ///
    /// # Cancel safety
    /// Reading changes nothing; the future may be dropped.
    async fn read_stream(
        &self,
        stream: &StreamId,
        from: ReadFrom,
        limit: usize,
    ) -> Result<StreamPage, BackendError>;

    /// A page of the feed of all streams after a position: at most `limit` of the events that `filter`
    /// wants, in position order.
    ///
    /// # Errors
    /// [`BackendError`] if the store cannot read.
    ///
    /// # Cancel safety
    /// Reading changes nothing; the future may be dropped.
    async fn read_all(
        &self,
        after: Position,
        filter: &Filter,
        limit: usize,
    ) -> Result<FeedPage, BackendError>;

    /// The position of the newest event.
    ///
    /// # Errors
    /// [`BackendError`] if the store cannot read.
    async fn head(&self) -> Result<Position, BackendError>;

    /// The position of the newest committed event, also where readers cannot see it yet: no token that was given out is
    /// beyond it.
    ///
    /// By default the head, which is right where commits become visible in the order of their positions.
    ///
    /// # Errors
    /// [`BackendError`] if the store cannot read.
    async fn end(&self) -> Result<Position, BackendError> {
        self.head().await
    }

    /// Returns when the feed has moved beyond `after`.
    ///
    /// # Errors
    /// [`BackendError`] if the store cannot read.
    ///
    /// # Cancel safety
    /// The future may be dropped and asked for again; no commit is missed.
    async fn changed(&self, after: Position) -> Result<(), BackendError>;

    /// Where a commit with this event or inbox key landed, if there was one.
    ///
    /// For an event it is the place of that event: its stream at its version, and its position. For an
    /// inbox key it is the answer that its commit was given.
    ///
    /// # Errors
    /// [`BackendError`] if the store cannot read.
    async fn outcome(&self, of: &DedupKey) -> Result<Option<Committed>, BackendError>;

    /// How often what this handle has told can be told no more, since somebody was [forgotten](crate::Personal): it grows whenever
    /// that happens, and who keeps what was read before drops it then.
    ///
    /// By default it never grows: what a store has told once, it tells again. A store around another one passes on what that says.
    fn forgettings(&self) -> u64 {
        0
    }
}

mod sealed {
    #[allow(unnameable_types, reason = "that is what seals a trait")]
    pub trait Sealed {}
    impl<S: super::EventStore + ?Sized> Sealed for S {}
}

/// Conveniences on every [`EventStore`], `dyn` ones included. Sealed: it grows without breaking backends.
pub trait EventStoreExt: EventStore + sealed::Sealed {
    /// Reads a stream to its end, page by page, from after `version`.
    ///
    /// The whole tail is in memory at once: for a stream without a bound, read pages.
    ///
    /// # Errors
    /// [`BackendError`] if the store cannot read.
    fn read_tail(
        &self,
        stream: &StreamId,
        mut version: StreamVersion,
    ) -> impl Future<Output = Result<Vec<RecordedEvent>, BackendError>> + Send {
        async move {
            let mut all = Vec::new();
            loop {
                let page = self.read_stream(stream, ReadFrom::After(version), usize::MAX).await?;
                version = page.events.last().map_or(version, RecordedEvent::version);
                if all.is_empty() {
                    all = page.events;
                } else {
                    all.extend(page.events);
                }
                if !page.has_more {
                    return Ok(all);
                }
            }
        }
    }

    /// The version a stream is at.
    ///
    /// # Errors
    /// [`BackendError`] if the store cannot read.
    fn version(
        &self,
        stream: &StreamId,
    ) -> impl Future<Output = Result<StreamVersion, BackendError>> + Send {
        async move {
            let page = self.read_stream(stream, ReadFrom::End, 1).await?;
            Ok(page.events.first().map_or(StreamVersion::NONE, RecordedEvent::version))
        }
    }

    /// A page of the feed as of a position: as [`read_all`](EventStore::read_all), without what is behind `until`, whoever writes
    /// meanwhile.
    ///
    /// The pages are over when `upto` is `until`. A page that ends before it, and says that no more follow, has come to the end of what
    /// readers see: how the feed will be there, nobody knows yet.
    ///
    /// ```
    /// # use freehold::{EventStore, EventStoreExt, Filter, Position, backend::memory::MemoryStore};
    /// # use freehold::{Commit, EventId, EventName, ExpectedVersion, NewEvent, Store};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let store = MemoryStore::new();
    /// # for _ in 0..9 {
    /// #     let event = NewEvent::new(EventId::new(uuid::Uuid::now_v7()), EventName::new("Noted")?, "{}");
    /// #     store.commit(Commit::new().append(&"note-1".parse()?, ExpectedVersion::Any, [event])).await?;
    /// # }
    /// let (until, mut after, mut events) = (Position::new(7), Position::START, 0);
    /// while after < until {
    ///     let page = store.read_until(after, until, &Filter::all(), 3).await?;
    ///     events += page.events.len();
    ///     after = page.upto;
    ///     if !page.has_more {
    ///         break;
    ///     }
    /// }
    /// assert_eq!((events, after), (7, until));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`BackendError`] if the store cannot read.
    ///
    /// # Cancel safety
    /// Reading changes nothing; the future may be dropped.
    fn read_until(
        &self,
        after: Position,
        until: Position,
        filter: &Filter,
        limit: usize,
    ) -> impl Future<Output = Result<FeedPage, BackendError>> + Send {
        async move {
            if after >= until {
                return Ok(FeedPage::new(Vec::new(), after, false));
            }
            let FeedPage { mut events, upto, has_more } =
                self.read_all(after, filter, limit).await?;
            events.truncate(events.partition_point(|event| event.position() <= until));
            Ok(FeedPage::new(events, upto.min(until), has_more && upto < until))
        }
    }

    /// The position at which the log was at a moment: that of the last event before the first one that was recorded later. Clocks
    /// may go back: an event that was recorded behind one that is later was not there yet.
    ///
    /// The log is read up to there: for a long one, keep positions at the moments that you will ask for.
    ///
    /// # Errors
    /// [`BackendError`] if the store cannot read.
    ///
    /// # Cancel safety
    /// Reading changes nothing; the future may be dropped.
    fn position_at(
        &self,
        moment: DateTime<Utc>,
    ) -> impl Future<Output = Result<Position, BackendError>> + Send {
        async move {
            let (filter, mut after) = (Filter::all(), Position::START);
            let mut last = Position::START;
            loop {
                let page = self.read_all(after, &filter, usize::MAX).await?;
                for event in &page.events {
                    if event.recorded_at() > moment {
                        return Ok(last);
                    }
                    last = event.position();
                }
                after = page.upto;
                if !page.has_more {
                    return Ok(last);
                }
            }
        }
    }
}

impl<S: EventStore + ?Sized> EventStoreExt for S {}

// Both must stay dyn-compatible, and a reader must be usable where only a writer is asked for.
const _: fn(Arc<dyn EventStore>) -> Arc<dyn Store> = |store| store;
