//! What all who run or read one projection share in a process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::generation::{Generation, Pointer, unreadable};
use crate::consistency::{Lag, Session};
use crate::ports::{BackendError, Clock, EventStore, Ids, RowStore};
use crate::types::{Filter, LogId, Position, Token};

/// What all who run or read one projection share in a process.
#[derive(Debug)]
pub(super) struct Model {
    pub(super) name: &'static str,
    pub(super) parts: u32,
    pub(super) store: Arc<dyn RowStore>,
    pub(super) logs: Vec<Arc<dyn EventStore>>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) ids: Arc<dyn Ids>,
    pub(super) poll_interval: Duration,
    pub(super) filter: Filter,
    /// Empty at first.
    pub(super) known: Mutex<Known>,
}

/// What is known of the builds.
#[derive(Debug, Default)]
pub(super) struct Known {
    generations: HashMap<u32, Arc<Generation>>,
    /// Which build is read, and when that was asked.
    live: Option<(u32, Instant)>,
}

impl Model {
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

    /// The projection is about to be kept up here.
    pub(super) fn begins(&self) {
        self.known().generations.values().for_each(|build| build.progress.begin_again());
    }

    /// The build that is read, as of a moment ago.
    pub(super) async fn live(&self) -> Result<Arc<Generation>, BackendError> {
        self.live_within(self.poll_interval).await
    }

    /// The build that is read, as of no longer ago than `age`.
    pub(super) async fn live_within(&self, age: Duration) -> Result<Arc<Generation>, BackendError> {
        let known = self.known().live;
        if let Some((live, asked)) = known
            && asked.elapsed() < age
        {
            return self.generation(live);
        }
        let pointer = Pointer::read(&*self.store, self.name).await?;
        self.is_live(pointer.map_or(0, |pointer| pointer.live));
        let live = self.known().live.map_or(0, |(live, _)| live);
        self.generation(live)
    }

    /// The build that is read is this one, as is known now. Whoever has looked before another took its place is not
    /// believed: numbers only grow.
    pub(super) fn is_live(&self, number: u32) {
        let mut known = self.known();
        let newest = known.live.map_or(number, |(live, _)| live.max(number));
        known.live = Some((newest, Instant::now()));
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
                let lag = Lag::measure(Arc::clone(log), at, &self.filter, self.clock.now()).await?;
                all = all.and(lag);
            }
        }
        Ok(all)
    }

    /// Where the logs end now.
    pub(super) async fn ends(&self) -> Result<Session, BackendError> {
        let mut ends = Session::new();
        for log in &self.logs {
            ends.observe(Token::new(log.identity(), log.end().await?));
        }
        Ok(ends)
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
