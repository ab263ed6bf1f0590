//! [`proptest`] strategies: whatever the types allow, and whatever a user's own aggregate can reach.
//!
//! ```
//! use freehold::testkit::{proptest::prelude::*, strategies};
//! use freehold::{Limits, PartKind};
//!
//! let every_kind = [PartKind::Appends, PartKind::Checks, PartKind::Inbox];
//! proptest!(|(commit in strategies::commits())| {
//!     prop_assert!(commit.into_parts(&every_kind, &Limits::default()).is_ok());
//! });
//! ```

mod histories;
mod values;

pub use histories::{History, assert_events_survive, histories};
pub use values::{
    commits, event_ids, event_names, expected_versions, inbox_keys, metadata, new_events,
    stream_ids,
};
