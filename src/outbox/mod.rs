//! Publishing what was committed: an outbox, and the relay that empties it into a broker.
//!
//! A service that commits and then publishes loses a message if it dies in between; one that publishes first tells of what
//! never happened. Here a message is a part of the commit ([`Commit::send`](crate::Commit::send)), and a [`Relay`] publishes
//! it afterwards: **if and only if the commit happened, at least once, and for each ordering key in the order of the
//! commits**, also over retries, parked messages, and relays that take over from each other. A repeated message has the
//! same id and the same place in its key, by which an [inbox](crate::inbox) knows it again.
//!
//! The relay is a [subscription](crate::subscription) to the outbox, or to the events themselves where a pure function makes
//! messages of them. It is trusted with two kinds of trouble, and tells them apart:
//!
//! - *The broker is in trouble*: it cannot be reached, or does not answer. The relay waits, however long it takes. No message
//!   is counted out or set aside for that.
//! - *A message is in trouble*: it is too long, or the broker has nowhere to put it. After some tries its **key** is parked:
//!   the message and those behind it wait for an operator, in order, while all other keys go on.
//!
//! ```
//! use freehold::backend::memory::{MemoryBroker, MemoryStore};
//! use freehold::outbox::Relay;
//! use freehold::{Commit, Envelope, MessageId, MessageType, OrderingKey, Source, Store};
//! # use freehold::LeaseName;
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!
//! let (store, broker) = (MemoryStore::new(), MemoryBroker::new());
//! let relay = Relay::new(LeaseName::new("orders")?, Source::new("/shop/orders")?, store.clone())
//!     .publish_to(broker.clone())
//!     .start();
//!
//! let confirmed = Envelope::json(
//!     MessageId::new(uuid::Uuid::now_v7()),
//!     MessageType::new("shop.order.confirmed.v1")?,
//!     OrderingKey::new("1234")?,
//!     &serde_json::json!({ "order": "1234" }),
//! )?;
//! store.commit(Commit::new().send(&confirmed)).await?;
//!
//! relay.drained().await?;
//! assert_eq!(broker.messages()[0].message.envelope.id(), confirmed.id());
//! relay.stop().await;
//! # Ok(())
//! # }
//! ```

mod chain;
mod heal;
mod keeper;
mod load;
mod marks;
mod options;
mod origin;
mod publisher;
mod relay;
mod running;
mod send;
mod trim;

pub use options::RelayOptions;
pub use relay::{ReadyRelay, Relay};
pub use running::RunningRelay;
