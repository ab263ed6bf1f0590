//! The handle of a subscription that runs.

use std::error::Error;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::error::SinkError;
use super::health::Health;
use super::inbox::Order;
use super::parked::Parked;
use super::partition::Partition;
use super::status::{Phase, Status};
use super::worker::Job;
use crate::consistency::{Lag, Progress};
use crate::ports::{BackendError, CommitError};
use crate::types::{LeaseName, LogId, Position};

/// A subscription that runs. When the handle is dropped, the subscription stops behind the batch that is under way.
#[must_use = "a subscription stops when its handle is dropped"]
pub struct Running {
    pub(super) job: Arc<Job>,
    pub(super) parts: Vec<PartHandle>,
    /// What sees to it that this process works at its share.
    pub(super) member: Option<JoinHandle<()>>,
    pub(super) stop: watch::Sender<bool>,
    /// Where the subscription was when its health was asked for last, and since when.
    pub(super) observed: Mutex<(Vec<Position>, Instant)>,
}

/// One part of it.
pub(super) struct PartHandle {
    pub(super) name: LeaseName,
    pub(super) partition: Partition,
    pub(super) status: Arc<Status>,
    pub(super) orders: mpsc::Sender<Order>,
    pub(super) task: JoinHandle<()>,
}

/// Why what is parked was not replayed, or not all of it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// This process does not hold the lease, or the subscription is stopped or paused here. Ask the process that does.
    #[error("the lease of that key is not held here")]
    NotHere,
    /// An event still cannot be taken in. Those before it were.
    #[error("the event at {position} still cannot be taken in")]
    StillFails {
        /// Where it stands.
        position: Position,
        /// How many were taken in before it.
        replayed: usize,
        /// Why.
        source: Box<dyn Error + Send + Sync>,
    },
    /// Something else went wrong; what was not replayed is still parked.
    #[error(transparent)]
    Sink(#[from] SinkError),
}

impl Running {
    /// How far it has come, to wait for.
    #[must_use]
    pub fn progress(&self) -> &Progress {
        &self.job.progress
    }

    /// How far it is behind, over all its logs. It is asked of the logs themselves.
    ///
    /// # Errors
    /// [`BackendError`] if a log or the store cannot be read.
    pub async fn lag(&self) -> Result<Lag, BackendError> {
        let places = self.job.places(self.names()).await?;
        self.job.lag(&places).await
    }

    /// How far the job has come in a log, by its checkpoints, whoever writes them.
    pub(crate) async fn stored(&self, log: LogId) -> Result<Position, BackendError> {
        let places = self.job.places(self.names()).await?;
        let all = self.job.logs.iter().zip(places);
        let of_log = all.filter(|(known, _)| known.identity() == log).map(|(_, at)| at);
        Ok(of_log.min().unwrap_or_default())
    }

    /// Whether the work is done, be it here or elsewhere.
    pub async fn health(&self) -> Health {
        for part in &self.parts {
            if let Phase::Stopped(error) = part.status.phase() {
                return Health::Stopped(error);
            }
        }
        if self.job.pauses.is_paused() {
            return Health::Paused;
        }
        let places = match self.job.places(self.names()).await {
            Ok(places) => places,
            Err(error) => return Health::Unknown(error),
        };
        let lag = match self.job.lag(&places).await {
            Ok(lag) => lag,
            Err(error) => return Health::Unknown(error),
        };
        // It cannot have been at a standstill for longer than there was something to do.
        let since = self.unmoved_since(places).elapsed().min(lag.time);
        let options = &self.job.options;
        if lag.is_none() {
            Health::Ok
        } else if since >= options.stalled_after {
            let trouble = self.parts.iter().find_map(|part| part.status.trouble());
            Health::Stalled { since, trouble }
        } else if lag.time >= options.late_after {
            Health::Late { by: lag.time }
        } else {
            Health::Ok
        }
    }

    /// Pauses the job, behind the batch that is under way: in every process, and until it is resumed, also after a restart.
    /// Here it is paused when this returns, and elsewhere within a third of
    /// [`lease_time`](super::SubscriptionOptions::lease_time). Whoever holds the lease keeps it, and does nothing. Who
    /// waits is told [`Behind::Paused`](crate::consistency::Behind::Paused) at once.
    ///
    /// # Errors
    /// [`CommitError`] if it could not be written down; then it goes on, unless the outcome is unknown.
    pub async fn pause(&self) -> Result<(), CommitError> {
        self.job.pauses.decide(&*self.job.store, true).await
    }

    /// Lets it go on: after it was paused, in every process; and after an error has stopped it, in this one.
    ///
    /// # Errors
    /// [`CommitError`] if it is paused, and that could not be changed.
    pub async fn resume(&self) -> Result<(), CommitError> {
        for part in &self.parts {
            // A part with that many orders before it goes on anyway.
            drop(part.orders.try_send(Order::Resume));
        }
        self.job.pauses.decide(&*self.job.store, false).await
    }

    /// What is parked, of all parts: at most `limit` events.
    ///
    /// # Errors
    /// [`BackendError`] if the store cannot be read.
    pub async fn parked(&self, limit: usize) -> Result<Vec<Parked>, BackendError> {
        let mut parked = Vec::new();
        for name in self.names() {
            let (found, _) = Parked::list(&*self.job.store, name, None, limit).await?;
            parked.extend(found);
        }
        parked.truncate(limit);
        Ok(parked)
    }

    /// Takes in what is parked of a key, in order, and says how many events that were. The key is free again if that
    /// succeeds. The views of a projection are shared out by their own keys, so that several parts may have parked the same event: each
    /// process replays what the parts have parked that it works at, and [`Running::parked`] says whether any is left.
    ///
    /// # Errors
    /// [`ReplayError`]; what was not taken in is still parked.
    pub async fn replay(&self, key: &str) -> Result<usize, ReplayError> {
        self.tell(key, |reply| Order::Replay { key: key.to_owned(), reply }).await
    }

    /// Gives up what is parked of a key, and says how many events that were. They are written to the log of the program,
    /// with the reason, and are still in the event log.
    ///
    /// # Errors
    /// [`ReplayError`]; what was not discarded is still parked.
    pub async fn discard(&self, key: &str, reason: &str) -> Result<usize, ReplayError> {
        self.give_up(key, reason, false).await
    }

    /// The same for the first event that is parked of a key. Those behind it stay parked, to be replayed.
    ///
    /// # Errors
    /// [`ReplayError`]; what was not discarded is still parked.
    pub async fn skip(&self, key: &str, reason: &str) -> Result<usize, ReplayError> {
        self.give_up(key, reason, true).await
    }

    async fn give_up(
        &self,
        key: &str,
        reason: &str,
        first_only: bool,
    ) -> Result<usize, ReplayError> {
        let (key_of, reason) = (key.to_owned(), reason.to_owned());
        let order = |reply| Order::Discard {
            key: key_of.clone(),
            reason: reason.clone(),
            first_only,
            reply,
        };
        self.tell(key, order).await
    }

    /// Stops behind the batch that is under way, and gives the lease back, so that another process can go on at once.
    pub async fn stop(mut self) {
        self.begin_to_stop();
        for part in &mut self.parts {
            // A task that panicked has stopped, too.
            drop((&mut part.task).await);
        }
        if let Some(member) = self.member.take() {
            drop(member.await);
        }
    }

    /// The same without waiting for it.
    pub(crate) fn begin_to_stop(&self) {
        self.stop.send_replace(true);
    }

    async fn tell(
        &self,
        key: &str,
        order: impl Fn(oneshot::Sender<Result<usize, ReplayError>>) -> Order,
    ) -> Result<usize, ReplayError> {
        let is_by_key = self.job.sink.is_partitioned_by_key();
        let (mut events, mut is_here) = (0, false);
        for part in self.parts.iter().filter(|part| !is_by_key || part.partition.owns(key)) {
            let (reply, answer) = oneshot::channel();
            // A part whose task has ended drops the order.
            drop(part.orders.send(order(reply)).await);
            match answer.await.unwrap_or(Err(ReplayError::NotHere)) {
                Ok(more) => (events, is_here) = (events + more, true),
                // Another process has this part.
                Err(ReplayError::NotHere) => {}
                Err(error) => return Err(error),
            }
        }
        if is_here { Ok(events) } else { Err(ReplayError::NotHere) }
    }

    fn names(&self) -> impl Iterator<Item = &LeaseName> {
        self.parts.iter().map(|part| &part.name)
    }

    /// Since when nothing has moved, as far as was observed.
    fn unmoved_since(&self, places: Vec<Position>) -> Instant {
        let moved_here = self.parts.iter().map(|part| part.status.moved_at()).min();
        let mut observed = self.observed.lock().unwrap_or_else(PoisonError::into_inner);
        if observed.0 != places {
            *observed = (places, Instant::now());
        }
        moved_here.map_or(observed.1, |here| here.max(observed.1))
    }
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running")
            .field("name", self.job.sink.name())
            .field("progress", &self.job.progress)
            .finish_non_exhaustive()
    }
}
