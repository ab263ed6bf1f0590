//! Two services and what goes from one to the other.

use std::sync::Arc;
use std::time::Duration;

use freehold::backend::nats::async_nats::Client;
use freehold::backend::nats::{self, Batches, NatsBroker, NatsOptions};
use freehold::backend::sqlite::SqliteStore;
use freehold::inbox::{
    Consumer, ConsumerOptions, HandleError, Handler, Marks, OnGap, RunningConsumer,
};
use freehold::outbox::{ReadyRelay, Relay, RelayOptions, RunningRelay};
use freehold::retry::RetryPolicy;
use freehold::{
    Commit, EventId, EventName, EventStore, ExpectedVersion, LeaseName, Message, NewEvent, Source,
    StreamId,
};
use tempfile::TempDir;
use uuid::Uuid;

use super::load::Load;
use super::watched::{Answers, Watched};
pub(super) use crate::server::eager;
use crate::server::{destination, until};

/// The stream through which all goes.
pub(super) const STREAM: &str = "shop";
/// How long a relay waits for an answer of the server: a fault must last longer to be felt.
const ANSWER_TIMEOUT: Duration = Duration::from_millis(500);
/// After so long, what a consumer was given and has not settled comes again.
const ACK_WAIT: Duration = Duration::from_secs(3);
/// Nothing is published or consumed for so long after who did it was killed.
const LEASE_TIME: Duration = Duration::from_millis(1_500);
/// So old a message makes a relay late.
const LATE_AFTER: Duration = Duration::from_millis(200);

/// By what the two consumers know a message again, and what they are called.
pub(super) const CONSUMERS: [(&str, Marks); 2] =
    [("by-id", Marks::ById), ("by-place", Marks::BySequence(OnGap::Park))];

/// What a test begins with: three files with nothing in them, and a number that all chance follows from.
pub(super) struct World {
    pub(super) seed: u64,
    folder: TempDir,
}

impl World {
    pub(super) fn new() -> Self {
        let given = std::env::var("NATS_SEED").ok();
        let seed = given.map_or_else(|| fastrand::u64(..), |seed| seed.parse().unwrap());
        println!("NATS_SEED={seed}");
        Self { seed, folder: tempfile::tempdir().unwrap() }
    }

    async fn store(&self, name: &str) -> SqliteStore {
        SqliteStore::open(self.folder.path().join(name)).await.unwrap()
    }

    /// The file of who sends.
    pub(super) async fn sender(&self) -> SqliteStore {
        self.store("sender").await
    }

    /// The file of a consumer.
    pub(super) async fn receiver(&self, consumer: &str) -> SqliteStore {
        self.store(consumer).await
    }

    /// A service that commits messages.
    pub(super) async fn load(&self) -> Load {
        Load::start(self.sender().await, self.seed)
    }

    /// A relay over this client. By the seed, it has the stream for itself or not, and publishes in batches or not.
    pub(super) async fn relay(&self, client: Client) -> (RunningRelay, Arc<Answers>) {
        self.relay_with(client, self.publishing(options())).await
    }

    pub(super) async fn relay_with(
        &self,
        client: Client,
        options: NatsOptions,
    ) -> (RunningRelay, Arc<Answers>) {
        let (broker, answers) = Watched::new(broker_with(client, options).await);
        (relay_of(self.sender().await, broker).start(), answers)
    }

    /// How this world's relays publish.
    pub(super) fn publishing(&self, options: NatsOptions) -> NatsOptions {
        let exclusive = self.seed.is_multiple_of(2);
        let batches =
            if self.seed.is_multiple_of(3) { Batches::From(2) } else { Batches::Measured };
        println!("exclusive: {exclusive}, batches: {batches:?}");
        NatsOptions { exclusive, batches, ..options }
    }

    /// Both consumers over this client.
    pub(super) async fn consumers(&self, client: Client) -> Vec<RunningConsumer> {
        let broker = broker(client).await;
        let mut running = Vec::new();
        for (name, marks) in CONSUMERS {
            running.push(
                start_consumer(self.receiver(name).await, &broker, name, marks, noting).await,
            );
        }
        running
    }

    /// Waits until each consumer has written so many effects more.
    pub(super) async fn more_effects(&self, effects: usize) {
        for (name, _) in CONSUMERS {
            let store = self.receiver(name).await;
            let wanted = store.head().await.unwrap().get() + effects as u64;
            let is_there = async || (store.head().await.unwrap().get() >= wanted).then_some(());
            until("more effects", is_there).await;
        }
    }
}

/// The stream, over this client.
pub(super) async fn broker(client: Client) -> NatsBroker {
    broker_with(client, options()).await
}

pub(super) async fn broker_with(client: Client, options: NatsOptions) -> NatsBroker {
    NatsBroker::open(client, options).await.unwrap()
}

pub(super) fn options() -> NatsOptions {
    NatsOptions { answer_timeout: ANSWER_TIMEOUT, ..NatsOptions::new(STREAM) }
}

fn retry() -> RetryPolicy {
    RetryPolicy {
        retries_max: 2,
        delay_min: Duration::from_millis(5),
        delay_max: Duration::from_millis(20),
    }
}

pub(super) fn relay_options() -> RelayOptions {
    RelayOptions {
        batch_messages_max: 100,
        lease_time: LEASE_TIME,
        retry: retry(),
        extent_interval: Duration::from_secs(1),
        late_after: LATE_AFTER,
        ..RelayOptions::default()
    }
}

pub(super) fn source() -> Source {
    Source::new("/suite").unwrap()
}

/// The relay of a file, before it runs.
pub(super) fn relay_of(store: SqliteStore, broker: Watched) -> ReadyRelay<SqliteStore> {
    Relay::new(LeaseName::new("relay").unwrap(), source(), store)
        .publish_to(broker)
        .route(|_| vec![destination("said")])
        .options(relay_options())
}

pub(super) async fn start_consumer(
    store: SqliteStore,
    broker: &NatsBroker,
    name: &str,
    marks: Marks,
    handler: impl Handler,
) -> RunningConsumer {
    let given = nats::ConsumerOptions { ack_wait: ACK_WAIT, ..nats::ConsumerOptions::default() };
    let deliveries = broker.consumer_with(name, [destination("said")], given).await.unwrap();
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
