//! Handling what others publish, each message once.
//!
//! A broker delivers at least once: after a crash, a lost answer or a relay that takes over, a message comes again. A
//! [`Consumer`] receives, asks a [`Handler`] what the message leads to, and commits that **together with the mark that the
//! message was handled**; only then it settles the delivery. A message that comes again finds its mark, and changes nothing:
//! the effect happens **exactly once**, for as long as the mark is kept.
//!
//! There are two kinds of marks ([`Marks`]):
//!
//! - *By id*: the id of each message, for messages from anywhere, in any order.
//! - *By sequence*: for each ordering key the place of the newest message that was handled. It takes one row a key, is kept
//!   for ever, and sees when a message is missing: our relays tell with each message which one was before it.
//!
//! A message that cannot be handled parks its key: it and those behind it are written down and wait for an operator, while
//! other keys go on.
//!
//! ```
//! use freehold::backend::memory::{MemoryBroker, MemoryStore};
//! use freehold::inbox::Consumer;
//! use freehold::{Commit, ExpectedVersion, LeaseName, Message, StreamId};
//! # use freehold::{Broker, Destination, Envelope, EventId, EventName, EventStore, MessageId, MessageType, NewEvent};
//! # use freehold::{OrderingKey, Outbound, Source};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!
//! let (store, broker) = (MemoryStore::new(), MemoryBroker::new());
//! let confirmations = broker.consumer("mails", [Destination::new("shop.order.confirmed.v1")?]);
//!
//! let mails = Consumer::new(LeaseName::new("mails")?, confirmations, store.clone())
//!     .start(|message: &Message| {
//!         let mail = StreamId::new("mail", message.envelope.key().as_str())?;
//!         # let wanted = NewEvent::new(EventId::of_command(message.envelope.id().as_uuid(), 0), EventName::new("Wanted")?, "{}");
//!         Ok(Commit::new().append(&mail, ExpectedVersion::Any, [wanted]))
//!     });
//! # let kind = MessageType::new("shop.order.confirmed.v1")?;
//! # let envelope = Envelope::new(MessageId::new(uuid::Uuid::now_v7()), kind.clone(), OrderingKey::new("1")?, "{}");
//! # let message = Message::new(envelope, Source::new("/shop/orders")?, None);
//! # let outbound = Outbound::new(message, Destination::from(&kind));
//! # for answer in broker.publish(&[outbound.clone(), outbound]).await { answer?; }
//! # store.changed(freehold::Position::START).await?;
//! mails.stop().await;
//! # assert_eq!(store.head().await?.get(), 1);
//! # Ok(())
//! # }
//! ```

mod consumer;
mod held;
mod mark;
mod options;
mod parked;
mod running;
mod tenure;
mod work;

pub use crate::message::handler::{HandleError, Handler};
pub use consumer::Consumer;
pub use options::{ConsumerOptions, Marks, OnGap};
pub use parked::ParkedMessage;
pub use running::{RetryError, RunningConsumer};
