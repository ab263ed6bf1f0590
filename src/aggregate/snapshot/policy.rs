//! When a state is stored.

use std::time::Duration;

/// When a state is stored, and how much of that is done at a time.
///
/// The usual policy stores one every 1,000 events, and whenever a state took longer than 50 milliseconds to load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs, reason = "users write it with `..default()`")]
pub struct SnapshotPolicy {
    /// A state is stored when so many events were recorded since the one before; 0 counts as 1. 1,000 by default.
    pub every_events: u64,
    /// A state that took longer to load is stored, too, if it is not the stored one. 50 milliseconds by default.
    pub load_time_max: Duration,
    /// The most states that are being stored at a time; who comes then is stored later. 0 stores none, and reads those that there
    /// are. 2 by default.
    pub writes_max: usize,
    /// Of how many streams it is kept in memory when they were stored last; 0 counts as 1. 10,000 by default.
    pub known_streams_max: usize,
}

impl Default for SnapshotPolicy {
    fn default() -> Self {
        Self {
            every_events: 1_000,
            load_time_max: Duration::from_millis(50),
            writes_max: 2,
            known_streams_max: 10_000,
        }
    }
}
