//! What is behind the lock: the feed, and the ways into it.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::ops::RangeInclusive;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::outbox::Messages;
use super::rows::Rows;
use super::store::BACKEND;
use super::subject_keys::Keys;
use crate::ports::{BackendError, CommitError, Fault, InlineFold};
use crate::types::{
    Append, Closed, Committed, Conflict, DedupKey, EventId, ExpectedVersion, FeedPage, Filter,
    InboxKey, LogId, NewEvent, Parts, Position, ReadFrom, RecordedEvent, Recording, Standing,
    StreamId, StreamPage, StreamVersion, Token,
};

#[derive(Debug, Default)]
pub(super) struct Log {
    /// The event at position `n` is at index `n - 1`.
    feed: Vec<RecordedEvent>,
    streams: HashMap<StreamId, Stream>,
    ids: HashMap<EventId, Position>,
    inbox: HashMap<InboxKey, Committed>,
    pub(super) rows: Rows,
    pub(super) outbox: Messages,
    pub(super) keys: Keys,
    /// In the order of their names.
    pub(super) folds: Vec<Arc<dyn InlineFold>>,
    /// How many events of each closed stream are to be archived.
    pub(super) to_archive: VecDeque<StreamVersion>,
}

/// A stream that has events.
#[derive(Debug, Default)]
struct Stream {
    /// The event at version `v` is at index `v - 1`.
    places: Vec<Position>,
    is_closed: bool,
}

impl Stream {
    fn version(&self) -> StreamVersion {
        StreamVersion::new(self.places.len() as u64)
    }
}

impl Log {
    pub(super) fn head(&self) -> Position {
        Position::new(self.feed.len() as u64)
    }

    /// Writes all of it, or nothing. Nothing changes before every check has passed.
    pub(super) fn write(
        &mut self,
        write: Write,
        identity: LogId,
        now: DateTime<Utc>,
    ) -> Result<Committed, CommitError> {
        let mut parts = match write {
            Write::Single(single) if self.folds.is_empty() => {
                return self.write_single(single, identity, now);
            }
            Write::Single((stream, expected, event)) => {
                let appends = vec![Append { stream, expected, events: vec![event] }];
                Parts { appends, ..Parts::default() }
            }
            Write::Parts(parts) => parts,
        };
        if let Some(first) = parts.inbox.as_ref().and_then(|key| self.inbox.get(key)) {
            return Ok(first.clone().as_duplicate());
        }
        let is_recorded = parts.events().any(|(_, event)| self.ids.contains_key(&event.id()));
        // A new inbox key, or an advance, would be lost if its commit passed for an old one without it.
        let mut is_bare = parts.inbox.is_none();
        if let Some(advance) = &parts.advance {
            match self.rows.look(advance)? {
                Standing::Open => is_bare = false,
                // Another commit has moved the checkpoint just so.
                Standing::Moved(fenced) if !is_bare => return Err(fenced.into()),
                Standing::Moved(_) if parts.appends.is_empty() => {
                    let token = Token::new(identity, self.head());
                    return Ok(Committed::new(Vec::new(), None, token).as_duplicate());
                }
                Standing::Moved(fenced) if !is_recorded => return Err(fenced.into()),
                Standing::Moved(_) => {}
            }
        }
        if is_recorded {
            return self.repetition(&parts, identity, is_bare);
        }
        for (nth, (stream, expected)) in parts.guards().enumerate() {
            let actual = self.version(stream);
            // The guards begin with the appends.
            if nth < parts.appends.len() && self.is_closed(stream) {
                return Err(Closed::new(stream.clone(), actual).into());
            }
            if !expected.admits(actual, self.newest(stream)) {
                return Err(Conflict::new(stream.clone(), expected, actual).into());
            }
        }
        self.rows.are_prepared(&parts).map_err(|why| {
            CommitError::from(BackendError::new(BACKEND, "commit", Fault::Missing, why))
        })?;
        let folded = self.fold(&parts, now)?;
        self.outbox.send(std::mem::take(&mut parts.messages), now);
        let committed = self.record(parts, identity, now);
        self.rows.put(folded);
        self.folded_up_to(identity);
        Ok(committed)
    }

    /// The same for one event of one stream: each is looked up once.
    fn write_single(
        &mut self,
        (stream, expected, event): Single,
        identity: LogId,
        recorded_at: DateTime<Utc>,
    ) -> Result<Committed, CommitError> {
        let free = match self.ids.entry(event.id()) {
            Entry::Vacant(free) => free,
            Entry::Occupied(taken) => {
                let recorded = at(&self.feed, *taken.get());
                let same = recorded.filter(|r| r.stream() == &stream && r.records(&event));
                let same = same.ok_or(CommitError::IdReused(event.id()))?;
                return Ok(place(same, identity).as_duplicate());
            }
        };
        let known = self.streams.get_mut(&stream);
        let actual = known.as_ref().map_or(StreamVersion::NONE, |known| known.version());
        if known.as_ref().is_some_and(|known| known.is_closed) {
            return Err(Closed::new(stream, actual).into());
        }
        let newest = || at(&self.feed, *known.as_ref()?.places.last()?).map(RecordedEvent::id);
        let newest = if matches!(expected, ExpectedVersion::After(_)) { newest() } else { None };
        if !expected.admits(actual, newest) {
            return Err(Conflict::new(stream, expected, actual).into());
        }
        let position = *free.insert(Position::new(self.feed.len() as u64 + 1));
        let is_closed = event.closes();
        if let Some(known) = known {
            known.places.push(position);
            known.is_closed = is_closed;
        } else {
            let places = vec![position];
            self.streams.insert(stream.clone(), Stream { places, is_closed });
        }
        let version = actual.plus(1);
        if is_closed {
            self.to_archive.push_back(actual.plus(1));
        }
        let versions = vec![(stream.clone(), version)];
        self.feed.push(event.recorded(Recording { stream, version, position, recorded_at }));
        let token = Token::new(identity, position);
        Ok(Committed::new(versions, Some(position..=position), token))
    }

    /// Some of the events are recorded: all of them, just so and with nothing new beside them, or it is another commit.
    fn repetition(
        &self,
        parts: &Parts,
        identity: LogId,
        is_bare: bool,
    ) -> Result<Committed, CommitError> {
        let mut versions: Vec<(StreamId, StreamVersion)> = Vec::with_capacity(parts.appends.len());
        let mut positions: Option<RangeInclusive<Position>> = None;
        for append in &parts.appends {
            let mut version = StreamVersion::NONE;
            for event in &append.events {
                let recorded = self.ids.get(&event.id()).and_then(|at| self.at(*at));
                let same = recorded.filter(|r| r.stream() == &append.stream && r.records(event));
                let Some(recorded) = same.filter(|_| is_bare) else {
                    return Err(CommitError::IdReused(self.reused(parts, event.id())));
                };
                version = version.max(recorded.version());
                positions = Some(match positions {
                    None => recorded.position()..=recorded.position(),
                    Some(p) => {
                        *p.start().min(&recorded.position())..=*p.end().max(&recorded.position())
                    }
                });
            }
            versions.push((append.stream.clone(), version));
        }
        let last = positions.as_ref().map_or(Position::START, |p| *p.end());
        Ok(Committed::new(versions, positions, Token::new(identity, last)).as_duplicate())
    }

    /// The id to blame: `suspect` if it is recorded, or else the first that is.
    fn reused(&self, parts: &Parts, suspect: EventId) -> EventId {
        if self.ids.contains_key(&suspect) {
            return suspect;
        }
        let recorded = parts.events().map(|(_, event)| event.id());
        recorded.into_iter().find(|id| self.ids.contains_key(id)).unwrap_or(suspect)
    }

    fn record(
        &mut self,
        mut parts: Parts,
        identity: LogId,
        recorded_at: DateTime<Utc>,
    ) -> Committed {
        self.rows.write(&mut parts);
        let first = self.feed.len() as u64 + 1;
        let mut versions = Vec::with_capacity(parts.appends.len());
        for append in parts.appends {
            let stream = append.stream;
            let known = self.streams.entry(stream.clone()).or_default();
            for event in append.events {
                let position = Position::new(self.feed.len() as u64 + 1);
                known.places.push(position);
                known.is_closed = event.closes();
                self.ids.insert(event.id(), position);
                self.feed.push(event.recorded(Recording {
                    stream: stream.clone(),
                    version: known.version(),
                    position,
                    recorded_at,
                }));
            }
            if known.is_closed {
                self.to_archive.push_back(known.version());
            }
            versions.push((stream, known.version()));
        }
        let head = self.head();
        let positions = (head.get() >= first).then(|| Position::new(first)..=head);
        let committed = Committed::new(versions, positions, Token::new(identity, head));
        if let Some(key) = parts.inbox {
            self.inbox.insert(key, committed.clone());
        }
        committed
    }

    pub(super) fn outcome(&self, of: &DedupKey, identity: LogId) -> Option<Committed> {
        match of {
            DedupKey::Inbox(key) => self.inbox.get(key).cloned(),
            DedupKey::Event(id) => self.at(*self.ids.get(id)?).map(|event| place(event, identity)),
        }
    }

    pub(super) fn stream_page(
        &self,
        stream: &StreamId,
        from: ReadFrom,
        limit: usize,
    ) -> StreamPage {
        let places = self.streams.get(stream).map_or(&[][..], |known| &known.places);
        let index = |version: StreamVersion| usize::try_from(version.get()).unwrap_or(usize::MAX);
        let (rest, backward) = match from {
            ReadFrom::After(version) => (places.get(index(version)..), false),
            ReadFrom::Before(version) => {
                (places.get(..index(version).saturating_sub(1).min(places.len())), true)
            }
            ReadFrom::End => (Some(places), true),
        };
        let rest = rest.unwrap_or_default();
        let events = |places: &mut dyn Iterator<Item = &Position>| {
            places.take(limit).filter_map(|at| self.at(*at)).cloned().collect()
        };
        let events =
            if backward { events(&mut rest.iter().rev()) } else { events(&mut rest.iter()) };
        StreamPage::new(events, rest.len() > limit)
    }

    pub(super) fn feed_page(&self, after: Position, filter: &Filter, limit: usize) -> FeedPage {
        let start = usize::try_from(after.get()).unwrap_or(usize::MAX);
        let rest = self.feed.get(start..).unwrap_or_default();
        let wanted = rest.iter().filter(|event| filter.admits(event.stream().category()));
        let events: Vec<_> = wanted.take(limit).cloned().collect();
        let full = events.len() == limit;
        let upto = match events.last() {
            Some(last) if full => last.position(),
            _ => self.head().max(after),
        };
        FeedPage::new(events, upto, upto < self.head())
    }

    pub(super) fn version(&self, stream: &StreamId) -> StreamVersion {
        self.streams.get(stream).map_or(StreamVersion::NONE, Stream::version)
    }

    fn is_closed(&self, stream: &StreamId) -> bool {
        self.streams.get(stream).is_some_and(|known| known.is_closed)
    }

    fn newest(&self, stream: &StreamId) -> Option<EventId> {
        let last = self.streams.get(stream)?.places.last()?;
        self.at(*last).map(RecordedEvent::id)
    }

    fn at(&self, position: Position) -> Option<&RecordedEvent> {
        at(&self.feed, position)
    }
}

fn at(feed: &[RecordedEvent], position: Position) -> Option<&RecordedEvent> {
    feed.get(usize::try_from(position.get()).ok()?.checked_sub(1)?)
}

/// Where one event landed.
fn place(event: &RecordedEvent, identity: LogId) -> Committed {
    let (versions, at) = (vec![(event.stream().clone(), event.version())], event.position());
    Committed::new(versions, Some(at..=at), Token::new(identity, at))
}

/// What is to be written, sorted out before the lock is taken.
pub(super) enum Write {
    /// One event for one stream, as nearly every commit is.
    Single(Single),
    Parts(Parts),
}

type Single = (StreamId, ExpectedVersion, NewEvent);

impl From<Parts> for Write {
    fn from(mut parts: Parts) -> Self {
        let is_single = parts.checks.is_empty()
            && parts.inbox.is_none()
            && parts.messages.is_empty()
            && parts.rows.is_empty()
            && parts.advance.is_none()
            && matches!(&*parts.appends, [append] if append.events.len() == 1);
        if !is_single {
            return Self::Parts(parts);
        }
        let append =
            parts.appends.pop().and_then(|Append { stream, expected, mut events, .. }| {
                events.pop().map(|event| (stream, expected, event))
            });
        append.map_or(Self::Parts(parts), Self::Single)
    }
}
