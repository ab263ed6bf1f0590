//! Commits, repeated until their outcome is known.

use std::fmt;
use std::sync::Arc;

use super::Options;
use crate::ports::{CommitError, EventStore, telemetry};
use crate::retry::{Backoff, RetryPolicy, Seeds};
use crate::types::{Commit, Committed};

/// A store, and how patient one is with it.
pub(super) struct Desk {
    pub(super) store: Arc<dyn EventStore>,
    retry: RetryPolicy,
    seeds: Seeds,
}

impl Desk {
    pub(super) fn new(store: Arc<dyn EventStore>, options: &Options) -> Self {
        Self { store, retry: options.retry, seeds: Seeds::new(options.seed) }
    }

    pub(super) fn backoff(&self) -> Backoff {
        self.retry.begin(self.seeds.draw())
    }

    /// Commits, and commits the very same again while the outcome is unknown or the trouble passes by
    /// itself. `commit` makes it anew for each try, so that nobody keeps a copy for a trouble that seldom comes.
    pub(super) async fn commit(
        &self,
        commit: impl Fn() -> Commit + Send + Sync,
    ) -> Result<Committed, CommitError> {
        match self.store.commit(commit()).await {
            // Boxed, so that a command's future has no room for it as long as all is well.
            Err(error) if error.is_transient() => Box::pin(self.insist(commit, error)).await,
            answer => answer,
        }
    }

    async fn insist(
        &self,
        commit: impl Fn() -> Commit + Send + Sync,
        mut error: CommitError,
    ) -> Result<Committed, CommitError> {
        let mut backoff = self.backoff();
        let mut unknown = None;
        loop {
            if let CommitError::Unknown(why) = &error {
                unknown = Some(why.clone());
            }
            telemetry::retry(if unknown.is_some() { "unknown" } else { "transient" });
            tracing::debug!(%error, "committing the same again");
            if !backoff.wait().await {
                // Once unknown, a later failure to reach the store does not make it known.
                return Err(unknown.map_or(error, CommitError::Unknown));
            }
            error = match self.store.commit(commit()).await {
                Err(error) if error.is_transient() => error,
                answer => return answer,
            };
        }
    }
}

impl fmt::Debug for Desk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Desk").field("store", &self.store).finish_non_exhaustive()
    }
}
