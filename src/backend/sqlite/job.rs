//! What waits in the writer's queue.

use rusqlite::Transaction;
use tokio::sync::oneshot;

use super::append::Log;
use super::error::BACKEND;
use super::within::Within;
use crate::ports::{CommitError, Fault, Unfoldable, telemetry};
use crate::types::{Committed, Parts};

/// Something that is written within a shared transaction and answered after it.
pub(super) trait Job: Send {
    /// Does its part, and keeps the answer until the transaction is durable.
    ///
    /// # Errors
    /// [`Broken`] if the transaction cannot go on, for nobody. The answer then says what this job did to
    /// it.
    fn apply(
        &mut self,
        tx: &Transaction<'_>,
        log: &Log,
        within: &mut Within<'_>,
    ) -> Result<(), Broken>;

    /// The transaction was broken by one of its jobs. Says whether this one can be applied again, in a
    /// transaction of its own; if not, its answer is settled.
    fn rewind(&mut self, broken: Broken) -> bool;

    /// The transaction failed: this is the answer.
    fn fail(&mut self, error: CommitError);

    /// What it wrote; `None` if it wrote nothing.
    fn written(&self) -> Option<&Committed>;

    /// Gives the answer. A caller that has gone away does not hear it.
    fn answer(self: Box<Self>);
}

/// How a transaction came to its end before its time.
#[derive(Clone, Copy, Debug)]
pub(super) enum Broken {
    /// It is rolled back, or is to be: nothing of it is written.
    RolledBack,
    /// User code ended it, with `COMMIT` or `ROLLBACK`: what came before may have been written.
    ByWork,
}

/// A plain commit.
pub(super) struct CommitJob {
    parts: Parts,
    answer: Option<Result<Committed, CommitError>>,
    caller: oneshot::Sender<Result<Committed, CommitError>>,
}

impl CommitJob {
    pub(super) const fn new(
        parts: Parts,
        caller: oneshot::Sender<Result<Committed, CommitError>>,
    ) -> Self {
        Self { parts, answer: None, caller }
    }
}

impl Job for CommitJob {
    fn apply(
        &mut self,
        _: &Transaction<'_>,
        log: &Log,
        within: &mut Within<'_>,
    ) -> Result<(), Broken> {
        let answer = log.append(within, &self.parts);
        // A part of it may be there, unless a set is missing, which is seen before: then all is rolled back.
        let failed = match &answer {
            Err(CommitError::Backend(why)) => why.fault() != Fault::Missing,
            Err(CommitError::Unfoldable(why)) => matches!(why, Unfoldable::Failed { .. }),
            _ => false,
        };
        self.answer = Some(answer);
        if failed { Err(Broken::RolledBack) } else { Ok(()) }
    }

    // If user code has committed it, it recognises itself.
    fn rewind(&mut self, _: Broken) -> bool {
        self.answer = None;
        true
    }

    fn fail(&mut self, error: CommitError) {
        self.answer = Some(Err(error));
    }

    fn written(&self) -> Option<&Committed> {
        let committed = self.answer.as_ref()?.as_ref().ok()?;
        (!committed.is_duplicate()).then_some(committed)
    }

    fn answer(self: Box<Self>) {
        if let Some(Err(CommitError::Conflict(_))) = &self.answer {
            telemetry::conflict(BACKEND);
        }
        if let Some(answer) = self.answer {
            let _ = self.caller.send(answer);
        }
    }
}
