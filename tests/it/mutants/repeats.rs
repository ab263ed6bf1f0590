//! Mutants of S4, S5, S6 and S10: what a store must remember.

use std::sync::Arc;

use freehold::backend::memory::MemoryStore;
use freehold::testkit::async_trait;
use freehold::testkit::conformance::Harness;
use freehold::{
    Commit, CommitError, Conflict, DedupKey, EventStore, ExpectedVersion, InboxKey, Store,
    StreamVersion,
};
use tokio::task::yield_now;

use super::flaw::{Answer, Flaw, Inner, as_first, commit_of, failing, nothing_written, parts};
use super::store::first_event;

/// S4: a repetition meets the stream that it has moved itself.
#[derive(Debug, Default)]
pub(super) struct AnswersRepeatsWithConflict;

#[async_trait]
impl Flaw for AnswersRepeatsWithConflict {
    async fn commit(&self, store: &Inner, commit: Commit) -> Answer {
        let done = store.commit(commit).await?;
        match done.versions().first() {
            Some((stream, at)) if done.is_duplicate() => {
                let expected = ExpectedVersion::Exact(StreamVersion::NONE);
                Err(Conflict::new(stream.clone(), expected, *at).into())
            }
            _ => Ok(done),
        }
    }
}

/// S4: expectations come before repetitions.
#[derive(Debug, Default)]
pub(super) struct RepeatsMustFit;

#[async_trait]
impl Flaw for RepeatsMustFit {
    async fn commit(&self, store: &Inner, commit: Commit) -> Answer {
        match failing(store, &parts(&commit)?).await {
            Some(conflict) => Err(conflict.into()),
            None => store.commit(commit).await,
        }
    }
}

/// S4: whether it is a repetition is looked up too early.
#[derive(Debug, Default)]
pub(super) struct TakesRacingRepeatsForFirst;

#[async_trait]
impl Flaw for TakesRacingRepeatsForFirst {
    async fn commit(&self, store: &Inner, commit: Commit) -> Answer {
        let known = match first_event(&commit) {
            Some(key) => store.outcome(&key).await?.is_some(),
            None => true,
        };
        yield_now().await;
        let done = store.commit(commit).await?;
        Ok(if known { done } else { as_first(&done) })
    }
}

/// S5: who has the id has the event.
#[derive(Debug, Default)]
pub(super) struct TrustsIds;

#[async_trait]
impl Flaw for TrustsIds {
    async fn commit(&self, store: &Inner, commit: Commit) -> Answer {
        match store.commit(commit).await {
            Err(CommitError::IdReused(id)) => match store.outcome(&DedupKey::Event(id)).await? {
                Some(recorded) => Ok(recorded.as_duplicate()),
                None => Err(CommitError::IdReused(id)),
            },
            answer => answer,
        }
    }
}

/// S5: an id is known wherever it is.
#[derive(Debug, Default)]
pub(super) struct OverlooksTheStream;

#[async_trait]
impl Flaw for OverlooksTheStream {
    async fn commit(&self, store: &Inner, commit: Commit) -> Answer {
        let streams = parts(&commit)?.appends.into_iter().map(|append| append.stream);
        let streams: Vec<_> = streams.collect();
        match store.commit(commit).await {
            Err(CommitError::IdReused(id)) => match store.outcome(&DedupKey::Event(id)).await? {
                Some(at) if at.versions().iter().any(|(stream, _)| !streams.contains(stream)) => {
                    Ok(at.as_duplicate())
                }
                _ => Err(CommitError::IdReused(id)),
            },
            answer => answer,
        }
    }
}

/// S5: what is recorded is left out, and the rest is written.
#[derive(Debug, Default)]
pub(super) struct WritesTheRest;

#[async_trait]
impl Flaw for WritesTheRest {
    async fn commit(&self, store: &Inner, commit: Commit) -> Answer {
        let answer = store.commit(commit.clone()).await;
        let Err(CommitError::IdReused(_)) = &answer else { return answer };
        let mut parts = parts(&commit)?;
        for append in &mut parts.appends {
            let mut fresh = Vec::new();
            for event in append.events.drain(..) {
                if store.outcome(&DedupKey::Event(event.id())).await?.is_none() {
                    fresh.push(event);
                }
            }
            append.events = fresh;
        }
        parts.appends.retain(|append| !append.events.is_empty());
        if parts.appends.is_empty() { answer } else { store.commit(commit_of(parts)).await }
    }
}

/// S6: messages are not remembered.
#[derive(Debug, Default)]
pub(super) struct DropsInboxKeys;

#[async_trait]
impl Flaw for DropsInboxKeys {
    async fn commit(&self, store: &Inner, commit: Commit) -> Answer {
        let mut parts = parts(&commit)?;
        parts.inbox = None;
        if parts.appends.is_empty() && parts.checks.is_empty() {
            return nothing_written(store).await;
        }
        store.commit(commit_of(parts)).await
    }
}

/// S6: a message that led to nothing was nothing.
#[derive(Debug, Default)]
pub(super) struct DropsKeysWithoutEvents;

#[async_trait]
impl Flaw for DropsKeysWithoutEvents {
    async fn commit(&self, store: &Inner, commit: Commit) -> Answer {
        let eventless = !commit.is_empty() && first_event(&commit).is_none();
        if eventless { nothing_written(store).await } else { store.commit(commit).await }
    }
}

/// S6: whether a message was handled is looked up before the transaction, and noted after it.
#[derive(Debug, Default)]
pub(super) struct HandlesRacingDeliveriesTwice;

#[async_trait]
impl Flaw for HandlesRacingDeliveriesTwice {
    async fn commit(&self, store: &Inner, commit: Commit) -> Answer {
        let mut parts = parts(&commit)?;
        let Some(key) = parts.inbox.take().filter(|_| !parts.appends.is_empty()) else {
            return store.commit(commit).await;
        };
        if store.outcome(&DedupKey::Inbox(key.clone())).await?.is_some() {
            return store.commit(commit).await;
        }
        yield_now().await;
        let done = store.commit(commit_of(parts)).await?;
        store.commit(Commit::new().inbox(key)).await?;
        Ok(done)
    }
}

/// S6: two consumers of one message are one.
#[derive(Debug, Default)]
pub(super) struct ConfusesConsumers;

#[async_trait]
impl Flaw for ConfusesConsumers {
    async fn commit(&self, store: &Inner, commit: Commit) -> Answer {
        let mut parts = parts(&commit)?;
        parts.inbox = parts.inbox.map(|key| InboxKey::new("everybody", key.message()).unwrap());
        store.commit(commit_of(parts)).await
    }

    async fn outcome(
        &self,
        store: &Inner,
        of: &DedupKey,
    ) -> Result<Option<freehold::Committed>, freehold::BackendError> {
        match of {
            DedupKey::Inbox(key) => {
                let key = InboxKey::new("everybody", key.message()).unwrap();
                store.outcome(&DedupKey::Inbox(key)).await
            }
            other => store.outcome(other).await,
        }
    }
}

/// S6: a message is noted even if its commit is refused.
#[derive(Debug, Default)]
pub(super) struct HandlesWhatItRefused;

#[async_trait]
impl Flaw for HandlesWhatItRefused {
    async fn commit(&self, store: &Inner, commit: Commit) -> Answer {
        let answer = store.commit(commit.clone()).await;
        if let (Err(CommitError::Conflict(_)), Some(key)) = (&answer, parts(&commit)?.inbox) {
            store.commit(Commit::new().inbox(key)).await?;
        }
        answer
    }
}

/// S10: what was not flushed is gone.
#[derive(Default)]
pub(super) struct ForgetsOnReopen;

#[async_trait]
impl Harness for ForgetsOnReopen {
    async fn open(&self, _: &str) -> Arc<dyn EventStore> {
        Arc::new(MemoryStore::new())
    }
}
