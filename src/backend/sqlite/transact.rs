//! User code on the writer's thread.

use std::panic::{AssertUnwindSafe, catch_unwind};

use rusqlite::Transaction;
use tokio::sync::oneshot;

use super::append::{Log, head};
use super::error::{BACKEND, backend};
use super::job::{Broken, Job};
use super::savepoint::Savepoint;
use super::within::Within;
use crate::ports::{BackendError, CommitError, Fault, telemetry};
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
    /// unless its commit has events, an inbox key or an advance by which the repetition is recognised.
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
    run: Option<F>,
    answer: Option<Answer<T, R>>,
    /// It broke the transaction itself, and its answer says so.
    guilty: bool,
    caller: oneshot::Sender<Answer<T, R>>,
}

impl<T, R, F> Work<T, R, F> {
    pub(super) const fn new(work: F, caller: oneshot::Sender<Answer<T, R>>) -> Self {
        Self { run: Some(work), answer: None, guilty: false, caller }
    }
}

impl<T, R, F> Job for Work<T, R, F>
where
    T: Send,
    R: Send,
    F: FnOnce(&Transaction<'_>) -> Result<(T, Commit), R> + Send,
{
    fn apply(
        &mut self,
        tx: &Transaction<'_>,
        log: &Log,
        within: &mut Within<'_>,
    ) -> Result<(), Broken> {
        let Some(work) = self.run.take() else { return Ok(()) };
        let (answer, survived) = run(work, tx, log);
        // Nobody knows what it has written.
        within.forget();
        self.guilty = survived.is_err();
        self.answer = Some(answer);
        survived
    }

    fn rewind(&mut self, broken: Broken) -> bool {
        if self.run.is_none() && !self.guilty {
            self.answer = Some(Err(match broken {
                Broken::RolledBack => TransactError::Interrupted,
                Broken::ByWork => TransactError::Commit(CommitError::Unknown(BackendError::new(
                    BACKEND,
                    "transact",
                    Fault::Other,
                    "the work of a neighbour ended the transaction",
                ))),
            }));
        }
        self.run.is_some()
    }

    fn fail(&mut self, error: CommitError) {
        self.answer = Some(Err(TransactError::Commit(error)));
    }

    fn written(&self) -> Option<&Committed> {
        let (_, committed) = self.answer.as_ref()?.as_ref().ok()?;
        (!committed.is_duplicate()).then_some(committed)
    }

    fn answer(self: Box<Self>) {
        if let Some(Err(TransactError::Commit(CommitError::Conflict(_)))) = &self.answer {
            telemetry::conflict(BACKEND);
        }
        if let Some(answer) = self.answer {
            let _ = self.caller.send(answer);
        }
    }
}

/// Runs the work in a savepoint, and its commit after it. Says what the caller is to hear if the
/// transaction becomes durable, and whether the transaction has survived.
fn run<T, R>(
    work: impl FnOnce(&Transaction<'_>) -> Result<(T, Commit), R>,
    tx: &Transaction<'_>,
    log: &Log,
) -> (Answer<T, R>, Result<(), Broken>) {
    if let Err(error) = Savepoint::Work.open(tx) {
        let answer = Err(CommitError::from(backend("transact", error)).into());
        return (answer, if tx.is_autocommit() { Err(Broken::RolledBack) } else { Ok(()) });
    }
    let answer = match catch_unwind(AssertUnwindSafe(|| work(tx))) {
        Err(_panic) => Err(TransactError::Panicked),
        Ok(Err(refusal)) => Err(TransactError::Rejected(refusal)),
        Ok(Ok(_)) if tx.is_autocommit() => Err(TransactError::Ended),
        Ok(Ok((value, commit))) => {
            let recorded = record(tx, commit, log).map_err(TransactError::Commit);
            if tx.is_autocommit() {
                return (recorded.map(|committed| (value, committed)), Err(Broken::RolledBack));
            }
            recorded.map(|committed| (value, committed))
        }
    };
    if tx.is_autocommit() {
        return (answer, Err(Broken::ByWork));
    }
    // The first time of a repetition has written what this time wrote again.
    let closed = match &answer {
        Ok((_, committed)) if !committed.is_duplicate() => Savepoint::Work.keep(tx),
        Ok(_) | Err(_) => Savepoint::Work.undo(tx),
    };
    match closed {
        Ok(()) => (answer, Ok(())),
        // The savepoint is gone: this is a transaction that the work began after it had ended ours.
        Err(_) => (answer.and(Err(TransactError::Ended)), Err(Broken::ByWork)),
    }
}

fn record(tx: &Transaction<'_>, commit: Commit, log: &Log) -> Result<Committed, CommitError> {
    if commit.is_empty() {
        let head = head(tx).map_err(|why| backend("transact", why))?;
        return Ok(Committed::new(Vec::new(), None, Token::new(log.id, head)));
    }
    log.append(&mut Within::new(tx), &log.open(commit)?)
}
