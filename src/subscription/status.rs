//! What is known of one part of a subscription in this process.

use std::error::Error;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use crate::consistency::{Activity, Part};
use crate::types::{LogId, Position};

pub(super) type Cause = Arc<dyn Error + Send + Sync>;

/// What a part is doing.
#[derive(Clone, Debug)]
pub(super) enum Phase {
    /// Somebody else holds the lease, or it is being asked for.
    Standby,
    /// It holds the lease.
    Working,
    /// An error has stopped it.
    Stopped(Cause),
    /// It was told to stop, and has.
    Ended,
}

/// What is known of one part of a subscription in this process.
#[derive(Debug)]
pub(super) struct Status {
    part: Part,
    known: Mutex<Known>,
}

#[derive(Debug)]
struct Known {
    phase: Phase,
    moved_at: Instant,
    /// What is being waited out.
    trouble: Option<Cause>,
}

impl Status {
    pub(super) fn new(part: Part) -> Self {
        let known = Known { phase: Phase::Standby, moved_at: Instant::now(), trouble: None };
        Self { part, known: Mutex::new(known) }
    }

    pub(super) fn enter(&self, phase: Phase) {
        self.part.is(match &phase {
            Phase::Standby => Activity::Elsewhere,
            Phase::Working => Activity::Running,
            Phase::Stopped(error) => Activity::Stopped(Arc::clone(error)),
            Phase::Ended => Activity::Ended,
        });
        let mut known = self.known();
        known.phase = phase;
        known.trouble = None;
    }

    /// All up to `at` is taken in.
    pub(super) fn reached(&self, log: LogId, at: Position) {
        let has_moved = self.part.reached(log, at);
        let mut known = self.known();
        if has_moved {
            known.moved_at = Instant::now();
        }
        known.trouble = None;
    }

    /// Something is in trouble, and is waited out.
    pub(super) fn meets(&self, trouble: Cause) {
        self.known().trouble = Some(trouble);
    }

    pub(super) fn phase(&self) -> Phase {
        self.known().phase.clone()
    }

    pub(super) fn moved_at(&self) -> Instant {
        self.known().moved_at
    }

    pub(super) fn trouble(&self) -> Option<Cause> {
        self.known().trouble.clone()
    }

    // Plain assignments only: whole whoever panicked.
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
