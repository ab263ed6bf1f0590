//! A job that somebody has paused: in every process, and until somebody resumes it.

use tokio::sync::watch;
use tokio::time::{Duration, sleep};

use super::error::BoxError;
use crate::consistency::Progress;
use crate::ports::{BackendError, CommitError, Fault, RowStore};
use crate::types::{Commit, LeaseName, RowKey, RowSet, RowValue, RowWrite, RowsWanted};

/// Whether the job of this name is paused, in whatever process that was asked for.
pub(crate) async fn is_paused(store: &dyn RowStore, job: &LeaseName) -> Result<bool, BackendError> {
    let (set, key) = row(job).map_err(unreadable)?;
    match store.rows(&set, &RowsWanted::Keys(vec![key]), None).await {
        // No job was ever followed in this store.
        Err(error) if error.fault() == Fault::Missing => Ok(false),
        page => Ok(!page?.rows.is_empty()),
    }
}

/// The jobs of a store that are paused are one set: whoever is in it is.
fn row(job: &LeaseName) -> Result<(RowSet, RowKey), BoxError> {
    Ok((RowSet::new("freehold_paused")?, RowKey::new(job.as_str())?))
}

fn unreadable(why: BoxError) -> BackendError {
    BackendError::new("subscription", "read whether the job is paused", Fault::Corrupt, why)
}

/// What is known in this process of whether a job is paused.
#[derive(Debug)]
pub(super) struct Pauses {
    job: LeaseName,
    known: watch::Sender<Known>,
    progress: Progress,
}

/// Whether a job is paused.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Known {
    pub(super) is_paused: bool,
    /// How often that was decided here: what was read before is older.
    decisions: u64,
}

impl Pauses {
    pub(super) fn new(job: LeaseName, progress: Progress) -> Self {
        Self { job, known: watch::Sender::default(), progress }
    }

    pub(super) fn is_paused(&self) -> bool {
        self.known.borrow().is_paused
    }

    pub(super) fn subscribe(&self) -> watch::Receiver<Known> {
        self.known.subscribe()
    }

    /// Makes sure that it can be asked for.
    pub(super) async fn prepare(&self, store: &dyn RowStore) -> Result<(), BackendError> {
        store.prepare(&row(&self.job).map_err(unreadable)?.0).await
    }

    /// Asks the store.
    pub(super) async fn look(&self, store: &dyn RowStore) -> Result<(), BackendError> {
        let decisions = self.known.borrow().decisions;
        let is_paused = is_paused(store, &self.job).await?;
        self.known.send_if_modified(|known| {
            if known.decisions != decisions {
                return false;
            }
            self.progress.pause(is_paused);
            std::mem::replace(&mut known.is_paused, is_paused) != is_paused
        });
        Ok(())
    }

    /// Writes down whether the job is paused from now on.
    pub(super) async fn decide(
        &self,
        store: &dyn RowStore,
        is_paused: bool,
    ) -> Result<(), CommitError> {
        let (set, key) = row(&self.job).map_err(unreadable)?;
        store.prepare(&set).await?;
        let row = if is_paused {
            let now_so = RowValue::of(&true).map_err(|why| unreadable(why.into()))?;
            RowWrite::put(&set, &key, now_so)
        } else {
            RowWrite::delete(&set, &key)
        };
        store.commit(Commit::new().rows([row])).await?;
        self.known.send_modify(|known| {
            self.progress.pause(is_paused);
            *known = Known { is_paused, decisions: known.decisions + 1 };
        });
        Ok(())
    }

    /// Looks again and again whether another process has paused the job, until it is stopped.
    pub(super) async fn watch(
        &self,
        store: &dyn RowStore,
        interval: Duration,
        mut stop: watch::Receiver<bool>,
    ) {
        loop {
            tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => return,
                () = sleep(interval) => {}
            }
            if let Err(error) = self.look(store).await {
                tracing::warn!(job = %self.job, %error, "cannot ask whether the job is paused");
            }
        }
    }
}
