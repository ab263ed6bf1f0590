//! Every clause of the contracts.

use std::sync::Arc;
use std::time::Duration;

use freehold::backend::nats::NatsBroker;
use freehold::backend::nats::{Batches, ConsumerOptions, NatsOptions, async_nats};
use freehold::testkit::async_trait;
use freehold::testkit::conformance::BrokerHarness;
use freehold::{Broker, Deliveries, Destination, broker_conformance};

use crate::nats::server::Server;

struct Nats {
    server: Server,
    consumers: ConsumerOptions,
    exclusive: bool,
    batches: Batches,
}

impl Nats {
    fn new() -> Self {
        // What a handle leaves unsettled is waited for by the suite, and not for half a minute; and no machine has so much to do
        // that what is settled at once comes again.
        let ack_wait = Duration::from_secs(5);
        let consumers = ConsumerOptions { ack_wait, ..ConsumerOptions::default() };
        let (exclusive, batches) = (false, Batches::default());
        Self { server: Server::start(), consumers, exclusive, batches }
    }

    /// Nothing is fetched ahead, and one message is on its way at a time.
    fn one_by_one() -> Self {
        let mut nats = Self::new();
        nats.consumers.prefetch_messages_max = 1;
        nats
    }

    /// Whatever can go as a batch does.
    fn in_batches() -> Self {
        Self { batches: Batches::From(2), ..Self::new() }
    }

    /// Each message has its place.
    fn exclusive() -> Self {
        Self { exclusive: true, ..Self::new() }
    }

    fn exclusive_in_batches() -> Self {
        Self { exclusive: true, ..Self::in_batches() }
    }

    async fn broker(&self, log: &str) -> NatsBroker {
        let Self { exclusive, batches, .. } = *self;
        let options = NatsOptions { exclusive, batches, ..NatsOptions::new(log) };
        NatsBroker::open(self.server.client().await, options).await.unwrap()
    }
}

#[async_trait]
impl BrokerHarness for Nats {
    async fn open(&self, log: &str) -> Arc<dyn Broker> {
        Arc::new(self.broker(log).await)
    }

    async fn consumer(&self, log: &str, name: &str, to: &[Destination]) -> Arc<dyn Deliveries> {
        let (broker, options) = (self.broker(log).await, self.consumers.clone());
        Arc::new(broker.consumer_with(name, to.iter().cloned(), options).await.unwrap())
    }

    async fn inject_garbage(&self, log: &str, to: &Destination) -> bool {
        if self.exclusive {
            return false;
        }
        let context = async_nats::jetstream::new(self.server.client().await);
        let sent = context.publish(format!("{log}.{to}"), "what is no message".into()).await;
        sent.unwrap().await.unwrap();
        true
    }
}

broker_conformance!(nats, Nats::new());
broker_conformance!(nats_one_by_one, Nats::one_by_one());
broker_conformance!(nats_in_batches, Nats::in_batches());
broker_conformance!(nats_exclusive, Nats::exclusive());
broker_conformance!(nats_exclusive_in_batches, Nats::exclusive_in_batches());
