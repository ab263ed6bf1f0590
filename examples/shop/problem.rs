//! How the program ends when it does not end well.

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

use freehold::{BackendError, InvalidMetadata};

use super::contracts::Failure;
use super::input::BadInput;

/// Why the program ends with another exit code than 0.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// The input cannot be used. Exit code 2.
    #[error(transparent)]
    Input(#[from] BadInput),
    /// What was asked for does not fit what is there. Exit code 2.
    #[error("{0}")]
    Usage(String),
    /// A service refused or failed. Exit code 1.
    #[error(transparent)]
    Service(#[from] Failure),
    /// A database cannot be opened. Exit code 1.
    #[error("a database of the shop cannot be opened")]
    Open(#[from] BackendError),
    /// Anything else. Exit code 1.
    #[error("the shop cannot {task}")]
    Other {
        /// What it was doing.
        task: &'static str,
        /// What went wrong.
        source: Box<dyn Error + Send + Sync>,
    },
}

impl Problem {
    /// The shop cannot do `task`, because of `source`.
    pub fn other(task: &'static str, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Other { task, source: source.into() }
    }

    /// Says what is wrong, and why, and with which code to end.
    #[must_use]
    pub fn report(&self) -> ExitCode {
        let mut text = format!("error: {self}");
        let mut cause = self.source();
        while let Some(error) = cause {
            text = format!("{text}: {error}");
            cause = error.source();
        }
        // If nobody hears it, the exit code still says it.
        let _ = writeln!(io::stderr(), "{text}");
        match self {
            Self::Input(_) | Self::Usage(_) => ExitCode::from(2),
            Self::Service(_) | Self::Open(_) | Self::Other { .. } => ExitCode::FAILURE,
        }
    }
}

impl From<InvalidMetadata> for Problem {
    fn from(error: InvalidMetadata) -> Self {
        Self::other("name itself", error)
    }
}

/// Says `text` on standard error, if somebody hears it.
pub fn tell(text: &str) {
    let _ = io::stderr().write_all(text.as_bytes());
}

/// Prints `text` to standard output.
///
/// # Errors
/// [`Problem::Other`] if it cannot be written; a reader that has gone away has read enough.
pub fn print(text: &str) -> Result<(), Problem> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Problem::other("print", error))
        }
        _ => Ok(()),
    }
}
