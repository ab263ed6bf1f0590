//! How a file is opened.

use std::sync::Arc;
use std::time::Duration;

use crate::ports::{Clock, Ids, SystemClock, SystemIds};
use crate::types::Limits;

/// How a file is opened. There is no option that makes an acknowledged commit less durable.
///
/// ```
/// use std::time::Duration;
/// use freehold::backend::sqlite::SqliteOptions;
///
/// let options = SqliteOptions { busy_timeout: Duration::from_secs(1), ..SqliteOptions::default() };
/// # assert!(options.readers_max >= 1);
/// ```
#[derive(Clone, Debug)]
#[allow(clippy::exhaustive_structs, reason = "users write it with `..SqliteOptions::default()`")]
pub struct SqliteOptions {
    /// How large a commit and a page may be.
    pub limits: Limits,
    /// How long to wait for another connection that holds the file before it is
    /// [`Fault::Busy`](crate::Fault::Busy). 5 seconds by default.
    pub busy_timeout: Duration,
    /// The most reads at a time, each with a connection of its own that is opened when it is first
    /// needed; 0 counts as 1. 4 by default.
    pub readers_max: usize,
    /// The most commits that wait for the writer; further callers wait to be let in. 0 counts as 1.
    /// 1,024 by default.
    pub queue_commits_max: usize,
    /// The most commits that share a transaction; 0 counts as 1. 256 by default.
    pub batch_commits_max: usize,
    /// How often [`changed`](crate::EventStore::changed) looks for the commits of other handles and
    /// other processes while they write nothing; under a millisecond counts as one. After they have written, it looks sooner.
    /// 50 milliseconds by default.
    pub poll_interval: Duration,
    /// The largest size of the file, in pages of (by default) 4,096 bytes, beyond which a commit is
    /// [`Fault::Full`](crate::Fault::Full). It binds this store's own writes only. `None`, which is the
    /// default, leaves it to SQLite.
    pub page_count_max: Option<u32>,
    /// How far the write-ahead log grows before it is copied into the file, in pages. Longer logs are copied less
    /// often, and a page that changed several times is copied once; opening after a crash takes longer. 4,000
    /// by default, which is 16 MiB.
    pub checkpoint_pages: u32,
    /// The page cache of each connection, in KiB. 8,192 by default.
    pub cache_kib_max: u32,
    /// Tells `recorded_at`.
    pub clock: Arc<dyn Clock>,
    /// Draws the identity of a new log.
    pub ids: Arc<dyn Ids>,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            busy_timeout: Duration::from_secs(5),
            readers_max: 4,
            queue_commits_max: 1_024,
            batch_commits_max: 256,
            poll_interval: Duration::from_millis(50),
            page_count_max: None,
            checkpoint_pages: 4_000,
            cache_kib_max: 8_192,
            clock: Arc::new(SystemClock),
            ids: Arc::new(SystemIds),
        }
    }
}
