//! Two services and what goes from one to the other.

use std::sync::Arc;
use std::time::Duration;

use freehold::backend::sqlite::SqliteStore;
use freehold::inbox::{
    Consumer, ConsumerOptions, HandleError, Handler, Marks, OnGap, RunningConsumer,
};
use freehold::outbox::{ReadyRelay, Relay, RelayOptions, RunningRelay};
use freehold::retry::RetryPolicy;
use freehold::{
    Broker, Commit, Deliveries, EventId, EventName, EventStore, ExpectedVersion, LeaseName,
    Message, NewEvent, Source, StreamId,
};
use tempfile::TempDir;
use uuid::Uuid;

use super::load::Load;
use super::medium::Medium;
use super::watched::{Answers, Watched};
use crate::messages::{destination, until};

/// Nothing is published or consumed for so long after who did it was killed.
const LEASE_TIME: Duration = Duration::from_millis(1_500);
/// The most messages that a relay has in its hands.
pub(super) const BATCH_MESSAGES_MAX: usize = 100;
/// So old a message makes a relay late.
const LATE_AFTER: Duration = Duration::from_millis(200);

/// By what the two consumers know a message again, and what they are called.
pub(crate) const CONSUMERS: [(&str, Marks); 2] =
    [("by-id", Marks::ById), ("by-place", Marks::BySequence(OnGap::Park))];

/// The number that all chance of a test follows from.
pub(crate) fn drawn() -> u64 {
    let given = std::env::var("BROKERS_SEED").ok();
    let seed = given.map_or_else(|| fastrand::u64(..), |seed| seed.parse().unwrap());
    println!("BROKERS_SEED={seed}");
    seed
}

/// What a test begins with: three files with nothing in them, what lies between their owners, and a number that all chance follows
/// from.
pub(crate) struct World<M> {
    pub(crate) seed: u64,
    pub(crate) medium: M,
    folder: TempDir,
}

impl<M: Medium> World<M> {
    pub(crate) fn new(seed: u64, medium: M) -> Self {
        Self { seed, medium, folder: tempfile::tempdir().unwrap() }
    }

    async fn store(&self, name: &str) -> SqliteStore {
        SqliteStore::open(self.folder.path().join(name)).await.unwrap()
    }

    /// The file of who sends.
    pub(crate) async fn sender(&self) -> SqliteStore {
        self.store("sender").await
    }

    /// The file of a consumer.
    pub(crate) async fn receiver(&self, consumer: &str) -> SqliteStore {
        self.store(consumer).await
    }

    /// A service that commits messages.
    pub(crate) async fn load(&self) -> Load {
        Load::start(self.sender().await, self.seed)
    }

    /// A relay.
    pub(crate) async fn relay(&self) -> (RunningRelay, Arc<Answers>) {
        self.relay_through(self.medium.port()).await
    }

    /// A relay by way of this port.
    pub(crate) async fn relay_through(&self, port: u16) -> (RunningRelay, Arc<Answers>) {
        let (broker, answers) = Watched::new(self.medium.publisher(port).await);
        (relay_of(self.sender().await, broker).start(), answers)
    }

    /// Both consumers.
    pub(crate) async fn consumers(&self) -> Vec<RunningConsumer> {
        self.consumers_through(self.medium.port()).await
    }

    /// Both consumers by way of this port.
    pub(crate) async fn consumers_through(&self, port: u16) -> Vec<RunningConsumer> {
        let mut running = Vec::new();
        for (name, marks) in CONSUMERS {
            let deliveries = self.medium.deliveries(port, name).await;
            running.push(consumer_of(self.receiver(name).await, deliveries, name, marks, noting));
        }
        running
    }

    /// Waits until each consumer has written so many effects more.
    pub(crate) async fn more_effects(&self, effects: usize) {
        for (name, _) in CONSUMERS {
            let store = self.receiver(name).await;
            let wanted = store.head().await.unwrap().get() + effects as u64;
            let is_there = async || (store.head().await.unwrap().get() >= wanted).then_some(());
            until("more effects", is_there).await;
        }
    }
}

fn retry() -> RetryPolicy {
    RetryPolicy {
        retries_max: 2,
        delay_min: Duration::from_millis(5),
        delay_max: Duration::from_millis(20),
    }
}

/// The relay of a file, before it runs.
pub(crate) fn relay_of(
    store: SqliteStore,
    broker: Watched<impl Broker>,
) -> ReadyRelay<SqliteStore> {
    let options = RelayOptions {
        batch_messages_max: BATCH_MESSAGES_MAX,
        lease_time: LEASE_TIME,
        retry: retry(),
        extent_interval: Duration::from_secs(1),
        late_after: LATE_AFTER,
        ..RelayOptions::default()
    };
    Relay::new(LeaseName::new("relay").unwrap(), Source::new("/suite").unwrap(), store)
        .publish_to(broker)
        .route(|_| vec![destination("said")])
        .options(options)
}

/// The consumer of a file.
pub(super) fn consumer_of(
    store: SqliteStore,
    deliveries: impl Deliveries,
    name: &str,
    marks: Marks,
    handler: impl Handler,
) -> RunningConsumer {
    let options =
        ConsumerOptions { marks, retry: retry(), lease_time: LEASE_TIME, ..Default::default() };
    Consumer::new(LeaseName::new(name).unwrap(), deliveries, store).options(options).start(handler)
}

/// Notes a message in the stream of its key, with an event that is never the same: an effect that happens twice is seen twice.
pub(super) fn noting(message: &Message) -> Result<Commit, HandleError> {
    let noted = StreamId::new("noted", message.envelope.key().as_str())?;
    let id = EventId::new(Uuid::now_v7());
    let event =
        NewEvent::new(id, EventName::from_static("Noted")?, message.envelope.data().clone());
    Ok(Commit::new().append(&noted, ExpectedVersion::Any, [event]))
}
