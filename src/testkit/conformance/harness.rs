//! Where the suite gets its logs from.

use std::sync::Arc;

use async_trait::async_trait;

use crate::ports::{EventStore, InlineStore, Outbox, RowStore};

/// Opens the logs that the suite writes to.
///
/// The suite opens each log in one test only, by a name of up to 40 of `a`–`z`, `0`–`9` and `_`, and
/// counts on a log being empty when a new harness opens it first. It needs tokio's real clock.
///
/// ```
/// use std::collections::HashMap;
/// use std::sync::{Arc, Mutex};
///
/// use freehold::EventStore;
/// use freehold::backend::memory::MemoryStore;
/// use freehold::testkit::async_trait;
/// use freehold::testkit::conformance::Harness;
///
/// /// Logs that live as long as the harness.
/// #[derive(Default)]
/// struct InMemory(Mutex<HashMap<String, MemoryStore>>);
///
/// #[async_trait]
/// impl Harness for InMemory {
///     async fn open(&self, log: &str) -> Arc<dyn EventStore> {
///         let mut logs = self.0.lock().unwrap();
///         Arc::new(logs.entry(log.to_owned()).or_default().clone())
///     }
/// }
/// ```
#[async_trait]
pub trait Harness: Send + Sync + 'static {
    /// A handle to the log called `log`, which is made if it is not there. While another handle is in
    /// use, the new one shares its log; when no other is left, opening is what a restart would be.
    ///
    /// # Panics
    /// If the log cannot be opened: the test fails with the message.
    async fn open(&self, log: &str) -> Arc<dyn EventStore>;
}

/// Opens the logs that the suite of [`RowStore`] writes to, under the rules of [`Harness`].
///
/// ```
/// use std::collections::HashMap;
/// use std::sync::{Arc, Mutex};
///
/// use freehold::RowStore;
/// use freehold::backend::memory::MemoryStore;
/// use freehold::testkit::async_trait;
/// use freehold::testkit::conformance::RowHarness;
///
/// /// Logs that live as long as the harness.
/// #[derive(Default)]
/// struct InMemory(Mutex<HashMap<String, MemoryStore>>);
///
/// #[async_trait]
/// impl RowHarness for InMemory {
///     async fn open(&self, log: &str) -> Arc<dyn RowStore> {
///         let mut logs = self.0.lock().unwrap();
///         Arc::new(logs.entry(log.to_owned()).or_default().clone())
///     }
/// }
/// ```
#[async_trait]
pub trait RowHarness: Send + Sync + 'static {
    /// A handle to the log called `log`, which is made if it is not there. While another handle is in
    /// use, the new one shares its log; when no other is left, opening is what a restart would be.
    ///
    /// # Panics
    /// If the log cannot be opened: the test fails with the message.
    async fn open(&self, log: &str) -> Arc<dyn RowStore>;
}

/// Opens the logs that the suite of [`InlineStore`] writes to, under the rules of [`Harness`]. A handle is given no folds.
#[async_trait]
pub trait InlineHarness: Send + Sync + 'static {
    /// A handle to the log called `log`, which is made if it is not there. While another handle is in
    /// use, the new one shares its log; when no other is left, opening is what a restart would be.
    ///
    /// # Panics
    /// If the log cannot be opened: the test fails with the message.
    async fn open(&self, log: &str) -> Arc<dyn InlineStore>;
}

/// Opens the logs that the suite of [`Outbox`] writes to, under the rules of [`Harness`]. The clock of the store goes on
/// as time does.
#[async_trait]
pub trait OutboxHarness: Send + Sync + 'static {
    /// A handle to the log called `log`, which is made if it is not there. While another handle is in
    /// use, the new one shares its log; when no other is left, opening is what a restart would be.
    ///
    /// # Panics
    /// If the log cannot be opened: the test fails with the message.
    async fn open(&self, log: &str) -> Arc<dyn Outbox>;
}
