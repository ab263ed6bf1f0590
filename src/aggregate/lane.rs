//! Where the commands of one process on one stream queue up.

use std::collections::HashMap;
use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::OwnedMutexGuard;
use tokio::task::yield_now;

use super::Loaded;
use super::batch::{Batch, Entry, Outcome};
use crate::types::{EventId, ExpectedVersion, Limits, StreamId};

/// How often somebody looks whether the turn is free before queueing up for it.
const LOOKS_BEFORE_QUEUEING: usize = 4;

/// The right to decide on a stream: for whoever finds it free, and then in the order of asking. Not a lock on
/// data: it orders the tasks.
pub(super) type Turn = OwnedMutexGuard<()>;

/// One stream with work under way. It lives as long as somebody works on the stream.
pub(super) struct Lane<A> {
    stream: StreamId,
    turn: Arc<tokio::sync::Mutex<()>>,
    pending: Mutex<Pending<A>>,
}

struct Pending<A> {
    /// The state after all that was decided, durable or not.
    known: Option<Loaded<A>>,
    /// The newest batch; the others hang on it.
    tail: Option<Arc<Batch>>,
    /// Counts how often `known` was set anew, so that a decision can tell that its ground has given way.
    generation: u64,
    /// Set while the state is one that was published before it was durable: the event that made it.
    unproved: Option<EventId>,
    /// Whether the state was found wrong, so that a cached one is not to be trusted either.
    suspect: bool,
    /// Whether the last batch had more than one command in it.
    busy: bool,
}

/// What a decision is made on.
pub(super) struct Ground<A> {
    pub(super) loaded: Loaded<A>,
    /// What proves, at the commit, that the state was the newest.
    pub(super) expected: ExpectedVersion,
    /// What must become durable before the state is true.
    pub(super) tail: Option<Arc<Batch>>,
    generation: u64,
}

impl<A> Pending<A> {
    fn set(&mut self, known: Option<Loaded<A>>) {
        self.known = known;
        self.tail = None;
        self.unproved = None;
        self.suspect = false;
        self.generation += 1;
    }
}

impl<A> Lane<A> {
    fn new(stream: StreamId) -> Self {
        let pending = Pending {
            known: None,
            tail: None,
            generation: 0,
            unproved: None,
            suspect: false,
            busy: false,
        };
        Self { stream, turn: Arc::default(), pending: Mutex::new(pending) }
    }

    pub(super) const fn stream(&self) -> &StreamId {
        &self.stream
    }

    /// Waits for the right to decide.
    ///
    /// # Cancel safety
    /// Dropping the future gives the place in the queue away.
    pub(super) async fn turn(&self) -> Turn {
        // A decision is short: looking in again is mostly faster than queueing up and being woken.
        for _ in 0..LOOKS_BEFORE_QUEUEING {
            if let Ok(turn) = Arc::clone(&self.turn).try_lock_owned() {
                return turn;
            }
            yield_now().await;
        }
        Arc::clone(&self.turn).lock_owned().await
    }

    /// What to decide on, if it is known.
    pub(super) fn ground(&self) -> Option<Ground<A>> {
        let pending = self.pending();
        let loaded = pending.known.clone()?;
        let tail = pending.tail.clone().filter(|batch| !batch.is_committed());
        let expected = match pending.unproved {
            Some(event) => ExpectedVersion::After(event),
            None => loaded.version().into(),
        };
        Some(Ground { loaded, expected, tail, generation: pending.generation })
    }

    /// Says what the state is, with nothing pending. For whoever has the turn.
    pub(super) fn know(&self, loaded: Loaded<A>) -> Ground<A> {
        let mut pending = self.pending();
        pending.set(Some(loaded.clone()));
        let expected = loaded.version().into();
        Ground { loaded, expected, tail: None, generation: pending.generation }
    }

    /// Says what the state is going to be, before it is durable. For whoever has the turn.
    pub(super) fn publish(&self, loaded: Loaded<A>) {
        let mut pending = self.pending();
        let newest = loaded.newest();
        pending.set(Some(loaded));
        pending.unproved = newest;
    }

    /// The state that `event` made, once published, is durable.
    pub(super) fn confirm(&self, event: Option<EventId>) {
        let mut pending = self.pending();
        if pending.unproved == event {
            pending.unproved = None;
        }
    }

    /// Forgets the state: it was not the newest.
    pub(super) fn forget(&self) {
        let mut pending = self.pending();
        pending.set(None);
        pending.suspect = true;
    }

    /// Forgets the state that `event` made; others may know better by now.
    pub(super) fn forget_made_by(&self, event: Option<EventId>) {
        let mut pending = self.pending();
        if pending.known.as_ref().is_some_and(|known| known.newest() == event) {
            pending.set(None);
            pending.suspect = true;
        }
    }

    /// Whether the state was found wrong and not read since.
    pub(super) fn is_suspect(&self) -> bool {
        self.pending().suspect
    }

    /// Adds a decision that was made on `ground` and leads to `after`; `None` if the ground has given way.
    pub(super) fn join(
        &self,
        ground: &Ground<A>,
        after: Loaded<A>,
        entry: Entry,
        commands_max: usize,
        limits: &Limits,
    ) -> Option<Arc<Batch>> {
        let mut pending = self.pending();
        if pending.generation != ground.generation {
            return None;
        }
        let expected = (ground.loaded.version(), ground.expected);
        let batch = match pending.tail.take() {
            None => Arc::new(Batch::new(expected, None, pending.busy, entry)),
            Some(tail) => match tail.add(entry, commands_max, limits) {
                Ok(()) => tail,
                Err(entry) => Arc::new(Batch::new(expected, Some(tail), true, entry)),
            },
        };
        pending.tail = Some(Arc::clone(&batch));
        pending.known = Some(after);
        // The first batch proves it for all that hang on it.
        pending.unproved = None;
        Some(batch)
    }

    /// Draws the consequences of what came of `batch`. Called once a batch, before anybody hears of it.
    pub(super) fn settle(&self, batch: &Arc<Batch>, outcome: &Outcome) {
        if !outcome.is_committed() {
            self.forget();
            return;
        }
        let mut pending = self.pending();
        pending.busy = batch.is_shared();
        if pending.tail.as_ref().is_some_and(|tail| Arc::ptr_eq(tail, batch)) {
            pending.tail = None;
        }
    }

    // Nothing panics under this lock.
    fn pending(&self) -> MutexGuard<'_, Pending<A>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<A> fmt::Debug for Lane<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Lane").field(&self.stream).finish()
    }
}

/// All streams with work under way.
pub(super) struct Lanes<A>(Arc<Mutex<HashMap<StreamId, Arc<Lane<A>>>>>);

/// A place in a lane. With the last of them the lane is gone.
pub(super) struct Place<A> {
    lanes: Lanes<A>,
    lane: Arc<Lane<A>>,
}

impl<A> Lanes<A> {
    pub(super) fn new() -> Self {
        Self(Arc::default())
    }

    pub(super) fn enter(&self, stream: &StreamId) -> Place<A> {
        let mut lanes = self.lock();
        let lane = lanes.entry(stream.clone());
        let lane = lane.or_insert_with_key(|stream| Arc::new(Lane::new(stream.clone())));
        Place { lanes: Self(Arc::clone(&self.0)), lane: Arc::clone(lane) }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<StreamId, Arc<Lane<A>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<A> Deref for Place<A> {
    type Target = Lane<A>;

    fn deref(&self) -> &Lane<A> {
        &self.lane
    }
}

impl<A> Drop for Place<A> {
    fn drop(&mut self) {
        let mut lanes = self.lanes.lock();
        // One is the map's, one is ours; others come and go only under this lock.
        if Arc::strong_count(&self.lane) == 2 {
            lanes.remove(self.lane.stream());
        }
    }
}
