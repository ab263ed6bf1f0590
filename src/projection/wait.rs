//! Waiting until the views show something.

use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures::poll;
use tokio::time::{Instant, sleep, timeout_at};

use super::generation::{Generation, Pointer};
use super::model::Model;
use super::poll::Said;
use crate::consistency::{Behind, Reached, Session};
use crate::ports::{BackendError, Fault, telemetry};
use crate::types::Token;

/// The longest wait: nobody has more patience, and clocks end somewhere.
const WAIT_MAX: Duration = Duration::from_hours(24 * 365);

/// How long a wait that is over may still ask the store how far the views are.
const LAST_LOOK_MAX: Duration = Duration::from_secs(1);

/// When a wait of so long that begins now is over.
pub(super) fn deadline(within: Duration) -> Instant {
    Instant::now() + within.min(WAIT_MAX)
}

/// Ends a wait also where a store or a log does not answer.
pub(super) async fn at_last(
    until: Instant,
    wait: impl Future<Output = Result<Reached, Behind>>,
) -> Result<Reached, Behind> {
    timeout_at(until + LAST_LOOK_MAX, wait).await.unwrap_or_else(|elapsed| {
        let silent = BackendError::new("store", "answer in time", Fault::Unavailable, elapsed);
        Err(Behind::Unreadable(silent))
    })
}

impl Model {
    pub(super) async fn wait_for(
        self: &Arc<Self>,
        token: Token,
        until: Instant,
    ) -> Result<Reached, Behind> {
        let began = Instant::now();
        let ended = at_last(until, self.reach(token, until)).await;
        let outcome = ended.as_ref().err().map_or("reached", Behind::name);
        telemetry::waited(self.name, outcome, began.elapsed());
        ended
    }

    async fn reach(self: &Arc<Self>, token: Token, until: Instant) -> Result<Reached, Behind> {
        let Some(log) = self.logs.iter().find(|log| log.identity() == token.log()) else {
            return Err(Behind::OtherLog { token: token.log() });
        };
        let mut is_written = false;
        // It asks for as long as somebody waits, and so between two looks, too.
        let mut poller;
        // Each may have it asked once, and at once, whether a build is over that was waited for.
        let mut is_asked = false;
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
            let looked = poll!(wait.as_mut());
            if let Poll::Ready(Ok(reached)) = looked {
                return Ok(reached);
            }
            poller = self.poller(&generation);
            if looked.is_pending() && !is_written {
                let end = log.end().await.map_err(Behind::Unreadable)?;
                if end < token.position() {
                    return Err(Behind::NotYetWritten { head: end });
                }
                is_written = true;
            }
            let ended = match looked {
                Poll::Ready(ended) => ended,
                Poll::Pending => tokio::select! {
                    biased;
                    ended = timeout_at(until, wait) => match ended {
                        Ok(ended) => ended,
                        Err(_) => return self.late(&generation, token).await,
                    },
                    end = poller.end() => match end {
                        Ok(()) => continue,
                        Err(error) => return Err(Behind::Unreadable(error)),
                    },
                },
            };
            let behind = match ended {
                Err(behind) if !matches!(behind, Behind::WouldDeadlock) => behind,
                ended => return ended,
            };
            let said = if is_asked { poller.next().await } else { poller.now().await };
            is_asked = true;
            if let Some(ended) = self.is_over(&generation, said, token, behind, until).await {
                return ended;
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
        said: Result<Option<Said>, BackendError>,
        token: Token,
        behind: Behind,
        until: Instant,
    ) -> Option<Result<Reached, Behind>> {
        let goes_on = match said {
            Ok(None) => return None,
            // It was resumed, and the consumer goes on.
            Ok(Some(said)) if matches!(behind, Behind::Paused) => !said.is_paused,
            Ok(Some(said)) => said.is_held,
            Err(error) if error.is_transient() && Instant::now() < until => true,
            Err(error) => return Some(Err(Behind::Unreadable(error))),
        };
        if !goes_on {
            let reached = generation.progress.position(token.log());
            let at = Token::new(token.log(), reached).into();
            return Some(if reached >= token.position() {
                Ok(Reached { at })
            } else {
                Err(behind)
            });
        }
        if Instant::now() < until { None } else { Some(self.late(generation, token).await) }
    }
}
