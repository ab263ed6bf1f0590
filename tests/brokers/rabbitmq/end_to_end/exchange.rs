//! An exchange and its queues as what lies between two services.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::time::Duration;

use freehold::backend::rabbitmq::lapin::options::QueueDeclareOptions;
use freehold::backend::rabbitmq::lapin::types::FieldTable;
use freehold::backend::rabbitmq::lapin::{Channel, Connection};
use freehold::backend::rabbitmq::{ConsumerOptions, RabbitBroker, RabbitDeliveries, RabbitOptions};
use freehold::outbox::RunningRelay;
use freehold::{Deliveries, Settle};

use crate::end_to_end::load::{send, text};
use crate::end_to_end::{CONSUMERS, Medium, World, effects};
use crate::messages::{destination, until};
use crate::rabbitmq::fixture::{channel, unique};
use crate::rabbitmq::node::{Node, settings};

/// How long a relay waits for an answer of the server: a fault must last longer to be felt.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(1);
/// A consumer that asks for nothing for so long lets another have the queue.
const IDLE_TIMEOUT: Duration = Duration::from_secs(1);
/// Who receives everything, so that at the end all can be counted that was published.
const JUDGE: &str = "judge";
/// How many messages are sent to see that those before them are settled.
const ENDS: u32 = 2;

/// The exchange, and where its server is.
#[derive(Clone, Debug)]
pub(super) struct Exchange {
    name: String,
    port: u16,
    /// How many messages were sent to see that those before them are settled.
    ends: Arc<AtomicU32>,
}

impl Exchange {
    /// An exchange with a queue in which everything is kept until it is counted.
    pub(super) async fn at(node: &Node) -> Self {
        let exchange = Self { name: unique("shop"), port: node.port(), ends: Arc::default() };
        exchange.broker(exchange.port).await.consumer(JUDGE, [destination("said")]).await.unwrap();
        exchange
    }

    /// By way of this port.
    async fn broker(&self, port: u16) -> RabbitBroker {
        let named = RabbitOptions::new(&self.name);
        let options = RabbitOptions { answer_timeout: ANSWER_TIMEOUT, ..named };
        RabbitBroker::open(settings(port), options).await.unwrap()
    }

    /// The queue in which everything is kept.
    pub(super) fn kept_in(&self) -> String {
        format!("{}.{JUDGE}", self.name)
    }

    /// Waits until the server would find all queues again.
    pub(super) async fn is_kept_by(&self, node: &Node) {
        for name in [JUDGE, CONSUMERS[0].0, CONSUMERS[1].0] {
            node.keeps(&format!("{}.{name}", self.name)).await;
        }
    }
}

/// Looks at the server past everything else.
pub(super) struct Beside {
    _connection: Connection,
    channel: Channel,
    queue: String,
}

impl Beside {
    pub(super) async fn of(exchange: &Exchange) -> Self {
        let (connection, channel) = channel(exchange.port).await;
        Self { _connection: connection, channel, queue: exchange.kept_in() }
    }

    /// How many messages the server has stored.
    pub(super) async fn stored(&self) -> u64 {
        let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        let name = self.queue.as_str().into();
        let queue = self.channel.queue_declare(name, passive, FieldTable::default()).await.unwrap();
        queue.message_count().into()
    }
}

impl Medium for Exchange {
    type Broker = RabbitBroker;
    type Deliveries = RabbitDeliveries;

    fn port(&self) -> u16 {
        self.port
    }

    async fn publisher(&self, port: u16) -> RabbitBroker {
        self.broker(port).await
    }

    async fn deliveries(&self, port: u16, name: &str) -> RabbitDeliveries {
        let options = ConsumerOptions { idle_timeout: IDLE_TIMEOUT, ..ConsumerOptions::default() };
        let broker = self.broker(port).await;
        broker.consumer_with(name, [destination("said")], options).await.unwrap()
    }

    async fn published(&self) -> Vec<String> {
        let upto = Beside::of(self).await.stored().await;
        let broker = self.broker(self.port).await;
        let judge = broker.consumer(JUDGE, [destination("said")]).await.unwrap();
        let mut all = Vec::new();
        while (all.len() as u64) < upto {
            for delivery in judge.receive(100).await.unwrap() {
                all.push(text(&delivery.message.unwrap().envelope));
                judge.settle(delivery.tag, Settle::Done).await.unwrap();
            }
        }
        all
    }

    /// A consumer is done with what it was given before it asks for more: a message that is sent when one behind all others has had
    /// its effect comes after them.
    async fn settled(world: &World<Self>, sent: &mut Vec<String>, relay: &RunningRelay) {
        for _ in 0..ENDS {
            let end = format!("z-{:04}", world.medium.ends.fetch_add(1, SeqCst) + 1);
            send(&world.sender().await, std::slice::from_ref(&end)).await;
            relay.drained().await.unwrap();
            for (name, _) in CONSUMERS {
                let store = world.receiver(name).await;
                let is_there = async || effects(&store, "z").await.contains(&end).then_some(());
                until("an effect of the last message", is_there).await;
            }
            sent.push(end);
        }
    }
}
