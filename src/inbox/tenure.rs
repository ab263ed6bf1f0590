//! The work of a consumer: from its lease, if it has one, to its end.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep};

use super::held::Held;
use super::options::{ConsumerOptions, Marks};
use super::parked::{Line, ParkedLines, ParkedMessage, line};
use super::running::{Order, RetryError};
use super::work::{Done, GAP_INTERVAL, Tries, Work};
use crate::message::handler::Handler;
use crate::ports::{
    BackendError, Clock, Deliveries, Delivery, EventStore, Fault, RowStore, Settle, telemetry,
};
use crate::retry::Seeds;
use crate::types::{Claim, Commit, Lease, LeaseName, Message, Owner};

/// How many parked messages are read at a time.
const PAGE: usize = 500;

/// What a consumer is made of.
pub(super) struct Job<S> {
    pub(super) name: LeaseName,
    pub(super) store: Arc<S>,
    pub(super) deliveries: Arc<dyn Deliveries>,
    pub(super) handler: Arc<dyn Handler>,
    pub(super) options: ConsumerOptions,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) owner: Owner,
    pub(super) seeds: Seeds,
}

/// Why it does not go on.
enum Left {
    Asked,
    Lost,
    /// More is parked than may be, or what is parked cannot be read.
    Error(BackendError),
}

/// What is known while the consumer works.
struct Tenure<'t, S> {
    job: &'t Job<S>,
    lease: Option<Lease>,
    parked: Mutex<ParkedLines>,
    held: Mutex<Held>,
}

impl<S: EventStore + RowStore> Job<S> {
    /// Consumes until it is asked to stop.
    pub(super) async fn run(
        self,
        mut stop: watch::Receiver<bool>,
        mut orders: mpsc::Receiver<Order>,
    ) {
        let mut patience = self.options.patience().begin(self.seeds.draw());
        loop {
            let left = {
                let work = self.consume(&mut orders);
                tokio::select! {
                    biased;
                    // Also when the handle is gone. What is dropped in the middle comes again.
                    _ = stop.wait_for(|stop| *stop) => Left::Asked,
                    left = work => left,
                }
            };
            match left {
                Left::Asked => return self.release().await,
                Left::Lost => tracing::info!(consumer = %self.name, "has lost the lease"),
                Left::Error(error) => {
                    tracing::error!(consumer = %self.name, %error, "cannot consume");
                }
            }
            let is_stopped = tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => true,
                _ = patience.wait() => false,
            };
            if is_stopped {
                return self.release().await;
            }
        }
    }

    async fn release(&self) {
        if matches!(self.options.marks, Marks::ById) {
            return;
        }
        // Only an owner can tell which epoch it has; asking anew and giving that back frees the lease at once.
        if let Ok(Claim::Granted(lease)) =
            self.store.claim(&self.name, self.owner, self.options.lease_time).await
            && let Err(error) = self.store.release(&lease).await
        {
            tracing::debug!(consumer = %self.name, %error, "the lease was not released, and will expire");
        }
    }

    async fn consume(&self, orders: &mut mpsc::Receiver<Order>) -> Left {
        let lease = match self.options.marks {
            Marks::ById => None,
            Marks::BySequence(_) => Some(self.claim().await),
        };
        let parked = match ParkedLines::read(&*self.store, &self.name).await {
            Ok(parked) => Mutex::new(parked),
            Err(error) => return Left::Error(error),
        };
        let held = Mutex::new(Held::new(self.options.messages_max));
        let tenure = Tenure { job: self, lease, parked, held };
        match &tenure.lease {
            None => tenure.work(orders).await,
            Some(lease) => {
                tokio::select! {
                    left = tenure.work(orders) => left,
                    () = self.keep(lease) => Left::Lost,
                }
            }
        }
    }

    async fn claim(&self) -> Lease {
        let time = self.options.lease_time;
        loop {
            let wait = match self.store.claim(&self.name, self.owner, time).await {
                Ok(Claim::Granted(lease)) => return lease,
                Ok(Claim::Held { expires_in, .. }) => expires_in.min(time / 10),
                Err(error) => {
                    tracing::warn!(consumer = %self.name, %error, "cannot ask for the lease");
                    time / 10
                }
            };
            sleep(wait.max(Duration::from_millis(1))).await;
        }
    }

    /// Renews the lease; returns when it is lost, or may be.
    async fn keep(&self, lease: &Lease) {
        let time = self.options.lease_time;
        let mut until = Instant::now() + time;
        loop {
            sleep(time / 3).await;
            let asked = Instant::now();
            match self.store.renew(lease, time).await {
                Ok(true) => until = asked + time,
                Err(_) if Instant::now() < until => {}
                Ok(false) | Err(_) => return,
            }
        }
    }
}

impl<S: EventStore + RowStore> Tenure<'_, S> {
    // What is behind the locks is whole between any two statements.
    fn parked(&self) -> MutexGuard<'_, ParkedLines> {
        self.parked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn work(&self, orders: &mut mpsc::Receiver<Order>) -> Left {
        let Job { deliveries, options, .. } = self.job;
        let mut patience = options.patience().begin(self.job.seeds.draw());
        loop {
            let received = tokio::select! {
                biased;
                Some(order) = orders.recv() => {
                    self.obey(order).await;
                    continue;
                }
                received = deliveries.receive(options.messages_max.max(1)) => received,
            };
            match received {
                Ok(received) => {
                    patience = options.patience().begin(self.job.seeds.draw());
                    if let Err(left) = self.handle(received).await {
                        return left;
                    }
                }
                Err(error) => {
                    tracing::warn!(consumer = %self.job.name, %error, "cannot receive");
                    patience.wait().await;
                }
            }
        }
    }

    /// Handles what was received: keys side by side, and the messages of one key in order.
    async fn handle(&self, received: Vec<Delivery>) -> Result<(), Left> {
        let mut lines: BTreeMap<Line, Vec<(Message, Delivery)>> = BTreeMap::new();
        for delivery in received {
            match &delivery.message {
                Ok(message) => {
                    let message = message.clone();
                    lines.entry(line(&message)).or_default().push((message, delivery));
                }
                Err(why) => {
                    telemetry::handled(self.job.name.as_str(), "invalid");
                    tracing::error!(consumer = %self.job.name, error = %why, "this is no message, and stays with the broker");
                    self.settle(delivery.tag, Settle::Again(self.job.options.invalid_interval))
                        .await;
                }
            }
        }
        let mut waiting = lines.into_iter();
        let mut busy = FuturesUnordered::new();
        loop {
            while busy.len() < self.job.options.keys_max.max(1) {
                let Some((of, messages)) = waiting.next() else { break };
                busy.push(self.handle_line(of, messages));
            }
            match busy.next().await {
                Some(done) => done?,
                None => return Ok(()),
            }
        }
    }

    async fn handle_line(&self, of: Line, delivered: Vec<(Message, Delivery)>) -> Result<(), Left> {
        // Behind one that waits, those of its destination wait, too: they would only be missing it as well.
        let mut waiting = HashSet::new();
        let messages = self.held().join(&of, delivered);
        for (message, delivery) in messages {
            let done = match &delivery {
                _ if waiting.contains(&message.destination) => Done::Waits,
                Some(delivery) => self.take_in(&message, delivery.redeliveries).await?,
                None => self.take_in_copy(&message).await,
            };
            let how = match done {
                Done::Waits => {
                    waiting.insert(message.destination.clone());
                    self.held().keep(message);
                    Settle::Again(GAP_INTERVAL)
                }
                // Whoever has the lease now need not wait for them.
                Done::Lost => Settle::Again(Duration::ZERO),
                Done::Handled | Done::Failed(_) => Settle::Done,
            };
            let is_lost = matches!(done, Done::Lost);
            if let Some(delivery) = delivery {
                self.settle(delivery.tag, how).await;
            }
            if is_lost {
                return Err(Left::Lost);
            }
        }
        Ok(())
    }

    /// Handles a copy of a message that waited. If it cannot be handled, that is said when the message itself comes again.
    async fn take_in_copy(&self, message: &Message) -> Done {
        let is_parked = self.parked().holds(&line(message));
        if is_parked {
            return Done::Handled;
        }
        self.work_of().handle(message, Tries::Redelivered(0), &Commit::new()).await
    }

    /// Handles a message, or parks it.
    async fn take_in(&self, message: &Message, redeliveries: u64) -> Result<Done, Left> {
        let is_parked = self.parked().holds(&line(message));
        if is_parked {
            self.park(message, None).await?;
            return Ok(Done::Handled);
        }
        let done =
            self.work_of().handle(message, Tries::Redelivered(redeliveries), &Commit::new()).await;
        if let Done::Failed(error) = &done {
            tracing::error!(consumer = %self.job.name, message = %message.envelope.id(), error, "a message is parked");
            telemetry::handled(self.job.name.as_str(), "parked");
            self.park(message, Some(error.clone())).await?;
        }
        Ok(done)
    }

    fn work_of(&self) -> Work<'_, S> {
        let Job { name, store, handler, options, seeds, .. } = self.job;
        Work {
            name,
            store: &**store,
            handler: &**handler,
            lease: self.lease.as_ref(),
            options,
            seeds,
        }
    }

    /// Writes down a message that waits for somebody. It is settled with the broker only then.
    async fn park(&self, message: &Message, error: Option<String>) -> Result<(), Left> {
        let (nth, count) = {
            let mut parked = self.parked();
            parked.last += 1;
            (parked.last, parked.count())
        };
        if count >= self.job.options.parked_messages_max {
            return Err(Left::Error(BackendError::new(
                "inbox",
                "park a message",
                Fault::Full,
                "as many messages are parked as may be",
            )));
        }
        let parked =
            ParkedMessage { message: message.clone(), error, parked_at: self.job.clock.now(), nth };
        let row = parked.put(&self.job.name).map_err(unwritable)?;
        let mut patience = self.job.options.patience().begin(self.job.seeds.draw());
        while let Err(error) = self.job.store.commit(Commit::new().rows([row.clone()])).await {
            tracing::warn!(consumer = %self.job.name, %error, "cannot park a message");
            patience.wait().await;
        }
        self.parked().add(line(message), nth);
        Ok(())
    }

    async fn settle(&self, tag: u64, how: Settle) {
        // Whatever is not settled comes again, and is known again.
        if let Err(error) = self.job.deliveries.settle(tag, how).await {
            tracing::debug!(consumer = %self.job.name, %error, "a delivery was not settled");
        }
    }

    async fn obey(&self, order: Order) {
        let Order { source, key, discards, reply } = order;
        let of = (source, key);
        let answer = self.release(&of, discards.as_deref()).await;
        // Whoever asked may have gone.
        drop(reply.send(answer));
    }

    /// Handles what is parked of a key, in order; or gives it up.
    async fn release(&self, of: &Line, discards: Option<&str>) -> Result<usize, RetryError> {
        let mut released = 0;
        for parked in self.parked_of(of).await? {
            let row = parked.delete(&self.job.name).map_err(RetryError::Unwritable)?;
            let beside = Commit::new().rows([row]);
            if let Some(reason) = discards {
                self.job.store.commit(beside).await?;
                tracing::warn!(consumer = %self.job.name, message = %parked.message.envelope.id(), reason, "a parked message is given up");
            } else {
                match self.work_of().handle(&parked.message, Tries::ByHand, &beside).await {
                    // One that was handled before leaves its row.
                    Done::Handled => drop(self.job.store.commit(beside).await?),
                    Done::Failed(why) => return Err(RetryError::StillFails { released, why }),
                    Done::Waits | Done::Lost => return Err(RetryError::NotHere),
                }
            }
            self.parked().remove(of, parked.nth);
            released += 1;
        }
        Ok(released)
    }

    /// What is parked of a key, in the order in which it was sent. One that was missing may have come behind those that waited
    /// for it.
    async fn parked_of(&self, of: &Line) -> Result<Vec<ParkedMessage>, BackendError> {
        let (mut all, mut last) = (Vec::new(), None);
        loop {
            let (page, has_more) =
                ParkedMessage::list(&*self.job.store, &self.job.name, last.as_ref(), PAGE).await?;
            all.extend(page.iter().filter(|parked| line(&parked.message) == *of).cloned());
            last = page.into_iter().last();
            if !has_more {
                let place = |it: &ParkedMessage| it.message.sequence.map(|sequence| sequence.at);
                all.sort_by_key(|parked| (place(parked), parked.nth));
                return Ok(all);
            }
        }
    }
}

fn unwritable(why: Box<dyn std::error::Error + Send + Sync>) -> Left {
    Left::Error(BackendError::new("inbox", "park a message", Fault::Other, why))
}
