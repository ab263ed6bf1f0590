//! What all parts of a runner of sagas share.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use uuid::Uuid;

use super::book::Book;
use super::desk::Desk;
use super::id::SagaId;
use super::instance::{Instance, records};
use super::json::Json;
use super::options::SagaOptions;
use super::outcome::told;
use super::record::Record;
use super::waiting::Signalled;
use crate::event::{self, Event};
use crate::ports::{BackendError, Clock, EventStore, EventStoreExt, Ids, RowStore};
use crate::retry::Seeds;
use crate::subscription::Partition;
use crate::types::StreamVersion;

/// What keeps sagas: their logs are streams, the list of those that are not over is rows, and leases say who looks after
/// which. Every store that is both is one; `saga_store_conformance!` of the testkit tests all that it must keep.
pub trait SagaStore: EventStore + RowStore {}

impl<S: EventStore + RowStore + ?Sized> SagaStore for S {}

pub(super) struct Shared {
    pub(super) store: Arc<dyn SagaStore>,
    pub(super) book: Book,
    /// This run of this process.
    pub(super) owner: Uuid,
    pub(super) options: SagaOptions,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) ids: Arc<dyn Ids>,
    pub(super) seeds: Seeds,
    pub(super) desk: Desk,
    /// The parts of the list of sagas that this process looks after.
    pub(super) parts: Mutex<HashSet<u32>>,
}

/// A signal, as the event that it is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Signal {
    Signalled { signal: String, payload: Json },
}

impl Event for Signal {
    const CATEGORY: &'static str = super::id::SIGNALS;
}

impl Shared {
    // A set is whole whoever panicked.
    pub(super) fn parts(&self) -> MutexGuard<'_, HashSet<u32>> {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether this process looks after a saga, unless another runs it.
    pub(super) fn looks_after(&self, id: &SagaId) -> bool {
        let mut parts = Partition::all(self.options.partitions);
        let part = parts.find(|part| part.owns(id.as_str()));
        !self.desk.is_closed() && part.is_some_and(|part| self.parts().contains(&part.index()))
    }

    /// When to see whether a parked saga has been taken over, if its part is another's: nobody tells, and it would be kept for
    /// ever.
    pub(super) fn looks_again(&self, id: &SagaId) -> Option<Instant> {
        (!self.looks_after(id)).then(|| Instant::now() + 2 * self.options.adopt_after)
    }

    /// When a time has come on the clock of the runtime.
    pub(super) fn instant(&self, time: DateTime<Utc>) -> Instant {
        let left = (time - self.clock.now()).to_std().unwrap_or_default();
        let now = Instant::now();
        // So far away that nobody will live to see it.
        now.checked_add(left).unwrap_or_else(|| now + std::time::Duration::from_hours(24 * 365))
    }

    /// What others have written into a saga's log.
    pub(super) async fn tail(
        &self,
        saga: &Instance,
    ) -> Result<Vec<(Record, DateTime<Utc>)>, String> {
        let tail = self.store.read_tail(saga.id.stream(), saga.version).await;
        records(&tail.map_err(|error| told(&error))?)
    }

    /// The first signal of that name for a saga, if there is one.
    pub(super) async fn signal_for(
        &self,
        id: &SagaId,
        name: &str,
    ) -> Result<Signalled, BackendError> {
        let Ok(stream) = id.signals() else { return Ok(None) };
        let events = self.store.read_tail(&stream, StreamVersion::NONE).await?;
        let signals = events.iter().filter_map(|event| event::decode::<Signal>(event).ok());
        let mut named = signals.filter_map(|Signal::Signalled { signal, payload }| {
            (signal == name).then_some(payload)
        });
        Ok(named.next())
    }
}
