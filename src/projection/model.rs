//! What all who run or read one projection share in a process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::generation::{Generation, Pointer, unreadable};
use crate::consistency::{Lag, Session};
use crate::ports::{BackendError, Clock, EventStore, RowStore};
use crate::types::{Filter, LogId, Position, Token};

/// What all who run or read one projection share in a process.
#[derive(Debug)]
pub(super) struct Model {
    pub(super) name: &'static str,
    pub(super) parts: u32,
    pub(super) store: Arc<dyn RowStore>,
    pub(super) logs: Vec<Arc<dyn EventStore>>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) poll_interval: Duration,
    pub(super) filter: Filter,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    generations: HashMap<u32, Arc<Generation>>,
    /// Which build is read, and when that was asked.
    live: Option<(u32, Instant)>,
}

impl Model {
    #[allow(clippy::too_many_arguments, reason = "each is a field, and there is one caller")]
    pub(super) fn new(
        name: &'static str,
        parts: u32,
        store: Arc<dyn RowStore>,
        logs: Vec<Arc<dyn EventStore>>,
        clock: Arc<dyn Clock>,
        poll_interval: Duration,
        filter: Filter,
    ) -> Self {
        let known = Mutex::default();
        Self { name, parts, store, logs, clock, poll_interval, filter, known }
    }

    /// A build of the views.
    pub(super) fn generation(&self, number: u32) -> Result<Arc<Generation>, BackendError> {
        let mut known = self.known();
        if let Some(generation) = known.generations.get(&number) {
            return Ok(Arc::clone(generation));
        }
        let made = Generation::new(self.name, number, self.parts).map_err(unreadable)?;
        let made = Arc::new(made);
        known.generations.insert(number, Arc::clone(&made));
        Ok(made)
    }

    /// The build that is read, as of a moment ago.
    pub(super) async fn live(&self) -> Result<Arc<Generation>, BackendError> {
        let known = self.known().live;
        if let Some((live, asked)) = known
            && asked.elapsed() < self.poll_interval
        {
            return self.generation(live);
        }
        let pointer = Pointer::read(&*self.store, self.name).await?;
        let live = pointer.map_or(0, |pointer| pointer.live);
        self.is_live(live);
        self.generation(live)
    }

    /// The build that is read is this one, as is known now.
    pub(super) fn is_live(&self, number: u32) {
        self.known().live = Some((number, Instant::now()));
    }

    /// Whether this is the first build, and none has taken its place.
    pub(super) async fn has_not_begun(
        &self,
        generation: &Generation,
    ) -> Result<bool, BackendError> {
        let pointer = Pointer::read(&*self.store, self.name).await?;
        Ok(generation.number == 0 && pointer.is_none_or(|pointer| pointer.live == 0))
    }

    /// How far a build is in each log, by the store.
    pub(super) async fn checkpoints(
        &self,
        generation: &Generation,
    ) -> Result<Session, BackendError> {
        let mut parts = Vec::with_capacity(generation.parts.len());
        for name in &generation.parts {
            parts.push(self.store.lease(name).await?.checkpoints);
        }
        Ok(self.joined(&parts))
    }

    /// How far a build is in each log, if its parts are so far: as far as the last of them.
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

    /// Where the logs end now.
    pub(super) async fn heads(&self) -> Result<Session, BackendError> {
        let mut heads = Session::new();
        for log in &self.logs {
            heads.observe(Token::new(log.identity(), log.head().await?));
        }
        Ok(heads)
    }

    // Plain assignments only: whole whoever panicked.
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn position(checkpoints: &[Token], log: LogId) -> Position {
    let of_log = checkpoints.iter().find(|checkpoint| checkpoint.log() == log);
    of_log.map_or(Position::START, |checkpoint| checkpoint.position())
}
