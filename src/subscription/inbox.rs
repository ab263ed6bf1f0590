//! What a part of a subscription is told from outside.

use std::future::pending;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::sleep;

use super::pause::Known;
use super::running::ReplayError;
use super::share::Held;
use super::worker::Left;

/// What a part can be told to do.
pub(super) enum Order {
    /// Go on after an error.
    Resume,
    /// Take in what is parked of a key.
    Replay { key: String, reply: oneshot::Sender<Result<usize, ReplayError>> },
    /// Forget what is parked of a key: all, or the first.
    Discard {
        key: String,
        reason: String,
        first_only: bool,
        reply: oneshot::Sender<Result<usize, ReplayError>>,
    },
}

impl Order {
    fn refuse(self) {
        match self {
            Self::Resume => {}
            // Whoever asked may have gone.
            Self::Replay { reply, .. } | Self::Discard { reply, .. } => {
                drop(reply.send(Err(ReplayError::NotHere)));
            }
        }
    }
}

/// What a part is told from outside.
pub(super) struct Inbox {
    pub(super) stop: watch::Receiver<bool>,
    pub(super) pauses: watch::Receiver<Known>,
    pub(super) share: watch::Receiver<Held>,
    /// Which part it is.
    pub(super) part: u32,
    pub(super) orders: mpsc::Receiver<Order>,
    /// An order that has ended the wait of a part that was stopped by an error.
    pub(super) first: Option<Order>,
}

impl Inbox {
    /// An order that waits.
    pub(super) fn waiting(&mut self) -> Option<Order> {
        self.first.take().or_else(|| self.orders.try_recv().ok())
    }

    pub(super) fn is_stopped(&self) -> bool {
        *self.stop.borrow() || self.stop.has_changed().is_err()
    }

    /// Returns when the part shall not go on: it was asked to stop, its handle is gone, the job was paused, or the part is for
    /// another process.
    pub(super) async fn interrupted(&mut self) -> Left {
        let Self { stop, pauses, share, part, .. } = self;
        tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => Left::Asked,
            Ok(_) = pauses.wait_for(|known| known.is_paused) => Left::Paused,
            Ok(_) = share.wait_for(|held| held.is_surplus(*part)) => Left::Surplus,
        }
    }

    /// The same, at once.
    pub(super) fn interruption(&self) -> Option<Left> {
        if self.is_stopped() {
            return Some(Left::Asked);
        }
        if self.pauses.borrow().is_paused {
            return Some(Left::Paused);
        }
        self.share.borrow().is_surplus(self.part).then_some(Left::Surplus)
    }

    /// Waits until the job is resumed, and refuses all orders meanwhile; `false` if it shall stop.
    pub(super) async fn resumed(&mut self) -> bool {
        let Self { pauses, stop, orders, .. } = self;
        loop {
            tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => return false,
                order = orders.recv() => match order {
                    Some(order) => order.refuse(),
                    None => return false,
                },
                Ok(_) = pauses.wait_for(|known| !known.is_paused) => return true,
            }
        }
    }

    /// After an error: waits for `time`, or for an order, which is kept; `false` if it shall stop.
    pub(super) async fn wait_for_order(&mut self, time: Option<Duration>) -> bool {
        let Self { stop, orders, first, .. } = self;
        let over = async {
            match time {
                Some(time) => sleep(time).await,
                None => pending().await,
            }
        };
        tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => false,
            order = orders.recv() => {
                *first = order;
                first.is_some()
            }
            () = over => true,
        }
    }

    /// Waits for `time`, as [`Inbox::stand_by`] does.
    pub(super) async fn wait(&mut self, time: Duration) -> bool {
        self.stand_by(sleep(time)).await
    }

    /// Waits until `over`, and refuses all orders meanwhile, since the lease is not held; `false` if it shall stop.
    pub(super) async fn stand_by(&mut self, over: impl Future<Output = ()>) -> bool {
        // Whoever stopped a part and then lost the lease to another has nothing to decide here.
        if let Some(order) = self.first.take_if(|order| !matches!(order, Order::Resume)) {
            order.refuse();
        }
        tokio::pin!(over);
        loop {
            let Self { stop, orders, .. } = self;
            tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => return false,
                order = orders.recv() => match order {
                    Some(order) => order.refuse(),
                    None => return false,
                },
                () = &mut over => return true,
            }
        }
    }
}
