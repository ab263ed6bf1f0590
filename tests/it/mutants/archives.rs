//! Mutants of A1 to A6: what is moved, and how it reads.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use freehold::backend::memory::MemoryStore;
use freehold::testkit::async_trait;
use freehold::testkit::conformance::ArchiveHarness;
use freehold::{
    Archived, Commit, Committed, DedupKey, EventId, FeedPage, Filter, NewEvent, Position,
    RecordedEvent,
};
use tokio::task::yield_now;
use uuid::Uuid;

use super::archive_flaw::{ArchiveFlaw, Kept, is_over, of_streams_that};
use super::flaw::{Answer, commit_of, parts};
use super::row_flaw::Result;

/// Leaves out of a page what is of closed streams.
async fn without_the_closed(store: &Kept, page: FeedPage) -> FeedPage {
    let mut left = Vec::new();
    for event in page.events {
        if !is_over(store, &event).await {
            left.push(event);
        }
    }
    FeedPage::new(left, page.upto, page.has_more)
}

/// Takes a step, and notes in `is_over` when it was the last that moved something.
async fn archive_and_note(
    is_over: &AtomicBool,
    store: &Kept,
    events_max: usize,
) -> Result<Archived> {
    let step = store.archive(events_max).await?;
    is_over.fetch_or(step.events > 0 && !step.has_more, Ordering::SeqCst);
    Ok(step)
}

/// A1: the feed has the table of events, and not the archive.
#[derive(Debug, Default)]
pub(super) struct FeedForgetsTheArchive(AtomicBool);

#[async_trait]
impl ArchiveFlaw for FeedForgetsTheArchive {
    async fn read_all(
        &self,
        store: &Kept,
        after: Position,
        filter: &Filter,
        limit: usize,
    ) -> Result<FeedPage> {
        let page = store.read_all(after, filter, limit).await?;
        if self.0.load(Ordering::SeqCst) {
            return Ok(without_the_closed(store, page).await);
        }
        Ok(page)
    }

    async fn archive(&self, store: &Kept, events_max: usize) -> Result<Archived> {
        archive_and_note(&self.0, store, events_max).await
    }
}

/// A1: the head is that of the table of events.
#[derive(Debug, Default)]
pub(super) struct HeadForgetsTheArchive(AtomicBool);

#[async_trait]
impl ArchiveFlaw for HeadForgetsTheArchive {
    async fn head(&self, store: &Kept) -> Result<Position> {
        if !self.0.load(Ordering::SeqCst) {
            return store.head().await;
        }
        let open = of_streams_that(store, false).await?;
        Ok(open.last().map_or(Position::START, RecordedEvent::position))
    }

    async fn archive(&self, store: &Kept, events_max: usize) -> Result<Archived> {
        archive_and_note(&self.0, store, events_max).await
    }
}

/// A1: the archive is read first, and then the table of events: what is moved in between is in neither.
#[derive(Debug, Default)]
pub(super) struct ReadsTheArchiveFirst(AtomicU64);

#[async_trait]
impl ArchiveFlaw for ReadsTheArchiveFirst {
    async fn read_all(
        &self,
        store: &Kept,
        after: Position,
        filter: &Filter,
        limit: usize,
    ) -> Result<FeedPage> {
        let before = self.0.load(Ordering::SeqCst);
        yield_now().await;
        let page = store.read_all(after, filter, limit).await?;
        if self.0.load(Ordering::SeqCst) > before {
            return Ok(without_the_closed(store, page).await);
        }
        Ok(page)
    }

    async fn archive(&self, store: &Kept, events_max: usize) -> Result<Archived> {
        let step = store.archive(events_max).await?;
        self.0.fetch_add(step.events, Ordering::SeqCst);
        Ok(step)
    }
}

/// A2: what is open is moved as well.
#[derive(Debug, Default)]
pub(super) struct MovesWhatIsOpen(AtomicU64);

#[async_trait]
impl ArchiveFlaw for MovesWhatIsOpen {
    async fn archive(&self, store: &Kept, events_max: usize) -> Result<Archived> {
        let step = store.archive(events_max).await?;
        let open = of_streams_that(store, false).await?.len() as u64;
        let before = self.0.fetch_max(open, Ordering::SeqCst);
        Ok(Archived::new(step.events + open.saturating_sub(before), step.streams, step.has_more))
    }
}

/// A3: all is moved at once.
#[derive(Debug, Default)]
pub(super) struct MovesAllAtOnce;

#[async_trait]
impl ArchiveFlaw for MovesAllAtOnce {
    async fn archive(&self, store: &Kept, _: usize) -> Result<Archived> {
        let mut all = Archived::default();
        loop {
            let step = store.archive(usize::MAX).await?;
            all.events += step.events;
            all.streams += step.streams;
            if !step.has_more {
                return Ok(all);
            }
        }
    }
}

/// A3: nobody hears that more is left.
#[derive(Debug, Default)]
pub(super) struct NeverSaysThatMoreIsLeft;

#[async_trait]
impl ArchiveFlaw for NeverSaysThatMoreIsLeft {
    async fn archive(&self, store: &Kept, events_max: usize) -> Result<Archived> {
        let step = store.archive(events_max).await?;
        Ok(Archived::new(step.events, step.streams, false))
    }
}

/// A4: what is to be moved is looked for before the transaction, so that two move the same.
#[derive(Debug, Default)]
pub(super) struct MovesWhatOthersMove(AtomicU64);

#[async_trait]
impl ArchiveFlaw for MovesWhatOthersMove {
    async fn archive(&self, store: &Kept, events_max: usize) -> Result<Archived> {
        let closed = of_streams_that(store, true).await?.len() as u64;
        let here = (closed - self.0.load(Ordering::SeqCst)).min(events_max.max(1) as u64);
        yield_now().await;
        let step = store.archive(events_max).await?;
        self.0.fetch_add(step.events, Ordering::SeqCst);
        Ok(Archived::new(here, step.streams, step.has_more))
    }
}

/// A5: the ids of events that were moved are free for other streams.
#[derive(Debug, Default)]
pub(super) struct FreesTheIdsItMoved(AtomicBool);

#[async_trait]
impl ArchiveFlaw for FreesTheIdsItMoved {
    async fn commit(&self, store: &Kept, commit: Commit) -> Answer {
        let mut opened = parts(&commit)?;
        if !self.0.load(Ordering::SeqCst) {
            return store.commit(commit).await;
        }
        for append in &mut opened.appends {
            for event in &mut append.events {
                let recorded = store.outcome(&DedupKey::Event(event.id())).await.unwrap();
                if recorded.is_some_and(|at| at.version_of(&append.stream).is_none()) {
                    let id = EventId::new(Uuid::now_v7());
                    *event = NewEvent::new(id, event.name().clone(), event.data().clone());
                }
            }
        }
        store.commit(commit_of(opened)).await
    }

    async fn archive(&self, store: &Kept, events_max: usize) -> Result<Archived> {
        self.0.store(true, Ordering::SeqCst);
        store.archive(events_max).await
    }
}

/// A5: outcomes are looked for in the table of events.
#[derive(Debug, Default)]
pub(super) struct ForgetsTheOutcomesItMoved(AtomicBool);

#[async_trait]
impl ArchiveFlaw for ForgetsTheOutcomesItMoved {
    async fn outcome(&self, store: &Kept, of: &DedupKey) -> Result<Option<Committed>> {
        let found = store.outcome(of).await?;
        let is_forgotten = self.0.load(Ordering::SeqCst);
        Ok(found.filter(|_| !is_forgotten))
    }

    async fn archive(&self, store: &Kept, events_max: usize) -> Result<Archived> {
        let step = store.archive(events_max).await?;
        self.0.fetch_or(step.events > 0, Ordering::SeqCst);
        Ok(step)
    }
}

/// A6: what was not flushed is gone.
#[derive(Default)]
pub(super) struct ForgetsTheArchiveOnReopen;

#[async_trait]
impl ArchiveHarness for ForgetsTheArchiveOnReopen {
    async fn open(&self, _: &str) -> Kept {
        Arc::new(MemoryStore::new())
    }
}

/// A6: how far it has come is kept in the handle.
#[derive(Debug, Default)]
pub(super) struct BeginsAnewWhenReopened(AtomicBool);

#[async_trait]
impl ArchiveFlaw for BeginsAnewWhenReopened {
    async fn archive(&self, store: &Kept, events_max: usize) -> Result<Archived> {
        let step = store.archive(events_max).await?;
        let is_first = !self.0.swap(true, Ordering::SeqCst);
        if is_first && step == Archived::default() {
            let again = of_streams_that(store, true).await?.len() as u64;
            return Ok(Archived::new(again.min(events_max as u64), 0, false));
        }
        Ok(step)
    }
}
