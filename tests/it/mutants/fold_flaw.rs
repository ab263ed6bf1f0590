//! A store with a flaw in how it folds, made as [`row_flaw`](super::row_flaw) makes a store of rows.

use std::fmt::Debug;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use freehold::testkit::async_trait;
use freehold::testkit::conformance::InlineHarness;
use freehold::{
    Advance, Claim, Commit, CommitError, Committed, DedupKey, EventStore, FeedPage, Filter,
    InlineFold, InlineStore, Inlined, Lease, LeaseName, LeaseState, Leases, Limits, LogId, Owner,
    Position, ReadFrom, RecordedEvent, RowPage, RowSet, RowStore, RowsWanted, Store, StreamId,
    StreamPage,
};

use super::flaw::Answer;
use super::row_flaw::Result;
use crate::testkit::harness::InMemory;

pub(super) type Folds = Arc<dyn InlineStore>;
pub(super) type Fold = Arc<dyn InlineFold>;

/// What is wrong with a store that folds. What a flaw does not override is right.
#[async_trait]
pub(super) trait FoldFlaw: Debug + Default + Send + Sync + 'static {
    async fn commit(&self, store: &Folds, commit: Commit) -> Answer {
        store.commit(commit).await
    }

    /// Where it keeps the folds that it was given, if it uses them itself.
    fn kept(&self) -> Option<&Kept> {
        None
    }

    async fn inline(&self, store: &Folds, fold: Fold) -> std::result::Result<Inlined, CommitError> {
        if let Some(kept) = self.kept() {
            kept.lock().unwrap().push(Arc::clone(&fold));
        }
        store.inline(fold).await
    }

    async fn detach(&self, store: &Folds, fold: &LeaseName) -> Result<()> {
        store.detach(fold).await
    }

    async fn claim(
        &self,
        store: &Folds,
        name: &LeaseName,
        owner: Owner,
        time: Duration,
    ) -> Result<Claim> {
        store.claim(name, owner, time).await
    }

    async fn lease(&self, store: &Folds, name: &LeaseName) -> Result<LeaseState> {
        store.lease(name).await
    }

    async fn rows(
        &self,
        store: &Folds,
        set: &RowSet,
        wanted: &RowsWanted,
        of: Option<&LeaseName>,
    ) -> Result<RowPage> {
        store.rows(set, wanted, of).await
    }
}

#[derive(Debug)]
struct Mutant<F> {
    inner: Folds,
    flaw: F,
}

#[async_trait]
impl<F: FoldFlaw> Store for Mutant<F> {
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
impl<F: FoldFlaw> EventStore for Mutant<F> {
    async fn read_stream(
        &self,
        stream: &StreamId,
        from: ReadFrom,
        limit: usize,
    ) -> Result<StreamPage> {
        self.inner.read_stream(stream, from, limit).await
    }

    async fn read_all(&self, after: Position, filter: &Filter, limit: usize) -> Result<FeedPage> {
        self.inner.read_all(after, filter, limit).await
    }

    async fn head(&self) -> Result<Position> {
        self.inner.head().await
    }

    async fn changed(&self, after: Position) -> Result<()> {
        self.inner.changed(after).await
    }

    async fn outcome(&self, of: &DedupKey) -> Result<Option<Committed>> {
        self.inner.outcome(of).await
    }
}

#[async_trait]
impl<F: FoldFlaw> Leases for Mutant<F> {
    async fn claim(&self, name: &LeaseName, owner: Owner, time: Duration) -> Result<Claim> {
        self.flaw.claim(&self.inner, name, owner, time).await
    }

    async fn renew(&self, lease: &Lease, time: Duration) -> Result<bool> {
        self.inner.renew(lease, time).await
    }

    async fn release(&self, lease: &Lease) -> Result<()> {
        self.inner.release(lease).await
    }

    async fn lease(&self, name: &LeaseName) -> Result<LeaseState> {
        self.flaw.lease(&self.inner, name).await
    }
}

#[async_trait]
impl<F: FoldFlaw> RowStore for Mutant<F> {
    async fn prepare(&self, set: &RowSet) -> Result<()> {
        self.inner.prepare(set).await
    }

    async fn remove(&self, set: &RowSet) -> Result<()> {
        self.inner.remove(set).await
    }

    async fn rows(
        &self,
        set: &RowSet,
        wanted: &RowsWanted,
        of: Option<&LeaseName>,
    ) -> Result<RowPage> {
        self.flaw.rows(&self.inner, set, wanted, of).await
    }
}

#[async_trait]
impl<F: FoldFlaw> InlineStore for Mutant<F> {
    async fn inline(&self, fold: Fold) -> std::result::Result<Inlined, CommitError> {
        self.flaw.inline(&self.inner, fold).await
    }

    async fn detach(&self, fold: &LeaseName) -> Result<()> {
        self.flaw.detach(&self.inner, fold).await
    }
}

/// Opens good logs, each handle with a flaw of its own.
#[derive(Default)]
pub(super) struct FlawedFolds<F> {
    logs: InMemory,
    flaw: PhantomData<fn() -> F>,
}

#[async_trait]
impl<F: FoldFlaw> InlineHarness for FlawedFolds<F> {
    async fn open(&self, log: &str) -> Folds {
        Arc::new(Mutant { inner: Arc::new(self.logs.log(log)), flaw: F::default() })
    }
}

/// The folds that a handle keeps to itself.
pub(super) type Kept = Mutex<Vec<Fold>>;

/// The folds that are kept, to be used without the lock.
pub(super) fn all(kept: &Kept) -> Vec<Fold> {
    kept.lock().unwrap().clone()
}

/// Folds events behind the commit, as whoever follows the feed would.
pub(super) async fn fold_behind(store: &Folds, fold: &Fold, events: &[RecordedEvent]) -> Answer {
    let is_wanted = |event: &&RecordedEvent| fold.filter().admits(event.stream().category());
    let events: Vec<_> = events.iter().filter(is_wanted).cloned().collect();
    let folding = fold.begin(&events).unwrap();
    let mut before = Vec::new();
    for wanted in folding.wanted() {
        let wanted = match wanted.clone() {
            RowsWanted::Page { prefix, after, .. } => {
                RowsWanted::Page { prefix, after, limit: usize::MAX }
            }
            keys => keys,
        };
        before.extend(store.rows(fold.set(), &wanted, None).await?.rows);
    }
    let rows = folding.fold(before).unwrap();
    store.commit(Commit::new().rows(rows)).await
}

/// The events of a commit as the log holds them.
pub(super) async fn events_of(store: &Folds, done: &Committed) -> Result<Vec<RecordedEvent>> {
    let Some(at) = done.positions() else { return Ok(Vec::new()) };
    let after = Position::new(at.start().get() - 1);
    let events = usize::try_from(at.end().get() - after.get()).unwrap();
    Ok(store.read_all(after, &Filter::all(), events).await?.events)
}

/// All events after a position.
pub(super) async fn events_after(store: &Folds, after: Position) -> Result<Vec<RecordedEvent>> {
    let (mut after, mut events) = (after, Vec::new());
    loop {
        let page = store.read_all(after, &Filter::all(), usize::MAX).await?;
        after = page.upto;
        events.extend(page.events);
        if !page.has_more {
            return Ok(events);
        }
    }
}

/// Moves the checkpoint of a fold to the end of the log, whoever holds its lease.
pub(super) async fn skip(store: &Folds, name: &LeaseName) -> Answer {
    drop(store.claim(name, Owner::new(uuid::Uuid::max()), Duration::ZERO).await?);
    let state = store.lease(name).await?;
    let (log, head) = (store.identity(), store.head().await?);
    let lease = Lease::new(name.clone(), state.epoch);
    let to = Advance::new(lease, log, state.checkpoint(log), head);
    store.commit(Commit::new().advance(to)).await
}
