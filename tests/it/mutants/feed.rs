//! Mutants of E4, E5, E6, E7 and E8: what a reader of the feed must get.

use std::sync::atomic::{AtomicU64, Ordering};

use freehold::testkit::async_trait;
use freehold::{
    BackendError, Commit, EventStore, FeedPage, Filter, Position, RecordedEvent, Store,
};
use tokio::sync::{Notify, watch};
use tokio::task::yield_now;

use super::flaw::{Answer, Flaw, Inner};

/// E4: no `ORDER BY`.
#[derive(Debug, Default)]
pub(super) struct ReordersFeed;

#[async_trait]
impl Flaw for ReordersFeed {
    async fn read_all(
        &self,
        store: &Inner,
        after: Position,
        filter: &Filter,
        limit: usize,
    ) -> Result<FeedPage, BackendError> {
        let mut page = store.read_all(after, filter, limit).await?;
        if page.events.len() > 2 {
            page.events.swap(0, 1);
        }
        Ok(page)
    }
}

/// The next position, as if a writer had drawn one before it and were slow to commit.
fn one_further(page: FeedPage) -> FeedPage {
    if page.has_more || page.events.is_empty() {
        return page;
    }
    FeedPage::new(page.events, Position::new(page.upto.get() + 1), false)
}

/// E5: a reader at the end of the feed is sent past an event that has yet to appear.
#[derive(Debug, Default)]
pub(super) struct SkipsUnderLoad;

#[async_trait]
impl Flaw for SkipsUnderLoad {
    async fn read_all(
        &self,
        store: &Inner,
        after: Position,
        filter: &Filter,
        limit: usize,
    ) -> Result<FeedPage, BackendError> {
        store.read_all(after, filter, limit).await.map(one_further)
    }
}

/// E5: the same, for readers that filter.
#[derive(Debug, Default)]
pub(super) struct SkipsWhatItFilters;

#[async_trait]
impl Flaw for SkipsWhatItFilters {
    async fn read_all(
        &self,
        store: &Inner,
        after: Position,
        filter: &Filter,
        limit: usize,
    ) -> Result<FeedPage, BackendError> {
        let page = store.read_all(after, filter, limit).await?;
        Ok(if filter.wanted().is_some() { one_further(page) } else { page })
    }
}

/// E6: `LIKE 'order%'`.
#[derive(Debug, Default)]
pub(super) struct FiltersByPrefix;

#[async_trait]
impl Flaw for FiltersByPrefix {
    async fn read_all(
        &self,
        store: &Inner,
        after: Position,
        filter: &Filter,
        limit: usize,
    ) -> Result<FeedPage, BackendError> {
        let Some(wanted) = filter.wanted() else {
            return store.read_all(after, filter, limit).await;
        };
        let mut page = store.read_all(after, &Filter::all(), limit).await?;
        page.events
            .retain(|event| wanted.iter().any(|w| event.stream().category().starts_with(&**w)));
        Ok(page)
    }
}

/// E6: a reader stays at the last event that it wanted.
#[derive(Debug, Default)]
pub(super) struct StaysAtTheLastWanted;

#[async_trait]
impl Flaw for StaysAtTheLastWanted {
    async fn read_all(
        &self,
        store: &Inner,
        after: Position,
        filter: &Filter,
        limit: usize,
    ) -> Result<FeedPage, BackendError> {
        let page = store.read_all(after, filter, limit).await?;
        let upto = page.events.last().map_or(after, RecordedEvent::position);
        Ok(FeedPage::new(page.events, upto, page.has_more))
    }
}

/// E7: the head counts what was asked for, not what was written.
#[derive(Debug, Default)]
pub(super) struct HeadCountsCommits(AtomicU64);

#[async_trait]
impl Flaw for HeadCountsCommits {
    async fn commit(&self, store: &Inner, commit: Commit) -> Answer {
        let done = store.commit(commit).await?;
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok(done)
    }

    async fn head(&self, _: &Inner) -> Result<Position, BackendError> {
        Ok(Position::new(self.0.load(Ordering::SeqCst)))
    }
}

/// E8: always waits for one more commit.
#[derive(Debug, Default)]
pub(super) struct WaitsForTheNextOne;

#[async_trait]
impl Flaw for WaitsForTheNextOne {
    async fn changed(&self, store: &Inner, _: Position) -> Result<(), BackendError> {
        store.changed(store.head().await?).await
    }
}

/// E8: never waits.
#[derive(Debug, Default)]
pub(super) struct WakesAtOnce;

#[async_trait]
impl Flaw for WakesAtOnce {
    async fn changed(&self, _: &Inner, _: Position) -> Result<(), BackendError> {
        Ok(())
    }
}

/// E8: looks, and then begins to listen: a commit in between is not heard.
#[derive(Debug, Default)]
pub(super) struct LosesWakeUps;

#[async_trait]
impl Flaw for LosesWakeUps {
    async fn changed(&self, store: &Inner, after: Position) -> Result<(), BackendError> {
        if store.head().await? > after {
            return Ok(());
        }
        yield_now().await;
        store.changed(store.head().await?).await
    }
}

/// E8: a handle hears of its own commits only.
#[derive(Debug, Default)]
pub(super) struct HearsOnlyItself(watch::Sender<Position>);

#[async_trait]
impl Flaw for HearsOnlyItself {
    async fn commit(&self, store: &Inner, commit: Commit) -> Answer {
        let done = store.commit(commit).await?;
        self.0.send_replace(store.head().await?);
        Ok(done)
    }

    async fn changed(&self, store: &Inner, after: Position) -> Result<(), BackendError> {
        let mut heard = self.0.subscribe();
        if store.head().await? <= after {
            heard.wait_for(|head| *head > after).await.unwrap();
        }
        Ok(())
    }
}

/// E8: a commit wakes one of those who wait, and that one may be gone.
#[derive(Debug, Default)]
pub(super) struct WakesOneOfMany(Notify);

#[async_trait]
impl Flaw for WakesOneOfMany {
    async fn commit(&self, store: &Inner, commit: Commit) -> Answer {
        let done = store.commit(commit).await?;
        self.0.notify_one();
        Ok(done)
    }

    async fn changed(&self, store: &Inner, after: Position) -> Result<(), BackendError> {
        while store.head().await? <= after {
            self.0.notified().await;
        }
        Ok(())
    }
}
