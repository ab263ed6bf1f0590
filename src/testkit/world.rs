//! Time, ids and chance that a test decides.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::time::Instant;
use uuid::Uuid;

use crate::ports::{BackendError, Clock, Entropy, Ids};

/// Some day in 2023: a time of 0 would be too unlike what a service sees.
const BEGUN_SECONDS: i64 = 1_700_000_000;

/// A clock that stands still until it is told otherwise. Clones tell the same time.
///
/// ```
/// use std::time::Duration;
///
/// use freehold::Clock;
/// use freehold::testkit::ManualClock;
///
/// let clock = ManualClock::new();
/// let before = clock.now();
/// assert_eq!(clock.now(), before);
/// clock.advance(Duration::from_secs(90));
/// assert_eq!((clock.now() - before).num_seconds(), 90);
/// ```
#[derive(Clone, Debug, Default)]
pub struct ManualClock(Arc<Mutex<DateTime<Utc>>>);

impl ManualClock {
    /// A clock at the beginning of 1970.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A clock at `time`.
    #[must_use]
    pub fn at(time: DateTime<Utc>) -> Self {
        Self(Arc::new(Mutex::new(time)))
    }

    /// Sets the time, forward or back.
    pub fn set(&self, time: DateTime<Utc>) {
        *self.time() = time;
    }

    /// Moves the time forward.
    ///
    /// # Panics
    /// If the time is beyond what a date can say, some 260,000 years from now.
    pub fn advance(&self, by: Duration) {
        let by = TimeDelta::from_std(by).expect("a test's clock stays within range");
        let mut time = self.time();
        *time = time.checked_add_signed(by).expect("a test's clock stays within range");
    }

    fn time(&self) -> MutexGuard<'_, DateTime<Utc>> {
        // A time is whole whoever panicked while setting it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for ManualClock {
    fn now(&self) -> DateTime<Utc> {
        *self.time()
    }
}

/// A clock that goes with tokio's: where a test has paused that one, a day passes when everybody waits for it, and no time
/// otherwise. It begins in 2023. Two of them that are made in one test tell the same time only if they are clones.
///
/// ```
/// use std::time::Duration;
///
/// use freehold::Clock;
/// use freehold::testkit::PausedClock;
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// let clock = PausedClock::new();
/// let before = clock.now();
/// tokio::time::sleep(Duration::from_hours(24)).await;
/// assert_eq!((clock.now() - before).num_days(), 1);
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct PausedClock(Instant);

impl PausedClock {
    /// A clock that begins now.
    #[must_use]
    pub fn new() -> Self {
        Self(Instant::now())
    }
}

impl Default for PausedClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for PausedClock {
    fn now(&self) -> DateTime<Utc> {
        let passed = TimeDelta::from_std(self.0.elapsed()).unwrap_or(TimeDelta::MAX);
        let begun = DateTime::from_timestamp(BEGUN_SECONDS, 0).unwrap_or_default();
        begun.checked_add_signed(passed).unwrap_or(DateTime::<Utc>::MAX_UTC)
    }
}

/// Ids by a seed: the same seed draws the same ids in the same order. They have the form of UUIDs of
/// version 7, and grow. Clones draw from one sequence.
///
/// Two of them with one seed draw the same ids, so give each log of a test its own.
///
/// ```
/// use freehold::Ids;
/// use freehold::testkit::SeededIds;
///
/// let (one, same, other) = (SeededIds::new(7), SeededIds::new(7), SeededIds::new(8));
/// let first = one.draw();
/// assert_eq!(first, same.draw());
/// assert_ne!(first, other.draw());
/// assert_ne!(first, one.draw());
/// assert_eq!(first.get_version_num(), 7);
/// ```
#[derive(Clone)]
pub struct SeededIds(Arc<Mutex<Sequence>>);

struct Sequence {
    chance: fastrand::Rng,
    milliseconds: u64,
}

impl SeededIds {
    /// The ids of `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        // Some day in 2023: a time of 0 would be too unlike what a service sees.
        let sequence =
            Sequence { chance: fastrand::Rng::with_seed(seed), milliseconds: 1_700_000_000_000 };
        Self(Arc::new(Mutex::new(sequence)))
    }
}

impl Ids for SeededIds {
    fn draw(&self) -> Uuid {
        let mut sequence = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sequence.milliseconds += 1;
        let mut random = [0; 10];
        sequence.chance.fill(&mut random);
        uuid::Builder::from_unix_timestamp_millis(sequence.milliseconds, &random).into_uuid()
    }
}

impl fmt::Debug for SeededIds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SeededIds").finish_non_exhaustive()
    }
}

/// Keys and nonces by a seed: for tests alone, since everybody who knows the seed can foresee them. Clones draw from one sequence.
#[derive(Clone)]
pub struct SeededEntropy(Arc<Mutex<fastrand::Rng>>);

impl SeededEntropy {
    /// The chance of `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(fastrand::Rng::with_seed(seed))))
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), BackendError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).fill(bytes);
        Ok(())
    }
}

impl fmt::Debug for SeededEntropy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SeededEntropy").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clone_of_the_clock_tells_the_time_that_was_set() {
        let clock = ManualClock::at(DateTime::from_timestamp(7, 0).unwrap());
        let clone = clock.clone();
        assert_eq!(clone.now().timestamp(), 7);
        clock.set(DateTime::from_timestamp(3, 5).unwrap());
        assert_eq!(clone.now(), DateTime::from_timestamp(3, 5).unwrap());
    }

    #[test]
    fn seeded_ids_grow_and_repeat_by_seed() {
        let draw = |seed| {
            let ids = SeededIds::new(seed);
            (0..1_000).map(|_| ids.draw()).collect::<Vec<_>>()
        };
        let drawn = draw(7);
        assert!(drawn.is_sorted_by(|a, b| a < b), "they do not grow");
        assert_eq!(drawn, draw(7));
        assert!(draw(8).iter().all(|id| !drawn.contains(id)), "two seeds share an id");
    }
}
