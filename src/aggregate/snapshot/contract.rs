//! What an application promises of a state that is stored.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::aggregate::Aggregate;

/// An aggregate whose states are stored now and then, so that a long stream is folded from there.
///
/// A stored state is used only if it is the very state that today's code would have folded, as far as anybody can tell: it was
/// written under this [`STATE_VERSION`](Self::STATE_VERSION), by a type of the same shape that begins with the same state and
/// reads the same of events of the same names, it is whole, and the event that made it stands at its version in the stream. Otherwise it is
/// passed over, and the stream is folded from its first event.
///
/// The shape is what the type says that it reads: the fields and their kinds, also within lists, maps and variants that a
/// default state has none of. What is behind `flatten`, a tag inside, or a reading by hand, it does not say.
///
/// ```
/// use freehold::aggregate::{Options, SnapshotPolicy, Snapshotted};
/// use freehold::backend::memory::MemoryStore;
/// use freehold::{Aggregate, Event, Repository};
/// # #[derive(serde::Serialize, serde::Deserialize)]
/// # enum Entry { Paid { cents: i64 } }
/// # impl Event for Entry { const CATEGORY: &'static str = "account"; }
///
/// #[derive(Clone, Default, serde::Serialize, serde::Deserialize)]
/// struct Account {
///     cents: i64,
/// }
/// # impl Aggregate for Account {
/// #     type Event = Entry;
/// #     fn apply(&mut self, Entry::Paid { cents }: &Entry) { self.cents += cents; }
/// # }
///
/// impl Snapshotted for Account {
///     // To be raised with every change of what `apply` does.
///     const STATE_VERSION: u32 = 1;
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), freehold::aggregate::ExecuteError<String>> {
/// let policy = SnapshotPolicy { every_events: 500, ..SnapshotPolicy::default() };
/// let accounts = Repository::<Account>::with_snapshots(MemoryStore::new(), Options::default(), policy);
/// accounts.execute("alice", |_| Ok::<_, String>(vec![Entry::Paid { cents: 5 }])).await?;
/// # Ok(())
/// # }
/// ```
pub trait Snapshotted: Aggregate + Serialize + DeserializeOwned {
    /// The version of what the fold means. A state that was stored under another one is passed over: raise it with every
    /// change of [`apply`](Aggregate::apply) that leaves another state, since the shape of the state does not show that.
    const STATE_VERSION: u32;
}
