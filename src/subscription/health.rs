//! Whether a subscription does its work.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use crate::ports::BackendError;

/// Whether a subscription does its work, whoever does it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Health {
    /// It is up to date, or nearly so.
    Ok,
    /// An event waits for it for longer than it should.
    Late {
        /// How old the event is.
        by: Duration,
    },
    /// It does not move, though there is something to do.
    Stalled {
        /// Since when.
        since: Duration,
        /// What it is waiting out, if that is known here.
        trouble: Option<Arc<dyn Error + Send + Sync>>,
    },
    /// Somebody has paused it, until somebody resumes it.
    Paused,
    /// An error has stopped it, here.
    Stopped(Arc<dyn Error + Send + Sync>),
    /// It cannot be known: the log or the store does not answer.
    Unknown(BackendError),
}

impl Health {
    /// Whether all is well.
    #[must_use]
    pub const fn is_ok(&self) -> bool {
        matches!(self, Self::Ok)
    }
}
