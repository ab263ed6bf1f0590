//! What PostgreSQL says, in the crate's words.

use sqlx::Error;
use sqlx::postgres::PgDatabaseError;

use crate::ports::{BackendError, CommitError, Fault, Unfoldable};
use crate::types::LogId;

/// The backend's name, in errors and in what is counted.
pub(super) const BACKEND: &str = "postgres";

/// The schema was migrated by a newer version of this crate: the [source](std::error::Error::source) of
/// [`Fault::NewerSchema`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the schema is version {found}, this program knows up to {known}")]
#[non_exhaustive]
pub struct NewerSchema {
    /// The version of the schema.
    pub found: i64,
    /// The newest version that this program knows.
    pub known: i64,
}

/// The server is a standby, where the locks of writers cannot be seen and the feed would not be exact. The
/// [source](std::error::Error::source) of [`Fault::ReadOnly`] when opening, and when a store that is open has come to one and
/// reads the feed, the outbox or keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the server is a standby; the log is read and written on the primary")]
#[non_exhaustive]
pub struct Standby;

/// The connection is to another log than the store's. The [source](std::error::Error::source) of [`Fault::Other`]
/// from [`commit_in`](super::PostgresStore::commit_in).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the connection is not to log {expected}")]
#[non_exhaustive]
pub struct OtherLog {
    /// The store's log.
    pub expected: LogId,
    /// The log that the connection leads to.
    pub found: LogId,
}

/// The writer does not fold by the folds of the log. It may have been given one just now.
const UNFOLDED: &str = "FH001";
/// The server is a standby.
const STANDBY: &str = "FH002";

/// Why a fold stops a statement or a transaction, on its way through the driver's errors.
pub(super) fn refusal(why: Unfoldable) -> Error {
    Error::Encode(Box::new(why))
}

/// What stopped it, if it was a fold.
pub(super) fn refused(error: &Error) -> Option<Unfoldable> {
    match error {
        Error::Encode(why) => why.downcast_ref::<Unfoldable>().cloned(),
        Error::Database(said) if said.code().as_deref() == Some(UNFOLDED) => {
            let said = said.try_downcast_ref::<PgDatabaseError>();
            let names = said.and_then(PgDatabaseError::detail).unwrap_or_default();
            Some(Unfoldable::Missing(names.to_owned()))
        }
        _ => None,
    }
}

/// A transaction of ours failed.
pub(super) fn of_commit(operation: &'static str, error: Error) -> CommitError {
    match refused(&error) {
        Some(why) => why.into(),
        None if fate_of(&error) == Fate::Unknown => CommitError::Unknown(backend(operation, error)),
        None => backend(operation, error).into(),
    }
}

/// PostgreSQL failed to `operation`.
pub(super) fn backend(operation: &'static str, error: Error) -> BackendError {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    if code.is_some_and(|code| code == STANDBY) {
        return BackendError::new(BACKEND, operation, Fault::ReadOnly, Standby);
    }
    BackendError::new(BACKEND, operation, fault_of(&error), error)
}

/// The runtime or the pool is gone.
pub(super) fn closed(operation: &'static str) -> BackendError {
    BackendError::new(BACKEND, operation, Fault::Closed, "the runtime or the pool has ended")
}

/// What may have happened to a statement that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It was rolled back, and the same again may succeed.
    Again,
    /// Nobody knows whether it was committed; the same again tells.
    Unknown,
    /// It was rolled back, or never sent.
    Failed,
}

/// What happened to a statement that was sent, and failed like this.
pub(super) fn fate_of(error: &Error) -> Fate {
    match error {
        Error::Database(said) => match said.code().as_deref() {
            // Serialization, deadlock, a lock that took too long; and an id or a key that somebody else has written
            // since this statement looked: the same again sees it.
            Some("40001" | "40P01" | "55P03" | "23505" | UNFOLDED) => Fate::Again,
            // The server ended the session, perhaps after the commit.
            Some("57P01" | "57P02" | "57P05") => Fate::Unknown,
            Some(code) if code.starts_with("08") => Fate::Unknown,
            _ => Fate::Failed,
        },
        // It was not sent, or was taken back.
        Error::Encode(_) | Error::InvalidArgument(_) | Error::TypeNotFound { .. } => Fate::Failed,
        _ => Fate::Unknown,
    }
}

/// What happened if not even a connection could be had: nothing was sent.
pub(super) fn fate_without_connection(error: &Error) -> Fate {
    match error {
        Error::Io(_) => Fate::Again,
        _ => Fate::Failed,
    }
}

/// Whether an id or a key is there already.
pub(super) fn is_taken(error: &Error) -> bool {
    error.as_database_error().is_some_and(sqlx::error::DatabaseError::is_unique_violation)
}

/// Whether one commit of a group can be the cause of it, so that the others would do without.
pub(super) fn is_of_one(error: &Error) -> bool {
    // By class: data, constraints, serialization, limits, locks, exceptions of the user's own triggers; a full disk or
    // memory, in which a smaller commit may find room; and a statement that took too long, which a smaller one may not.
    const CLASSES: [&str; 9] = ["22", "23", "40", "54", "55", "P0", "53100", "53200", "57014"];
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    code.is_some_and(|code| CLASSES.iter().any(|class| code.starts_with(class)))
}

pub(super) fn fault_of(error: &Error) -> Fault {
    match error {
        Error::Io(_) | Error::Tls(_) | Error::PoolTimedOut | Error::WorkerCrashed => {
            Fault::Unavailable
        }
        Error::PoolClosed => Fault::Closed,
        Error::ColumnDecode { .. } | Error::Decode(_) => Fault::Corrupt,
        Error::Database(said) => said.code().map_or(Fault::Other, |code| fault_of_state(&code)),
        _ => Fault::Other,
    }
}

/// By SQLSTATE; PostgreSQL's manual lists them in its appendix A.
fn fault_of_state(code: &str) -> Fault {
    match code {
        // The last is a statement that somebody has cancelled, or that took longer than its time limit.
        "40001" | "40P01" | "55P03" | "23505" | "57014" => Fault::Busy,
        "53100" | "53200" => Fault::Full,
        "25006" => Fault::ReadOnly,
        "XX001" | "XX002" => Fault::Corrupt,
        "42501" => Fault::Denied,
        "3F000" | "42P01" | "42883" | "3D000" => Fault::Missing,
        "53300" | "57P01" | "57P02" | "57P03" | "57P05" => Fault::Unavailable,
        _ if code.starts_with("28") => Fault::Denied,
        _ if code.starts_with("08") => Fault::Unavailable,
        _ => Fault::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_postgres_says_becomes_the_fault_that_a_caller_can_act_on() {
        for (code, fault) in [
            ("40001", Fault::Busy),
            ("40P01", Fault::Busy),
            ("57014", Fault::Busy),
            ("53100", Fault::Full),
            ("25006", Fault::ReadOnly),
            ("28P01", Fault::Denied),
            ("42501", Fault::Denied),
            ("3F000", Fault::Missing),
            ("08006", Fault::Unavailable),
            ("57P03", Fault::Unavailable),
            ("22021", Fault::Other),
        ] {
            assert_eq!(fault_of_state(code), fault, "{code}");
        }
    }

    #[test]
    fn only_a_lost_connection_leaves_the_outcome_open() {
        let lost = Error::Io(std::io::ErrorKind::ConnectionReset.into());
        assert_eq!(fate_of(&lost), Fate::Unknown);
        assert_eq!(fate_of(&Error::Encode("no".into())), Fate::Failed);
        assert_eq!(fate_without_connection(&Error::PoolTimedOut), Fate::Failed);
        assert_eq!(fate_without_connection(&lost), Fate::Again);
    }
}
