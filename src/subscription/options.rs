//! The bounds of a subscription.

use std::time::Duration;

use crate::retry::RetryPolicy;

/// What happens to an event that cannot be taken in after all retries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AfterRetries {
    /// The subscription stops loudly, until somebody resumes it.
    Stop,
    /// The event is written down with its error, and so are those behind it with the same key; all others go on. If as
    /// many events are parked as there may be, the subscription stops.
    Park,
}

/// The bounds of a subscription.
///
/// ```
/// use freehold::subscription::{AfterRetries, SubscriptionOptions};
///
/// let options = SubscriptionOptions {
///     partitions: 4,
///     after_retries: AfterRetries::Park,
///     ..SubscriptionOptions::default()
/// };
/// # assert_ne!(options, SubscriptionOptions::default());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs, reason = "users write it with `..default()`")]
pub struct SubscriptionOptions {
    /// The most events in a batch; 0 counts as 1. 1,000 by default.
    pub batch_events_max: usize,
    /// A batch ends with the event that makes its payloads so long, in bytes. 4 MiB by default. A page is read before that is
    /// known, and one ahead of it: how many events, follows from those before, so that in memory are seldom more than two
    /// batches, and never more than two pages of the log's [`events_per_page_max`](crate::Limits::events_per_page_max).
    pub batch_bytes_max: usize,
    /// Over how many parts the job is shared out; 0 counts as 1. 1 by default. It cannot be changed later. More processes than
    /// parts only stand by.
    pub partitions: u32,
    /// How long a lease lasts that is not renewed, and so how long nobody follows the feed after its owner was killed. It
    /// is renewed three times as often. 10 s by default.
    pub lease_time: Duration,
    /// How often, at most, the checkpoint is moved over events that are not wanted. 100 ms by default.
    pub checkpoint_interval: Duration,
    /// How often an event that cannot be taken in is tried again, and how long between. Trouble with the store is waited
    /// out with the same delays, but without end and up to 1 s at least. 8 times, from 10 ms to 5 s, by default.
    pub retry: RetryPolicy,
    /// What happens then. [`AfterRetries::Stop`] by default.
    pub after_retries: AfterRetries,
    /// After how long a subscription that has stopped tries again by itself; `None`: only when it is resumed. 1 min by
    /// default.
    pub resume_interval: Option<Duration>,
    /// The most events that one part of the job may have parked. 10,000 by default.
    pub parked_events_max: usize,
    /// The consumer is late if an event has waited for it for longer. 5 s by default.
    pub late_after: Duration,
    /// The consumer is stalled if it has not moved for so long, though there is something to do. 30 s by default.
    pub stalled_after: Duration,
}

impl Default for SubscriptionOptions {
    fn default() -> Self {
        Self {
            batch_events_max: 1_000,
            batch_bytes_max: 4 << 20,
            partitions: 1,
            lease_time: Duration::from_secs(10),
            checkpoint_interval: Duration::from_millis(100),
            retry: RetryPolicy {
                retries_max: 8,
                delay_min: Duration::from_millis(10),
                delay_max: Duration::from_secs(5),
            },
            after_retries: AfterRetries::Stop,
            resume_interval: Some(Duration::from_mins(1)),
            parked_events_max: 10_000,
            late_after: Duration::from_secs(5),
            stalled_after: Duration::from_secs(30),
        }
    }
}
