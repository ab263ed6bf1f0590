//! What a subscription follows.

use std::sync::Arc;

use super::{BackendError, EventStore, Outbox};
use crate::types::{FeedPage, Filter, LogId, Position};

/// The events of a store, or the messages of its outbox: both are one ordered log.
#[derive(Clone, Debug)]
pub(crate) enum Feed {
    Events(Arc<dyn EventStore>),
    Messages(Arc<dyn Outbox>),
}

impl Feed {
    pub(crate) fn identity(&self) -> LogId {
        match self {
            Self::Events(log) => log.identity(),
            Self::Messages(log) => log.identity().outbox(),
        }
    }

    /// Messages are not filtered: who follows them wants them all.
    pub(crate) async fn read_all(
        &self,
        after: Position,
        filter: &Filter,
        limit: usize,
    ) -> Result<FeedPage, BackendError> {
        match self {
            Self::Events(log) => log.read_all(after, filter, limit).await,
            Self::Messages(log) => log.outbox_page(after, limit).await,
        }
    }

    pub(crate) async fn head(&self) -> Result<Position, BackendError> {
        match self {
            Self::Events(log) => log.head().await,
            Self::Messages(log) => log.outbox_head().await,
        }
    }

    pub(crate) async fn end(&self) -> Result<Position, BackendError> {
        match self {
            Self::Events(log) => log.end().await,
            Self::Messages(log) => log.outbox_end().await,
        }
    }

    pub(crate) async fn changed(&self, after: Position) -> Result<(), BackendError> {
        match self {
            Self::Events(log) => log.changed(after).await,
            Self::Messages(log) => log.outbox_changed(after).await,
        }
    }
}
