//! The broker: one stream.

use std::fmt;
use std::sync::Arc;

use async_nats::Client;
use async_nats::jetstream::{self, stream};
use async_trait::async_trait;

use super::deliveries::NatsDeliveries;
use super::error::OpenError;
use super::options::{ConsumerOptions, NatsOptions};
use super::shared::Shared;
use super::subject::{checked, covers, subject};
use crate::ports::{Broker, Capabilities, Extent, Outbound, PublishError, Stored};
use crate::types::Destination;

/// A stream of NATS JetStream, to which messages are published as CloudEvents in binary mode. Clones share it.
///
/// ```no_run
/// use freehold::backend::nats::{NatsBroker, NatsOptions, async_nats};
/// use freehold::{Broker, Deliveries, Destination, Outbound, Settle};
/// # use freehold::{Envelope, Message, MessageId, MessageType, OrderingKey, Source};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let kind = MessageType::new("shop.order.confirmed.v1")?;
/// # let envelope = Envelope::new(MessageId::new(uuid::Uuid::now_v7()), kind, OrderingKey::new("1")?, "{}");
/// # let message = Message::new(envelope, Source::new("/shop/orders")?, None);
///
/// let client = async_nats::connect("nats://localhost").await?;
/// let broker = NatsBroker::open(client, NatsOptions::new("shop")).await?;
///
/// // Its subject is `shop.orders`.
/// let orders = Destination::new("orders")?;
/// for answer in broker.publish(&[Outbound::new(message, orders.clone())]).await {
///     answer?;
/// }
///
/// let mails = broker.consumer("mails", [orders]).await?;
/// for delivery in mails.receive(10).await? {
///     mails.settle(delivery.tag, Settle::Done).await?;
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct NatsBroker(Arc<Shared>);

impl NatsBroker {
    /// Opens the stream, and makes it if it is not there.
    ///
    /// # Errors
    /// [`OpenError`] if the prefix is no subject, the stream is there and does not fit, or the server does not do it.
    ///
    /// # Cancel safety
    /// Dropping the future leaves open whether a stream was made. Opening again is safe.
    pub async fn open(client: Client, options: NatsOptions) -> Result<Self, OpenError> {
        checked(&options.prefix)?;
        let mut context = jetstream::new(client.clone());
        context.set_timeout(options.answer_timeout);
        let wanted = config(&client, &options);
        let opened = context.get_or_create_stream(wanted).await.map_err(OpenError::nats)?;
        let found = &opened.cached_info().config;
        fits(found, &options)?;
        let shared = Shared::new(client, context, options, found);
        Ok(Self(Arc::new(shared)))
    }

    /// What is delivered to the durable consumer called `name`: messages for these destinations, of none for all. A consumer begins
    /// at the first message that is still there, and another handle of the same name goes on where it was.
    ///
    /// # Errors
    /// [`OpenError`] if a destination is no subject, or the server does not do it.
    ///
    /// # Cancel safety
    /// Dropping the future leaves open whether a consumer was made. Opening again is safe.
    pub async fn consumer(
        &self,
        name: &str,
        destinations: impl IntoIterator<Item = Destination>,
    ) -> Result<NatsDeliveries, OpenError> {
        self.consumer_with(name, destinations, ConsumerOptions::default()).await
    }

    /// The same with options. A consumer that is there is given them.
    ///
    /// # Errors
    /// As [`NatsBroker::consumer`].
    ///
    /// # Cancel safety
    /// As [`NatsBroker::consumer`].
    pub async fn consumer_with(
        &self,
        name: &str,
        destinations: impl IntoIterator<Item = Destination>,
        options: ConsumerOptions,
    ) -> Result<NatsDeliveries, OpenError> {
        let prefix = &self.0.options.prefix;
        let mut subjects = Vec::new();
        for destination in destinations {
            subjects.push(subject(prefix, &destination)?);
        }
        subjects.sort();
        subjects.dedup();
        if subjects.is_empty() {
            subjects.push(format!("{prefix}.>"));
        }
        NatsDeliveries::open(self.clone(), name, subjects, &options).await
    }

    pub(super) fn shared(&self) -> &Shared {
        &self.0
    }
}

/// A stream as it is made.
fn config(client: &Client, options: &NatsOptions) -> stream::Config {
    stream::Config {
        name: options.stream.clone(),
        subjects: vec![format!("{}.>", options.prefix)],
        storage: stream::StorageType::File,
        num_replicas: options.replicas,
        duplicate_window: options.duplicate_window,
        allow_direct: true,
        allow_atomic_publish: client.is_server_compatible(2, 12, 0),
        ..stream::Config::default()
    }
}

/// Sees that a stream takes and keeps what is published, and says so.
fn fits(found: &stream::Config, options: &NatsOptions) -> Result<(), OpenError> {
    let wanted = format!("{}.>", options.prefix);
    let unfit = if !found.subjects.iter().any(|pattern| covers(pattern, &wanted)) {
        "it does not have all subjects below the prefix"
    } else if found.no_ack {
        "it acknowledges nothing"
    } else if found.sealed {
        "it is sealed"
    } else if found.mirror.is_some() {
        "it is the mirror of another"
    } else if found.subject_transform.is_some() {
        "it gives messages other subjects"
    } else {
        return Ok(());
    };
    Err(OpenError::Unfit(unfit))
}

#[async_trait]
impl Broker for NatsBroker {
    fn capabilities(&self) -> Capabilities {
        let of_server = self.0.client.max_payload();
        Capabilities {
            is_ordered: self.0.options.exclusive,
            dedupe_window: self.0.dedupe_window,
            // Headers count as well, so that what is a little shorter may be too long.
            bytes_max: Some(self.0.message_bytes_max.unwrap_or(of_server).min(of_server)),
            tells_extent: true,
            routes_on_arrival: false,
        }
    }

    async fn publish(&self, messages: &[Outbound]) -> Vec<Result<Stored, PublishError>> {
        self.0.publish(messages).await
    }

    async fn extent(&self) -> Result<Option<Extent>, PublishError> {
        self.0.extent().await.map(Some)
    }
}

impl fmt::Debug for NatsBroker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NatsBroker").field("stream", &self.0.options.stream).finish_non_exhaustive()
    }
}
