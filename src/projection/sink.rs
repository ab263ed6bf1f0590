//! A projection as a sink: rows and checkpoint in one commit.

use std::sync::Arc;

use async_trait::async_trait;

use super::contract::Projection;
use super::enrich::{Enrich, Facts};
use super::events::Events;
use super::fold::Decoded;
use super::views::Wanted;
use crate::ports::RowStore;
use crate::subscription::{Applied, Batch, Partition, Sink, SinkError};
use crate::types::{Commit, Filter, LeaseName, Row, RowSet, RowsWanted};

/// A projection that is folded behind the log.
pub(super) struct ProjectionSink<P> {
    pub(super) projection: Arc<P>,
    pub(super) store: Arc<dyn RowStore>,
    pub(super) enrich: Option<Arc<dyn Enrich>>,
    pub(super) set: RowSet,
    pub(super) name: LeaseName,
    pub(super) filter: Filter,
}

impl<P: Projection> ProjectionSink<P> {
    /// What is there of what the batch touches.
    async fn load(&self, wanted: &Wanted) -> Result<Vec<Row>, SinkError> {
        let mut rows = Vec::new();
        for mut wanted in wanted.rows() {
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

    async fn prepare(&self, _: Partition) -> Result<(), SinkError> {
        Ok(self.store.prepare(&self.set).await?)
    }

    async fn apply(&self, batch: Batch<'_>) -> Result<Applied, SinkError> {
        let decoded = Decoded::<P>::of(batch.events(), batch.partition())?;
        let facts = match &self.enrich {
            Some(enrich) => enrich.enrich(batch.events()).await?,
            None => Facts::new(),
        };
        let wanted = decoded.wanted(&self.projection, &facts)?;
        let before = self.load(&wanted).await?;
        let rows = decoded.fold(&self.projection, &self.set, wanted, before, &facts)?;
        self.store.commit(Commit::new().rows(rows).and(batch.checkpoint())).await?;
        Ok(Applied::WithCheckpoint)
    }
}

/// The events that a projection wants. Categories of an [`Event`](crate::Event) are checked when they are used.
pub(super) fn filter<P: Projection>() -> Filter {
    let categories = <P::Events as Events<P>>::CATEGORIES.iter().copied();
    // An enum whose category is malformed does not compile, so this is never every event.
    Filter::categories(categories).unwrap_or_default()
}
