//! The broker between the services, chosen once.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

#[cfg(feature = "rabbitmq")]
use freehold::Envelope;
use freehold::backend::memory::MemoryBroker;
#[cfg(feature = "nats")]
use freehold::backend::nats::{self, NatsBroker, NatsOptions, async_nats};
#[cfg(feature = "rabbitmq")]
use freehold::backend::rabbitmq::{RabbitBroker, RabbitOptions, lapin::uri::AMQPUri};
use freehold::inbox::Consumer;
use freehold::outbox::{ReadyRelay, Relay, RelayOptions};
use freehold::{Destination, LeaseName};

use super::database::ServiceStore;
use super::failure::Cause;

/// For how long a broker leaves what it has delivered to a process that was killed.
#[cfg(feature = "nats")]
const ACK_WAIT: std::time::Duration = std::time::Duration::from_secs(5);
/// How many messages are fetched ahead: all of them must be handled in that time.
#[cfg(feature = "nats")]
const PREFETCH_MESSAGES_MAX: usize = 16;

/// Where the broker is, as the command line says.
#[derive(Clone, PartialEq, Eq, Default)]
pub enum BrokerAddress {
    /// In this process. It goes with it; what it had, the relays publish again.
    #[default]
    Memory,
    /// A server of NATS with JetStream.
    #[cfg(feature = "nats")]
    Nats(String),
    /// A server of RabbitMQ.
    #[cfg(feature = "rabbitmq")]
    Rabbit(Box<AMQPUri>),
}

/// The broker between the services.
#[derive(Clone, Debug)]
pub enum Broker {
    /// In this process.
    Memory(MemoryBroker),
    /// A stream of NATS.
    #[cfg(feature = "nats")]
    Nats(NatsBroker),
    /// An exchange of RabbitMQ.
    #[cfg(feature = "rabbitmq")]
    Rabbit(RabbitBroker),
}

impl BrokerAddress {
    /// Whether other processes reach it, too.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        *self != Self::Memory
    }

    /// Connects. All messages of one shop go through what is called `shop` there.
    ///
    /// # Errors
    /// Why it cannot be reached.
    ///
    /// # Cancel safety
    /// Dropping the future may leave what is called so, without messages.
    #[cfg_attr(
        not(any(feature = "nats", feature = "rabbitmq")),
        allow(clippy::unused_async, unused_variables, reason = "memory is there at once")
    )]
    pub async fn open(&self, shop: &str) -> Result<Broker, Cause> {
        match self {
            Self::Memory => Ok(Broker::Memory(MemoryBroker::new())),
            #[cfg(feature = "nats")]
            Self::Nats(url) => {
                let client = async_nats::connect(url).await?;
                Ok(Broker::Nats(NatsBroker::open(client, NatsOptions::new(shop)).await?))
            }
            #[cfg(feature = "rabbitmq")]
            Self::Rabbit(address) => {
                let broker = RabbitBroker::open((**address).clone(), RabbitOptions::new(shop));
                Ok(Broker::Rabbit(broker.await?))
            }
        }
    }
}

impl Broker {
    /// What is said for whoever wants to hear it some day. RabbitMQ keeps nothing for those who come later, and would refuse it.
    #[cfg(feature = "rabbitmq")]
    pub const UNHEARD: [&str; 2] = ["shop.order.cancelled.v1", "shop.return.completed.v1"];

    /// Publishes what a service says.
    pub(super) fn publish(
        &self,
        relay: Relay<Arc<dyn ServiceStore>>,
        options: RelayOptions,
    ) -> ReadyRelay<Arc<dyn ServiceStore>> {
        match self {
            Self::Memory(broker) => relay.publish_to(broker.clone()).options(options),
            #[cfg(feature = "nats")]
            Self::Nats(broker) => relay.publish_to(broker.clone()).options(options),
            #[cfg(feature = "rabbitmq")]
            Self::Rabbit(broker) => relay.publish_to(broker.clone()).route(heard).options(options),
        }
    }

    /// A consumer of these messages, for the service called so.
    pub(super) async fn consumer(
        &self,
        name: LeaseName,
        kinds: Vec<Destination>,
        store: Arc<dyn ServiceStore>,
    ) -> Result<Consumer<Arc<dyn ServiceStore>>, Cause> {
        match self {
            Self::Memory(broker) => {
                let deliveries = broker.consumer(name.as_str(), kinds);
                Ok(Consumer::new(name, deliveries, store))
            }
            #[cfg(feature = "nats")]
            Self::Nats(broker) => {
                let options = nats::ConsumerOptions {
                    ack_wait: ACK_WAIT,
                    prefetch_messages_max: PREFETCH_MESSAGES_MAX,
                    ..nats::ConsumerOptions::default()
                };
                let deliveries = broker.consumer_with(name.as_str(), kinds, options).await?;
                Ok(Consumer::new(name, deliveries, store))
            }
            #[cfg(feature = "rabbitmq")]
            Self::Rabbit(broker) => {
                let deliveries = broker.consumer(name.as_str(), kinds).await?;
                Ok(Consumer::new(name, deliveries, store))
            }
        }
    }
}

/// Where a message goes, if somebody listens.
#[cfg(feature = "rabbitmq")]
fn heard(message: &Envelope) -> Vec<Destination> {
    let kind = Some(message.kind().as_str()).filter(|kind| !Broker::UNHEARD.contains(kind));
    kind.and_then(|kind| Destination::new(kind).ok()).into_iter().collect()
}

impl FromStr for BrokerAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once("://").map_or(text, |(scheme, _)| scheme) {
            "memory" => Ok(Self::Memory),
            #[cfg(feature = "nats")]
            "nats" => Ok(Self::Nats(text.to_owned())),
            #[cfg(not(feature = "nats"))]
            "nats" => {
                Err("nats:// is not in this build: build it with `--features nats`".to_owned())
            }
            #[cfg(feature = "rabbitmq")]
            "amqp" => {
                let address =
                    text.parse().map_err(|why| format!("no address of RabbitMQ: {why}"))?;
                Ok(Self::Rabbit(Box::new(address)))
            }
            #[cfg(not(feature = "rabbitmq"))]
            "amqp" => {
                Err("amqp:// is not in this build: build it with `--features rabbitmq`".to_owned())
            }
            _ => Err("expected memory, nats://HOST:PORT, or amqp://HOST:PORT".to_owned()),
        }
    }
}

/// Without where it is: there may be a password in it.
impl fmt::Debug for BrokerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BrokerAddress")
    }
}
