//! A process that dies, or freezes, at a call of the outside world: at any of them, before it or after it.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use chrono::{DateTime, Utc};
use freehold::backend::memory::{MemoryBroker, MemoryDeliveries, MemoryStore};
use freehold::testkit::async_trait;
use freehold::{
    BackendError, Broker, Capabilities, Claim, Commit, CommitError, Committed, DedupKey,
    Deliveries, Delivery, EventStore, Extent, FeedPage, Filter, Lease, LeaseName, LeaseState,
    Leases, Limits, LogId, Outbound, Outbox, Owner, Position, PublishError, ReadFrom, RowPage,
    RowSet, RowStore, RowsWanted, Settle, Store, Stored, StreamId, StreamPage,
};
use tokio::sync::Notify;

/// What happens to a process at a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// It dies before the call is made.
    Before,
    /// It dies when the call is made, and the answer never comes.
    After,
    /// It freezes before the call, and goes on when it is thawed.
    Frozen,
}

impl End {
    pub(crate) const ALL: [Self; 3] = [Self::Before, Self::After, Self::Frozen];
}

/// The life of a process.
#[derive(Clone, Debug, Default)]
pub(crate) struct Life(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    calls: AtomicUsize,
    end: Option<(usize, End)>,
    is_over: AtomicBool,
    over: Notify,
    thawed: Notify,
}

impl Life {
    /// It ends so at its `nth` call.
    pub(crate) fn until(nth: usize, end: End) -> Self {
        Self(Arc::new(Inner { end: Some((nth, end)), ..Inner::default() }))
    }

    pub(crate) fn calls(&self) -> usize {
        self.0.calls.load(Ordering::SeqCst)
    }

    /// Returns when it has ended.
    pub(crate) async fn over(&self) {
        while !self.is_over() {
            self.0.over.notified().await;
        }
    }

    pub(crate) fn is_over(&self) -> bool {
        self.0.is_over.load(Ordering::SeqCst)
    }

    /// What was frozen goes on.
    pub(crate) fn thaw(&self) {
        self.0.is_over.store(false, Ordering::SeqCst);
        self.0.thawed.notify_waiters();
    }

    fn end(&self) {
        self.0.is_over.store(true, Ordering::SeqCst);
        self.0.over.notify_one();
    }

    /// A frozen process goes on when it is thawed, a dead one never.
    async fn alive(&self) {
        while self.is_over() {
            match self.0.end {
                Some((_, End::Frozen)) => self.0.thawed.notified().await,
                _ => pending().await,
            }
        }
    }

    async fn call<T>(&self, call: impl Future<Output = T>) -> T {
        self.alive().await;
        let nth = self.0.calls.fetch_add(1, Ordering::SeqCst) + 1;
        let ends = self.0.end.filter(|(at, _)| *at == nth).map(|(_, end)| end);
        if matches!(ends, Some(End::Before | End::Frozen)) {
            self.end();
            self.alive().await;
        }
        let answer = call.await;
        if ends == Some(End::After) {
            self.end();
        }
        self.alive().await;
        answer
    }
}

/// What a process has of the outside world.
#[derive(Clone, Debug)]
pub(crate) struct Mortal<T> {
    pub(crate) inner: T,
    pub(crate) life: Life,
}

impl Life {
    pub(crate) fn of<T>(&self, inner: T) -> Mortal<T> {
        Mortal { inner, life: self.clone() }
    }
}

#[async_trait]
impl Store for Mortal<MemoryStore> {
    fn identity(&self) -> LogId {
        self.inner.identity()
    }

    fn limits(&self) -> &Limits {
        self.inner.limits()
    }

    fn is_ordered(&self) -> bool {
        self.inner.is_ordered()
    }

    async fn commit(&self, commit: Commit) -> Result<Committed, CommitError> {
        self.life.call(self.inner.commit(commit)).await
    }
}

#[async_trait]
impl Leases for Mortal<MemoryStore> {
    async fn claim(
        &self,
        name: &LeaseName,
        owner: Owner,
        time: Duration,
    ) -> Result<Claim, BackendError> {
        self.life.call(self.inner.claim(name, owner, time)).await
    }

    async fn renew(&self, lease: &Lease, time: Duration) -> Result<bool, BackendError> {
        self.life.call(self.inner.renew(lease, time)).await
    }

    async fn release(&self, lease: &Lease) -> Result<(), BackendError> {
        self.life.call(self.inner.release(lease)).await
    }

    async fn lease(&self, name: &LeaseName) -> Result<LeaseState, BackendError> {
        self.life.call(self.inner.lease(name)).await
    }
}

#[async_trait]
impl RowStore for Mortal<MemoryStore> {
    async fn prepare(&self, set: &RowSet) -> Result<(), BackendError> {
        self.life.call(self.inner.prepare(set)).await
    }

    async fn remove(&self, set: &RowSet) -> Result<(), BackendError> {
        self.life.call(self.inner.remove(set)).await
    }

    async fn rows(
        &self,
        set: &RowSet,
        wanted: &RowsWanted,
        of: Option<&LeaseName>,
    ) -> Result<RowPage, BackendError> {
        self.life.call(self.inner.rows(set, wanted, of)).await
    }
}

#[async_trait]
impl EventStore for Mortal<MemoryStore> {
    async fn read_stream(
        &self,
        stream: &StreamId,
        from: ReadFrom,
        limit: usize,
    ) -> Result<StreamPage, BackendError> {
        self.life.call(self.inner.read_stream(stream, from, limit)).await
    }

    async fn read_all(
        &self,
        after: Position,
        filter: &Filter,
        limit: usize,
    ) -> Result<FeedPage, BackendError> {
        self.life.call(self.inner.read_all(after, filter, limit)).await
    }

    async fn head(&self) -> Result<Position, BackendError> {
        self.life.call(self.inner.head()).await
    }

    async fn changed(&self, after: Position) -> Result<(), BackendError> {
        self.life.call(self.inner.changed(after)).await
    }

    async fn outcome(&self, of: &DedupKey) -> Result<Option<Committed>, BackendError> {
        self.life.call(self.inner.outcome(of)).await
    }
}

#[async_trait]
impl Outbox for Mortal<MemoryStore> {
    async fn outbox_page(&self, after: Position, limit: usize) -> Result<FeedPage, BackendError> {
        self.life.call(self.inner.outbox_page(after, limit)).await
    }

    async fn outbox_head(&self) -> Result<Position, BackendError> {
        self.life.call(self.inner.outbox_head()).await
    }

    async fn outbox_changed(&self, after: Position) -> Result<(), BackendError> {
        self.life.call(self.inner.outbox_changed(after)).await
    }

    async fn outbox_due(&self, limit: usize) -> Result<Option<DateTime<Utc>>, BackendError> {
        self.life.call(self.inner.outbox_due(limit)).await
    }

    async fn outbox_trim(&self, upto: Position) -> Result<u64, BackendError> {
        self.life.call(self.inner.outbox_trim(upto)).await
    }
}

#[async_trait]
impl Broker for Mortal<MemoryBroker> {
    fn capabilities(&self) -> Capabilities {
        // Each message is a call of its own here, so that a process can die between any two of them.
        Capabilities { is_ordered: false, ..self.inner.capabilities() }
    }

    async fn publish(&self, messages: &[Outbound]) -> Vec<Result<Stored, PublishError>> {
        let mut answers = Vec::new();
        for message in messages {
            let answer = self.life.call(self.inner.publish(std::slice::from_ref(message))).await;
            answers.extend(answer);
        }
        answers
    }

    async fn extent(&self) -> Result<Option<Extent>, PublishError> {
        self.life.call(self.inner.extent()).await
    }
}

#[async_trait]
impl Deliveries for Mortal<MemoryDeliveries> {
    async fn receive(&self, limit: usize) -> Result<Vec<Delivery>, PublishError> {
        self.life.call(self.inner.receive(limit)).await
    }

    async fn settle(&self, tag: u64, how: Settle) -> Result<(), PublishError> {
        self.life.call(self.inner.settle(tag, how)).await
    }
}
