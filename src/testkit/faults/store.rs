//! The store that fails: who meets which fault.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use super::plan::{Faults, Injected, Loss};
use crate::ports::{BackendError, CommitError, EventStore, Fault};

const BACKEND: &str = "faulty store";

/// A store that passes calls on to another, and fails some of them. Clones share the chance and the
/// counts.
///
/// The seed decides by the order of calls: with one caller, the same calls meet the same faults in every
/// run. A kind of fault that is added or removed leaves the others where they were.
///
/// It keeps leases and rows if the other store does; calls about them fail as reads do.
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
pub struct FaultyStore<S = Arc<dyn EventStore>> {
    pub(super) inner: S,
    faults: Faults,
    state: Arc<Mutex<State>>,
}

struct State {
    chance: fastrand::Rng,
    is_healed: bool,
    is_lost: bool,
    injected: Injected,
}

/// What happens to one call.
#[derive(Clone, Copy)]
struct Fate {
    delayed: bool,
    fails_before: bool,
    fails_after: bool,
}

impl<S> FaultyStore<S> {
    /// `inner` with `faults`.
    pub fn new(inner: S, faults: Faults) -> Self {
        let chance = fastrand::Rng::with_seed(faults.seed);
        let state =
            State { chance, is_healed: false, is_lost: false, injected: Injected::default() };
        Self { inner, faults, state: Arc::new(Mutex::new(state)) }
    }

    /// What it has done so far.
    #[must_use]
    pub fn injected(&self) -> Injected {
        self.with(|state| state.injected)
    }

    /// Ends all faults: from now on every call is passed on as it is.
    pub fn heal(&self) {
        self.with(|state| (state.is_healed, state.is_lost) = (true, false));
    }

    /// Loses the store: from now on every call fails, until it is [healed](Self::heal).
    pub fn lose(&self) {
        self.with(|state| state.is_lost = true);
    }

    fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        // Counts and chance are whole whoever panicked beside them.
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn fate(&self, before: f64, after: f64) -> Fate {
        let Faults { delays, nth, from, .. } = self.faults;
        self.with(|state| {
            // Three draws a call, needed or not: so one kind of fault does not shift the others.
            let [a, b, c] = [(); 3].map(|()| state.chance.f64());
            state.injected.calls += 1;
            if state.is_lost {
                return Fate { delayed: false, fails_before: true, fails_after: false };
            }
            if state.is_healed {
                return Fate { delayed: false, fails_before: false, fails_after: false };
            }
            let call = state.injected.calls;
            let fate = Fate {
                delayed: a < delays,
                fails_before: b < before
                    || nth == Some((call, Loss::Call))
                    || from.is_some_and(|from| call >= from),
                fails_after: c < after || nth == Some((call, Loss::Answer)),
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

    /// Lets a commit through, or fails it.
    pub(super) async fn write<T>(
        &self,
        commit: impl Future<Output = Result<T, CommitError>>,
    ) -> Result<T, CommitError> {
        let fate = self.fate(self.faults.before, self.faults.after);
        self.with(|state| state.injected.commits += 1);
        self.wait(fate).await;
        if fate.fails_before {
            self.with(|state| state.injected.failed_before += 1);
            return Err(CommitError::Backend(injected("commit")));
        }
        let committed = commit.await?;
        if fate.fails_after {
            self.with(|state| state.injected.failed_after += 1);
            return Err(CommitError::Unknown(injected("answer")));
        }
        Ok(committed)
    }

    /// Lets any other call through, or fails it.
    pub(super) async fn ask<T>(
        &self,
        operation: &'static str,
        call: impl Future<Output = Result<T, BackendError>>,
    ) -> Result<T, BackendError> {
        let fate = self.fate(self.faults.reads, 0.0);
        self.with(|state| state.injected.reads += 1);
        self.wait(fate).await;
        if fate.fails_before {
            self.with(|state| state.injected.failed_reads += 1);
            return Err(injected(operation));
        }
        let answer = call.await?;
        if fate.fails_after {
            self.with(|state| state.injected.failed_reads += 1);
            return Err(injected(operation));
        }
        Ok(answer)
    }
}

fn injected(operation: &'static str) -> BackendError {
    BackendError::new(BACKEND, operation, Fault::Busy, "a fault that the test asked for")
}

impl<S: fmt::Debug> fmt::Debug for FaultyStore<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FaultyStore")
            .field("inner", &self.inner)
            .field("faults", &self.faults)
            .field("injected", &self.injected())
            .finish_non_exhaustive()
    }
}
