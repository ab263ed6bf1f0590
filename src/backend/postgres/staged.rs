//! A commit in a transaction that is not over.

use std::fmt;
use std::sync::Arc;

use super::error::BACKEND;
use super::wake::Bells;
use crate::ports::telemetry;
use crate::types::{Committed, Parts, StreamId, StreamVersion};

/// A commit in the user's own transaction, from [`commit_in`](super::PostgresStore::commit_in). It has no token yet,
/// since the transaction may still be rolled back; then just drop it.
#[must_use = "after the transaction's own commit, `committed` gives the token and wakes readers"]
pub struct Staged {
    committed: Committed,
    events: usize,
    sends: bool,
    bells: Arc<Bells>,
}

impl Staged {
    pub(super) fn new(committed: Committed, parts: &Parts, bells: Arc<Bells>) -> Self {
        let sends = !parts.messages.is_empty();
        Self { committed, events: parts.events().count(), sends, bells }
    }

    /// The version of each stream that was written, if the transaction commits, in the order of the commit's appends.
    #[must_use]
    pub fn versions(&self) -> &[(StreamId, StreamVersion)] {
        self.committed.versions()
    }

    /// Whether the commit had happened before, so that nothing was written now.
    #[must_use]
    pub const fn is_duplicate(&self) -> bool {
        self.committed.is_duplicate()
    }

    /// Where the commit landed. Call it after the transaction's own commit, and only then: it wakes the readers of
    /// the feed and the relays in this process.
    #[must_use = "the token is what a reader waits for"]
    pub fn committed(self) -> Committed {
        if !self.committed.is_duplicate() {
            telemetry::batch(BACKEND, 1, self.events);
        }
        // Whoever is woken looks for himself: a caller who is wrong about the transaction misleads nobody.
        self.bells.made(self.committed.token().position());
        if self.sends {
            self.bells.sent();
        }
        self.committed
    }
}

impl fmt::Debug for Staged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Staged").field("versions", &self.versions()).finish_non_exhaustive()
    }
}
