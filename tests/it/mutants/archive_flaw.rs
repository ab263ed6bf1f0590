//! An archive with a flaw, made as [`flaw`](super::flaw) makes a store of events.

use std::fmt::Debug;
use std::marker::PhantomData;
use std::sync::Arc;

use freehold::testkit::async_trait;
use freehold::testkit::conformance::ArchiveHarness;
use freehold::{
    Archive, Archived, Closing, Commit, Committed, DedupKey, EventStore, FeedPage, Filter, Limits,
    LogId, Position, ReadFrom, RecordedEvent, Store, StreamId, StreamPage,
};

use super::flaw::Answer;
use super::row_flaw::Result;
use crate::testkit::harness::InMemory;

pub(super) type Kept = Arc<dyn Archive>;

/// What is wrong with an archive. What a flaw does not override is right.
#[async_trait]
pub(super) trait ArchiveFlaw: Debug + Default + Send + Sync + 'static {
    async fn commit(&self, store: &Kept, commit: Commit) -> Answer {
        store.commit(commit).await
    }

    async fn read_all(
        &self,
        store: &Kept,
        after: Position,
        filter: &Filter,
        limit: usize,
    ) -> Result<FeedPage> {
        store.read_all(after, filter, limit).await
    }

    async fn head(&self, store: &Kept) -> Result<Position> {
        store.head().await
    }

    async fn outcome(&self, store: &Kept, of: &DedupKey) -> Result<Option<Committed>> {
        store.outcome(of).await
    }

    async fn archive(&self, store: &Kept, events_max: usize) -> Result<Archived> {
        store.archive(events_max).await
    }
}

#[derive(Debug)]
struct Mutant<F> {
    inner: Kept,
    flaw: F,
}

#[async_trait]
impl<F: ArchiveFlaw> Store for Mutant<F> {
    fn identity(&self) -> LogId {
        self.inner.identity()
    }

    fn limits(&self) -> &Limits {
        self.inner.limits()
    }

    fn is_ordered(&self) -> bool {
        self.inner.is_ordered()
    }

    async fn commit(&self, commit: Commit) -> Answer {
        self.flaw.commit(&self.inner, commit).await
    }
}

#[async_trait]
impl<F: ArchiveFlaw> EventStore for Mutant<F> {
    async fn read_stream(
        &self,
        stream: &StreamId,
        from: ReadFrom,
        limit: usize,
    ) -> Result<StreamPage> {
        self.inner.read_stream(stream, from, limit).await
    }

    async fn read_all(&self, after: Position, filter: &Filter, limit: usize) -> Result<FeedPage> {
        self.flaw.read_all(&self.inner, after, filter, limit).await
    }

    async fn head(&self) -> Result<Position> {
        self.flaw.head(&self.inner).await
    }

    async fn changed(&self, after: Position) -> Result<()> {
        self.inner.changed(after).await
    }

    async fn outcome(&self, of: &DedupKey) -> Result<Option<Committed>> {
        self.flaw.outcome(&self.inner, of).await
    }
}

#[async_trait]
impl<F: ArchiveFlaw> Archive for Mutant<F> {
    async fn archive(&self, events_max: usize) -> Result<Archived> {
        self.flaw.archive(&self.inner, events_max).await
    }
}

/// Opens good logs, each handle with a flaw of its own.
#[derive(Default)]
pub(super) struct FlawedArchive<F> {
    logs: InMemory,
    flaw: PhantomData<fn() -> F>,
}

#[async_trait]
impl<F: ArchiveFlaw> ArchiveHarness for FlawedArchive<F> {
    async fn open(&self, log: &str) -> Kept {
        Arc::new(Mutant { inner: Arc::new(self.logs.log(log)), flaw: F::default() })
    }
}

/// The events of all streams, in the order of the feed.
pub(super) async fn whole(store: &Kept) -> Result<Vec<RecordedEvent>> {
    let (mut after, mut all) = (Position::START, Vec::new());
    loop {
        let page = store.read_all(after, &Filter::all(), usize::MAX).await?;
        all.extend(page.events);
        after = page.upto;
        if !page.has_more {
            return Ok(all);
        }
    }
}

/// Whether the stream of an event is closed.
pub(super) async fn is_over(store: &Kept, event: &RecordedEvent) -> bool {
    let page = store.read_stream(event.stream(), ReadFrom::End, 1).await.unwrap();
    page.events.first().is_some_and(|last| Closing::of(last).is_some())
}

/// The events of closed streams, or of those that are open.
pub(super) async fn of_streams_that(store: &Kept, are_over: bool) -> Result<Vec<RecordedEvent>> {
    let mut found = Vec::new();
    for event in whole(store).await? {
        if is_over(store, &event).await == are_over {
            found.push(event);
        }
    }
    Ok(found)
}
