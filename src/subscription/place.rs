//! Where a part of a job is in one log.

use tokio::time::Instant;

use super::options::SubscriptionOptions;
use super::status::Status;
use crate::ports::{BackendError, Feed};
use crate::retry::Backoff;
use crate::types::{FeedPage, Filter, LogId, Position, RecordedEvent};

/// The first batch is small: nobody knows yet how long events are.
const FIRST_EVENTS: usize = 64;

/// Where a part of a job is in one log.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) log: Feed,
    pub(super) id: LogId,
    /// The checkpoint, as the store of the leases has it.
    pub(super) stored: Position,
    /// Up to where the feed was taken in; beyond the checkpoint only over events that are not wanted.
    pub(super) seen: Position,
    /// The page after `seen`, if it was read ahead.
    pub(super) ahead: Option<FeedPage>,
    /// Whether there was more behind the page that is being taken in.
    pub(super) has_more: bool,
    /// When the checkpoint may be moved over events that are not wanted.
    pub(super) due: Instant,
    pub(super) pace: Pace,
    /// Since the log could not be read, it is left alone for a while; the delays grow until something was read.
    pub(super) patience: Option<Backoff>,
    pub(super) rests_until: Option<Instant>,
    /// Whether the log is known to have come as far as it was taken in.
    pub(super) is_whole: bool,
}

impl Place {
    pub(super) fn new(
        log: Feed,
        stored: Position,
        seen: Position,
        options: &SubscriptionOptions,
    ) -> Self {
        let (id, pace) = (log.identity(), Pace::new(options));
        let (due, patience, rests_until) = (Instant::now(), None, None);
        Self {
            log,
            id,
            stored,
            seen,
            ahead: None,
            has_more: false,
            due,
            pace,
            patience,
            rests_until,
            is_whole: false,
        }
    }

    /// Whether the log is left alone now.
    pub(super) fn rests(&self) -> bool {
        self.rests_until.is_some_and(|until| until > Instant::now())
    }

    /// The log can be read.
    pub(super) fn is_well(&mut self) {
        (self.patience, self.rests_until) = (None, None);
    }

    /// The next page: the one that was read ahead, or a new one. Before the first, it is made sure that the log is whole, and
    /// said how far it is taken in.
    pub(super) async fn next(
        &mut self,
        filter: &Filter,
        status: &Status,
    ) -> Result<FeedPage, Unread> {
        if !self.is_whole {
            let (log, end, seen) = (self.id, self.log.end().await?, self.seen);
            if end < seen {
                return Err(Unread::Restored(Restored { log, end, seen }));
            }
            self.is_whole = true;
            status.reached(log, seen);
        }
        if let Some(page) = self.ahead.take() {
            return Ok(page);
        }
        let page = self.log.read_all(self.seen, filter, self.pace.events).await?;
        Ok(self.pace.cut(page))
    }
}

/// Why there is no next page.
pub(super) enum Unread {
    Backend(BackendError),
    Restored(Restored),
}

impl From<BackendError> for Unread {
    fn from(error: BackendError) -> Self {
        Self::Backend(error)
    }
}

/// A log that ends before what was taken in of it: it was restored from a backup, and what is appended now would be passed
/// over.
#[derive(Debug, thiserror::Error)]
#[error("log {log} ends at {end}, and was taken in up to {seen}")]
pub(super) struct Restored {
    log: LogId,
    end: Position,
    seen: Position,
}

/// How many events to read at a time, so that a page is about as long as a batch may be. A page is in memory before its
/// length is known, so the number follows what was seen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    pub(super) events: usize,
    events_max: usize,
    bytes_max: usize,
}

impl Pace {
    fn new(options: &SubscriptionOptions) -> Self {
        let events_max = options.batch_events_max.max(1);
        let bytes_max = options.batch_bytes_max.max(1);
        Self { events: FIRST_EVENTS.min(events_max), events_max, bytes_max }
    }

    /// Ends a page with the event that makes it too long, and learns from it.
    pub(super) fn cut(&mut self, page: FeedPage) -> FeedPage {
        let FeedPage { mut events, upto, has_more, .. } = page;
        let mut bytes = 0;
        let fits = events.iter().position(|event| {
            bytes += event.data().len();
            bytes >= self.bytes_max
        });
        let Some(last) = fits else {
            if events.len() == self.events {
                self.events = (self.events * 2).min(self.events_max);
            }
            return FeedPage::new(events, upto, has_more);
        };
        self.events = (last + 1).min(self.events_max);
        if last + 1 == events.len() {
            return FeedPage::new(events, upto, has_more);
        }
        events.truncate(last + 1);
        let upto = events.last().map_or(upto, RecordedEvent::position);
        FeedPage::new(events, upto, true)
    }
}
