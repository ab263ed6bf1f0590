//! Decisions over streams: a pure [`Aggregate`], the [`Repository`] that runs its commands, and the
//! [`UnitOfWork`](crate::UnitOfWork) for decisions over several of them.
//!
//! An aggregate is folded from the events of one stream. A command is an ordinary method that reads the
//! state and returns events, or says why not. The repository loads, decides and commits, and tries again
//! when somebody else was faster:
//!
//! ```
//! use freehold::{Aggregate, Event, Repository, backend::memory::MemoryStore};
//!
//! #[derive(serde::Serialize, serde::Deserialize)]
//! enum Entry {
//!     Paid { cents: i64 },
//! }
//! impl Event for Entry {
//!     const CATEGORY: &'static str = "account";
//! }
//!
//! #[derive(Clone, Default)]
//! struct Account(i64);
//! impl Aggregate for Account {
//!     type Event = Entry;
//!     fn apply(&mut self, Entry::Paid { cents }: &Entry) {
//!         self.0 += cents;
//!     }
//! }
//! impl Account {
//!     fn pay(&self, cents: i64) -> Result<Vec<Entry>, String> {
//!         if self.0 + cents < 0 {
//!             return Err(format!("only {} cents are left", self.0));
//!         }
//!         Ok(vec![Entry::Paid { cents }])
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), freehold::aggregate::ExecuteError<String>> {
//! let accounts = Repository::<Account>::new(MemoryStore::new());
//! accounts.execute("alice", |a| a.pay(100)).await?;
//! let alice = accounts.execute("alice", |a| a.pay(-30)).await?;
//! assert_eq!(alice.0, 70);
//! assert!(accounts.execute("alice", |a| a.pay(-71)).await.is_err());
//! # Ok(())
//! # }
//! ```
//!
//! # What a repository promises
//! - **Nothing decided on a wrong state is ever written.** Each commit expects the version that the
//!   decision was made on. A cached state can cost a retry, never a wrong result; and a refusal is believed
//!   only after the state it was made on has proved to be the newest.
//! - **A command with an id happens once**, also when its repetition would be refused on the later state:
//!   the repetition is answered as the first was.
//! - **Commands of one process on one hot stream do not conflict.** They decide in turn, each on the state
//!   that the one before it leaves, and share commits. This holds for the clones of one repository.

mod as_of;
mod batch;
mod cache;
mod changes;
mod closing;
pub(crate) mod contract;
mod desk;
mod error;
mod execute;
mod lane;
mod options;
mod repeat;
pub(crate) mod repository;
mod snapshot;
mod state;
mod touched;
mod turns;
pub(crate) mod unit_of_work;
mod work;

pub use as_of::{AsOf, Past};
pub use changes::{Changes, FieldChange};
pub(crate) use contract::{Aggregate, Handle};
pub use error::{ExecuteError, WorkError};
pub use execute::Execute;
pub use options::Options;
pub(crate) use repository::Repository;
pub use snapshot::{SnapshotPolicy, Snapshotted};
pub use state::{Done, Loaded, Prepared};
pub use unit_of_work::Finished;
pub use work::Work;
