//! Mutants of brokers and of deliveries.

use std::sync::Mutex;
use std::time::Duration;

use freehold::testkit::async_trait;
use freehold::{
    Broker, Delivery, Destination, Envelope, Extent, Message, MessageId, Metadata, Outbound,
    PublishError, Settle, Stored,
};
use tokio::task::yield_now;
use uuid::Uuid;

use super::broker_flaw::{Answer, BrokerFlaw, Delivered, Received, Whole};

/// The same message with another payload.
fn saying(outbound: &Outbound, data: impl Into<Vec<u8>>) -> Outbound {
    let old = &outbound.message.envelope;
    let envelope = Envelope::new(old.id(), old.kind().clone(), old.key().clone(), data.into());
    let message = Message::new(envelope, outbound.message.source.clone(), None);
    Outbound::new(message, outbound.destination.clone())
}

/// The same message under another id.
fn anew(outbound: &Outbound) -> Outbound {
    let old = &outbound.message.envelope;
    let id = MessageId::new(Uuid::now_v7());
    let envelope = Envelope::new(id, old.kind().clone(), old.key().clone(), old.data().clone());
    let message = Message::new(envelope, outbound.message.source.clone(), None);
    Outbound::new(message, outbound.destination.clone())
}

/// Nothing is wrong.
#[derive(Debug, Default)]
pub(super) struct Right;

impl BrokerFlaw for Right {}

/// B1: answers come in the order in which they are known.
#[derive(Debug, Default)]
pub(super) struct AnswersBackwards;

#[async_trait]
impl BrokerFlaw for AnswersBackwards {
    async fn publish(&self, broker: &Whole, messages: &[Outbound]) -> Vec<Answer> {
        let mut answers = broker.publish(messages).await;
        answers.reverse();
        answers
    }
}

/// B1: what is known already is not answered.
#[derive(Debug, Default)]
pub(super) struct LeavesOutTheKnown;

#[async_trait]
impl BrokerFlaw for LeavesOutTheKnown {
    async fn publish(&self, broker: &Whole, messages: &[Outbound]) -> Vec<Answer> {
        let mut answers = broker.publish(messages).await;
        answers.retain(|answer| !matches!(answer, Ok(stored) if stored.is_duplicate));
        answers
    }
}

/// B2: headers of the service's own do not travel.
#[derive(Debug, Default)]
pub(super) struct LosesHeaders;

#[async_trait]
impl BrokerFlaw for LosesHeaders {
    async fn receive(&self, deliveries: &Delivered, limit: usize) -> Received {
        let mut all = deliveries.receive(limit).await?;
        for message in all.iter_mut().filter_map(|delivery| delivery.message.as_mut().ok()) {
            let old = message.envelope.metadata();
            let mut metadata = Metadata::new();
            if let (Some(flow), Some(cause)) = (old.correlation(), old.causation()) {
                metadata = metadata.with_correlation(flow).with_causation(cause);
            }
            if let Some(name) = old.actor() {
                metadata = metadata.with_actor(name).unwrap();
            }
            if let Some(name) = old.tenant() {
                metadata = metadata.with_tenant(name).unwrap();
            }
            if let Some(trace) = old.trace() {
                metadata = metadata.with_trace(trace.clone());
            }
            message.envelope = message.envelope.clone().with_metadata(metadata);
        }
        Ok(all)
    }
}

/// B2: a payload is text.
#[derive(Debug, Default)]
pub(super) struct TakesPayloadsForText;

#[async_trait]
impl BrokerFlaw for TakesPayloadsForText {
    async fn receive(&self, deliveries: &Delivered, limit: usize) -> Received {
        let mut all = deliveries.receive(limit).await?;
        for message in all.iter_mut().filter_map(|delivery| delivery.message.as_mut().ok()) {
            let old = &message.envelope;
            let data = String::from_utf8_lossy(old.data()).into_owned();
            let mut new = Envelope::new(old.id(), old.kind().clone(), old.key().clone(), data)
                .with_content_type(old.content_type())
                .unwrap()
                .with_metadata(old.metadata().clone());
            if let (Some(subject), Some(schema)) = (old.subject(), old.schema()) {
                new = new.with_subject(subject).unwrap().with_schema(schema).unwrap();
            }
            if let (Some(time), Some(expiry)) = (old.time(), old.expires_at()) {
                new = new.with_time(time).with_expiry_at(expiry);
            }
            message.envelope = new;
        }
        Ok(all)
    }
}

/// B2: all consumers share what there is.
#[derive(Debug, Default)]
pub(super) struct TakesConsumersForOne;

impl BrokerFlaw for TakesConsumersForOne {
    fn name(&self, _: &str) -> String {
        "all".to_owned()
    }
}

/// B2: everybody receives everything.
#[derive(Debug, Default)]
pub(super) struct DeliversToAll;

impl BrokerFlaw for DeliversToAll {
    fn destinations(&self, _: &[Destination]) -> Vec<Destination> {
        Vec::new()
    }
}

/// B3: what is refused is stored all the same.
#[derive(Debug, Default)]
pub(super) struct StoresTheRefused;

#[async_trait]
impl BrokerFlaw for StoresTheRefused {
    async fn publish(&self, broker: &Whole, messages: &[Outbound]) -> Vec<Answer> {
        for message in messages.iter().filter(|message| Whole::is_too_long(message)) {
            let _ = broker.stored(message).await;
        }
        broker.publish(messages).await
    }
}

/// B3: a call with a message that is refused is refused.
#[derive(Debug, Default)]
pub(super) struct RefusesTheCall;

#[async_trait]
impl BrokerFlaw for RefusesTheCall {
    async fn publish(&self, broker: &Whole, messages: &[Outbound]) -> Vec<Answer> {
        if messages.iter().any(Whole::is_too_long) {
            return messages.iter().map(|_| Err(PublishError::refused("too long"))).collect();
        }
        broker.publish(messages).await
    }
}

/// B3: a message that is too long is taken for trouble with the broker.
#[derive(Debug, Default)]
pub(super) struct BlamesItself;

#[async_trait]
impl BrokerFlaw for BlamesItself {
    async fn publish(&self, broker: &Whole, messages: &[Outbound]) -> Vec<Answer> {
        let answers = broker.publish(messages).await.into_iter();
        answers.map(|answer| answer.map_err(|_| PublishError::unavailable("too long"))).collect()
    }
}

/// B3: what goes to nobody is taken as if it went to somebody.
#[derive(Debug, Default)]
pub(super) struct StoresForNobody;

impl BrokerFlaw for StoresForNobody {
    const ROUTES_ON_ARRIVAL: bool = true;
}

/// B4: every other message is stored with the next call.
#[derive(Debug, Default)]
pub(super) struct StoresLater(Mutex<Option<Outbound>>);

#[async_trait]
impl BrokerFlaw for StoresLater {
    async fn publish(&self, broker: &Whole, messages: &[Outbound]) -> Vec<Answer> {
        let mut answers = Vec::new();
        for message in messages {
            let held = self.0.lock().unwrap().take();
            if let Some(held) = held {
                answers.push(broker.stored(message).await);
                broker.stored(&held).await.unwrap();
            } else {
                *self.0.lock().unwrap() = Some(message.clone());
                answers.push(Ok(Stored::new(None, false)));
            }
        }
        answers
    }
}

/// B4: the messages of one call are stored backwards.
#[derive(Debug, Default)]
pub(super) struct StoresBackwards;

#[async_trait]
impl BrokerFlaw for StoresBackwards {
    async fn publish(&self, broker: &Whole, messages: &[Outbound]) -> Vec<Answer> {
        let backwards: Vec<_> = messages.iter().rev().cloned().collect();
        let mut answers = broker.publish(&backwards).await;
        answers.reverse();
        answers
    }
}

/// B4: each message of a call is stored for itself.
#[derive(Debug, Default)]
pub(super) struct GoesOnBehindTheRefused;

#[async_trait]
impl BrokerFlaw for GoesOnBehindTheRefused {
    async fn publish(&self, broker: &Whole, messages: &[Outbound]) -> Vec<Answer> {
        let mut answers = Vec::new();
        for message in messages {
            answers.extend(broker.publish(std::slice::from_ref(message)).await);
        }
        answers
    }
}

/// B5: no id is known again.
#[derive(Debug, Default)]
pub(super) struct KnowsNothing;

#[async_trait]
impl BrokerFlaw for KnowsNothing {
    async fn publish(&self, broker: &Whole, messages: &[Outbound]) -> Vec<Answer> {
        let messages: Vec<_> = messages.iter().map(anew).collect();
        broker.publish(&messages).await
    }
}

/// B5: a copy is known again, and nobody is told.
#[derive(Debug, Default)]
pub(super) struct KeepsCopiesToItself;

#[async_trait]
impl BrokerFlaw for KeepsCopiesToItself {
    async fn publish(&self, broker: &Whole, messages: &[Outbound]) -> Vec<Answer> {
        let answers = broker.publish(messages).await.into_iter();
        answers.map(|answer| answer.map(|stored| Stored::new(stored.position, false))).collect()
    }
}

/// B5: whether an id is known is looked at before the message is stored.
#[derive(Debug, Default)]
pub(super) struct LooksBeforeItStores;

#[async_trait]
impl BrokerFlaw for LooksBeforeItStores {
    async fn publish(&self, broker: &Whole, messages: &[Outbound]) -> Vec<Answer> {
        let mut answers = Vec::new();
        for message in messages {
            let is_known = broker.0.messages().contains(message);
            yield_now().await;
            let stored = broker.stored(message).await;
            answers.push(stored.map(|stored| Stored::new(stored.position, is_known)));
        }
        answers
    }
}

/// B5: an id is one wherever it comes from and goes to.
#[derive(Debug, Default)]
pub(super) struct TakesIdsForAll;

#[async_trait]
impl BrokerFlaw for TakesIdsForAll {
    async fn publish(&self, broker: &Whole, messages: &[Outbound]) -> Vec<Answer> {
        let id = |of: &Outbound| of.message.envelope.id();
        let mut answers = Vec::new();
        for message in messages {
            let is_known = broker.0.messages().iter().any(|known| id(known) == id(message));
            answers.push(if is_known {
                Ok(Stored::new(None, true))
            } else {
                broker.publish(std::slice::from_ref(message)).await.remove(0)
            });
        }
        answers
    }
}

/// B6: a message is stored in two pieces.
#[derive(Debug, Default)]
pub(super) struct StoresByHalves;

#[async_trait]
impl BrokerFlaw for StoresByHalves {
    async fn publish(&self, broker: &Whole, messages: &[Outbound]) -> Vec<Answer> {
        let mut answers = Vec::new();
        for message in messages {
            let half = saying(message, &message.message.envelope.data()[..2]);
            let first = broker.0.messages().len();
            let stored = broker.stored(&half).await;
            yield_now().await;
            if broker.0.messages().len() > first {
                broker.0.lose(1);
                answers.push(broker.stored(message).await);
            } else {
                answers.push(stored);
            }
        }
        answers
    }
}

/// B7: the extent is counted in tens.
#[derive(Debug, Default)]
pub(super) struct RoundsItsExtent;

#[async_trait]
impl BrokerFlaw for RoundsItsExtent {
    async fn extent(&self, broker: &Whole) -> Option<Extent> {
        let extent = broker.0.extent().await.unwrap()?;
        Some(Extent::new(extent.log, extent.last / 2 * 2))
    }
}

/// B7: each handle has a name of its own for the log.
#[derive(Debug)]
pub(super) struct NamesTheLogAnew(Uuid);

impl Default for NamesTheLogAnew {
    fn default() -> Self {
        Self(Uuid::now_v7())
    }
}

#[async_trait]
impl BrokerFlaw for NamesTheLogAnew {
    async fn extent(&self, broker: &Whole) -> Option<Extent> {
        let extent = broker.0.extent().await.unwrap()?;
        Some(Extent::new(self.0.to_string(), extent.last))
    }
}

/// D1: what is handed out is done.
#[derive(Debug, Default)]
pub(super) struct SettlesWhatItHandsOut;

#[async_trait]
impl BrokerFlaw for SettlesWhatItHandsOut {
    async fn receive(&self, deliveries: &Delivered, limit: usize) -> Received {
        let all = deliveries.receive(limit).await?;
        for delivery in &all {
            deliveries.settle(delivery.tag, Settle::Done).await?;
        }
        Ok(all)
    }
}

/// D1: what is dropped comes again.
#[derive(Debug, Default)]
pub(super) struct TakesDroppedForLater;

#[async_trait]
impl BrokerFlaw for TakesDroppedForLater {
    async fn settle(&self, from: &Delivered, tag: u64, how: Settle) -> Result<(), PublishError> {
        let again = how == Settle::Dropped;
        from.settle(tag, if again { Settle::Again(Duration::ZERO) } else { how }).await
    }
}

/// D1: what is to come again comes at once.
#[derive(Debug, Default)]
pub(super) struct ComesAgainAtOnce;

#[async_trait]
impl BrokerFlaw for ComesAgainAtOnce {
    async fn settle(&self, from: &Delivered, tag: u64, how: Settle) -> Result<(), PublishError> {
        let again = matches!(how, Settle::Again(_));
        from.settle(tag, if again { Settle::Again(Duration::ZERO) } else { how }).await
    }
}

/// D1: nobody is told how often a message came before.
#[derive(Debug, Default)]
pub(super) struct CountsNoDeliveries;

#[async_trait]
impl BrokerFlaw for CountsNoDeliveries {
    async fn receive(&self, deliveries: &Delivered, limit: usize) -> Received {
        let all = deliveries.receive(limit).await?.into_iter();
        Ok(all.map(|delivery| Delivery::new(delivery.message, 0, delivery.tag)).collect())
    }
}

/// D2: the newest come first.
#[derive(Debug, Default)]
pub(super) struct DeliversTheNewestFirst;

#[async_trait]
impl BrokerFlaw for DeliversTheNewestFirst {
    async fn receive(&self, deliveries: &Delivered, limit: usize) -> Received {
        let mut all = deliveries.receive(limit).await?;
        all.reverse();
        Ok(all)
    }
}

/// D2: a wait settles what comes before it looks whether anybody still waits.
#[derive(Debug, Default)]
pub(super) struct LosesWhatNobodyWaitsFor;

#[async_trait]
impl BrokerFlaw for LosesWhatNobodyWaitsFor {
    async fn receive(&self, deliveries: &Delivered, limit: usize) -> Received {
        let deliveries = deliveries.clone();
        let taking = tokio::spawn(async move {
            let received = deliveries.receive(limit).await?;
            for delivery in &received {
                deliveries.settle(delivery.tag, Settle::Done).await?;
            }
            Ok(received)
        });
        taking.await.unwrap()
    }
}

/// D3: what is no message is passed over.
#[derive(Debug, Default)]
pub(super) struct PassesOverGarbage;

#[async_trait]
impl BrokerFlaw for PassesOverGarbage {
    async fn receive(&self, deliveries: &Delivered, limit: usize) -> Received {
        loop {
            let mut all = deliveries.receive(limit).await?;
            all.retain(|delivery| delivery.message.is_ok());
            if !all.is_empty() {
                return Ok(all);
            }
        }
    }
}
