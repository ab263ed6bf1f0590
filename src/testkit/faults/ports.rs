//! The faulty store as a store: every call is passed on, or fails.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::store::FaultyStore;
use crate::ports::{
    Archive, BackendError, CommitError, EventStore, InlineFold, InlineStore, Inlined, Leases,
    RowStore, Store, SubjectKeys,
};
use crate::types::{
    Archived, Claim, Commit, Committed, DataSubject, DedupKey, FeedPage, Filter, KeyRing, Lease,
    LeaseName, LeaseState, Limits, LogId, NewKey, Owner, Position, ReadFrom, RowPage, RowSet,
    RowsWanted, StreamId, StreamPage,
};

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: Store> Store for FaultyStore<S> {
    fn identity(&self) -> LogId {
        self.inner.identity()
    }

    fn limits(&self) -> &Limits {
        self.inner.limits()
    }

    fn is_ordered(&self) -> bool {
        // A commit that is late or fails is overtaken.
        false
    }

    async fn commit(&self, commit: Commit) -> Result<Committed, CommitError> {
        self.write(self.inner.commit(commit)).await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: EventStore> EventStore for FaultyStore<S> {
    async fn read_stream(
        &self,
        stream: &StreamId,
        from: ReadFrom,
        limit: usize,
    ) -> Result<StreamPage, BackendError> {
        self.ask("read a stream", self.inner.read_stream(stream, from, limit)).await
    }

    async fn read_all(
        &self,
        after: Position,
        filter: &Filter,
        limit: usize,
    ) -> Result<FeedPage, BackendError> {
        self.ask("read the feed", self.inner.read_all(after, filter, limit)).await
    }

    async fn head(&self) -> Result<Position, BackendError> {
        self.ask("tell the head", self.inner.head()).await
    }

    async fn end(&self) -> Result<Position, BackendError> {
        self.ask("tell the end", self.inner.end()).await
    }

    async fn changed(&self, after: Position) -> Result<(), BackendError> {
        self.ask("watch the feed", self.inner.changed(after)).await
    }

    async fn outcome(&self, of: &DedupKey) -> Result<Option<Committed>, BackendError> {
        self.ask("tell an outcome", self.inner.outcome(of)).await
    }

    fn forgettings(&self) -> u64 {
        self.inner.forgettings()
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: Leases> Leases for FaultyStore<S> {
    async fn claim(
        &self,
        name: &LeaseName,
        owner: Owner,
        time: Duration,
    ) -> Result<Claim, BackendError> {
        self.ask("claim a lease", self.inner.claim(name, owner, time)).await
    }

    async fn renew(&self, lease: &Lease, time: Duration) -> Result<bool, BackendError> {
        self.ask("renew a lease", self.inner.renew(lease, time)).await
    }

    async fn release(&self, lease: &Lease) -> Result<(), BackendError> {
        self.ask("release a lease", self.inner.release(lease)).await
    }

    async fn lease(&self, name: &LeaseName) -> Result<LeaseState, BackendError> {
        self.ask("look at a lease", self.inner.lease(name)).await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: RowStore> RowStore for FaultyStore<S> {
    async fn prepare(&self, set: &RowSet) -> Result<(), BackendError> {
        self.ask("prepare a set", self.inner.prepare(set)).await
    }

    async fn remove(&self, set: &RowSet) -> Result<(), BackendError> {
        self.ask("remove a set", self.inner.remove(set)).await
    }

    async fn rows(
        &self,
        set: &RowSet,
        wanted: &RowsWanted,
        of: Option<&LeaseName>,
    ) -> Result<RowPage, BackendError> {
        self.ask("read rows", self.inner.rows(set, wanted, of)).await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: InlineStore> InlineStore for FaultyStore<S> {
    async fn inline(&self, fold: Arc<dyn InlineFold>) -> Result<Inlined, CommitError> {
        self.write(self.inner.inline(fold)).await
    }

    async fn detach(&self, fold: &LeaseName) -> Result<(), BackendError> {
        self.ask("detach a fold", self.inner.detach(fold)).await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: Archive> Archive for FaultyStore<S> {
    async fn archive(&self, events_max: usize) -> Result<Archived, BackendError> {
        self.ask("archive", self.inner.archive(events_max)).await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: SubjectKeys> SubjectKeys for FaultyStore<S> {
    async fn rings(&self, subjects: &[DataSubject]) -> Result<Vec<KeyRing>, BackendError> {
        self.ask("read keys", self.inner.rings(subjects)).await
    }

    async fn add(&self, keys: Vec<NewKey>) -> Result<Vec<KeyRing>, BackendError> {
        self.ask("add keys", self.inner.add(keys)).await
    }

    async fn forget(&self, subject: &DataSubject, with: Commit) -> Result<Committed, CommitError> {
        self.write(self.inner.forget(subject, with)).await
    }
}
