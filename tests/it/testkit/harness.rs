//! Logs in memory that outlive their handles, as files would.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use freehold::backend::memory::{MemoryBroker, MemoryStore};
use freehold::testkit::conformance::{
    ArchiveHarness, BrokerHarness, Harness, InlineHarness, OutboxHarness, RowHarness,
    SubjectKeysHarness,
};
use freehold::testkit::{PausedClock, async_trait};
use freehold::{
    Archive, Broker, Deliveries, Destination, EventStore, InlineStore, Outbox, RowStore,
    SubjectKeys,
};

/// Logs by name; each lives as long as the harness.
#[derive(Default)]
pub(crate) struct InMemory(Mutex<HashMap<String, MemoryStore>>);

impl InMemory {
    pub(crate) fn log(&self, name: &str) -> MemoryStore {
        self.0.lock().unwrap().entry(name.to_owned()).or_default().clone()
    }

    /// A log whose clock goes with tokio's, so that a test which has paused that one waits for no message.
    pub(crate) fn outbox(&self, name: &str) -> MemoryStore {
        let new = || MemoryStore::builder().clock(PausedClock::new()).build();
        self.0.lock().unwrap().entry(name.to_owned()).or_insert_with(new).clone()
    }
}

#[async_trait]
impl Harness for InMemory {
    async fn open(&self, log: &str) -> Arc<dyn EventStore> {
        Arc::new(self.log(log))
    }
}

#[async_trait]
impl RowHarness for InMemory {
    async fn open(&self, log: &str) -> Arc<dyn RowStore> {
        Arc::new(self.log(log))
    }
}

#[async_trait]
impl InlineHarness for InMemory {
    async fn open(&self, log: &str) -> Arc<dyn InlineStore> {
        Arc::new(self.log(log))
    }
}

#[async_trait]
impl OutboxHarness for InMemory {
    async fn open(&self, log: &str) -> Arc<dyn Outbox> {
        Arc::new(self.outbox(log))
    }
}

#[async_trait]
impl ArchiveHarness for InMemory {
    async fn open(&self, log: &str) -> Arc<dyn Archive> {
        Arc::new(self.log(log))
    }
}

#[async_trait]
impl SubjectKeysHarness for InMemory {
    async fn open(&self, log: &str) -> Arc<dyn SubjectKeys> {
        Arc::new(self.log(log))
    }

    async fn events(&self, log: &str) -> Option<Arc<dyn EventStore>> {
        Some(Arc::new(self.log(log)))
    }
}

/// Brokers by name; each lives as long as the harness.
#[derive(Default)]
pub(crate) struct BrokersInMemory {
    logs: Mutex<HashMap<String, MemoryBroker>>,
    routes_on_arrival: bool,
}

impl BrokersInMemory {
    pub(crate) fn routing_on_arrival() -> Self {
        Self { routes_on_arrival: true, ..Self::default() }
    }

    pub(crate) fn log(&self, name: &str) -> MemoryBroker {
        let fresh = || {
            if self.routes_on_arrival {
                MemoryBroker::routing_on_arrival()
            } else {
                MemoryBroker::new()
            }
        };
        self.logs.lock().unwrap().entry(name.to_owned()).or_insert_with(fresh).clone()
    }
}

#[async_trait]
impl BrokerHarness for BrokersInMemory {
    async fn open(&self, log: &str) -> Arc<dyn Broker> {
        Arc::new(self.log(log))
    }

    async fn consumer(&self, log: &str, name: &str, to: &[Destination]) -> Arc<dyn Deliveries> {
        Arc::new(self.log(log).consumer(name, to.iter().cloned()))
    }
}
