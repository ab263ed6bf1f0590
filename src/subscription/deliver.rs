//! Giving a page of events to the sink: all at once, and after an error in smaller and smaller pieces.

use std::error::Error;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures::FutureExt;

use super::batch::{Applied, Batch};
use super::error::{BoxError, Panicked, SinkError};
use super::inbox::Inbox;
use super::options::AfterRetries;
use super::parked::{self, Parked};
use super::pieces::Pieces;
use super::tenure::{Moved, Tenure};
use super::worker::Left;
use crate::consistency::applying;
use crate::ports::{CommitError, telemetry};
use crate::types::{Advance, Commit, FeedPage, LogId, Position, RecordedEvent, RowWrite};

/// What is left of a page.
struct Load {
    events: Vec<RecordedEvent>,
    /// The rows of those that wait behind a parked one, in order.
    waiting: Vec<(Position, RowWrite)>,
    upto: Position,
}

impl Load {
    /// The rows that belong to a checkpoint at `to`.
    fn rows(&self, to: Position) -> Vec<RowWrite> {
        let upto = self.waiting.iter().take_while(|(at, _)| *at <= to);
        upto.map(|(_, row)| row.clone()).collect()
    }

    /// All up to `at` is done: how many events that were.
    fn is_done_upto(&mut self, at: Position) -> usize {
        let done = self.events.iter().take_while(|event| event.position() <= at).count();
        self.events.drain(..done);
        self.waiting.retain(|(waiting, _)| *waiting > at);
        done
    }
}

/// What came of giving some events to the sink.
enum Attempt {
    /// All up to here is taken in, and the checkpoint is there.
    Reached(Position),
    /// An event is to blame: the one with this number, if that is known.
    Failed(Option<usize>, BoxError),
}

/// An event that could not be taken in, however often it was tried.
#[derive(Debug, thiserror::Error)]
#[error("the event at {position} could not be taken in, tried {attempts} times")]
struct Poison {
    position: Position,
    attempts: u32,
    source: BoxError,
}

/// More events are parked than may be.
#[derive(Debug, thiserror::Error)]
#[error("{0} events are parked, as many as may be")]
struct TooManyParked(usize);

impl Tenure<'_> {
    /// Sees to it that every event of a page is taken in or parked.
    pub(super) async fn deliver(
        &mut self,
        n: usize,
        page: FeedPage,
        inbox: &mut Inbox,
    ) -> Result<(), Left> {
        let upto = page.upto;
        let mut load = Load { events: page.events, waiting: Vec::new(), upto };
        self.sift(n, &mut load)?;
        if load.events.is_empty() && load.waiting.is_empty() {
            self.reached(n, upto);
            return Ok(());
        }
        let mut pieces = Pieces::WHOLE;
        while !load.events.is_empty() || !load.waiting.is_empty() {
            let count = pieces.next(load.events.len());
            match self.attempt(n, &load, count, inbox).await? {
                Attempt::Reached(at) => {
                    let done = self.count_done(&mut load, at);
                    pieces.taken_in(done);
                    self.reached(n, at);
                }
                Attempt::Failed(culprit, _) if count > 1 => pieces.failed(count, culprit),
                Attempt::Failed(_, error) => {
                    self.judge(n, &mut load, error, inbox).await?;
                    pieces = Pieces::WHOLE;
                }
            }
        }
        Ok(())
    }

    /// All up to `at` is done, and is counted: how many events that were.
    fn count_done(&self, load: &mut Load, at: Position) -> usize {
        let done = load.events.iter().take_while(|event| event.position() <= at);
        let newest = done.last().map(RecordedEvent::recorded_at);
        let age = newest.map(|at| self.job.clock.now().signed_duration_since(at));
        // Clocks differ: what was recorded later than now was recorded now.
        let age = age.and_then(|age| age.to_std().ok()).unwrap_or_default();
        let done = load.is_done_upto(at);
        telemetry::taken_in(self.lease.name().as_str(), done, age);
        done
    }

    /// Leaves out what belongs to another part, and sets aside what waits behind a parked event.
    fn sift(&mut self, n: usize, load: &mut Load) -> Result<(), Left> {
        let job = Arc::clone(&self.job);
        if self.partition.of() > 1 && job.sink.is_partitioned_by_key() {
            load.events.retain(|event| self.partition.owns(job.sink.key(event)));
        }
        if self.parked.is_empty() {
            return Ok(());
        }
        let is_parked = |event: &RecordedEvent| self.parked.holds(job.sink.key(event));
        let (behind, free) = std::mem::take(&mut load.events).into_iter().partition(is_parked);
        load.events = free;
        let behind: Vec<RecordedEvent> = behind;
        for event in &behind {
            let place = self.places.get(n).map(|place| place.id);
            let is_known =
                |log| self.parked.holds_event(job.sink.key(event), log, event.position());
            if place.is_some_and(is_known) {
                continue;
            }
            let row = self.park(n, event, None, 0)?;
            load.waiting.push((event.position(), row));
        }
        load.waiting.sort_by_key(|(position, _)| *position);
        Ok(())
    }

    /// The row that parks an event.
    fn park(
        &mut self,
        n: usize,
        event: &RecordedEvent,
        error: Option<String>,
        attempts: u32,
    ) -> Result<RowWrite, Left> {
        let events_max = self.job.options.parked_events_max;
        if self.parked.events() >= events_max {
            return Err(Left::Error(Arc::new(TooManyParked(events_max))));
        }
        let Some(place) = self.places.get(n) else { return Err(Left::Lost) };
        let key = self.job.sink.key(event);
        let now = self.job.clock.now();
        let parked = Parked::new(place.id, key, event, error, attempts, now);
        let row = parked::put(self.lease.name(), &parked);
        self.parked.add(key, place.id, event.position());
        row.map_err(|why| Left::Error(Arc::from(why)))
    }

    /// Gives the first `count` events to the sink, until it has taken them in or blames one of them.
    async fn attempt(
        &mut self,
        n: usize,
        load: &Load,
        count: usize,
        inbox: &mut Inbox,
    ) -> Result<Attempt, Left> {
        let (events, rest) = load.events.split_at(count);
        let to = if rest.is_empty() { load.upto } else { last(events, load.upto) };
        if events.is_empty() {
            self.write_checkpoint(n, to, load.rows(to), inbox).await?;
            return Ok(Attempt::Reached(to));
        }
        let mut patience = self.job.patience();
        loop {
            let checkpoint = self.checkpoint(n, to, load.rows(to));
            let error = match self.apply(n, events, to, &checkpoint).await {
                Ok(Applied::WithCheckpoint) => {
                    self.stored(n, to);
                    return Ok(Attempt::Reached(to));
                }
                Ok(Applied::UpTo(at)) if events.first().is_none_or(|e| e.position() <= at) => {
                    let at = at.min(to);
                    self.write_checkpoint(n, at, load.rows(at), inbox).await?;
                    return Ok(Attempt::Reached(at));
                }
                Ok(Applied::UpTo(_)) => {
                    SinkError::fatal("the sink has taken in no event, and says it is fine")
                }
                Err(error) => error,
            };
            match error {
                SinkError::Event { position, source } => {
                    let culprit = events.iter().position(|event| event.position() == position);
                    return Ok(Attempt::Failed(culprit, source));
                }
                SinkError::Batch(error) => return Ok(Attempt::Failed(None, error)),
                other => self.endure(other, &mut patience, inbox).await?,
            }
            // The answer may have been lost after the commit.
            match self.was_moved(n, to).await {
                Ok(true) => {
                    self.stored(n, to);
                    return Ok(Attempt::Reached(to));
                }
                Ok(false) => {}
                Err(Moved::Lost) => return Err(Left::Lost),
                Err(Moved::Unreadable(error)) => {
                    self.endure(error.into(), &mut patience, inbox).await?;
                }
            }
        }
    }

    /// One call of the sink. A panic is an error of the batch.
    pub(super) async fn apply(
        &self,
        n: usize,
        events: &[RecordedEvent],
        upto: Position,
        checkpoint: &Commit,
    ) -> Result<Applied, SinkError> {
        let Some(place) = self.places.get(n) else {
            return Err(SinkError::fatal("the log is not followed"));
        };
        let repeated = self.repeated(place.id, events);
        let (log, has_more) = (place.id, place.has_more);
        let (partition, epoch) = (self.partition, self.lease.epoch());
        let batch = Batch { log, events, upto, checkpoint, partition, epoch, has_more, repeated };
        let work = applying(&self.job.progress, self.job.sink.apply(batch));
        let done = AssertUnwindSafe(work).catch_unwind().await;
        done.unwrap_or_else(|panic| Err(SinkError::Batch(Panicked::new(&*panic).into())))
    }

    /// Which of these events the job had before, under another name.
    fn repeated(&self, log: LogId, events: &[RecordedEvent]) -> Vec<Position> {
        let sink = &self.job.sink;
        let whose = (!sink.is_partitioned_by_key()).then_some(self.partition);
        let mark = self.job.mark.get();
        mark.map(|mark| mark.repeated(log, events, |event| sink.key(event), whose))
            .unwrap_or_default()
    }

    /// The first event stands alone, and cannot be taken in: tries it again, and then parks it or stops.
    async fn judge(
        &mut self,
        n: usize,
        load: &mut Load,
        mut error: BoxError,
        inbox: &mut Inbox,
    ) -> Result<(), Left> {
        let mut backoff = self.job.options.retry.begin(self.job.seeds.draw());
        let mut attempts = 1;
        loop {
            let tries_again = tokio::select! {
                biased;
                left = inbox.interrupted() => return Err(left),
                again = backoff.wait() => again,
            };
            if !tries_again {
                break;
            }
            attempts += 1;
            match self.attempt(n, load, 1, inbox).await? {
                Attempt::Reached(at) => {
                    self.count_done(load, at);
                    self.reached(n, at);
                    return Ok(());
                }
                Attempt::Failed(_, again) => error = again,
            }
        }
        let Some(event) = load.events.first().cloned() else { return Ok(()) };
        let position = event.position();
        if self.job.options.after_retries == AfterRetries::Stop {
            let poison = Poison { position, attempts, source: error };
            return Err(Left::Error(Arc::new(poison)));
        }
        tracing::error!(
            lease = %self.lease.name(), %position, attempts, error = &*error as &dyn Error,
            "an event is parked"
        );
        telemetry::parked(self.lease.name().as_str());
        let row = self.park(n, &event, Some(parked::told(&*error)), attempts)?;
        let mut rows = load.rows(position);
        rows.push(row);
        self.write_checkpoint(n, position, rows, inbox).await?;
        load.is_done_upto(position);
        self.reached(n, position);
        self.sift(n, load)
    }

    /// Moves the checkpoint of a log to `to`, and writes `rows` with it.
    pub(super) async fn write_checkpoint(
        &mut self,
        n: usize,
        to: Position,
        rows: Vec<RowWrite>,
        inbox: &mut Inbox,
    ) -> Result<(), Left> {
        let checkpoint = self.checkpoint(n, to, rows);
        let mut patience = self.job.patience();
        loop {
            match self.job.store.commit(checkpoint.clone()).await {
                Ok(_) => {
                    self.stored(n, to);
                    return Ok(());
                }
                Err(CommitError::Unknown(error)) => {
                    self.endure(SinkError::transient(error), &mut patience, inbox).await?;
                }
                Err(error) => self.endure(error.into(), &mut patience, inbox).await?,
            }
        }
    }

    /// What moves the checkpoint of a log to `to`, and writes `rows` with it. A checkpoint never goes back, also where the
    /// sink keeps its own and has lost what it had.
    fn checkpoint(&self, n: usize, to: Position, rows: Vec<RowWrite>) -> Commit {
        let Some(place) = self.places.get(n) else { return Commit::new() };
        let to = to.max(place.stored);
        let advance = Advance::new(self.lease.clone(), place.id, place.stored, to);
        Commit::new().rows(rows).advance(advance)
    }

    /// What fences a commit, and moves nothing.
    pub(super) fn fence(&self, n: usize, rows: Vec<RowWrite>) -> Commit {
        self.checkpoint(n, Position::START, rows)
    }
}

fn last(events: &[RecordedEvent], upto: Position) -> Position {
    events.last().map_or(upto, RecordedEvent::position)
}
