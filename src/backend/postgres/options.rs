//! How a log is opened.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::ports::{Clock, Ids, SystemClock, SystemIds};
use crate::types::Limits;

/// The longest name that PostgreSQL keeps whole, in bytes.
pub(super) const NAME_BYTES_MAX: usize = 63;

/// How a log is opened.
///
/// ```
/// use freehold::backend::postgres::{PostgresOptions, SchemaName};
///
/// let schema = SchemaName::new("orders_log")?;
/// let options = PostgresOptions { schema, ..PostgresOptions::default() };
/// # assert_eq!(options.schema.as_str(), "orders_log");
/// # Ok::<(), freehold::backend::postgres::InvalidSchemaName>(())
/// ```
#[derive(Clone, Debug)]
#[allow(clippy::exhaustive_structs, reason = "users write it with `..PostgresOptions::default()`")]
pub struct PostgresOptions {
    /// The schema of the log; created when it is not there. `freehold` by default.
    pub schema: SchemaName,
    /// How large a commit and a page may be.
    pub limits: Limits,
    /// The most groups of commits under way at a time, and again the most commits with rows or an advance, each on a connection
    /// of the pool; 0 counts as 1. 2 by default.
    pub groups_max: usize,
    /// The most commits in one group; 0 counts as 1. 256 by default.
    pub group_commits_max: usize,
    /// A group takes no more commits when it has so many bytes of payload: PostgreSQL takes no message of a gibibyte. 0
    /// counts as 1. 32 MiB by default.
    pub group_bytes_max: usize,
    /// The most commits that wait for a group, and again that wait for a stream which a group under way has; further
    /// callers wait to be let in. 0 counts as 1. 1,024 by default.
    pub queue_commits_max: usize,
    /// How often a group is sent again after its connection was lost or PostgreSQL chose it as a victim, before its
    /// commits are answered with an error. 8 by default.
    pub retries_max: u32,
    /// How long a group waits for streams that a transaction of somebody else holds, before it is tried again commit by
    /// commit. One second by default.
    pub lock_timeout: Duration,
    /// The longest time between two looks of [`changed`](crate::EventStore::changed) for the commits of other
    /// processes; it begins with shorter ones. Under a millisecond counts as one. 100 milliseconds by default.
    pub poll_interval: Duration,
    /// The shortest time between two notifications of other processes; commits in between share the next. `None`
    /// sends and hears none: then others look by themselves only. 20 milliseconds by default.
    pub notify_interval: Option<Duration>,
    /// Tells `recorded_at`.
    pub clock: Arc<dyn Clock>,
    /// Draws the identity of a new log.
    pub ids: Arc<dyn Ids>,
}

impl Default for PostgresOptions {
    fn default() -> Self {
        Self {
            schema: SchemaName::default(),
            limits: Limits::default(),
            groups_max: 2,
            group_commits_max: 256,
            group_bytes_max: 32 << 20,
            queue_commits_max: 1_024,
            retries_max: 8,
            lock_timeout: Duration::from_secs(1),
            poll_interval: Duration::from_millis(100),
            notify_interval: Some(Duration::from_millis(20)),
            clock: Arc::new(SystemClock),
            ids: Arc::new(SystemIds),
        }
    }
}

/// The name of a schema: 1 to 63 of `a`–`z`, `0`–`9` and `_`, not beginning with a digit or `pg_`. It needs no quotes
/// in SQL, and means the same everywhere.
#[derive(Clone, PartialEq, Eq)]
pub struct SchemaName(Arc<str>);

/// A name that a schema cannot have here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a schema's name is 1 to 63 of a-z, 0-9 and _, and begins with neither a digit nor pg_")]
pub struct InvalidSchemaName;

impl SchemaName {
    /// A name of a schema.
    ///
    /// # Errors
    /// [`InvalidSchemaName`] if it has another form.
    pub fn new(name: &str) -> Result<Self, InvalidSchemaName> {
        let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        let begins = name.bytes().next().is_some_and(|first| !first.is_ascii_digit());
        if begins
            && name.len() <= NAME_BYTES_MAX
            && name.bytes().all(fits)
            && !name.starts_with("pg_")
        {
            Ok(Self(name.into()))
        } else {
            Err(InvalidSchemaName)
        }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for SchemaName {
    fn default() -> Self {
        Self("freehold".into())
    }
}

impl fmt::Debug for SchemaName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_name_needs_no_quotes() {
        for good in ["freehold", "_x", "orders_2", &"x".repeat(63)] {
            assert_eq!(SchemaName::new(good).unwrap().as_str(), good);
        }
        for bad in ["", "2x", "Orders", "a-b", "a b", "a\"b", "é", "pg_x", &"x".repeat(64)] {
            assert!(SchemaName::new(bad).is_err(), "{bad}");
        }
    }
}
