//! The broker: one exchange.

use std::fmt;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use futures::{StreamExt, stream as streams};
use lapin::types::ShortString;
use tokio::sync::Semaphore;

use super::deliveries::RabbitDeliveries;
use super::error::{Blocked, LineError, OpenError};
use super::key::{routing_key, short};
use super::line::{Line, in_time, locked};
use super::options::{ConsumerOptions, RabbitOptions};
use super::publish::{Ready, Unsent, confirm, send, send_alone};
use super::queue::{Queue, declare_exchange, see_exchange};
use super::settings::RabbitSettings;
use crate::ports::{Broker, Capabilities, Outbound, PublishError, Stored};
use crate::types::Destination;

/// An exchange of RabbitMQ, to which messages are published as CloudEvents in binary mode. Clones share it, and its connection.
///
/// Consumers are opened before anything is published: a message for which there is no queue yet is refused.
///
/// ```no_run
/// use freehold::backend::rabbitmq::{RabbitBroker, RabbitOptions, lapin::uri::AMQPUri};
/// use freehold::{Broker, Deliveries, Destination, Outbound, Settle};
/// # use freehold::{Envelope, Message, MessageId, MessageType, OrderingKey, Source};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let kind = MessageType::new("shop.order.confirmed.v1")?;
/// # let envelope = Envelope::new(MessageId::new(uuid::Uuid::now_v7()), kind, OrderingKey::new("1")?, "{}");
/// # let message = Message::new(envelope, Source::new("/shop/orders")?, None);
///
/// let address: AMQPUri = "amqp://shop:secret@localhost/%2f".parse()?;
/// let broker = RabbitBroker::open(address, RabbitOptions::new("shop")).await?;
///
/// // Its queue is `shop.mails`, and the routing key is `orders`.
/// let orders = Destination::new("orders")?;
/// let mails = broker.consumer("mails", [orders.clone()]).await?;
///
/// for answer in broker.publish(&[Outbound::new(message, orders)]).await {
///     answer?;
/// }
/// for delivery in mails.receive(10).await? {
///     mails.settle(delivery.tag, Settle::Done).await?;
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct RabbitBroker(Arc<Shared>);

struct Shared {
    settings: RabbitSettings,
    options: RabbitOptions,
    exchange: ShortString,
    /// The connection over which messages are published, once one was wanted.
    line: Mutex<Option<Arc<Line>>>,
    /// Who connects.
    turn: Semaphore,
}

impl RabbitBroker {
    /// Connects, and declares the exchange.
    ///
    /// # Errors
    /// [`OpenError`] if the exchange is there and is of another kind, or the server cannot be reached or does not do it.
    ///
    /// # Cancel safety
    /// Dropping the future leaves open whether an exchange was made. Opening again is safe.
    pub async fn open(
        settings: impl Into<RabbitSettings>,
        options: RabbitOptions,
    ) -> Result<Self, OpenError> {
        let (settings, exchange) =
            (settings.into(), short(&options.exchange).ok_or(OpenError::Name)?);
        let (line, turn) = (Mutex::default(), Semaphore::new(1));
        let broker = Self(Arc::new(Shared { settings, options, exchange, line, turn }));
        broker.declare(None).await.map_err(OpenError::rabbit)?;
        Ok(broker)
    }

    /// What is delivered to the consumer called `name`: messages for these destinations, of none for all, that are published
    /// from now on. Its queue is declared and bound, and stays; another handle of the same name goes on where it was.
    ///
    /// # Errors
    /// [`OpenError`] if a destination is no routing key, the queue is there and is of another kind, or the server cannot be
    /// reached or does not do it.
    ///
    /// # Cancel safety
    /// Dropping the future leaves open whether a queue was made. Opening again is safe.
    pub async fn consumer(
        &self,
        name: &str,
        destinations: impl IntoIterator<Item = Destination>,
    ) -> Result<RabbitDeliveries, OpenError> {
        self.consumer_with(name, destinations, ConsumerOptions::default()).await
    }

    /// The same with options.
    ///
    /// # Errors
    /// As [`RabbitBroker::consumer`].
    ///
    /// # Cancel safety
    /// As [`RabbitBroker::consumer`].
    pub async fn consumer_with(
        &self,
        name: &str,
        destinations: impl IntoIterator<Item = Destination>,
        options: ConsumerOptions,
    ) -> Result<RabbitDeliveries, OpenError> {
        let keys = destinations.into_iter().map(|to| routing_key(&to));
        let keys = keys.collect::<Result<_, _>>()?;
        let exchange = self.0.exchange.clone();
        let name = short(&format!("{exchange}.{name}")).ok_or(OpenError::Name)?;
        let queue = Queue { exchange, name, keys, options };
        self.declare(Some(&queue)).await.map_err(OpenError::rabbit)?;
        let (settings, patience) = (self.0.settings.clone(), self.0.options.answer_timeout);
        Ok(RabbitDeliveries::new(settings, patience, queue))
    }

    /// Declares the exchange, and a queue, over a connection of its own: one that does not fit ends the channel.
    async fn declare(&self, queue: Option<&Queue>) -> Result<(), LineError> {
        let Shared { settings, options, exchange, .. } = &*self.0;
        let line = Line::open(settings, options.answer_timeout).await?;
        in_time(options.answer_timeout, async {
            match queue {
                Some(queue) => queue.declare(line.channel()).await,
                None => declare_exchange(line.channel(), exchange).await,
            }
        })
        .await
    }
}

impl Shared {
    fn line_up(&self) -> Option<Arc<Line>> {
        locked(&self.line).as_ref().filter(|line| line.is_up()).cloned()
    }

    /// The connection, which is made if there is none.
    async fn line(&self) -> Result<Arc<Line>, LineError> {
        match self.line_up() {
            Some(line) => Ok(line),
            None => in_time(self.options.answer_timeout, self.connected()).await,
        }
    }

    async fn connected(&self) -> Result<Arc<Line>, LineError> {
        let _turn = self.turn.acquire().await.map_err(|_| LineError::Ended)?;
        if let Some(line) = self.line_up() {
            return Ok(line);
        }
        let line = Line::open(&self.settings, self.options.answer_timeout).await?;
        // Made anew, it would be bound to nothing, and each message would be refused.
        see_exchange(line.channel(), &self.exchange).await?;
        confirm(line.channel()).await?;
        let line = Arc::new(line);
        *locked(&self.line) = Some(Arc::clone(&line));
        Ok(line)
    }

    /// Nothing more goes over this connection.
    fn retire(&self, line: &Arc<Line>) {
        let mut current = locked(&self.line);
        if current.as_ref().is_some_and(|current| Arc::ptr_eq(current, line)) {
            *current = None;
        }
    }

    async fn send_all(
        &self,
        line: &Arc<Line>,
        all: Vec<Result<Ready, PublishError>>,
    ) -> Vec<Result<Stored, PublishError>> {
        let (options, exchange) = (&self.options, &self.exchange);
        let sending = all.into_iter().map(async |ready| match ready {
            Ok(ready) => match send(line, line.channel(), options, exchange, &ready).await {
                Ok(stored) => Ok(stored),
                Err(Unsent::Answered(answer)) => Err((answer, None)),
                Err(Unsent::Closed(why)) => Err((PublishError::unknown(why), Some(ready))),
            },
            Err(refused) => Err((refused, None)),
        });
        let at_a_time = options.in_flight_messages_max.max(1);
        let sent: Vec<_> = streams::iter(sending).buffered(at_a_time).collect().await;
        let (mut answers, mut is_answering) = (Vec::with_capacity(sent.len()), true);
        for sent in sent {
            let answer = match sent {
                // One of several is to blame, and only one: each is sent again by itself.
                Err((_, Some(ready))) if is_answering => {
                    send_alone(line, options, exchange, &ready).await
                }
                other => other.map_err(|(answer, _)| answer),
            };
            is_answering &= !matches!(answer, Err(PublishError::Unknown(_)));
            answers.push(answer);
        }
        answers
    }
}

/// A call that uses a connection. If it is dropped, the client goes on keeping what the server will say to it: so that this does
/// not add up, the connection goes as well.
struct Call<'s> {
    shared: &'s Shared,
    line: Arc<Line>,
    is_over: bool,
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            self.shared.retire(&self.line);
        }
    }
}

#[async_trait]
impl Broker for RabbitBroker {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            is_ordered: false,
            dedupe_window: None,
            bytes_max: Some(self.0.options.payload_bytes_max),
            tells_extent: false,
            routes_on_arrival: true,
        }
    }

    async fn publish(&self, messages: &[Outbound]) -> Vec<Result<Stored, PublishError>> {
        let shared = &*self.0;
        let ready: Vec<_> = messages.iter().map(|it| Ready::new(it, &shared.options)).collect();
        if ready.iter().all(Result::is_err) {
            return ready
                .into_iter()
                .map(|ready| ready.map(|_| Stored::new(None, false)))
                .collect();
        }
        let line = match shared.line().await {
            Ok(line) if line.is_blocked() => Err(PublishError::unavailable(Blocked)),
            other => other.map_err(PublishError::from),
        };
        let line = match line {
            Ok(line) => line,
            Err(trouble) => {
                let answers =
                    ready.into_iter().map(|ready| Err(ready.err().unwrap_or(trouble.clone())));
                return answers.collect();
            }
        };
        let mut call = Call { shared, line, is_over: false };
        let answers = shared.send_all(&call.line, ready).await;
        let is_heard =
            !answers.iter().any(|answer| matches!(answer, Err(PublishError::Unknown(_))));
        // A server that is short of something has what it has not read yet, and reads it later.
        call.is_over = is_heard || call.line.is_blocked();
        answers
    }
}

impl fmt::Debug for RabbitBroker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RabbitBroker")
            .field("exchange", &self.0.exchange.as_str())
            .finish_non_exhaustive()
    }
}
