//! The audit trail: who did what, when, and because of what.
//!
//! Every event answers for itself. [`Metadata::actor`](crate::Metadata::actor) is who asked for it,
//! [`causation`](crate::Metadata::causation) what caused it, [`correlation`](crate::Metadata::correlation) the flow that it belongs to;
//! [`recorded_at`](crate::RecordedEvent::recorded_at) is when, and [`name`](crate::RecordedEvent::name) under which schema: a new version of a
//! schema is a new name, `Placed` and then `Placed.v2`, and nobody has to write a number beside it.
//! This module answers for many events together, over all streams and over the logs of several services.
//!
//! A [`CausalTree`] is what has caused what. **Every event that it was given is in it once, below its cause where that is known, and below the
//! beginning of its flow where it is not.** [`Evidence`] gathers events of several logs, and what is known of commands and messages
//! between them. [`scan`] finds the events of a flow by reading the log, [`Trail`] by an index that a subscription keeps up.
//!
//! ```
//! use freehold::backend::memory::MemoryStore;
//! use freehold::trail::Trail;
//! use freehold::{EventStore, EventStoreExt, Metadata, Repository, Store, StreamVersion, Token};
//! # use freehold::{Aggregate, Event};
//! # use serde::{Deserialize, Serialize};
//! use uuid::Uuid;
//! # #[derive(Serialize, Deserialize)]
//! # enum OrderEvent { OrderPlaced {} }
//! # impl Event for OrderEvent { const CATEGORY: &'static str = "order"; }
//! # #[derive(Clone, Default)]
//! # struct Order;
//! # impl Aggregate for Order { type Event = OrderEvent; fn apply(&mut self, _: &OrderEvent) {} }
//! # #[derive(Serialize, Deserialize)]
//! # enum LetterEvent { LetterSent {} }
//! # impl Event for LetterEvent { const CATEGORY: &'static str = "letter"; }
//! # #[derive(Clone, Default)]
//! # struct Letter;
//! # impl Aggregate for Letter { type Event = LetterEvent; fn apply(&mut self, _: &LetterEvent) {} }
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let place = |_: &Order| Ok::<_, String>(vec![OrderEvent::OrderPlaced {}]);
//! # let send = |_: &Letter| Ok::<_, String>(vec![LetterEvent::LetterSent {}]);
//!
//! let store = MemoryStore::new();
//! let trail = Trail::new(store.clone());
//! let running = trail.subscription().start();
//!
//! // A request of Alice's begins a flow, and what has happened then leads to a letter.
//! let orders = Repository::<Order>::new(store.clone());
//! let request = Uuid::from_u128(1);
//! let alice = Metadata::new().with_actor("alice")?;
//! orders.execute("17", place).command_id(request).metadata(alice).await?;
//! for placed in store.read_tail(&"order-17".parse()?, StreamVersion::NONE).await? {
//!     let because = Metadata::caused_by(&placed).with_actor("mailer")?;
//!     Repository::<Letter>::new(store.clone()).execute("17", send).metadata(because).await?;
//! }
//!
//! running.progress().wait_for(Token::new(store.identity(), store.head().await?)).await?;
//! let tree = trail.of(request).await?.tree();
//! println!("{tree}");
//! # let names: Vec<_> = tree.branches().map(|branch| format!("{}{}", branch.stem(), branch)).collect();
//! # assert_eq!(names[0], "flow 00000000-0000-0000-0000-000000000001");
//! # assert!(names[1].starts_with("└─ 2") && names[1].ends_with(" order-17@1 OrderPlaced by alice"));
//! # assert!(names[2].starts_with("   └─ 2") && names[2].ends_with(" letter-17@1 LetterSent by mailer"));
//! # running.stop().await;
//! # Ok(())
//! # }
//! ```
//!
//! ```text
//! flow 00000000-0000-0000-0000-000000000001
//! └─ 2026-03-01T09:00:00.000418Z order-17@1 OrderPlaced by alice
//!    └─ 2026-03-01T09:00:00.000732Z letter-17@1 LetterSent by mailer
//! ```

mod evidence;
mod find;
mod index;
mod row;
mod tree;

pub use evidence::Evidence;
pub use find::{Found, scan};
pub use index::{Trail, TrailError};
pub use tree::{Branch, CausalTree, Origin};
