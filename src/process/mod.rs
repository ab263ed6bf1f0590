//! Processes over several services that nobody directs: choreography, with somebody who keeps the thread.
//!
//! Services publish what they have done, and react to what others publish. Where the next thing to do depends on more than one
//! message, a [`ProcessManager`] remembers: it [correlates](ProcessManager::correlate) each message with an instance,
//! [reacts](ProcessManager::react) with messages and timers, and [evolves](ProcessManager::evolve) what it knows. All three are
//! pure. [`Processes`] is the handler of a [consumer](crate::inbox): **what was heard, what is sent, the timers and the mark of the
//! message are one commit**, so each message has its answer exactly once, whatever is repeated, and however the process dies.
//!
//! - A message that comes before its instance has begun [waits](Route::ContinueOrWait); one that comes after its end is ignored.
//! - What cannot be heard parks **its instance**, never the stream: what comes for it waits behind, everything else goes on.
//! - A timer is a message to oneself, delivered by the outbox and the broker when it is due.
//!
//! ```
//! use std::time::Duration;
//!
//! use freehold::process::{ProcessManager, Reaction, Route};
//! use serde::{Deserialize, Serialize};
//!
//! /// Pays for an order when its goods are reserved, and gives up if nobody has paid in time.
//! struct Checkout;
//!
//! #[derive(Serialize, Deserialize)]
//! enum Heard {
//!     #[serde(rename = "shop.stock.reserved.v1")]
//!     Reserved { order: String, total: u64 },
//!     #[serde(rename = "shop.payment.processed.v1")]
//!     Paid { order: String },
//!     Overdue { order: String },
//! }
//!
//! #[derive(Serialize)]
//! enum Says {
//!     #[serde(rename = "shop.payment.take.v1")]
//!     TakePayment { order: String, total: u64 },
//!     #[serde(rename = "shop.order.confirmed.v1")]
//!     Confirmed { order: String },
//!     #[serde(rename = "shop.payment.failed.v1")]
//!     Failed { order: String },
//! }
//!
//! #[derive(Default)]
//! struct Known {
//!     total: u64,
//! }
//!
//! impl ProcessManager for Checkout {
//!     const NAME: &'static str = "checkout";
//!     type Event = Heard;
//!     type State = Known;
//!
//!     fn correlate(&self, event: &Heard) -> Route {
//!         match event {
//!             Heard::Reserved { order, .. } => Route::Start(order.clone()),
//!             // It may overtake the reservation.
//!             Heard::Paid { order } => Route::ContinueOrWait(order.clone()),
//!             Heard::Overdue { order } => Route::Continue(order.clone()),
//!         }
//!     }
//!
//!     fn react(
//!         &self,
//!         _: &Known,
//!         event: &Heard,
//!     ) -> Result<Reaction<Heard>, Box<dyn std::error::Error + Send + Sync>> {
//!         Ok(match event {
//!             Heard::Reserved { order, total } => Reaction::new()
//!                 .send(&Says::TakePayment { order: order.clone(), total: *total })
//!                 .timer(Duration::from_mins(15), &Heard::Overdue { order: order.clone() }),
//!             Heard::Paid { order } => {
//!                 Reaction::new().send(&Says::Confirmed { order: order.clone() }).complete()
//!             }
//!             Heard::Overdue { order } => {
//!                 Reaction::new().send(&Says::Failed { order: order.clone() }).complete()
//!             }
//!         })
//!     }
//!
//!     fn evolve(&self, state: Known, event: &Heard) -> Known {
//!         match event {
//!             Heard::Reserved { total, .. } => Known { total: *total },
//!             Heard::Paid { .. } | Heard::Overdue { .. } => state,
//!         }
//!     }
//! }
//!
//! # use freehold::backend::memory::{MemoryBroker, MemoryStore};
//! # use freehold::inbox::Consumer;
//! # use freehold::outbox::Relay;
//! # use freehold::process::{Processes, timers_of};
//! # use freehold::{Broker, Destination, LeaseName, Message, MessageId, Outbound, OrderingKey, Source, message};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let (store, broker) = (MemoryStore::new(), MemoryBroker::new());
//! let heard = ["shop.stock.reserved.v1", "shop.payment.processed.v1"].map(Destination::new);
//! let deliveries = broker.consumer("checkout", [timers_of::<Checkout>()].into_iter().chain(heard).collect::<Result<Vec<_>, _>>()?);
//! let relay = Relay::new(LeaseName::new("checkout_relay")?, Source::new("/shop/checkout")?, store.clone())
//!     .publish_to(broker.clone())
//!     .start();
//!
//! let checkouts = Processes::new(Checkout, store.clone())?;
//! let consumer = Consumer::new(LeaseName::new("checkout")?, deliveries, store).start(checkouts.clone());
//! # let reserved = Heard::Reserved { order: "17".into(), total: 25 };
//! # let envelope = message::encode(MessageId::new(uuid::Uuid::now_v7()), OrderingKey::new("17")?, &reserved)?;
//! # let destination = Destination::from(envelope.kind());
//! # let message = Message::new(envelope, Source::new("/shop/stock")?, None);
//! # for answer in broker.publish(&[Outbound::new(message, destination)]).await { answer?; }
//! # while broker.messages().len() < 2 { tokio::task::yield_now().await; }
//! # assert_eq!(broker.messages()[1].message.envelope.kind().as_str(), "shop.payment.take.v1");
//! let (open, _) = checkouts.list(None, 10).await?;
//! assert_eq!(open[0].instance, "17");
//! # consumer.stop().await;
//! # relay.stop().await;
//! # Ok(())
//! # }
//! ```
//!
//! # A choreography one can see
//!
//! A [`Flow`] declares who reacts to what with what: it is [drawn](Flow::mermaid), [checked](Flow::lints) for effects that nothing
//! releases, events that nobody hears and cycles that never wait, and held against the [`Timeline`] of an instance, which shows
//! what has caused what, and how long each hop took. [`Processes::stuck`] lists the instances that wait for somebody.
//!
//! Who wants the steps in one place, and compensations that cannot be forgotten, takes a [saga](crate::saga).

mod contract;
mod decide;
mod entry;
mod flow;
mod instance;
mod lint;
mod listed;
mod news;
mod operate;
mod options;
mod processes;
mod reaction;
mod route;
mod timeline;
mod wire;

pub use contract::ProcessManager;
pub use flow::{Flow, Hop};
pub use lint::Lint;
pub use listed::{Listed, Standing};
pub use news::News;
pub use operate::OperateError;
pub use options::ProcessOptions;
pub use processes::{InvalidProcessName, Processes};
pub use reaction::Reaction;
pub use route::Route;
pub use timeline::{Happened, Moment, Timeline};
pub use wire::timers_of;
