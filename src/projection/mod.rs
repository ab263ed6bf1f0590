//! Read models: pure folds of events into keyed views.
//!
//! A [`Projection`] says what is kept under each key, and what each event does to it. It is folded behind the log, from the
//! feed of one or several logs; the views and the checkpoint that says what is in them are one commit, so that every event
//! is in them exactly once, whatever crashes. A [`ReadSide`] runs projections and reads their views, and says how fresh
//! what was read is.
//!
//! ```
//! use std::time::Duration;
//!
//! use freehold::backend::memory::MemoryStore;
//! use freehold::projection::{Eventual, On, Projection, ReadSide, Recorded, Views};
//! use freehold::{Aggregate, Event, Repository};
//! use serde::{Deserialize, Serialize};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! #[derive(Serialize, Deserialize)]
//! enum OrderEvent {
//!     Placed { customer: String },
//!     Shipped,
//! }
//!
//! impl Event for OrderEvent {
//!     const CATEGORY: &'static str = "order";
//! }
//!
//! /// What the list of orders shows.
//! #[derive(Default, Serialize, Deserialize)]
//! struct Summary {
//!     customer: String,
//!     shipped: bool,
//! }
//!
//! struct OrderSummary;
//!
//! impl Projection for OrderSummary {
//!     const NAME: &'static str = "order_summary";
//!     type View = Summary;
//!     type Events = OrderEvent;
//!     type Level = Eventual<5_000>;
//! }
//!
//! impl On<OrderEvent> for OrderSummary {
//!     fn on(&self, event: &Recorded<'_, OrderEvent>, views: &mut Views<'_, Summary>) {
//!         match &**event {
//!             OrderEvent::Placed { customer } => {
//!                 views.set(event.id(), Summary { customer: customer.clone(), shipped: false });
//!             }
//!             OrderEvent::Shipped => views.update(event.id(), |order| order.shipped = true),
//!         }
//!     }
//! }
//! # #[derive(Clone, Default)]
//! # struct Order;
//! # impl Aggregate for Order {
//! #     type Event = OrderEvent;
//! #     fn apply(&mut self, _: &OrderEvent) {}
//! # }
//! # impl Order {
//! #     fn place(&self, customer: &str) -> Result<Vec<OrderEvent>, std::convert::Infallible> {
//! #         Ok(vec![OrderEvent::Placed { customer: customer.into() }])
//! #     }
//! # }
//!
//! let store = MemoryStore::new();
//! let reads = ReadSide::new(store.clone()).follow(store.clone());
//! let running = reads.run(OrderSummary);
//!
//! let orders = Repository::<Order>::new(store);
//! let placed = orders.execute("1234", |order| order.place("Ada")).await?;
//!
//! let view = reads.view::<OrderSummary>();
//! view.wait_for(placed.token(), Duration::from_secs(2)).await?;
//! let order = view.get("1234").await?.value.ok_or("no order")?;
//! assert_eq!((order.customer.as_str(), order.shipped), ("Ada", false));
//! running.stop().await;
//! # Ok(())
//! # }
//! ```
//!
//! # What a projection may do
//!
//! [`On::on`] runs twice for each event: a dry pass notes the keys, whose views are then loaded all at once, and the
//! second pass folds. So the keys come from the event alone (and from what was asked before the fold), and nothing else has an effect: no call of another service, no
//! clock, no chance. What another service knows enters batch by batch before the fold ([`Enrich`]).

mod contract;
mod enrich;
mod events;
mod fold;
mod generation;
mod inline;
mod keeper;
mod level;
mod memory;
mod model;
mod past;
mod poll;
mod pure;
mod read;
mod read_side;
mod recorded;
mod rounds;
#[cfg(feature = "tantivy")]
pub mod search;
mod sink;
mod source;
mod upkeep;
mod view;
mod views;
mod wait;

pub use contract::{On, Projection};
pub use enrich::{Enrich, Facts};
pub use events::Events;
pub use inline::InlineError;
pub use keeper::UpkeepError;
pub use level::{Asynchronous, Eventual, Inline, Strong};
pub use past::{PastError, PastViews};
#[cfg(feature = "testkit")]
pub(crate) use pure::PureViews;
pub use read::{Fresh, Read, ReadError, ViewPage, Want};
pub use read_side::ReadSide;
pub use recorded::Recorded;
pub use source::ViewSource;
pub use upkeep::{Kept, Upkeep};
pub use view::View;
pub use views::Views;
