//! The reading of streams and of the feed.

use async_trait::async_trait;

use super::MemoryStore;
use super::store::BACKEND;
use crate::ports::{BackendError, EventStore, Fault, Store, telemetry};
use crate::types::{
    Committed, DedupKey, FeedPage, Filter, Position, ReadFrom, StreamId, StreamPage,
};

#[async_trait]
impl EventStore for MemoryStore {
    async fn read_stream(
        &self,
        stream: &StreamId,
        from: ReadFrom,
        limit: usize,
    ) -> Result<StreamPage, BackendError> {
        Ok(self.log().stream_page(stream, from, self.limits().page(limit)))
    }

    async fn read_all(
        &self,
        after: Position,
        filter: &Filter,
        limit: usize,
    ) -> Result<FeedPage, BackendError> {
        let (page, head) = {
            let log = self.log();
            (log.feed_page(after, filter, self.limits().page(limit)), log.head())
        };
        telemetry::feed_lag(BACKEND, head.get().saturating_sub(page.upto.get()));
        Ok(page)
    }

    async fn head(&self) -> Result<Position, BackendError> {
        Ok(self.log().head())
    }

    async fn changed(&self, after: Position) -> Result<(), BackendError> {
        let mut heads = self.heads();
        // Looked at only now: later commits are told to the subscription.
        if self.log().head() > after {
            return Ok(());
        }
        let closed = |why| BackendError::new(BACKEND, "watch the feed", Fault::Closed, why);
        heads.wait_for(|head| *head > after).await.map(drop).map_err(closed)
    }

    async fn outcome(&self, of: &DedupKey) -> Result<Option<Committed>, BackendError> {
        Ok(self.log().outcome(of, self.identity()))
    }
}
