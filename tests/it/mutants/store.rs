//! Mutants of S1, S2, S3, S7, S8, S9, S11, S12 and S13: what a commit must do.

use freehold::testkit::async_trait;
use freehold::{
    Commit, CommitError, Committed, Conflict, DedupKey, EventId, EventStoreExt, ExpectedVersion,
    Limits, NewEvent, Parts, Position, Store, StreamVersion, Token,
};
use futures::FutureExt;
use tokio::task::yield_now;

use super::flaw::{Answer, Flaw, Inner, commit_of, failing, nothing_written, parts};

/// S1: each append is a transaction of its own.
#[derive(Debug, Default)]
pub(super) struct AppendsOneByOne;

#[async_trait]
impl Flaw for AppendsOneByOne {
    async fn commit(&self, store: &Inner, commit: Commit) -> Answer {
        let parts = parts(&commit)?;
        let mut last = nothing_written(store).await;
        for append in parts.appends {
            last = store
                .commit(Commit::new().append(&append.stream, append.expected, append.events))
                .await;
            if last.is_err() {
                break;
            }
        }
        last
    }
}

/// S1: all appends will fit, and they are written one by one.
#[derive(Debug, Default)]
pub(super) struct TearsCommits;

#[async_trait]
impl Flaw for TearsCommits {
    async fn commit(&self, store: &Inner, commit: Commit) -> Answer {
        let parts = parts(&commit)?;
        if failing(store, &parts).await.is_some() {
            return store.commit(commit).await;
        }
        let mut last = nothing_written(store).await;
        for append in parts.appends {
            last = store
                .commit(Commit::new().append(&append.stream, append.expected, append.events))
                .await;
            yield_now().await;
        }
        last
    }
}

fn expecting(commit: &Commit, change: impl Fn(ExpectedVersion) -> ExpectedVersion) -> Commit {
    let Ok(mut parts) = parts(commit) else { return commit.clone() };
    for append in &mut parts.appends {
        append.expected = change(append.expected);
    }
    commit_of(parts)
}

/// S2: one form of expectation always holds.
#[derive(Debug, Default)]
pub(super) struct TakesAnyStreamForOneThatExists;

#[async_trait]
impl Flaw for TakesAnyStreamForOneThatExists {
    async fn commit(&self, store: &Inner, commit: Commit) -> Answer {
        let any = |expected| match expected {
            ExpectedVersion::StreamExists => ExpectedVersion::Any,
            other => other,
        };
        store.commit(expecting(&commit, any)).await
    }
}

/// S2: a conflict does not say where the stream is.
#[derive(Debug, Default)]
pub(super) struct HidesTheVersion;

#[async_trait]
impl Flaw for HidesTheVersion {
    async fn commit(&self, store: &Inner, commit: Commit) -> Answer {
        store.commit(commit).await.map_err(|error| match error {
            CommitError::Conflict(c) => {
                Conflict::new(c.stream().clone(), c.expected(), StreamVersion::NONE).into()
            }
            other => other,
        })
    }
}

/// S2: the appends of a refused commit that fit are written all the same.
#[derive(Debug, Default)]
pub(super) struct KeepsTheGoodHalf;

#[async_trait]
impl Flaw for KeepsTheGoodHalf {
    async fn commit(&self, store: &Inner, commit: Commit) -> Answer {
        let answer = store.commit(commit.clone()).await;
        if let Err(CommitError::Conflict(_)) = &answer {
            for append in parts(&commit)?.appends {
                let alone = Commit::new().append(&append.stream, append.expected, append.events);
                let _ = store.commit(alone).await;
            }
        }
        answer
    }
}

/// S2: expectations are looked at before the transaction, not in it.
#[derive(Debug, Default)]
pub(super) struct LooksBeforeItWrites;

#[async_trait]
impl Flaw for LooksBeforeItWrites {
    async fn commit(&self, store: &Inner, commit: Commit) -> Answer {
        let parts = parts(&commit)?;
        if let Some(conflict) = failing(store, &parts).await {
            return Err(conflict.into());
        }
        yield_now().await;
        store.commit(expecting(&commit, |_| ExpectedVersion::Any)).await
    }
}

/// S3: checks are dropped.
#[derive(Debug, Default)]
pub(super) struct ForgetsChecks;

#[async_trait]
impl Flaw for ForgetsChecks {
    async fn commit(&self, store: &Inner, commit: Commit) -> Answer {
        let mut parts = parts(&commit)?;
        parts.checks.clear();
        if parts == Parts::default() {
            return nothing_written(store).await;
        }
        store.commit(commit_of(parts)).await
    }
}

/// S3: a commit that writes nothing is answered without a look at its checks.
#[derive(Debug, Default)]
pub(super) struct SkipsLoneChecks;

#[async_trait]
impl Flaw for SkipsLoneChecks {
    async fn commit(&self, store: &Inner, commit: Commit) -> Answer {
        if !commit.is_empty() && commit.dedup_keys().next().is_none() {
            return nothing_written(store).await;
        }
        store.commit(commit).await
    }
}

/// S3: checks are looked at before the transaction, not in it.
#[derive(Debug, Default)]
pub(super) struct LooksBeforeItChecks;

#[async_trait]
impl Flaw for LooksBeforeItChecks {
    async fn commit(&self, store: &Inner, commit: Commit) -> Answer {
        let parts = parts(&commit)?;
        if let Some(conflict) = failing(store, &parts).await {
            return Err(conflict.into());
        }
        yield_now().await;
        ForgetsChecks.commit(store, commit).await
    }
}

/// S7: nothing to do is nothing wrong.
#[derive(Debug, Default)]
pub(super) struct TakesEmptyCommits;

#[async_trait]
impl Flaw for TakesEmptyCommits {
    async fn commit(&self, store: &Inner, commit: Commit) -> Answer {
        if commit.is_empty() { nothing_written(store).await } else { store.commit(commit).await }
    }
}

/// S8: one kind of part is lost beside another.
#[derive(Debug, Default)]
pub(super) struct DropsKeysBesideChecks;

#[async_trait]
impl Flaw for DropsKeysBesideChecks {
    async fn commit(&self, store: &Inner, commit: Commit) -> Answer {
        let mut parts = parts(&commit)?;
        if !parts.checks.is_empty() {
            parts.inbox = None;
        }
        store.commit(commit_of(parts)).await
    }
}

/// S9: the limits are told and not kept.
#[derive(Debug, Default)]
pub(super) struct KeepsNoLimits;

static TIGHT: Limits = Limits {
    streams_per_commit_max: 5,
    events_per_commit_max: 7,
    bytes_per_event_max: 64,
    messages_per_commit_max: 10_000,
    bytes_per_message_max: 1 << 20,
    bytes_per_commit_max: 128,
    events_per_page_max: 1_000,
    rows_per_commit_max: 10_000,
    bytes_per_row_max: 1 << 20,
    rows_per_page_max: 1_000,
};

impl Flaw for KeepsNoLimits {
    fn limits<'a>(&'a self, _: &'a Inner) -> &'a Limits {
        &TIGHT
    }
}

/// What happens to a commit that is dropped on the way.
struct OnDrop(Option<Box<dyn FnOnce() + Send>>);

impl Drop for OnDrop {
    fn drop(&mut self) {
        if let Some(happens) = self.0.take() {
            happens();
        }
    }
}

async fn commit_or(
    happens: impl FnOnce() + Send + 'static,
    store: &Inner,
    commit: Commit,
) -> Answer {
    let mut on_drop = OnDrop(Some(Box::new(happens)));
    yield_now().await;
    let answer = store.commit(commit).await;
    on_drop.0 = None;
    answer
}

/// S11: what is dropped on the way is half done.
#[derive(Debug, Default)]
pub(super) struct HalvesWhenDropped;

#[async_trait]
impl Flaw for HalvesWhenDropped {
    async fn commit(&self, store: &Inner, commit: Commit) -> Answer {
        let mut half = parts(&commit)?;
        half.appends.truncate(1);
        let (half, of) = (commit_of(half), store.clone());
        // A store in memory is done at the first poll.
        commit_or(move || drop(of.commit(half).now_or_never()), store, commit).await
    }
}

/// S11: what is dropped is begun again by somebody who does not know that it is the same.
#[derive(Debug, Default)]
pub(super) struct RunsDroppedCommitsTwice;

#[async_trait]
impl Flaw for RunsDroppedCommitsTwice {
    async fn commit(&self, store: &Inner, commit: Commit) -> Answer {
        let mut renamed = parts(&commit)?;
        for event in renamed.appends.iter_mut().flat_map(|append| &mut append.events) {
            let id = EventId::of_command(event.id().as_uuid(), 1);
            *event = NewEvent::new(id, event.name().clone(), event.data().clone());
        }
        let (again, of) = (commit_of(renamed), store.clone());
        commit_or(move || drop(of.commit(again).now_or_never()), store, commit).await
    }
}

/// S12: the versions are those before the commit.
#[derive(Debug, Default)]
pub(super) struct TellsVersionsFromZero;

#[async_trait]
impl Flaw for TellsVersionsFromZero {
    async fn commit(&self, store: &Inner, commit: Commit) -> Answer {
        let done = store.commit(commit).await?;
        let before = |version: StreamVersion| StreamVersion::new(version.get().saturating_sub(1));
        let versions = done.versions().iter().map(|(stream, v)| (stream.clone(), before(*v)));
        Ok(Committed::new(versions.collect(), done.positions().cloned(), done.token()))
    }
}

/// S12: a commit without events stands at the start.
#[derive(Debug, Default)]
pub(super) struct StandsAtTheStartWithoutEvents;

#[async_trait]
impl Flaw for StandsAtTheStartWithoutEvents {
    async fn commit(&self, store: &Inner, commit: Commit) -> Answer {
        let done = store.commit(commit).await?;
        if done.positions().is_some() {
            return Ok(done);
        }
        Ok(Committed::new(Vec::new(), None, Token::new(store.identity(), Position::START)))
    }
}

/// S12: the answer tells where the streams are by now.
#[derive(Debug, Default)]
pub(super) struct TellsTheNewestVersion;

#[async_trait]
impl Flaw for TellsTheNewestVersion {
    async fn commit(&self, store: &Inner, commit: Commit) -> Answer {
        let done = store.commit(commit).await?;
        yield_now().await;
        let mut versions = Vec::new();
        for (stream, _) in done.versions() {
            versions.push((stream.clone(), store.version(stream).await?));
        }
        Ok(Committed::new(versions, done.positions().cloned(), done.token()))
    }
}

/// A key of `commit`'s first event.
pub(super) fn first_event(commit: &Commit) -> Option<DedupKey> {
    commit.dedup_keys().find(|key| matches!(key, DedupKey::Event(_)))
}

/// S2: where an event is expected to be the newest, any is taken for it.
#[derive(Debug, Default)]
pub(super) struct TakesAnyEventForTheNewest;

#[async_trait]
impl Flaw for TakesAnyEventForTheNewest {
    async fn commit(&self, store: &Inner, commit: Commit) -> Answer {
        let any = |expected| match expected {
            ExpectedVersion::After(_) => ExpectedVersion::StreamExists,
            other => other,
        };
        store.commit(expecting(&commit, any)).await
    }
}

/// S13: every other commit makes room for those that come after it.
#[derive(Debug, Default)]
pub(super) struct LetsCommitsOvertake(std::sync::atomic::AtomicUsize);

#[async_trait]
impl Flaw for LetsCommitsOvertake {
    async fn commit(&self, store: &Inner, commit: Commit) -> Answer {
        if self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst).is_multiple_of(2) {
            yield_now().await;
        }
        store.commit(commit).await
    }
}
