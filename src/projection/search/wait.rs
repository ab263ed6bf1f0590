//! Waiting until a search shows something.

use std::sync::Arc;

use tokio::time::{Instant, sleep, sleep_until};

use super::index::{Index, is_covered};
use crate::consistency::{Behind, Reached, Session};
use crate::ports::{BackendError, EventStore, telemetry};
use crate::types::Token;

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
        let ended = self.reach(token, until).await;
        let outcome = ended.as_ref().err().map_or("reached", Behind::name);
        telemetry::waited(self.model.name, outcome, began.elapsed());
        ended
    }

    async fn reach(self: &Arc<Self>, token: Token, until: Instant) -> Result<Reached, Behind> {
        let Some(log) = self.model.logs.iter().find(|log| log.identity() == token.log()) else {
            return Err(Behind::OtherLog { token: token.log() });
        };
        let mut is_written = false;
        loop {
            match self.look(&**log, token).await {
                Ok(Some(reached)) => return Ok(reached),
                Ok(None) => {}
                // It may be over soon.
                Err(error) if error.is_transient() && Instant::now() < until => {}
                Err(error) => return Err(Behind::Unreadable(error)),
            }
            if !is_written {
                let end = log.end().await.map_err(Behind::Unreadable)?;
                if end < token.position() {
                    return Err(Behind::NotYetWritten { head: end });
                }
                is_written = true;
            }
            if Instant::now() >= until {
                let at = self.at().await.map_err(Behind::Unreadable)?;
                let lag = self.model.lag(&at).await.map_err(Behind::Unreadable)?;
                return Err(Behind::TimedOut { lag });
            }
            self.rest(token, until).await?;
        }
    }

    /// Whether a search shows what the token stands for.
    async fn look(
        self: &Arc<Self>,
        log: &dyn EventStore,
        token: Token,
    ) -> Result<Option<Reached>, BackendError> {
        let mut at = self.at().await?;
        let (filter, place) = (&self.model.filter, token.position());
        if !is_covered(log, filter, at.position(token.log()), place).await? {
            return Ok(None);
        }
        at.observe(token);
        Ok(Some(Reached { at: Token::new(token.log(), at.position(token.log())).into() }))
    }

    /// Waits until it is worth looking again: the writer has come so far, if it runs here, or a while has passed.
    async fn rest(&self, token: Token, until: Instant) -> Result<(), Behind> {
        let poll = self.model.poll_interval;
        let wake = (Instant::now() + poll).min(until);
        let ended = tokio::select! {
            biased;
            ended = self.progress.wait_for(token) => ended,
            () = sleep_until(wake) => return Ok(()),
        };
        match ended {
            // It was looked before the step, or the build is not read yet that is so far.
            Ok(_) => {
                sleep_until(wake).await;
                Ok(())
            }
            Err(Behind::WouldDeadlock) => Err(Behind::WouldDeadlock),
            Err(over) => {
                let state = self.model.store.lease(&self.job).await;
                let is_elsewhere = state.map_err(Behind::Unreadable)?.holder.is_some();
                if !is_elsewhere {
                    return Err(over);
                }
                sleep(poll).await;
                Ok(())
            }
        }
    }
}
