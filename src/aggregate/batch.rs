//! The commands of one stream that share a commit.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use futures::future::BoxFuture;
use tokio::sync::OnceCell;
use tokio::task::yield_now;
use uuid::Uuid;

use super::desk::Desk;
use super::lane::Lane;
use crate::ports::CommitError;
use crate::types::{
    Commit, Conflict, EventId, ExpectedVersion, Limits, NewEvent, StreamId, StreamVersion, Token,
};

/// What came of a batch, for all who are in it.
#[derive(Clone, Debug)]
pub(super) enum Outcome {
    /// All of it is durable, and this proves it.
    Committed(Token),
    /// It was decided on a state that was not the newest: the store said so, or the batch before it came to
    /// nothing. Decide again.
    Stale(Option<Conflict>),
    /// This event is recorded already: its command is a repetition, the others are innocent.
    Reused(EventId),
    /// The store would not have it.
    Failed(CommitError),
}

impl Outcome {
    pub(super) const fn is_committed(&self) -> bool {
        matches!(self, Self::Committed(_))
    }
}

/// Decisions that were made in turn, each on the state that the one before it leaves, and that become durable
/// in one commit.
///
/// It collects until it is driven. Whoever is in it drives it; if that one is dropped in the middle, the next
/// drives it from the start, which is safe, since the same commit happens once.
#[derive(Debug)]
pub(super) struct Batch {
    collected: Mutex<Collected>,
    /// The batch it was decided on top of, until that one is durable.
    before: Mutex<Option<Arc<Batch>>>,
    /// Whether the stream is so busy that waiting a moment brings company.
    gathers: bool,
    outcome: OnceCell<Outcome>,
}

#[derive(Debug)]
struct Collected {
    expected: ExpectedVersion,
    /// The version that is expected, in any case.
    version: StreamVersion,
    events: Vec<NewEvent>,
    bytes: usize,
    commands: Vec<Option<Uuid>>,
    closed: bool,
}

/// One command's part of a batch.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) command: Option<Uuid>,
    pub(super) events: Vec<NewEvent>,
}

impl Batch {
    pub(super) fn new(
        (version, expected): (StreamVersion, ExpectedVersion),
        before: Option<Arc<Self>>,
        gathers: bool,
        entry: Entry,
    ) -> Self {
        let bytes = bytes(&entry);
        let collected = Collected {
            expected,
            version,
            events: entry.events,
            bytes,
            commands: vec![entry.command],
            closed: false,
        };
        Self {
            collected: Mutex::new(collected),
            before: Mutex::new(before.filter(|batch| !batch.is_committed())),
            gathers,
            outcome: OnceCell::new(),
        }
    }

    /// Takes one more command in, or gives it back if the batch is full or under way.
    pub(super) fn add(
        &self,
        entry: Entry,
        commands_max: usize,
        limits: &Limits,
    ) -> Result<(), Entry> {
        let mut collected = self.collected();
        let more = bytes(&entry);
        if collected.closed
            || collected.commands.len() >= commands_max
            || collected.events.len() + entry.events.len() > limits.events_per_commit_max
            || collected.bytes + more > limits.bytes_per_commit_max
        {
            return Err(entry);
        }
        collected.bytes += more;
        collected.commands.push(entry.command);
        collected.events.extend(entry.events);
        Ok(())
    }

    /// Whether `command` is in this batch, or in one that it waits for.
    pub(super) fn holds(&self, command: Uuid) -> bool {
        self.collected().commands.contains(&Some(command))
            || self.before().as_ref().is_some_and(|before| before.holds(command))
    }

    /// Whether more than one command is in it.
    pub(super) fn is_shared(&self) -> bool {
        self.collected().commands.len() > 1
    }

    pub(super) fn is_committed(&self) -> bool {
        self.outcome.get().is_some_and(Outcome::is_committed)
    }

    /// Sees to it that the batch is committed, and says what came of it. Many may call it; one works.
    ///
    /// # Cancel safety
    /// If the one who works is dropped, the next begins anew with the same commit.
    pub(super) async fn drive<A: Send + Sync + 'static>(
        self: &Arc<Self>,
        lane: &Lane<A>,
        desk: &Desk,
    ) -> Outcome {
        self.outcome.get_or_init(|| self.work(lane, desk)).await.clone()
    }

    /// Boxed, since a batch works on the one before it, and since most who drive it only wait.
    fn work<'a, A: Send + Sync + 'static>(
        self: &'a Arc<Self>,
        lane: &'a Lane<A>,
        desk: &'a Desk,
    ) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            let before = self.before().clone();
            let ready = match before {
                Some(before) => before.drive(lane, desk).await.is_committed(),
                None => true,
            };
            if self.gathers {
                self.gather().await;
            }
            let outcome =
                if ready { self.commit(lane.stream(), desk).await } else { Outcome::Stale(None) };
            *self.before() = None;
            lane.settle(self, &outcome);
            outcome
        })
    }

    /// Gives those who were in the batch before, and were answered a moment ago, the chance to come again
    /// before this one closes, for as long as somebody comes.
    async fn gather(&self) {
        let mut before = 0;
        let mut is_last_look = false;
        loop {
            let now = self.collected().commands.len();
            if now > before {
                is_last_look = false;
            } else if is_last_look {
                return;
            } else {
                is_last_look = true;
                // They may all be in the queue of the thread that was about to wake them when this one took its
                // processor: without it they never come in time, and this batch goes alone while they wait for it.
                thread::yield_now();
            }
            before = now;
            yield_now().await;
        }
    }

    async fn commit(&self, stream: &StreamId, desk: &Desk) -> Outcome {
        let after = {
            let mut collected = self.collected();
            collected.closed = true;
            collected.version.plus(collected.events.len() as u64)
        };
        // It is the same each time, since nobody is let in any more.
        let commit = || {
            let collected = self.collected();
            Commit::new().append(stream, collected.expected, collected.events.iter().cloned())
        };
        match desk.commit(commit).await {
            // A duplicate just where this batch belongs is our own, after a lost reply. Anywhere else it is a
            // repetition of commands from before, and was decided on their own effects.
            Ok(done) if !done.is_duplicate() || done.version_of(stream) == Some(after) => {
                Outcome::Committed(done.token())
            }
            Ok(_) => match self.collected().events.first() {
                Some(event) => Outcome::Reused(event.id()),
                None => Outcome::Stale(None),
            },
            Err(CommitError::Conflict(conflict)) => match conflict.expected() {
                ExpectedVersion::After(_) => Outcome::Stale(None),
                _ => Outcome::Stale(Some(conflict)),
            },
            Err(CommitError::IdReused(id)) => Outcome::Reused(id),
            Err(error) => Outcome::Failed(error),
        }
    }

    // Nothing panics under these locks, and what they guard is whole between any two statements.
    fn collected(&self) -> MutexGuard<'_, Collected> {
        self.collected.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn before(&self) -> MutexGuard<'_, Option<Arc<Self>>> {
        self.before.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn bytes(entry: &Entry) -> usize {
    entry.events.iter().map(|event| event.data().len()).sum()
}
