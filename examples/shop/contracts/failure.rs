//! How a service fails.

use std::error::Error;

use freehold::InvalidMetadata;
use freehold::aggregate::{ExecuteError, WorkError};
use freehold::inbox::HandleError;
use freehold::saga::{Again, BarrierError, Do, Failure as Ended, Key};

/// What went wrong beneath.
pub type Cause = Box<dyn Error + Send + Sync>;

/// Why a service did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Its rules forbid it; the reason is for the user.
    #[error("{service}: {reason}")]
    Refused {
        /// Which service.
        service: &'static str,
        /// Why.
        reason: String,
    },
    /// It could not; the source says more.
    #[error("the {service} service failed to {task}")]
    Failed {
        /// Which service.
        service: &'static str,
        /// What it was doing.
        task: &'static str,
        /// What went wrong.
        source: Cause,
    },
}

impl Failure {
    /// `service` failed to do `task`, because of `source`.
    pub fn failed(service: &'static str, task: &'static str, source: impl Into<Cause>) -> Self {
        Self::Failed { service, task, source: source.into() }
    }

    /// The rules of `service` forbid it.
    #[must_use]
    pub fn refused(service: &'static str, reason: &str) -> Self {
        Self::Refused { service, reason: reason.to_owned() }
    }

    /// A command was refused or failed.
    pub fn command<R: Error + Send + Sync + 'static>(
        service: &'static str,
        task: &'static str,
        error: ExecuteError<R>,
    ) -> Self {
        match error {
            ExecuteError::Rejected(refusal) => {
                Self::Refused { service, reason: refusal.to_string() }
            }
            error => Self::failed(service, task, error),
        }
    }

    /// What was done once, behind a barrier, was refused or failed.
    pub fn act<R: Error + Send + Sync + 'static>(
        service: &'static str,
        task: &'static str,
        error: Ended<R>,
    ) -> Self {
        match error {
            Ended::Rejected(refusal) => Self::Refused { service, reason: refusal.to_string() },
            Ended::Broken(why) => Self::Refused { service, reason: why.to_string() },
            Ended::Transient(source) | Ended::Unknown(source) => {
                Self::Failed { service, task, source }
            }
            error => Self::failed(service, task, format!("{error:?}")),
        }
    }

    /// What was taken back once, behind a barrier, failed.
    #[must_use]
    pub fn undo(service: &'static str, task: &'static str, error: Again) -> Self {
        match error {
            Again::Broken(why) => Self::Refused { service, reason: why.to_string() },
            Again::Transient(source) | Again::Unknown(source) => {
                Self::Failed { service, task, source }
            }
            error => Self::failed(service, task, format!("{error:?}")),
        }
    }

    /// A barrier could not say anything.
    pub fn barrier(service: &'static str, task: &'static str, error: BarrierError) -> Self {
        match error {
            BarrierError::Changed(_) => Self::Refused { service, reason: error.to_string() },
            error => Self::failed(service, task, error),
        }
    }

    /// The key of a saga's step, as the service `service` has received it.
    ///
    /// # Errors
    /// [`Failure::Refused`] if it is none.
    pub fn received(service: &'static str, key: &str) -> Result<Key<Do>, Self> {
        Key::<Do>::received(key)
            .map_err(|error| Self::Refused { service, reason: error.to_string() })
    }

    /// A unit of work was refused or failed.
    pub fn work<R: Error + Send + Sync + 'static>(
        service: &'static str,
        task: &'static str,
        error: WorkError<R>,
    ) -> Self {
        match error {
            WorkError::Rejected(refusal) => Self::Refused { service, reason: refusal.to_string() },
            error => Self::failed(service, task, error),
        }
    }
}

/// What is forbidden now is forbidden for ever; anything else may be over soon.
impl From<Failure> for HandleError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Refused { .. } => Self::never(failure),
            Failure::Failed { .. } => Self::again(failure),
        }
    }
}

impl From<InvalidMetadata> for Failure {
    fn from(why: InvalidMetadata) -> Self {
        Self::failed("answering", "say who it is", why)
    }
}
