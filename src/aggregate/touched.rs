//! What a unit of work has read or decided in one stream.

use std::any::Any;

use futures::future::BoxFuture;

use super::lane::{Place, Turn};
use super::repository::LoadError;
use super::{Aggregate, Loaded, Repository};
use crate::types::{Commit, EventId, ExpectedVersion, NewEvent, StreamId, StreamVersion};

/// A stream in a unit of work, whatever type its aggregate has.
pub(super) trait Touched: Any + Send + Sync {
    /// Waits for the right to decide on the stream, with nothing of this process pending.
    fn turn(&self) -> BoxFuture<'_, Turn>;

    /// Whether this process knows another state than the one that was decided on.
    fn is_outdated(&self) -> bool;

    /// Adds what was decided, or the guard on what was only read.
    fn write(&self, commit: Commit) -> Commit;

    /// Adds the guard on what was read, without what was decided.
    fn guard(&self, commit: Commit) -> Commit;

    /// What proves at the commit that what was read was the newest.
    fn expected(&self) -> ExpectedVersion;

    /// Whether something was decided.
    fn has_events(&self) -> bool;

    /// Whether others may build on what was decided before it is durable: its last event has an id of this
    /// run alone, and not the `derived` one, or there is none.
    fn can_be_built_on(&self, derived: Option<EventId>) -> bool;

    /// The version after what was decided.
    fn version(&self) -> StreamVersion;

    /// Lets whoever has the next turn decide on what was decided here. For whoever has the turn.
    fn publish(&self);

    /// What was decided is durable.
    fn remember(&self);

    /// What was published has not become durable.
    fn forget(&self);

    /// What was read is not the newest: reads it again. For whoever has the turn.
    fn refresh(&self) -> BoxFuture<'_, Result<(), LoadError>>;
}

pub(super) struct Touch<A: Aggregate> {
    repository: Repository<A>,
    place: Place<A>,
    /// What the state was read as, and what proves at the commit that it was the newest.
    base: (Option<EventId>, ExpectedVersion),
    pub(super) loaded: Loaded<A>,
    events: Vec<NewEvent>,
}

impl<A: Aggregate> Touch<A> {
    /// Reads a stream for a unit of work. The state may be a cached one: the commit proves it.
    pub(super) async fn new(
        repository: &Repository<A>,
        stream: &StreamId,
        held: bool,
    ) -> Result<Self, LoadError> {
        let place = repository.enter(stream);
        let (loaded, expected) = if held {
            let (ground, _) = repository.ground(&place).await?;
            (ground.loaded, ground.expected)
        } else if let Some(ground) = place
            .ground()
            .filter(|ground| ground.tail.is_none() && repository.shared().may_tell(&ground.loaded))
        {
            (ground.loaded, ground.expected)
        } else {
            let loaded = match repository.shared().cached(stream) {
                Some(cached) => cached,
                None => repository.load_stream(stream).await?,
            };
            let expected = loaded.version().into();
            (loaded, expected)
        };
        let base = (loaded.newest(), expected);
        Ok(Self { repository: repository.clone(), place, base, loaded, events: Vec::new() })
    }

    /// Reads a stream for a unit of work that nobody runs again if the state is not the newest.
    pub(super) async fn newest(
        repository: &Repository<A>,
        stream: &StreamId,
    ) -> Result<Self, LoadError> {
        let place = repository.enter(stream);
        let loaded = repository.load_stream(stream).await?;
        let base = (loaded.newest(), loaded.version().into());
        Ok(Self { repository: repository.clone(), place, base, loaded, events: Vec::new() })
    }

    /// Takes a decision in.
    pub(super) fn decide(&mut self, events: &[A::Event], new: Vec<NewEvent>) {
        for (event, new) in events.iter().zip(&new) {
            self.loaded.apply(event, new.id());
        }
        self.events.extend(new);
    }

    /// Closes the stream behind what was decided.
    pub(super) fn close(&mut self, closing: NewEvent) {
        self.loaded.close(closing.id());
        self.events.push(closing);
    }
}

impl<A: Aggregate> Touched for Touch<A> {
    fn turn(&self) -> BoxFuture<'_, Turn> {
        Box::pin(async {
            let turn = self.place.turn().await;
            if let Some(tail) = self.place.ground().and_then(|ground| ground.tail) {
                tail.drive(&self.place, &self.repository.shared().desk).await;
            }
            turn
        })
    }

    fn is_outdated(&self) -> bool {
        let known = self.place.ground().map(|ground| ground.loaded);
        let known = known.or_else(|| self.repository.shared().cached(self.place.stream()));
        known.is_some_and(|known| known.newest() != self.base.0)
    }

    fn write(&self, commit: Commit) -> Commit {
        if self.events.is_empty() {
            return self.guard(commit);
        }
        commit.append(self.place.stream(), self.base.1, self.events.iter().cloned())
    }

    fn guard(&self, commit: Commit) -> Commit {
        commit.check(self.place.stream(), self.base.1)
    }

    fn expected(&self) -> ExpectedVersion {
        self.base.1
    }

    fn has_events(&self) -> bool {
        !self.events.is_empty()
    }

    fn can_be_built_on(&self, derived: Option<EventId>) -> bool {
        derived.is_none() || self.events.last().map(NewEvent::id) != derived
    }

    fn version(&self) -> StreamVersion {
        self.loaded.version()
    }

    fn publish(&self) {
        self.place.publish(self.loaded.clone());
    }

    fn remember(&self) {
        self.repository.shared().keep(self.place.stream(), &self.loaded, None);
        self.place.confirm(self.loaded.newest());
    }

    fn forget(&self) {
        self.place.forget_made_by(self.loaded.newest());
    }

    fn refresh(&self) -> BoxFuture<'_, Result<(), LoadError>> {
        Box::pin(async {
            // What others have made of the stream since then is newer than what is durable.
            let known = self.place.ground().map(|ground| ground.loaded.newest());
            if known.is_none_or(|newest| newest == self.base.0) {
                self.place.know(self.repository.load_stream(self.place.stream()).await?);
            }
            Ok(())
        })
    }
}
