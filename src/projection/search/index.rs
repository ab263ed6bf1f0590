//! What all who write or read one index share in a process.

use std::sync::Arc;

use tokio::task::spawn_blocking;

use super::error::SearchError;
use super::reader::{Reader, Snapshot};
use super::wait::Seen;
use crate::consistency::Progress;
use crate::ports::{BackendError, EventStore, Fault};
use crate::projection::model::Model;
use crate::projection::rounds::Asking;
use crate::types::{Filter, LeaseName, Position};

/// What all who write or read one index share in a process.
pub(super) struct Index {
    pub(super) model: Arc<Model>,
    pub(super) reader: Reader,
    /// The lease of who writes.
    pub(super) job: LeaseName,
    /// How far the writer is, if it runs here. It only wakes those who wait: what is read says how far it is itself.
    pub(super) progress: Progress,
    /// Who looks at it, while somebody waits.
    pub(super) looks: Asking<Seen>,
}

impl Index {
    /// What the newest commit of the build that is read has left; `None` if nothing is built yet.
    pub(super) async fn snapshot(self: &Arc<Self>) -> Result<Option<Snapshot>, BackendError> {
        self.blocking(|index| index.reader.snapshot()).await
    }

    /// Does something on a thread that may block.
    pub(super) async fn blocking<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> Result<T, SearchError> + Send + 'static,
    ) -> Result<T, BackendError> {
        let index = Arc::clone(self);
        match spawn_blocking(move || work(&index)).await {
            Ok(done) => Ok(done?),
            // Some files that are damaged make `tantivy` panic.
            Err(why) => Err(BackendError::new("search index", "read", Fault::Corrupt, why)),
        }
    }
}

/// Whether all that is wanted of a log up to `place` is among what is there up to `at`.
pub(super) async fn is_covered(
    log: &dyn EventStore,
    filter: &Filter,
    at: Position,
    place: Position,
) -> Result<bool, BackendError> {
    if at >= place {
        return Ok(true);
    }
    let next = log.read_all(at, filter, 1).await?;
    Ok(match next.events.first() {
        Some(event) => event.position() > place,
        None => next.upto >= place,
    })
}
