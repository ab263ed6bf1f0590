//! The bounds of a process.

use std::time::Duration;

/// The bounds of a process.
///
/// ```
/// use freehold::process::ProcessOptions;
/// use std::time::Duration;
///
/// let options = ProcessOptions { early_wait: Duration::from_mins(5), ..ProcessOptions::default() };
/// # assert_ne!(options, ProcessOptions::default());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs, reason = "users write it with `..default()`")]
pub struct ProcessOptions {
    /// The most messages that may wait for one instance, because they have come early or one before them could not be heard.
    /// One more is left to the consumer, who parks its key. 256 by default.
    pub waiting_messages_max: usize,
    /// How long messages may wait for an instance to begin until it is [listed](super::Standing::Overdue) as overdue. They go
    /// on waiting. 1 h by default.
    pub early_wait: Duration,
}

impl Default for ProcessOptions {
    fn default() -> Self {
        Self { waiting_messages_max: 256, early_wait: Duration::from_hours(1) }
    }
}
