//! A consumer that runs.

use std::fmt;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use super::parked::ParkedMessage;
use crate::ports::{BackendError, CommitError, RowStore};
use crate::types::{LeaseName, OrderingKey, Source};

/// What a consumer is told about a parked key.
pub(super) struct Order {
    pub(super) source: Source,
    pub(super) key: OrderingKey,
    /// Why it is given up, if it is.
    pub(super) discards: Option<String>,
    pub(super) reply: oneshot::Sender<Result<usize, RetryError>>,
}

/// Why what is parked was not handled, or not all of it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RetryError {
    /// This process does not consume now, or has lost the lease. Ask the one that does.
    #[error("the messages are not consumed here")]
    NotHere,
    /// A message still cannot be handled. Those before it were.
    #[error("a message still cannot be handled, behind {released} that were: {why}")]
    StillFails {
        /// How many were handled before it.
        released: usize,
        /// Why.
        why: String,
    },
    /// What is parked cannot be named; never in practice.
    #[error("what is parked cannot be named")]
    Unwritable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The store cannot be read.
    #[error(transparent)]
    Backend(#[from] BackendError),
    /// The store cannot be written.
    #[error(transparent)]
    Commit(#[from] CommitError),
}

/// A consumer that runs. When the handle is dropped, it stops; what is under way comes again.
#[must_use = "a consumer stops when its handle is dropped"]
pub struct RunningConsumer {
    pub(super) name: LeaseName,
    pub(super) store: Arc<dyn RowStore>,
    pub(super) orders: mpsc::Sender<Order>,
    pub(super) stop: watch::Sender<bool>,
    pub(super) task: JoinHandle<()>,
}

impl RunningConsumer {
    /// What is parked, in order: at most `limit` messages.
    ///
    /// # Errors
    /// [`BackendError`] if the store cannot be read.
    pub async fn parked(&self, limit: usize) -> Result<Vec<ParkedMessage>, BackendError> {
        let (parked, _) = ParkedMessage::list(&*self.store, &self.name, None, limit).await?;
        Ok(parked)
    }

    /// Handles what is parked of a key, in order, and says how many messages that were. If that succeeds, the key is free again.
    ///
    /// # Errors
    /// [`RetryError`]; what was not handled is still parked.
    pub async fn retry(&self, source: &Source, key: &OrderingKey) -> Result<usize, RetryError> {
        self.tell(source, key, None).await
    }

    /// Gives up what is parked of a key, and says how many messages that were. They are named in the log of the program.
    ///
    /// # Errors
    /// [`RetryError`]; what was not given up is still parked.
    pub async fn discard(
        &self,
        source: &Source,
        key: &OrderingKey,
        reason: &str,
    ) -> Result<usize, RetryError> {
        self.tell(source, key, Some(reason.to_owned())).await
    }

    async fn tell(
        &self,
        source: &Source,
        key: &OrderingKey,
        discards: Option<String>,
    ) -> Result<usize, RetryError> {
        let (reply, answer) = oneshot::channel();
        let order = Order { source: source.clone(), key: key.clone(), discards, reply };
        // A consumer that has ended drops the order.
        drop(self.orders.send(order).await);
        answer.await.unwrap_or(Err(RetryError::NotHere))
    }

    /// Stops. What is under way comes again, here or elsewhere.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        // If it panicked, it has stopped, too.
        drop(self.task.await);
    }
}

impl fmt::Debug for RunningConsumer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunningConsumer").field("name", &self.name).finish_non_exhaustive()
    }
}
