//! The sealed store as a store of every kind: what holds payloads is sealed and opened, and the rest is passed on.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::fold::SealedFold;
use super::store::SealedStore;
use crate::ports::{
    Archive, BackendError, CommitError, EventStore, InlineFold, InlineStore, Inlined, Leases,
    Outbox, RowStore, Store,
};
use crate::types::{
    Archived, Claim, Commit, Committed, DedupKey, FeedPage, Filter, Lease, LeaseName, LeaseState,
    Limits, LogId, Owner, Position, ReadFrom, RecordedEvent, RowPage, RowSet, RowsWanted, StreamId,
    StreamPage,
};

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: EventStore> Store for SealedStore<S> {
    fn identity(&self) -> LogId {
        self.inner.identity()
    }

    fn limits(&self) -> &Limits {
        self.inner.limits()
    }

    fn is_ordered(&self) -> bool {
        // A commit that waits for a key is overtaken.
        false
    }

    async fn commit(&self, commit: Commit) -> Result<Committed, CommitError> {
        self.commit_sealed(commit).await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: EventStore> EventStore for SealedStore<S> {
    async fn read_stream(
        &self,
        stream: &StreamId,
        from: ReadFrom,
        limit: usize,
    ) -> Result<StreamPage, BackendError> {
        let mut page = self.inner.read_stream(stream, from, limit).await?;
        self.rings.open(page.events.iter_mut().map(RecordedEvent::data_mut)).await?;
        Ok(page)
    }

    async fn read_all(
        &self,
        after: Position,
        filter: &Filter,
        limit: usize,
    ) -> Result<FeedPage, BackendError> {
        let mut page = self.inner.read_all(after, filter, limit).await?;
        self.rings.open(page.events.iter_mut().map(RecordedEvent::data_mut)).await?;
        Ok(page)
    }

    async fn head(&self) -> Result<Position, BackendError> {
        self.inner.head().await
    }

    async fn end(&self) -> Result<Position, BackendError> {
        self.inner.end().await
    }

    async fn changed(&self, after: Position) -> Result<(), BackendError> {
        self.inner.changed(after).await
    }

    async fn outcome(&self, of: &DedupKey) -> Result<Option<Committed>, BackendError> {
        self.inner.outcome(of).await
    }

    fn forgettings(&self) -> u64 {
        self.rings.forgettings()
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: EventStore + Leases> Leases for SealedStore<S> {
    async fn claim(
        &self,
        name: &LeaseName,
        owner: Owner,
        time: Duration,
    ) -> Result<Claim, BackendError> {
        self.inner.claim(name, owner, time).await
    }

    async fn renew(&self, lease: &Lease, time: Duration) -> Result<bool, BackendError> {
        self.inner.renew(lease, time).await
    }

    async fn release(&self, lease: &Lease) -> Result<(), BackendError> {
        self.inner.release(lease).await
    }

    async fn lease(&self, name: &LeaseName) -> Result<LeaseState, BackendError> {
        self.inner.lease(name).await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: EventStore + RowStore> RowStore for SealedStore<S> {
    async fn prepare(&self, set: &RowSet) -> Result<(), BackendError> {
        self.inner.prepare(set).await
    }

    async fn remove(&self, set: &RowSet) -> Result<(), BackendError> {
        self.inner.remove(set).await
    }

    async fn rows(
        &self,
        set: &RowSet,
        wanted: &RowsWanted,
        of: Option<&LeaseName>,
    ) -> Result<RowPage, BackendError> {
        let mut page = self.inner.rows(set, wanted, of).await?;
        self.rings.open(page.rows.iter_mut().map(|row| row.value.json_mut())).await?;
        Ok(page)
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: EventStore + InlineStore> InlineStore for SealedStore<S> {
    async fn inline(&self, fold: Arc<dyn InlineFold>) -> Result<Inlined, CommitError> {
        self.folds.store(true, Ordering::Release);
        let fold = Arc::new(SealedFold::new(fold, Arc::clone(&self.rings)));
        self.with_keys_for_folds(|| self.inner.inline(fold.clone())).await
    }

    async fn detach(&self, fold: &LeaseName) -> Result<(), BackendError> {
        self.inner.detach(fold).await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: EventStore + Outbox> Outbox for SealedStore<S> {
    async fn outbox_page(&self, after: Position, limit: usize) -> Result<FeedPage, BackendError> {
        let mut page = self.inner.outbox_page(after, limit).await?;
        self.rings.open(page.events.iter_mut().map(RecordedEvent::data_mut)).await?;
        Ok(page)
    }

    async fn outbox_head(&self) -> Result<Position, BackendError> {
        self.inner.outbox_head().await
    }

    async fn outbox_end(&self) -> Result<Position, BackendError> {
        self.inner.outbox_end().await
    }

    async fn outbox_changed(&self, after: Position) -> Result<(), BackendError> {
        self.inner.outbox_changed(after).await
    }

    async fn outbox_due(&self, limit: usize) -> Result<Option<DateTime<Utc>>, BackendError> {
        self.inner.outbox_due(limit).await
    }

    async fn outbox_trim(&self, upto: Position) -> Result<u64, BackendError> {
        self.inner.outbox_trim(upto).await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: Archive> Archive for SealedStore<S> {
    async fn archive(&self, events_max: usize) -> Result<Archived, BackendError> {
        self.inner.archive(events_max).await
    }
}
