//! The views of a projection, from outside.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use super::contract::Projection;
use super::read::{Query, Read};
use crate::consistency::{Behind, Lag, Progress, Reached, Session};
use crate::ports::{BackendError, Clock, EventStore, RowStore};
use crate::types::{Filter, LeaseName, LogId, Position, RowSet, Token};

/// The views of a projection, to be read and waited for.
///
/// A read says what it wants and is told how fresh it is: see [`Read`].
pub struct View<P> {
    model: Arc<Model>,
    projection: PhantomData<fn() -> P>,
}

/// What is shared by all who run or read a projection in one process.
#[derive(Debug)]
pub(super) struct Model {
    pub(super) store: Arc<dyn RowStore>,
    pub(super) logs: Vec<Arc<dyn EventStore>>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) poll_interval: Duration,
    pub(super) set: RowSet,
    pub(super) job: LeaseName,
    /// The leases of its parts.
    pub(super) parts: Vec<LeaseName>,
    pub(super) filter: Filter,
    pub(super) progress: Progress,
    /// Whoever holds it asks for all who wait.
    pub(super) polls: tokio::sync::Mutex<()>,
}

impl<P: Projection> View<P> {
    pub(super) const fn new(model: Arc<Model>) -> Self {
        Self { model, projection: PhantomData }
    }

    /// The view under a key.
    pub fn get(&self, key: &str) -> Read<'_, P, Option<P::View>> {
        Read::new(&self.model, Query::Key(key.to_owned()))
    }

    /// A page of the views whose keys begin with `prefix`, in the byte order of the keys: at most `limit` of those after
    /// `after`.
    pub fn page(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Read<'_, P, super::read::ViewPage<P::View>> {
        let (prefix, after) = (prefix.to_owned(), after.map(str::to_owned));
        Read::new(&self.model, Query::Page { prefix, after, limit })
    }

    /// Waits until the views show what a token stands for, or all tokens of a session, but no longer than `within`.
    ///
    /// # Errors
    /// [`Behind`] says why not. The write that the token stands for has happened all the same.
    ///
    /// # Cancel safety
    /// Dropping the future leaves nothing behind.
    pub async fn wait_for(
        &self,
        seen: impl Into<Session>,
        within: Duration,
    ) -> Result<Reached, Behind> {
        let (until, mut at) = (Instant::now() + within, Session::new());
        for mark in seen.into().marks() {
            at.observe(self.model.wait_for(*mark, until).await?.at);
        }
        Ok(Reached { at })
    }

    /// How far the views are behind their logs.
    ///
    /// # Errors
    /// [`BackendError`] if a log or the store cannot be read.
    pub async fn lag(&self) -> Result<Lag, BackendError> {
        let at = self.model.checkpoints().await?;
        self.model.lag(&at).await
    }
}

impl<P> Clone for View<P> {
    fn clone(&self) -> Self {
        Self { model: Arc::clone(&self.model), projection: PhantomData }
    }
}

impl<P: Projection> fmt::Debug for View<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("View")
            .field("name", &P::NAME)
            .field("progress", &self.model.progress)
            .finish_non_exhaustive()
    }
}

impl Model {
    pub(super) async fn wait_for(&self, token: Token, until: Instant) -> Result<Reached, Behind> {
        let Some(log) = self.logs.iter().find(|log| log.identity() == token.log()) else {
            return Err(Behind::OtherLog { token: token.log() });
        };
        let mut wait = std::pin::pin!(self.progress.wait_for(token));
        if let std::task::Poll::Ready(ended) = futures::poll!(wait.as_mut()) {
            return ended;
        }
        let head = log.head().await.map_err(Behind::Unreadable)?;
        if head < token.position() {
            return Err(Behind::NotYetWritten { head });
        }
        let left = until.saturating_duration_since(Instant::now());
        tokio::select! {
            biased;
            ended = timeout(left, wait) => match ended {
                Ok(ended) => ended,
                Err(_) => {
                    let at = self.checkpoints().await.map_err(Behind::Unreadable)?;
                    let lag = self.lag(&at).await.map_err(Behind::Unreadable)?;
                    Err(Behind::TimedOut { lag })
                }
            },
            error = self.poll() => Err(Behind::Unreadable(error)),
        }
    }

    /// Asks the store how far the view is, for all who wait: one of them asks, and when it is gone, the next. It ends only
    /// with an error.
    async fn poll(&self) -> BackendError {
        let _asks = self.polls.lock().await;
        loop {
            if let Err(error) = self.observe().await
                && !error.is_transient()
            {
                return error;
            }
            sleep(self.poll_interval).await;
        }
    }

    /// Tells those who wait how far the parts of the job are.
    async fn observe(&self) -> Result<(), BackendError> {
        for (n, name) in self.parts.iter().enumerate() {
            let part = self.progress.part(n);
            for checkpoint in self.store.lease(name).await?.checkpoints {
                part.reached(checkpoint.log(), checkpoint.position());
            }
        }
        Ok(())
    }

    /// How far the view is in each log, by the store.
    pub(super) async fn checkpoints(&self) -> Result<Session, BackendError> {
        let mut parts = Vec::with_capacity(self.parts.len());
        for name in &self.parts {
            parts.push(self.store.lease(name).await?.checkpoints);
        }
        Ok(self.joined(&parts))
    }

    /// How far the view is in each log, if its parts are so far: as far as the last of them, or further if nothing that it
    /// wants lies between.
    pub(super) fn joined(&self, parts: &[Vec<Token>]) -> Session {
        let mut joined = Session::new();
        for log in &self.logs {
            let of_log = |part: &Vec<Token>| position(part, log.identity());
            let stored = parts.iter().map(of_log).min().unwrap_or_default();
            joined.observe(Token::new(log.identity(), stored));
        }
        joined
    }

    /// How far a view that is at `at` is behind its logs.
    pub(super) async fn lag(&self, at: &Session) -> Result<Lag, BackendError> {
        let mut all = Lag::default();
        for log in &self.logs {
            let at = at.position(log.identity());
            if log.head().await? > at {
                let lag = Lag::measure(&**log, at, &self.filter, self.clock.now()).await?;
                all = all.and(lag);
            }
        }
        Ok(all)
    }
}

fn position(checkpoints: &[Token], log: LogId) -> Position {
    let of_log = checkpoints.iter().find(|checkpoint| checkpoint.log() == log);
    of_log.map_or(Position::START, |checkpoint| checkpoint.position())
}
