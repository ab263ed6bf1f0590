//! Mutants of L6 to L8: who moves a checkpoint, from where, and how often.

use freehold::testkit::async_trait;
use freehold::{
    Advance, Commit, CommitError, Epoch, Fenced, InvalidCommit, LeaseName, LeaseState, LogId,
    Parts, Position,
};
use tokio::task::yield_now;
use uuid::Uuid;

use super::flaw::{Answer, as_first};
use super::row_flaw::{Result, RowFlaw, Rows, commit_any, newest, nothing, of_parts, parts};

/// L6: it is enough to know where the checkpoint is.
#[derive(Debug, Default)]
pub(super) struct FencesByTheCheckpointAlone;

#[async_trait]
impl RowFlaw for FencesByTheCheckpointAlone {
    async fn commit(&self, store: &Rows, commit: Commit) -> Answer {
        let mut parts = parts(&commit)?;
        if let Some(advance) = &mut parts.advance {
            advance.lease = newest(store, advance.lease.name()).await?;
        }
        store.commit(of_parts(parts)).await
    }
}

/// L6: it is enough to hold the lease.
#[derive(Debug, Default)]
pub(super) struct FencesByTheEpochAlone;

#[async_trait]
impl RowFlaw for FencesByTheEpochAlone {
    async fn commit(&self, store: &Rows, commit: Commit) -> Answer {
        let mut parts = parts(&commit)?;
        if let Some(advance) = &mut parts.advance {
            let at = store.lease(advance.lease.name()).await?.checkpoint(advance.log);
            advance.from = if at < advance.to { at } else { advance.from };
        }
        store.commit(of_parts(parts)).await
    }
}

/// The part of a fenced commit that `kept` leaves is written all the same.
async fn keep(store: &Rows, commit: Commit, kept: impl FnOnce(Parts) -> Parts) -> Answer {
    let answer = store.commit(commit.clone()).await;
    if let Err(CommitError::Fenced(_)) = &answer {
        let _ = commit_any(store, kept(parts(&commit)?)).await;
    }
    answer
}

/// L6: the fence is around the checkpoint, not around the rows.
#[derive(Debug, Default)]
pub(super) struct WritesRowsOfTheFenced;

#[async_trait]
impl RowFlaw for WritesRowsOfTheFenced {
    async fn commit(&self, store: &Rows, commit: Commit) -> Answer {
        let rows = |mut parts: Parts| {
            (parts.advance, parts.inbox) = (None, None);
            parts.appends.clear();
            parts
        };
        keep(store, commit, rows).await
    }
}

/// L6: the fence is around the rows, not around the events.
#[derive(Debug, Default)]
pub(super) struct WritesEventsOfTheFenced;

#[async_trait]
impl RowFlaw for WritesEventsOfTheFenced {
    async fn commit(&self, store: &Rows, commit: Commit) -> Answer {
        let events = |mut parts: Parts| {
            (parts.advance, parts.inbox) = (None, None);
            parts.rows.clear();
            parts
        };
        keep(store, commit, events).await
    }
}

/// L6: the message of a fenced commit passes for handled.
#[derive(Debug, Default)]
pub(super) struct HandlesWhatItFenced;

#[async_trait]
impl RowFlaw for HandlesWhatItFenced {
    async fn commit(&self, store: &Rows, commit: Commit) -> Answer {
        let inbox = |mut parts: Parts| {
            parts.advance = None;
            parts.appends.clear();
            parts.rows.clear();
            parts
        };
        keep(store, commit, inbox).await
    }
}

/// L6: who is fenced is not told where the lease is.
#[derive(Debug, Default)]
pub(super) struct HidesWhereTheLeaseIs;

#[async_trait]
impl RowFlaw for HidesWhereTheLeaseIs {
    async fn commit(&self, store: &Rows, commit: Commit) -> Answer {
        let advance = parts(&commit)?.advance;
        match (store.commit(commit).await, advance) {
            (Err(CommitError::Fenced(_)), Some(advance)) => {
                Err(Fenced::new(&advance, Epoch::NONE, Position::START).into())
            }
            (answer, _) => answer,
        }
    }
}

async fn fenced<T>(store: &Rows, by: &Advance) -> std::result::Result<T, CommitError> {
    let state = store.lease(by.lease.name()).await?;
    Err(Fenced::new(by, state.epoch, state.checkpoint(by.log)).into())
}

/// L6: an expired lease is nobody's.
#[derive(Debug, Default)]
pub(super) struct FencesByTime;

#[async_trait]
impl RowFlaw for FencesByTime {
    async fn commit(&self, store: &Rows, commit: Commit) -> Answer {
        if let Some(advance) = parts(&commit)?.advance
            && store.lease(advance.lease.name()).await?.holder.is_none()
        {
            return fenced(store, &advance).await;
        }
        store.commit(commit).await
    }
}

/// L6: where the checkpoint is is looked at before the transaction.
#[derive(Debug, Default)]
pub(super) struct LooksBeforeItAdvances;

#[async_trait]
impl RowFlaw for LooksBeforeItAdvances {
    async fn commit(&self, store: &Rows, commit: Commit) -> Answer {
        let mut parts = parts(&commit)?;
        let Some(advance) = &parts.advance else { return store.commit(commit).await };
        let (name, log) = (advance.lease.name().clone(), advance.log);
        let found = store.lease(&name).await?.checkpoint(log) == advance.from;
        yield_now().await;
        let moved = store.lease(&name).await?.checkpoint(log);
        if found && moved != advance.from {
            parts.advance = None;
            return store.commit(of_parts(parts)).await;
        }
        store.commit(commit).await
    }
}

/// L6: whether the epoch is the newest is looked at before the transaction.
#[derive(Debug, Default)]
pub(super) struct LooksAtTheEpochTooEarly;

#[async_trait]
impl RowFlaw for LooksAtTheEpochTooEarly {
    async fn commit(&self, store: &Rows, commit: Commit) -> Answer {
        let mut parts = parts(&commit)?;
        if let Some(advance) = &mut parts.advance {
            let found = newest(store, advance.lease.name()).await?;
            yield_now().await;
            if found == advance.lease {
                advance.lease = newest(store, advance.lease.name()).await?;
            }
        }
        store.commit(of_parts(parts)).await
    }
}

/// L7: a lease has one checkpoint, whatever log it follows.
#[derive(Debug, Default)]
pub(super) struct TakesAllLogsForOne;

#[async_trait]
impl RowFlaw for TakesAllLogsForOne {
    async fn commit(&self, store: &Rows, commit: Commit) -> Answer {
        let mut parts = parts(&commit)?;
        if let Some(advance) = &mut parts.advance {
            advance.log = LogId::new(Uuid::nil());
        }
        store.commit(of_parts(parts)).await
    }
}

/// L7: checkpoints are told in no order.
#[derive(Debug, Default)]
pub(super) struct TellsCheckpointsBackward;

#[async_trait]
impl RowFlaw for TellsCheckpointsBackward {
    async fn lease(&self, store: &Rows, name: &LeaseName) -> Result<LeaseState> {
        let mut state = store.lease(name).await?;
        state.checkpoints.reverse();
        Ok(state)
    }
}

/// L7: a step back is no step.
#[derive(Debug, Default)]
pub(super) struct PassesOverStepsBack;

#[async_trait]
impl RowFlaw for PassesOverStepsBack {
    async fn commit(&self, store: &Rows, commit: Commit) -> Answer {
        match store.commit(commit).await {
            Err(CommitError::Invalid(InvalidCommit::Backward { .. })) => Ok(nothing(store)),
            answer => answer,
        }
    }
}

/// L7: an advance that goes nowhere is taken for none.
#[derive(Debug, Default)]
pub(super) struct TakesGuardsForNothing;

#[async_trait]
impl RowFlaw for TakesGuardsForNothing {
    async fn commit(&self, store: &Rows, commit: Commit) -> Answer {
        let mut parts = parts(&commit)?;
        if parts.advance.as_ref().is_none_or(|advance| advance.from != advance.to) {
            return store.commit(commit).await;
        }
        parts.advance = None;
        store.commit(of_parts(parts)).await
    }
}

/// L8: the checkpoint is not where it was when the commit is repeated.
#[derive(Debug, Default)]
pub(super) struct FencesRepeats;

#[async_trait]
impl RowFlaw for FencesRepeats {
    async fn commit(&self, store: &Rows, commit: Commit) -> Answer {
        let advance = parts(&commit)?.advance;
        match (store.commit(commit).await, advance) {
            (Ok(done), Some(advance)) if done.is_duplicate() => fenced(store, &advance).await,
            (answer, _) => answer,
        }
    }
}

/// L8: the rows of a repetition are written again.
#[derive(Debug, Default)]
pub(super) struct WritesRowsAgain;

#[async_trait]
impl RowFlaw for WritesRowsAgain {
    async fn commit(&self, store: &Rows, commit: Commit) -> Answer {
        let parts = parts(&commit)?;
        let done = store.commit(commit).await?;
        if done.is_duplicate() && !parts.rows.is_empty() {
            store.commit(Commit::new().rows(parts.rows)).await?;
        }
        Ok(done)
    }
}

/// L8: whether it is a repetition is looked up too early.
#[derive(Debug, Default)]
pub(super) struct TakesRacingAdvancesForFirst;

#[async_trait]
impl RowFlaw for TakesRacingAdvancesForFirst {
    async fn commit(&self, store: &Rows, commit: Commit) -> Answer {
        let Some(advance) = parts(&commit)?.advance else { return store.commit(commit).await };
        let found = store.lease(advance.lease.name()).await?.checkpoint(advance.log);
        yield_now().await;
        let done = store.commit(commit).await?;
        Ok(if found == advance.from { as_first(&done) } else { done })
    }
}

/// L8: whoever has the checkpoint where it should be is done.
#[derive(Debug, Default)]
pub(super) struct TakesAnyCommitForTheRepeated;

#[async_trait]
impl RowFlaw for TakesAnyCommitForTheRepeated {
    async fn commit(&self, store: &Rows, commit: Commit) -> Answer {
        let advance = parts(&commit)?.advance;
        match (store.commit(commit).await, advance) {
            (Err(CommitError::Fenced(at)), Some(advance))
                if at.epoch == at.epoch_held && at.checkpoint == advance.to =>
            {
                Ok(nothing(store).as_duplicate())
            }
            (answer, _) => answer,
        }
    }
}

/// L8: events that are recorded are left out, and the checkpoint moves without them.
#[derive(Debug, Default)]
pub(super) struct AdvancesBesideOldEvents;

#[async_trait]
impl RowFlaw for AdvancesBesideOldEvents {
    async fn commit(&self, store: &Rows, commit: Commit) -> Answer {
        match store.commit(commit.clone()).await {
            Err(CommitError::IdReused(_)) => {
                let mut parts = parts(&commit)?;
                parts.appends.clear();
                commit_any(store, parts).await
            }
            answer => answer,
        }
    }
}

/// L8: rows are written first, and the checkpoint is moved if there is still time.
#[derive(Debug, Default)]
pub(super) struct HalvesRowsWhenDropped;

#[async_trait]
impl RowFlaw for HalvesRowsWhenDropped {
    async fn commit(&self, store: &Rows, commit: Commit) -> Answer {
        let parts = parts(&commit)?;
        if parts.advance.is_some() && !parts.rows.is_empty() {
            store.commit(Commit::new().rows(parts.rows)).await?;
            yield_now().await;
        }
        store.commit(commit).await
    }
}
