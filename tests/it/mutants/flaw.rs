//! A store with a flaw: calls go to a good store unless the flaw takes them.

use std::fmt::Debug;
use std::marker::PhantomData;
use std::sync::Arc;

use freehold::testkit::async_trait;
use freehold::testkit::conformance::Harness;
use freehold::{
    BackendError, Commit, CommitError, Committed, Conflict, DedupKey, EventStore, FeedPage, Filter,
    InvalidCommit, Limits, LogId, PartKind, Parts, Position, ReadFrom, RecordedEvent, Recording,
    Store, StreamId, StreamPage, StreamVersion, Token,
};

use crate::testkit::harness::InMemory;

pub(super) type Inner = Arc<dyn EventStore>;
pub(super) type Answer = Result<Committed, CommitError>;

/// What is wrong with a store. What a flaw does not override is right.
#[async_trait]
pub(super) trait Flaw: Debug + Default + Send + Sync + 'static {
    fn identity(&self, store: &Inner) -> LogId {
        store.identity()
    }

    fn limits<'a>(&'a self, store: &'a Inner) -> &'a Limits {
        store.limits()
    }

    async fn commit(&self, store: &Inner, commit: Commit) -> Answer {
        store.commit(commit).await
    }

    async fn read_stream(
        &self,
        store: &Inner,
        stream: &StreamId,
        from: ReadFrom,
        limit: usize,
    ) -> Result<StreamPage, BackendError> {
        store.read_stream(stream, from, limit).await
    }

    async fn read_all(
        &self,
        store: &Inner,
        after: Position,
        filter: &Filter,
        limit: usize,
    ) -> Result<FeedPage, BackendError> {
        store.read_all(after, filter, limit).await
    }

    async fn head(&self, store: &Inner) -> Result<Position, BackendError> {
        store.head().await
    }

    async fn changed(&self, store: &Inner, after: Position) -> Result<(), BackendError> {
        store.changed(after).await
    }

    async fn outcome(
        &self,
        store: &Inner,
        of: &DedupKey,
    ) -> Result<Option<Committed>, BackendError> {
        store.outcome(of).await
    }
}

#[derive(Debug)]
struct Mutant<F> {
    inner: Inner,
    flaw: F,
}

#[async_trait]
impl<F: Flaw> Store for Mutant<F> {
    fn identity(&self) -> LogId {
        self.flaw.identity(&self.inner)
    }

    fn limits(&self) -> &Limits {
        self.flaw.limits(&self.inner)
    }

    fn is_ordered(&self) -> bool {
        self.inner.is_ordered()
    }

    async fn commit(&self, commit: Commit) -> Answer {
        self.flaw.commit(&self.inner, commit).await
    }
}

#[async_trait]
impl<F: Flaw> EventStore for Mutant<F> {
    async fn read_stream(
        &self,
        stream: &StreamId,
        from: ReadFrom,
        limit: usize,
    ) -> Result<StreamPage, BackendError> {
        self.flaw.read_stream(&self.inner, stream, from, limit).await
    }

    async fn read_all(
        &self,
        after: Position,
        filter: &Filter,
        limit: usize,
    ) -> Result<FeedPage, BackendError> {
        self.flaw.read_all(&self.inner, after, filter, limit).await
    }

    async fn head(&self) -> Result<Position, BackendError> {
        self.flaw.head(&self.inner).await
    }

    async fn changed(&self, after: Position) -> Result<(), BackendError> {
        self.flaw.changed(&self.inner, after).await
    }

    async fn outcome(&self, of: &DedupKey) -> Result<Option<Committed>, BackendError> {
        self.flaw.outcome(&self.inner, of).await
    }
}

/// Opens good logs, each handle with a flaw of its own.
#[derive(Default)]
pub(super) struct Flawed<F> {
    logs: InMemory,
    flaw: PhantomData<fn() -> F>,
}

#[async_trait]
impl<F: Flaw> Harness for Flawed<F> {
    async fn open(&self, log: &str) -> Arc<dyn EventStore> {
        Arc::new(Mutant { inner: Arc::new(self.logs.log(log)), flaw: F::default() })
    }
}

/// What is in a commit.
pub(super) fn parts(commit: &Commit) -> Result<Parts, InvalidCommit> {
    let kinds = [PartKind::Appends, PartKind::Checks, PartKind::Inbox];
    commit.clone().into_parts(&kinds, &Limits::default())
}

/// A commit of `parts`.
pub(super) fn commit_of(parts: Parts) -> Commit {
    let mut commit = Commit::new();
    for append in parts.appends {
        commit = commit.append(&append.stream, append.expected, append.events);
    }
    for check in parts.checks {
        commit = commit.check(&check.stream, check.expected);
    }
    match parts.inbox {
        Some(key) => commit.inbox(key),
        None => commit,
    }
}

/// The first expectation that does not hold now.
pub(super) async fn failing(store: &Inner, parts: &Parts) -> Option<Conflict> {
    for (stream, expected) in parts.guards() {
        let end = store.read_stream(stream, ReadFrom::End, 1).await.unwrap();
        let newest = end.events.first();
        let actual = newest.map_or(StreamVersion::NONE, RecordedEvent::version);
        if !expected.admits(actual, newest.map(RecordedEvent::id)) {
            return Some(Conflict::new(stream.clone(), expected, actual));
        }
    }
    None
}

/// The answer to a commit that writes no events.
pub(super) async fn nothing_written(store: &Inner) -> Answer {
    let head = store.head().await?;
    Ok(Committed::new(Vec::new(), None, Token::new(store.identity(), head)))
}

/// The same answer, not marked as a duplicate.
pub(super) fn as_first(answer: &Committed) -> Committed {
    Committed::new(answer.versions().to_vec(), answer.positions().cloned(), answer.token())
}

/// The event, recorded otherwise.
pub(super) fn restated(
    event: &RecordedEvent,
    change: impl FnOnce(&mut Recording),
) -> RecordedEvent {
    let mut at = Recording {
        stream: event.stream().clone(),
        version: event.version(),
        position: event.position(),
        recorded_at: event.recorded_at(),
    };
    change(&mut at);
    let new = freehold::NewEvent::new(event.id(), event.name().clone(), event.data().clone());
    new.with_metadata(event.metadata().clone()).recorded(at)
}
