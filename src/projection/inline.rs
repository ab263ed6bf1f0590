//! Strong projections: folded by the store within the append.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use super::contract::Projection;
use super::enrich::Facts;
use super::fold::Decoded;
use super::level::Inline;
use super::memory::{self, Memories};
use super::model::Model;
use super::sink::ProjectionSink;
use crate::consistency::Behind;
use crate::ports::{
    BackendError, CommitError, EventStore, Folding, InlineFold, InlineStore, Inlined,
};
use crate::subscription::{BoxError, Partition, Subscription};
use crate::types::{Filter, LeaseName, RecordedEvent, RowSet, Token};

/// How often a store is asked again while a long log is folded, perhaps by another process.
const ASK_INTERVAL: Duration = Duration::from_millis(100);

/// Why a strong projection is not folded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InlineError {
    /// The read side keeps its views elsewhere than in the store, or follows another log than the store's.
    #[error(
        "a strong projection is in the store of the one log that it follows, and this read side is not"
    )]
    Elsewhere,
    /// What is in the log already could not be folded.
    #[error("what is in the log already cannot be folded")]
    Behind(#[source] Behind),
    /// The store cannot be asked.
    #[error(transparent)]
    Backend(#[from] BackendError),
    /// The store has refused it.
    #[error(transparent)]
    Commit(#[from] CommitError),
}

/// A projection as a store folds it.
struct Fold<P> {
    projection: Arc<P>,
    name: LeaseName,
    set: RowSet,
    filter: Filter,
    /// Nobody is asked anything within an append.
    facts: Facts,
}

/// The projection panicked.
#[derive(Debug, thiserror::Error)]
#[error("the projection panicked")]
struct Panicked;

impl<P: Projection> InlineFold for Fold<P> {
    fn name(&self) -> &LeaseName {
        &self.name
    }

    fn set(&self) -> &RowSet {
        &self.set
    }

    fn filter(&self) -> &Filter {
        &self.filter
    }

    fn begin<'e>(&'e self, events: &'e [RecordedEvent]) -> Result<Folding<'e>, BoxError> {
        let (decoded, wanted) = whole(|| {
            let decoded = Decoded::<P>::of(events, Partition::WHOLE)?;
            let wanted = decoded.wanted(&self.projection, &self.facts)?;
            Ok((decoded, wanted))
        })?;
        Ok(Folding::new(wanted.all(), move |before| {
            let fold = || decoded.fold(&self.projection, &self.set, wanted, before, &self.facts);
            whole(|| Ok(fold()?))
        }))
    }
}

impl<P> fmt::Debug for Fold<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fold").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Runs a projection within the append, which lives on if it panics: all that it has touched is thrown away.
fn whole<T>(fold: impl FnOnce() -> Result<T, BoxError>) -> Result<T, BoxError> {
    let panicked = |_: Box<dyn Any + Send>| Err(Panicked.into());
    catch_unwind(AssertUnwindSafe(fold)).unwrap_or_else(panicked)
}

impl Model {
    /// Has `store` fold a projection within every commit.
    pub(super) async fn inline<P: Projection<Level: Inline>>(
        &self,
        projection: P,
        store: impl InlineStore,
    ) -> Result<(), InlineError> {
        let log = store.identity();
        if self.store.identity() != log || !matches!(&*self.logs, [one] if one.identity() == log) {
            return Err(InlineError::Elsewhere);
        }
        let store: Arc<dyn InlineStore> = Arc::new(store);
        let generation = self.live_within(Duration::ZERO).await?;
        store.prepare(&generation.set).await?;
        let projection = Arc::new(projection);
        let fold = Arc::new(Fold {
            projection: Arc::clone(&projection),
            name: generation.job.clone(),
            set: generation.set.clone(),
            filter: self.filter.clone(),
            facts: Facts::new(),
        });
        if store.inline(Arc::clone(&fold) as _).await? == Inlined::Folds {
            return Ok(());
        }
        // What is in a long log already is folded as by any other projection, while writers go on.
        let sink = ProjectionSink {
            projection,
            store: Arc::clone(&self.store),
            enrich: None,
            number: generation.number,
            set: generation.set.clone(),
            name: generation.job.clone(),
            filter: self.filter.clone(),
            memories: Memories::new(memory::BYTES_MAX),
        };
        let running = Subscription::new(sink, Arc::clone(&self.store))
            .clock(Arc::clone(&self.clock))
            .ids(Arc::clone(&self.ids))
            .follow(Arc::clone(&store))
            .start();
        let inlined = loop {
            let end = Token::new(log, store.end().await?);
            tokio::select! {
                reached = running.progress().wait_for(end) => match reached {
                    Ok(_) => {}
                    Err(behind) => break Err(InlineError::Behind(behind)),
                },
                // It may be another process that comes nearer.
                () = sleep(ASK_INTERVAL) => {}
            }
            match store.inline(Arc::clone(&fold) as _).await {
                Ok(Inlined::Folds) => break Ok(()),
                Ok(Inlined::Behind { .. }) => {}
                Err(error) if error.is_transient() => sleep(ASK_INTERVAL).await,
                Err(error) => break Err(error.into()),
            }
        };
        running.stop().await;
        inlined
    }
}
