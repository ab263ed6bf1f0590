//! User code on the writer's thread.

use std::panic::{AssertUnwindSafe, catch_unwind};

use rusqlite::Transaction;
use tokio::sync::oneshot;

use super::append::{Log, head};
use super::error::{BACKEND, backend};
use super::job::{Broken, Job};
use super::savepoint::Savepoint;
use crate::ports::{CommitError, telemetry};
use crate::types::{Commit, Committed, Token};

/// Why [`transact`](super::SqliteStore::transact) was not acknowledged.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransactError<R> {
    /// The work refused, with its own error. What it had written is undone.
    #[error("the work was rejected")]
    Rejected(R),
    /// The commit was refused, or the store failed. Unless it is [`CommitError::Unknown`], what the work
    /// had written is undone.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// The work panicked. What it had written is undone, and the writer lives on.
    #[error("the work panicked")]
    Panicked,
    /// The work ended the transaction that it was given, with `COMMIT` or `ROLLBACK`. That is a
    /// programmer's error; what it had written by then may be there or not.
    #[error("the work ended the transaction it was given")]
    Ended,
    /// A neighbour in the same transaction broke it, and the work, which can run only once, is undone.
    /// Call again.
    #[error("the transaction was broken by a neighbour; nothing was written")]
    Interrupted,
}

impl<R> TransactError<R> {
    /// Whether the same call may succeed later, with nobody having mended anything.
    ///
    /// After [`CommitError::Unknown`] the work's own statements may have happened: they happen once more
    /// unless its commit has events or an inbox key by which the repetition is recognised.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        match self {
            Self::Rejected(_) | Self::Panicked | Self::Ended => false,
            Self::Interrupted => true,
            Self::Commit(error) => error.is_transient(),
        }
    }
}

/// What the caller of `transact` hears.
pub(super) type Answer<T, R> = Result<(T, Committed), TransactError<R>>;

/// User code that waits to be run.
pub(super) struct Work<T, R, F> {
    work: Option<F>,
    answer: Option<Answer<T, R>>,
    /// It broke the transaction itself, and its answer says so.
    guilty: bool,
    caller: oneshot::Sender<Answer<T, R>>,
}

impl<T, R, F> Work<T, R, F>
where
    F: FnOnce(&Transaction<'_>) -> Result<(T, Commit), R>,
{
    pub(super) const fn new(work: F, caller: oneshot::Sender<Answer<T, R>>) -> Self {
        Self { work: Some(work), answer: None, guilty: false, caller }
    }

    /// Runs the work in its savepoint. The answer holds only if the savepoint was there to be closed.
    fn run(&mut self, work: F, tx: &Transaction<'_>, log: &Log) -> Result<Answer<T, R>, Broken> {
        if let Err(error) = Savepoint::Work.open(tx) {
            self.answer = Some(Err(CommitError::from(backend("transact", error)).into()));
            return if tx.is_autocommit() { Err(Broken::RolledBack) } else { Ok(self.answer.take_or_panicked()) };
        }
        let done = catch_unwind(AssertUnwindSafe(|| work(tx)));
        let _ = (done, log);
        unreachable!()
    }
}
