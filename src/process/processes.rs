//! The instances of a process, in a store.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::OnceCell;

use super::ProcessOptions;
use super::contract::ProcessManager;
use super::decide::Decision;
use super::entry::{CATEGORY, Entry};
use super::instance::Instance;
use super::listed::{self, BoxError};
use super::wire;
use crate::event;
use crate::message::handler::{HandleError, Handler};
use crate::ports::{
    BackendError, Clock, EventStore, EventStoreExt, Fault, Ids, RowStore, SystemClock, SystemIds,
    telemetry,
};
use crate::types::{Commit, InvalidStreamId, Message, StreamId, StreamVersion, category_is_valid};

/// The instances of a process, in the store of the service that owns them.
///
/// It is the [`Handler`](crate::inbox::Handler) of a consumer: what an instance has heard, the messages it sends, its timers and
/// the mark that the message was handled become durable **together, or not at all**. Whatever comes again changes nothing, also
/// after the consumer's mark is gone. Two messages for one instance never decide on the same state.
///
/// Clones are handles of the same.
#[must_use = "a process does nothing until a consumer is started with it"]
pub struct Processes<P, S> {
    pub(super) process: Arc<P>,
    pub(super) store: Arc<S>,
    options: ProcessOptions,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) ids: Arc<dyn Ids>,
    prepared: Arc<OnceCell<()>>,
}

/// A name that no process can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`ProcessManager::NAME` must be 1 to 64 of a-z, 0-9 and _")]
pub struct InvalidProcessName;

impl<P: ProcessManager, S: EventStore + RowStore> Processes<P, S> {
    /// The instances of `process` in `store`.
    ///
    /// # Errors
    /// [`InvalidProcessName`] if the process is named as none can be.
    pub fn new(process: P, store: S) -> Result<Self, InvalidProcessName> {
        if !category_is_valid(P::NAME) {
            return Err(InvalidProcessName);
        }
        Ok(Self {
            process: Arc::new(process),
            store: Arc::new(store),
            options: ProcessOptions::default(),
            clock: Arc::new(SystemClock),
            ids: Arc::new(SystemIds),
            prepared: Arc::new(OnceCell::new()),
        })
    }

    /// Sets the bounds.
    pub fn options(mut self, options: ProcessOptions) -> Self {
        self.options = options;
        self
    }

    /// Sets the clock from which timers are counted.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Sets where the ids of what is written down are drawn from. Those of messages follow from what they answer.
    pub fn ids(mut self, ids: impl Ids) -> Self {
        self.ids = Arc::new(ids);
        self
    }

    /// The rows of open instances have a place.
    pub(super) async fn prepare(&self) -> Result<(), BackendError> {
        let prepare = || async {
            let set = listed::set()
                .map_err(|why| BackendError::new("process", "prepare", Fault::Other, why))?;
            self.store.prepare(&set).await
        };
        self.prepared.get_or_try_init(prepare).await.map(drop)
    }

    /// The record of an instance, and what it says.
    pub(super) async fn read(&self, id: &str) -> Result<Instance<P>, ReadError> {
        let events = self.store.read_tail(&stream::<P>(id)?, StreamVersion::NONE).await?;
        let mut instance = Instance::<P>::new();
        for recorded in events.iter().filter(|event| !event.closes()) {
            let entry =
                event::decode::<Entry>(recorded).map_err(|why| ReadError::Entry(why.into()))?;
            instance.apply(&*self.process, &entry).map_err(ReadError::Entry)?;
            instance.since = Some(recorded.recorded_at());
        }
        Ok(instance)
    }

    /// Decides on an instance.
    pub(super) async fn decide(
        &self,
        id: &str,
        how: impl FnOnce(&mut Decision<'_, P>) -> Result<(), BoxError> + Send,
    ) -> Result<Option<Commit>, ReadError> {
        let instance = self.read(id).await?;
        let version = instance.version;
        let now = self.clock.now();
        let mut decision =
            Decision::new(&*self.process, &self.options, instance, id, now, self.ids.draw());
        how(&mut decision).map_err(ReadError::Entry)?;
        let Decision { instance, entries, envelopes, .. } = decision;
        if entries.is_empty() {
            return Ok(None);
        }
        let mut events = Vec::with_capacity(entries.len());
        for (id, entry) in entries {
            events.push(event::encode(&entry, id).map_err(|why| ReadError::Entry(why.into()))?);
        }
        let row = listed::row(id, &instance, now).map_err(ReadError::Entry)?;
        let commit = Commit::new().append(&stream::<P>(id)?, version, events).rows([row]);
        Ok(Some(envelopes.iter().fold(commit, Commit::send)))
    }
}

/// The stream that is the record of an instance.
pub(super) fn stream<P: ProcessManager>(id: &str) -> Result<StreamId, InvalidStreamId> {
    StreamId::new(CATEGORY, format!("{}/{id}", P::NAME))
}

/// An instance cannot be read, or decided on.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReadError {
    #[error(transparent)]
    Store(#[from] BackendError),
    #[error(
        "an instance is named with 1 to 189 bytes without control characters, its process included"
    )]
    Id(#[from] InvalidStreamId),
    #[error("the record of the instance does not fit the process")]
    Entry(#[source] BoxError),
}

impl From<ReadError> for HandleError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Store(error) => error.into(),
            error => Self::never(error),
        }
    }
}

#[async_trait]
impl<P: ProcessManager, S: EventStore + RowStore> Handler for Processes<P, S> {
    async fn handle(&self, message: &Message) -> Result<Commit, HandleError> {
        let says = wire::read(&*self.process, &message.envelope).map_err(HandleError::never)?;
        let Some(id) = says.instance().map(str::to_owned) else { return Ok(Commit::new()) };
        self.prepare().await?;
        let commit = self
            .decide(&id, |decision| {
                let was_parked = decision.instance.parked.is_some();
                decision.comes(message, says)?;
                if let Some((_, why)) = decision.instance.parked.as_ref().filter(|_| !was_parked) {
                    tracing::error!(process = P::NAME, instance = %id, why, "an instance is parked");
                    telemetry::process_parked(P::NAME);
                }
                Ok(())
            })
            .await?;
        Ok(commit.unwrap_or_default())
    }
}

impl<P, S> Clone for Processes<P, S> {
    fn clone(&self) -> Self {
        Self {
            process: Arc::clone(&self.process),
            store: Arc::clone(&self.store),
            options: self.options,
            clock: Arc::clone(&self.clock),
            ids: Arc::clone(&self.ids),
            prepared: Arc::clone(&self.prepared),
        }
    }
}

impl<P: ProcessManager, S> fmt::Debug for Processes<P, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Processes")
            .field("process", &P::NAME)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
