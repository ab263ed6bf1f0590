//! Messages, and what is done with them.

use std::time::Duration;

use freehold::{
    Broker, Deliveries, Delivery, Destination, Envelope, Message, MessageId, MessageType, Metadata,
    OrderingKey, Outbound, PublishError, Settle, Source, Stored,
};
use uuid::Uuid;

/// Far longer than anything here takes: who waits longer, waits in vain.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

pub(crate) fn destination(name: &str) -> Destination {
    Destination::new(name).unwrap()
}

/// The message that belongs to `n`, of a key.
pub(crate) fn message(n: u128, key: &str) -> Message {
    message_with(n, key, format!("{{\"n\":{n}}}"), Metadata::new())
}

pub(crate) fn message_with(
    n: u128,
    key: &str,
    data: impl Into<Vec<u8>>,
    metadata: Metadata,
) -> Message {
    let kind = MessageType::new("test.said.v1").unwrap();
    let id = MessageId::new(Uuid::from_u128(n));
    let envelope = Envelope::new(id, kind, OrderingKey::new(key).unwrap(), data.into());
    Message::new(envelope.with_metadata(metadata), Source::new("/test").unwrap(), None)
}

/// The message that belongs to `n`, for the destination `said`.
pub(crate) fn outbound(n: u128) -> Outbound {
    Outbound::new(message(n, &n.to_string()), destination("said"))
}

pub(crate) async fn publish(broker: &impl Broker, n: u128) -> Result<Stored, PublishError> {
    broker.publish(&[outbound(n)]).await.remove(0)
}

/// Publishes what must not be stored, and is not to blame.
pub(crate) async fn in_trouble(broker: &impl Broker, n: u128) -> PublishError {
    let error = publish(broker, n).await.expect_err("the broker is in trouble");
    let told = matches!(error, PublishError::Unavailable(_) | PublishError::Unknown(_));
    assert!(told, "trouble with the broker was answered {error:?}");
    error
}

/// Tries again and again until `work` gives something.
pub(crate) async fn until<T>(what: &str, mut work: impl AsyncFnMut() -> Option<T>) -> T {
    let trying = async {
        loop {
            if let Some(done) = work().await {
                return done;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, trying).await.unwrap_or_else(|_| panic!("{what}: not in time"))
}

/// What was received, by the numbers of [`message`], until `count` are there; each is settled as done.
pub(crate) async fn received(deliveries: &dyn Deliveries, count: usize) -> Vec<u128> {
    let mut all = Vec::new();
    while all.len() < count {
        let next = until("the next deliveries", async || deliveries.receive(100).await.ok()).await;
        for delivery in next {
            all.push(number(&delivery));
            let settle = async || deliveries.settle(delivery.tag, Settle::Done).await.ok();
            until("a delivery that is settled", settle).await;
        }
    }
    all
}

pub(crate) fn number(delivery: &Delivery) -> u128 {
    delivery.message.as_ref().unwrap().envelope.id().as_uuid().as_u128()
}

/// The next messages, each settled as done.
pub(crate) async fn received_messages(deliveries: &dyn Deliveries, count: usize) -> Vec<Message> {
    let mut all = Vec::new();
    while all.len() < count {
        for delivery in deliveries.receive(count).await.unwrap() {
            deliveries.settle(delivery.tag, Settle::Done).await.unwrap();
            all.push(delivery.message.unwrap());
        }
    }
    all
}
