//! What waits to be published.

use std::collections::{BTreeMap, VecDeque};

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::MemoryStore;
use super::store::BACKEND;
use crate::ports::{BackendError, Fault, Outbox, Store};
use crate::types::{FeedPage, Outgoing, Position, RecordedEvent};

/// The log of messages, and those that are not due yet.
#[derive(Debug, Default)]
pub(super) struct Messages {
    log: VecDeque<RecordedEvent>,
    end: u64,
    /// By when they are due, and in the order in which they came.
    later: BTreeMap<(DateTime<Utc>, u64), Outgoing>,
    came: u64,
}

impl Messages {
    pub(super) const fn end(&self) -> Position {
        Position::new(self.end)
    }

    pub(super) fn send(&mut self, messages: Vec<Outgoing>, now: DateTime<Utc>) {
        for message in messages {
            match message.deliver_at.filter(|due| *due > now) {
                Some(due) => {
                    self.came += 1;
                    self.later.insert((due, self.came), message);
                }
                None => self.push(message, now),
            }
        }
    }

    fn push(&mut self, message: Outgoing, now: DateTime<Utc>) {
        self.end += 1;
        self.log.push_back(message.recorded(self.end(), now));
    }

    fn due(&mut self, limit: usize, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        for _ in 0..limit.max(1) {
            match self.later.first_entry() {
                Some(next) if next.key().0 <= now => {
                    let message = next.remove();
                    self.push(message, now);
                }
                _ => break,
            }
        }
        self.later.first_key_value().map(|((due, _), _)| *due)
    }

    fn page(&self, after: Position, limit: usize) -> FeedPage {
        let first = self.log.partition_point(|message| message.position() <= after);
        let events: Vec<_> = self.log.iter().skip(first).take(limit).cloned().collect();
        let is_full = first + events.len() < self.log.len();
        let upto = match events.last() {
            Some(last) if is_full => last.position(),
            _ => self.end().max(after),
        };
        FeedPage::new(events, upto, is_full)
    }

    fn trim(&mut self, upto: Position) -> u64 {
        let gone = self.log.partition_point(|message| message.position() <= upto);
        self.log.drain(..gone);
        gone as u64
    }
}

#[async_trait]
impl Outbox for MemoryStore {
    async fn outbox_page(&self, after: Position, limit: usize) -> Result<FeedPage, BackendError> {
        Ok(self.log().outbox.page(after, self.limits().page(limit)))
    }

    async fn outbox_head(&self) -> Result<Position, BackendError> {
        Ok(self.log().outbox.end())
    }

    async fn outbox_changed(&self, after: Position) -> Result<(), BackendError> {
        let mut ends = self.outbox_ends();
        // Looked at only now: later commits are told to the subscription.
        if self.log().outbox.end() > after {
            return Ok(());
        }
        let closed = |why| BackendError::new(BACKEND, "watch the outbox", Fault::Closed, why);
        ends.wait_for(|end| *end > after).await.map(drop).map_err(closed)
    }

    async fn outbox_due(&self, limit: usize) -> Result<Option<DateTime<Utc>>, BackendError> {
        let now = self.now();
        let mut log = self.log();
        let next = log.outbox.due(limit, now);
        self.tell_outbox(&log);
        Ok(next)
    }

    async fn outbox_trim(&self, upto: Position) -> Result<u64, BackendError> {
        Ok(self.log().outbox.trim(upto))
    }
}
