//! A relay that runs.

use std::fmt;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::consistency::{Behind, Lag};
use crate::ports::{BackendError, CommitError, Feed};
use crate::subscription::{Health, Parked, ReplayError, Running};
use crate::types::Token;

/// How often it is looked how far other processes have published.
const LOOK_INTERVAL: Duration = Duration::from_millis(200);

/// A relay that runs. When the handle is dropped, it stops behind the batch that is under way.
#[must_use = "a relay stops when its handle is dropped"]
pub struct RunningRelay {
    pub(super) running: Running,
    pub(super) feed: Feed,
    pub(super) stop: watch::Sender<bool>,
    pub(super) keeper: Option<JoinHandle<()>>,
}

impl RunningRelay {
    /// Waits until everything is published or parked that was committed before.
    ///
    /// # Errors
    /// [`Behind`] if the relay is stopped, or the log cannot be read.
    ///
    /// # Cancel safety
    /// Waiting changes nothing; the future may be dropped.
    pub async fn drained(&self) -> Result<(), Behind> {
        let end = self.feed.end().await.map_err(Behind::Unreadable)?;
        let token = Token::new(self.feed.identity(), end);
        tokio::select! {
            biased;
            reached = self.running.progress().wait_for(token) => reached.map(drop),
            elsewhere = self.published_elsewhere(token) => elsewhere.map_err(Behind::Unreadable),
        }
    }

    /// Returns when the checkpoints have come so far, which another process may write.
    async fn published_elsewhere(&self, token: Token) -> Result<(), BackendError> {
        loop {
            sleep(LOOK_INTERVAL).await;
            if self.running.stored(token.log()).await? >= token.position() {
                return Ok(());
            }
        }
    }

    /// How many messages wait, and for how long the oldest has. It is asked of the store, whoever publishes.
    ///
    /// # Errors
    /// [`BackendError`] if the store cannot be read.
    pub async fn lag(&self) -> Result<Lag, BackendError> {
        self.running.lag().await
    }

    /// Whether messages are published, be it here or elsewhere.
    pub async fn health(&self) -> Health {
        self.running.health().await
    }

    /// What is parked: at most `limit` messages, those that the broker refused and those that wait behind them.
    ///
    /// # Errors
    /// [`BackendError`] if the store cannot be read.
    pub async fn parked(&self, limit: usize) -> Result<Vec<Parked>, BackendError> {
        self.running.parked(limit).await
    }

    /// Publishes what is parked under a [key](Parked::key), in order, and says how many messages that were. If that succeeds,
    /// the key is free again.
    ///
    /// # Errors
    /// [`ReplayError`]; what was not published is still parked.
    pub async fn retry(&self, key: &str) -> Result<usize, ReplayError> {
        self.running.replay(key).await
    }

    /// Gives up the first message that is parked under a key, and publishes those behind it.
    ///
    /// # Errors
    /// [`ReplayError`]; what was not published is still parked.
    pub async fn skip(&self, key: &str, reason: &str) -> Result<usize, ReplayError> {
        self.running.skip(key, reason).await?;
        self.running.replay(key).await
    }

    /// Gives up all that is parked under a key, and says how many messages that were.
    ///
    /// # Errors
    /// [`ReplayError`]; what was not given up is still parked.
    pub async fn discard(&self, key: &str, reason: &str) -> Result<usize, ReplayError> {
        self.running.discard(key, reason).await
    }

    /// Pauses it in every process until it is resumed, also after a restart.
    ///
    /// # Errors
    /// [`CommitError`] if it could not be written down.
    pub async fn pause(&self) -> Result<(), CommitError> {
        self.running.pause().await
    }

    /// Lets it go on: after a pause in every process, after an error in this one.
    ///
    /// # Errors
    /// [`CommitError`] if it is paused, and that could not be changed.
    pub async fn resume(&self) -> Result<(), CommitError> {
        self.running.resume().await
    }

    /// Stops behind the batch that is under way, and gives the lease back, so that another process goes on at once.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        self.running.stop().await;
        if let Some(keeper) = self.keeper {
            // If it panicked, it has stopped, too.
            drop(keeper.await);
        }
    }
}

impl fmt::Debug for RunningRelay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunningRelay").field("feed", &self.feed.identity()).finish_non_exhaustive()
    }
}
