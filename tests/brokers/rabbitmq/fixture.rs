//! Exchanges with names of their own.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use freehold::backend::rabbitmq::lapin::{Channel, Connection, ConnectionProperties};
use freehold::backend::rabbitmq::{RabbitBroker, RabbitOptions};

use crate::rabbitmq::node::Node;

/// A name that nobody else has.
pub(crate) fn unique(name: &str) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!("{name}-{}", NEXT.fetch_add(1, Relaxed))
}

/// The exchange called `name`, with answers that are waited for this long.
pub(crate) async fn broker(node: &Node, name: &str, answer_timeout: Duration) -> RabbitBroker {
    let options = RabbitOptions { answer_timeout, ..RabbitOptions::new(name) };
    RabbitBroker::open(node.settings(), options).await.unwrap()
}

/// A channel past the broker's handle.
pub(crate) async fn channel(port: u16) -> (Connection, Channel) {
    let address = format!("amqp://guest:guest@127.0.0.1:{port}/%2f");
    let connection = Connection::connect(&address, ConnectionProperties::default()).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    (connection, channel)
}
