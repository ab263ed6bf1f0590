//! Mutants of S14: what becomes of a stream that was closed.

use std::collections::HashSet;
use std::sync::Mutex;

use freehold::testkit::async_trait;
use freehold::{
    BackendError, Closed, Closing, Commit, CommitError, Conflict, EventName, NewEvent, Parts,
    ReadFrom, RecordedEvent, StreamId, StreamPage, StreamVersion,
};
use tokio::task::yield_now;

use super::flaw::{Answer, Flaw, Inner, commit_of, parts};

/// The name under which a store below that knows nothing of closings is given them.
const PLAIN: &str = "Closed";

/// The parts with closings as plain events.
fn plain(mut parts: Parts) -> Parts {
    for event in parts.appends.iter_mut().flat_map(|append| &mut append.events) {
        if event.closes() {
            let name = EventName::new(PLAIN).unwrap();
            let same = NewEvent::new(event.id(), name, event.data().clone());
            *event = same.with_metadata(event.metadata().clone());
        }
    }
    parts
}

/// A page with plain closings as what they are.
fn shown(mut page: StreamPage) -> StreamPage {
    for event in &mut page.events {
        if event.name().as_str() == PLAIN {
            let name = EventName::new(Closing::NAME).unwrap();
            let same = NewEvent::new(event.id(), name, event.data().clone());
            let at = freehold::Recording {
                stream: event.stream().clone(),
                version: event.version(),
                position: event.position(),
                recorded_at: event.recorded_at(),
            };
            *event = same.with_metadata(event.metadata().clone()).recorded(at);
        }
    }
    page
}

/// The version of a stream whose last event closes it, be it plain.
async fn closed_at(store: &Inner, stream: &StreamId) -> Option<StreamVersion> {
    let page = shown(store.read_stream(stream, ReadFrom::End, 1).await.unwrap());
    page.events.first().filter(|event| event.closes()).map(RecordedEvent::version)
}

/// The first append to a stream that is closed.
async fn late(store: &Inner, parts: &Parts) -> Option<Closed> {
    for append in &parts.appends {
        if let Some(version) = closed_at(store, &append.stream).await {
            return Some(Closed::new(append.stream.clone(), version));
        }
    }
    None
}

/// S14: what closes a stream is an event like any other.
#[derive(Debug, Default)]
pub(super) struct KnowsNothingOfClosings;

#[async_trait]
impl Flaw for KnowsNothingOfClosings {
    async fn commit(&self, store: &Inner, commit: Commit) -> Answer {
        store.commit(commit_of(plain(parts(&commit)?))).await
    }
}

/// S14: an expectation that does not hold is looked at first.
#[derive(Debug, Default)]
pub(super) struct TellsTheConflictFirst;

#[async_trait]
impl Flaw for TellsTheConflictFirst {
    async fn commit(&self, store: &Inner, commit: Commit) -> Answer {
        let parts = parts(&commit)?;
        let answer = store.commit(commit).await;
        let Err(CommitError::Closed(closed)) = &answer else { return answer };
        let append = parts.appends.iter().find(|append| append.stream == *closed.stream()).unwrap();
        if append.expected.admits(closed.version(), None) {
            return answer;
        }
        Err(Conflict::new(append.stream.clone(), append.expected, closed.version()).into())
    }
}

/// S14: the other appends of the commit are good.
#[derive(Debug, Default)]
pub(super) struct WritesBesideTheClosed;

#[async_trait]
impl Flaw for WritesBesideTheClosed {
    async fn commit(&self, store: &Inner, commit: Commit) -> Answer {
        let mut parts = parts(&commit)?;
        let answer = store.commit(commit).await;
        if let Err(CommitError::Closed(closed)) = &answer {
            parts.appends.retain(|append| append.stream != *closed.stream());
            if !parts.appends.is_empty() {
                let _ = store.commit(commit_of(parts)).await;
            }
        }
        answer
    }
}

/// S14: a closed stream is closed to checks, too.
#[derive(Debug, Default)]
pub(super) struct IsClosedToChecks;

#[async_trait]
impl Flaw for IsClosedToChecks {
    async fn commit(&self, store: &Inner, commit: Commit) -> Answer {
        for check in &parts(&commit)?.checks {
            if let Some(version) = closed_at(store, &check.stream).await {
                return Err(Closed::new(check.stream.clone(), version).into());
            }
        }
        store.commit(commit).await
    }
}

/// S14: whether the stream is closed is looked at before the repetition.
#[derive(Debug, Default)]
pub(super) struct TakesTheRepeatedClosingForALateOne;

#[async_trait]
impl Flaw for TakesTheRepeatedClosingForALateOne {
    async fn commit(&self, store: &Inner, commit: Commit) -> Answer {
        match late(store, &parts(&commit)?).await {
            Some(closed) => Err(closed.into()),
            None => store.commit(commit).await,
        }
    }
}

/// S14: it is looked at before the transaction, not in it.
#[derive(Debug, Default)]
pub(super) struct LooksWhetherItIsClosedBeforeItWrites;

#[async_trait]
impl Flaw for LooksWhetherItIsClosedBeforeItWrites {
    async fn commit(&self, store: &Inner, commit: Commit) -> Answer {
        let parts = parts(&commit)?;
        if let Some(closed) = late(store, &parts).await {
            return Err(closed.into());
        }
        yield_now().await;
        store.commit(commit_of(plain(parts))).await
    }

    async fn read_stream(
        &self,
        store: &Inner,
        stream: &StreamId,
        from: ReadFrom,
        limit: usize,
    ) -> Result<StreamPage, BackendError> {
        store.read_stream(stream, from, limit).await.map(shown)
    }
}

/// S14: what is closed is remembered by the handle.
#[derive(Debug, Default)]
pub(super) struct RemembersTheClosedInTheHandle(Mutex<HashSet<StreamId>>);

#[async_trait]
impl Flaw for RemembersTheClosedInTheHandle {
    async fn commit(&self, store: &Inner, commit: Commit) -> Answer {
        let parts = parts(&commit)?;
        if let Some(closed) = late(store, &parts).await
            && self.0.lock().unwrap().contains(closed.stream())
        {
            return Err(closed.into());
        }
        let last = parts.appends.iter().filter(|append| append.closes());
        let over: Vec<_> = last.map(|append| append.stream.clone()).collect();
        let done = store.commit(commit_of(plain(parts))).await?;
        self.0.lock().unwrap().extend(over);
        Ok(done)
    }
}
