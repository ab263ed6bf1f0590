//! A commit in a transaction that is not over.

use std::fmt;
use std::sync::Arc;

use tokio::sync::watch;

use super::error::BACKEND;
use crate::ports::telemetry;
use crate::types::{Committed, Position, StreamId, StreamVersion};

/// A commit in the user's own transaction, from [`commit_in`](super::SqliteStore::commit_in). It has no
/// token yet, since the transaction may still be rolled back; then just drop it.
#[must_use = "after the transaction's own commit, `committed` gives the token and wakes readers"]
pub struct Staged {
    committed: Committed,
    /// Those who are to look for what it has written.
    told: Vec<Arc<watch::Sender<Position>>>,
}

impl Staged {
    pub(super) const fn new(committed: Committed, told: Vec<Arc<watch::Sender<Position>>>) -> Self {
        Self { committed, told }
    }

    /// The version of each stream that was written, if the transaction commits, in the order of the
    /// commit's appends.
    #[must_use]
    pub fn versions(&self) -> &[(StreamId, StreamVersion)] {
        self.committed.versions()
    }

    /// Whether the commit had happened before, so that nothing was written now.
    #[must_use]
    pub const fn is_duplicate(&self) -> bool {
        self.committed.is_duplicate()
    }

    /// Where the commit landed. Call it after the transaction's own commit, and only then: it wakes the
    /// readers of the feed and of the outbox in this process.
    #[must_use = "the token is what a reader waits for"]
    pub fn committed(self) -> Committed {
        if !self.committed.is_duplicate() {
            let events =
                self.committed.positions().map_or(0, |at| at.end().get() - at.start().get() + 1);
            telemetry::batch(BACKEND, 1, usize::try_from(events).unwrap_or(usize::MAX));
        }
        // They look for themselves: a caller who is wrong about the transaction misleads nobody.
        for told in &self.told {
            told.send_modify(|_| ());
        }
        self.committed
    }
}

impl fmt::Debug for Staged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Staged").field("versions", &self.versions()).finish_non_exhaustive()
    }
}
