//! A search finds what a customer typed: a full-text index of the views of a projection.
//!
//! A [`Searched`] projection is an ordinary one that says which texts of its views are searched. Its views are kept in an index
//! of `tantivy`, in a folder, and up to where the logs are in it is kept in the same commit: **the index and its checkpoint
//! never disagree, whatever crashes**, and each event is in it exactly once. [`ReadSide::search`](super::ReadSide::search)
//! opens it; [`Search`] keeps it up, finds, and says how fresh that is.
//!
//! ```
//! use std::time::Duration;
//!
//! use freehold::backend::memory::MemoryStore;
//! use freehold::projection::search::{Field, Searched};
//! use freehold::projection::{Eventual, On, Projection, ReadSide, Recorded, Views};
//! use freehold::{Event, Repository};
//! # use freehold::Aggregate;
//! use serde::{Deserialize, Serialize};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! #[derive(Serialize, Deserialize)]
//! enum ProductEvent {
//!     Described { description: String },
//!     Withdrawn,
//! }
//!
//! impl Event for ProductEvent {
//!     const CATEGORY: &'static str = "product";
//! }
//!
//! #[derive(Serialize, Deserialize)]
//! struct Product {
//!     description: String,
//! }
//!
//! struct Catalogue;
//!
//! impl Projection for Catalogue {
//!     const NAME: &'static str = "catalogue";
//!     type View = Product;
//!     type Events = ProductEvent;
//!     type Level = Eventual<900_000>;
//! }
//!
//! impl On<ProductEvent> for Catalogue {
//!     fn on(&self, event: &Recorded<'_, ProductEvent>, views: &mut Views<'_, Product>) {
//!         match event.event() {
//!             ProductEvent::Described { description } => {
//!                 views.set(event.id(), Product { description: description.clone() });
//!             }
//!             ProductEvent::Withdrawn => views.remove(event.id()),
//!         }
//!     }
//! }
//!
//! // All that a search asks for beyond a projection.
//! impl Searched for Catalogue {
//!     const FIELDS: &'static [Field<Product>] = &[
//!         Field::new("code", |code, _| code.into()).boost(2.0),
//!         Field::new("description", |_, product| product.description.as_str().into()),
//!     ];
//! }
//! # #[derive(Clone, Default)]
//! # struct Shelf;
//! # impl Aggregate for Shelf {
//! #     type Event = ProductEvent;
//! #     fn apply(&mut self, _: &ProductEvent) {}
//! # }
//! # impl Shelf {
//! #     fn describe(&self, text: &str) -> Result<Vec<ProductEvent>, std::convert::Infallible> {
//! #         Ok(vec![ProductEvent::Described { description: text.into() }])
//! #     }
//! # }
//! # let folder = tempfile::tempdir()?;
//! # let folder = folder.path().join("search");
//!
//! let store = MemoryStore::new();
//! let reads = ReadSide::new(store.clone()).follow(store.clone());
//! let search = reads.search::<Catalogue>(folder).await?;
//! let running = search.run(Catalogue);
//!
//! let products = Repository::<Shelf>::new(store);
//! let said = products.execute("85123A", |p| p.describe("CRÈME hanging heart t-light holder")).await?;
//!
//! search.wait_for(said.token(), Duration::from_secs(30)).await?;
//! let found = search.find("Creme heart hold", 10).await?;
//! assert_eq!(found[0].key.as_str(), "85123A");
//! assert!(found.lag.is_none());
//! running.stop().await;
//! # Ok(())
//! # }
//! ```
//!
//! # Who writes, and who reads
//!
//! One process writes to an index: the one that holds the lease of its job, and with it a lock on the folder, which the system
//! takes from it when it dies. Who has lost the lease commits nothing that it has not begun to commit; and should it be frozen
//! in the middle of that, nobody else writes before it has ended, or is dead, since it holds the lock. What it commits then
//! goes on from where the index was, so that whoever comes next finds documents and checkpoint that agree. Any process can
//! read meanwhile, and sees whole commits only.
//!
//! Each folder is an index of its own, with a job of its own: machines that share nothing but a store each keep one up.
//!
//! # When the projection changes
//!
//! If the index was built for other fields, other categories of events or an older [`VERSION`](Searched::VERSION), or holds
//! what a log has led to that is followed no more, it is built anew in a second folder beside the one that is read, and takes
//! its place when it is as far: one small file says which is read, and it is replaced at once. The old one is read until then, and stands still. An index that is damaged, or a folder
//! with something else in it, is a [`SearchError`], and is left as it is.
//!
//! In reading order: `searched`, what a user writes; `words`, what a word is; `stamp`, the checkpoint; `columns`, `build` and
//! `folder`, what is on the disk; `desk`, the commit; `sink`, who feeds it; `kept`, `reader` and `query`, one read; `index`,
//! `handle`, `wait` and `indexing`, the face.

mod build;
mod columns;
mod desk;
mod error;
mod folder;
mod handle;
mod index;
mod indexing;
mod kept;
mod query;
mod reader;
mod searched;
mod sink;
mod stamp;
#[cfg(test)]
mod tests;
mod wait;
mod words;

pub use error::SearchError;
pub use handle::{Hit, Search};
pub use indexing::Indexing;
pub use searched::{Field, Searched};
