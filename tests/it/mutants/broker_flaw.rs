//! A broker with a flaw, made as [`flaw`](super::flaw) makes a store of events.
//!
//! It wraps a broker in memory that also refuses what is too long, and can be given what is no message.

use std::fmt::Debug;
use std::marker::PhantomData;
use std::sync::Arc;

use freehold::backend::memory::MemoryBroker;
use freehold::testkit::async_trait;
use freehold::testkit::conformance::BrokerHarness;
use freehold::{
    Broker, Capabilities, Deliveries, Delivery, Destination, Envelope, Extent, InvalidMessage,
    Message, MessageId, MessageType, OrderingKey, Outbound, PublishError, Settle, Source, Stored,
};
use uuid::Uuid;

use crate::testkit::harness::BrokersInMemory;

/// The longest payload that the wrapped broker takes.
const BYTES_MAX: usize = 10_000;
/// The type of the messages that stand for what is no message.
const GARBAGE: &str = "garbage";

pub(super) type Answer = Result<Stored, PublishError>;
pub(super) type Delivered = Arc<dyn Deliveries>;
pub(super) type Received = Result<Vec<Delivery>, PublishError>;

/// What is wrong with a broker. What a flaw does not override is right.
#[async_trait]
pub(super) trait BrokerFlaw: Debug + Default + Send + Sync + 'static {
    /// Whether the broker says that it routes on arrival.
    const ROUTES_ON_ARRIVAL: bool = false;

    async fn publish(&self, broker: &Whole, messages: &[Outbound]) -> Vec<Answer> {
        broker.publish(messages).await
    }

    async fn extent(&self, broker: &Whole) -> Option<Extent> {
        broker.0.extent().await.unwrap()
    }

    /// What a consumer's name is taken for.
    fn name(&self, name: &str) -> String {
        name.to_owned()
    }

    /// What a consumer's destinations are taken for.
    fn destinations(&self, to: &[Destination]) -> Vec<Destination> {
        to.to_vec()
    }

    async fn receive(&self, deliveries: &Delivered, limit: usize) -> Received {
        deliveries.receive(limit).await
    }

    async fn settle(
        &self,
        deliveries: &Delivered,
        tag: u64,
        how: Settle,
    ) -> Result<(), PublishError> {
        deliveries.settle(tag, how).await
    }
}

/// The wrapped broker: a message that is too long is refused, and so is what comes behind it of its key in the same call.
#[derive(Clone, Debug)]
pub(super) struct Whole(pub(super) MemoryBroker);

impl Whole {
    pub(super) fn is_too_long(message: &Outbound) -> bool {
        message.message.envelope.data().len() > BYTES_MAX
    }

    pub(super) async fn publish(&self, messages: &[Outbound]) -> Vec<Answer> {
        let mut answers: Vec<Answer> = Vec::new();
        for (n, message) in messages.iter().enumerate() {
            let of_key =
                |other: &Outbound| other.message.envelope.key() == message.message.envelope.key();
            let is_behind =
                messages.iter().zip(&answers).take(n).any(|(m, a)| of_key(m) && a.is_err());
            answers.push(if Self::is_too_long(message) {
                Err(PublishError::refused("too long"))
            } else if is_behind {
                Err(PublishError::Behind)
            } else {
                self.stored(message).await
            });
        }
        answers
    }

    /// Stores one message.
    pub(super) async fn stored(&self, message: &Outbound) -> Answer {
        self.0.publish(std::slice::from_ref(message)).await.remove(0)
    }
}

#[derive(Debug)]
struct Mutant<F> {
    inner: Whole,
    flaw: F,
}

#[async_trait]
impl<F: BrokerFlaw> Broker for Mutant<F> {
    fn capabilities(&self) -> Capabilities {
        let routes_on_arrival = F::ROUTES_ON_ARRIVAL;
        let inner = self.inner.0.capabilities();
        Capabilities { bytes_max: Some(BYTES_MAX), routes_on_arrival, ..inner }
    }

    async fn publish(&self, messages: &[Outbound]) -> Vec<Answer> {
        self.flaw.publish(&self.inner, messages).await
    }

    async fn extent(&self) -> Result<Option<Extent>, PublishError> {
        Ok(self.flaw.extent(&self.inner).await)
    }
}

/// Deliveries of what stands for no message as such.
#[derive(Debug)]
struct Read(Delivered);

#[async_trait]
impl Deliveries for Read {
    async fn receive(&self, limit: usize) -> Received {
        let mut all = self.0.receive(limit).await?;
        for delivery in &mut all {
            let is_garbage = |it: &Message| it.envelope.kind().as_str() == GARBAGE;
            if delivery.message.as_ref().is_ok_and(is_garbage) {
                delivery.message = Err(InvalidMessage::Missing("id"));
            }
        }
        Ok(all)
    }

    async fn settle(&self, tag: u64, how: Settle) -> Result<(), PublishError> {
        self.0.settle(tag, how).await
    }
}

#[derive(Debug)]
struct MutantDeliveries<F> {
    inner: Delivered,
    flaw: F,
}

#[async_trait]
impl<F: BrokerFlaw> Deliveries for MutantDeliveries<F> {
    async fn receive(&self, limit: usize) -> Received {
        self.flaw.receive(&self.inner, limit).await
    }

    async fn settle(&self, tag: u64, how: Settle) -> Result<(), PublishError> {
        self.flaw.settle(&self.inner, tag, how).await
    }
}

/// Opens good brokers, each handle with a flaw of its own.
#[derive(Default)]
pub(super) struct FlawedBrokers<F> {
    logs: BrokersInMemory,
    flaw: PhantomData<fn() -> F>,
}

#[async_trait]
impl<F: BrokerFlaw> BrokerHarness for FlawedBrokers<F> {
    async fn open(&self, log: &str) -> Arc<dyn Broker> {
        Arc::new(Mutant { inner: Whole(self.logs.log(log)), flaw: F::default() })
    }

    async fn consumer(&self, log: &str, name: &str, to: &[Destination]) -> Delivered {
        let flaw = F::default();
        let (name, to) = (flaw.name(name), flaw.destinations(to));
        let inner = Arc::new(Read(Arc::new(self.logs.log(log).consumer(&name, to))));
        Arc::new(MutantDeliveries { inner, flaw })
    }

    async fn inject_garbage(&self, log: &str, to: &Destination) -> bool {
        let (kind, key) = (MessageType::new(GARBAGE).unwrap(), OrderingKey::new("key").unwrap());
        let envelope = Envelope::new(MessageId::new(Uuid::now_v7()), kind, key, "");
        let message = Message::new(envelope, Source::new("/garbage").unwrap(), None);
        self.logs.log(log).publish(&[Outbound::new(message, to.clone())]).await.remove(0).unwrap();
        true
    }
}
