//! Waiting until the views show something.

use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures::poll;
use tokio::time::{Instant, sleep, timeout};

use super::generation::{Generation, Pointer};
use super::model::Model;
use super::poll::Turn;
use crate::consistency::{Behind, Reached, Session};
use crate::ports::{BackendError, telemetry};
use crate::types::Token;

/// The longest wait: nobody has more patience, and clocks end somewhere.
const WAIT_MAX: Duration = Duration::from_hours(24 * 365);

/// When a wait of so long that begins now is over.
pub(super) fn deadline(within: Duration) -> Instant {
    Instant::now() + within.min(WAIT_MAX)
}

impl Model {
    pub(super) async fn wait_for(
        self: &Arc<Self>,
        token: Token,
        until: Instant,
    ) -> Result<Reached, Behind> {
        let began = Instant::now();
        let ended = self.reach(token, until).await;
        let outcome = ended.as_ref().err().map_or("reached", Behind::name);
        telemetry::waited(self.name, outcome, began.elapsed());
        ended
    }

    async fn reach(self: &Arc<Self>, token: Token, until: Instant) -> Result<Reached, Behind> {
        let Some(log) = self.logs.iter().find(|log| log.identity() == token.log()) else {
            return Err(Behind::OtherLog { token: token.log() });
        };
        let mut is_written = false;
        loop {
            let generation = match self.live().await {
                Ok(generation) => generation,
                // It may be over soon.
                Err(error) if error.is_transient() && Instant::now() < until => {
                    sleep(self.poll_interval).await;
                    continue;
                }
                Err(error) => return Err(Behind::Unreadable(error)),
            };
            let mut wait = pin!(generation.progress.wait_for(token));
            match poll!(wait.as_mut()) {
                Poll::Ready(Ok(reached)) => return Ok(reached),
                Poll::Ready(Err(behind)) => {
                    match self.is_over(&generation, token, behind, until).await {
                        Some(ended) => return ended,
                        None => continue,
                    }
                }
                Poll::Pending => {}
            }
            if !is_written {
                let end = log.end().await.map_err(Behind::Unreadable)?;
                if end < token.position() {
                    return Err(Behind::NotYetWritten { head: end });
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
                Ok(Ok(reached)) => return Ok(reached),
                Ok(Err(behind)) => {
                    if let Some(ended) = self.is_over(&generation, token, behind, until).await {
                        return ended;
                    }
                }
                Err(_) => return self.late(&generation, token).await,
            }
        }
    }

    /// How a wait ends whose time is over.
    async fn late(&self, generation: &Generation, token: Token) -> Result<Reached, Behind> {
        let at = self.checkpoints(generation).await.map_err(Behind::Unreadable)?;
        // Another process may have got there unseen.
        if at.position(token.log()) >= token.position() {
            return Ok(Reached { at });
        }
        if let Some(behind) = self.first_build(token, &at).await? {
            return Err(behind);
        }
        let lag = self.lag(&at).await.map_err(Behind::Unreadable)?;
        Err(Behind::TimedOut { lag })
    }

    /// That the views are made for the first time, and have not come to where the log ended when that began. A build that
    /// is made beside another is no reason: the other one is read, and waited for.
    async fn first_build(&self, token: Token, at: &Session) -> Result<Option<Behind>, Behind> {
        let pointer = Pointer::read(&*self.store, self.name).await.map_err(Behind::Unreadable)?;
        let of = pointer.unwrap_or_default().first_upto().position(token.log());
        let at = at.position(token.log());
        Ok((at < of).then_some(Behind::Rebuilding { at, of }))
    }

    /// How a wait ends for a build that is over in this process; `None` if it goes on, since another build has taken its
    /// place, or another process goes on with it.
    async fn is_over(
        &self,
        generation: &Generation,
        token: Token,
        behind: Behind,
        until: Instant,
    ) -> Option<Result<Reached, Behind>> {
        if let Behind::WouldDeadlock = behind {
            return Some(Err(behind));
        }
        let goes_on = match (&behind, self.is_paused(generation).await) {
            (_, Err(error)) => Err(error),
            // It was resumed, and the consumer goes on.
            (Behind::Paused, Ok(false)) => Ok(true),
            (Behind::Paused, Ok(true)) => self.observe(generation).await,
            (_, Ok(_)) => self.goes_on(generation).await,
        };
        match goes_on {
            Ok(true) if Instant::now() < until => {
                sleep(self.poll_interval).await;
                None
            }
            Ok(true) => Some(self.late(generation, token).await),
            Ok(false) => {
                let reached = generation.progress.position(token.log());
                let at = Token::new(token.log(), reached).into();
                Some(if reached >= token.position() { Ok(Reached { at }) } else { Err(behind) })
            }
            Err(error) => Some(Err(Behind::Unreadable(error))),
        }
    }

    /// Whether another build is read, or somebody holds the lease of this one.
    async fn goes_on(&self, generation: &Generation) -> Result<bool, BackendError> {
        if self.observe(generation).await? {
            return Ok(true);
        }
        for name in &generation.parts {
            if self.store.lease(name).await?.holder.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
