//! Mutants that break the promises of folds within the append.

use std::error::Error;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use freehold::testkit::async_trait;
use freehold::{
    Claim, Commit, CommitError, Epoch, Filter, Folding, InlineFold, Inlined, Lease, LeaseName,
    LeaseState, Owner, Position, RecordedEvent, Recording, RowPage, RowSet, RowsWanted,
};
use tokio::task::yield_now;

use super::flaw::Answer;
use super::fold_flaw::{
    Fold, FoldFlaw, Folds, Kept, all, events_after, events_of, fold_behind, skip,
};
use super::row_flaw::{Result, of_parts, parts};

type Asked = std::result::Result<Inlined, CommitError>;

/// What a fold is made of the events it is given.
type Twist = Arc<dyn Fn(&[RecordedEvent]) -> Vec<RecordedEvent> + Send + Sync>;

/// A fold that sees other events than there are.
struct Twisted(Fold, Twist);

impl std::fmt::Debug for Twisted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Twisted").field(&self.0).finish()
    }
}

impl InlineFold for Twisted {
    fn name(&self) -> &LeaseName {
        self.0.name()
    }

    fn set(&self) -> &RowSet {
        self.0.set()
    }

    fn filter(&self) -> &Filter {
        self.0.filter()
    }

    fn begin<'e>(
        &'e self,
        events: &'e [RecordedEvent],
    ) -> std::result::Result<Folding<'e>, Box<dyn Error + Send + Sync>> {
        let events = (self.1)(events);
        let wanted = self.0.begin(&events)?.wanted().to_vec();
        Ok(Folding::new(wanted, move |before| self.0.begin(&events)?.fold(before)))
    }
}

#[derive(Debug, Default)]
pub(super) struct FoldsRepeats(Kept);

#[async_trait]
impl FoldFlaw for FoldsRepeats {
    async fn commit(&self, store: &Folds, commit: Commit) -> Answer {
        let done = store.commit(commit).await?;
        if done.is_duplicate() {
            for fold in all(&self.0) {
                fold_behind(store, &fold, &events_of(store, &done).await?).await?;
            }
        }
        Ok(done)
    }

    fn kept(&self) -> Option<&Kept> {
        Some(&self.0)
    }
}

#[derive(Debug, Default)]
pub(super) struct FoldsTheRefused(Kept);

#[async_trait]
impl FoldFlaw for FoldsTheRefused {
    async fn commit(&self, store: &Folds, commit: Commit) -> Answer {
        let asked = parts(&commit);
        let answer = store.commit(commit).await;
        if let (Err(CommitError::Conflict(_)), Ok(parts)) = (&answer, asked) {
            let at = |stream: &freehold::StreamId| Recording {
                stream: stream.clone(),
                version: freehold::StreamVersion::new(1),
                position: Position::new(1),
                recorded_at: chrono::DateTime::default(),
            };
            let events = parts.events().map(|(stream, event)| event.clone().recorded(at(stream)));
            let events: Vec<_> = events.collect();
            for fold in all(&self.0) {
                fold_behind(store, &fold, &events).await?;
            }
        }
        answer
    }

    fn kept(&self) -> Option<&Kept> {
        Some(&self.0)
    }
}

/// Folds after the commit, in an order of its own, what its own handle writes.
#[derive(Debug, Default)]
pub(super) struct FoldsBehindTheCommit(Kept);

#[async_trait]
impl FoldFlaw for FoldsBehindTheCommit {
    async fn commit(&self, store: &Folds, commit: Commit) -> Answer {
        let done = store.commit(commit).await?;
        let events = events_of(store, &done).await?;
        for fold in all(&self.0) {
            for _ in 0..=done.token().position().get() % 3 {
                yield_now().await;
            }
            fold_behind(store, &fold, &events).await?;
        }
        Ok(done)
    }

    async fn inline(&self, store: &Folds, fold: Fold) -> Asked {
        let inlined = store.inline(Arc::clone(&fold)).await?;
        store.detach(fold.name()).await?;
        self.0.lock().unwrap().push(fold);
        Ok(inlined)
    }
}

#[derive(Debug, Default)]
pub(super) struct ForgetsWhatWasThere;

#[async_trait]
impl FoldFlaw for ForgetsWhatWasThere {
    async fn inline(&self, store: &Folds, fold: Fold) -> Asked {
        skip(store, fold.name()).await?;
        store.inline(fold).await
    }
}

#[derive(Debug, Default)]
pub(super) struct FoldsFromTheFirstEvent;

#[async_trait]
impl FoldFlaw for FoldsFromTheFirstEvent {
    async fn inline(&self, store: &Folds, fold: Fold) -> Asked {
        fold_behind(store, &fold, &events_after(store, Position::START).await?).await?;
        skip(store, fold.name()).await?;
        store.inline(fold).await
    }
}

#[derive(Debug, Default)]
pub(super) struct FoldsOneEventACommit;

#[async_trait]
impl FoldFlaw for FoldsOneEventACommit {
    async fn inline(&self, store: &Folds, fold: Fold) -> Asked {
        let first: Twist = Arc::new(|events| events.iter().take(1).cloned().collect());
        store.inline(Arc::new(Twisted(fold, first))).await
    }
}

#[derive(Debug, Default)]
pub(super) struct KeepsTheLastFold(Mutex<Option<LeaseName>>);

#[async_trait]
impl FoldFlaw for KeepsTheLastFold {
    async fn inline(&self, store: &Folds, fold: Fold) -> Asked {
        let last = self.0.lock().unwrap().replace(fold.name().clone());
        if let Some(last) = last.filter(|last| last != fold.name()) {
            store.detach(&last).await?;
        }
        store.inline(fold).await
    }
}

/// Reads the log, and later begins to fold, as if nobody wrote meanwhile.
#[derive(Debug, Default)]
pub(super) struct LooksBeforeItHoldsOut;

#[async_trait]
impl FoldFlaw for LooksBeforeItHoldsOut {
    async fn inline(&self, store: &Folds, fold: Fold) -> Asked {
        let events = events_after(store, Position::START).await?;
        if !events.is_empty() {
            fold_behind(store, &fold, &events).await?;
        }
        for _ in 0..5 {
            yield_now().await;
        }
        skip(store, fold.name()).await?;
        store.inline(fold).await
    }
}

#[derive(Debug, Default)]
pub(super) struct FoldsBackward;

#[async_trait]
impl FoldFlaw for FoldsBackward {
    async fn inline(&self, store: &Folds, fold: Fold) -> Asked {
        let backward: Twist = Arc::new(|events| events.iter().rev().cloned().collect());
        store.inline(Arc::new(Twisted(fold, backward))).await
    }
}

#[derive(Debug, Default)]
pub(super) struct RecordsWhatCannotBeFolded;

#[async_trait]
impl FoldFlaw for RecordsWhatCannotBeFolded {
    async fn inline(&self, store: &Folds, fold: Fold) -> Asked {
        let inner = Arc::clone(&fold);
        let good: Twist = Arc::new(move |events| match inner.begin(events) {
            Ok(_) => events.to_vec(),
            Err(_) => Vec::new(),
        });
        store.inline(Arc::new(Twisted(fold, good))).await
    }
}

#[derive(Debug, Default)]
pub(super) struct StopsAtWhatCannotBeFolded(Mutex<Option<CommitError>>);

#[async_trait]
impl FoldFlaw for StopsAtWhatCannotBeFolded {
    async fn commit(&self, store: &Folds, commit: Commit) -> Answer {
        if let Some(error) = &*self.0.lock().unwrap() {
            return Err(error.clone());
        }
        let answer = store.commit(commit).await;
        if let Err(error @ CommitError::Unfoldable(_)) = &answer {
            *self.0.lock().unwrap() = Some(error.clone());
        }
        answer
    }
}

#[derive(Debug, Default)]
pub(super) struct GrantsTheLeaseOfAFold;

#[async_trait]
impl FoldFlaw for GrantsTheLeaseOfAFold {
    async fn claim(
        &self,
        store: &Folds,
        name: &LeaseName,
        owner: Owner,
        time: Duration,
    ) -> Result<Claim> {
        match store.claim(name, owner, time).await? {
            Claim::Held { by, .. } if by == Owner::STORE => {
                let epoch = store.lease(name).await?.epoch;
                Ok(Claim::Granted(Lease::new(name.clone(), Epoch::new(epoch.get() + 1))))
            }
            claim => Ok(claim),
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct LetsJobsGoOn;

#[async_trait]
impl FoldFlaw for LetsJobsGoOn {
    async fn commit(&self, store: &Folds, commit: Commit) -> Answer {
        let mut asked = parts(&commit)?;
        match store.commit(commit).await {
            Err(CommitError::Fenced(_)) => {
                asked.advance = None;
                store.commit(of_parts(asked)).await
            }
            answer => answer,
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct LeavesTheCheckpointWhereItBegan(Mutex<Option<LeaseState>>);

#[async_trait]
impl FoldFlaw for LeavesTheCheckpointWhereItBegan {
    async fn lease(&self, store: &Folds, name: &LeaseName) -> Result<LeaseState> {
        let state = store.lease(name).await?;
        Ok(self.0.lock().unwrap().get_or_insert(state).clone())
    }
}

#[derive(Debug, Default)]
pub(super) struct TellsNoCheckpointBesideRows;

#[async_trait]
impl FoldFlaw for TellsNoCheckpointBesideRows {
    async fn rows(
        &self,
        store: &Folds,
        set: &RowSet,
        wanted: &RowsWanted,
        _: Option<&LeaseName>,
    ) -> Result<RowPage> {
        store.rows(set, wanted, None).await
    }
}

#[derive(Debug, Default)]
pub(super) struct HoldsOutForAnyTime;

#[async_trait]
impl FoldFlaw for HoldsOutForAnyTime {
    async fn inline(&self, store: &Folds, fold: Fold) -> Asked {
        match store.inline(Arc::clone(&fold)).await? {
            Inlined::Behind { at } => {
                fold_behind(store, &fold, &events_after(store, at).await?).await?;
                skip(store, fold.name()).await?;
                store.inline(fold).await
            }
            inlined => Ok(inlined),
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct DetachesNothing;

#[async_trait]
impl FoldFlaw for DetachesNothing {
    async fn detach(&self, _: &Folds, _: &LeaseName) -> Result<()> {
        Ok(())
    }
}

#[derive(Debug, Default)]
pub(super) struct DetachesTheRows(Kept);

#[async_trait]
impl FoldFlaw for DetachesTheRows {
    fn kept(&self) -> Option<&Kept> {
        Some(&self.0)
    }

    async fn detach(&self, store: &Folds, name: &LeaseName) -> Result<()> {
        store.detach(name).await?;
        for fold in all(&self.0).iter().filter(|fold| fold.name() == name) {
            store.remove(fold.set()).await?;
            store.prepare(fold.set()).await?;
        }
        Ok(())
    }
}

#[derive(Debug, Default)]
pub(super) struct KeepsTheLeaseOfTheDetached(AtomicBool);

#[async_trait]
impl FoldFlaw for KeepsTheLeaseOfTheDetached {
    async fn detach(&self, store: &Folds, name: &LeaseName) -> Result<()> {
        self.0.store(true, Relaxed);
        store.detach(name).await
    }

    async fn claim(
        &self,
        store: &Folds,
        name: &LeaseName,
        owner: Owner,
        time: Duration,
    ) -> Result<Claim> {
        if self.0.load(Relaxed) {
            return Ok(Claim::Held { by: Owner::STORE, expires_in: time });
        }
        store.claim(name, owner, time).await
    }
}

#[derive(Debug, Default)]
pub(super) struct DetachesAll(Kept);

#[async_trait]
impl FoldFlaw for DetachesAll {
    fn kept(&self) -> Option<&Kept> {
        Some(&self.0)
    }

    async fn detach(&self, store: &Folds, _: &LeaseName) -> Result<()> {
        for fold in all(&self.0) {
            store.detach(fold.name()).await?;
        }
        Ok(())
    }
}
