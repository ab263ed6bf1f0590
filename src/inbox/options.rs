//! The bounds of a consumer.

use std::time::Duration;

use crate::retry::RetryPolicy;

/// By what a message is known again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Marks {
    /// By its id. Any number of processes may consume side by side; there is an order within each only.
    ById,
    /// By its place in its ordering key. One process consumes at a time, under a lease. A message without a place is known by
    /// its id.
    BySequence(OnGap),
}

/// What to do with a message before which another one is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnGap {
    /// It is handled; that one was missing is counted and written to the log of the program.
    Accept,
    /// It waits for the missing one, for as long as [`ConsumerOptions::gap_wait`] says; then its key is parked. When somebody
    /// retries the key, the gap is accepted.
    Park,
}

/// The bounds of a consumer.
///
/// ```
/// use freehold::inbox::{ConsumerOptions, Marks, OnGap};
///
/// let options =
///     ConsumerOptions { marks: Marks::BySequence(OnGap::Park), ..ConsumerOptions::default() };
/// # assert_ne!(options, ConsumerOptions::default());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs, reason = "users write it with `..default()`")]
pub struct ConsumerOptions {
    /// By what a message is known again. [`Marks::ById`] by default.
    pub marks: Marks,
    /// The most messages that are received and not settled; 0 counts as 1. 256 by default.
    pub messages_max: usize,
    /// The most keys whose messages are handled side by side; 0 counts as 1. 16 by default.
    pub keys_max: usize,
    /// How often a message that cannot be handled now is tried again before its key is parked, and how long between. 8 times,
    /// from 10 ms to 5 s, by default. Trouble with the store or the broker is waited out with the same delays, without end.
    pub retry: RetryPolicy,
    /// The most messages that may be parked; then the consumer stops. 10,000 by default.
    pub parked_messages_max: usize,
    /// How long a message waits for one before it that is missing, where it does. It must be longer than the broker takes to
    /// deliver again what was not settled. 2 min by default.
    pub gap_wait: Duration,
    /// Whether the consumer is not given all messages from the first on. Then the first message of a key is handled whatever
    /// was before it. `false` by default.
    pub joins_late: bool,
    /// How long what is no message is left to the broker before it is looked at again. 1 min by default.
    pub invalid_interval: Duration,
    /// How long a lease lasts that is not renewed, where there is one. 10 s by default.
    pub lease_time: Duration,
}

impl Default for ConsumerOptions {
    fn default() -> Self {
        Self {
            marks: Marks::ById,
            messages_max: 256,
            keys_max: 16,
            retry: RetryPolicy {
                retries_max: 8,
                delay_min: Duration::from_millis(10),
                delay_max: Duration::from_secs(5),
            },
            parked_messages_max: 10_000,
            gap_wait: Duration::from_mins(2),
            joins_late: false,
            invalid_interval: Duration::from_mins(1),
            lease_time: Duration::from_secs(10),
        }
    }
}

impl ConsumerOptions {
    /// Delays that grow, and never end.
    pub(super) fn patience(&self) -> RetryPolicy {
        RetryPolicy {
            retries_max: u32::MAX,
            delay_min: self.retry.delay_min.max(Duration::from_millis(1)),
            delay_max: self.retry.delay_max.max(Duration::from_secs(1)),
        }
    }
}
