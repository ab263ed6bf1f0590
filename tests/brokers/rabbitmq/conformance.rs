//! Every clause of the contracts.

use std::sync::Arc;
use std::time::Duration;

use freehold::backend::rabbitmq::lapin::BasicProperties;
use freehold::backend::rabbitmq::lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use freehold::backend::rabbitmq::{ConsumerOptions, RabbitBroker, RabbitOptions};
use freehold::testkit::async_trait;
use freehold::testkit::conformance::BrokerHarness;
use freehold::{Broker, Deliveries, Destination, broker_conformance};

use crate::rabbitmq::fixture::{channel, unique};
use crate::rabbitmq::node::shared;

struct Rabbit {
    /// What stands before the names of its logs.
    prefix: String,
    consumers: ConsumerOptions,
}

impl Rabbit {
    fn new() -> Self {
        // A handle that the suite has left is then waited for, and not for many seconds.
        let idle_timeout = Duration::from_millis(200);
        let consumers = ConsumerOptions { idle_timeout, ..ConsumerOptions::default() };
        Self { prefix: unique("suite"), consumers }
    }

    /// Nothing is handed over ahead, and all handles of a name are fed.
    fn one_by_one() -> Self {
        let mut rabbit = Self::new();
        rabbit.consumers.unsettled_messages_max = 1;
        rabbit.consumers.is_single_active = false;
        rabbit
    }

    fn exchange(&self, log: &str) -> String {
        format!("{}.{log}", self.prefix)
    }

    async fn broker(&self, log: &str) -> RabbitBroker {
        // The server takes no more, and tells nobody.
        let options =
            RabbitOptions { payload_bytes_max: 150_000, ..RabbitOptions::new(&self.exchange(log)) };
        RabbitBroker::open(shared().await.settings(), options).await.unwrap()
    }
}

#[async_trait]
impl BrokerHarness for Rabbit {
    async fn open(&self, log: &str) -> Arc<dyn Broker> {
        Arc::new(self.broker(log).await)
    }

    async fn consumer(&self, log: &str, name: &str, to: &[Destination]) -> Arc<dyn Deliveries> {
        let (broker, options) = (self.broker(log).await, self.consumers.clone());
        Arc::new(broker.consumer_with(name, to.iter().cloned(), options).await.unwrap())
    }

    async fn inject_garbage(&self, log: &str, to: &Destination) -> bool {
        let (_connection, channel) = channel(shared().await.port()).await;
        let (exchange, key) = (self.exchange(log), to.as_str());
        let options = BasicPublishOptions::default();
        channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
        let data = b"what is no message";
        let sent = channel.basic_publish(
            exchange.into(),
            key.into(),
            options,
            data,
            BasicProperties::default(),
        );
        sent.await.unwrap().await.unwrap();
        true
    }
}

broker_conformance!(rabbitmq, Rabbit::new());
broker_conformance!(rabbitmq_one_by_one, Rabbit::one_by_one());
