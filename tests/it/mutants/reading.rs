//! Mutants of E1, E2, E3, E9 and E10: what a reader of streams and outcomes must get.

use std::collections::HashSet;
use std::sync::Mutex;

use freehold::testkit::async_trait;
use freehold::{
    BackendError, Commit, Committed, DedupKey, EventStore, FeedPage, Filter, Limits, LogId,
    NewEvent, Position, ReadFrom, Store, StreamId, StreamPage, StreamVersion, Token,
};
use uuid::Uuid;

use super::flaw::{Answer, Flaw, Inner, commit_of, nothing_written, parts, restated};

/// E1: a column of JSON keeps the value, not the bytes.
#[derive(Debug, Default)]
pub(super) struct TidiesJson;

#[async_trait]
impl Flaw for TidiesJson {
    async fn commit(&self, store: &Inner, commit: Commit) -> Answer {
        let mut parts = parts(&commit)?;
        for event in parts.appends.iter_mut().flat_map(|append| &mut append.events) {
            if let Ok(json) = serde_json::from_slice::<serde_json::Value>(event.data()) {
                let tidy = NewEvent::new(event.id(), event.name().clone(), json.to_string());
                *event = tidy.with_metadata(event.metadata().clone());
            }
        }
        store.commit(commit_of(parts)).await
    }
}

/// E1: a collation that does not tell upper from lower case.
#[derive(Debug, Default)]
pub(super) struct IgnoresCase;

fn lower(stream: &StreamId) -> StreamId {
    StreamId::new(stream.category(), stream.id().to_lowercase()).unwrap()
}

#[async_trait]
impl Flaw for IgnoresCase {
    async fn commit(&self, store: &Inner, commit: Commit) -> Answer {
        let mut parts = parts(&commit)?;
        for append in &mut parts.appends {
            append.stream = lower(&append.stream);
        }
        store.commit(commit_of(parts)).await
    }

    async fn read_stream(
        &self,
        store: &Inner,
        stream: &StreamId,
        from: ReadFrom,
        limit: usize,
    ) -> Result<StreamPage, BackendError> {
        store.read_stream(&lower(stream), from, limit).await
    }
}

/// E1: the first version is 0.
#[derive(Debug, Default)]
pub(super) struct CountsFromZero;

#[async_trait]
impl Flaw for CountsFromZero {
    async fn read_stream(
        &self,
        store: &Inner,
        stream: &StreamId,
        from: ReadFrom,
        limit: usize,
    ) -> Result<StreamPage, BackendError> {
        let mut page = store.read_stream(stream, from, limit).await?;
        for event in &mut page.events {
            *event = restated(event, |at| at.version = StreamVersion::new(at.version.get() - 1));
        }
        Ok(page)
    }
}

/// E2: before a version is up to that version.
#[derive(Debug, Default)]
pub(super) struct IncludesTheEdge;

#[async_trait]
impl Flaw for IncludesTheEdge {
    async fn read_stream(
        &self,
        store: &Inner,
        stream: &StreamId,
        from: ReadFrom,
        limit: usize,
    ) -> Result<StreamPage, BackendError> {
        let from = match from {
            ReadFrom::Before(version) => ReadFrom::Before(version.plus(1)),
            other => other,
        };
        store.read_stream(stream, from, limit).await
    }
}

/// E2: of nothing there is always more.
#[derive(Debug, Default)]
pub(super) struct PromisesMoreOfNothing;

#[async_trait]
impl Flaw for PromisesMoreOfNothing {
    async fn read_stream(
        &self,
        store: &Inner,
        stream: &StreamId,
        from: ReadFrom,
        limit: usize,
    ) -> Result<StreamPage, BackendError> {
        let page = store.read_stream(stream, from, limit).await?;
        let has_more = page.has_more || page.events.is_empty();
        Ok(StreamPage::new(page.events, has_more))
    }
}

/// E3: a full page is taken for one of several.
#[derive(Debug, Default)]
pub(super) struct TakesAFullPageForOneOfSeveral;

#[async_trait]
impl Flaw for TakesAFullPageForOneOfSeveral {
    async fn read_stream(
        &self,
        store: &Inner,
        stream: &StreamId,
        from: ReadFrom,
        limit: usize,
    ) -> Result<StreamPage, BackendError> {
        let page = store.read_stream(stream, from, limit).await?;
        let has_more = page.events.len() == limit;
        Ok(StreamPage::new(page.events, has_more))
    }
}

/// E3: the feed ends with every page.
#[derive(Debug, Default)]
pub(super) struct NeverSaysMore;

#[async_trait]
impl Flaw for NeverSaysMore {
    async fn read_all(
        &self,
        store: &Inner,
        after: Position,
        filter: &Filter,
        limit: usize,
    ) -> Result<FeedPage, BackendError> {
        let page = store.read_all(after, filter, limit).await?;
        Ok(FeedPage::new(page.events, page.upto, false))
    }
}

/// E3: the limit of a page is told and not kept.
#[derive(Debug, Default)]
pub(super) struct KeepsNoPageLimit;

static SHORT: Limits = Limits {
    streams_per_commit_max: 10_000,
    events_per_commit_max: 10_000,
    bytes_per_event_max: 1 << 20,
    messages_per_commit_max: 10_000,
    bytes_per_message_max: 1 << 20,
    bytes_per_commit_max: 16 << 20,
    events_per_page_max: 10,
    rows_per_commit_max: 10_000,
    bytes_per_row_max: 1 << 20,
    rows_per_page_max: 1_000,
};

impl Flaw for KeepsNoPageLimit {
    fn limits<'a>(&'a self, _: &'a Inner) -> &'a Limits {
        &SHORT
    }
}

/// E9: an event in the middle of a commit is not found.
#[derive(Debug, Default)]
pub(super) struct FindsOddVersions;

#[async_trait]
impl Flaw for FindsOddVersions {
    async fn outcome(
        &self,
        store: &Inner,
        of: &DedupKey,
    ) -> Result<Option<Committed>, BackendError> {
        let known = store.outcome(of).await?;
        let odd = |known: &Committed| known.versions().iter().any(|(_, v)| v.get() % 2 == 1);
        Ok(known.filter(|known| matches!(of, DedupKey::Inbox(_)) || odd(known)))
    }
}

/// E9: a message is answered with where the log is by now.
#[derive(Debug, Default)]
pub(super) struct AnswersMessagesFromNow;

#[async_trait]
impl Flaw for AnswersMessagesFromNow {
    async fn outcome(
        &self,
        store: &Inner,
        of: &DedupKey,
    ) -> Result<Option<Committed>, BackendError> {
        let known = store.outcome(of).await?;
        let now = Token::new(store.identity(), store.head().await?);
        Ok(known.map(|known| match of {
            DedupKey::Inbox(_) => {
                Committed::new(known.versions().to_vec(), known.positions().cloned(), now)
            }
            _ => known,
        }))
    }
}

/// E9: what was refused is remembered as if it had happened.
#[derive(Debug, Default)]
pub(super) struct RemembersRefusals(Mutex<HashSet<DedupKey>>);

#[async_trait]
impl Flaw for RemembersRefusals {
    async fn commit(&self, store: &Inner, commit: Commit) -> Answer {
        let keys: Vec<_> = commit.dedup_keys().collect();
        let answer = store.commit(commit).await;
        if answer.is_err() {
            self.0.lock().unwrap().extend(keys);
        }
        answer
    }

    async fn outcome(
        &self,
        store: &Inner,
        of: &DedupKey,
    ) -> Result<Option<Committed>, BackendError> {
        let refused = self.0.lock().unwrap().contains(of);
        match store.outcome(of).await? {
            None if refused => Ok(nothing_written(store).await.ok()),
            known => Ok(known),
        }
    }
}

/// E10: the identity is the handle's.
#[derive(Debug)]
pub(super) struct NamesTheHandle(LogId);

impl Default for NamesTheHandle {
    fn default() -> Self {
        Self(LogId::new(Uuid::now_v7()))
    }
}

impl Flaw for NamesTheHandle {
    fn identity(&self, _: &Inner) -> LogId {
        self.0
    }
}

/// E10: the token of an outcome names no log.
#[derive(Debug, Default)]
pub(super) struct SignsOutcomesWithNothing;

#[async_trait]
impl Flaw for SignsOutcomesWithNothing {
    async fn outcome(
        &self,
        store: &Inner,
        of: &DedupKey,
    ) -> Result<Option<Committed>, BackendError> {
        let known = store.outcome(of).await?;
        Ok(known.map(|known| {
            let token = Token::new(LogId::new(Uuid::nil()), known.token().position());
            Committed::new(known.versions().to_vec(), known.positions().cloned(), token)
        }))
    }
}
