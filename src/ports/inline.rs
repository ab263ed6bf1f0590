//! Folding within the append.

use std::error::Error;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use super::{BackendError, CommitError, EventStore, RowStore};
use crate::types::{Filter, LeaseName, Position, RecordedEvent, Row, RowSet, RowWrite, RowsWanted};

/// Why a fold cannot take events in.
type BoxError = Box<dyn Error + Send + Sync>;

/// What makes the rows that events leave of those that were there.
type Fold<'e> = Box<dyn FnOnce(Vec<Row>) -> Result<Vec<RowWrite>, BoxError> + Send + 'e>;

/// Folds, in the order of their names.
type Folds = Arc<[Arc<dyn InlineFold>]>;

/// Folds events into rows of one set within the commit that appends them. A strong projection makes one.
///
/// # Contract
/// - **G1 pure** – which rows it wants follows from the events, and what it makes of them from the events and those rows,
///   and from nothing else.
pub trait InlineFold: fmt::Debug + Send + Sync + 'static {
    /// The name of the job, and so of its lease.
    fn name(&self) -> &LeaseName;

    /// The set that it writes, and no other.
    fn set(&self) -> &RowSet;

    /// Which events it wants.
    fn filter(&self) -> &Filter;

    /// Looks at events that it wants, in the order of their positions, and says which rows it must see to fold them. A store
    /// that learns positions only when it writes may ask first with other positions and versions than the events will have.
    ///
    /// # Errors
    /// Why an event cannot be taken in.
    fn begin<'e>(&'e self, events: &'e [RecordedEvent]) -> Result<Folding<'e>, BoxError>;
}

/// A fold that has begun, and waits for the rows that it must see.
#[must_use = "a fold that was begun has folded nothing"]
pub struct Folding<'e> {
    wanted: Vec<RowsWanted>,
    fold: Fold<'e>,
}

impl<'e> Folding<'e> {
    /// A fold that wants these rows. Of a page it wants them all, whatever its limit.
    pub fn new(
        wanted: Vec<RowsWanted>,
        fold: impl FnOnce(Vec<Row>) -> Result<Vec<RowWrite>, BoxError> + Send + 'e,
    ) -> Self {
        Self { wanted, fold: Box::new(fold) }
    }

    /// The rows that it must see.
    #[must_use]
    pub fn wanted(&self) -> &[RowsWanted] {
        &self.wanted
    }

    /// What the events leave, given the rows that were there.
    ///
    /// # Errors
    /// Why the events cannot be taken in.
    pub fn fold(self, before: Vec<Row>) -> Result<Vec<RowWrite>, BoxError> {
        (self.fold)(before)
    }
}

impl fmt::Debug for Folding<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Folding").field("wanted", &self.wanted).finish_non_exhaustive()
    }
}

/// What came of asking a store to fold within its commits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Inlined {
    /// From now on it does.
    Folds,
    /// The rows are too far behind for writers to be held out until they are not. Nothing has changed: fold the events
    /// after `at` as a job of this name does, and ask again.
    Behind {
        /// The checkpoint of the job.
        at: Position,
    },
}

/// Why a commit of events cannot be folded. Nothing of it was written.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Unfoldable {
    /// The log has a strong projection that this handle was not given: its views would miss the events.
    #[error("the log has the strong projection `{0}`, which this writer does not fold")]
    Missing(String),
    /// A strong projection cannot take the events in, and so they are not recorded.
    #[error("the strong projection `{projection}` cannot take the events in")]
    Failed {
        /// Which.
        projection: LeaseName,
        /// What it says.
        #[source]
        why: Arc<dyn Error + Send + Sync>,
    },
}

/// Folds events into rows within the commit that appends them, so that the rows are never behind.
///
/// # Contract
/// - **F1 together** – the events of a commit, and the rows that the folds make of them, become visible together, or none;
///   a repetition folds nothing, and neither does what is refused.
/// - **F2 whole** – when [`InlineStore::inline`] has answered [`Inlined::Folds`], the rows hold all events of the log that
///   the fold wants, each once: the earlier ones, and from then on every one, whoever writes it.
/// - **F3 in order** – an event is folded after all that stand before it in the log and touch the same rows, however many
///   write at once.
/// - **F4 by all** – a commit of events through a handle that was not given the fold is folded all the same, or changes
///   nothing and is [`Unfoldable::Missing`].
/// - **F5 refused** – a commit that a fold cannot take in changes nothing and is [`Unfoldable::Failed`]; those beside it
///   happen.
/// - **F6 held** – the store holds the lease of the fold: nobody is granted it, a commit under an older epoch is
///   [`CommitError::Fenced`], and its checkpoint is where the log ends, in every answer.
/// - **F7 bounded** – writers are held out for one page of events at most ([`Store::limits`](crate::Store::limits)); if the
///   fold is farther behind, nothing changes, and the answer is [`Inlined::Behind`].
/// - **F8 let go** – after [`InlineStore::detach`] the rows stay as they are, the lease is free, and its checkpoint is where
///   the log ended; to detach what is not folded changes nothing.
#[async_trait]
pub trait InlineStore: EventStore + RowStore {
    /// Has every commit folded from now on, by this handle and its clones, and first what is behind the checkpoint of the
    /// fold's lease. The set must be there.
    ///
    /// # Errors
    /// [`CommitError`], as [`Store::commit`](crate::Store::commit): unless it is unknown, nothing has changed.
    ///
    /// # Cancel safety
    /// It has happened or not; asking again is safe.
    async fn inline(&self, fold: Arc<dyn InlineFold>) -> Result<Inlined, CommitError>;

    /// Folds no more, in no process.
    ///
    /// # Errors
    /// [`BackendError`] if it cannot be written down.
    async fn detach(&self, fold: &LeaseName) -> Result<(), BackendError>;
}

/// For backends: the folds that a handle and its clones were given.
#[derive(Clone, Debug, Default)]
pub struct InlineFolds(Arc<Mutex<Folds>>);

impl InlineFolds {
    /// Adds a fold, in place of one of the same name.
    pub fn give(&self, fold: Arc<dyn InlineFold>) {
        let mut folds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all = folds.to_vec();
        all.retain(|other| other.name() != fold.name());
        all.push(fold);
        all.sort_by(|a, b| a.name().cmp(b.name()));
        *folds = all.into();
    }

    /// The folds, in the order of their names.
    #[must_use]
    pub fn all(&self) -> Arc<[Arc<dyn InlineFold>]> {
        Arc::clone(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The folds with these names, which are those that the log has.
    ///
    /// # Errors
    /// [`Unfoldable::Missing`] for one that was not given.
    pub fn named<N: AsRef<str>>(
        &self,
        names: impl IntoIterator<Item = N>,
    ) -> Result<Vec<Arc<dyn InlineFold>>, Unfoldable> {
        let all = self.all();
        let mut found = Vec::new();
        for name in names {
            let name = name.as_ref();
            match all.iter().find(|fold| fold.name().as_str() == name) {
                Some(fold) => found.push(Arc::clone(fold)),
                None => return Err(Unfoldable::Missing(name.to_owned())),
            }
        }
        Ok(found)
    }
}

impl dyn InlineFold {
    /// For backends: which of these events it wants.
    #[must_use]
    pub fn wanted_of(&self, events: &[RecordedEvent]) -> Vec<RecordedEvent> {
        let is_wanted = |event: &&RecordedEvent| self.filter().admits(event.stream().category());
        events.iter().filter(is_wanted).cloned().collect()
    }

    /// For backends: the rows that these events leave, where `before` reads those that the fold must see.
    ///
    /// # Errors
    /// [`Unfoldable::Failed`], or what `before` says.
    pub fn rows_of(
        &self,
        events: &[RecordedEvent],
        before: impl FnOnce(&[RowsWanted]) -> Result<Vec<Row>, CommitError>,
    ) -> Result<Vec<RowWrite>, CommitError> {
        let wanted = self.wanted_of(events);
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        let failed = |why| Unfoldable::failed(self, why);
        let folding = self.begin(&wanted).map_err(failed)?;
        let before = before(folding.wanted())?;
        Ok(folding.fold(before).map_err(failed)?)
    }
}

impl Unfoldable {
    /// For backends: `fold` cannot take events in.
    pub fn failed(fold: &dyn InlineFold, why: impl Into<BoxError>) -> Self {
        Self::Failed { projection: fold.name().clone(), why: Arc::from(why.into()) }
    }
}
