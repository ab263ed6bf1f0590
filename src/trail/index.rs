//! The index of a log by flow, and its sink.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use uuid::Uuid;

use super::find::{Found, flow_of};
use super::row::{self, Place};
use crate::consistency::{Lag, Progress};
use crate::ports::{BackendError, Clock, EventStore, RowStore, SystemClock};
use crate::subscription::{Applied, Batch, Partition, Sink, SinkError, Subscription};
use crate::types::{
    Commit, Filter, LeaseName, Position, ReadFrom, RecordedEvent, RowKey, RowSet, RowsWanted,
    StreamVersion, Token,
};

/// The flows of one log: an index by [correlation](crate::Metadata::correlation), kept in rows beside the log.
///
/// A subscription keeps it up, in one of the processes that start it, and any process can ask. It follows the log, so it is a
/// moment behind, and says how far; whoever has just written waits for that with
/// [`Running::progress`](crate::subscription::Running::progress).
///
/// It is the set of rows `freehold_trail`, with one for each event: on the SQL backends the table `view_freehold_trail`.
#[derive(Clone)]
pub struct Trail {
    log: Arc<dyn EventStore>,
    rows: Arc<dyn RowStore>,
    clock: Arc<dyn Clock>,
    set: RowSet,
    name: LeaseName,
}

/// Why the events of a flow could not be found.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrailError {
    /// The store cannot be read. Its fault is [`Missing`](crate::Fault::Missing) if the index was never kept up.
    #[error(transparent)]
    Backend(#[from] BackendError),
    /// A row of the index cannot be read: somebody has changed it.
    #[error("row `{row}` of the index of flows cannot be read")]
    Unreadable {
        /// Which: the flow, and the position of an event.
        row: RowKey,
    },
    /// A row of the index is of no event of the log: somebody has changed it, or the two were restored from different backups.
    #[error("the index of flows has an event at position {at} that the log does not have there")]
    Astray {
        /// Where the row says that the event is.
        at: Position,
    },
}

impl Trail {
    /// The flows of this log, whose rows it keeps, too.
    pub fn new(store: impl EventStore + RowStore + Clone) -> Self {
        let (set, name) = row::names();
        let clock = Arc::new(SystemClock);
        Self { log: Arc::new(store.clone()), rows: Arc::new(store), clock, set, name }
    }

    /// Sets the clock that lags are measured by.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// What keeps the index up, to be started. It is one job, of one part, under the name `freehold_trail`: every process may start
    /// it, and one of them does it.
    pub fn subscription(&self) -> Subscription {
        let sink = IndexSink {
            rows: Arc::clone(&self.rows),
            set: self.set.clone(),
            name: self.name.clone(),
            filter: Filter::all(),
        };
        // What is read says how far one checkpoint is.
        Subscription::new(sink, Arc::clone(&self.rows))
            .follow(Arc::clone(&self.log))
            .tell(Progress::new(1))
    }

    /// The events of the flow `correlation`, as far as the index is.
    ///
    /// All of them are in memory at once. It takes a read of the index for each page of rows, and one of the log for each run of
    /// events that stand side by side in a stream, however long the log is.
    ///
    /// # Errors
    /// [`TrailError`] if the index or the log cannot be read, or they disagree.
    ///
    /// # Cancel safety
    /// Reading changes nothing; the future may be dropped.
    pub async fn of(&self, correlation: Uuid) -> Result<Found, TrailError> {
        let (places, at) = self.places(correlation).await?;
        let mut events = Vec::with_capacity(places.len());
        let mut rest = &places[..];
        while let Some(first) = rest.first() {
            let (run, behind) = rest.split_at(row::run(rest));
            self.read(first, run, &mut events).await?;
            rest = behind;
        }
        events.sort_by_key(RecordedEvent::position);
        let lag = Lag::measure(Arc::clone(&self.log), at, &Filter::all(), self.clock.now()).await?;
        Ok(Found { events, at: Token::new(self.log.identity(), at), lag })
    }

    /// Where the events of a flow are, by stream and version, and how far the index was.
    async fn places(&self, flow: Uuid) -> Result<(Vec<Place>, Position), TrailError> {
        let (mut places, mut at, mut after) = (Vec::new(), None, None);
        loop {
            let prefix = row::prefix(flow);
            let wanted = RowsWanted::Page { prefix, after, limit: usize::MAX };
            let page = self.rows.rows(&self.set, &wanted, Some(&self.name)).await?;
            let log = self.log.identity();
            let checkpoint = page.checkpoints.iter().find(|token| token.log() == log);
            let checkpoint = checkpoint.map_or(Position::START, |token| token.position());
            // Between two pages it may have moved on: what the first was is what all of them hold.
            let at = *at.get_or_insert(checkpoint);
            after = page.rows.last().map(|row| row.key.clone());
            for found in page.rows {
                let place = row::read(&found).ok_or(TrailError::Unreadable { row: found.key })?;
                if place.position <= at {
                    places.push(place);
                }
            }
            if !page.has_more {
                places.sort_by(|a, b| (&a.stream, a.version).cmp(&(&b.stream, b.version)));
                return Ok((places, at));
            }
        }
    }

    /// Reads events that stand side by side in one stream.
    async fn read(
        &self,
        first: &Place,
        mut run: &[Place],
        events: &mut Vec<RecordedEvent>,
    ) -> Result<(), TrailError> {
        let mut version = StreamVersion::new(first.version.get().saturating_sub(1));
        while let Some(next) = run.first() {
            let from = ReadFrom::After(version);
            let page = self.log.read_stream(&first.stream, from, run.len()).await?;
            let are_there = page.events.iter().zip(run).all(|(event, place)| {
                event.version() == place.version && event.position() == place.position
            });
            let (Some(last), true) = (page.events.last(), are_there) else {
                return Err(TrailError::Astray { at: next.position });
            };
            version = last.version();
            run = run.get(page.events.len()..).unwrap_or_default();
            events.extend(page.events);
        }
        Ok(())
    }
}

impl fmt::Debug for Trail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trail").field("log", &self.log.identity()).finish_non_exhaustive()
    }
}

/// Writes a row for each event, with the checkpoint.
struct IndexSink {
    rows: Arc<dyn RowStore>,
    set: RowSet,
    name: LeaseName,
    filter: Filter,
}

#[async_trait]
impl Sink for IndexSink {
    fn name(&self) -> &LeaseName {
        &self.name
    }

    fn filter(&self) -> &Filter {
        &self.filter
    }

    async fn prepare(&self, _: Partition) -> Result<(), SinkError> {
        Ok(self.rows.prepare(&self.set).await?)
    }

    async fn apply(&self, batch: Batch<'_>) -> Result<Applied, SinkError> {
        let mut rows = Vec::with_capacity(batch.events().len());
        for event in batch.events() {
            let row = row::write(&self.set, flow_of(event), event);
            rows.push(row.map_err(|why| SinkError::event(event.position(), why))?);
        }
        self.rows.commit(Commit::new().rows(rows).and(batch.checkpoint())).await?;
        Ok(Applied::WithCheckpoint)
    }
}
