//! Two services and what goes from one to the other.

use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use freehold::backend::rabbitmq::{self, RabbitBroker, RabbitOptions};
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
use crate::fixture::{destination, unique, until};
use crate::node::{Node, settings};

/// How long a relay waits for an answer of the server: a fault must last longer to be felt.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(1);
/// Nothing is published or consumed for so long after who did it was killed.
const LEASE_TIME: Duration = Duration::from_millis(1_500);
/// So old a message makes a relay late.
const LATE_AFTER: Duration = Duration::from_millis(200);

/// By what the two consumers know a message again, and what they are called.
pub(super) const CONSUMERS: [(&str, Marks); 2] =
    [("by-id", Marks::ById), ("by-place", Marks::BySequence(OnGap::Park))];
/// Who receives everything, so that at the end all can be counted that was published.
pub(super) const JUDGE: &str = "judge";

/// What a test begins with: three files with nothing in them, an exchange with its queues, and a number that all chance follows
/// from.
pub(super) struct World {
    pub(super) seed: u64,
    pub(super) exchange: String,
    /// Where the server is.
    pub(super) port: u16,
    /// How many messages were sent to see that those before them have arrived.
    pub(super) ends: AtomicU32,
    folder: TempDir,
}

impl World {
    pub(super) async fn new(port: u16) -> Self {
        let given = std::env::var("RABBITMQ_SEED").ok();
        let seed = given.map_or_else(|| fastrand::u64(..), |seed| seed.parse().unwrap());
        println!("RABBITMQ_SEED={seed}");
        let (exchange, folder) = (unique("shop"), tempfile::tempdir().unwrap());
        let world = Self { seed, exchange, port, ends: AtomicU32::new(0), folder };
        world.broker(port).await.consumer(JUDGE, [destination("said")]).await.unwrap();
        world
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

    /// The exchange, by way of this port.
    pub(super) async fn broker(&self, port: u16) -> RabbitBroker {
        let named = RabbitOptions::new(&self.exchange);
        let options = RabbitOptions { answer_timeout: ANSWER_TIMEOUT, ..named };
        RabbitBroker::open(settings(port), options).await.unwrap()
    }

    /// A relay by way of this port.
    pub(super) async fn relay(&self, port: u16) -> (RunningRelay, Arc<Answers>) {
        let (broker, answers) = Watched::new(self.broker(port).await);
        (relay_of(self.sender().await, broker).start(), answers)
    }

    /// Both consumers by way of this port.
    pub(super) async fn consumers(&self, port: u16) -> Vec<RunningConsumer> {
        let broker = self.broker(port).await;
        let mut running = Vec::new();
        for (name, marks) in CONSUMERS {
            running.push(
                start_consumer(self.receiver(name).await, &broker, name, marks, noting).await,
            );
        }
        running
    }

    /// Waits until the server would find all queues again.
    pub(super) async fn is_kept_by(&self, node: &Node) {
        for name in [JUDGE, CONSUMERS[0].0, CONSUMERS[1].0] {
            node.keeps(&format!("{}.{name}", self.exchange)).await;
        }
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

fn retry() -> RetryPolicy {
    RetryPolicy {
        retries_max: 2,
        delay_min: Duration::from_millis(5),
        delay_max: Duration::from_millis(20),
    }
}

/// The relay of a file, before it runs.
pub(super) fn relay_of(store: SqliteStore, broker: Watched) -> ReadyRelay<SqliteStore> {
    let options = RelayOptions {
        batch_messages_max: 100,
        lease_time: LEASE_TIME,
        retry: retry(),
        late_after: LATE_AFTER,
        ..RelayOptions::default()
    };
    Relay::new(LeaseName::new("relay").unwrap(), Source::new("/suite").unwrap(), store)
        .publish_to(broker)
        .route(|_| vec![destination("said")])
        .options(options)
}

async fn start_consumer(
    store: SqliteStore,
    broker: &RabbitBroker,
    name: &str,
    marks: Marks,
    handler: impl Handler,
) -> RunningConsumer {
    let idle_timeout = Duration::from_secs(1);
    let given = rabbitmq::ConsumerOptions { idle_timeout, ..rabbitmq::ConsumerOptions::default() };
    let deliveries = broker.consumer_with(name, [destination("said")], given).await.unwrap();
    let options =
        ConsumerOptions { marks, retry: retry(), lease_time: LEASE_TIME, ..Default::default() };
    Consumer::new(LeaseName::new(name).unwrap(), deliveries, store).options(options).start(handler)
}

/// Notes a message in the stream of its key, with an event that is never the same: an effect that happens twice is seen twice.
fn noting(message: &Message) -> Result<Commit, HandleError> {
    let noted = StreamId::new("noted", message.envelope.key().as_str())?;
    let id = EventId::new(Uuid::now_v7());
    let event =
        NewEvent::new(id, EventName::from_static("Noted")?, message.envelope.data().clone());
    Ok(Commit::new().append(&noted, ExpectedVersion::Any, [event]))
}
