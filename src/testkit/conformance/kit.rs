//! What the clauses share: names, events that are the same whenever they are asked for, and waits that
//! end.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::timeout;
use uuid::Uuid;

use super::Harness;
use crate::ports::{CommitError, EventStore, Store};
use crate::types::{
    Advance, Commit, Committed, DedupKey, Envelope, Epoch, EventId, EventName, ExpectedVersion,
    Filter, InboxKey, InvalidCommit, Lease, LeaseName, LogId, MessageId, MessageType, NewEvent,
    OrderingKey, PartKind, Position, ReadFrom, RecordedEvent, RowKey, RowSet, RowValue, RowWrite,
    StreamId, StreamVersion,
};

/// Far longer than any store needs for one call: who waits longer, waits in vain.
const PATIENCE: Duration = Duration::from_mins(1);

/// Waits for `work`, but not for ever.
pub(in crate::testkit) async fn within<T>(what: &str, work: impl Future<Output = T>) -> T {
    match timeout(PATIENCE, work).await {
        Ok(done) => done,
        Err(elapsed) => panic!("{what} has not ended within {PATIENCE:?}: {elapsed}"),
    }
}

/// How often a test tries: `usual` times, or `heavy` times if `FREEHOLD_HEAVY` is set to anything but 0.
pub(super) fn rounds(usual: u32, heavy: u32) -> u32 {
    let asked = std::env::var_os("FREEHOLD_HEAVY").is_some_and(|value| value != "0");
    if asked { heavy } else { usual }
}

/// All that `tasks` give back, in no order; a panic in one is passed on.
pub(super) async fn all<T: 'static>(what: &str, mut tasks: JoinSet<T>) -> Vec<T> {
    let mut results = Vec::new();
    while let Some(joined) = within(what, tasks.join_next()).await {
        match joined {
            Ok(result) => results.push(result),
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }
    results
}

pub(super) fn stream(id: &str) -> StreamId {
    stream_in("test", id)
}

pub(super) fn stream_in(category: &str, id: &str) -> StreamId {
    StreamId::new(category, id).expect("the suite's stream ids are well formed")
}

/// The id that belongs to `tag`.
pub(super) fn id(tag: &str) -> EventId {
    EventId::new(Uuid::new_v5(&Uuid::NAMESPACE_OID, tag.as_bytes()))
}

pub(super) fn name(name: &str) -> EventName {
    EventName::new(name).expect("the suite's event names are well formed")
}

/// The event that belongs to `tag`: the same whenever it is asked for.
pub(super) fn event(tag: &str) -> NewEvent {
    NewEvent::new(id(tag), name("Tested"), format!(r#"{{"tag":"{tag}"}}"#))
}

/// `count` events, told apart by number.
pub(super) fn events(tag: &str, count: u64) -> Vec<NewEvent> {
    (0..count).map(|n| event(&format!("{tag}.{n}"))).collect()
}

pub(super) fn append(
    stream: &StreamId,
    expected: impl Into<ExpectedVersion>,
    tags: &[&str],
) -> Commit {
    Commit::new().append(stream, expected, tags.iter().map(|tag| event(tag)))
}

pub(super) fn inbox(message: &str) -> InboxKey {
    InboxKey::new("conformance", message).expect("the suite's inbox keys are well formed")
}

pub(super) fn set(name: &str) -> RowSet {
    RowSet::new(name).expect("the suite's sets of rows are well formed")
}

pub(super) fn key(key: &str) -> RowKey {
    RowKey::new(key).expect("the suite's keys of rows are well formed")
}

pub(super) fn value(json: &str) -> RowValue {
    RowValue::from_json(json.to_owned()).expect("the suite's rows are JSON")
}

pub(super) fn row(in_set: &str, at: &str, json: &str) -> RowWrite {
    RowWrite::put(&set(in_set), &key(at), value(json))
}

/// A message of a key, with an id that follows from `tag`.
pub(super) fn message(tag: &str, of_key: &str) -> Envelope {
    let kind = MessageType::new("suite.said.v1").expect("the suite's types are well formed");
    let of_key = OrderingKey::new(of_key).expect("the suite's keys are well formed");
    let id = MessageId::new(Uuid::new_v5(&Uuid::NAMESPACE_OID, tag.as_bytes()));
    Envelope::new(id, kind, of_key, format!("\"{tag}\""))
}

pub(super) fn lease_name(name: &str) -> LeaseName {
    LeaseName::new(name).expect("the suite's leases are well formed")
}

/// A lease that nobody was ever granted.
pub(super) fn never_granted() -> Lease {
    Lease::new(lease_name("never_granted"), Epoch::new(1))
}

/// The log that the suite's checkpoints are of: none that is open.
pub(super) fn followed() -> LogId {
    LogId::new(Uuid::from_u128(7))
}

pub(super) fn advance(lease: &Lease, from: u64, to: u64) -> Advance {
    Advance::new(lease.clone(), followed(), Position::new(from), Position::new(to))
}

/// Whether a store keeps parts of this kind.
pub(super) async fn keeps(store: &dyn Store, kind: PartKind) -> bool {
    let unique = Uuid::now_v7().to_string();
    let probe = match kind {
        PartKind::Appends => append(&stream(&unique), ExpectedVersion::Any, &[&unique]),
        PartKind::Checks => Commit::new().check(&stream(&unique), ExpectedVersion::Any),
        PartKind::Inbox => Commit::new().inbox(inbox(&unique)),
        PartKind::Messages => Commit::new().send(&message(&unique, "of the probe")),
        PartKind::Rows => Commit::new().rows([row("unprepared", &unique, "1")]),
        PartKind::Advance => Commit::new().advance(advance(&never_granted(), 0, 1)),
    };
    let answer = within("a commit", store.commit(probe)).await;
    !matches!(answer, Err(CommitError::Invalid(InvalidCommit::Unsupported(_))))
}

/// What `append`ing would leave in an empty stream.
pub(super) fn versions(count: usize) -> Vec<StreamVersion> {
    (1..=count as u64).map(StreamVersion::new).collect()
}

/// A handle, with calls that must not fail.
#[derive(Clone, Debug)]
pub(super) struct Log(pub(super) Arc<dyn EventStore>);

/// All that a reader can see of a log, as far as a commit could change it.
#[derive(Debug, PartialEq)]
pub(super) struct Seen {
    pub(super) head: Position,
    pub(super) feed: Vec<RecordedEvent>,
    pub(super) streams: Vec<Vec<RecordedEvent>>,
    pub(super) outcomes: Vec<Option<Committed>>,
}

impl Log {
    pub(super) async fn open(h: &dyn Harness, log: &str) -> Self {
        Self(within("opening the log", h.open(log)).await)
    }

    /// The answer, whatever it is.
    pub(super) async fn answer(&self, commit: Commit) -> Result<Committed, CommitError> {
        within("a commit", self.0.commit(commit)).await
    }

    /// Commits what must be accepted.
    pub(super) async fn commit(&self, commit: Commit) -> Committed {
        match self.answer(commit).await {
            Ok(committed) => committed,
            Err(error) => panic!("a good commit was refused: {error} ({error:?})"),
        }
    }

    /// Commits what must be refused, and sees that nothing has changed: not the feed, the head, the
    /// `streams`, nor what is known of the commit.
    pub(super) async fn refused(&self, commit: Commit, streams: &[&StreamId]) -> CommitError {
        let keys: Vec<_> = commit.dedup_keys().collect();
        let before = self.seen(streams, &keys).await;
        let answer = self.answer(commit.clone()).await;
        let after = self.seen(streams, &keys).await;
        assert!(
            before == after,
            "a commit that was to be refused changed something ({answer:?}): {before:#?} is now {after:#?}"
        );
        match answer {
            Err(error) => error,
            Ok(done) => {
                panic!("a commit was to be refused, and was accepted: {done:?}, {commit:?}")
            }
        }
    }

    /// Commits what must be a repetition: answered as `first` was, and nothing has changed.
    pub(super) async fn repeated(&self, commit: Commit, first: &Committed) {
        let written: Vec<_> = first.versions().iter().map(|(stream, _)| stream.clone()).collect();
        let written: Vec<_> = written.iter().collect();
        let keys: Vec<_> = commit.dedup_keys().collect();
        let before = self.seen(&written, &keys).await;
        let answer = self.commit(commit).await;
        assert_eq!(answer, first.clone().as_duplicate(), "a repetition was answered otherwise");
        let after = self.seen(&written, &keys).await;
        assert!(before == after, "a repetition changed something: {before:#?} is now {after:#?}");
    }

    /// Whether the store keeps parts of this kind. If not, it must say so, which S8 sees to.
    pub(super) async fn keeps(&self, kind: PartKind) -> bool {
        keeps(&*self.0, kind).await
    }

    /// A whole stream, page by page.
    pub(super) async fn stream(&self, stream: &StreamId) -> Vec<RecordedEvent> {
        let mut all: Vec<RecordedEvent> = Vec::new();
        loop {
            let after = all.last().map_or(StreamVersion::NONE, RecordedEvent::version);
            let page = self.0.read_stream(stream, ReadFrom::After(after), usize::MAX);
            let page = within("reading a stream", page).await.expect("a stream is readable");
            let empty = page.events.is_empty();
            all.extend(page.events);
            if !page.has_more {
                return all;
            }
            assert!(!empty, "a page of {stream} is empty, and says that more follows");
        }
    }

    /// The whole feed, page by page, as it is when the last page is read.
    pub(super) async fn feed(&self) -> Vec<RecordedEvent> {
        let mut all: Vec<RecordedEvent> = Vec::new();
        let mut after = Position::START;
        loop {
            let filter = Filter::all();
            let page = self.0.read_all(after, &filter, usize::MAX);
            let page = within("reading the feed", page).await.expect("the feed is readable");
            all.extend(page.events);
            if !page.has_more {
                return all;
            }
            assert!(page.upto > after, "a page ends at {after}, where it began, and more follows");
            after = page.upto;
        }
    }

    pub(super) async fn head(&self) -> Position {
        within("asking for the head", self.0.head()).await.expect("the head is readable")
    }

    pub(super) async fn outcome(&self, of: &DedupKey) -> Option<Committed> {
        within("asking for an outcome", self.0.outcome(of)).await.expect("outcomes are readable")
    }

    pub(super) async fn seen(&self, streams: &[&StreamId], keys: &[DedupKey]) -> Seen {
        let mut seen = Seen {
            head: self.head().await,
            feed: self.feed().await,
            streams: vec![],
            outcomes: vec![],
        };
        for name in streams {
            seen.streams.push(self.stream(name).await);
        }
        // A commit at the limits has ten thousand keys: its ends tell as much.
        let tail = keys.iter().skip(3.max(keys.len().saturating_sub(3)));
        for key in keys.iter().take(3).chain(tail) {
            seen.outcomes.push(self.outcome(key).await);
        }
        seen
    }

    /// Sees that a stream holds just the events of these tags, at versions 1, 2, 3 and so on.
    pub(super) async fn holds(&self, stream: &StreamId, tags: &[&str]) {
        let recorded = self.stream(stream).await;
        let ids: Vec<_> = recorded.iter().map(RecordedEvent::id).collect();
        let wanted: Vec<_> = tags.iter().map(|tag| id(tag)).collect();
        assert_eq!(ids, wanted, "the events of {stream}, which should be {tags:?}");
        let at: Vec<_> = recorded.iter().map(RecordedEvent::version).collect();
        assert_eq!(at, versions(tags.len()), "the versions of {stream}");
    }
}
