//! The work under one lease: from its grant to its end.

use std::error::Error;
use std::future::pending;
use std::sync::Arc;

use futures::future::select_all;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::error::SinkError;
use super::mark::Mark;
use super::parked::{self, ParkedKeys};
use super::partition::Partition;
use super::place::Place;
use super::running::ReplayError;
use super::status::{Phase, Status};
use super::worker::{Inbox, Job, Left, Order};
use crate::ports::BackendError;
use crate::retry::Backoff;
use crate::types::{Lease, LogId, Position};

/// The work under one lease.
pub(super) struct Tenure<'s> {
    pub(super) job: Arc<Job>,
    pub(super) lease: Lease,
    pub(super) partition: Partition,
    pub(super) status: &'s Status,
    pub(super) places: Vec<Place>,
    pub(super) parked: ParkedKeys,
    /// Grows while the logs cannot be read.
    patience: Option<Backoff>,
}

impl<'s> Tenure<'s> {
    pub(super) fn new(
        job: Arc<Job>,
        lease: Lease,
        partition: Partition,
        status: &'s Status,
    ) -> Self {
        let (places, parked) = (Vec::new(), ParkedKeys::default());
        Self { job, lease, partition, status, places, parked, patience: None }
    }

    /// Follows the feeds until it is asked to stop, or cannot go on.
    pub(super) async fn work(mut self, inbox: &mut Inbox) -> Left {
        loop {
            let left = match self.follow(inbox).await {
                Err(left) => left,
                Ok(left) => match self.move_checkpoints(inbox).await {
                    Err(Left::Error(_)) | Ok(()) => left,
                    Err(left) => left,
                },
            };
            if !matches!(left, Left::Paused) {
                return left;
            }
            // The lease is kept, so that nobody else goes on.
            self.status.enter(Phase::Standby);
            if !inbox.resumed().await {
                return Left::Asked;
            }
        }
    }

    /// Follows the feeds, and says why it does not go on.
    async fn follow(&mut self, inbox: &mut Inbox) -> Result<Left, Left> {
        let mut patience = self.job.patience();
        while let Err(error) = self.begin().await {
            self.endure(error, &mut patience, inbox).await?;
        }
        self.status.enter(Phase::Working);
        for place in &self.places {
            self.status.reached(place.id, place.seen);
        }
        loop {
            if let Some(left) = inbox.interruption() {
                return Ok(left);
            }
            // First of all: what stopped the part before may be what the order is about.
            while let Some(order) = inbox.waiting() {
                self.obey(order).await?;
            }
            let mut has_more = false;
            for n in 0..self.places.len() {
                has_more |= self.step(n, inbox).await?;
            }
            // Not only when idle: one log may be quiet while another is busy.
            if self.due().is_some_and(|due| due <= Instant::now()) {
                self.move_checkpoints(inbox).await?;
            }
            if !has_more {
                self.idle(inbox).await?;
            }
        }
    }

    /// Finds out where to go on.
    async fn begin(&mut self) -> Result<(), SinkError> {
        let job = Arc::clone(&self.job);
        self.places.clear();
        job.pauses.prepare(&*job.store).await?;
        job.pauses.look(&*job.store).await?;
        if job.pauses.is_paused() {
            return Ok(());
        }
        job.store.prepare(&parked::set().map_err(SinkError::fatal)?).await?;
        if let Some(replaced) = &job.replaced {
            let mark = || Mark::of(&*job.store, job.sink.name(), replaced);
            job.mark.get_or_try_init(mark).await?;
        }
        job.sink.prepare().await?;
        let state = job.store.lease(self.lease.name()).await?;
        self.parked = ParkedKeys::read(&*job.store, self.lease.name()).await?;
        for log in &job.logs {
            let id = log.identity();
            let stored = state.checkpoint(id);
            let seen = job.sink.resume(id).await?.unwrap_or(stored);
            let end = log.end().await?;
            if end < seen {
                return Err(SinkError::fatal(Restored { log: id, end, seen }));
            }
            self.places.push(Place::new(Arc::clone(log), stored, seen, &job.options));
        }
        Ok(())
    }

    /// Takes in the next page of a log; whether it may have more.
    async fn step(&mut self, n: usize, inbox: &mut Inbox) -> Result<bool, Left> {
        let job = Arc::clone(&self.job);
        let Some(place) = self.places.get_mut(n) else { return Ok(false) };
        let page = match place.next(job.sink.filter()).await {
            Ok(page) => page,
            Err(error) => {
                self.endure_reading(error, inbox).await?;
                return Ok(true);
            }
        };
        let (upto, has_more) = (page.upto, page.has_more);
        if !page.events.is_empty() {
            self.patience = None;
        }
        let (log, events, mut later) = (Arc::clone(&place.log), place.pace.events, place.pace);
        // The next page is read while this one is taken in, on another core if there is one. It ends with the set.
        let mut ahead = JoinSet::new();
        if has_more {
            let filter = job.sink.filter().clone();
            ahead.spawn(async move { log.read_all(upto, &filter, events).await });
        }
        self.deliver(n, page, inbox).await?;
        // What could not be read ahead is read when it is its turn.
        if let Some(Ok(Ok(page))) = ahead.join_next().await
            && let Some(place) = self.places.get_mut(n)
        {
            place.ahead = Some(later.cut(page));
            place.pace = later;
        }
        Ok(has_more)
    }

    /// Waits for something to do, and does it unless it is to read on.
    async fn idle(&mut self, inbox: &mut Inbox) -> Result<(), Left> {
        match self.sleep(inbox).await {
            Woken::Stop | Woken::Order(None) => Ok(()),
            Woken::Changed(Ok(())) => {
                self.patience = None;
                Ok(())
            }
            Woken::Changed(Err(error)) => self.endure_reading(error, inbox).await,
            Woken::Order(Some(order)) => self.obey(order).await,
            Woken::Due => self.move_checkpoints(inbox).await,
        }
    }

    async fn sleep(&self, inbox: &mut Inbox) -> Woken {
        let due = self.due();
        let changed = async {
            let changed = self.places.iter().map(|place| place.log.changed(place.seen));
            match changed.collect::<Vec<_>>() {
                none if none.is_empty() => pending().await,
                some => select_all(some).await.0,
            }
        };
        tokio::select! {
            biased;
            _ = inbox.stop.wait_for(|stop| *stop) => Woken::Stop,
            Ok(_) = inbox.pauses.wait_for(|known| known.is_paused) => Woken::Stop,
            order = inbox.orders.recv() => Woken::Order(order),
            changed = changed => Woken::Changed(changed),
            () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => Woken::Due,
        }
    }

    async fn obey(&mut self, order: Order) -> Result<(), Left> {
        match order {
            Order::Resume => Ok(()),
            Order::Replay { key, reply } => {
                let answer = self.replay(&key).await;
                reply_with(reply, answer)
            }
            Order::Discard { key, reason, reply } => {
                let answer = self.discard(&key, &reason).await;
                reply_with(reply, answer)
            }
        }
    }

    /// When the next checkpoint may be moved over events that are not wanted.
    fn due(&self) -> Option<Instant> {
        let open = self.places.iter().filter(|place| place.seen > place.stored);
        open.map(|place| place.due).min()
    }

    /// Moves the checkpoints over events that were not wanted.
    async fn move_checkpoints(&mut self, inbox: &mut Inbox) -> Result<(), Left> {
        for n in 0..self.places.len() {
            let Some(place) = self.places.get(n) else { break };
            if place.seen > place.stored {
                let to = place.seen;
                self.write_checkpoint(n, to, Vec::new(), inbox).await?;
            }
        }
        Ok(())
    }

    /// All of a log up to `at` is taken in, or was not wanted.
    pub(super) fn reached(&mut self, n: usize, at: Position) {
        if let Some(place) = self.places.get_mut(n) {
            if place.seen == place.stored && at > place.seen {
                place.due = Instant::now() + self.job.options.checkpoint_interval;
            }
            place.seen = at.max(place.seen);
            self.status.reached(place.id, place.seen);
        }
    }

    /// The checkpoint of a log is at `at`.
    pub(super) fn stored(&mut self, n: usize, at: Position) {
        if let Some(place) = self.places.get_mut(n) {
            place.stored = at.max(place.stored);
        }
    }

    /// Waits out what can be waited out.
    pub(super) async fn endure(
        &self,
        error: SinkError,
        patience: &mut Backoff,
        inbox: &mut Inbox,
    ) -> Result<(), Left> {
        match error {
            SinkError::Transient(error) => {
                tracing::warn!(lease = %self.lease.name(), error = &*error as &dyn Error, "waits");
                self.status.meets(Arc::from(error));
                tokio::select! {
                    biased;
                    left = inbox.interrupted() => Err(left),
                    _ = patience.wait() => Ok(()),
                }
            }
            SinkError::Fenced(_) => Err(Left::Lost),
            other => Err(Left::Error(Arc::new(other))),
        }
    }

    /// The same for trouble with a log: until something was read, the delays grow.
    async fn endure_reading(&mut self, error: BackendError, inbox: &mut Inbox) -> Result<(), Left> {
        let mut patience = self.patience.take().unwrap_or_else(|| self.job.patience());
        let endured = self.endure(error.into(), &mut patience, inbox).await;
        self.patience = Some(patience);
        endured
    }

    /// Whether the checkpoint of a log was moved to `to` by a commit whose answer was lost.
    pub(super) async fn was_moved(&self, n: usize, to: Position) -> Result<bool, Moved> {
        let Some(place) = self.places.get(n) else { return Ok(false) };
        let state = self.job.store.lease(self.lease.name()).await.map_err(Moved::Unreadable)?;
        let checkpoint = state.checkpoint(place.id);
        if state.epoch != self.lease.epoch() {
            return Err(Moved::Lost);
        }
        match checkpoint {
            at if at == place.stored => Ok(false),
            at if at == to => Ok(true),
            _ => Err(Moved::Lost),
        }
    }
}

/// A log that ends before what was taken in of it: it was restored from a backup, and what is appended now would be passed
/// over.
#[derive(Debug, thiserror::Error)]
#[error("log {log} ends at {end}, and was taken in up to {seen}")]
struct Restored {
    log: LogId,
    end: Position,
    seen: Position,
}

/// Answers whoever asked, who may have gone. What is parked after an error of the store is not known any more, and is
/// found out under a new lease.
fn reply_with(
    reply: oneshot::Sender<Result<usize, ReplayError>>,
    answer: Result<usize, ReplayError>,
) -> Result<(), Left> {
    let is_unknown = matches!(answer, Err(ReplayError::Sink(_)));
    drop(reply.send(answer));
    if is_unknown { Err(Left::Lost) } else { Ok(()) }
}

/// What a part that had nothing to do was woken by.
enum Woken {
    Stop,
    Order(Option<Order>),
    Changed(Result<(), BackendError>),
    /// A checkpoint may be moved over events that are not wanted.
    Due,
}

/// Why it cannot be said whether a checkpoint was moved.
pub(super) enum Moved {
    Lost,
    Unreadable(BackendError),
}
