//! What SQLite says, in the crate's words.

use rusqlite::{Error, ErrorCode, ffi};

use crate::ports::{BackendError, Fault};
use crate::types::LogId;

/// The backend's name, in errors and in what is counted.
pub(super) const BACKEND: &str = "sqlite";

/// The file was migrated by a newer version of this crate: the [source](std::error::Error::source) of
/// [`Fault::NewerSchema`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the schema is version {found}, this program knows up to {known}")]
#[non_exhaustive]
pub struct NewerSchema {
    /// The version of the file.
    pub found: i64,
    /// The newest version that this program knows.
    pub known: i64,
}

/// The file cannot be in WAL mode, which the store needs: it is in memory, or on a file system without
/// shared memory. The [source](std::error::Error::source) of [`Fault::Other`] when opening.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the journal mode is `{mode}` and cannot be `wal`")]
#[non_exhaustive]
pub struct NotWal {
    /// The journal mode that it stayed in.
    pub mode: String,
}

/// The transaction is of another file than the store's. The [source](std::error::Error::source) of
/// [`Fault::Other`] from [`commit_in`](super::SqliteStore::commit_in).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the transaction is not of log {expected}")]
#[non_exhaustive]
pub struct OtherLog {
    /// The store's log.
    pub expected: LogId,
    /// The log in the transaction's file, if there is one.
    pub found: Option<LogId>,
}

/// SQLite failed to `operation`.
pub(super) fn backend(operation: &'static str, error: Error) -> BackendError {
    BackendError::new(BACKEND, operation, fault_of(&error), error)
}

/// The writer or the runtime is gone.
pub(super) fn closed(operation: &'static str) -> BackendError {
    BackendError::new(BACKEND, operation, Fault::Closed, "the writer or the runtime has ended")
}

/// Whether a constraint of a table refused a row.
pub(super) fn is_constraint(error: &Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation)
}

/// What SQLite says of an event that is there already.
pub(super) fn taken() -> Error {
    Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_CONSTRAINT_UNIQUE), None)
}

pub(super) fn fault_of(error: &Error) -> Fault {
    match error {
        // A row that does not decode is not what this crate wrote.
        Error::FromSqlConversionFailure(..)
        | Error::IntegralValueOutOfRange(..)
        | Error::InvalidColumnType(..) => Fault::Corrupt,
        other => match other.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Fault::Busy,
            Some(ErrorCode::DiskFull) => Fault::Full,
            Some(ErrorCode::ReadOnly) => Fault::ReadOnly,
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Fault::Corrupt,
            Some(ErrorCode::CannotOpen) => Fault::Unavailable,
            _ => Fault::Other,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_sqlite_says_becomes_the_fault_that_a_caller_can_act_on() {
        for (code, fault) in [
            (ffi::SQLITE_BUSY, Fault::Busy),
            (ffi::SQLITE_BUSY_SNAPSHOT, Fault::Busy),
            (ffi::SQLITE_LOCKED, Fault::Busy),
            (ffi::SQLITE_FULL, Fault::Full),
            (ffi::SQLITE_READONLY, Fault::ReadOnly),
            (ffi::SQLITE_CORRUPT, Fault::Corrupt),
            (ffi::SQLITE_NOTADB, Fault::Corrupt),
            (ffi::SQLITE_CANTOPEN, Fault::Unavailable),
            (ffi::SQLITE_IOERR, Fault::Other),
        ] {
            let error = Error::SqliteFailure(ffi::Error::new(code), None);
            assert_eq!(fault_of(&error), fault, "{error}");
        }
    }
}
