//! How waiting ends.

use std::error::Error;
use std::sync::Arc;

use super::{Lag, Session};
use crate::ports::BackendError;
use crate::types::{LogId, Position};

/// What was waited for is there: a read from now on sees it, unless the event was parked.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reached {
    /// How far the view is known to be, in the logs that were asked about.
    pub at: Session,
}

/// Why a wait ended without what was waited for. The write itself has happened all the same: answer it as a success.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Behind {
    /// The time is over, and the view is still so far behind.
    #[error("the view is still {} events behind", .lag.events)]
    TimedOut {
        /// How far.
        lag: Lag,
    },
    /// The consumer has met an error that it cannot get past, and has stopped until somebody resumes it.
    #[error("the view is stopped by an error")]
    Stopped {
        /// What it met.
        #[source]
        error: Arc<dyn Error + Send + Sync>,
    },
    /// The time is over, and the view is being made for the first time: it has not come to where the log ended when that
    /// began. A view that is made anew beside the one that is read is no reason not to read that one.
    #[error("the view is being made, and is at {at} of {of}")]
    Rebuilding {
        /// How far it is.
        at: Position,
        /// Where the log ended when it was begun.
        of: Position,
    },
    /// The consumer was paused, until somebody resumes it.
    #[error("the view is paused")]
    Paused,
    /// The consumer was stopped, and no other is known to run.
    #[error("the view is not followed up: its runner was stopped")]
    Ended,
    /// The token is of a log that this view does not follow.
    #[error("the token is of log {token}, which the view does not follow")]
    OtherLog {
        /// The token's log.
        token: LogId,
    },
    /// The log has not come so far: the token was made up, or is of a log that was restored from a backup.
    #[error("the log is at {head}, and the token beyond it")]
    NotYetWritten {
        /// Where the log is.
        head: Position,
    },
    /// The one who waits is the one who would have to do it: this is called from inside the view's own consumer.
    #[error("a consumer cannot wait for itself")]
    WouldDeadlock,
    /// It cannot be known how far the view is.
    #[error("how far the view is cannot be read")]
    Unreadable(#[source] BackendError),
}

impl Behind {
    /// What it is called where waits are counted.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::TimedOut { .. } => "timed_out",
            Self::Stopped { .. } => "stopped",
            Self::Rebuilding { .. } => "rebuilding",
            Self::Paused => "paused",
            Self::Ended => "ended",
            Self::OtherLog { .. } => "other_log",
            Self::NotYetWritten { .. } => "not_yet_written",
            Self::WouldDeadlock => "would_deadlock",
            Self::Unreadable(_) => "unreadable",
        }
    }
}
