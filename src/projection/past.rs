//! Views as they were.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::sync::Arc;

use serde::de::DeserializeOwned;

use super::contract::Projection;
use super::enrich::Facts;
use super::pure::PureViews;
use super::sink;
use crate::consistency::Session;
use crate::ports::{BackendError, EventStore, EventStoreExt, Fault};
use crate::subscription::SinkError;
use crate::types::{LogId, Position, RecordedEvent, RowKey, RowValue, Token};

/// How many events are folded at a time.
const BATCH_EVENTS: usize = 1_000;

/// The views of a projection as they were when its logs were at some place: a fold in memory, of which nothing is kept. Made by
/// [`ReadSide::as_of`](super::ReadSide::as_of).
pub struct PastViews<P: Projection> {
    views: BTreeMap<RowKey, P::View>,
    at: Session,
}

/// Why the views of a projection as they were cannot be told.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PastError {
    /// An event before that place cannot be folded, so that nobody knows.
    #[error("the event at {at} of log {log} cannot be folded")]
    Event {
        /// Its log.
        log: LogId,
        /// Where it stands there.
        at: Position,
        /// Why. An [`EventError`](crate::event::EventError) names its stream and version.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The log has not come so far: how it will be there, nobody knows.
    #[error("the log is at {head}, and the token beyond it")]
    NotYetWritten {
        /// Where the log is.
        head: Position,
    },
    /// The read side does not follow this log.
    #[error("the token is of log {token}, which the read side does not follow")]
    OtherLog {
        /// The token's log.
        token: LogId,
    },
    /// The views are longer than may be in memory; see [`ReadSide::past_bytes_max`](super::ReadSide::past_bytes_max).
    #[error("the views are longer than {bytes_max} bytes")]
    TooLarge {
        /// How long they may be.
        bytes_max: usize,
    },
    /// A log cannot be read.
    #[error(transparent)]
    Backend(#[from] BackendError),
}

impl<P: Projection> PastViews<P> {
    /// The view under a key, if there was one.
    #[must_use]
    pub fn get(&self, key: impl AsRef<str>) -> Option<&P::View> {
        self.views.get(key.as_ref())
    }

    /// All views, in the order of their keys.
    #[must_use = "iterators are lazy"]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&RowKey, &P::View)> {
        self.views.iter()
    }

    /// As of which place in each log. What the events behind it say is in none of the views.
    #[must_use]
    pub const fn at(&self) -> &Session {
        &self.at
    }
}

impl<P: Projection> fmt::Debug for PastViews<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PastViews")
            .field("name", &P::NAME)
            .field("views", &self.views.len())
            .field("at", &self.at)
            .finish_non_exhaustive()
    }
}

/// Folds all logs up to where `as_of` has them, one after the other.
pub(super) async fn fold<P: Projection>(
    projection: &P,
    logs: &[Arc<dyn EventStore>],
    as_of: Session,
    bytes_max: usize,
) -> Result<PastViews<P>, PastError> {
    let is_followed = |mark: &&Token| logs.iter().any(|log| log.identity() == mark.log());
    if let Some(stray) = as_of.marks().iter().find(|mark| !is_followed(mark)) {
        return Err(PastError::OtherLog { token: stray.log() });
    }
    let mut folding = Folding { projection, views: PureViews::default(), bytes_max };
    for log in logs {
        folding.follow(&**log, as_of.position(log.identity())).await?;
    }
    let mut views = BTreeMap::new();
    for (key, value) in folding.views.0 {
        let view = read(&value)?;
        views.insert(key, view);
    }
    Ok(PastViews { views, at: as_of })
}

/// A view that was written a moment ago, and was seen to read back.
fn read<V: DeserializeOwned>(value: &RowValue) -> Result<V, BackendError> {
    value.read().map_err(|why| BackendError::new("projection", "read a view", Fault::Corrupt, why))
}

struct Folding<'p, P> {
    projection: &'p P,
    views: PureViews,
    bytes_max: usize,
}

impl<P: Projection> Folding<'_, P> {
    /// Folds one log up to a place.
    async fn follow(&mut self, log: &dyn EventStore, until: Position) -> Result<(), PastError> {
        let (filter, mut after) = (sink::filter::<P>(), Position::START);
        while after < until {
            let page = log.read_until(after, until, &filter, BATCH_EVENTS).await?;
            self.take(log.identity(), &page.events)?;
            if page.upto < until && !page.has_more {
                let end = log.end().await?;
                if end < until {
                    return Err(PastError::NotYetWritten { head: end });
                }
                // It is committed, and readers do not see it yet.
                log.changed(page.upto).await?;
            }
            after = page.upto;
        }
        Ok(())
    }

    /// Takes a page in; one by one, if some event cannot be, so that it is known which.
    fn take(&mut self, log: LogId, events: &[RecordedEvent]) -> Result<(), PastError> {
        let facts = Facts::new();
        if self.views.fold(self.projection, events, &facts).is_err() {
            for event in events {
                let folded = self.views.fold(self.projection, std::slice::from_ref(event), &facts);
                folded.map_err(|why| blame(log, event.position(), why))?;
            }
        }
        let bytes_max = self.bytes_max;
        if self.views.bytes() > bytes_max { Err(PastError::TooLarge { bytes_max }) } else { Ok(()) }
    }
}

fn blame(log: LogId, at: Position, why: SinkError) -> PastError {
    let source = match why {
        SinkError::Event { source, .. } | SinkError::Batch(source) => source,
        other => Box::new(other),
    };
    PastError::Event { log, at, source }
}
