//! The handle, and the writing.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use chrono::{DateTime, SubsecRound, Utc};
use tokio::sync::watch;

use super::log::{Log, Write};
use crate::ports::{Clock, CommitError, Ids, Store, SystemClock, SystemIds, telemetry};
use crate::types::{Commit, Committed, Limits, LogId, PartKind, Position};

pub(super) const BACKEND: &str = "memory";
const KEPT: &[PartKind] = &[
    PartKind::Appends,
    PartKind::Checks,
    PartKind::Inbox,
    PartKind::Messages,
    PartKind::Rows,
    PartKind::Advance,
];

/// A store in memory. Clones share the log; with the last of them it is gone.
#[derive(Clone)]
pub struct MemoryStore(Arc<Shared>);

struct Shared {
    log: Mutex<Log>,
    head: watch::Sender<Position>,
    /// The end of the outbox.
    outbox: watch::Sender<Position>,
    identity: LogId,
    limits: Limits,
    clock: Box<dyn Clock>,
}

/// Says how a [`MemoryStore`] differs from the usual one.
#[derive(Debug)]
#[must_use = "a builder does nothing until it builds"]
pub struct MemoryStoreBuilder {
    limits: Limits,
    clock: Box<dyn Clock>,
    ids: Box<dyn Ids>,
}

impl MemoryStore {
    /// An empty log, with the usual limits and the machine's clock.
    #[must_use]
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// An empty log with other limits, another clock, or another source of ids.
    pub fn builder() -> MemoryStoreBuilder {
        MemoryStoreBuilder {
            limits: Limits::default(),
            clock: Box::new(SystemClock),
            ids: Box::new(SystemIds),
        }
    }

    // A panic under the lock is a bug of this module, and `Log` changes only after all checks: what is
    // behind a poisoned lock is still whole.
    pub(super) fn log(&self) -> MutexGuard<'_, Log> {
        self.0.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn heads(&self) -> watch::Receiver<Position> {
        self.0.head.subscribe()
    }

    pub(super) fn outbox_ends(&self) -> watch::Receiver<Position> {
        self.0.outbox.subscribe()
    }

    pub(super) fn now(&self) -> DateTime<Utc> {
        self.0.clock.now().trunc_subsecs(6)
    }

    /// Tells those who wait of what was put into the outbox. Called under the lock of the log, for the same reason as below.
    pub(super) fn tell_outbox(&self, log: &Log) {
        self.0.outbox.send_if_modified(|known| {
            let end = log.outbox.end();
            std::mem::replace(known, end) != end
        });
    }

    /// Writes a commit, and what must happen in the same moment.
    pub(super) fn write(
        &self,
        commit: Commit,
        and: impl FnOnce(&mut Log),
    ) -> Result<Committed, CommitError> {
        let parts = commit.into_parts(KEPT, &self.0.limits)?;
        let events = parts.appends.iter().map(|append| append.events.len()).sum();
        let sends = !parts.messages.is_empty();
        // All that can be done before the lock is taken: it is what the writers queue up for.
        let (write, now) = (Write::from(parts), self.now());
        let committed = {
            let mut log = self.log();
            let committed = log.write(write, self.0.identity, now)?;
            and(&mut log);
            // Under the lock: whoever subscribes and then looks at the head under the same lock either sees
            // this commit there or is counted here.
            if events > 0 && !committed.is_duplicate() && self.0.head.receiver_count() > 0 {
                self.0.head.send_replace(log.head());
            }
            if sends {
                self.tell_outbox(&log);
            }
            committed
        };
        if !committed.is_duplicate() {
            telemetry::batch(BACKEND, 1, events);
        }
        Ok(committed)
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore")
            .field("identity", &self.0.identity)
            .field("head", &self.log().head())
            .finish_non_exhaustive()
    }
}

impl MemoryStoreBuilder {
    /// Sets how large commits and pages may be.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets the clock that tells `recorded_at`.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Box::new(clock);
        self
    }

    /// Sets where the log's identity is drawn from.
    pub fn ids(mut self, ids: impl Ids) -> Self {
        self.ids = Box::new(ids);
        self
    }

    /// The store.
    #[must_use]
    pub fn build(self) -> MemoryStore {
        MemoryStore(Arc::new(Shared {
            log: Mutex::default(),
            head: watch::Sender::new(Position::START),
            outbox: watch::Sender::new(Position::START),
            identity: LogId::new(self.ids.draw()),
            limits: self.limits,
            clock: self.clock,
        }))
    }
}

#[async_trait]
impl Store for MemoryStore {
    fn identity(&self) -> LogId {
        self.0.identity
    }

    fn limits(&self) -> &Limits {
        &self.0.limits
    }

    fn is_ordered(&self) -> bool {
        true
    }

    async fn commit(&self, commit: Commit) -> Result<Committed, CommitError> {
        let answer = self.write(commit, |_| ());
        if let Err(CommitError::Conflict(_)) = &answer {
            telemetry::conflict(BACKEND);
        }
        answer
    }
}
