//! Where the suite gets its logs from.

use std::sync::Arc;

use async_trait::async_trait;

use crate::ports::{
    Archive, Broker, Deliveries, EventStore, InlineStore, Outbox, RowStore, SubjectKeys,
};
use crate::types::Destination;

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

/// Opens the logs that the suite of [`Archive`] writes to, under the rules of [`Harness`].
#[async_trait]
pub trait ArchiveHarness: Send + Sync + 'static {
    /// A handle to the log called `log`, which is made if it is not there. While another handle is in
    /// use, the new one shares its log; when no other is left, opening is what a restart would be.
    ///
    /// # Panics
    /// If the log cannot be opened: the test fails with the message.
    async fn open(&self, log: &str) -> Arc<dyn Archive>;
}

/// Opens the keys that the suite of [`SubjectKeys`] adds to, under the rules of [`Harness`].
#[async_trait]
pub trait SubjectKeysHarness: Send + Sync + 'static {
    /// A handle to the keys called `log`, which are made if they are not there. While another handle is in
    /// use, the new one shares its keys; when no other is left, opening is what a restart would be.
    ///
    /// # Panics
    /// If they cannot be opened: the test fails with the message.
    async fn open(&self, log: &str) -> Arc<dyn SubjectKeys>;

    /// The log of events beside them; by default there is none, and nothing is asked about commits.
    async fn events(&self, log: &str) -> Option<Arc<dyn EventStore>> {
        let _ = log;
        None
    }
}

/// Opens the brokers that the suite of [`Broker`] and [`Deliveries`] publishes to.
///
/// The suite opens each log in one test only, by a name of up to 40 of `a`–`z`, `0`–`9` and `_`, and counts on a log having no
/// messages when a new harness opens it first. Its destinations are `suite.` and a word.
///
/// ```
/// use std::collections::HashMap;
/// use std::sync::{Arc, Mutex};
///
/// use freehold::backend::memory::MemoryBroker;
/// use freehold::testkit::async_trait;
/// use freehold::testkit::conformance::BrokerHarness;
/// use freehold::{Broker, Deliveries, Destination};
///
/// /// Brokers that live as long as the harness.
/// #[derive(Default)]
/// struct InMemory(Mutex<HashMap<String, MemoryBroker>>);
///
/// impl InMemory {
///     fn log(&self, name: &str) -> MemoryBroker {
///         self.0.lock().unwrap().entry(name.to_owned()).or_default().clone()
///     }
/// }
///
/// #[async_trait]
/// impl BrokerHarness for InMemory {
///     async fn open(&self, log: &str) -> Arc<dyn Broker> {
///         Arc::new(self.log(log))
///     }
///
///     async fn consumer(&self, log: &str, name: &str, to: &[Destination]) -> Arc<dyn Deliveries> {
///         Arc::new(self.log(log).consumer(name, to.iter().cloned()))
///     }
/// }
/// ```
#[async_trait]
pub trait BrokerHarness: Send + Sync + 'static {
    /// A handle to the broker, with a log of its own for messages, which is called `log` and is made if it is not there.
    ///
    /// # Panics
    /// If it cannot be opened: the test fails with the message.
    async fn open(&self, log: &str) -> Arc<dyn Broker>;

    /// A handle to the consumer called `name`, for messages to these destinations, from the first in the log on, or, if the broker
    /// [routes on arrival](crate::Capabilities::routes_on_arrival), from the first time that it is opened. While no other
    /// handle to it is in use, opening is what a restart would be; what was not settled then comes again within some seconds.
    ///
    /// # Panics
    /// If it cannot be opened: the test fails with the message.
    async fn consumer(&self, log: &str, name: &str, to: &[Destination]) -> Arc<dyn Deliveries>;

    /// Stores what is no message, past the broker's handle. Whether that can be done; by default it cannot.
    async fn inject_garbage(&self, log: &str, to: &Destination) -> bool {
        let _ = (log, to);
        false
    }
}
