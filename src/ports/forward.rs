//! `Arc<S>` is a store if `S` is. Written by hand: the attribute would box every call twice.

use std::pin::Pin;
use std::sync::Arc;

use super::{BackendError, CommitError, EventStore, Store};
use crate::types::{
    Commit, Committed, DedupKey, FeedPage, Filter, Limits, LogId, Position, ReadFrom, StreamId,
    StreamPage,
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
}
