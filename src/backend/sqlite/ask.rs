//! What is written and is no commit: leases, and the making of sets. It takes its turn among the commits, and is as
//! durable as they are before it is answered.

use rusqlite::{Connection, Transaction};
use tokio::sync::oneshot;

use super::append::Log;
use super::error::{BACKEND, backend};
use super::handle::SqliteStore;
use super::job::{Broken, Job};
use super::within::Within;
use crate::ports::{BackendError, CommitError, Fault};
use crate::types::Committed;

/// A question that waits for the writer. Asked twice, it does no harm.
struct Ask<A, F> {
    operation: &'static str,
    question: F,
    answer: Option<Result<A, BackendError>>,
    caller: oneshot::Sender<Result<A, BackendError>>,
}

impl SqliteStore {
    /// Asks on the writer's thread, in the transaction of the commits that wait at the same time. If `question` fails,
    /// it must have changed nothing: its last statement that can fail is its first that writes.
    pub(super) async fn ask<A: Send + 'static>(
        &self,
        operation: &'static str,
        question: impl FnMut(&Connection) -> rusqlite::Result<A> + Send + 'static,
    ) -> Result<A, BackendError> {
        let job = |caller| -> Box<dyn Job> {
            Box::new(Ask { operation, question, answer: None, caller })
        };
        match self.hand_in(operation, job).await {
            Ok(answer) => answer,
            Err(error) => Err(of_commit(operation, error)),
        }
    }
}

impl<A, F> Job for Ask<A, F>
where
    A: Send,
    F: FnMut(&Connection) -> rusqlite::Result<A> + Send,
{
    fn apply(
        &mut self,
        tx: &Transaction<'_>,
        _: &Log,
        within: &mut Within<'_>,
    ) -> Result<(), Broken> {
        let answer = (self.question)(tx);
        // It may have been about folds.
        within.forget();
        self.answer = Some(answer.map_err(|why| backend(self.operation, why)));
        // A statement that fails undoes itself; some errors undo the whole transaction.
        if tx.is_autocommit() { Err(Broken::RolledBack) } else { Ok(()) }
    }

    fn rewind(&mut self, _: Broken) -> bool {
        self.answer = None;
        true
    }

    fn fail(&mut self, error: CommitError) {
        self.answer = Some(Err(of_commit(self.operation, error)));
    }

    fn written(&self) -> Option<&Committed> {
        None
    }

    fn answer(self: Box<Self>) {
        if let Some(answer) = self.answer {
            let _ = self.caller.send(answer);
        }
    }
}

/// Why the shared transaction failed.
fn of_commit(operation: &'static str, error: CommitError) -> BackendError {
    match error {
        CommitError::Backend(why) | CommitError::Unknown(why) => why,
        other => BackendError::new(BACKEND, operation, Fault::Other, other),
    }
}
