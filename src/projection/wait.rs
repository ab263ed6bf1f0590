//! Waiting until the views show something.

use std::pin::pin;
use std::task::Poll;

use futures::poll;
use tokio::time::{Instant, sleep, timeout};

use super::generation::Generation;
use super::model::Model;
use crate::consistency::{Behind, Reached};
use crate::ports::BackendError;
use crate::types::Token;

/// Why it is not waited for a build any more.
enum Turn {
    /// Another build is read now.
    Swapped,
    Failed(BackendError),
}

impl Model {
    pub(super) async fn wait_for(&self, token: Token, until: Instant) -> Result<Reached, Behind> {
        let Some(log) = self.logs.iter().find(|log| log.identity() == token.log()) else {
            return Err(Behind::OtherLog { token: token.log() });
        };
        let mut is_written = false;
        loop {
            let generation = self.live().await.map_err(Behind::Unreadable)?;
            let mut wait = pin!(generation.progress.wait_for(token));
            match poll!(wait.as_mut()) {
                // It ended since another build took its place.
                Poll::Ready(Err(Behind::Ended)) if self.is_swapped(&generation).await? => continue,
                Poll::Ready(ended) => return ended,
                Poll::Pending => {}
            }
            if !is_written {
                let head = log.head().await.map_err(Behind::Unreadable)?;
                if head < token.position() {
                    return Err(Behind::NotYetWritten { head });
                }
                is_written = true;
            }
            let left = until.saturating_duration_since(Instant::now());
            let ended = tokio::select! {
                biased;
                ended = timeout(left, wait) => ended,
                turn = self.watch(&generation) => match turn {
                    Turn::Swapped => continue,
                    Turn::Failed(error) => return Err(Behind::Unreadable(error)),
                },
            };
            match ended {
                Ok(Err(Behind::Ended)) if self.is_swapped(&generation).await? => {}
                Ok(ended) => return ended,
                Err(_) => {
                    let at = self.checkpoints(&generation).await.map_err(Behind::Unreadable)?;
                    let lag = self.lag(&at).await.map_err(Behind::Unreadable)?;
                    return Err(Behind::TimedOut { lag });
                }
            }
        }
    }

    async fn is_swapped(&self, generation: &Generation) -> Result<bool, Behind> {
        let live = self.live().await.map_err(Behind::Unreadable)?;
        Ok(live.number != generation.number)
    }

    /// Asks the store how far a build is, for all who wait: one of them asks, and when it is gone, the next. It returns
    /// when another build is read, or nothing can be read.
    async fn watch(&self, generation: &Generation) -> Turn {
        let _asks = generation.polls.lock().await;
        loop {
            match self.observe(generation).await {
                Ok(true) => return Turn::Swapped,
                Err(error) if !error.is_transient() => return Turn::Failed(error),
                Ok(false) | Err(_) => sleep(self.poll_interval).await,
            }
        }
    }

    /// Tells those who wait how far the parts of a build are; whether another is read now.
    async fn observe(&self, generation: &Generation) -> Result<bool, BackendError> {
        for (n, name) in generation.parts.iter().enumerate() {
            let part = generation.progress.part(n);
            for checkpoint in self.store.lease(name).await?.checkpoints {
                part.reached(checkpoint.log(), checkpoint.position());
            }
        }
        Ok(self.live().await?.number != generation.number)
    }
}
