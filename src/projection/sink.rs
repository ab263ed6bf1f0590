//! A projection as a sink: rows and checkpoint in one commit.

use std::sync::Arc;

use async_trait::async_trait;

use super::contract::Projection;
use super::enrich::{Enrich, Facts};
use super::events::Events;
use super::fold::Decoded;
use super::views::Wanted;
use crate::ports::RowStore;
use crate::subscription::{Applied, Batch, Sink, SinkError};
use crate::types::{Commit, Filter, LeaseName, Row, RowSet, RowsWanted};

/// How many rows under a prefix are loaded at a time.
const PAGE: usize = 1_000;

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
        if !wanted.keys.is_empty() {
            let keys = RowsWanted::Keys(wanted.keys.iter().cloned().collect());
            rows = self.store.rows(&self.set, &keys, None).await?.rows;
        }
        for prefix in &wanted.prefixes {
            let prefix: Arc<str> = prefix.as_str().into();
            let mut after = None;
            loop {
                let page = RowsWanted::Page { prefix: prefix.clone(), after, limit: PAGE };
                let page = self.store.rows(&self.set, &page, None).await?;
                after = page.rows.last().map(|row| row.key.clone());
                rows.extend(page.rows);
                if !page.has_more {
                    break;
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

    async fn prepare(&self) -> Result<(), SinkError> {
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
