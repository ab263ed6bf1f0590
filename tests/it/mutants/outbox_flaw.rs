//! An outbox with a flaw, made as [`flaw`](super::flaw) makes a store of events.

use std::fmt::Debug;
use std::marker::PhantomData;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use freehold::testkit::async_trait;
use freehold::testkit::conformance::OutboxHarness;
use freehold::{
    Commit, Envelope, FeedPage, InvalidCommit, Limits, LogId, Outbox, PartKind, Parts, Position,
    RecordedEvent, Store,
};

use super::flaw::{Answer, commit_of};
use super::row_flaw::Result;
use crate::testkit::harness::InMemory;

pub(super) type Messages = Arc<dyn Outbox>;
pub(super) type Due = Option<DateTime<Utc>>;

/// What is wrong with an outbox. What a flaw does not override is right.
#[async_trait]
pub(super) trait OutboxFlaw: Debug + Default + Send + Sync + 'static {
    fn limits<'a>(&'a self, store: &'a Messages) -> &'a Limits {
        store.limits()
    }

    async fn commit(&self, store: &Messages, commit: Commit) -> Answer {
        store.commit(commit).await
    }

    async fn page(&self, store: &Messages, after: Position, limit: usize) -> Result<FeedPage> {
        store.outbox_page(after, limit).await
    }

    async fn head(&self, store: &Messages) -> Result<Position> {
        store.outbox_head().await
    }

    async fn end(&self, store: &Messages) -> Result<Position> {
        store.outbox_end().await
    }

    async fn changed(&self, store: &Messages, after: Position) -> Result<()> {
        store.outbox_changed(after).await
    }

    async fn due(&self, store: &Messages, limit: usize) -> Result<Due> {
        store.outbox_due(limit).await
    }

    async fn trim(&self, store: &Messages, upto: Position) -> Result<u64> {
        store.outbox_trim(upto).await
    }
}

#[derive(Debug)]
struct Mutant<F> {
    inner: Messages,
    flaw: F,
}

#[async_trait]
impl<F: OutboxFlaw> Store for Mutant<F> {
    fn identity(&self) -> LogId {
        self.inner.identity()
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
impl<F: OutboxFlaw> Outbox for Mutant<F> {
    async fn outbox_page(&self, after: Position, limit: usize) -> Result<FeedPage> {
        self.flaw.page(&self.inner, after, limit).await
    }

    async fn outbox_head(&self) -> Result<Position> {
        self.flaw.head(&self.inner).await
    }

    async fn outbox_end(&self) -> Result<Position> {
        self.flaw.end(&self.inner).await
    }

    async fn outbox_changed(&self, after: Position) -> Result<()> {
        self.flaw.changed(&self.inner, after).await
    }

    async fn outbox_due(&self, limit: usize) -> Result<Due> {
        self.flaw.due(&self.inner, limit).await
    }

    async fn outbox_trim(&self, upto: Position) -> Result<u64> {
        self.flaw.trim(&self.inner, upto).await
    }
}

/// Opens good logs, each handle with a flaw of its own.
#[derive(Default)]
pub(super) struct FlawedOutbox<F> {
    logs: InMemory,
    flaw: PhantomData<fn() -> F>,
}

#[async_trait]
impl<F: OutboxFlaw> OutboxHarness for FlawedOutbox<F> {
    async fn open(&self, log: &str) -> Messages {
        Arc::new(Mutant { inner: Arc::new(self.logs.outbox(log)), flaw: F::default() })
    }
}

/// What is in a commit beside its messages, and these.
pub(super) fn opened(
    commit: &Commit,
) -> std::result::Result<(Parts, Vec<Envelope>), InvalidCommit> {
    let kinds = [PartKind::Appends, PartKind::Checks, PartKind::Inbox, PartKind::Messages];
    let mut parts = commit.clone().into_parts(&kinds, &Limits::default())?;
    let messages = std::mem::take(&mut parts.messages);
    let read = |message: &freehold::Outgoing| Envelope::stored(message.event.data()).unwrap();
    Ok((parts, messages.iter().map(read).collect()))
}

/// A commit of these, if there are any.
pub(super) fn closed(parts: Parts, messages: &[Envelope]) -> Commit {
    messages.iter().fold(commit_of(parts), Commit::send)
}

/// The message, to be delivered at another time.
pub(super) fn at(message: &Envelope, due: Due) -> Envelope {
    let id = message.id();
    let (kind, key) = (message.kind().clone(), message.key().clone());
    let same = Envelope::new(id, kind, key, message.data().clone());
    due.into_iter().fold(same, Envelope::with_delivery_at)
}

/// The whole log.
pub(super) async fn whole(store: &Messages) -> Result<Vec<RecordedEvent>> {
    let (mut after, mut all) = (Position::START, Vec::new());
    loop {
        let page = store.outbox_page(after, usize::MAX).await?;
        all.extend(page.events);
        after = page.upto;
        if !page.has_more {
            return Ok(all);
        }
    }
}
