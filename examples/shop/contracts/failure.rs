//! How a service fails.

use std::error::Error;

use freehold::aggregate::{ExecuteError, WorkError};

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
