//! How far a consumer has come, and who waits for it.

use std::collections::{BTreeMap, HashMap};
use std::error::Error;
use std::fmt;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use crate::types::{LogId, Position};

tokio::task_local! {
    /// Whose batch this task is applying: it must not wait for itself.
    static APPLYING: Progress;
}

/// How far a consumer has come in each of its logs, and who waits for it. Clones share it.
///
/// A consumer that is shared out over several parts is as far as the last of them.
///
/// Waiters are kept in the order of the places that they wait for, so that a step of the consumer costs as much as it
/// wakes, and not as much as there are waiters (as `PostgreSQL` 19 keeps those of `WAIT FOR LSN`).
#[derive(Clone)]
pub struct Progress(Arc<Shared>);

struct Shared {
    parts: usize,
    board: Mutex<Board>,
}

#[derive(Default)]
struct Board {
    logs: HashMap<LogId, Frontier>,
    /// What each part is doing.
    parts: Vec<Activity>,
    is_paused: bool,
    tickets: u64,
}

/// One log.
struct Frontier {
    /// How far each part is.
    parts: Vec<Position>,
    /// How far the last of them is.
    at: Position,
    waiters: BTreeMap<(Position, u64), Waker>,
}

/// What is known of the consumer in this process.
#[derive(Clone, Debug, Default)]
pub(crate) enum Activity {
    /// It does not run here: another process may run it.
    #[default]
    Elsewhere,
    Running,
    /// An error has stopped it for good.
    Stopped(Arc<dyn Error + Send + Sync>),
    /// Somebody has paused it.
    Paused,
    /// It was told to stop.
    Ended,
}

/// One part of a consumer, which tells how far it is.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    progress: Progress,
    index: usize,
}

/// What a waiter finds.
pub(super) enum Sight {
    Reached(Position),
    /// It will not get there by itself.
    Over(Activity),
    Waiting,
}

/// Runs `work` as the consumer's own: it must not wait for its own progress.
pub(crate) async fn applying<T>(progress: &Progress, work: impl Future<Output = T>) -> T {
    APPLYING.scope(progress.clone(), work).await
}

impl Progress {
    /// That of a consumer of so many parts that has not begun.
    #[must_use]
    pub fn new(parts: usize) -> Self {
        let parts = parts.max(1);
        let board = Board { parts: vec![Activity::Elsewhere; parts], ..Board::default() };
        Self(Arc::new(Shared { parts, board: Mutex::new(board) }))
    }

    /// How far the consumer is known to be in a log.
    #[must_use]
    pub fn position(&self, log: LogId) -> Position {
        self.board().logs.get(&log).map_or(Position::START, |frontier| frontier.at)
    }

    /// How many wait.
    #[must_use]
    pub fn waiters(&self) -> usize {
        self.board().logs.values().map(|frontier| frontier.waiters.len()).sum()
    }

    /// For a consumer of one's own: its part with this number, counted from 0, has come to `at` in `log`. It never goes back.
    pub fn advance(&self, part: usize, log: LogId, at: Position) {
        self.part(part).reached(log, at);
    }

    pub(crate) fn part(&self, index: usize) -> Part {
        Part { progress: self.clone(), index }
    }

    /// Who has ended is about to begin again: from now on it is waited for.
    pub(crate) fn begin_again(&self) {
        for part in &mut self.board().parts {
            if matches!(part, Activity::Ended) {
                *part = Activity::Elsewhere;
            }
        }
    }

    /// Says whether the consumer is paused, wherever it runs. Whoever waits for one that is, is told at once.
    pub(crate) fn pause(&self, is_paused: bool) {
        let mut board = self.board();
        board.is_paused = is_paused;
        let woken = if is_paused { board.take_all() } else { Vec::new() };
        drop(board);
        woken.into_iter().for_each(Waker::wake);
    }

    /// Whether nothing is known here of an end or a pause.
    pub(crate) fn goes_on(&self) -> bool {
        let board = self.board();
        !board.is_paused && !board.parts.iter().any(Activity::is_over)
    }

    pub(crate) fn parts(&self) -> usize {
        self.0.parts
    }

    /// Whether this task is the consumer itself, at work.
    pub(super) fn is_applying_here(&self) -> bool {
        APPLYING.try_with(|other| Arc::ptr_eq(&self.0, &other.0)).unwrap_or(false)
    }

    /// Looks whether `place` in `log` is reached, and leaves a waker if it is not. The ticket tells waiters apart.
    pub(super) fn look(
        &self,
        log: LogId,
        place: Position,
        ticket: &mut Option<u64>,
        waker: &Waker,
    ) -> Sight {
        let parts = self.0.parts;
        let mut board = self.board();
        let board = &mut *board;
        let frontier = board.logs.entry(log).or_insert_with(|| Frontier::new(parts));
        if frontier.at >= place {
            if let Some(ticket) = ticket.take() {
                frontier.waiters.remove(&(place, ticket));
            }
            return Sight::Reached(frontier.at);
        }
        if let Some(over) = board.parts.iter().find(|part| part.is_over()) {
            return Sight::Over(over.clone());
        }
        if board.is_paused {
            return Sight::Over(Activity::Paused);
        }
        let ticket = *ticket.get_or_insert_with(|| {
            board.tickets += 1;
            board.tickets
        });
        frontier
            .waiters
            .entry((place, ticket))
            .and_modify(|known| known.clone_from(waker))
            .or_insert_with(|| waker.clone());
        Sight::Waiting
    }

    /// Whoever waited does not wait any more.
    pub(super) fn leave(&self, log: LogId, place: Position, ticket: u64) {
        if let Some(frontier) = self.board().logs.get_mut(&log) {
            frontier.waiters.remove(&(place, ticket));
        }
    }

    // What is behind the lock is changed by plain assignments only: it is whole whoever panicked.
    fn board(&self) -> MutexGuard<'_, Board> {
        self.0.board.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Frontier {
    fn new(parts: usize) -> Self {
        Self { parts: vec![Position::START; parts], at: Position::START, waiters: BTreeMap::new() }
    }
}

impl Board {
    /// All who wait.
    fn take_all(&mut self) -> Vec<Waker> {
        let logs = self.logs.values_mut();
        logs.flat_map(|frontier| mem::take(&mut frontier.waiters).into_values()).collect()
    }
}

impl Activity {
    const fn is_over(&self) -> bool {
        matches!(self, Self::Stopped(_) | Self::Paused | Self::Ended)
    }
}

impl Part {
    /// Says what this part is doing in this process. Whoever waits for one that is over is told at once.
    pub(crate) fn is(&self, activity: Activity) {
        let mut board = self.progress.board();
        let is_over = activity.is_over();
        if let Some(part) = board.parts.get_mut(self.index) {
            *part = activity;
        }
        let woken = if is_over { board.take_all() } else { Vec::new() };
        drop(board);
        woken.into_iter().for_each(Waker::wake);
    }

    /// The part has come to `at` in `log`. It never goes back. Whether that is further than it was.
    pub(crate) fn reached(&self, log: LogId, at: Position) -> bool {
        let parts = self.progress.0.parts;
        let mut board = self.progress.board();
        let frontier = board.logs.entry(log).or_insert_with(|| Frontier::new(parts));
        let Some(part) = frontier.parts.get_mut(self.index) else { return false };
        if at <= *part {
            return false;
        }
        *part = at;
        frontier.at = frontier.parts.iter().copied().min().unwrap_or(Position::START);
        // `u64::MAX` is no ticket: all who wait for a place up to here are before it.
        let rest = frontier.waiters.split_off(&(frontier.at, u64::MAX));
        let reached = mem::replace(&mut frontier.waiters, rest);
        drop(board);
        reached.into_values().for_each(Waker::wake);
        true
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let board = self.board();
        let at: BTreeMap<_, _> = board.logs.iter().map(|(log, f)| (log, f.at)).collect();
        f.debug_struct("Progress")
            .field("at", &at)
            .field("parts", &board.parts)
            .finish_non_exhaustive()
    }
}
