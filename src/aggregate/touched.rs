//! What a unit of work has read or decided in one stream.

use std::any::Any;

use futures::future::BoxFuture;

use super::lane::{Place, Turn};
use super::repository::LoadError;
use super::{Aggregate, Loaded, Repository};
use crate::types::{Commit, NewEvent, StreamId, StreamVersion};

/// A stream in a unit of work, whatever type its aggregate has.
pub(super) trait Touched: Any + Send + Sync {
    /// Waits for the right to decide on the stream, with nothing of this process pending.
    fn turn(&self) -> BoxFuture<'_, Turn>;

    /// Whether this process knows a newer version than the one that was decided on.
    fn is_outdated(&self) -> bool;

    /// Adds what was decided, or the guard on what was only read.
    fn write(&self, commit: Commit) -> Commit;

    /// Adds the guard on what was read, without what was decided.
    fn guard(&self, commit: Commit) -> Commit;

    /// Whether something was decided.
    fn has_events(&self) -> bool;

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
    base: StreamVersion,
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
        let loaded = if held {
            repository.ground(&place).await?.0.loaded
        } else {
            let durable = place.ground().filter(|ground| ground.tail.is_none());
            let known = durable
                .map(|ground| ground.loaded)
                .or_else(|| repository.shared().cache.get(stream));
            match known {
                Some(known) => known,
                None => repository.load_stream(stream).await?,
            }
        };
        let base = loaded.version();
        Ok(Self { repository: repository.clone(), place, base, loaded, events: Vec::new() })
    }

    /// Takes a decision in.
    pub(super) fn decide(&mut self, events: &[A::Event], new: Vec<NewEvent>) {
        for event in events {
            self.loaded.apply(event);
        }
        self.events.extend(new);
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
        let known = known.or_else(|| self.repository.shared().cache.get(self.place.stream()));
        known.is_some_and(|known| known.version() > self.base)
    }

    fn write(&self, commit: Commit) -> Commit {
        if self.events.is_empty() {
            return self.guard(commit);
        }
        commit.append(self.place.stream(), self.base, self.events.iter().cloned())
    }

    fn guard(&self, commit: Commit) -> Commit {
        commit.check(self.place.stream(), self.base)
    }

    fn has_events(&self) -> bool {
        !self.events.is_empty()
    }

    fn version(&self) -> StreamVersion {
        self.loaded.version()
    }

    fn publish(&self) {
        self.place.know(self.loaded.clone());
    }

    fn remember(&self) {
        self.repository.shared().cache.put(self.place.stream(), &self.loaded);
    }

    fn forget(&self) {
        self.place.forget();
    }

    fn refresh(&self) -> BoxFuture<'_, Result<(), LoadError>> {
        Box::pin(async {
            self.place.know(self.repository.load_stream(self.place.stream()).await?);
            Ok(())
        })
    }
}
