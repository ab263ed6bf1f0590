//! The handle on a service's sagas: starts them, waits for them, signals and cancels them.

use std::fmt;
use std::sync::{Arc, Mutex};

use chrono::Utc;
use uuid::Uuid;

use super::append::{Log, append_now};
use super::book::{Book, Registered};
use super::contract::Saga;
use super::desk::{Desk, Wake};
use super::error::{OperateError, StartError};
use super::handle::Value;
use super::id::SagaId;
use super::instance::{Instance, Opened, later, metadata};
use super::json::Json;
use super::node::Fault;
use super::options::SagaOptions;
use super::record::{Record, Started};
use super::running::take_turn;
use super::shared::{SagaStore, Shared, Signal};
use crate::event;
use crate::ports::{Clock, CommitError, EventStore, Ids, Store, SystemClock, SystemIds, telemetry};
use crate::retry::Seeds;
use crate::types::{Commit, EventId, ExpectedVersion, Metadata, ReadFrom, StreamVersion};

/// Says which sagas a service has, and where they are kept.
#[must_use = "nothing is there before it is built"]
pub struct SagasBuilder {
    store: Arc<dyn SagaStore>,
    book: Book,
    options: SagaOptions,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    seed: Option<u64>,
}

impl SagasBuilder {
    /// Adds a saga.
    ///
    /// # Errors
    /// [`Fault`] if its definition cannot be.
    pub fn saga<S: Saga>(mut self, saga: &S) -> Result<Self, Fault> {
        self.book.add(Registered::of(saga)?)?;
        Ok(self)
    }

    /// Sets the bounds.
    pub fn options(mut self, options: SagaOptions) -> Self {
        self.options = options;
        self
    }

    /// Tells the time by another clock than the machine's.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Draws ids elsewhere.
    pub fn ids(mut self, ids: impl Ids) -> Self {
        self.ids = Arc::new(ids);
        self
    }

    /// Draws the waits between retries from a seed.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// The handle. Nothing runs before [`Sagas::run`].
    #[must_use]
    pub fn build(self) -> Sagas {
        let Self { store, book, options, clock, ids, seed } = self;
        let owner = ids.draw();
        let (seeds, desk) = (Seeds::new(seed), Desk::new());
        let parts = Mutex::default();
        Sagas(Arc::new(Shared { store, book, owner, options, clock, ids, seeds, desk, parts }))
    }
}

impl fmt::Debug for SagasBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SagasBuilder").field("options", &self.options).finish_non_exhaustive()
    }
}

/// The sagas of a service: starts them, waits for them, and lets an operator look at them and help.
///
/// Clones are cheap and share everything. Whoever only starts or operates needs no runner in the same process.
#[derive(Clone)]
pub struct Sagas(pub(super) Arc<Shared>);

/// The start of a saga as a value, to be committed with what caused it.
#[derive(Clone, Debug)]
#[must_use = "a saga begins when its commit is committed"]
pub struct Starting {
    id: SagaId,
    commit: Commit,
}

impl Starting {
    /// Which saga it will be.
    #[must_use]
    pub const fn id(&self) -> &SagaId {
        &self.id
    }

    /// The start, as a part of another commit. If the saga was started before, the commit meets a conflict.
    pub fn into_commit(self) -> Commit {
        self.commit
    }
}

impl Sagas {
    /// Sagas that are kept in a store.
    pub fn builder(store: impl SagaStore) -> SagasBuilder {
        SagasBuilder {
            store: Arc::new(store),
            book: Book::default(),
            options: SagaOptions::default(),
            clock: Arc::new(SystemClock),
            ids: Arc::new(SystemIds),
            seed: None,
        }
    }

    /// Starts a saga. If it was started before with the same input, this changes nothing: two starts with one key are one
    /// saga. When this returns, the saga will come to an end, whatever happens to this process.
    ///
    /// # Errors
    /// [`StartError`]; [`StartError::Changed`] if it was started before with another input.
    ///
    /// # Cancel safety
    /// It was started or not; starting it again is safe.
    pub async fn start<S: Saga>(&self, key: &str, input: S::Input) -> Result<SagaId, StartError> {
        let shared = &self.0;
        let (definition, id, started) = self.begin::<S>(key, &input, Some(shared.owner))?;
        let is_ours = shared.desk.reserve(&id);
        let started = if is_ours { started } else { Started { by: None, ..started } };
        let expected = Expected { shared, id: id.clone(), is_over: false };
        let metadata = metadata(&id);
        let commit = self.commit_of(&id, &started, &metadata)?;
        let committed = shared.store.commit(commit).await;
        match committed {
            Ok(_) if is_ours => {
                expected.has_come();
                let (input, now) = (Arc::new(input) as Arc<Value>, shared.clock.now());
                let saga = Instance::begun(id.clone(), metadata, definition, &started, input, now);
                telemetry::saga_started(S::NAME);
                if let Some((runtime, turn)) = shared.desk.begin(Box::new(saga)) {
                    runtime.spawn(take_turn(Arc::clone(shared), turn));
                }
                Ok(id)
            }
            Ok(_) => {
                expected.has_come();
                Ok(id)
            }
            Err(CommitError::Conflict(_) | CommitError::Closed(_) | CommitError::IdReused(_)) => {
                expected.has_not_come();
                self.is_the_same(&id, &started).await?;
                Ok(id)
            }
            Err(error @ CommitError::Forgotten(_)) => {
                expected.has_not_come();
                // It may have been started before somebody was forgotten.
                match self.is_the_same(&id, &started).await {
                    Err(StartError::Changed(_)) => Err(error.into()),
                    same => same.map(|()| id),
                }
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The start as a value, to be committed with what caused it. Whoever looks after the saga sees it in the log.
    ///
    /// # Errors
    /// [`StartError`], but none of a store.
    pub fn starting<S: Saga>(&self, key: &str, input: &S::Input) -> Result<Starting, StartError> {
        let (_, id, mut started) = self.begin::<S>(key, input, None)?;
        if self.0.looks_after(&id) {
            // It need not be taken over first.
            started.by = Some(self.0.owner);
        }
        let commit = self.commit_of(&id, &started, &metadata(&id))?;
        Ok(Starting { id, commit })
    }

    fn begin<S: Saga>(
        &self,
        key: &str,
        input: &S::Input,
        by: Option<Uuid>,
    ) -> Result<(Arc<Registered>, SagaId, Started), StartError> {
        let id = SagaId::new(S::NAME, key).map_err(|_| StartError::Key)?;
        let definition = self.0.book.get(S::NAME).ok_or(StartError::Unknown(S::NAME))?;
        let after = |time| later(self.0.clock.now(), time).timestamp_millis();
        let deadline = definition.deadline.map(after);
        let started = Started {
            version: definition.version,
            fingerprint: definition.fingerprint,
            input: Json::of(input).map_err(StartError::Input)?,
            by,
            deadline,
        };
        Ok((Arc::clone(definition), id, started))
    }

    fn commit_of(
        &self,
        id: &SagaId,
        started: &Started,
        metadata: &Metadata,
    ) -> Result<Commit, StartError> {
        let event = event::encode(&Record::Started(started.clone()), self.fresh_id())?;
        let event = event.with_metadata(metadata.clone());
        Ok(Commit::new().append(id.stream(), ExpectedVersion::NoStream, [event]))
    }

    fn fresh_id(&self) -> EventId {
        EventId::new(self.0.ids.draw())
    }

    /// Whether the saga that has this key was given the same.
    async fn is_the_same(&self, id: &SagaId, started: &Started) -> Result<(), StartError> {
        let from = ReadFrom::After(StreamVersion::NONE);
        let page = self.0.store.read_stream(id.stream(), from, 1).await?;
        let first = page.events.first().map(event::decode::<Record>).transpose()?;
        match first {
            Some(Record::Started(first)) if started.input.is_recorded_as(&first.input) => Ok(()),
            _ => Err(StartError::Changed(id.clone())),
        }
    }

    /// Sends a signal to a saga, whether it waits for it already, or will, or has not even been started. Of several signals
    /// of one name the first counts. `message` tells a repetition: the same signal sent twice is there once.
    ///
    /// # Errors
    /// [`OperateError`] if it is malformed, or cannot be written.
    pub async fn signal<T: super::Payload>(
        &self,
        id: &SagaId,
        name: &str,
        message: &str,
        payload: &T,
    ) -> Result<(), OperateError> {
        let stream = id.signals().map_err(|_| OperateError::Missing(id.clone()))?;
        let payload =
            Json::of(payload).map_err(|error| OperateError::Unreadable(error.to_string()))?;
        let text = format!("{id}:{name}:{message}");
        let event_id = EventId::new(Uuid::new_v5(&Uuid::NAMESPACE_OID, text.as_bytes()));
        let signal = Signal::Signalled { signal: name.to_owned(), payload };
        let event = event::encode(&signal, event_id)
            .map_err(|error| OperateError::Unreadable(error.to_string()))?;
        let commit = Commit::new().append(&stream, ExpectedVersion::Any, [event]);
        self.0.store.commit(commit).await?;
        self.0.desk.wake_if_held(id);
        Ok(())
    }

    /// The time now, on the clock of this handle.
    pub(super) fn now(&self) -> chrono::DateTime<Utc> {
        self.0.clock.now()
    }

    /// Opens a saga to look at it, or to write into it.
    pub(super) async fn open(&self, id: &SagaId) -> Result<Box<Instance>, OperateError> {
        match Instance::open(&*self.0.store, &self.0.book, id).await? {
            Opened::Instance(saga) => Ok(saga),
            Opened::Nothing => Err(OperateError::Missing(id.clone())),
            Opened::Over { ended, .. } => Err(OperateError::Over(ended)),
            Opened::Stuck(why) => Err(OperateError::Unreadable(why)),
        }
    }

    /// Writes a record into a saga's log, if nobody else has meanwhile.
    pub(super) async fn write(
        &self,
        id: &SagaId,
        log: &Log<'_>,
        record: &Record,
    ) -> Result<bool, OperateError> {
        let is_written = append_now(&self.0, log, record).await?;
        if is_written {
            self.0.desk.wake(id, Wake::IfOurs);
        }
        Ok(is_written)
    }
}

/// A start that is under way. If nobody learns what came of it, the log is looked at.
struct Expected<'a> {
    shared: &'a Arc<Shared>,
    id: SagaId,
    is_over: bool,
}

impl Expected<'_> {
    fn has_come(mut self) {
        self.is_over = true;
    }

    fn has_not_come(mut self) {
        self.shared.desk.give_back(&self.id);
        self.is_over = true;
    }
}

impl Drop for Expected<'_> {
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        self.shared.desk.give_back(&self.id);
        self.shared.desk.wake(&self.id, Wake::IfOurs);
    }
}

impl fmt::Debug for Sagas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sagas")
            .field("owner", &self.0.owner)
            .field("options", &self.0.options)
            .finish_non_exhaustive()
    }
}
