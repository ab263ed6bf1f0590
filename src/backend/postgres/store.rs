//! The port for writing.

use async_trait::async_trait;

use super::handle::PostgresStore;
use crate::ports::{CommitError, Store};
use crate::types::{Commit, Committed, Limits, LogId};

#[async_trait]
impl Store for PostgresStore {
    fn identity(&self) -> LogId {
        self.shared.log.id
    }

    fn limits(&self) -> &Limits {
        &self.shared.log.limits
    }

    fn is_ordered(&self) -> bool {
        true
    }

    async fn commit(&self, commit: Commit) -> Result<Committed, CommitError> {
        // What is malformed does not wait in the queue first. Boxed: from here on it is moved from hand to hand.
        let parts = Box::new(self.shared.log.open(commit)?);
        self.enqueue(parts).await
    }
}
