//! Reading a service's own events back.

use freehold::event::{self, EventError};
use freehold::trail;
use freehold::{
    Envelope, Event, EventStore, EventStoreExt, Filter, Position, RecordedEvent, StreamId,
    StreamVersion,
};
use uuid::Uuid;

use super::database::ServiceStore;
use super::failure::{Cause, Failure};

/// How many events are in memory at once.
const EVENTS_PER_PAGE: usize = 1_000;

/// The events of one service, for the service itself to read.
pub struct Feed<'a> {
    service: &'static str,
    store: &'a dyn EventStore,
}

impl std::fmt::Debug for Feed<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Feed").field(&self.service).finish()
    }
}

impl<'a> Feed<'a> {
    /// The feed of `service`, which keeps its events in `store`.
    #[must_use]
    pub const fn new(service: &'static str, store: &'a dyn EventStore) -> Self {
        Self { service, store }
    }

    /// Hands every event to `each`, in feed order, page by page.
    ///
    /// # Errors
    /// [`Failure::Failed`] if the store cannot read, or `each` cannot.
    ///
    /// # Cancel safety
    /// Reading changes nothing; the future may be dropped.
    pub async fn read(
        &self,
        mut each: impl FnMut(&RecordedEvent) -> Result<(), EventError> + Send,
    ) -> Result<(), Failure> {
        let failed = |error: Cause| Failure::failed(self.service, "read its events", error);
        let filter = Filter::all();
        let mut after = Position::START;
        loop {
            let page = self.store.read_all(after, &filter, EVENTS_PER_PAGE).await;
            let page = page.map_err(|error| failed(error.into()))?;
            for event in &page.events {
                each(event).map_err(|error| failed(error.into()))?;
            }
            if !page.has_more {
                return Ok(());
            }
            after = page.upto;
        }
    }

    /// The events of one stream, in their order.
    ///
    /// # Errors
    /// [`Failure::Failed`] if the store cannot read, or there is no such event any more.
    ///
    /// # Cancel safety
    /// As [`Feed::read`].
    pub async fn of_stream<E: Event>(&self, id: &str) -> Result<Vec<E>, Failure> {
        let failed = |error: Cause| Failure::failed(self.service, "read a stream", error);
        let stream = StreamId::new(E::CATEGORY, id).map_err(|error| failed(error.into()))?;
        let events = self.store.read_tail(&stream, StreamVersion::NONE).await;
        let events = events.map_err(|error| failed(error.into()))?;
        let mut decoded = Vec::with_capacity(events.len());
        for recorded in &events {
            decoded.extend(event::decode_all(recorded).map_err(|error| failed(error.into()))?);
        }
        Ok(decoded)
    }

    /// The events of one flow, in feed order. It reads all of the feed: an audit is rare here, and an index for it
    /// would be a [`Trail`](freehold::trail::Trail).
    ///
    /// # Errors
    /// [`Failure::Failed`] if the store cannot read.
    ///
    /// # Cancel safety
    /// As [`Feed::read`].
    pub async fn of_flow(&self, flow: Uuid) -> Result<Vec<RecordedEvent>, Failure> {
        let found = trail::scan(self.store, flow).await;
        let failed = |error: Cause| Failure::failed(self.service, "read its events", error);
        Ok(found.map_err(|error| failed(error.into()))?.events)
    }
}

/// All that a service knows of one flow, each in the order of its log.
#[derive(Debug, Default)]
pub struct Trail {
    /// What has happened.
    pub events: Vec<RecordedEvent>,
    /// What it has said, as far as its outbox still has it, each beside what the outbox says of it.
    pub messages: Vec<(RecordedEvent, Envelope)>,
}

impl Trail {
    /// What `service` knows of one flow. It reads all of its data, as [`Feed::of_flow`] does.
    ///
    /// # Errors
    /// [`Failure::Failed`] if the store cannot read.
    ///
    /// # Cancel safety
    /// As [`Feed::read`].
    pub async fn read(
        service: &'static str,
        store: &dyn ServiceStore,
        flow: Uuid,
    ) -> Result<Self, Failure> {
        let failed = |error: Cause| Failure::failed(service, "read its messages", error);
        let events = Feed::new(service, store).of_flow(flow).await?;
        let (mut messages, mut after) = (Vec::new(), Position::START);
        loop {
            let page = store.outbox_page(after, EVENTS_PER_PAGE).await;
            let page = page.map_err(|error| failed(error.into()))?;
            for kept in page.events {
                let said = Envelope::stored(kept.data()).map_err(|error| failed(error.into()))?;
                if said.metadata().correlation() == Some(flow) {
                    messages.push((kept, said));
                }
            }
            if !page.has_more {
                return Ok(Self { events, messages });
            }
            after = page.upto;
        }
    }
}
