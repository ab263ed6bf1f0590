//! Bounded exponential back-off with full jitter.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How often something is tried again, and how long between.
///
/// The `n`th wait is drawn evenly from zero to `delay_min · 2ⁿ`, at most `delay_max`: "full jitter", which
/// spreads competitors best (Brooker, *Exponential Backoff And Jitter*, 2015).
///
/// ```
/// use std::time::Duration;
/// use freehold::retry::RetryPolicy;
///
/// let patient = RetryPolicy { retries_max: 100, delay_max: Duration::from_secs(5), ..RetryPolicy::default() };
/// # assert_ne!(patient, RetryPolicy::NEVER);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs, reason = "users write it with `..RetryPolicy::default()`")]
pub struct RetryPolicy {
    /// How often it is tried again after the first time. 16 by default.
    pub retries_max: u32,
    /// The longest first wait. 1 ms by default.
    pub delay_min: Duration,
    /// The longest wait. 250 ms by default.
    pub delay_max: Duration,
}

impl RetryPolicy {
    /// The first answer is the last.
    pub const NEVER: Self =
        Self { retries_max: 0, delay_min: Duration::ZERO, delay_max: Duration::ZERO };

    pub(crate) const fn begin(&self, seed: u64) -> Backoff {
        Backoff { policy: *self, tried: 0, seed }
    }

    /// How long to wait before the `nth` time that something is tried again, counted from 1.
    pub(crate) fn delay(&self, nth: u32, seed: u64) -> Duration {
        let longest = self.delay_min.saturating_mul(1 << nth.saturating_sub(1).min(20));
        let nanos = u64::try_from(longest.min(self.delay_max).as_nanos()).unwrap_or(u64::MAX);
        let mut rng = fastrand::Rng::with_seed(seed.wrapping_add(nth.into()));
        Duration::from_nanos(rng.u64(..=nanos))
    }
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            retries_max: 16,
            delay_min: Duration::from_millis(1),
            delay_max: Duration::from_millis(250),
        }
    }
}

/// The waits of one operation.
#[derive(Debug)]
pub(crate) struct Backoff {
    policy: RetryPolicy,
    tried: u32,
    seed: u64,
}

impl Backoff {
    /// Waits before the next try; `false` if there is none left.
    pub(crate) async fn wait(&mut self) -> bool {
        match self.next_delay() {
            Some(delay) => {
                tokio::time::sleep(delay).await;
                true
            }
            None => false,
        }
    }

    /// How long to wait before the next try; `None` if there is none left.
    pub(crate) fn next_delay(&mut self) -> Option<Duration> {
        if self.tried == self.policy.retries_max {
            return None;
        }
        self.tried += 1;
        Some(self.policy.delay(self.tried, self.seed))
    }
}

/// Where the seeds of back-offs come from: chance, or one given seed.
#[derive(Debug)]
pub(crate) struct Seeds(Mutex<fastrand::Rng>);

impl Seeds {
    pub(crate) fn new(seed: Option<u64>) -> Self {
        Self(Mutex::new(seed.map_or_else(fastrand::Rng::new, fastrand::Rng::with_seed)))
    }

    pub(crate) fn draw(&self) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).u64(..)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_bounded_in_number_and_length_and_follow_the_seed() {
        let policy = RetryPolicy {
            retries_max: 30,
            delay_min: Duration::from_millis(2),
            delay_max: Duration::from_millis(64),
        };
        let waits = |seed| {
            let mut backoff = policy.begin(seed);
            std::iter::from_fn(move || backoff.next_delay()).collect::<Vec<_>>()
        };
        let seven = waits(7);
        assert_eq!(seven.len(), 30);
        assert!(seven[0] <= Duration::from_millis(2) && seven[1] <= Duration::from_millis(4));
        assert!(seven.iter().all(|wait| *wait <= Duration::from_millis(64)));
        assert!(seven.iter().any(|wait| *wait > Duration::from_millis(32)), "{seven:?}");
        assert_eq!(seven, waits(7));
        assert_ne!(seven, waits(8));
        assert_eq!(RetryPolicy::NEVER.begin(7).next_delay(), None);
    }
}
