//! A projection as a sink: rows and checkpoint in one commit.

use std::sync::Arc;

use async_trait::async_trait;

use super::contract::Projection;
use super::enrich::{Enrich, Facts};
use super::events::Events;
use super::fold::Decoded;
use super::generation::Pointer;
use super::memory::{Memories, Memory, Remembered};
use super::views::Wanted;
use crate::ports::RowStore;
use crate::subscription::{Applied, Batch, Partition, Sink, SinkError};
use crate::types::{Commit, Filter, LeaseName, Row, RowSet, RowsWanted};

/// Another build has taken the place of this one.
#[derive(Debug, thiserror::Error)]
#[error("another build of the views has taken the place of this one")]
struct Replaced;

/// A projection that is folded behind the log.
pub(super) struct ProjectionSink<P> {
    pub(super) projection: Arc<P>,
    pub(super) store: Arc<dyn RowStore>,
    pub(super) enrich: Option<Arc<dyn Enrich>>,
    /// The number of the build.
    pub(super) number: u32,
    pub(super) set: RowSet,
    pub(super) name: LeaseName,
    pub(super) filter: Filter,
    pub(super) memories: Memories,
}

impl<P: Projection> ProjectionSink<P> {
    /// What is there of what the batch touches: what is remembered of it, and the rest from the store.
    async fn load(&self, wanted: &Wanted, memory: &Memory) -> Result<Vec<Row>, SinkError> {
        let (mut rows, mut unknown) = (Vec::new(), Vec::new());
        for key in &wanted.keys {
            match memory.row(key) {
                Some(Remembered::Holds(value)) => {
                    rows.push(Row { key: key.clone(), value: value.clone() });
                }
                Some(Remembered::Gone) => {}
                None => unknown.push(key.clone()),
            }
        }
        for mut wanted in wanted.rows(unknown) {
            loop {
                let page = self.store.rows(&self.set, &wanted, None).await?;
                let last = page.rows.last().map(|row| row.key.clone());
                rows.extend(page.rows);
                match &mut wanted {
                    RowsWanted::Page { after, .. } if page.has_more => *after = last,
                    _ => break,
                }
            }
        }
        Ok(rows)
    }
}

#[async_trait]
impl<P: Projection> Sink for ProjectionSink<P> {
    fn name(&self) -> &LeaseName {
        &self.name
    }

    fn filter(&self) -> &Filter {
        &self.filter
    }

    // A view may be touched by several streams: it is the keys of the views that are shared out.
    fn is_partitioned_by_key(&self) -> bool {
        false
    }

    async fn prepare(&self, partition: Partition) -> Result<(), SinkError> {
        // Who has paused the projection may have mended a view.
        self.memories.forget(partition);
        // Who was away for long may come back to a build that was removed meanwhile. Made again, it would never go away: it
        // waits until it is told to stop.
        let pointer = Pointer::read(&*self.store, P::NAME).await?;
        if pointer.is_some_and(|pointer| !pointer.keeps_up(self.number)) {
            return Err(SinkError::transient(Replaced));
        }
        Ok(self.store.prepare(&self.set).await?)
    }

    async fn leave(&self, partition: Partition) {
        self.memories.forget(partition);
    }

    async fn apply(&self, batch: Batch<'_>) -> Result<Applied, SinkError> {
        let decoded = Decoded::<P>::of(batch.events(), batch.partition())?;
        let facts = match &self.enrich {
            Some(enrich) => enrich.enrich(batch.events()).await?,
            None => Facts::new(),
        };
        let wanted = decoded.wanted(&self.projection, &facts)?;
        let mut memory = self.memories.take(batch.partition(), batch.epoch());
        let before = self.load(&wanted, &memory).await?;
        let rows = decoded.fold(&self.projection, &self.set, wanted, before, &facts)?;
        // Who has caught up loads the views anew: nothing is gained, and a person may have mended one.
        let written = batch.has_more().then(|| rows.clone());
        let committed = self.store.commit(Commit::new().rows(rows).and(batch.checkpoint())).await?;
        // These are not the rows of a repetition.
        if let Some(written) = written.filter(|_| !committed.is_duplicate()) {
            memory.written(written);
            self.memories.put(batch.partition(), memory);
        }
        Ok(Applied::WithCheckpoint)
    }
}

/// The events that a projection wants. Categories of an [`Event`](crate::Event) are checked when they are used.
pub(super) fn filter<P: Projection>() -> Filter {
    let categories = <P::Events as Events<P>>::CATEGORIES.iter().copied();
    // An enum whose category is malformed does not compile, so this is never every event.
    Filter::categories(categories).unwrap_or_default()
}
