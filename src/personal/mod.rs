//! Forgetting a person, in a log that never changes.
//!
//! What an event, a view or a message says of a person is a [`Personal`](crate::Personal) value, and a [`SealedStore`]
//! keeps it sealed, with a key of the person's own. [`SealedStore::forget`] removes the keys: from then on every copy of
//! the value reads as [`Forgotten`](crate::Forgotten), in streams, snapshots, views and messages, old backups of the events included, and everything else
//! reads as before. The same commit says so in the log, as a [`Forgetting`], for all who must know.
//!
//! ```
//! use freehold::backend::memory::MemoryStore;
//! use freehold::personal::SealedStore;
//! use freehold::{Aggregate, DataSubject, Event, Personal, Repository};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Serialize, Deserialize)]
//! enum OrderEvent {
//!     Placed { cents: i64, name: Personal<String> },
//! }
//!
//! impl Event for OrderEvent {
//!     const CATEGORY: &'static str = "order";
//! }
//!
//! #[derive(Clone, Default)]
//! struct Order {
//!     cents: i64,
//!     name: Option<Personal<String>>,
//! }
//!
//! impl Aggregate for Order {
//!     type Event = OrderEvent;
//!     fn apply(&mut self, OrderEvent::Placed { cents, name }: &OrderEvent) {
//!         (self.cents, self.name) = (*cents, Some(name.clone()));
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let store = SealedStore::new(MemoryStore::new());
//! let ada = DataSubject::new("customer-17850")?;
//! let name = Personal::new(ada.clone(), "Ada".to_owned());
//! let placed = OrderEvent::Placed { cents: 250, name };
//! let orders = Repository::<Order>::new(store.clone());
//! # let placed = std::sync::Mutex::new(Some(placed));
//! # let placed = || placed.lock().unwrap().take().unwrap();
//! orders.execute("1", |_| Ok::<_, String>(vec![placed()])).await?;
//!
//! store.forget(&ada).await?;
//! let order = Repository::<Order>::new(store).load("1").await?;
//! assert_eq!((order.cents, order.name.as_ref().unwrap().get()), (250, None));
//! # Ok(())
//! # }
//! ```
//!
//! # What is promised, and what is not
//!
//! - No payload reaches the inner store with a [`Personal`](crate::Personal) value in plain, be it of an event, a row or a message. Keys of
//!   rows, ids of streams and metadata are not sealed.
//! - What is sealed is bound to its subject and key. If it was changed, cut off, or is under a key that is not there, whoever
//!   reads it is told, and nothing is passed over: for an event [`EventError::Decode`](crate::event::EventError::Decode) with
//!   [`Misfit::Sealed`](crate::event::Misfit::Sealed), which names the stream, the version and the position.
//! - This process forgets at once, also the states in the cache of a [`Repository`](crate::Repository) on the same handle or a
//!   clone of it; others when they ask for the key again, since what they know of it is older than
//!   [`SealedOptions::cached_time_max`]. A cached state alone asks for no key: a process that hears of a
//!   [`Forgetting`] drops such states with [`clear_cache`](crate::Repository::clear_cache). What else a program has read, it holds
//!   until it drops it.
//! - A message leaves the service in plain: whoever hears of it keeps it sealed under keys of its own, and forgets when it
//!   hears that, too.
//!
//! `docs/forgetting.md` is the guide. In reading order: `cipher` seals bytes, `text` finds them in a payload, `rings` knows the
//! keys, and `store` and `ports` do it for every port.

mod cipher;
mod entropy;
mod error;
mod fold;
mod forget;
mod nonces;
mod options;
mod ports;
mod recorded;
mod rings;
mod store;
mod text;

pub use entropy::SystemEntropy;
pub use forget::Forgetting;
pub use options::SealedOptions;
pub use store::SealedStore;
