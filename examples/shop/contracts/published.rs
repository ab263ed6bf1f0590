//! A service's events, for others to follow.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use freehold::{
    BackendError, Commit, CommitError, Committed, DedupKey, EventStore, Fault, FeedPage, Filter,
    Limits, LogId, Position, ReadFrom, Store, StreamId, StreamPage,
};

use super::database::ServiceStore;

/// How long a follower that has heard of a new event lets more of them come. A follower that writes what it has read would
/// else write as often as the service does, to the same disk.
const GATHER_TIME: Duration = Duration::from_millis(50);

/// The events of one service, for others to follow: to read, and never to write.
#[derive(Clone, Debug)]
pub struct Published {
    service: &'static str,
    log: Arc<dyn EventStore>,
}

impl Published {
    /// What `service` publishes: all of its events.
    #[must_use]
    pub fn new(service: &'static str, store: &Arc<dyn ServiceStore>) -> Self {
        let log: Arc<dyn EventStore> = store.clone();
        Self { service, log }
    }
}

#[async_trait]
impl Store for Published {
    fn identity(&self) -> LogId {
        self.log.identity()
    }

    fn limits(&self) -> &Limits {
        self.log.limits()
    }

    fn is_ordered(&self) -> bool {
        self.log.is_ordered()
    }

    async fn commit(&self, _: Commit) -> Result<Committed, CommitError> {
        let why = "only the service writes its events";
        Err(CommitError::Backend(BackendError::new(self.service, "write", Fault::Denied, why)))
    }
}

#[async_trait]
impl EventStore for Published {
    async fn read_stream(
        &self,
        stream: &StreamId,
        from: ReadFrom,
        limit: usize,
    ) -> Result<StreamPage, BackendError> {
        self.log.read_stream(stream, from, limit).await
    }

    async fn read_all(
        &self,
        after: Position,
        filter: &Filter,
        limit: usize,
    ) -> Result<FeedPage, BackendError> {
        self.log.read_all(after, filter, limit).await
    }

    async fn head(&self) -> Result<Position, BackendError> {
        self.log.head().await
    }

    async fn end(&self) -> Result<Position, BackendError> {
        self.log.end().await
    }

    async fn changed(&self, after: Position) -> Result<(), BackendError> {
        self.log.changed(after).await?;
        tokio::time::sleep(GATHER_TIME).await;
        Ok(())
    }

    async fn outcome(&self, of: &DedupKey) -> Result<Option<Committed>, BackendError> {
        self.log.outcome(of).await
    }

    fn forgettings(&self) -> u64 {
        self.log.forgettings()
    }
}
