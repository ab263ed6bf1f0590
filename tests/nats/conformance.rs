//! Every clause of the contracts.

use std::sync::Arc;
use std::time::Duration;

use freehold::backend::nats::NatsBroker;
use freehold::backend::nats::{ConsumerOptions, NatsOptions, async_nats};
use freehold::testkit::async_trait;
use freehold::testkit::conformance::BrokerHarness;
use freehold::{Broker, Deliveries, Destination, broker_conformance};

use crate::server::Server;

struct Nats {
    server: Server,
    consumers: ConsumerOptions,
}

impl Nats {
    fn new() -> Self {
        // What a handle leaves unsettled is then waited for by the suite, and not for half a minute.
        let ack_wait = Duration::from_secs(2);
        let consumers = ConsumerOptions { ack_wait, ..ConsumerOptions::default() };
        Self { server: Server::start(), consumers }
    }

    /// Nothing is fetched ahead, and one message is on its way at a time.
    fn one_by_one() -> Self {
        let mut nats = Self::new();
        nats.consumers.prefetch_messages_max = 1;
        nats
    }

    async fn broker(&self, log: &str) -> NatsBroker {
        NatsBroker::open(self.server.client().await, NatsOptions::new(log)).await.unwrap()
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
        let context = async_nats::jetstream::new(self.server.client().await);
        let sent = context.publish(format!("{log}.{to}"), "what is no message".into()).await;
        sent.unwrap().await.unwrap();
        true
    }
}

broker_conformance!(nats, Nats::new());
broker_conformance!(nats_one_by_one, Nats::one_by_one());
