//! Until when an answer is of use.

use std::time::Duration;

use tokio::time::Instant;

/// So far into the future lies a deadline that nobody set: tokio's clock has no end that could be named.
const FAR: Duration = Duration::from_hours(24 * 365 * 30);

/// A moment by which an answer is of use, on tokio's clock. It is absolute, so that it can be handed on: whoever is called
/// later has less time left.
///
/// ```
/// use std::time::Duration;
/// use freehold::source::Deadline;
///
/// let request = Deadline::within(Duration::from_millis(800));
/// let step = request.sooner(Duration::from_millis(300));
/// assert!(step.remaining() <= Duration::from_millis(300));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline(Instant);

impl Deadline {
    /// So long from now.
    #[must_use]
    pub fn within(time: Duration) -> Self {
        Self::after(Instant::now(), time)
    }

    /// So long after a moment.
    pub(crate) fn after(moment: Instant, time: Duration) -> Self {
        Self(moment.checked_add(time.min(FAR)).unwrap_or(moment))
    }

    /// How long it is until then; zero if it has passed.
    #[must_use]
    pub fn remaining(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }

    /// So long from now, but no later than this.
    #[must_use]
    pub fn sooner(self, time: Duration) -> Self {
        self.min(Self::within(time))
    }

    /// The moment.
    #[must_use]
    pub const fn instant(self) -> Instant {
        self.0
    }
}
