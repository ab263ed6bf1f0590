//! A store that fails when a seed says so.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use crate::ports::{BackendError, CommitError, EventStore, Fault, Store};
use crate::types::{
    Commit, Committed, DedupKey, FeedPage, Filter, Limits, LogId, Position, ReadFrom, StreamId,
    StreamPage,
};

const BACKEND: &str = "faulty store";

/// How often a [`FaultyStore`] fails, and how. Probabilities are from 0 (never) to 1 (always).
#[derive(Clone, Copy, Debug)]
#[must_use = "faults do nothing until a store has them"]
pub struct Faults {
    seed: u64,
    before: f64,
    after: f64,
    reads: f64,
    delays: f64,
    delay: Duration,
}

impl Faults {
    /// None yet. The seed decides which calls will fail.
    pub const fn seeded(seed: u64) -> Self {
        Self { seed, before: 0.0, after: 0.0, reads: 0.0, delays: 0.0, delay: Duration::ZERO }
    }

    /// Commits fail before anything is written: [`CommitError::Backend`], transient.
    pub const fn fail_before(mut self, probability: f64) -> Self {
        self.before = probability;
        self
    }

    /// Commits are written, and their reply is lost: [`CommitError::Unknown`].
    pub const fn fail_after(mut self, probability: f64) -> Self {
        self.after = probability;
        self
    }

    /// Reads fail: a transient [`BackendError`].
    pub const fn fail_reads(mut self, probability: f64) -> Self {
        self.reads = probability;
        self
    }

    /// Calls wait for `delay`, by tokio's clock, before they do anything.
    pub const fn delay(mut self, probability: f64, delay: Duration) -> Self {
        self.delays = probability;
        self.delay = delay;
        self
    }
}

/// What a [`FaultyStore`] has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Injected {
    /// Commits that were asked for.
    pub commits: u64,
    /// Commits that failed with nothing written.
    pub failed_before: u64,
    /// Commits that were written, or repeated, and whose reply was lost.
    pub failed_after: u64,
    /// Reads that were asked for.
    pub reads: u64,
    /// Reads that failed.
    pub failed_reads: u64,
    /// Calls that waited.
    pub delayed: u64,
}

/// A store that passes calls on to another, and fails some of them. Clones share the chance and the
/// counts.
///
/// The seed decides by the order of calls: with one caller, the same calls meet the same faults in every
/// run. A kind of fault that is added or removed leaves the others where they were.
///
/// ```
/// use freehold::{Commit, CommitError, EventId, EventName, ExpectedVersion, NewEvent, Store, StreamId};
/// use freehold::backend::memory::MemoryStore;
/// use freehold::testkit::{Faults, FaultyStore};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
///
/// let store = FaultyStore::new(MemoryStore::new(), Faults::seeded(42).fail_after(0.5));
/// let event = NewEvent::new(EventId::new(uuid::Uuid::now_v7()), EventName::new("Placed")?, "{}");
/// let commit = Commit::new().append(&StreamId::new("order", "1")?, ExpectedVersion::NoStream, [event]);
///
/// // Whether a reply was lost or not: the same commit again tells, and it has happened once.
/// let done = loop {
///     match store.commit(commit.clone()).await {
///         Err(CommitError::Unknown(_)) => continue,
///         answer => break answer?,
///     }
/// };
/// assert_eq!(done.is_duplicate(), store.injected().failed_after > 0);
/// assert_eq!(done.token().position().get(), 1);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct FaultyStore {
    inner: Arc<dyn EventStore>,
    faults: Faults,
    state: Arc<Mutex<State>>,
}

struct State {
    chance: fastrand::Rng,
    injected: Injected,
}

/// What happens to one call.
#[derive(Clone, Copy)]
struct Fate {
    delayed: bool,
    fails_before: bool,
    fails_after: bool,
}

impl FaultyStore {
    /// `inner` with `faults`.
    pub fn new(inner: impl EventStore, faults: Faults) -> Self {
        let chance = fastrand::Rng::with_seed(faults.seed);
        let state = State { chance, injected: Injected::default() };
        Self { inner: Arc::new(inner), faults, state: Arc::new(Mutex::new(state)) }
    }

    /// What it has done so far.
    #[must_use]
    pub fn injected(&self) -> Injected {
        self.with(|state| state.injected)
    }

    fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        // Counts and chance are whole whoever panicked beside them.
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn fate(&self, before: f64, after: f64) -> Fate {
        self.with(|state| {
            // Three draws a call, needed or not: so one kind of fault does not shift the others.
            let [a, b, c] = [(); 3].map(|()| state.chance.f64());
            let fate = Fate {
                delayed: a < self.faults.delays,
                fails_before: b < before,
                fails_after: c < after,
            };
            state.injected.delayed += u64::from(fate.delayed);
            fate
        })
    }

    async fn wait(&self, fate: Fate) {
        if fate.delayed {
            tokio::time::sleep(self.faults.delay).await;
        }
    }

    async fn before_read(&self, operation: &'static str) -> Result<(), BackendError> {
        let fate = self.fate(self.faults.reads, 0.0);
        self.with(|state| state.injected.reads += 1);
        self.wait(fate).await;
        if fate.fails_before {
            self.with(|state| state.injected.failed_reads += 1);
            return Err(injected(operation));
        }
        Ok(())
    }
}

fn injected(operation: &'static str) -> BackendError {
    BackendError::new(BACKEND, operation, Fault::Busy, "a fault that the test asked for")
}

impl fmt::Debug for FaultyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FaultyStore")
            .field("inner", &self.inner)
            .field("faults", &self.faults)
            .field("injected", &self.injected())
            .finish_non_exhaustive()
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Store for FaultyStore {
    fn identity(&self) -> LogId {
        self.inner.identity()
    }

    fn limits(&self) -> &Limits {
        self.inner.limits()
    }

    fn is_ordered(&self) -> bool {
        // A commit that is late or fails is overtaken.
        false
    }

    async fn commit(&self, commit: Commit) -> Result<Committed, CommitError> {
        let fate = self.fate(self.faults.before, self.faults.after);
        self.with(|state| state.injected.commits += 1);
        self.wait(fate).await;
        if fate.fails_before {
            self.with(|state| state.injected.failed_before += 1);
            return Err(CommitError::Backend(injected("commit")));
        }
        let committed = self.inner.commit(commit).await?;
        if fate.fails_after {
            self.with(|state| state.injected.failed_after += 1);
            return Err(CommitError::Unknown(injected("answer")));
        }
        Ok(committed)
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl EventStore for FaultyStore {
    async fn read_stream(
        &self,
        stream: &StreamId,
        from: ReadFrom,
        limit: usize,
    ) -> Result<StreamPage, BackendError> {
        self.before_read("read a stream").await?;
        self.inner.read_stream(stream, from, limit).await
    }

    async fn read_all(
        &self,
        after: Position,
        filter: &Filter,
        limit: usize,
    ) -> Result<FeedPage, BackendError> {
        self.before_read("read the feed").await?;
        self.inner.read_all(after, filter, limit).await
    }

    async fn head(&self) -> Result<Position, BackendError> {
        self.before_read("tell the head").await?;
        self.inner.head().await
    }

    async fn changed(&self, after: Position) -> Result<(), BackendError> {
        self.before_read("watch the feed").await?;
        self.inner.changed(after).await
    }

    async fn outcome(&self, of: &DedupKey) -> Result<Option<Committed>, BackendError> {
        self.before_read("tell an outcome").await?;
        self.inner.outcome(of).await
    }
}
