//! How much may be tried again by all callers together.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::sliding::Sliding;

/// How much may be tried again by all callers together, so that a service in trouble is not asked a multiple of what it
/// cannot answer.
///
/// Over each window, retries are at most the free ones and the given part of the calls. It is what Finagle and `tower` do,
/// with their numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs, reason = "users write it with `..default()`")]
pub struct RetryBudget {
    /// How many retries a hundred calls pay for. 20 by default.
    pub percent_of_calls: u32,
    /// How many retries a second are free, so that a service that is seldom asked can be asked again. 10 by default.
    pub free_per_second: u32,
    /// Over how long it is counted. 10 s by default.
    pub window: Duration,
}

impl Default for RetryBudget {
    fn default() -> Self {
        Self { percent_of_calls: 20, free_per_second: 10, window: Duration::from_secs(10) }
    }
}

/// What is left of a budget.
#[derive(Debug)]
pub(crate) struct Purse {
    budget: RetryBudget,
    /// Calls and retries.
    recent: Mutex<Sliding>,
}

impl Purse {
    pub(crate) fn new(budget: RetryBudget) -> Self {
        Self { budget, recent: Mutex::new(Sliding::new(budget.window, Instant::now())) }
    }

    /// A call was made that is no retry.
    pub(crate) fn deposit(&self, now: Instant) {
        self.recent().add(now, [1, 0]);
    }

    /// Whether one may be tried again now; then it is paid for.
    pub(crate) fn withdraw(&self, now: Instant) -> bool {
        let mut recent = self.recent();
        let [calls, retries] = recent.sums(now);
        let free = u128::from(self.budget.free_per_second) * self.budget.window.as_millis() / 1_000;
        let paid = u128::from(calls) * u128::from(self.budget.percent_of_calls) / 100;
        let is_enough = u128::from(retries) < free + paid;
        if is_enough {
            recent.add(now, [0, 1]);
        }
        is_enough
    }

    fn recent(&self) -> MutexGuard<'_, Sliding> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// The model counts all that happened, with its time.
        #[test]
        fn retries_never_exceed_what_is_free_and_what_calls_pay_for(
            percent_of_calls in 0..150_u32,
            free_per_second in 0..5_u32,
            steps in prop::collection::vec((0..400_u64, any::<bool>()), 1..400),
        ) {
            let budget = RetryBudget { percent_of_calls, free_per_second, window: Duration::from_secs(2) };
            let begin = Instant::now();
            let purse = Purse { budget, recent: Mutex::new(Sliding::new(budget.window, begin)) };
            let (mut now, mut calls, mut retries) = (begin, Vec::new(), Vec::new());
            for (wait, is_call) in steps {
                now += Duration::from_millis(wait);
                // A window moves by a tenth of it, so that what counts is between nine and ten tenths old.
                let since = |times: &[Instant], tenths: u32| {
                    let age = budget.window / 10 * tenths;
                    times.iter().filter(|time| now.duration_since(**time) < age).count() as u64
                };
                if is_call {
                    purse.deposit(now);
                    calls.push(now);
                } else {
                    let most = |calls: u64| {
                        u64::from(free_per_second) * 2 + calls * u64::from(percent_of_calls) / 100
                    };
                    let may = purse.withdraw(now);
                    if may {
                        prop_assert!(since(&retries, 9) < most(since(&calls, 10)));
                        retries.push(now);
                    } else {
                        prop_assert!(since(&retries, 10) >= most(since(&calls, 9)));
                    }
                }
            }
        }
    }
}
