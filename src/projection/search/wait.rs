//! Waiting until a search shows something.

use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use futures::{FutureExt, poll};
use tokio::time::{Instant, timeout_at};

use super::index::Index;
use crate::consistency::{Behind, Reached, Session};
use crate::ports::{BackendError, telemetry};
use crate::projection::rounds::Rounds;
use crate::projection::wait::at_last;
use crate::types::{Position, Token};

/// What is known of the build that is read.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    /// Up to where it shows all that is wanted of each log.
    covered: Session,
    /// Somebody holds the lease of the writer.
    is_held: bool,
}

impl Index {
    /// How far the build is that is read.
    pub(super) async fn at(self: &Arc<Self>) -> Result<Session, BackendError> {
        let logs = self.model.logs.iter().map(|log| log.identity());
        let snapshot = self.snapshot().await?;
        Ok(snapshot.map(|snapshot| snapshot.stamp.at(logs)).unwrap_or_default())
    }

    pub(super) async fn wait_for(
        self: &Arc<Self>,
        token: Token,
        until: Instant,
    ) -> Result<Reached, Behind> {
        let began = Instant::now();
        let ended = at_last(until, self.reach(token, until)).await;
        let outcome = ended.as_ref().err().map_or("reached", Behind::name);
        telemetry::waited(self.model.name, outcome, began.elapsed());
        ended
    }

    async fn reach(self: &Arc<Self>, token: Token, until: Instant) -> Result<Reached, Behind> {
        let Some(log) = self.model.logs.iter().find(|log| log.identity() == token.log()) else {
            return Err(Behind::OtherLog { token: token.log() });
        };
        let (mut looks, mut is_written) = (self.looks(), false);
        // Who has no time to wait is told what is there.
        let mut next = Ok(looks.now().await);
        loop {
            match next {
                Err(_) => return self.late().await,
                Ok(Ok(Some(seen))) => {
                    let covered = seen.covered.position(token.log());
                    if covered >= token.position() {
                        return Ok(Reached { at: Token::new(token.log(), covered).into() });
                    }
                    if !is_written {
                        let end = log.end().await.map_err(Behind::Unreadable)?;
                        if end < token.position() {
                            return Err(Behind::NotYetWritten { head: end });
                        }
                        is_written = true;
                    }
                    self.goes_on(token, seen.is_held).await?;
                }
                // The runtime is gone that they were asked on.
                Ok(Ok(None)) => looks = self.looks(),
                // It may be over soon.
                Ok(Err(error)) if error.is_transient() && Instant::now() < until => {}
                Ok(Err(error)) => return Err(Behind::Unreadable(error)),
            }
            next = timeout_at(until, looks.next()).await;
        }
    }

    /// Why it is in vain to wait on, if it is: the writer is over here, and nobody holds the lease.
    async fn goes_on(&self, token: Token, is_held: bool) -> Result<(), Behind> {
        match poll!(pin!(self.progress.wait_for(token))) {
            Poll::Ready(Err(Behind::WouldDeadlock)) => Err(Behind::WouldDeadlock),
            Poll::Ready(Err(over)) if !is_held => Err(over),
            // Also if the writer is so far: the build that is read is not.
            _ => Ok(()),
        }
    }

    /// How a wait ends whose time is over.
    async fn late(self: &Arc<Self>) -> Result<Reached, Behind> {
        let at = self.at().await.map_err(Behind::Unreadable)?;
        let lag = self.model.lag(&at).await.map_err(Behind::Unreadable)?;
        Err(Behind::TimedOut { lag })
    }

    /// Who looks for all who wait.
    fn looks(self: &Arc<Self>) -> Arc<Rounds<Seen>> {
        let index = Arc::clone(self);
        self.looks.get(self.model.poll_interval, move |_| {
            let index = Arc::clone(&index);
            async move { index.look().await.map(Some) }.boxed()
        })
    }

    async fn look(self: &Arc<Self>) -> Result<Seen, BackendError> {
        // Asked before it is looked: who has ended since has written what is seen.
        let is_held = self.model.store.lease(&self.job).await?.holder.is_some();
        let (at, mut covered) = (self.at().await?, Session::new());
        for log in &self.model.logs {
            let (id, place) = (log.identity(), at.position(log.identity()));
            // What is not wanted is not waited for.
            let next = log.read_all(place, &self.model.filter, 1).await?;
            let upto = match next.events.first() {
                Some(event) => Position::new(event.position().get().saturating_sub(1)),
                None => next.upto,
            };
            covered.observe(Token::new(id, upto.max(place)));
        }
        Ok(Seen { covered, is_held })
    }
}
