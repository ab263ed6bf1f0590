//! The runner of commands.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::cache::Cache;
use super::desk::Desk;
use super::lane::{Ground, Lanes, Place};
use super::snapshot::{Keeper, SnapshotPolicy, Snapshots, Snapshotted};
use super::{Aggregate, Execute, ExecuteError, Handle, Loaded, Options};
use crate::event::{Event, EventError};
use crate::ports::{BackendError, EventStore, RowStore, telemetry};
use crate::types::{
    EventId, InvalidStreamId, ReadFrom, RecordedEvent, StreamId, StreamVersion, category_is_valid,
};

/// Runs the commands of one type of aggregates: loads, decides, commits; tries again when somebody else was
/// faster. See the [module](super) for an example and for what it promises.
///
/// Clones are cheap and share the queues and the cache. Two repositories that are not clones are like two
/// processes: correct, but they conflict.
pub struct Repository<A: Aggregate>(Arc<Shared<A>>);

pub(super) struct Shared<A: Aggregate> {
    pub(super) desk: Desk,
    pub(super) options: Options,
    pub(super) cache: Cache<A>,
    snapshots: Option<Box<dyn Snapshots<A>>>,
    lanes: Lanes<A>,
}

/// What went wrong before there was a decision.
#[derive(Debug)]
pub(super) enum LoadError {
    Id(InvalidStreamId),
    Event(EventError),
    Read(BackendError),
}

impl<A: Aggregate> Repository<A> {
    /// A repository on a store: a backend's handle, or an `Arc<dyn EventStore>`.
    pub fn new(store: impl EventStore) -> Self {
        Self::with_options(store, Options::default())
    }

    /// A repository that differs from the usual one.
    pub fn with_options(store: impl EventStore, options: Options) -> Self {
        Self::on(Arc::new(store), options, None)
    }

    /// A repository that stores states beside their streams now and then, and loads from there.
    ///
    /// A snapshot changes how long a load takes, and nothing else: one that does not fit is passed over, see [`Snapshotted`]. It is stored
    /// on a task of its own, never within a command; one that cannot be stored is forgotten.
    pub fn with_snapshots<S>(store: S, options: Options, policy: SnapshotPolicy) -> Self
    where
        A: Snapshotted,
        S: EventStore + RowStore,
    {
        let store = Arc::new(store);
        let keeper = Keeper::<A>::new(Arc::<S>::clone(&store), policy);
        Self::on(store, options, Some(Box::new(keeper)))
    }

    fn on(
        store: Arc<dyn EventStore>,
        options: Options,
        snapshots: Option<Box<dyn Snapshots<A>>>,
    ) -> Self {
        const {
            assert!(
                category_is_valid(<A::Event as Event>::CATEGORY),
                "a stream's category is 1 to 64 of a-z, 0-9 and _"
            );
        };
        let desk = Desk::new(store, &options);
        let cache = Cache::new(options.cached_states_max);
        Self(Arc::new(Shared { desk, options, cache, snapshots, lanes: Lanes::new() }))
    }

    /// The newest state of `id`; the default state if it has no events.
    ///
    /// # Errors
    /// [`ExecuteError::Id`], [`ExecuteError::Event`] or [`ExecuteError::Read`].
    ///
    /// # Cancel safety
    /// Loading changes nothing; the future may be dropped.
    pub async fn load(
        &self,
        id: impl AsRef<str>,
    ) -> Result<Loaded<A>, ExecuteError<std::convert::Infallible>> {
        let stream = Self::stream(id)?;
        Ok(self.load_stream(&stream).await?)
    }

    /// Decides on the state of `id`, and commits what was decided. `decide` must be pure: it is run again
    /// after a conflict, and the last run counts.
    ///
    /// The answer is a builder; awaiting it runs the command.
    pub fn execute<R, D>(&self, id: impl Into<String>, decide: D) -> Execute<'_, A, D>
    where
        D: Fn(&A) -> Result<Vec<A::Event>, R> + Send + Sync,
        R: Send,
    {
        Execute::new(self, id.into(), decide)
    }

    /// The same for a command as data.
    #[allow(clippy::type_complexity, reason = "the type of a closure has no other name")]
    pub fn handle(
        &self,
        id: impl Into<String>,
        command: A::Command,
    ) -> Execute<'_, A, impl Fn(&A) -> Result<Vec<A::Event>, A::Error> + Send + Sync>
    where
        A: Handle,
    {
        self.execute(id, move |state: &A| state.handle(command.clone()))
    }

    /// Drops all states that are kept in memory, so that they are read anew. Nobody needs it for states to be the newest; it is for
    /// what they hold, as after a person was [forgotten](crate::Personal).
    pub fn clear_cache(&self) {
        self.0.cache.clear();
    }

    pub(super) fn shared(&self) -> &Arc<Shared<A>> {
        &self.0
    }

    pub(super) fn stream(id: impl AsRef<str>) -> Result<StreamId, InvalidStreamId> {
        StreamId::new(A::Event::CATEGORY, id)
    }

    pub(super) fn enter(&self, stream: &StreamId) -> Place<A> {
        self.0.lanes.enter(stream)
    }

    /// The newest state, from the cached one on if there is one.
    pub(super) async fn load_stream(&self, stream: &StreamId) -> Result<Loaded<A>, LoadError> {
        let (began, shared) = (Instant::now(), &self.0);
        // Before anything is read: what is told meanwhile may be told no more afterwards.
        let forgettings = shared.forgettings();
        let loaded = match shared.cached(stream) {
            Some(known) => self.catch_up(stream, known).await?,
            None => self.load_anew(stream).await?.read_at(forgettings),
        };
        shared.keep(stream, &loaded, Some(began.elapsed()));
        Ok(loaded)
    }

    /// The newest state, from the stored one on if there is one.
    async fn load_anew(&self, stream: &StreamId) -> Result<Loaded<A>, LoadError> {
        if let Some(snapshots) = &self.0.snapshots
            && let Some(stored) = snapshots.find(stream).await
        {
            if let Some(loaded) = self.continue_from(stream, stored).await? {
                return Ok(loaded);
            }
            snapshots.reject(stream);
        }
        self.catch_up(stream, Loaded::nothing()).await
    }

    /// A stored state, and the events since; `None` if the stream is another one than the state was folded from.
    async fn continue_from(
        &self,
        stream: &StreamId,
        mut stored: Loaded<A>,
    ) -> Result<Option<Loaded<A>>, LoadError> {
        let before = StreamVersion::new(stored.version().get().saturating_sub(1));
        let from = ReadFrom::After(before);
        let page = self.0.desk.store.read_stream(stream, from, usize::MAX).await?;
        match page.events.split_first() {
            Some((last, since)) if Some(last.id()) == stored.newest() => {
                for recorded in since {
                    stored.fold(recorded)?;
                }
                telemetry::snapshot(A::Event::CATEGORY, "used");
                Ok(Some(if page.has_more { self.catch_up(stream, stored).await? } else { stored }))
            }
            // The log is not the one that it was, or the state never became durable.
            _ => Ok(None),
        }
    }

    /// `known`, and the events since, page by page.
    pub(super) async fn catch_up(
        &self,
        stream: &StreamId,
        mut known: Loaded<A>,
    ) -> Result<Loaded<A>, LoadError> {
        loop {
            let from = ReadFrom::After(known.version());
            let page = self.0.desk.store.read_stream(stream, from, usize::MAX).await?;
            for recorded in &page.events {
                known.fold(recorded)?;
            }
            if !page.has_more {
                return Ok(known);
            }
        }
    }

    /// The newest state, if `known` is not it. A state that was published before it is durable may stand
    /// beyond the end of its stream, so the event that made it is read again.
    pub(super) async fn newer_than(
        &self,
        stream: &StreamId,
        known: &Loaded<A>,
    ) -> Result<Option<Loaded<A>>, LoadError> {
        let Some(before) = known.version().get().checked_sub(1).map(StreamVersion::new) else {
            let newest = self.catch_up(stream, known.clone()).await?;
            return Ok(Some(newest).filter(|newest| newest.version() > known.version()));
        };
        let page = self.0.desk.store.read_stream(stream, ReadFrom::After(before), 2).await?;
        match &*page.events {
            [last] if Some(last.id()) == known.newest() => Ok(None),
            _ => self.load_stream(stream).await.map(Some),
        }
    }

    /// What to decide on, for whoever has the turn, and whether it was read just now.
    pub(super) async fn ground(&self, lane: &Place<A>) -> Result<(Ground<A>, bool), LoadError> {
        if let Some(ground) = lane.ground() {
            if self.0.may_tell(&ground.loaded) {
                return Ok((ground, false));
            }
            // It is read anew when what others have decided upon it is committed. While this one has the turn, nobody adds to that.
            if let Some(tail) = ground.tail {
                Box::pin(tail.drive(lane, &self.0.desk)).await;
            }
        }
        if !lane.is_suspect()
            && let Some(cached) = self.0.cached(lane.stream())
        {
            return Ok((lane.know(cached), false));
        }
        // Boxed: the commands that find the state in the cache have no room for it in their futures.
        let loaded = Box::pin(self.load_stream(lane.stream())).await?;
        Ok((lane.know(loaded), true))
    }

    /// The state at version `upto`, and those of the events up to it that `is_ours` picks.
    pub(super) async fn replay(
        &self,
        stream: &StreamId,
        is_ours: impl Fn(&RecordedEvent) -> bool,
        upto: StreamVersion,
    ) -> Result<(Loaded<A>, Vec<A::Event>), LoadError> {
        let (mut state, mut ours) = (Loaded::<A>::nothing(), Vec::new());
        while state.version() < upto {
            let from = ReadFrom::After(state.version());
            let page = self.0.desk.store.read_stream(stream, from, usize::MAX).await?;
            for recorded in page.events.iter().take_while(|event| event.version() <= upto) {
                let events = state.fold(recorded)?;
                if is_ours(recorded) {
                    ours.extend(events);
                }
            }
            if !page.has_more {
                break;
            }
        }
        Ok((state, ours))
    }

    pub(super) fn fresh_id(&self) -> EventId {
        EventId::new(self.0.options.ids.draw())
    }
}

impl<A: Aggregate> Shared<A> {
    /// How often the store has forgotten somebody.
    fn forgettings(&self) -> u64 {
        self.desk.store.forgettings()
    }

    /// Whether nobody was forgotten since what made the state was read.
    pub(super) fn may_tell(&self, loaded: &Loaded<A>) -> bool {
        loaded.forgettings() == self.forgettings()
    }

    /// The cached state of a stream, which others may have moved.
    pub(super) fn cached(&self, stream: &StreamId) -> Option<Loaded<A>> {
        self.cache.get(stream).filter(|known| self.may_tell(known))
    }

    /// Remembers a state, which took so long to load, if it was loaded.
    pub(super) fn keep(&self, stream: &StreamId, loaded: &Loaded<A>, took: Option<Duration>) {
        self.cache.put(stream, loaded);
        if let Some(snapshots) = &self.snapshots {
            snapshots.offer(stream, loaded, took);
        }
    }
}

impl<A: Aggregate> Clone for Repository<A> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<A: Aggregate> fmt::Debug for Repository<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Repository")
            .field("category", &A::Event::CATEGORY)
            .field("store", &self.0.desk.store)
            .finish_non_exhaustive()
    }
}

impl From<InvalidStreamId> for LoadError {
    fn from(error: InvalidStreamId) -> Self {
        Self::Id(error)
    }
}

impl From<EventError> for LoadError {
    fn from(error: EventError) -> Self {
        Self::Event(error)
    }
}

impl From<BackendError> for LoadError {
    fn from(error: BackendError) -> Self {
        Self::Read(error)
    }
}

impl<R> From<LoadError> for ExecuteError<R> {
    fn from(error: LoadError) -> Self {
        match error {
            LoadError::Id(error) => Self::Id(error),
            LoadError::Event(error) => Self::Event(error),
            LoadError::Read(error) => Self::Read(error),
        }
    }
}

impl<R> From<LoadError> for super::WorkError<R> {
    fn from(error: LoadError) -> Self {
        match error {
            LoadError::Id(error) => Self::Id(error),
            LoadError::Event(error) => Self::Event(error),
            LoadError::Read(error) => Self::Read(error),
        }
    }
}
