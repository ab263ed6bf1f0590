//! The work under one lease: from its grant to its end.

use std::error::Error;
use std::future::pending;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::select_all;
use tokio::sync::oneshot;
use tokio::task::{JoinSet, yield_now};
use tokio::time::{Instant, sleep_until};

use super::error::SinkError;
use super::inbox::{Inbox, Order};
use super::mark::Mark;
use super::parked::{self, ParkedKeys};
use super::partition::Partition;
use super::place::{Place, Unread};
use super::running::ReplayError;
use super::status::{Phase, Status};
use super::worker::{Job, Left};
use crate::ports::BackendError;
use crate::retry::Backoff;
use crate::types::{Lease, Position};

/// The work under one lease.
pub(super) struct Tenure<'s> {
    pub(super) job: Arc<Job>,
    pub(super) lease: Lease,
    pub(super) partition: Partition,
    pub(super) status: &'s Status,
    pub(super) places: Vec<Place>,
    pub(super) parked: ParkedKeys,
}

impl<'s> Tenure<'s> {
    pub(super) fn new(
        job: Arc<Job>,
        lease: Lease,
        partition: Partition,
        status: &'s Status,
    ) -> Self {
        let (places, parked) = (Vec::new(), ParkedKeys::default());
        Self { job, lease, partition, status, places, parked }
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
        job.sink.prepare(self.partition).await?;
        let state = job.store.lease(self.lease.name()).await?;
        self.parked = ParkedKeys::read(&*job.store, self.lease.name()).await?;
        for log in &job.logs {
            let id = log.identity();
            let stored = state.checkpoint(id);
            let seen = job.sink.resume(id, self.partition).await?.unwrap_or(stored);
            self.places.push(Place::new(log.clone(), stored, seen, &job.options));
        }
        Ok(())
    }

    /// Takes in the next page of a log; whether it may have more.
    async fn step(&mut self, n: usize, inbox: &mut Inbox) -> Result<bool, Left> {
        let job = Arc::clone(&self.job);
        let place = self.places.get_mut(n).filter(|place| !place.rests());
        let Some(place) = place else { return Ok(false) };
        let page = match place.next(job.sink.filter(), self.status).await {
            Ok(page) => page,
            Err(Unread::Restored(restored)) => {
                return Err(Left::Error(Arc::new(SinkError::fatal(restored))));
            }
            Err(Unread::Backend(error)) => {
                self.leave_alone(n, error)?;
                return Ok(false);
            }
        };
        let (upto, has_more) = (page.upto, page.has_more);
        place.has_more = has_more;
        if !page.events.is_empty() {
            place.is_well();
        }
        let (log, events, mut later) = (place.log.clone(), place.pace.events, place.pace);
        // The next page is read while this one is taken in, on another core if there is one. It ends with the set.
        let mut ahead = JoinSet::new();
        if has_more {
            let filter = job.sink.filter().clone();
            ahead.spawn(async move { log.read_all(upto, &filter, events).await });
            // A task that was just made is next on this very thread, and no other thread takes it: without a turn now, the
            // reading would begin only when the sink waits for something.
            yield_now().await;
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
            // What is due is looked for anyway.
            Woken::Stop | Woken::Order(None) | Woken::Due => Ok(()),
            Woken::Changed(n, Ok(())) => {
                if let Some(place) = self.places.get_mut(n) {
                    place.is_well();
                }
                Ok(())
            }
            Woken::Changed(n, Err(error)) => self.leave_alone(n, error),
            Woken::Order(Some(order)) => self.obey(order).await,
        }
    }

    async fn sleep(&self, inbox: &mut Inbox) -> Woken {
        let rests = self.places.iter().filter_map(|place| place.rests_until);
        let now = Instant::now();
        let due = rests.filter(|until| *until > now).chain(self.due()).min();
        let changed = async {
            let awake = self.places.iter().enumerate().filter(|(_, place)| !place.rests());
            let changed = awake
                .map(|(n, place)| place.log.changed(place.seen).map(move |is| (n, is)).boxed());
            match changed.collect::<Vec<_>>() {
                none if none.is_empty() => pending().await,
                some => select_all(some).await.0,
            }
        };
        tokio::select! {
            biased;
            _ = inbox.stop.wait_for(|stop| *stop) => Woken::Stop,
            Ok(_) = inbox.pauses.wait_for(|known| known.is_paused) => Woken::Stop,
            Ok(_) = inbox.share.wait_for(|held| held.is_surplus(inbox.part)) => Woken::Stop,
            order = inbox.orders.recv() => Woken::Order(order),
            (n, changed) = changed => Woken::Changed(n, changed),
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
            Order::Discard { key, reason, first_only, reply } => {
                let events_max = if first_only { 1 } else { usize::MAX };
                let answer = self.discard(&key, &reason, events_max).await;
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

    /// A log in trouble is left alone for a while, and the others go on.
    fn leave_alone(&mut self, n: usize, error: BackendError) -> Result<(), Left> {
        if !error.is_transient() {
            return Err(Left::Error(Arc::new(SinkError::from(error))));
        }
        let Some(place) = self.places.get_mut(n) else { return Ok(()) };
        tracing::warn!(lease = %self.lease.name(), log = %place.id, %error, "waits for a log");
        self.status.meets(Arc::new(error));
        let patience = place.patience.get_or_insert_with(|| self.job.patience());
        let delay = patience.next_delay().unwrap_or_default();
        place.rests_until = Some(Instant::now() + delay);
        Ok(())
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
    /// The log with this number has more, or cannot say so.
    Changed(usize, Result<(), BackendError>),
    /// A checkpoint may be moved over events that are not wanted, or a log has been left alone for long enough.
    Due,
}

/// Why it cannot be said whether a checkpoint was moved.
pub(super) enum Moved {
    Lost,
    Unreadable(BackendError),
}
