//! The queue of a consumer: what it is like, and what it is bound to.

use lapin::options::{
    BasicConsumeOptions, BasicQosOptions, ExchangeDeclareOptions, QueueBindOptions,
    QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{Channel, Consumer, ExchangeKind};

use super::error::LineError;
use super::options::ConsumerOptions;

/// What a quorum queue does with a message that was delivered more often than this is none of this crate's business: newer
/// servers drop it after 20 times if nobody says anything. And with a limit, one that comes again keeps its place.
const DELIVERIES_MAX: i32 = i32::MAX;
/// The key of a binding that matches every routing key.
const EVERY_KEY: &str = "#";

/// Declares the exchange. One that is there and of another kind is an error.
pub(super) async fn declare_exchange(
    channel: &Channel,
    exchange: &ShortString,
) -> Result<(), LineError> {
    let options = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
    let none = FieldTable::default();
    Ok(channel.exchange_declare(exchange.clone(), ExchangeKind::Topic, options, none).await?)
}

/// Sees that the exchange is there.
pub(super) async fn see_exchange(
    channel: &Channel,
    exchange: &ShortString,
) -> Result<(), LineError> {
    let options = ExchangeDeclareOptions { passive: true, ..ExchangeDeclareOptions::default() };
    let none = FieldTable::default();
    Ok(channel.exchange_declare(exchange.clone(), ExchangeKind::Topic, options, none).await?)
}

/// What is to be declared and consumed.
pub(super) struct Queue {
    pub(super) exchange: ShortString,
    pub(super) name: ShortString,
    /// The routing keys of its destinations, of none for all.
    pub(super) keys: Vec<ShortString>,
    pub(super) options: ConsumerOptions,
}

impl Queue {
    /// Declares the exchange and the queue, and binds it. One that is there and of another kind is an error.
    pub(super) async fn declare(&self, channel: &Channel) -> Result<(), LineError> {
        declare_exchange(channel, &self.exchange).await?;
        let durable = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
        channel.queue_declare(self.name.clone(), durable, self.arguments()).await?;
        let every = [ShortString::from(EVERY_KEY)];
        let keys = if self.keys.is_empty() { &every[..] } else { &self.keys };
        for key in keys {
            let (name, exchange) = (self.name.clone(), self.exchange.clone());
            let (options, none) = (QueueBindOptions::default(), FieldTable::default());
            channel.queue_bind(name, exchange, key.clone(), options, none).await?;
        }
        Ok(())
    }

    fn arguments(&self) -> FieldTable {
        let mut arguments = FieldTable::default();
        arguments.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
        arguments.insert("x-delivery-limit".into(), AMQPValue::LongInt(DELIVERIES_MAX));
        if self.options.is_single_active {
            arguments.insert("x-single-active-consumer".into(), AMQPValue::Boolean(true));
        }
        arguments
    }

    /// Has the queue feed this channel.
    pub(super) async fn consume(&self, channel: &Channel) -> Result<Consumer, LineError> {
        self.see(channel).await?;
        let (options, none) = (BasicConsumeOptions::default(), FieldTable::default());
        Ok(channel.basic_consume(self.name.clone(), "".into(), options, none).await?)
    }

    /// Asks something that changes nothing, and that the server answers when it has read all that was said before.
    pub(super) async fn see(&self, channel: &Channel) -> Result<(), LineError> {
        let unsettled = self.options.unsettled_messages_max.max(1);
        let unsettled = u16::try_from(unsettled).unwrap_or(u16::MAX);
        Ok(channel.basic_qos(unsettled, BasicQosOptions::default()).await?)
    }
}
