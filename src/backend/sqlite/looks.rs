//! How often one looks for what other processes have written: soon after they have, and less and less often while they do not.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// The first wait after something was found; it doubles up to the interval of the options.
const WAIT_MIN: Duration = Duration::from_millis(1);

/// When to look next, for all who wait in this process: the first whose time has come looks for them all.
#[derive(Debug)]
pub(super) struct Looks {
    longest: Duration,
    known: Mutex<Known>,
}

#[derive(Debug)]
struct Known {
    last: Instant,
    wait: Duration,
}

impl Looks {
    pub(super) fn new(longest: Duration) -> Self {
        let longest = longest.max(WAIT_MIN);
        // Who is alone looks seldom from the beginning.
        Self { longest, known: Mutex::new(Known { last: Instant::now(), wait: longest }) }
    }

    /// Sleeps until a look may be due.
    pub(super) async fn sleep(&self) {
        let wait = self.known().wait;
        tokio::time::sleep(wait).await;
    }

    /// Whether nobody has looked for long enough. If so, the caller is to look.
    pub(super) fn is_due(&self) -> bool {
        let now = Instant::now();
        let mut known = self.known();
        let is_due = now.duration_since(known.last) >= known.wait;
        if is_due {
            known.last = now;
            known.wait = (known.wait * 2).min(self.longest);
        }
        is_due
    }

    /// Others are writing, and may soon write more.
    pub(super) fn found(&self) {
        self.known().wait = WAIT_MIN;
    }

    // Plain assignments only: whole whoever panicked.
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use futures::future::join_all;
    use tokio::time::timeout;

    use super::*;

    const LONGEST: Duration = Duration::from_millis(50);

    /// How many looks so many who wait need in that time.
    async fn looks(looks: &Looks, waiters: u32, time: Duration) -> u64 {
        let count = Cell::new(0);
        let wait = async |_: u32| loop {
            looks.sleep().await;
            count.set(count.get() + u64::from(looks.is_due()));
        };
        let all = join_all((0..waiters).map(wait));
        assert!(timeout(time, all).await.is_err());
        count.get()
    }

    #[tokio::test(start_paused = true)]
    async fn looks_get_seldom_while_nothing_is_found_and_are_for_all_who_wait() {
        for waiters in [1, 100] {
            let idle = Looks::new(LONGEST);
            let alone = looks(&idle, waiters, Duration::from_secs(1)).await;
            assert!((19..=20).contains(&alone), "{alone} looks of {waiters}");
            idle.found();
            // 1, 2, 4, 8, 16 and 32 ms, and then one each 50 ms.
            let first = looks(&idle, waiters, Duration::from_millis(62)).await;
            assert!((5..=6).contains(&first), "{first} looks of {waiters}");
            let minute = looks(&idle, waiters, Duration::from_mins(1)).await;
            assert!((1_150..=1_201).contains(&minute), "{minute} looks of {waiters} in a minute");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn looks_are_frequent_again_when_something_was_found() {
        let busy = Looks::new(LONGEST);
        looks(&busy, 1, Duration::from_secs(1)).await;
        busy.found();
        let soon = looks(&busy, 1, Duration::from_millis(8)).await;
        assert_eq!(soon, 3, "after 1, 3 and 7 ms");
    }

    #[tokio::test(start_paused = true)]
    async fn an_interval_shorter_than_the_shortest_wait_is_that() {
        let eager = Looks::new(Duration::ZERO);
        let second = looks(&eager, 1, Duration::from_secs(1)).await;
        assert!((490..=1_000).contains(&second), "{second} looks in a second");
    }
}
