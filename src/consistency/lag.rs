//! How far behind a consumer is.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::ports::{BackendError, EventStore, Feed};
use crate::types::{Filter, Position};

/// Lags up to so many events are counted one by one.
const COUNTED_MAX: usize = 100;

/// How far behind its log a consumer is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Lag {
    /// How many events it has not processed yet: exact up to 100, and beyond that how many positions it is behind,
    /// which is at least as many.
    pub events: u64,
    /// How old the oldest event is that it has not processed yet. Zero if there is none: a log in which nothing happens
    /// makes nobody late.
    pub time: Duration,
}

impl Lag {
    /// Whether nothing is left to process.
    #[must_use]
    pub const fn is_none(&self) -> bool {
        self.events == 0
    }

    /// The lag of a consumer that is at `after` in `log` and wants what `filter` wants. It is asked of the log itself, so
    /// that it is true when no consumer runs.
    ///
    /// # Errors
    /// [`BackendError`] if the log cannot be read.
    pub async fn measure(
        log: Arc<dyn EventStore>,
        after: Position,
        filter: &Filter,
        now: DateTime<Utc>,
    ) -> Result<Self, BackendError> {
        Self::of(&Feed::Events(log), after, filter, now).await
    }

    pub(crate) async fn of(
        log: &Feed,
        after: Position,
        filter: &Filter,
        now: DateTime<Utc>,
    ) -> Result<Self, BackendError> {
        let page = log.read_all(after, filter, COUNTED_MAX).await?;
        let Some(oldest) = page.events.first() else { return Ok(Self::default()) };
        let time = (now - oldest.recorded_at()).to_std().unwrap_or_default();
        let counted = page.events.len() as u64;
        if !page.has_more {
            return Ok(Self { events: counted, time });
        }
        let behind = log.head().await?.get().saturating_sub(after.get());
        Ok(Self { events: counted.max(behind), time })
    }

    /// The lag of one that has both lags: all their events, and the older of their times.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self { events: self.events + other.events, time: self.time.max(other.time) }
    }
}
