//! The bounds of a runner of sagas.

use std::time::Duration;

/// The bounds of a runner of sagas.
///
/// ```
/// use freehold::saga::SagaOptions;
///
/// let options = SagaOptions { partitions: 8, ..SagaOptions::default() };
/// # assert_ne!(options, SagaOptions::default());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs, reason = "users write it with `..default()`")]
pub struct SagaOptions {
    /// Over how many parts the sagas of a service are shared out; 0 counts as 1. 1 by default. It cannot be changed later. More
    /// processes than parts run the sagas that they start, and stand by for the others.
    pub partitions: u32,
    /// The most sagas that one process has under way. What is parked does not count; what is beyond waits its turn. 10,000 by
    /// default.
    pub running_sagas_max: usize,
    /// A saga that has nothing to do for so long is parked: it holds no task. 1 s by default.
    pub park_after: Duration,
    /// How long the lease of a part lasts that is not renewed, and so after how long the sagas of a process that was killed are
    /// taken over. 10 s by default.
    pub lease_time: Duration,
    /// After how long without a record a saga is taken over by whoever holds the lease of its part, if another process runs
    /// it. 1 min by default, which is twice the default [`time_max`](super::Policy::time_max): a step must have answered, and
    /// that must have been heard of, long before. If it is not longer than the `time_max` of every step, a slow call may be
    /// taken for a dead one just when it answers, and is made again under the same key; [`Sagas::run`](super::Sagas::run)
    /// warns of that.
    pub adopt_after: Duration,
    /// How often, at most, the list of the sagas that are not over is written. 100 ms by default.
    pub index_interval: Duration,
    /// How long a runner that is stopped waits for the calls that are under way. 5 s by default.
    pub stop_time_max: Duration,
}

impl Default for SagaOptions {
    fn default() -> Self {
        Self {
            partitions: 1,
            running_sagas_max: 10_000,
            park_after: Duration::from_secs(1),
            lease_time: Duration::from_secs(10),
            adopt_after: Duration::from_mins(1),
            index_interval: Duration::from_millis(100),
            stop_time_max: Duration::from_secs(5),
        }
    }
}
