//! Which calls fail, and what was counted.

use std::time::Duration;

/// How often a [`FaultyStore`](super::FaultyStore) fails, and how. Probabilities are from 0 (never) to 1 (always).
#[derive(Clone, Copy, Debug)]
#[must_use = "faults do nothing until a store has them"]
pub struct Faults {
    pub(super) seed: u64,
    pub(super) before: f64,
    pub(super) after: f64,
    pub(super) reads: f64,
    pub(super) delays: f64,
    pub(super) delay: Duration,
    pub(super) nth: Option<(u64, Loss)>,
    pub(super) from: Option<u64>,
}

/// What is lost when a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums, reason = "there is no third")]
pub enum Loss {
    /// The call itself: the store never hears of it.
    Call,
    /// Its answer: the store has done what it was asked for.
    Answer,
}

impl Faults {
    /// None yet. The seed decides which calls will fail.
    pub const fn seeded(seed: u64) -> Self {
        Self {
            seed,
            before: 0.0,
            after: 0.0,
            reads: 0.0,
            delays: 0.0,
            delay: Duration::ZERO,
            nth: None,
            from: None,
        }
    }

    /// Commits fail before anything is written: [`CommitError::Backend`](crate::CommitError::Backend), transient.
    pub const fn fail_before(mut self, probability: f64) -> Self {
        self.before = probability;
        self
    }

    /// Commits are written, and their reply is lost: [`CommitError::Unknown`](crate::CommitError::Unknown).
    pub const fn fail_after(mut self, probability: f64) -> Self {
        self.after = probability;
        self
    }

    /// Reads, and calls about leases and sets of rows, fail before anything is done: a transient
    /// [`BackendError`](crate::BackendError).
    pub const fn fail_reads(mut self, probability: f64) -> Self {
        self.reads = probability;
        self
    }

    /// The `n`th call fails, whatever kind it is of, and no other; calls are counted from 1. So a test can fail at every
    /// call of a run, one after the other, until a run has fewer calls than `n`.
    ///
    /// ```
    /// use freehold::EventStore;
    /// use freehold::backend::memory::MemoryStore;
    /// use freehold::testkit::{Faults, FaultyStore, Loss};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let store = FaultyStore::new(MemoryStore::new(), Faults::seeded(0).fail_nth(2, Loss::Call));
    /// assert!(store.head().await.is_ok());
    /// assert!(store.head().await.is_err());
    /// assert!(store.head().await.is_ok());
    /// # }
    /// ```
    pub const fn fail_nth(mut self, n: u64, loss: Loss) -> Self {
        self.nth = Some((n, loss));
        self
    }

    /// Every call from the `n`th on fails before anything is done, until somebody [heals](super::FaultyStore::heal) the
    /// store; calls are counted from 1. So a store is lost in the middle of a run.
    ///
    /// ```
    /// use freehold::EventStore;
    /// use freehold::backend::memory::MemoryStore;
    /// use freehold::testkit::{Faults, FaultyStore};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let store = FaultyStore::new(MemoryStore::new(), Faults::seeded(0).fail_from(1));
    /// assert!(store.head().await.is_err());
    /// store.heal();
    /// assert!(store.head().await.is_ok());
    /// # }
    /// ```
    pub const fn fail_from(mut self, n: u64) -> Self {
        self.from = Some(n);
        self
    }

    /// Calls wait for `delay`, by tokio's clock, before they do anything.
    pub const fn delay(mut self, probability: f64, delay: Duration) -> Self {
        self.delays = probability;
        self.delay = delay;
        self
    }
}

/// What a [`FaultyStore`](super::FaultyStore) has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Injected {
    /// Calls of all kinds that were asked for.
    pub calls: u64,
    /// Commits that were asked for.
    pub commits: u64,
    /// Commits that failed with nothing written.
    pub failed_before: u64,
    /// Commits that were written, or repeated, and whose reply was lost.
    pub failed_after: u64,
    /// Reads, and calls about leases and sets of rows, that were asked for.
    pub reads: u64,
    /// Those of them that failed.
    pub failed_reads: u64,
    /// Calls that waited.
    pub delayed: u64,
}
