//! What the clauses of the outbox share: a handle whose calls must not fail, and what can be seen through it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::time::sleep;

use super::OutboxHarness;
use super::kit::{append, inbox, keeps, message, stream, within};
use crate::ports::{CommitError, Outbox};
use crate::types::{
    Commit, Committed, Envelope, ExpectedVersion::Any, FeedPage, MessageId, PartKind, Position,
    RecordedEvent, StreamVersion,
};

/// A message that is due so much later can be waited for, and is not due yet when it is sent, unless a machine is very slow.
pub(super) const SOON: TimeDelta = TimeDelta::milliseconds(2_000);
/// How long to wait before the store's clock is looked at again.
const LOOK_INTERVAL: Duration = Duration::from_millis(10);

/// A commit of messages, told apart by number.
pub(super) fn sent(tag: &str, of_key: &str, count: u32) -> Commit {
    (0..count).fold(Commit::new(), |commit, n| commit.send(&message(&format!("{tag}.{n}"), of_key)))
}

/// The message that belongs to `tag`, not to be delivered before `due`.
pub(super) fn later(tag: &str, due: DateTime<Utc>) -> Envelope {
    message(tag, "later").with_delivery_at(due)
}

/// Sees that what stands in the log is a message in the form that the port says, and reads it.
pub(super) fn told(recorded: &RecordedEvent) -> Envelope {
    let envelope = Envelope::stored(recorded.data());
    let envelope = envelope.unwrap_or_else(|why| panic!("{recorded:?} is no message: {why}"));
    assert_eq!(MessageId::new(recorded.id().as_uuid()), envelope.id(), "the id in the log");
    assert_eq!(recorded.name().as_str(), envelope.kind().as_str(), "the type in the log");
    assert_eq!(recorded.stream().category(), "outbox", "the category in the log");
    assert_eq!(recorded.stream().id(), envelope.key().as_str(), "the ordering key in the log");
    let version = StreamVersion::new(recorded.position().get());
    assert_eq!(recorded.version(), version, "the version in the log");
    envelope
}

pub(super) fn ids(log: &[RecordedEvent]) -> Vec<MessageId> {
    log.iter().map(|recorded| told(recorded).id()).collect()
}

/// Sees that positions strictly grow.
pub(super) fn grows(log: &[RecordedEvent]) {
    for two in log.windows(2) {
        let [before, after] = [two[0].position(), two[1].position()];
        assert!(before < after, "a message at {after} stands behind one at {before}");
    }
}

/// A handle, with calls that must not fail.
#[derive(Clone, Debug)]
pub(super) struct OutboxLog {
    pub(super) store: Arc<dyn Outbox>,
    /// Whether the store keeps events beside messages.
    pub(super) appends: bool,
    /// Whether it keeps inbox keys.
    pub(super) inbox: bool,
    /// How often the store's clock was looked at.
    looks: Arc<AtomicU64>,
}

/// All that a reader can see of an outbox.
#[derive(Debug, PartialEq)]
pub(super) struct OutboxSeen {
    head: Position,
    end: Position,
    log: Vec<RecordedEvent>,
}

impl OutboxLog {
    pub(super) async fn open(h: &dyn OutboxHarness, log: &str) -> Self {
        let store = within("opening the log", h.open(log)).await;
        let appends = keeps(&*store, PartKind::Appends).await;
        let inbox = keeps(&*store, PartKind::Inbox).await;
        Self { store, appends, inbox, looks: Arc::default() }
    }

    /// The answer, whatever it is.
    pub(super) async fn answer(&self, commit: Commit) -> Result<Committed, CommitError> {
        within("a commit", self.store.commit(commit)).await
    }

    /// Commits what must be accepted, as the first of its kind.
    pub(super) async fn commit(&self, commit: Commit) -> Committed {
        match self.answer(commit).await {
            Ok(done) if done.is_duplicate() => panic!("a new commit passed for a repetition"),
            Ok(done) => done,
            Err(error) => panic!("a good commit was refused: {error} ({error:?})"),
        }
    }

    /// Commits what must be refused, and sees that the outbox is as before.
    pub(super) async fn refused(&self, commit: Commit) -> CommitError {
        let before = self.seen().await;
        let answer = self.answer(commit).await;
        assert_eq!(before, self.seen().await, "a commit that was to be refused sent ({answer:?})");
        match answer {
            Err(error) => error,
            Ok(done) => panic!("a commit was to be refused, and was accepted: {done:?}"),
        }
    }

    /// Commits what must be a repetition, and sees that the outbox is as before.
    pub(super) async fn repeated(&self, commit: Commit) {
        let before = self.seen().await;
        let answer = self.answer(commit).await;
        assert_eq!(before, self.seen().await, "a repetition sent something ({answer:?})");
        let done = answer.unwrap_or_else(|error| panic!("a repetition was refused: {error:?}"));
        assert!(done.is_duplicate(), "a repetition passed for a new commit: {done:?}");
    }

    /// The commit with an event and an inbox key of `tag`, if the store keeps them.
    pub(super) fn laden(&self, mut commit: Commit, tag: &str) -> Commit {
        if self.appends {
            commit = commit.and(append(&stream(tag), Any, &[tag]));
        }
        if self.inbox {
            commit = commit.inbox(inbox(tag));
        }
        commit
    }

    /// Sends messages, each in a commit of its own.
    pub(super) async fn send(&self, tags: &[&str]) {
        for tag in tags {
            self.commit(Commit::new().send(&message(tag, "key"))).await;
        }
    }

    pub(super) async fn page(&self, after: Position, limit: usize) -> FeedPage {
        let page = within("reading the outbox", self.store.outbox_page(after, limit)).await;
        page.expect("the outbox is readable")
    }

    /// The whole log, page by page.
    pub(super) async fn log(&self) -> Vec<RecordedEvent> {
        let (mut after, mut all) = (Position::START, Vec::new());
        loop {
            let page = self.page(after, usize::MAX).await;
            all.extend(page.events);
            if !page.has_more {
                return all;
            }
            assert!(page.upto > after, "a page ends at {after}, where it began, and more follows");
            after = page.upto;
        }
    }

    /// Sees that the log holds just these messages, in this order.
    pub(super) async fn holds(&self, messages: &[Envelope]) {
        let log = self.log().await;
        grows(&log);
        let found: Vec<_> = log.iter().map(told).collect();
        assert_eq!(found, messages, "the messages in the log");
    }

    pub(super) async fn head(&self) -> Position {
        let head = self.store.outbox_head();
        within("asking for the head", head).await.expect("the head is readable")
    }

    pub(super) async fn end(&self) -> Position {
        let end = self.store.outbox_end();
        within("asking for the end", end).await.expect("the end is readable")
    }

    pub(super) async fn changed(&self, after: Position) {
        let changed = self.store.outbox_changed(after);
        let woken = within("waiting for a message that is there", changed).await;
        woken.expect("the outbox can be waited for");
    }

    pub(super) async fn due(&self, limit: usize) -> Option<DateTime<Utc>> {
        let due = self.store.outbox_due(limit);
        within("asking for what is due", due).await.expect("what is due can be asked for")
    }

    pub(super) async fn trim(&self, upto: Position) -> u64 {
        let trim = self.store.outbox_trim(upto);
        within("trimming the outbox", trim).await.expect("the outbox can be trimmed")
    }

    pub(super) async fn seen(&self) -> OutboxSeen {
        let (head, end) = (self.head().await, self.end().await);
        OutboxSeen { head, end, log: self.log().await }
    }

    /// What time it is by the store's clock: a message that is sent now says so. It is trimmed with all before it.
    pub(super) async fn now(&self) -> DateTime<Utc> {
        let look = self.looks.fetch_add(1, Ordering::Relaxed);
        self.send(&[&format!("what time is it, {look}")]).await;
        let log = self.log().await;
        let last = log.last().expect("what was sent is there");
        self.trim(last.position()).await;
        last.recorded_at()
    }

    /// Waits until the store's clock has passed `time`. What is in the log is trimmed.
    pub(super) async fn passed(&self, time: DateTime<Utc>) {
        let passed = async {
            while self.now().await <= time {
                sleep(LOOK_INTERVAL).await;
            }
        };
        within("waiting for the store's clock", passed).await;
    }
}
