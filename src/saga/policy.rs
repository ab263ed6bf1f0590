//! How patient a step is.

use std::time::Duration;

pub use super::shape::Resolve;
use crate::retry::RetryPolicy;

/// How long a call of a step may take, and how often it is tried again.
///
/// ```
/// use std::time::Duration;
/// use freehold::saga::Policy;
///
/// let hasty = Policy { time_max: Duration::from_secs(2), ..Policy::default() };
/// # assert_ne!(hasty, Policy::default());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs, reason = "users write it with `..default()`")]
pub struct Policy {
    /// How long a call may take. What takes longer is dropped, and has perhaps happened. 30 s by default.
    pub time_max: Duration,
    /// How often an action is tried again before the saga is given up, or, behind the pivot, and for a pivot at another
    /// service, waits for an operator. 5 times, from 100 ms to 10 s, by default; behind the pivot 300 times, from 1 s to 5 min.
    pub retry: RetryPolicy,
    /// How often a compensation is tried again before the saga waits for an operator. 300 times, from 1 s to 5 min, by default:
    /// about a day.
    pub undo_retry: RetryPolicy,
}

/// For what must happen in the end.
pub(crate) const PATIENT: RetryPolicy = RetryPolicy {
    retries_max: 300,
    delay_min: Duration::from_secs(1),
    delay_max: Duration::from_mins(5),
};

impl Policy {
    /// For steps behind the pivot: an action is tried as patiently as a compensation.
    #[must_use]
    pub fn patient() -> Self {
        Self { retry: PATIENT, ..Self::default() }
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            time_max: Duration::from_secs(30),
            retry: RetryPolicy {
                retries_max: 5,
                delay_min: Duration::from_millis(100),
                delay_max: Duration::from_secs(10),
            },
            undo_retry: PATIENT,
        }
    }
}
