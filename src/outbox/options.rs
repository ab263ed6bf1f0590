//! The bounds of a relay.

use std::time::Duration;

use crate::retry::RetryPolicy;
use crate::subscription::{AfterRetries, SubscriptionOptions};

/// The bounds of a relay.
///
/// ```
/// use freehold::outbox::RelayOptions;
///
/// let options = RelayOptions { batch_messages_max: 500, ..RelayOptions::default() };
/// # assert_ne!(options, RelayOptions::default());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs, reason = "users write it with `..default()`")]
pub struct RelayOptions {
    /// The most messages between two checkpoints, and so the most that are published twice after a crash; 0 counts as 1.
    /// 1,000 by default.
    pub batch_messages_max: usize,
    /// A batch ends with the message that makes it so long, in bytes. 4 MiB by default.
    pub batch_bytes_max: usize,
    /// Over how many parts the keys are shared out, each with a lease and a checkpoint of its own; 0 counts as 1. 1 by default.
    /// It cannot be changed later.
    pub partitions: u32,
    /// How long a lease lasts that is not renewed, and so how long nothing is published after a relay was killed. 10 s by
    /// default.
    pub lease_time: Duration,
    /// How often a message that the broker does not take is tried again before its key is parked, and how long between.
    /// 4 times, from 50 ms to 2 s, by default.
    pub retry: RetryPolicy,
    /// The most messages that may be parked in one part; then the part stops. 10,000 by default.
    pub parked_messages_max: usize,
    /// Of so many keys it is remembered which message was the last, so that consumers can see whether one is missing. 100,000
    /// by default.
    pub chained_keys_max: usize,
    /// How often it is looked for messages whose time has come, at least. 1 s by default.
    pub due_interval: Duration,
    /// How often the broker is asked, while there is something to publish, whether it still has what it had. 10 s by default.
    pub extent_interval: Duration,
    /// How often what all relays have published is trimmed. 1 min by default.
    pub trim_interval: Duration,
    /// So many positions are left behind the slowest relay: what a broker loses can be fed again as far back as that, and
    /// whoever takes over reads again so much, to know what was published last of each key. 100,000 by default.
    pub kept_positions: u64,
    /// The relay is late if a message has waited for so long. 5 s by default.
    pub late_after: Duration,
}

impl Default for RelayOptions {
    fn default() -> Self {
        Self {
            batch_messages_max: 1_000,
            batch_bytes_max: 4 << 20,
            partitions: 1,
            lease_time: Duration::from_secs(10),
            retry: RetryPolicy {
                retries_max: 4,
                delay_min: Duration::from_millis(50),
                delay_max: Duration::from_secs(2),
            },
            parked_messages_max: 10_000,
            chained_keys_max: 100_000,
            due_interval: Duration::from_secs(1),
            extent_interval: Duration::from_secs(10),
            trim_interval: Duration::from_mins(1),
            kept_positions: 100_000,
            late_after: Duration::from_secs(5),
        }
    }
}

impl RelayOptions {
    pub(super) fn subscription(&self) -> SubscriptionOptions {
        SubscriptionOptions {
            batch_events_max: self.batch_messages_max,
            batch_bytes_max: self.batch_bytes_max,
            partitions: self.partitions,
            lease_time: self.lease_time,
            retry: self.retry,
            after_retries: AfterRetries::Park,
            parked_events_max: self.parked_messages_max,
            late_after: self.late_after,
            ..SubscriptionOptions::default()
        }
    }
}
