//! States that are stored, so that a long stream need not be folded from its beginning.
//!
//! A snapshot is a cache: it can be lost, old or wrong, and the answer is the same, only later. [`Snapshotted`] says what a
//! state promises, [`SnapshotPolicy`] when one is stored, and [`Repository::with_snapshots`](crate::Repository::with_snapshots) does it.

mod contract;
mod fingerprint;
mod keeper;
mod policy;
mod row;

pub use contract::Snapshotted;
pub(super) use keeper::{Keeper, Snapshots};
pub use policy::SnapshotPolicy;
