//! A store of the service's own: the log is a map behind a lock, from positions to events.
//!
//! It keeps events and checks. It keeps no inbox keys, and says so. Whatever else it is asked, it finds by
//! going through the log: slow, and easy to believe.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use freehold::{
    BackendError, Clock, Closed, Commit, CommitError, Committed, Conflict, DedupKey, EventId,
    EventStore, Fault, FeedPage, Filter, Ids, Limits, LogId, PartKind, Parts, Position, ReadFrom,
    RecordedEvent, Recording, Store, StreamId, StreamPage, StreamVersion, SystemClock, SystemIds,
    Token,
};
use tokio::sync::watch;

type Log = BTreeMap<Position, RecordedEvent>;

/// A handle to a log. Clones are handles to the same one.
#[derive(Clone, Debug)]
pub struct ShelfStore {
    identity: LogId,
    limits: Limits,
    log: Arc<Mutex<Log>>,
    head: watch::Sender<Position>,
}

impl Default for ShelfStore {
    fn default() -> Self {
        Self::new()
    }
}

impl ShelfStore {
    /// An empty log.
    pub fn new() -> Self {
        Self {
            identity: LogId::new(SystemIds.draw()),
            limits: Limits::default(),
            log: Arc::default(),
            head: watch::Sender::new(Position::START),
        }
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, log: &mut Log, parts: Parts) -> Result<Committed, CommitError> {
        if let Some(first) = self.repetition(log, &parts)? {
            return Ok(first.as_duplicate());
        }
        for (nth, (stream, expected)) in parts.guards().enumerate() {
            let actual = version(log, stream);
            // The guards begin with the appends.
            let is_over = newest(log, stream).is_some_and(RecordedEvent::closes);
            if nth < parts.appends.len() && is_over {
                return Err(Closed::new(stream.clone(), actual).into());
            }
            if !expected.admits(actual, newest(log, stream).map(RecordedEvent::id)) {
                return Err(Conflict::new(stream.clone(), expected, actual).into());
            }
        }
        let first = next(log);
        let mut versions = Vec::new();
        for append in parts.appends {
            let mut at = version(log, &append.stream);
            for event in append.events {
                at = at.plus(1);
                let position = next(log);
                let recording = Recording {
                    stream: append.stream.clone(),
                    version: at,
                    position,
                    recorded_at: SystemClock.now(),
                };
                log.insert(position, event.recorded(recording));
            }
            versions.push((append.stream, at));
        }
        let last = head(log);
        let positions = (first <= last).then_some(first..=last);
        Ok(Committed::new(versions, positions, Token::new(self.identity, last)))
    }

    /// The answer that was given before, if these events are all recorded; an error if only some are, or
    /// others under their ids.
    fn repetition(&self, log: &Log, parts: &Parts) -> Result<Option<Committed>, CommitError> {
        let Some(known) =
            parts.events().map(|(_, event)| event.id()).find(|id| find(log, *id).is_some())
        else {
            return Ok(None);
        };
        let mut positions = Vec::new();
        let mut versions = Vec::new();
        for append in &parts.appends {
            let mut at = StreamVersion::NONE;
            for event in &append.events {
                match find(log, event.id()) {
                    Some(there) if there.stream() == &append.stream && there.records(event) => {
                        at = at.max(there.version());
                        positions.push(there.position());
                    }
                    Some(other) => return Err(CommitError::IdReused(other.id())),
                    None => return Err(CommitError::IdReused(known)),
                }
            }
            versions.push((append.stream.clone(), at));
        }
        positions.sort_unstable();
        let first = positions.first().copied().unwrap_or_default();
        let last = positions.last().copied().unwrap_or_default();
        Ok(Some(Committed::new(versions, Some(first..=last), Token::new(self.identity, last))))
    }
}

fn head(log: &Log) -> Position {
    log.keys().next_back().copied().unwrap_or(Position::START)
}

fn next(log: &Log) -> Position {
    Position::new(head(log).get() + 1)
}

fn version(log: &Log, stream: &StreamId) -> StreamVersion {
    newest(log, stream).map_or(StreamVersion::NONE, RecordedEvent::version)
}

fn newest<'a>(log: &'a Log, stream: &StreamId) -> Option<&'a RecordedEvent> {
    log.values().rev().find(|event| event.stream() == stream)
}

fn find(log: &Log, id: EventId) -> Option<&RecordedEvent> {
    log.values().find(|event| event.id() == id)
}

/// The first `limit` of some events, and whether there are more.
fn page<'a>(
    events: impl Iterator<Item = &'a RecordedEvent>,
    limit: usize,
) -> (Vec<RecordedEvent>, bool) {
    let mut events = events.peekable();
    let page = events.by_ref().take(limit).cloned().collect();
    (page, events.peek().is_some())
}

#[async_trait]
impl Store for ShelfStore {
    fn identity(&self) -> LogId {
        self.identity
    }

    fn limits(&self) -> &Limits {
        &self.limits
    }

    fn is_ordered(&self) -> bool {
        true
    }

    async fn commit(&self, commit: Commit) -> Result<Committed, CommitError> {
        let parts = commit.into_parts(&[PartKind::Appends, PartKind::Checks], &self.limits)?;
        let mut log = self.log();
        let committed = self.write(&mut log, parts)?;
        // Told under the lock, so that the head never steps back.
        self.head.send_replace(head(&log));
        Ok(committed)
    }
}

#[async_trait]
impl EventStore for ShelfStore {
    async fn read_stream(
        &self,
        stream: &StreamId,
        from: ReadFrom,
        limit: usize,
    ) -> Result<StreamPage, BackendError> {
        let limit = self.limits.page(limit);
        let log = self.log();
        let events = log.values().filter(|event| event.stream() == stream);
        let (events, has_more) = match from {
            ReadFrom::After(version) => {
                page(events.filter(|event| event.version() > version), limit)
            }
            ReadFrom::Before(version) => {
                page(events.rev().filter(|event| event.version() < version), limit)
            }
            ReadFrom::End => page(events.rev(), limit),
        };
        Ok(StreamPage::new(events, has_more))
    }

    async fn read_all(
        &self,
        after: Position,
        filter: &Filter,
        limit: usize,
    ) -> Result<FeedPage, BackendError> {
        let log = self.log();
        let wanted = |event: &&RecordedEvent| {
            event.position() > after && filter.admits(event.stream().category())
        };
        let (events, has_more) = page(log.values().filter(wanted), self.limits.page(limit));
        // A page that holds all that is wanted reaches to the head, over what was left out.
        let upto = match events.last() {
            Some(last) if has_more => last.position(),
            _ => head(&log).max(after),
        };
        Ok(FeedPage::new(events, upto, has_more))
    }

    async fn head(&self) -> Result<Position, BackendError> {
        Ok(head(&self.log()))
    }

    async fn changed(&self, after: Position) -> Result<(), BackendError> {
        let mut head = self.head.subscribe();
        match head.wait_for(|head| *head > after).await {
            Ok(_) => Ok(()),
            Err(closed) => Err(BackendError::new("shelf", "watch the feed", Fault::Closed, closed)),
        }
    }

    async fn outcome(&self, of: &DedupKey) -> Result<Option<Committed>, BackendError> {
        let DedupKey::Event(id) = of else { return Ok(None) };
        let log = self.log();
        Ok(find(&log, *id).map(|event| {
            let versions = vec![(event.stream().clone(), event.version())];
            let token = Token::new(self.identity, event.position());
            Committed::new(versions, Some(event.position()..=event.position()), token)
        }))
    }
}
