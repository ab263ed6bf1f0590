//! `Arc<S>` is a store if `S` is. Written by hand: the attribute would box every call twice.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::{
    Archive, BackendError, CommitError, EventStore, InlineFold, InlineStore, Inlined, Leases,
    Outbox, RowStore, Store, SubjectKeys,
};
use crate::types::{
    Archived, Claim, Commit, Committed, DataSubject, DedupKey, FeedPage, Filter, KeyRing, Lease,
    LeaseName, LeaseState, Limits, LogId, NewKey, Owner, Position, ReadFrom, RowPage, RowSet,
    RowsWanted, StreamId, StreamPage,
};

type Reply<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

#[deny(clippy::missing_trait_methods)]
impl<S: Store + ?Sized> Store for Arc<S> {
    fn identity(&self) -> LogId {
        (**self).identity()
    }

    fn limits(&self) -> &Limits {
        (**self).limits()
    }

    fn is_ordered(&self) -> bool {
        (**self).is_ordered()
    }

    fn commit<'a, 'f>(&'a self, commit: Commit) -> Reply<'f, Result<Committed, CommitError>>
    where
        'a: 'f,
        Self: 'f,
    {
        (**self).commit(commit)
    }
}

#[deny(clippy::missing_trait_methods)]
impl<S: EventStore + ?Sized> EventStore for Arc<S> {
    fn read_stream<'a, 'b, 'f>(
        &'a self,
        stream: &'b StreamId,
        from: ReadFrom,
        limit: usize,
    ) -> Reply<'f, Result<StreamPage, BackendError>>
    where
        'a: 'f,
        'b: 'f,
        Self: 'f,
    {
        (**self).read_stream(stream, from, limit)
    }

    fn read_all<'a, 'b, 'f>(
        &'a self,
        after: Position,
        filter: &'b Filter,
        limit: usize,
    ) -> Reply<'f, Result<FeedPage, BackendError>>
    where
        'a: 'f,
        'b: 'f,
        Self: 'f,
    {
        (**self).read_all(after, filter, limit)
    }

    fn head<'a, 'f>(&'a self) -> Reply<'f, Result<Position, BackendError>>
    where
        'a: 'f,
        Self: 'f,
    {
        (**self).head()
    }

    fn end<'a, 'f>(&'a self) -> Reply<'f, Result<Position, BackendError>>
    where
        'a: 'f,
        Self: 'f,
    {
        (**self).end()
    }

    fn changed<'a, 'f>(&'a self, after: Position) -> Reply<'f, Result<(), BackendError>>
    where
        'a: 'f,
        Self: 'f,
    {
        (**self).changed(after)
    }

    fn outcome<'a, 'b, 'f>(
        &'a self,
        of: &'b DedupKey,
    ) -> Reply<'f, Result<Option<Committed>, BackendError>>
    where
        'a: 'f,
        'b: 'f,
        Self: 'f,
    {
        (**self).outcome(of)
    }

    fn forgettings(&self) -> u64 {
        (**self).forgettings()
    }
}

#[deny(clippy::missing_trait_methods)]
impl<S: Leases + ?Sized> Leases for Arc<S> {
    fn claim<'a, 'b, 'f>(
        &'a self,
        name: &'b LeaseName,
        owner: Owner,
        time: Duration,
    ) -> Reply<'f, Result<Claim, BackendError>>
    where
        'a: 'f,
        'b: 'f,
        Self: 'f,
    {
        (**self).claim(name, owner, time)
    }

    fn renew<'a, 'b, 'f>(
        &'a self,
        lease: &'b Lease,
        time: Duration,
    ) -> Reply<'f, Result<bool, BackendError>>
    where
        'a: 'f,
        'b: 'f,
        Self: 'f,
    {
        (**self).renew(lease, time)
    }

    fn release<'a, 'b, 'f>(&'a self, lease: &'b Lease) -> Reply<'f, Result<(), BackendError>>
    where
        'a: 'f,
        'b: 'f,
        Self: 'f,
    {
        (**self).release(lease)
    }

    fn lease<'a, 'b, 'f>(
        &'a self,
        name: &'b LeaseName,
    ) -> Reply<'f, Result<LeaseState, BackendError>>
    where
        'a: 'f,
        'b: 'f,
        Self: 'f,
    {
        (**self).lease(name)
    }
}

#[deny(clippy::missing_trait_methods)]
impl<S: RowStore + ?Sized> RowStore for Arc<S> {
    fn prepare<'a, 'b, 'f>(&'a self, set: &'b RowSet) -> Reply<'f, Result<(), BackendError>>
    where
        'a: 'f,
        'b: 'f,
        Self: 'f,
    {
        (**self).prepare(set)
    }

    fn remove<'a, 'b, 'f>(&'a self, set: &'b RowSet) -> Reply<'f, Result<(), BackendError>>
    where
        'a: 'f,
        'b: 'f,
        Self: 'f,
    {
        (**self).remove(set)
    }

    fn rows<'a, 'b, 'c, 'd, 'f>(
        &'a self,
        set: &'b RowSet,
        wanted: &'c RowsWanted,
        of: Option<&'d LeaseName>,
    ) -> Reply<'f, Result<RowPage, BackendError>>
    where
        'a: 'f,
        'b: 'f,
        'c: 'f,
        'd: 'f,
        Self: 'f,
    {
        (**self).rows(set, wanted, of)
    }
}

#[deny(clippy::missing_trait_methods)]
impl<S: InlineStore + ?Sized> InlineStore for Arc<S> {
    fn inline<'a, 'f>(
        &'a self,
        fold: Arc<dyn InlineFold>,
    ) -> Reply<'f, Result<Inlined, CommitError>>
    where
        'a: 'f,
        Self: 'f,
    {
        (**self).inline(fold)
    }

    fn detach<'a, 'b, 'f>(&'a self, fold: &'b LeaseName) -> Reply<'f, Result<(), BackendError>>
    where
        'a: 'f,
        'b: 'f,
        Self: 'f,
    {
        (**self).detach(fold)
    }
}

#[deny(clippy::missing_trait_methods)]
impl<S: Archive + ?Sized> Archive for Arc<S> {
    fn archive<'a, 'f>(&'a self, events_max: usize) -> Reply<'f, Result<Archived, BackendError>>
    where
        'a: 'f,
        Self: 'f,
    {
        (**self).archive(events_max)
    }
}

#[deny(clippy::missing_trait_methods)]
impl<S: Outbox + ?Sized> Outbox for Arc<S> {
    fn outbox_page<'a, 'f>(
        &'a self,
        after: Position,
        limit: usize,
    ) -> Reply<'f, Result<FeedPage, BackendError>>
    where
        'a: 'f,
        Self: 'f,
    {
        (**self).outbox_page(after, limit)
    }

    fn outbox_head<'a, 'f>(&'a self) -> Reply<'f, Result<Position, BackendError>>
    where
        'a: 'f,
        Self: 'f,
    {
        (**self).outbox_head()
    }

    fn outbox_end<'a, 'f>(&'a self) -> Reply<'f, Result<Position, BackendError>>
    where
        'a: 'f,
        Self: 'f,
    {
        (**self).outbox_end()
    }

    fn outbox_changed<'a, 'f>(&'a self, after: Position) -> Reply<'f, Result<(), BackendError>>
    where
        'a: 'f,
        Self: 'f,
    {
        (**self).outbox_changed(after)
    }

    fn outbox_due<'a, 'f>(
        &'a self,
        limit: usize,
    ) -> Reply<'f, Result<Option<DateTime<Utc>>, BackendError>>
    where
        'a: 'f,
        Self: 'f,
    {
        (**self).outbox_due(limit)
    }

    fn outbox_trim<'a, 'f>(&'a self, upto: Position) -> Reply<'f, Result<u64, BackendError>>
    where
        'a: 'f,
        Self: 'f,
    {
        (**self).outbox_trim(upto)
    }
}

#[deny(clippy::missing_trait_methods)]
impl<S: SubjectKeys + ?Sized> SubjectKeys for Arc<S> {
    fn rings<'a, 'b, 'f>(
        &'a self,
        subjects: &'b [DataSubject],
    ) -> Reply<'f, Result<Vec<KeyRing>, BackendError>>
    where
        'a: 'f,
        'b: 'f,
        Self: 'f,
    {
        (**self).rings(subjects)
    }

    fn add<'a, 'f>(&'a self, keys: Vec<NewKey>) -> Reply<'f, Result<Vec<KeyRing>, BackendError>>
    where
        'a: 'f,
        Self: 'f,
    {
        (**self).add(keys)
    }

    fn forget<'a, 'b, 'f>(
        &'a self,
        subject: &'b DataSubject,
        with: Commit,
    ) -> Reply<'f, Result<Committed, CommitError>>
    where
        'a: 'f,
        'b: 'f,
        Self: 'f,
    {
        (**self).forget(subject, with)
    }
}
