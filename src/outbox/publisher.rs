//! The sink of a relay.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use tokio::time::Instant;

use super::marks::{self, Marks};
use super::options::RelayOptions;
use super::origin::{self, Origin, Route};
use super::send::{PartState, publish, trouble, unpublished};
use super::trim;
use crate::ports::{Broker, Clock, Extent, Feed, RowStore};
use crate::subscription::{Applied, Batch, Partition, Sink, SinkError};
use crate::types::{Commit, Filter, LeaseName, RecordedEvent, RowKey, RowsWanted, Source};

/// Publishes what a log has.
pub(super) struct Publisher {
    pub(super) name: LeaseName,
    pub(super) filter: Filter,
    pub(super) source: Source,
    pub(super) origin: Origin,
    pub(super) route: Arc<Route>,
    pub(super) broker: Arc<dyn Broker>,
    pub(super) store: Arc<dyn RowStore>,
    pub(super) feed: Feed,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) options: RelayOptions,
    /// What this process knows of the parts whose lease it has.
    pub(super) parts: Mutex<HashMap<u32, PartState>>,
}

impl Publisher {
    // What is behind the lock is whole between any two statements.
    fn parts(&self) -> MutexGuard<'_, HashMap<u32, PartState>> {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn lease(&self, part: Partition) -> LeaseName {
        self.name.part(part.index(), part.of())
    }

    async fn state_of(&self, part: Partition) -> Result<PartState, SinkError> {
        let set = marks::set().map_err(SinkError::fatal)?;
        self.store.prepare(&set).await?;
        let key = RowKey::new(self.lease(part).as_str()).map_err(SinkError::fatal)?;
        let page = self.store.rows(&set, &RowsWanted::Keys(vec![key]), None).await?;
        let marks = page.rows.first().map(|row| row.value.read::<Marks>()).transpose();
        let marks = marks.map_err(SinkError::fatal)?.unwrap_or_default();
        Ok(PartState::new(self.options.chained_keys_max, marks))
    }

    pub(super) fn read(&self, events: &[RecordedEvent]) -> Result<Vec<origin::Due>, SinkError> {
        origin::read(&self.origin, &*self.route, &self.source, events, self.clock.now())
    }

    async fn take_in(
        &self,
        state: &mut PartState,
        batch: &Batch<'_>,
    ) -> Result<Applied, SinkError> {
        let is_due = state.looked_at.elapsed() >= self.options.extent_interval;
        if is_due || state.must_look || state.lost_beyond.is_some() {
            self.heal(state, batch.partition()).await?;
        }
        let due = unpublished(state, self.read(batch.events())?);
        let published = publish(&self.name, &*self.broker, state, due).await;
        if state.lost_beyond.is_some() {
            return Err(SinkError::transient(Lost));
        }
        if let Some(refused) = published.map_err(trouble)? {
            return Err(refused.into());
        }
        state.stored.clear();
        let (Some(log), Some(last)) = (state.log.clone(), state.newest.take()) else {
            return Ok(Applied::UpTo(batch.upto()));
        };
        state.marks.note(&Extent::new(log, last), batch.upto());
        let row = state.marks.row(&self.lease(batch.partition())).map_err(SinkError::fatal)?;
        self.store.commit(Commit::new().rows([row]).and(batch.checkpoint())).await?;
        Ok(Applied::WithCheckpoint)
    }
}

/// The broker has put a message where it had put another.
#[derive(Debug, thiserror::Error)]
#[error("the broker has lost messages that it had stored")]
pub(super) struct Lost;

/// The runner prepares every part before its first batch.
#[derive(Debug, thiserror::Error)]
#[error("the part was not prepared")]
struct Unprepared;

#[async_trait]
impl Sink for Publisher {
    fn name(&self) -> &LeaseName {
        &self.name
    }

    fn filter(&self) -> &Filter {
        &self.filter
    }

    async fn prepare(&self, part: Partition) -> Result<(), SinkError> {
        if let Feed::Messages(_) = self.feed {
            trim::register(&*self.store, &self.name, part.of()).await?;
        }
        let mut state = self.state_of(part).await?;
        self.recall(&mut state, part).await?;
        self.heal(&mut state, part).await?;
        self.parts().insert(part.index(), state);
        Ok(())
    }

    async fn apply(&self, batch: Batch<'_>) -> Result<Applied, SinkError> {
        let part = batch.partition();
        // Nobody else works at the part; and if this future is dropped, the lease is lost with what is known under it.
        let state = self.parts().remove(&part.index());
        let Some(mut state) = state else {
            return Err(SinkError::fatal(Unprepared));
        };
        let done = self.take_in(&mut state, &batch).await;
        self.parts().insert(part.index(), state);
        done
    }

    async fn leave(&self, part: Partition) {
        self.parts().remove(&part.index());
    }
}

impl PartState {
    /// The broker's log was seen to be like this.
    pub(super) fn has_looked(&mut self, extent: &Extent) {
        self.log = Some(extent.log.clone());
        self.looked_at = Instant::now();
        self.must_look = false;
        self.lost_beyond = None;
    }

    /// If the broker's log is like this now, and does not have all that it has stored of the batch under way, the batch is
    /// published as a whole.
    pub(super) fn forget_lost(&mut self, kept: &Extent) {
        let is_other = self.log.as_ref().is_some_and(|log| *log != kept.log);
        if is_other || self.newest.is_some_and(|newest| newest > kept.last) {
            self.stored.clear();
            self.newest = None;
        }
    }
}
