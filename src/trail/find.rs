//! The events of one flow, found by reading everything.

use uuid::Uuid;

use super::tree::CausalTree;
use crate::consistency::Lag;
use crate::ports::{BackendError, EventStore};
use crate::types::{Filter, Position, RecordedEvent, Token};

/// The events of one flow in one log, as far as was looked.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Found {
    /// The events, in the order of the log: all of the flow up to [`at`](Self::at), and none beyond it.
    pub events: Vec<RecordedEvent>,
    /// How far in the log was looked.
    pub at: Token,
    /// How far behind the log that was.
    pub lag: Lag,
}

impl Found {
    /// The tree of what has caused what.
    #[must_use]
    pub fn tree(self) -> CausalTree {
        CausalTree::of(self.events)
    }
}

/// The events of the flow `correlation`, found by reading the whole log. It needs nothing that was kept up before; for a long log there
/// is [`Trail`](super::Trail).
///
/// All that is found is in memory at once.
///
/// # Errors
/// [`BackendError`] if the log cannot be read.
///
/// # Cancel safety
/// Reading changes nothing; the future may be dropped.
pub async fn scan(log: &dyn EventStore, correlation: Uuid) -> Result<Found, BackendError> {
    let (filter, mut events, mut after) = (Filter::all(), Vec::new(), Position::START);
    loop {
        let page = log.read_all(after, &filter, usize::MAX).await?;
        events.extend(page.events.into_iter().filter(|event| flow_of(event) == correlation));
        after = page.upto;
        if !page.has_more {
            let at = Token::new(log.identity(), after);
            return Ok(Found { events, at, lag: Lag::default() });
        }
    }
}

/// Which flow an event belongs to. One that names none begins its own, as [`Metadata::caused_by`](crate::Metadata::caused_by) has it.
pub(super) fn flow_of(event: &RecordedEvent) -> Uuid {
    event.metadata().correlation().unwrap_or(event.id().as_uuid())
}
